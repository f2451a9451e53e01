#include "db/engine/database.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "db/engine/driver.h"
#include "db/engine/durability.h"
#include "db/engine/outbox.h"
#include "db/engine/schema.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"

/* Belongs to the writer thread alone. */
struct writer {
    struct connection *connection; /* NULL: to be opened */
    struct transaction transaction;
};

struct reader {
    struct connection *connection;
    uint64_t generation; /* of the database, see struct database */
    struct reader *next;
};

struct database {
    struct database_options options;
    const struct services *services;
    struct store *store;
    char *path; /* for the log */

    pthread_mutex_t lock; /* over all that follows, but `writer` */
    pthread_cond_t queue_filled;
    struct database_job *first_job;
    struct database_job *last_job;
    bool stopping;

    pthread_cond_t reader_returned;
    struct reader *idle_readers;
    int64_t open_readers;
    uint64_t generation; /* grows when the writer opens it anew; 0: not opened yet */

    struct database_statistics statistics;
    bool is_failing;
    struct log_limit failing, recovering; /* lines of the log */

    pthread_t writer_thread;
    struct writer writer;
    struct durability *durability;
};

/* ---- telling the operator ------------------------------------------------------------------ */

static void report_failure(struct database *database, const struct error *error)
{
    pthread_mutex_lock(&database->lock);
    database->is_failing = true;
    database->statistics.failures++;
    pthread_mutex_unlock(&database->lock);
    log_limited(database->services->log, &database->failing, LOG_LEVEL_ERROR,
                "the database cannot be used", LOG_TEXT("path", database->path),
                LOG_TEXT("reason", error->detail));
}

static void report_success(struct database *database)
{
    pthread_mutex_lock(&database->lock);
    bool was_failing = database->is_failing;
    database->is_failing = false;
    pthread_mutex_unlock(&database->lock);
    /* With a full disk what reads succeeds while what writes fails. */
    if (was_failing)
        log_limited(database->services->log, &database->recovering, LOG_LEVEL_INFO,
                    "the database can be used again", LOG_TEXT("path", database->path));
}

/* ---- the writer's connection --------------------------------------------------------------- */

static void close_writer(struct database *database)
{
    struct connection *connection = database->writer.connection;

    durability_drain(database->durability);
    if (connection != NULL)
        connection->driver->close(connection);
    database->writer.connection = NULL;
}

static bool migrate_locked(struct database *database, struct connection *connection,
                           struct error *error)
{
    if (!connection->driver->lock(connection, error))
        return false;
    bool succeeded = schema_migrate(connection, database->services, error);
    connection->driver->unlock(connection);
    return succeeded;
}

static bool open_writer(struct database *database, struct error *error)
{
    struct store *store = database->store;
    /* A database that was there and is gone comes back (a disk not mounted, say): going on with an
     * empty one would be worse than to wait. */
    bool may_create = database->generation == 0;
    struct connection *connection = store->driver->open(store, CONNECTION_WRITE, may_create, error);

    if (connection == NULL)
        return false;
    if (!migrate_locked(database, connection, error)) {
        connection->driver->close(connection);
        return false;
    }
    database->writer.connection = connection;
    log_info(database->services->log, "database opened", LOG_TEXT("path", database->path),
             LOG_TEXT("journal", connection->journal));
    pthread_mutex_lock(&database->lock);
    database->generation++;
    pthread_mutex_unlock(&database->lock);
    return true;
}

/* Opens the database, or opens it anew when the connection broke or another one took its place. */
static bool ensure_writer(struct database *database, struct error *error)
{
    const struct connection *connection = database->writer.connection;

    if (connection != NULL) {
        if (!connection->is_broken && connection->driver->is_current(connection))
            return true;
        close_writer(database);
    }
    return open_writer(database, error);
}

/* ---- group commit -------------------------------------------------------------------------- */

/* False when the transaction is lost, with *error; else the job has its result. */
static bool run_job(struct transaction *transaction, struct database_job *job, struct error *error)
{
    struct connection *connection = transaction->connection;
    const struct event_batch_mark mark = event_batch_mark(&transaction->events);
    const int64_t next_seq = transaction->next_seq;
    const struct services *services = transaction->services;

    if (!connection_run(connection, SQL_SAVEPOINT, error))
        return false;
    error_clear(&job->error);
    job->succeeded = job->operation.run(transaction, job->operation.argument, &job->error);
    ASSERT(!job->succeeded || !connection->has_failed);
    ASSERT(connection->begun_statements == 0);
    ASSERT(transaction->services == services);
    /* The release, too, may be what tells that the operation has failed (db/engine/driver.h). */
    job->succeeded =
        job->succeeded && connection_run(connection, SQL_SAVEPOINT_RELEASE, &job->error);
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

static bool begin(struct database *database, struct error *error)
{
    struct transaction *transaction = &database->writer.transaction;

    transaction->connection = database->writer.connection;
    transaction->now_ms = clock_wall_ms(database->services->clock);
    transaction->is_open = true;
    return connection_run(transaction->connection, SQL_BEGIN_WRITE, error) &&
           outbox_begin(transaction, error);
}

/* One transaction over all jobs: true after the commit. */
static bool run_transaction(struct database *database, struct database_job *jobs,
                            struct error *error)
{
    struct transaction *transaction = &database->writer.transaction;

    bool succeeded = begin(database, error);
    for (struct database_job *job = jobs; succeeded && job != NULL; job = job->next)
        succeeded = run_job(transaction, job, error);
    transaction->is_open = false;
    if (succeeded && connection_run(transaction->connection, SQL_COMMIT, error))
        return true;
    connection_roll_back(transaction->connection);
    return false;
}

static bool run_locked(struct database *database, struct database_job *jobs, struct error *error)
{
    if (!ensure_writer(database, error))
        return false;
    struct connection *connection = database->writer.connection;
    if (!connection->driver->lock(connection, error))
        return false;
    bool succeeded = run_transaction(database, jobs, error);
    connection->driver->unlock(connection);
    return succeeded;
}

static void count_jobs(struct database *database, const struct commit_batch *batch)
{
    uint64_t count = 0;

    for (const struct database_job *job = batch->jobs; job != NULL; job = job->next)
        count++;
    pthread_mutex_lock(&database->lock);
    database->statistics.operations += count;
    database->statistics.commits += batch->committed ? 1 : 0;
    pthread_mutex_unlock(&database->lock);
}

/* Runs the batch's jobs and hands it over to be made durable. The transaction's buffers are the
 * batch's meanwhile. */
static void run_batch(struct database *database, struct commit_batch *batch)
{
    struct transaction *transaction = &database->writer.transaction;

    transaction->events = batch->events;
    batch->committed = run_locked(database, batch->jobs, &batch->error);
    batch->events = transaction->events;
    count_jobs(database, batch);
    durability_submit(database->durability, batch);
}

/* Takes up to DATABASE_BATCH_OPERATIONS jobs, waiting for the first, and the limits of the outbox
 * that hold for them; NULL when there is nothing left to do for ever. */
static struct database_job *take_jobs(struct database *database)
{
    struct database_job *jobs;

    pthread_mutex_lock(&database->lock);
    while (database->first_job == NULL && !database->stopping)
        pthread_cond_wait(&database->queue_filled, &database->lock);
    jobs = database->first_job;
    struct database_job *last = jobs;
    for (int taken = 1; last != NULL && last->next != NULL && taken < DATABASE_BATCH_OPERATIONS;
         taken++)
        last = last->next;
    if (last != NULL) {
        database->first_job = last->next;
        last->next = NULL;
    }
    database->writer.transaction.outbox_retention_ms = database->options.outbox_retention_ms;
    database->writer.transaction.outbox_max_rows = database->options.outbox_max_rows;
    pthread_mutex_unlock(&database->lock);
    return jobs;
}

static void *writer_main(void *argument)
{
    struct database *database = argument;
    struct commit_batch *batch;

    while ((batch = durability_take(database->durability)),
           (batch->jobs = take_jobs(database)) != NULL)
        run_batch(database, batch);
    durability_give_back(database->durability, batch);
    close_writer(database);
    return NULL;
}

/* ---- completion, on the thread of db/engine/durability.h
 * ------------------------------------------ */

static void publish(struct database *database, const struct commit_batch *batch)
{
    struct event event;

    if (database->options.committed == NULL)
        return;
    for (size_t i = 0; i < event_batch_count(&batch->events); i++) {
        event_batch_at(&batch->events, i, &event);
        database->options.committed(database->options.committed_context, &event);
    }
}

/* Gives every job its result; a lost transaction fails all of them, also those that had run. */
static void complete_jobs(const struct commit_batch *batch)
{
    for (struct database_job *job = batch->jobs; job != NULL;) {
        struct database_job *next = job->next; /* the job is gone once it is completed */
        if (!batch->committed) {
            job->succeeded = false;
            job->error = batch->error;
        }
        job->completed(job);
        job = next;
    }
}

static void complete_batch(void *context, struct commit_batch *batch)
{
    struct database *database = context;

    if (batch->committed) {
        report_success(database);
        publish(database, batch);
    } else {
        report_failure(database, &batch->error);
    }
    complete_jobs(batch);
}

/* ---- submitting ---------------------------------------------------------------------------- */

/* Puts a job behind the others; under the lock. */
static void enqueue(struct database *database, struct database_job *job)
{
    job->next = NULL;
    if (database->first_job == NULL)
        database->first_job = job;
    else
        database->last_job->next = job;
    database->last_job = job;
}

void database_submit_all(struct database *database, struct database_job *const *jobs, size_t count)
{
    pthread_mutex_lock(&database->lock);
    for (size_t i = 0; i < count; i++)
        enqueue(database, jobs[i]);
    pthread_cond_signal(&database->queue_filled);
    pthread_mutex_unlock(&database->lock);
}

void database_submit(struct database *database, struct database_job *job)
{
    database_submit_all(database, &job, 1);
}

static void wake_waiter(struct database_job *job)
{
    sem_post(job->context);
}

bool database_write(struct database *database, struct database_operation operation,
                    struct error *error)
{
    sem_t done;
    struct database_job job = {.operation = operation, .completed = wake_waiter, .context = &done};

    sem_init(&done, 0, 0);
    database_submit(database, &job);
    while (sem_wait(&done) != 0)
        continue; /* EINTR */
    sem_destroy(&done);
    if (!job.succeeded)
        *error = job.error;
    return job.succeeded;
}

static bool no_operation(struct transaction *transaction, void *argument, struct error *error)
{
    (void)transaction;
    (void)argument;
    (void)error;
    return true;
}

bool database_prepare(struct database *database, struct error *error)
{
    return database_write(database, (struct database_operation){.run = no_operation}, error);
}

/* ---- reading ------------------------------------------------------------------------------- */

static void close_reader(struct reader *reader)
{
    reader->connection->driver->close(reader->connection);
    free(reader);
}

/* Takes an idle reader of the present file, or leave to open one (*reader NULL). False while the
 * file has not been opened yet. */
static bool take_reader(struct database *database, struct reader **reader, uint64_t *generation)
{
    struct reader *outdated = NULL;

    pthread_mutex_lock(&database->lock);
    while (database->generation > 0 && database->idle_readers == NULL &&
           database->open_readers >= database->options.readers)
        pthread_cond_wait(&database->reader_returned, &database->lock);
    *generation = database->generation;
    *reader = database->idle_readers;
    if (*generation > 0 && *reader == NULL)
        database->open_readers++;
    if (*reader != NULL) {
        database->idle_readers = (*reader)->next;
        if ((*reader)->generation != *generation) {
            outdated = *reader;
            *reader = NULL;
        }
    }
    pthread_mutex_unlock(&database->lock);
    if (outdated != NULL)
        close_reader(outdated);
    return *generation > 0;
}

static struct reader *open_reader(struct database *database, uint64_t generation,
                                  struct error *error)
{
    struct store *store = database->store;
    struct reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    reader->generation = generation;
    reader->connection = store->driver->open(store, CONNECTION_READ, false, error);
    if (reader->connection == NULL) {
        free(reader);
        return NULL;
    }
    return reader;
}

/* Gives back a reader, or (NULL) the leave to have one. */
static void return_reader(struct database *database, struct reader *reader)
{
    bool is_usable = reader != NULL && !reader->connection->is_broken;

    pthread_mutex_lock(&database->lock);
    if (is_usable) {
        reader->next = database->idle_readers;
        database->idle_readers = reader;
    } else {
        database->open_readers--;
    }
    pthread_cond_signal(&database->reader_returned);
    pthread_mutex_unlock(&database->lock);
    if (reader != NULL && !is_usable)
        close_reader(reader);
}

static bool run_query(struct connection *connection, struct database_query query,
                      struct error *error)
{
    if (!connection_run(connection, SQL_BEGIN_READ, error))
        return false;
    bool succeeded = query.run(connection, query.argument, error);
    ASSERT(!succeeded || !connection->has_failed);
    ASSERT(connection->begun_statements == 0);
    if (succeeded)
        return connection_run(connection, SQL_COMMIT, error);
    connection_roll_back(connection);
    return false;
}

static bool sync(struct store *store, struct error *error)
{
    return store->driver->sync(store, error);
}

/* While the database is opened anew, which only a writer does, nothing can be synced. */
static bool sync_for_reader(struct database *database, struct error *error)
{
    struct error first;

    error_clear(&first);
    return sync(database->store, &first) ||
           (database_prepare(database, error) && sync(database->store, error));
}

static bool read_once(struct database *database, struct database_query query, struct error *error)
{
    struct reader *reader;
    uint64_t generation;

    if (!take_reader(database, &reader, &generation) &&
        (!database_prepare(database, error) || !take_reader(database, &reader, &generation)))
        return false;
    if (reader == NULL)
        reader = open_reader(database, generation, error);
    bool succeeded = reader != NULL && run_query(reader->connection, query, error);
    if (reader != NULL && connection_takes_sync(reader->connection) && succeeded)
        succeeded = sync_for_reader(database, error);
    return_reader(database, reader);
    return succeeded;
}

bool database_read(struct database *database, struct database_query query, struct error *error)
{
    bool succeeded = read_once(database, query, error);

    if (!succeeded && error->kind == ERROR_UNAVAILABLE)
        report_failure(database, error);
    return succeeded;
}

void database_limit_outbox(struct database *database, int64_t retention_ms, int64_t max_rows)
{
    pthread_mutex_lock(&database->lock);
    database->options.outbox_retention_ms = retention_ms;
    database->options.outbox_max_rows = max_rows;
    pthread_mutex_unlock(&database->lock);
}

void database_statistics(struct database *database, struct database_statistics *out)
{
    pthread_mutex_lock(&database->lock);
    *out = database->statistics;
    pthread_mutex_unlock(&database->lock);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void free_memory(struct database *database)
{
    pthread_cond_destroy(&database->reader_returned);
    pthread_cond_destroy(&database->queue_filled);
    pthread_mutex_destroy(&database->lock);
    free(database->path);
    free(database);
}

static struct database *allocate(const struct database_options *options,
                                 const struct services *services)
{
    struct database *database = calloc(1, sizeof(*database));

    if (database == NULL)
        return NULL;
    database->options = *options;
    database->services = services;
    database->writer.transaction.services = services;
    pthread_mutex_init(&database->lock, NULL);
    pthread_cond_init(&database->queue_filled, NULL);
    pthread_cond_init(&database->reader_returned, NULL);
    database->path = strdup(options->path);
    if (database->path == NULL) {
        free_memory(database);
        return NULL;
    }
    return database;
}

static bool start(struct database *database, const struct driver *driver, struct error *error)
{
    const struct store_options options = {.path = database->path,
                                          .busy_timeout_ms = database->options.busy_timeout_ms};

    database->store = driver->create(&options, database->services, error);
    if (database->store == NULL)
        return false;
    database->durability = durability_create(database->store, complete_batch, database, error);
    if (database->durability == NULL)
        return false;
    int failure = pthread_create(&database->writer_thread, NULL, writer_main, database);
    return failure == 0 ||
           error_unavailable(error, "no thread for the database: %s", strerror(failure));
}

/* The writer has ended, or has not begun. */
static void end(struct database *database)
{
    durability_free(database->durability);
    while (database->idle_readers != NULL) {
        struct reader *reader = database->idle_readers;
        database->idle_readers = reader->next;
        close_reader(reader);
    }
    if (database->store != NULL)
        database->store->driver->destroy(database->store);
    free_memory(database);
}

struct database *database_create_with(const struct driver *driver,
                                      const struct database_options *options,
                                      const struct services *services, struct error *error)
{
    struct database *database = allocate(options, services);

    if (database == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    if (!start(database, driver, error)) {
        end(database);
        return NULL;
    }
    return database;
}

void database_free(struct database *database)
{
    if (database == NULL)
        return;
    pthread_mutex_lock(&database->lock);
    database->stopping = true;
    pthread_cond_signal(&database->queue_filled);
    pthread_mutex_unlock(&database->lock);
    pthread_join(database->writer_thread, NULL);
    end(database);
}
