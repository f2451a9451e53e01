#include "db/sqlite/log_sync.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/statement.h"
#include "db/sqlite/connection.h"
#include "db/sqlite/writers_lock.h"

#define COPY_BYTES (256 * 1024)
/* How long a writer that does not take our lock is waited for. */
#define REPAIR_BUSY_TIMEOUT_MS 5000

struct log_sync {
    const char *path;
    const char *lock_path;
    const struct driver *driver;
    /* Over what follows, and over each sync: of two at once only one would hear of an error. */
    pthread_mutex_t lock;
    bool is_open;
    int descriptor; /* -1: there is no log */
    atomic_bool is_suspect;
};

/* ---- writing it again ---------------------------------------------------------------------- */

static bool fail_with_errno(const char *what, struct error *error)
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

static bool copy_in_place(int descriptor, char *buffer, struct error *error)
{
    ssize_t length;

    for (off_t at = 0; (length = pread(descriptor, buffer, COPY_BYTES, at)) != 0;) {
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return fail_with_errno("read", error);
        if (!write_all(descriptor, buffer, (size_t)length, at))
            return fail_with_errno("written", error);
        at += length;
    }
    return sync_descriptor(descriptor) || fail_with_errno("synced", error);
}

/* Who reads finds the same bytes as before. */
static bool rewrite_log(const struct log_sync *log, struct error *error)
{
    char *buffer = malloc(COPY_BYTES);

    if (buffer == NULL)
        return error_out_of_memory(error);
    bool succeeded = copy_in_place(log->descriptor, buffer, error);
    free(buffer);
    return succeeded;
}

/* An administrator's shell knows nothing of our lock, but of SQLite's own. */
static bool rewrite_without_writers(const struct log_sync *log, struct error *error)
{
    const struct sqlite_connection_options options = {.path = log->path,
                                                      .mode = CONNECTION_WRITE,
                                                      .busy_timeout_ms = REPAIR_BUSY_TIMEOUT_MS,
                                                      .driver = log->driver};
    struct sqlite_connection *connection = sqlite_connection_open(&options, error);

    if (connection == NULL)
        return false;
    bool succeeded =
        connection_run(&connection->base, SQL_BEGIN_WRITE, error) && rewrite_log(log, error);
    sqlite_connection_close(connection);
    return succeeded;
}

static bool repair_log(struct log_sync *log, struct error *error)
{
    atomic_store(&log->is_suspect, true);
    int lock = writers_lock_open(log->lock_path, error);
    if (lock < 0)
        return false;
    bool succeeded = writers_lock_take(lock, error) && rewrite_without_writers(log, error);
    close(lock); /* gives back the lock */
    if (succeeded)
        atomic_store(&log->is_suspect, false);
    return succeeded;
}

/* ---- syncing it ---------------------------------------------------------------------------- */

static bool sync_open_log(struct log_sync *log, struct error *error)
{
    if (log->descriptor < 0) /* there is none */
        return true;
    return (!atomic_load(&log->is_suspect) && sync_descriptor(log->descriptor)) ||
           repair_log(log, error);
}

bool log_sync_run(struct log_sync *log, struct error *error)
{
    pthread_mutex_lock(&log->lock);
    bool succeeded =
        log->is_open ? sync_open_log(log, error) : error_unavailable(error, "the log is not open");
    pthread_mutex_unlock(&log->lock);
    return succeeded;
}

bool log_sync_is_suspect(struct log_sync *log)
{
    return atomic_load(&log->is_suspect);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void set_descriptor(struct log_sync *log, bool is_open, int descriptor)
{
    pthread_mutex_lock(&log->lock);
    if (log->descriptor >= 0)
        close(log->descriptor);
    log->is_open = is_open;
    log->descriptor = descriptor;
    pthread_mutex_unlock(&log->lock);
}

void log_sync_open(struct log_sync *log, int descriptor)
{
    set_descriptor(log, true, descriptor);
}

void log_sync_close(struct log_sync *log)
{
    set_descriptor(log, false, -1);
}

struct log_sync *log_sync_create(const char *path, const char *lock_path,
                                 const struct driver *driver, struct error *error)
{
    struct log_sync *log = calloc(1, sizeof(*log));

    if (log == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    log->path = path;
    log->lock_path = lock_path;
    log->driver = driver;
    log->descriptor = -1;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void log_sync_free(struct log_sync *log)
{
    if (log == NULL)
        return;
    log_sync_close(log);
    pthread_mutex_destroy(&log->lock);
    free(log);
}
