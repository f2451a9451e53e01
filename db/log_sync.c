#include "db/log_sync.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/writers_lock.h"

#define COPY_BYTES (256 * 1024)

struct log_sync {
    const char *lock_path;
    pthread_rwlock_t lock; /* shared: to sync; alone: to change what follows */
    bool is_open;
    int descriptor; /* -1: there is no log */
    atomic_bool is_suspect;
};

/* ---- writing it again ---------------------------------------------------------------------- */

static bool fail(const char *what, struct error *error)
{
    return error_unavailable(error, "the log can't be %s: %s", what, strerror(errno));
}

static bool sync_descriptor(int descriptor)
{
    int result;

    do
        result = fdatasync(descriptor);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static bool write_all(int descriptor, const char *bytes, size_t length, off_t at)
{
    while (length > 0) {
        ssize_t written = pwrite(descriptor, bytes, length, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        length -= (size_t)written;
        at += written;
    }
    return true;
}

static bool rewrite(int descriptor, char *buffer, struct error *error)
{
    ssize_t length;

    for (off_t at = 0; (length = pread(descriptor, buffer, COPY_BYTES, at)) != 0;) {
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return fail("read", error);
        if (!write_all(descriptor, buffer, (size_t)length, at))
            return fail("written", error);
        at += length;
    }
    return sync_descriptor(descriptor) || fail("synced", error);
}

/* Nobody appends meanwhile; who reads finds the same bytes as before. */
static bool rewrite_locked(const struct log_sync *log, struct error *error)
{
    int lock = writers_lock_open(log->lock_path, error);
    char *buffer = malloc(COPY_BYTES);
    bool succeeded = false;

    if (buffer == NULL)
        error_out_of_memory(error);
    else if (lock >= 0)
        succeeded = writers_lock_take(lock, error) && rewrite(log->descriptor, buffer, error);
    free(buffer);
    if (lock >= 0)
        close(lock); /* gives back the lock */
    return succeeded;
}

static bool repair(struct log_sync *log, struct error *error)
{
    atomic_store(&log->is_suspect, true);
    if (!rewrite_locked(log, error))
        return false;
    atomic_store(&log->is_suspect, false);
    return true;
}

/* ---- syncing it ---------------------------------------------------------------------------- */

static bool try_sync(struct log_sync *log)
{
    pthread_rwlock_rdlock(&log->lock);
    bool has_log = log->descriptor >= 0;
    bool succeeded =
        log->is_open &&
        (!has_log || (!atomic_load(&log->is_suspect) && sync_descriptor(log->descriptor)));
    pthread_rwlock_unlock(&log->lock);
    return succeeded;
}

bool log_sync_run(struct log_sync *log, struct error *error)
{
    if (try_sync(log))
        return true;
    pthread_rwlock_wrlock(&log->lock);
    bool succeeded = log->is_open ? log->descriptor < 0 || repair(log, error)
                                  : error_unavailable(error, "the log is not open");
    pthread_rwlock_unlock(&log->lock);
    return succeeded;
}

bool log_sync_is_suspect(struct log_sync *log)
{
    return atomic_load(&log->is_suspect);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void set(struct log_sync *log, bool is_open, int descriptor)
{
    pthread_rwlock_wrlock(&log->lock);
    if (log->descriptor >= 0)
        close(log->descriptor);
    log->is_open = is_open;
    log->descriptor = descriptor;
    pthread_rwlock_unlock(&log->lock);
}

void log_sync_open(struct log_sync *log, int descriptor)
{
    set(log, true, descriptor);
}

void log_sync_close(struct log_sync *log)
{
    set(log, false, -1);
}

struct log_sync *log_sync_create(const char *lock_path, struct error *error)
{
    struct log_sync *log = calloc(1, sizeof(*log));

    if (log == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    log->lock_path = lock_path;
    log->descriptor = -1;
    pthread_rwlock_init(&log->lock, NULL);
    return log;
}

void log_sync_free(struct log_sync *log)
{
    if (log == NULL)
        return;
    log_sync_close(log);
    pthread_rwlock_destroy(&log->lock);
    free(log);
}
