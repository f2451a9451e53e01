#include "db/sqlite/checkpointer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/statement.h"
#include "db/sqlite/connection.h"
#include "db/sqlite/writers_lock.h"

/* How long one who reads of the log is waited for with the writers' lock taken. */
#define READER_WAIT_MS 10
/* How much may be left for the second half, in pages, unless it is still more after so many rounds
 * of the first. */
#define REST_PAGES 128
#define ROUNDS_MAX 5

struct checkpointer {
    struct checkpointer_options options;

    /* The writer's, but the thread's while a checkpoint is under way. NULL, -1: not open. */
    struct sqlite_connection *snapshot;
    struct sqlite_connection *copier; /* SQLite refuses to copy on a connection that reads */
    int lock_descriptor;

    pthread_mutex_t lock; /* over all that follows, but the thread */
    pthread_cond_t changed;
    int log_pages; /* as of the last commit */
    int due_at;    /* in pages of the log */
    bool is_under_way;
    bool is_beginning; /* the writer begins one: the connections are its own meanwhile */
    bool has_given_up; /* after a failed sync */
    bool is_stopping;
    bool has_erased;       /* the log may have texts that were deleted */
    bool has_erased_texts; /* it was us */
    bool cannot_erase;     /* as of the last time: not because of who reads */
    int64_t erase_at_ms;   /* when the log is to be emptied, monotonic */
    int64_t erase_retry_ms;
    pthread_t thread;
    struct log_limit copies_failing; /* lines of the log */
};

static void warn_of(struct checkpointer *checkpointer, const struct error *error)
{
    log_limited(checkpointer->options.services->log, &checkpointer->copies_failing,
                LOG_LEVEL_WARNING, "the write-ahead log could not be copied",
                LOG_TEXT("path", checkpointer->options.path), LOG_TEXT("reason", error->detail));
}

/* Until the log has grown again: readers of old pages may have kept it from getting everywhere. */
static void put_off(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->due_at = checkpointer->log_pages + CHECKPOINTER_LOG_PAGES;
    pthread_mutex_unlock(&checkpointer->lock);
}

/* ---- a checkpoint -------------------------------------------------------------------------- */

static void end_snapshot(struct checkpointer *checkpointer)
{
    connection_roll_back(&checkpointer->snapshot->base);
}

/* SQLite begins to read with the first row that is asked for. */
static bool begin_snapshot(struct checkpointer *checkpointer, struct error *error)
{
    if (!connection_run(&checkpointer->snapshot->base, SQL_BEGIN_READ, error))
        return false;
    struct statement *statement =
        statement_begin(&checkpointer->snapshot->base, SQL_SCHEMA_VERSION);
    enum step step = statement_step(statement, error);
    statement_end(statement);
    if (step == STEP_ROW)
        return true;
    end_snapshot(checkpointer);
    return false;
}

static void give_up(struct checkpointer *checkpointer, const struct error *error)
{
    log_error(
        checkpointer->options.services->log,
        "the database could not be synced and its write-ahead log is kept: stop all programs, "
        "then start them",
        LOG_TEXT("path", checkpointer->options.path), LOG_TEXT("reason", error->detail));
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->has_given_up = true;
    pthread_mutex_unlock(&checkpointer->lock);
}

/* False when nothing was deleted, which the log may keep. */
static bool must_empty_log(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    bool must = checkpointer->has_erased;
    pthread_mutex_unlock(&checkpointer->lock);
    return must;
}

/* The writers' lock is taken: nobody can have deleted something since the log was emptied. */
static void settle_erasure(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->has_erased = false;
    checkpointer->has_erased_texts = false;
    checkpointer->log_pages = 0;
    pthread_cond_broadcast(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->lock);
}

static bool empty_log(struct checkpointer *checkpointer, struct error *error)
{
    bool is_empty;

    if (!sqlite_connection_empty_log(checkpointer->copier, &is_empty, error))
        return false;
    if (is_empty)
        settle_erasure(checkpointer);
    return true;
}

static bool copy_rest(struct checkpointer *checkpointer, struct error *error)
{
    struct error ignored;
    bool succeeded;

    /* SQLite syncs the log, too, while others wait: most of that is done before. */
    if (!log_sync_run(checkpointer->options.log, error) ||
        !writers_lock_take(checkpointer->lock_descriptor, error))
        return false;
    end_snapshot(checkpointer);
    /* What is copied must never be without the log that explains it. */
    if (log_sync_is_suspect(checkpointer->options.log))
        succeeded = error_unavailable(error, "the log is not on disk");
    else if (must_empty_log(checkpointer))
        succeeded = empty_log(checkpointer, error);
    else
        succeeded = sqlite_connection_checkpoint(checkpointer->copier, error);
    /* Without it the log is still kept, as what could not be synced does not count as copied and
     * nobody else copies; but one more thing would have to go right. */
    if (checkpointer_has_failed_sync(checkpointer))
        begin_snapshot(checkpointer, &ignored);
    writers_lock_give_back(checkpointer->lock_descriptor);
    return succeeded;
}

/* A snapshot keeps nobody from starting the log over when all of it is copied; but then there is
 * nothing to do in the first half. With the writers' lock taken. */
static bool take_snapshot_if_needed(struct checkpointer *checkpointer, bool *has_snapshot,
                                    struct error *error)
{
    int64_t pages;

    if (!sqlite_connection_count_uncopied(checkpointer->copier, &pages, error))
        return false;
    *has_snapshot = pages > 0;
    return pages == 0 || begin_snapshot(checkpointer, error);
}

/* Another one, of what has been written since. */
static bool renew_snapshot(struct checkpointer *checkpointer, bool *has_snapshot,
                           struct error *error)
{
    if (!writers_lock_take(checkpointer->lock_descriptor, error))
        return false;
    end_snapshot(checkpointer);
    bool succeeded = take_snapshot_if_needed(checkpointer, has_snapshot, error);
    writers_lock_give_back(checkpointer->lock_descriptor);
    return succeeded;
}

static bool copy_snapshot(struct checkpointer *checkpointer, struct error *error)
{
    return log_sync_run(checkpointer->options.log, error) &&
           sqlite_connection_checkpoint(checkpointer->copier, error) &&
           sqlite_connection_sync_file(checkpointer->copier, error);
}

/* The first half: again and again, as long as there is much, but no longer. */
static bool copy_beside_writers(struct checkpointer *checkpointer, bool has_snapshot,
                                struct error *error)
{
    int64_t left = REST_PAGES + 1;

    for (int round = 0; has_snapshot && left > REST_PAGES && round < ROUNDS_MAX; round++)
        if ((round > 0 && !renew_snapshot(checkpointer, &has_snapshot, error)) ||
            (has_snapshot && !copy_snapshot(checkpointer, error)) ||
            !sqlite_connection_count_uncopied(checkpointer->copier, &left, error))
            return false;
    return true;
}

static void copy_log(struct checkpointer *checkpointer, bool has_snapshot)
{
    struct error error;

    error_clear(&error);
    bool succeeded =
        copy_beside_writers(checkpointer, has_snapshot, &error) && copy_rest(checkpointer, &error);
    if (checkpointer_has_failed_sync(checkpointer)) {
        give_up(checkpointer, &error);
        return;
    }
    if (!succeeded)
        warn_of(checkpointer, &error);
    end_snapshot(checkpointer);
    writers_lock_end_checkpoint(checkpointer->lock_descriptor);
    put_off(checkpointer);
}

/* ---- the file's connections ---------------------------------------------------------------- */

static bool open_connection(const struct checkpointer *checkpointer,
                            struct sqlite_connection **connection, struct error *error)
{
    const struct sqlite_connection_options options = {.path = checkpointer->options.path,
                                                      .mode = CONNECTION_READ,
                                                      .busy_timeout_ms = READER_WAIT_MS,
                                                      .driver = checkpointer->options.driver,
                                                      .file = checkpointer->options.file};

    *connection = sqlite_connection_open(&options, error);
    return *connection != NULL;
}

static void close_all(struct checkpointer *checkpointer)
{
    sqlite_connection_close(checkpointer->copier);
    sqlite_connection_close(checkpointer->snapshot);
    checkpointer->copier = NULL;
    checkpointer->snapshot = NULL;
    if (checkpointer->lock_descriptor >= 0)
        close(checkpointer->lock_descriptor);
    checkpointer->lock_descriptor = -1;
}

/* At the first checkpoint, as a process that answers one request and ends has none; and again when
 * a connection has broken. */
static bool ensure_open(struct checkpointer *checkpointer, struct error *error)
{
    if (checkpointer->copier != NULL && !checkpointer->copier->base.is_broken &&
        !checkpointer->snapshot->base.is_broken)
        return true;
    close_all(checkpointer);
    checkpointer->lock_descriptor = writers_lock_open(checkpointer->options.lock_path, error);
    if (checkpointer->lock_descriptor >= 0 &&
        open_connection(checkpointer, &checkpointer->snapshot, error) &&
        open_connection(checkpointer, &checkpointer->copier, error))
        return true;
    close_all(checkpointer);
    return false;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* False when somebody else is at it, or with *error. */
static bool begin_erasing(struct checkpointer *checkpointer, bool *has_snapshot,
                          struct error *error)
{
    if (!ensure_open(checkpointer, error) ||
        !writers_lock_try_checkpoint(checkpointer->lock_descriptor))
        return false;
    bool succeeded = writers_lock_take(checkpointer->lock_descriptor, error);
    if (succeeded) {
        succeeded = take_snapshot_if_needed(checkpointer, has_snapshot, error);
        writers_lock_give_back(checkpointer->lock_descriptor);
    }
    if (!succeeded)
        writers_lock_end_checkpoint(checkpointer->lock_descriptor);
    return succeeded;
}

static void erase(struct checkpointer *checkpointer)
{
    bool has_snapshot;
    struct error error;

    error_clear(&error);
    if (begin_erasing(checkpointer, &has_snapshot, &error))
        copy_log(checkpointer, has_snapshot);
    else if (error.kind != ERROR_NONE)
        warn_of(checkpointer, &error);
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->cannot_erase = error.kind != ERROR_NONE || checkpointer->has_given_up;
    pthread_cond_broadcast(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->lock);
}

static int64_t now_ms(void)
{
    return clock_monotonic_ms(&clock_system);
}

/* Under the lock, as all that waits. Until then at most; false when the time has come. */
static bool wait_until(struct checkpointer *checkpointer, int64_t time_ms)
{
    const struct timespec time = {.tv_sec = time_ms / 1000, .tv_nsec = time_ms % 1000 * 1000000};

    return pthread_cond_timedwait(&checkpointer->changed, &checkpointer->lock, &time) != ETIMEDOUT;
}

static void wait_for_change(struct checkpointer *checkpointer)
{
    if (checkpointer->has_erased && !checkpointer->has_given_up && !checkpointer->is_beginning)
        wait_until(checkpointer, checkpointer->erase_at_ms);
    else
        pthread_cond_wait(&checkpointer->changed, &checkpointer->lock);
}

static bool is_erasure_due(const struct checkpointer *checkpointer)
{
    return checkpointer->has_erased && !checkpointer->has_given_up && !checkpointer->is_beginning &&
           now_ms() >= checkpointer->erase_at_ms;
}

/* Begins it, and says when to try again should it not succeed. */
static void take_erasure(struct checkpointer *checkpointer)
{
    checkpointer->is_under_way = true;
    checkpointer->erase_at_ms = now_ms() + checkpointer->erase_retry_ms;
    checkpointer->erase_retry_ms *= 2;
    if (checkpointer->erase_retry_ms > CHECKPOINTER_ERASE_RETRY_MAX_MS)
        checkpointer->erase_retry_ms = CHECKPOINTER_ERASE_RETRY_MAX_MS;
}

enum task { TASK_END, TASK_COPY, TASK_ERASE };

static enum task wait_for_task(struct checkpointer *checkpointer)
{
    enum task task = TASK_END;

    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->is_under_way && !checkpointer->is_stopping &&
           !is_erasure_due(checkpointer))
        wait_for_change(checkpointer);
    if (checkpointer->is_under_way) {
        task = TASK_COPY; /* the writer has begun it */
    } else if (!checkpointer->is_stopping) {
        task = TASK_ERASE;
        take_erasure(checkpointer);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return task;
}

static void set_under_way(struct checkpointer *checkpointer, bool is_under_way)
{
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->is_under_way = is_under_way;
    checkpointer->is_beginning = false;
    pthread_cond_broadcast(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->lock);
}

static void *checkpointer_main(void *argument)
{
    struct checkpointer *checkpointer = argument;

    enum task task;

    while ((task = wait_for_task(checkpointer)) != TASK_END) {
        if (task == TASK_ERASE)
            erase(checkpointer);
        else
            copy_log(checkpointer, true);
        set_under_way(checkpointer, false);
    }
    return NULL;
}

/* ---- the writer's part --------------------------------------------------------------------- */

/* True: the caller begins it, and calls set_under_way. */
static bool is_due(struct checkpointer *checkpointer, int log_pages)
{
    pthread_mutex_lock(&checkpointer->lock);
    if (log_pages < checkpointer->log_pages) /* it has started over */
        checkpointer->due_at = CHECKPOINTER_LOG_PAGES;
    checkpointer->log_pages = log_pages;
    bool due = log_pages >= checkpointer->due_at && !checkpointer->is_under_way &&
               !checkpointer->has_given_up;
    checkpointer->is_beginning = due;
    pthread_mutex_unlock(&checkpointer->lock);
    return due;
}

/* False when somebody else is at it, or with *error. */
static bool begin_checkpoint(struct checkpointer *checkpointer, struct error *error)
{
    if (!ensure_open(checkpointer, error) ||
        !writers_lock_try_checkpoint(checkpointer->lock_descriptor))
        return false;
    if (begin_snapshot(checkpointer, error))
        return true;
    writers_lock_end_checkpoint(checkpointer->lock_descriptor);
    return false;
}

void checkpointer_tell(struct checkpointer *checkpointer, int log_pages)
{
    struct error error;

    if (!is_due(checkpointer, log_pages))
        return;
    error_clear(&error);
    bool has_begun = begin_checkpoint(checkpointer, &error);
    set_under_way(checkpointer, has_begun);
    if (!has_begun && error.kind != ERROR_NONE) {
        warn_of(checkpointer, &error);
        put_off(checkpointer);
    }
}

static void tell_of_erasure(struct checkpointer *checkpointer, bool is_ours)
{
    pthread_mutex_lock(&checkpointer->lock);
    if (!checkpointer->has_erased) {
        checkpointer->has_erased = true;
        checkpointer->erase_at_ms = now_ms() + CHECKPOINTER_ERASE_DELAY_MS;
        checkpointer->erase_retry_ms = CHECKPOINTER_ERASE_RETRY_MS;
        pthread_cond_broadcast(&checkpointer->changed);
    }
    checkpointer->has_erased_texts = checkpointer->has_erased_texts || is_ours;
    pthread_mutex_unlock(&checkpointer->lock);
}

void checkpointer_tell_of_erasure(struct checkpointer *checkpointer)
{
    tell_of_erasure(checkpointer, true);
}

void checkpointer_tell_of_old_log(struct checkpointer *checkpointer)
{
    tell_of_erasure(checkpointer, false);
}

/* Under the lock. */
static void wait_for_erasure(struct checkpointer *checkpointer)
{
    const int64_t end_ms = now_ms() + CHECKPOINTER_CLOSE_WAIT_MS;

    checkpointer->cannot_erase = false;
    checkpointer->erase_at_ms = now_ms();
    checkpointer->erase_retry_ms = CHECKPOINTER_ERASE_RETRY_MS;
    pthread_cond_broadcast(&checkpointer->changed);
    while (checkpointer->has_erased_texts && !checkpointer->has_given_up &&
           !checkpointer->cannot_erase && wait_until(checkpointer, end_ms))
        continue;
    if (checkpointer->has_erased_texts)
        log_warning(checkpointer->options.services->log,
                    "what was deleted stays in the write-ahead log until it starts over",
                    LOG_TEXT("path", checkpointer->options.path));
}

static void wait_until_idle(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    if (checkpointer->has_erased_texts)
        wait_for_erasure(checkpointer);
    /* Of a file that is no longer open. */
    checkpointer->has_erased = false;
    checkpointer->has_erased_texts = false;
    while (checkpointer->is_under_way)
        pthread_cond_wait(&checkpointer->changed, &checkpointer->lock);
    checkpointer->log_pages = 0;
    checkpointer->due_at = CHECKPOINTER_LOG_PAGES;
    pthread_mutex_unlock(&checkpointer->lock);
}

void checkpointer_close(struct checkpointer *checkpointer)
{
    wait_until_idle(checkpointer);
    if (!checkpointer->has_given_up)
        close_all(checkpointer);
}

bool checkpointer_has_failed_sync(struct checkpointer *checkpointer)
{
    return atomic_load(&checkpointer->options.file->has_failed_sync);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void free_memory(struct checkpointer *checkpointer)
{
    pthread_cond_destroy(&checkpointer->changed);
    pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}

struct checkpointer *checkpointer_create(const struct checkpointer_options *options,
                                         struct error *error)
{
    struct checkpointer *checkpointer = calloc(1, sizeof(*checkpointer));

    if (checkpointer == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    checkpointer->options = *options;
    checkpointer->lock_descriptor = -1;
    checkpointer->due_at = CHECKPOINTER_LOG_PAGES;
    pthread_mutex_init(&checkpointer->lock, NULL);
    clock_init_condition(&checkpointer->changed);
    int failure = pthread_create(&checkpointer->thread, NULL, checkpointer_main, checkpointer);
    if (failure != 0) {
        error_unavailable(error, "no thread for checkpoints: %s", strerror(failure));
        free_memory(checkpointer);
        return NULL;
    }
    return checkpointer;
}

void checkpointer_free(struct checkpointer *checkpointer)
{
    if (checkpointer == NULL)
        return;
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->is_stopping = true;
    pthread_cond_broadcast(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->lock);
    pthread_join(checkpointer->thread, NULL);
    if (checkpointer->has_given_up) {
        sqlite_connection_keep_log(checkpointer->copier);
        sqlite_connection_keep_log(checkpointer->snapshot);
        close_all(checkpointer);
    }
    free_memory(checkpointer);
}
