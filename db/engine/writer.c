#include "db/engine/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "db/engine/migration.h"
#include "db/engine/outbox.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"

struct writer {
    struct writer_options options;
    pthread_t thread;

    /* The thread's alone: */
    struct connection *connection; /* NULL: to be opened */
    bool was_opened;               /* at least once */
    struct transaction transaction;

    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t filled;
    struct database_job *first; /* of those that wait */
    struct database_job *last;
    bool is_stopping;
    int64_t outbox_retention_ms;
    int64_t outbox_max_rows;
    uint64_t commits;
    uint64_t operations;
};

/* ---- its connection ------------------------------------------------------------------------ */

static void close_connection(struct writer *writer)
{
    /* What was committed through this connection is made durable while it is open. */
    durability_drain(writer->options.durability);
    if (writer->connection != NULL)
        writer->connection->driver->close(writer->connection);
    writer->connection = NULL;
}

static bool migrate(struct writer *writer, struct connection *connection, struct error *error)
{
    if (!connection->driver->lock(connection, error))
        return false;
    bool succeeded = migration_run(connection, writer->options.services, error);
    connection->driver->unlock(connection);
    return succeeded;
}

static bool open_connection(struct writer *writer, struct error *error)
{
    struct store *store = writer->options.store;
    /* A database that was there and is gone comes back (a disk not mounted, say): going on with an
     * empty one would be worse than to wait. */
    bool may_create = !writer->was_opened;
    struct connection *connection = store->driver->open(store, CONNECTION_WRITE, may_create, error);

    if (connection == NULL)
        return false;
    if (!migrate(writer, connection, error)) {
        connection->driver->close(connection);
        return false;
    }
    writer->connection = connection;
    writer->was_opened = true;
    log_info(writer->options.services->log, "database opened",
             LOG_TEXT("path", writer->options.path), LOG_TEXT("journal", connection->journal));
    readers_renew(writer->options.readers);
    return true;
}

/* Opens the database, or opens it anew when the connection broke or another one took its place. */
static bool ensure_connection(struct writer *writer, struct error *error)
{
    const struct connection *connection = writer->connection;

    if (connection != NULL) {
        if (!connection->is_broken && connection->driver->is_current(connection))
            return true;
        close_connection(writer);
    }
    return open_connection(writer, error);
}

/* ---- a transaction ------------------------------------------------------------------------- */

/* Whether the operation has succeeded, and so has all that it ran. */
static bool run_operation(struct transaction *transaction, struct database_job *job)
{
    struct connection *connection = transaction->connection;
    const struct services *services = transaction->services;

    error_clear(&job->error);
    bool succeeded = job->operation.run(transaction, job->operation.argument, &job->error);
    ASSERT(!succeeded || !connection->has_failed);
    ASSERT(connection->begun_statements == 0);
    ASSERT(transaction->services == services);
    /* The release, too, may be what tells that the operation has failed (db/engine/driver.h). */
    return succeeded && connection_run(connection, SQL_SAVEPOINT_RELEASE, &job->error);
}

/* False when the transaction is lost, with *error; else the job has its result. */
static bool run_job(struct transaction *transaction, struct database_job *job, struct error *error)
{
    struct connection *connection = transaction->connection;
    const struct event_batch_mark mark = event_batch_mark(&transaction->events);
    const int64_t next_seq = transaction->next_seq;

    /* A savepoint each: an operation that fails, as many do whose conversation is not found, undoes
     * what it did, and nobody else's. */
    if (!connection_run(connection, SQL_SAVEPOINT, error))
        return false;
    job->succeeded = run_operation(transaction, job);
    if (job->succeeded)
        return true;
    event_batch_cut_back(&transaction->events, mark);
    transaction->next_seq = next_seq;
    /* Some failures, such as a full disk, take the whole transaction with them. */
    if (!connection->driver->is_in_transaction(connection)) {
        *error = job->error;
        return false;
    }
    return connection_run(connection, SQL_SAVEPOINT_ROLLBACK, error) &&
           connection_run(connection, SQL_SAVEPOINT_RELEASE, error);
}

static bool begin_transaction(struct writer *writer, struct error *error)
{
    struct transaction *transaction = &writer->transaction;

    transaction->connection = writer->connection;
    /* One time for all: what is committed together happened at once, and a clock that jumps does so
     * between transactions. */
    transaction->now_ms = clock_wall_ms(writer->options.services->clock);
    transaction->is_open = true;
    return connection_run(transaction->connection, SQL_BEGIN_WRITE, error) &&
           outbox_begin(transaction, error);
}

/* One transaction over all jobs: true after the commit. */
static bool run_transaction(struct writer *writer, struct database_job *jobs, struct error *error)
{
    struct transaction *transaction = &writer->transaction;

    bool succeeded = begin_transaction(writer, error);
    for (struct database_job *job = jobs; succeeded && job != NULL; job = job->next)
        succeeded = run_job(transaction, job, error);
    transaction->is_open = false;
    if (succeeded && connection_run(transaction->connection, SQL_COMMIT, error))
        return true;
    connection_roll_back(transaction->connection);
    return false;
}

static bool run_jobs(struct writer *writer, struct database_job *jobs, struct error *error)
{
    if (!ensure_connection(writer, error))
        return false;
    struct connection *connection = writer->connection;
    if (!connection->driver->lock(connection, error))
        return false;
    bool succeeded = run_transaction(writer, jobs, error);
    connection->driver->unlock(connection);
    return succeeded;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Takes up to DATABASE_BATCH_OPERATIONS jobs, waiting for the first, and the limits of the outbox
 * that hold for them; NULL when there is nothing left to do for ever. */
static struct database_job *take_jobs(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    while (writer->first == NULL && !writer->is_stopping)
        pthread_cond_wait(&writer->filled, &writer->lock);
    struct database_job *jobs = writer->first;
    struct database_job *last = jobs;
    for (int taken = 1; last != NULL && last->next != NULL && taken < DATABASE_BATCH_OPERATIONS;
         taken++)
        last = last->next;
    if (last != NULL) {
        writer->first = last->next;
        last->next = NULL;
    }
    writer->transaction.outbox_retention_ms = writer->outbox_retention_ms;
    writer->transaction.outbox_max_rows = writer->outbox_max_rows;
    pthread_mutex_unlock(&writer->lock);
    return jobs;
}

static void count_jobs(struct writer *writer, const struct commit_batch *batch)
{
    uint64_t count = 0;

    for (const struct database_job *job = batch->jobs; job != NULL; job = job->next)
        count++;
    pthread_mutex_lock(&writer->lock);
    writer->operations += count;
    writer->commits += batch->committed ? 1 : 0;
    pthread_mutex_unlock(&writer->lock);
}

/* Runs the batch's jobs and hands it over to be made durable. The transaction's buffers are the
 * batch's meanwhile. */
static void run_batch(struct writer *writer, struct commit_batch *batch)
{
    writer->transaction.events = batch->events;
    batch->committed = run_jobs(writer, batch->jobs, &batch->error);
    batch->events = writer->transaction.events;
    count_jobs(writer, batch);
    /* From here on the next batch is run while this one gets to the disk. */
    durability_submit(writer->options.durability, batch);
}

static void *writer_main(void *argument)
{
    struct writer *writer = argument;
    struct durability *durability = writer->options.durability;
    struct commit_batch *batch;

    while ((batch = durability_take(durability)), (batch->jobs = take_jobs(writer)) != NULL)
        run_batch(writer, batch);
    durability_give_back(durability, batch);
    close_connection(writer);
    return NULL;
}

/* ---- for other threads --------------------------------------------------------------------- */

/* Puts a job behind the others; under the lock. */
static void enqueue_job(struct writer *writer, struct database_job *job)
{
    job->next = NULL;
    if (writer->first == NULL)
        writer->first = job;
    else
        writer->last->next = job;
    writer->last = job;
}

void writer_submit(struct writer *writer, struct database_job *const *jobs, size_t count)
{
    pthread_mutex_lock(&writer->lock);
    for (size_t i = 0; i < count; i++)
        enqueue_job(writer, jobs[i]);
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->lock);
}

void writer_limit_outbox(struct writer *writer, int64_t retention_ms, int64_t max_rows)
{
    pthread_mutex_lock(&writer->lock);
    writer->outbox_retention_ms = retention_ms;
    writer->outbox_max_rows = max_rows;
    pthread_mutex_unlock(&writer->lock);
}

bool writer_is_this_thread(const struct writer *writer)
{
    return pthread_equal(pthread_self(), writer->thread) != 0;
}

void writer_count(struct writer *writer, uint64_t *commits, uint64_t *operations)
{
    pthread_mutex_lock(&writer->lock);
    *commits = writer->commits;
    *operations = writer->operations;
    pthread_mutex_unlock(&writer->lock);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void free_memory(struct writer *writer)
{
    pthread_cond_destroy(&writer->filled);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

struct writer *writer_create(const struct writer_options *options, struct error *error)
{
    struct writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    writer->options = *options;
    writer->transaction.services = options->services;
    writer->outbox_retention_ms = options->outbox_retention_ms;
    writer->outbox_max_rows = options->outbox_max_rows;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->filled, NULL);
    int failure = pthread_create(&writer->thread, NULL, writer_main, writer);
    if (failure != 0) {
        error_unavailable(error, "no thread for the database: %s", strerror(failure));
        free_memory(writer);
        return NULL;
    }
    return writer;
}

void writer_free(struct writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->is_stopping = true;
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    free_memory(writer);
}
