#include "db/engine/database.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#ifdef SANITIZED_THREADS
#include <sanitizer/tsan_interface.h>
#endif

#include "common/assert.h"
#include "db/engine/driver.h"
#include "db/engine/durability.h"
#include "db/engine/outage.h"
#include "db/engine/readers.h"
#include "db/engine/statement.h"
#include "db/engine/writer.h"

struct database {
    struct database_options options;
    char *path; /* options.path */
    struct outage outage;
    struct store *store;
    struct readers *readers;
    struct durability *durability;
    struct writer *writer;
};

/* ---- completion, on the thread of db/engine/durability.h ----------------------------------- */

/* Before the jobs are completed: whoever is answered finds its events handed on already. */
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
static void complete_jobs(struct database *database, const struct commit_batch *batch)
{
    for (struct database_job *job = batch->jobs; job != NULL;) {
        struct database_job *next = job->next; /* the job is gone once it is completed */
        if (!batch->committed) {
            job->succeeded = false;
            job->error = batch->error;
        }
        if (job->succeeded || !job->is_patient || job->error.kind != ERROR_UNAVAILABLE ||
            !writer_postpone(database->writer, job))
            job->completed(job);
        job = next;
    }
}

static void complete_batch(void *context, struct commit_batch *batch)
{
    struct database *database = context;

    if (batch->committed) {
        outage_succeeded(&database->outage);
        publish(database, batch);
    } else {
        outage_failed(&database->outage, &batch->error);
    }
    complete_jobs(database, batch);
}

/* ---- writing ------------------------------------------------------------------------------- */

void database_submit_all(struct database *database, struct database_job *const *jobs, size_t count)
{
    writer_submit(database->writer, jobs, count);
}

void database_submit(struct database *database, struct database_job *job)
{
    database_submit_all(database, &job, 1);
}

static void wake_waiter(struct database_job *job)
{
    sem_post(job->context);
}

/* What has begun is waited for in any case: its argument is in use. */
static void await_job(sem_t *done)
{
    while (sem_wait(done) != 0)
        continue; /* EINTR */
}

/* The thread sanitizer of today's compilers knows every wait for a semaphore but sem_clockwait. */
static void saw_post(sem_t *done)
{
#ifdef SANITIZED_THREADS
    __tsan_acquire(done);
#else
    (void)done;
#endif
}

/* False when the job was taken back, as others have been writing for too long. */
static bool await_job_soon(struct database *database, struct database_job *job, sem_t *done)
{
    for (;;) {
        const struct timespec deadline = clock_deadline(database_patience_ms(database));

        if (sem_clockwait(done, CLOCK_MONOTONIC, &deadline) == 0) {
            saw_post(done);
            return true;
        }
        if (errno == ETIMEDOUT && database_patience_ms(database) == 0) {
            if (database_withdraw(database, job))
                return false;
            await_job(done);
            return true;
        }
    }
}

/* Job and semaphore are on the stack: a write that is waited for allocates nothing, so that only
 * the database can fail it. */
static bool run_and_wait(struct database *database, struct database_operation operation,
                         bool is_soon, struct error *error)
{
    sem_t done;
    struct database_job job = {.operation = operation, .completed = wake_waiter, .context = &done};

    /* These two would wait for themselves. */
    ASSERT(!writer_is_this_thread(database->writer));
    ASSERT(!durability_is_this_thread(database->durability));
    sem_init(&done, 0, 0);
    database_submit(database, &job);
    if (!is_soon)
        await_job(&done);
    else if (!await_job_soon(database, &job, &done))
        error_unavailable(&job.error, "somebody else is writing");
    sem_destroy(&done);
    if (!job.succeeded)
        *error = job.error;
    return job.succeeded;
}

bool database_write(struct database *database, struct database_operation operation,
                    struct error *error)
{
    return run_and_wait(database, operation, false, error);
}

bool database_write_soon(struct database *database, struct database_operation operation,
                         struct error *error)
{
    return run_and_wait(database, operation, true, error);
}

bool database_withdraw(struct database *database, struct database_job *job)
{
    return writer_withdraw(database->writer, job);
}

void database_give_up(struct database *database)
{
    writer_give_up(database->writer);
}

int64_t database_patience_ms(struct database *database)
{
    int64_t waited_ms = writer_awaits_turn_ms(database->writer);

    return waited_ms < DATABASE_PATIENCE_MS ? DATABASE_PATIENCE_MS - waited_ms : 0;
}

bool database_prepare(struct database *database, struct error *error)
{
    return database_write(database, (struct database_operation){.run = NULL}, error);
}

void database_limit_outbox(struct database *database, int64_t retention_ms, int64_t max_rows)
{
    writer_limit_outbox(database->writer, retention_ms, max_rows);
}

/* ---- reading ------------------------------------------------------------------------------- */

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
    /* A reader of a database that no writer has opened might find none, or yesterday's schema. */
    if (!readers_may_begin(database->readers) && !database_prepare(database, error))
        return false;
    struct reader *reader = readers_take(database->readers, error);
    if (reader == NULL)
        return false;
    bool succeeded = run_query(reader->connection, query, error);
    /* After the query has ended its transaction: a sync takes as long as the disk, and an open
     * picture of the data is a burden to every database. */
    if (connection_takes_sync(reader->connection) && succeeded)
        succeeded = sync_for_reader(database, error);
    readers_give_back(database->readers, reader);
    return succeeded;
}

bool database_read(struct database *database, struct database_query query, struct error *error)
{
    bool succeeded = read_once(database, query, error);

    if (!succeeded && error->kind == ERROR_UNAVAILABLE)
        outage_failed(&database->outage, error);
    return succeeded;
}

void database_statistics(struct database *database, struct database_statistics *out)
{
    writer_count(database->writer, &out->commits, &out->operations);
    out->failures = outage_failures(&database->outage);
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool start(struct database *database, const struct driver *driver,
                  const struct services *services, struct error *error)
{
    const struct database_options *options = &database->options;
    const struct store_options store = {.path = options->path,
                                        .busy_timeout_ms = options->busy_timeout_ms};

    database->store = driver->create(&store, services, error);
    if (database->store == NULL)
        return false;
    database->readers = readers_create(database->store, options->readers);
    if (database->readers == NULL)
        return error_out_of_memory(error);
    database->durability = durability_create(database->store, complete_batch, database, error);
    if (database->durability == NULL)
        return false;
    const struct writer_options writer = {.services = services,
                                          .path = options->path,
                                          .store = database->store,
                                          .readers = database->readers,
                                          .durability = database->durability,
                                          .chore = options->chore,
                                          .outbox_retention_ms = options->outbox_retention_ms,
                                          .outbox_max_rows = options->outbox_max_rows};
    database->writer = writer_create(&writer, error);
    return database->writer != NULL;
}

struct database *database_create_with(const struct driver *driver,
                                      const struct database_options *options,
                                      const struct services *services, struct error *error)
{
    struct database *database = calloc(1, sizeof(*database));
    char *path = strdup(options->path);

    if (database == NULL || path == NULL) {
        free(database);
        free(path);
        error_out_of_memory(error);
        return NULL;
    }
    database->options = *options;
    database->options.path = path;
    database->path = path;
    outage_init(&database->outage, services, path);
    if (!start(database, driver, services, error)) {
        database_free(database);
        return NULL;
    }
    return database;
}

void database_free(struct database *database)
{
    if (database == NULL)
        return;
    writer_free(database->writer);
    durability_free(database->durability);
    readers_free(database->readers);
    if (database->store != NULL)
        database->store->driver->destroy(database->store);
    outage_destroy(&database->outage);
    free(database->path);
    free(database);
}
