#include "db/checkpointer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/statement.h"
#include "db/writers_lock.h"

struct checkpointer {
    const char *path;
    const char *lock_path;
    const struct services *services;

    pthread_mutex_t lock; /* over all that follows, but the thread */
    pthread_cond_t told;
    int log_pages; /* as of the last commit */
    int due_at;    /* in pages of the log */
    bool is_stopping;
    pthread_t thread;
};

/* ---- a checkpoint -------------------------------------------------------------------------- */

static bool copy_locked(struct connection *connection, const char *lock_path, struct error *error)
{
    int descriptor = writers_lock_open(lock_path, error);

    if (descriptor < 0)
        return false;
    bool succeeded =
        writers_lock_take(descriptor, error) && connection_checkpoint(connection, error);
    close(descriptor); /* gives back the lock */
    return succeeded;
}

static bool copy_log(const struct checkpointer *checkpointer, struct error *error)
{
    /* Opened each time: another file may have taken the place of the last one. */
    const struct connection_options options = {.path = checkpointer->path, .mode = CONNECTION_READ};
    struct connection *connection = connection_open(&options, error);

    if (connection == NULL)
        return false;
    bool succeeded = copy_locked(connection, checkpointer->lock_path, error);
    connection_close(connection);
    return succeeded;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* False when it is to end. */
static bool wait_until_due(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    while (checkpointer->log_pages < checkpointer->due_at && !checkpointer->is_stopping)
        pthread_cond_wait(&checkpointer->told, &checkpointer->lock);
    bool is_stopping = checkpointer->is_stopping;
    pthread_mutex_unlock(&checkpointer->lock);
    return !is_stopping;
}

/* Readers of old pages may have kept it from getting everywhere. */
static void put_off(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->due_at = checkpointer->log_pages + CHECKPOINTER_LOG_PAGES;
    pthread_mutex_unlock(&checkpointer->lock);
}

static void *run(void *argument)
{
    struct checkpointer *checkpointer = argument;
    struct error error;

    while (wait_until_due(checkpointer)) {
        error_clear(&error);
        if (!copy_log(checkpointer, &error))
            log_warning(checkpointer->services->log, "the write-ahead log could not be copied",
                        LOG_TEXT("path", checkpointer->path), LOG_TEXT("reason", error.detail));
        put_off(checkpointer);
    }
    return NULL;
}

void checkpointer_tell(struct checkpointer *checkpointer, int log_pages)
{
    pthread_mutex_lock(&checkpointer->lock);
    if (log_pages < checkpointer->log_pages) /* it has started over */
        checkpointer->due_at = CHECKPOINTER_LOG_PAGES;
    checkpointer->log_pages = log_pages;
    if (log_pages >= checkpointer->due_at)
        pthread_cond_signal(&checkpointer->told);
    pthread_mutex_unlock(&checkpointer->lock);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void free_memory(struct checkpointer *checkpointer)
{
    pthread_cond_destroy(&checkpointer->told);
    pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}

struct checkpointer *checkpointer_create(const char *path, const char *lock_path,
                                         const struct services *services, struct error *error)
{
    struct checkpointer *checkpointer = calloc(1, sizeof(*checkpointer));

    if (checkpointer == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    checkpointer->path = path;
    checkpointer->lock_path = lock_path;
    checkpointer->services = services;
    checkpointer->due_at = CHECKPOINTER_LOG_PAGES;
    pthread_mutex_init(&checkpointer->lock, NULL);
    pthread_cond_init(&checkpointer->told, NULL);
    int failure = pthread_create(&checkpointer->thread, NULL, run, checkpointer);
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
    pthread_cond_signal(&checkpointer->told);
    pthread_mutex_unlock(&checkpointer->lock);
    pthread_join(checkpointer->thread, NULL);
    free_memory(checkpointer);
}
