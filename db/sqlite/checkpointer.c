#include "db/sqlite/checkpointer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/statement.h"
#include "db/sqlite/connection.h"
#include "db/sqlite/writers_lock.h"

struct checkpointer {
    const char *path;
    const char *lock_path;
    const struct driver *driver;
    struct log_sync *log;
    const struct services *services;

    /* The writer's, but the thread's while a checkpoint is under way. NULL, -1: not open. */
    struct sqlite_connection *snapshot;
    struct sqlite_connection *copier; /* SQLite refuses to copy on a connection that reads */
    int lock_descriptor;

    pthread_mutex_t lock; /* over all that follows, but the thread */
    pthread_cond_t changed;
    int log_pages; /* as of the last commit */
    int due_at;    /* in pages of the log */
    bool is_under_way;
    bool has_failed_sync;
    bool is_stopping;
    pthread_t thread;
    struct log_limit copies_failing; /* lines of the log */
};

static void warn_of(struct checkpointer *checkpointer, const struct error *error)
{
    log_limited(checkpointer->services->log, &checkpointer->copies_failing, LOG_LEVEL_WARNING,
                "the write-ahead log could not be copied", LOG_TEXT("path", checkpointer->path),
                LOG_TEXT("reason", error->detail));
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
    log_error(checkpointer->services->log,
              "the database is no longer copied from its write-ahead log: restart all programs",
              LOG_TEXT("path", checkpointer->path), LOG_TEXT("reason", error->detail));
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->has_failed_sync = true;
    pthread_mutex_unlock(&checkpointer->lock);
}

static bool copy_rest(struct checkpointer *checkpointer, struct error *error)
{
    if (!writers_lock_take(checkpointer->lock_descriptor, error))
        return false;
    end_snapshot(checkpointer);
    /* What is copied must never be without the log that explains it. */
    bool succeeded = log_sync_is_suspect(checkpointer->log)
                         ? error_unavailable(error, "the log is not on disk")
                         : sqlite_connection_checkpoint(checkpointer->copier, error);
    writers_lock_give_back(checkpointer->lock_descriptor);
    return succeeded;
}

static void copy_log(struct checkpointer *checkpointer)
{
    struct error error;

    error_clear(&error);
    bool succeeded = log_sync_run(checkpointer->log, &error) &&
                     sqlite_connection_checkpoint(checkpointer->copier, &error);
    if (succeeded && !sqlite_connection_sync_file(checkpointer->copier, &error)) {
        give_up(checkpointer, &error);
        return;
    }
    if (!succeeded || !copy_rest(checkpointer, &error))
        warn_of(checkpointer, &error);
    end_snapshot(checkpointer);
    writers_lock_end_checkpoint(checkpointer->lock_descriptor);
    put_off(checkpointer);
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* False when it is to end. */
static bool wait_for_begin(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->is_under_way && !checkpointer->is_stopping)
        pthread_cond_wait(&checkpointer->changed, &checkpointer->lock);
    bool has_begun = checkpointer->is_under_way;
    pthread_mutex_unlock(&checkpointer->lock);
    return has_begun;
}

static void set_under_way(struct checkpointer *checkpointer, bool is_under_way)
{
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->is_under_way = is_under_way;
    pthread_cond_broadcast(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->lock);
}

static void *checkpointer_main(void *argument)
{
    struct checkpointer *checkpointer = argument;

    while (wait_for_begin(checkpointer)) {
        copy_log(checkpointer);
        set_under_way(checkpointer, false);
    }
    return NULL;
}

/* ---- the writer's part --------------------------------------------------------------------- */

static bool is_due(struct checkpointer *checkpointer, int log_pages)
{
    pthread_mutex_lock(&checkpointer->lock);
    if (log_pages < checkpointer->log_pages) /* it has started over */
        checkpointer->due_at = CHECKPOINTER_LOG_PAGES;
    checkpointer->log_pages = log_pages;
    bool due = log_pages >= checkpointer->due_at && !checkpointer->is_under_way &&
               !checkpointer->has_failed_sync;
    pthread_mutex_unlock(&checkpointer->lock);
    return due;
}

static bool open_connection(const struct checkpointer *checkpointer,
                            struct sqlite_connection **connection, struct error *error)
{
    const struct sqlite_connection_options options = {
        .path = checkpointer->path, .mode = CONNECTION_READ, .driver = checkpointer->driver};

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
    checkpointer->lock_descriptor = writers_lock_open(checkpointer->lock_path, error);
    if (checkpointer->lock_descriptor >= 0 &&
        open_connection(checkpointer, &checkpointer->snapshot, error) &&
        open_connection(checkpointer, &checkpointer->copier, error))
        return true;
    close_all(checkpointer);
    return false;
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
    if (begin_checkpoint(checkpointer, &error)) {
        set_under_way(checkpointer, true);
    } else if (error.kind != ERROR_NONE) {
        warn_of(checkpointer, &error);
        put_off(checkpointer);
    }
}

static void wait_until_idle(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    while (checkpointer->is_under_way)
        pthread_cond_wait(&checkpointer->changed, &checkpointer->lock);
    checkpointer->log_pages = 0; /* of a file that is no longer open */
    checkpointer->due_at = CHECKPOINTER_LOG_PAGES;
    pthread_mutex_unlock(&checkpointer->lock);
}

void checkpointer_close(struct checkpointer *checkpointer)
{
    wait_until_idle(checkpointer);
    if (!checkpointer_has_failed_sync(checkpointer))
        close_all(checkpointer);
}

bool checkpointer_has_failed_sync(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    bool has_failed = checkpointer->has_failed_sync;
    pthread_mutex_unlock(&checkpointer->lock);
    return has_failed;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void free_memory(struct checkpointer *checkpointer)
{
    pthread_cond_destroy(&checkpointer->changed);
    pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}

struct checkpointer *checkpointer_create(const char *path, const char *lock_path,
                                         const struct driver *driver, struct log_sync *log,
                                         const struct services *services, struct error *error)
{
    struct checkpointer *checkpointer = calloc(1, sizeof(*checkpointer));

    if (checkpointer == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    checkpointer->path = path;
    checkpointer->lock_path = lock_path;
    checkpointer->driver = driver;
    checkpointer->log = log;
    checkpointer->services = services;
    checkpointer->lock_descriptor = -1;
    checkpointer->due_at = CHECKPOINTER_LOG_PAGES;
    pthread_mutex_init(&checkpointer->lock, NULL);
    pthread_cond_init(&checkpointer->changed, NULL);
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
    if (checkpointer->has_failed_sync) {
        sqlite_connection_keep_log(checkpointer->copier);
        sqlite_connection_keep_log(checkpointer->snapshot);
        close_all(checkpointer);
    }
    free_memory(checkpointer);
}
