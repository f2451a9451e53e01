#include "db/engine/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "db/engine/migration.h"
#include "db/engine/outbox.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"

/* In their order. */
struct job_queue {
    struct database_job *first, *last;
};

struct writer {
    struct writer_options options;
    pthread_t thread;

    /* The thread's alone: */
    struct connection *connection; /* NULL: to be opened */
    bool was_opened;               /* at least once */
    struct transaction transaction;
    struct database_job chore;
    bool chore_has_more; /* as it said last */

    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t filled;
    struct job_queue waiting;
    struct job_queue patient; /* those that are (db/engine/job.h): when there is room for them */
    struct timespec again_at; /* until when they rest, after a failure */
    struct timespec chore_at; /* when the next slice is due, if it is planned */
    struct timespec chore_overdue_at; /* beside others, too */
    bool chore_is_planned;
    bool chore_is_running;
    int64_t turn; /* the number of the last one that was waited for */
    bool awaits_turn;
    int64_t awaits_turn_since_ms;
    bool gives_up; /* nothing is tried again */
    bool is_stopping;
    int64_t outbox_retention_ms;
    int64_t outbox_max_rows;
    uint64_t commits;
    uint64_t operations;
};

/* ---- the chore ----------------------------------------------------------------------------- */

/* Under the lock. */
static void set_chore_time(struct writer *writer, int64_t pause_ms)
{
    writer->chore_at = clock_deadline(pause_ms);
    writer->chore_overdue_at = clock_deadline(pause_ms + WRITER_CHORE_OVERDUE_MS);
    writer->chore_is_planned = true;
    pthread_cond_signal(&writer->filled);
}

static void plan_chore(struct writer *writer, int64_t pause_ms)
{
    if (writer->options.chore == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    set_chore_time(writer, pause_ms);
    pthread_mutex_unlock(&writer->lock);
}

static bool run_chore_operation(struct transaction *transaction, void *argument,
                                struct error *error)
{
    struct writer *writer = argument;

    writer->chore_has_more = false;
    return writer->options.chore(transaction, &writer->chore_has_more, error);
}

/* On the thread that tells of commits: so the next slice waits for the disk, too. */
static void plan_next_slice(struct database_job *job)
{
    struct writer *writer = job->context;
    bool goes_on = job->succeeded && writer->chore_has_more;

    pthread_mutex_lock(&writer->lock);
    writer->chore_is_running = false;
    if (!writer->chore_is_planned) /* nobody has left something since it began */
        set_chore_time(writer, goes_on ? WRITER_CHORE_PAUSE_MS : WRITER_CHORE_LOOK_MS);
    pthread_mutex_unlock(&writer->lock);
}

/* ---- its connection ------------------------------------------------------------------------ */

static void close_connection(struct writer *writer)
{
    /* What was committed through this connection is made durable while it is open. */
    durability_drain(writer->options.durability);
    if (writer->connection != NULL)
        writer->connection->driver->close(writer->connection);
    writer->connection = NULL;
}

/* Looked at without the lock first: nearly always there is nothing to do, and others who write need
 * not be waited for. */
static bool migrate(struct writer *writer, struct connection *connection, struct error *error)
{
    bool is_needed;

    if (!migration_is_needed(connection, &is_needed, error))
        return false;
    if (!is_needed)
        return true;
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
    /* A process that answers one request has ended by then. */
    plan_chore(writer, WRITER_CHORE_OVERDUE_MS);
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
    pthread_mutex_lock(&writer->lock);
    transaction->outbox_retention_ms = writer->outbox_retention_ms;
    transaction->outbox_max_rows = writer->outbox_max_rows;
    pthread_mutex_unlock(&writer->lock);
    if (!connection_run(transaction->connection, SQL_BEGIN_WRITE, error))
        return false;
    /* One time for all: what is committed together happened at once, and a clock that jumps does so
     * between transactions. Not before the wait for others, which may be long. */
    transaction->now_ms = clock_wall_ms(writer->options.services->clock);
    transaction->leaves_chore = false;
    transaction->is_open = outbox_begin(transaction, error);
    return transaction->is_open;
}

/* Runs all jobs in the transaction that has begun, and ends it: true after the commit. */
static bool run_jobs(struct writer *writer, struct database_job *jobs, struct error *error)
{
    struct transaction *transaction = &writer->transaction;
    bool succeeded = true;

    for (struct database_job *job = jobs; succeeded && job != NULL; job = job->next)
        succeeded = run_job(transaction, job, error);
    transaction->is_open = false;
    return succeeded && connection_run(transaction->connection, SQL_COMMIT, error);
}

/* ---- a turn among all writers -------------------------------------------------------------- */

static void set_awaiting(struct writer *writer, bool awaits_turn)
{
    int64_t now_ms = clock_monotonic_ms(writer->options.services->clock);

    pthread_mutex_lock(&writer->lock);
    if (awaits_turn)
        writer->turn++;
    writer->awaits_turn = awaits_turn;
    writer->awaits_turn_since_ms = now_ms;
    pthread_mutex_unlock(&writer->lock);
}

static void end_turn(struct writer *writer, bool is_committed)
{
    struct connection *connection = writer->connection;

    if (!is_committed)
        connection_roll_back(connection);
    connection->driver->unlock(connection);
}

static bool begin_turn(struct writer *writer, struct error *error)
{
    if (!ensure_connection(writer, error) ||
        !writer->connection->driver->lock(writer->connection, error))
        return false;
    if (begin_transaction(writer, error))
        return true;
    end_turn(writer, false);
    return false;
}

/* Waits for those who write, in whichever process. */
static bool await_turn(struct writer *writer, struct error *error)
{
    set_awaiting(writer, true);
    bool is_ours = begin_turn(writer, error);
    set_awaiting(writer, false);
    return is_ours;
}

/* ---- which jobs ---------------------------------------------------------------------------- */

static void enqueue_job(struct job_queue *queue, struct database_job *job)
{
    job->next = NULL;
    job->previous = queue->first != NULL ? queue->last : NULL;
    if (queue->first == NULL)
        queue->first = job;
    else
        queue->last->next = job;
    queue->last = job;
}

/* Wherever in it the job is: thousands may be withdrawn at once. */
static void remove_job(struct job_queue *queue, struct database_job *job)
{
    if (job->previous == NULL)
        queue->first = job->next;
    else
        job->previous->next = job->next;
    if (job->next == NULL)
        queue->last = job->previous;
    else
        job->next->previous = job->previous;
    job->is_waiting = false;
}

static struct database_job *dequeue_job(struct job_queue *queue)
{
    struct database_job *job = queue->first;

    remove_job(queue, job);
    return job;
}

/* One that has nothing to run wants the database opened, and no transaction. */
static bool is_opening(const struct database_job *job)
{
    return job->operation.run == NULL;
}

static bool is_past(const struct timespec *time)
{
    struct timespec now = clock_deadline(0);

    return now.tv_sec > time->tv_sec ||
           (now.tv_sec == time->tv_sec && now.tv_nsec >= time->tv_nsec);
}

static bool patient_are_due(const struct writer *writer)
{
    return writer->patient.first != NULL && is_past(&writer->again_at);
}

/* While there is something else to do it waits, but not for ever. */
static bool chore_is_due(const struct writer *writer)
{
    return writer->chore_is_planned && !writer->chore_is_running && !writer->is_stopping &&
           is_past(writer->waiting.first != NULL ? &writer->chore_overdue_at : &writer->chore_at);
}

static void let_patient_rest(struct writer *writer)
{
    writer->again_at = clock_deadline(WRITER_AGAIN_MS);
}

/* Moves up to `limit` jobs into `batch`. */
static int move_jobs(struct job_queue *batch, struct job_queue *queue, int limit)
{
    int moved = 0;

    while (moved < limit && queue->first != NULL && !is_opening(queue->first)) {
        enqueue_job(batch, dequeue_job(queue));
        moved++;
    }
    return moved;
}

/* Those for the transaction that has begun; NULL when all were withdrawn. */
static struct database_job *take_jobs(struct writer *writer)
{
    struct job_queue batch = {0};

    pthread_mutex_lock(&writer->lock);
    bool are_due = patient_are_due(writer);
    int left = DATABASE_BATCH_OPERATIONS - (are_due ? WRITER_PATIENT_SHARE : 0);
    left = DATABASE_BATCH_OPERATIONS - move_jobs(&batch, &writer->waiting, left);
    if (are_due)
        move_jobs(&batch, &writer->patient, left);
    pthread_mutex_unlock(&writer->lock);
    return batch.first;
}

/* Those that have waited for a turn that did not come: not who has come meanwhile, nor who is
 * patient. */
static struct database_job *take_failed_jobs(struct writer *writer)
{
    struct job_queue batch = {0};

    pthread_mutex_lock(&writer->lock);
    while (writer->waiting.first != NULL && writer->waiting.first->turn < writer->turn &&
           move_jobs(&batch, &writer->waiting, 1) == 1)
        continue;
    let_patient_rest(writer);
    pthread_mutex_unlock(&writer->lock);
    return batch.first;
}

/* ---- the thread ---------------------------------------------------------------------------- */

enum task { TASK_OPEN, TASK_WRITE, TASK_CHORE, TASK_GIVE_UP, TASK_END };

/* Under the lock. False when there is nothing to do yet. */
static bool choose_task(const struct writer *writer, enum task *task)
{
    if (chore_is_due(writer))
        *task = TASK_CHORE;
    else if (writer->waiting.first != NULL)
        *task = is_opening(writer->waiting.first) ? TASK_OPEN : TASK_WRITE;
    else if (patient_are_due(writer))
        *task = TASK_WRITE;
    else if (writer->patient.first != NULL && writer->gives_up)
        *task = TASK_GIVE_UP;
    else if (writer->is_stopping)
        *task = TASK_END;
    else
        return false;
    return true;
}

static bool is_before(const struct timespec *one, const struct timespec *other)
{
    return one->tv_sec < other->tv_sec ||
           (one->tv_sec == other->tv_sec && one->tv_nsec < other->tv_nsec);
}

/* Or until the time of what is planned has come. */
static void wait_for_change(struct writer *writer)
{
    const struct timespec *until = NULL;

    if (writer->patient.first != NULL)
        until = &writer->again_at;
    if (writer->chore_is_planned && !writer->chore_is_running &&
        (until == NULL || is_before(&writer->chore_at, until)))
        until = &writer->chore_at;
    if (until == NULL)
        pthread_cond_wait(&writer->filled, &writer->lock);
    else
        pthread_cond_timedwait(&writer->filled, &writer->lock, until);
}

static enum task await_task(struct writer *writer)
{
    enum task task;

    pthread_mutex_lock(&writer->lock);
    while (!choose_task(writer, &task))
        wait_for_change(writer);
    pthread_mutex_unlock(&writer->lock);
    return task;
}

static void count_jobs(struct writer *writer, const struct commit_batch *batch)
{
    uint64_t count = 0;

    if (batch->jobs == &writer->chore) /* nobody's */
        return;
    for (const struct database_job *job = batch->jobs; job != NULL; job = job->next)
        count++;
    pthread_mutex_lock(&writer->lock);
    writer->operations += count;
    writer->commits += batch->committed ? 1 : 0;
    pthread_mutex_unlock(&writer->lock);
}

/* Whoever wants to read a database that is not open yet waits for that alone, however long others
 * write. */
static void run_opening(struct writer *writer, struct commit_batch *batch)
{
    struct job_queue opening = {0};

    pthread_mutex_lock(&writer->lock);
    enqueue_job(&opening, dequeue_job(&writer->waiting));
    pthread_mutex_unlock(&writer->lock);
    batch->jobs = opening.first;
    batch->committed = ensure_connection(writer, &batch->error);
    batch->jobs->succeeded = batch->committed;
}

/* Jobs are taken only when it is our turn: until then they may be withdrawn, and those that come
 * meanwhile share the transaction. */
static void run_writing(struct writer *writer, struct commit_batch *batch)
{
    if (!await_turn(writer, &batch->error)) {
        batch->jobs = take_failed_jobs(writer);
        return;
    }
    batch->jobs = take_jobs(writer);
    /* The transaction's buffers are the batch's meanwhile. */
    writer->transaction.events = batch->events;
    batch->committed = run_jobs(writer, batch->jobs, &batch->error);
    batch->events = writer->transaction.events;
    end_turn(writer, batch->committed);
    if (batch->committed && writer->transaction.leaves_chore)
        plan_chore(writer, 0);
}

static void run_chore(struct writer *writer, struct commit_batch *batch)
{
    pthread_mutex_lock(&writer->lock);
    writer->chore_is_planned = false;
    writer->chore_is_running = true;
    pthread_mutex_unlock(&writer->lock);
    writer->chore = (struct database_job){.operation = {run_chore_operation, writer},
                                          .completed = plan_next_slice,
                                          .context = writer};
    batch->jobs = &writer->chore;
    if (!await_turn(writer, &batch->error))
        return;
    writer->transaction.events = batch->events;
    batch->committed = run_jobs(writer, batch->jobs, &batch->error);
    batch->events = writer->transaction.events;
    end_turn(writer, batch->committed);
}

/* What is tried again for nobody is not tried once more when the process ends: that would be waited
 * for. */
static void give_up_patient(struct writer *writer, struct commit_batch *batch)
{
    pthread_mutex_lock(&writer->lock);
    batch->jobs = writer->patient.first;
    writer->patient.first = NULL;
    pthread_mutex_unlock(&writer->lock);
    error_unavailable(&batch->error, "what was to be done later is given up");
}

static void run_task(struct writer *writer, enum task task, struct commit_batch *batch)
{
    if (task == TASK_OPEN)
        run_opening(writer, batch);
    else if (task == TASK_WRITE)
        run_writing(writer, batch);
    else if (task == TASK_CHORE)
        run_chore(writer, batch);
    else
        give_up_patient(writer, batch);
    count_jobs(writer, batch);
    /* From here on the next batch is run while this one gets to the disk. */
    durability_submit(writer->options.durability, batch);
}

static void *writer_main(void *argument)
{
    struct writer *writer = argument;
    struct durability *durability = writer->options.durability;
    struct commit_batch *batch;
    enum task task;

    while ((batch = durability_take(durability)), (task = await_task(writer)) != TASK_END)
        run_task(writer, task, batch);
    durability_give_back(durability, batch);
    close_connection(writer);
    return NULL;
}

/* ---- for other threads --------------------------------------------------------------------- */

void writer_submit(struct writer *writer, struct database_job *const *jobs, size_t count)
{
    pthread_mutex_lock(&writer->lock);
    for (size_t i = 0; i < count; i++) {
        jobs[i]->turn = writer->turn;
        jobs[i]->is_waiting = !jobs[i]->is_patient;
        enqueue_job(jobs[i]->is_patient ? &writer->patient : &writer->waiting, jobs[i]);
    }
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->lock);
}

bool writer_withdraw(struct writer *writer, struct database_job *job)
{
    pthread_mutex_lock(&writer->lock);
    bool is_ours = job->is_waiting;
    if (is_ours)
        remove_job(&writer->waiting, job);
    pthread_mutex_unlock(&writer->lock);
    return is_ours;
}

bool writer_postpone(struct writer *writer, struct database_job *job)
{
    pthread_mutex_lock(&writer->lock);
    bool is_postponed = !writer->gives_up;
    if (is_postponed) {
        let_patient_rest(writer);
        enqueue_job(&writer->patient, job);
        pthread_cond_signal(&writer->filled);
    }
    pthread_mutex_unlock(&writer->lock);
    return is_postponed;
}

void writer_give_up(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->gives_up = true;
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->lock);
}

int64_t writer_awaits_turn_ms(struct writer *writer)
{
    int64_t now_ms = clock_monotonic_ms(writer->options.services->clock);

    pthread_mutex_lock(&writer->lock);
    int64_t waited_ms = writer->awaits_turn ? now_ms - writer->awaits_turn_since_ms : 0;
    pthread_mutex_unlock(&writer->lock);
    return waited_ms > 0 ? waited_ms : 0;
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
    clock_init_condition(&writer->filled);
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
    writer->gives_up = true;
    writer->is_stopping = true;
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    free_memory(writer);
}
