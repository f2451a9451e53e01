#include "db/sqlite/sqlite_driver.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/assert.h"
#include "db/sqlite/backup.h"
#include "db/sqlite/checkpointer.h"
#include "db/sqlite/connection.h"
#include "db/sqlite/database_file.h"
#include "db/sqlite/integrity.h"
#include "db/sqlite/log_sync.h"
#include "db/sqlite/restore.h"
#include "db/sqlite/statement.h"
#include "db/sqlite/writers_lock.h"

/* The file that a connection was opened on: another one at the same path (restored from a backup)
 * must be opened anew. */
struct file_identity {
    dev_t device;
    ino_t inode;
};

struct sqlite_store {
    struct store base;
    char *path;
    char *lock_path;
    int64_t busy_timeout_ms;
    struct log_sync *log;
    struct checkpointer *checkpointer;
    struct database_file database_file;
    /* The writer's, while one is open. */
    int lock_descriptor; /* -1: none is */
    struct file_identity file;
    /* That of the writer before, until there is another: -1 when there was none. We still use the
     * database while it can't be opened, and nobody may put another in its place meanwhile. */
    int use_descriptor;
};

static struct sqlite_store *store_of(struct store *store)
{
    return CONTAINER_OF(store, struct sqlite_store, base);
}

/* ---- the store ----------------------------------------------------------------------------- */

static void destroy_store(struct store *base)
{
    struct sqlite_store *store = store_of(base);

    ASSERT(store->lock_descriptor < 0);
    if (store->use_descriptor >= 0)
        close(store->use_descriptor);
    if (store->checkpointer != NULL)
        checkpointer_free(store->checkpointer);
    if (store->log != NULL)
        log_sync_free(store->log);
    free(store->path);
    free(store->lock_path);
    free(store);
}

static bool fill_store(struct sqlite_store *store, const struct store_options *options,
                       const struct services *services, struct error *error)
{
    /* Where the path is a link, SQLite's log is beside what it leads to, and so is the lock: one
     * database has one queue of writers, by whatever name they know it. */
    char resolved[PATH_MAX];
    const char *path = realpath(options->path, resolved) != NULL ? resolved : options->path;

    store->path = strdup(options->path);
    if (store->path == NULL || asprintf(&store->lock_path, "%s" WRITERS_LOCK_SUFFIX, path) < 0) {
        store->lock_path = NULL;
        return error_out_of_memory(error);
    }
    store->log = log_sync_create(store->path, store->lock_path, &sqlite_driver, error);
    if (store->log == NULL)
        return false;
    const struct checkpointer_options checkpointer = {.path = store->path,
                                                      .lock_path = store->lock_path,
                                                      .driver = &sqlite_driver,
                                                      .log = store->log,
                                                      .file = &store->database_file,
                                                      .services = services};
    store->checkpointer = checkpointer_create(&checkpointer, error);
    return store->checkpointer != NULL;
}

static struct store *create_store(const struct store_options *options,
                                  const struct services *services, struct error *error)
{
    struct sqlite_store *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    store->base.driver = &sqlite_driver;
    store->busy_timeout_ms = options->busy_timeout_ms;
    store->lock_descriptor = store->use_descriptor = -1;
    if (!fill_store(store, options, services, error)) {
        destroy_store(&store->base);
        return NULL;
    }
    return &store->base;
}

static bool sync_store(struct store *store, struct error *error)
{
    return log_sync_run(store_of(store)->log, error);
}

/* ---- connections --------------------------------------------------------------------------- */

static bool identify(const char *path, struct file_identity *file)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return false;
    *file = (struct file_identity){.device = status.st_dev, .inode = status.st_ino};
    return true;
}

/* Asked before each transaction, which costs a system call: the descriptor of a file that was
 * replaced works on, and what is committed to it is lost with it. */
static bool is_current(const struct connection *connection)
{
    const struct sqlite_store *store = store_of(connection->store);
    struct file_identity present;

    return identify(store->path, &present) && present.device == store->file.device &&
           present.inode == store->file.inode;
}

/* After a failed sync of the file the log is all that is known to be whole
 * (db/sqlite/checkpointer.h).
 */
static void close_file(struct sqlite_store *store, struct sqlite_connection *connection)
{
    if (checkpointer_has_failed_sync(store->checkpointer))
        sqlite_connection_keep_log(connection);
    sqlite_connection_close(connection);
}

/* `descriptor`: what says from now on that the database is in use; -1: nothing. */
static void replace_use(struct sqlite_store *store, int descriptor)
{
    if (store->use_descriptor >= 0)
        close(store->use_descriptor);
    store->use_descriptor = descriptor;
}

static void close_writer(struct sqlite_store *store, struct sqlite_connection *connection)
{
    checkpointer_close(store->checkpointer);
    log_sync_close(store->log);
    close_file(store, connection);
    writers_lock_give_back(store->lock_descriptor);
    replace_use(store, store->lock_descriptor);
    store->lock_descriptor = -1;
}

static void close_connection(struct connection *base)
{
    struct sqlite_connection *connection = sqlite_connection_of(base);

    if (base->store == NULL)
        sqlite_connection_close(connection);
    else if (connection->mode == CONNECTION_WRITE)
        close_writer(store_of(base->store), connection);
    else
        close_file(store_of(base->store), connection);
}

static bool is_filled(int descriptor)
{
    struct stat status;

    return descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_size > 0;
}

static bool open_log(struct sqlite_store *store, struct sqlite_connection *connection,
                     struct error *error)
{
    int descriptor;

    if (!sqlite_connection_open_log(connection, &descriptor, error))
        return false;
    if (is_filled(descriptor))
        checkpointer_tell_of_old_log(store->checkpointer);
    log_sync_open(store->log, descriptor);
    return identify(store->path, &store->file) ||
           error_unavailable(error, "%s: it is gone", store->path);
}

static struct sqlite_connection *open_file(struct sqlite_store *store, enum connection_mode mode,
                                           bool may_create, struct error *error)
{
    const struct sqlite_connection_options options = {.path = store->path,
                                                      .mode = mode,
                                                      .busy_timeout_ms = store->busy_timeout_ms,
                                                      .may_create = may_create,
                                                      .driver = &sqlite_driver,
                                                      .file = &store->database_file};
    struct sqlite_connection *connection = sqlite_connection_open(&options, error);

    if (connection != NULL)
        connection->base.store = &store->base;
    return connection;
}

/* With a lock of our own (db/sqlite/writers_lock.h), as SQLite's busy handler sleeps and asks
 * again: of three busy processes one waited for up to a second, and in a queue for 30 milliseconds.
 */
static struct sqlite_connection *open_writer(struct sqlite_store *store, bool may_create,
                                             struct error *error)
{
    ASSERT(store->lock_descriptor < 0);
    store->lock_descriptor = writers_lock_open(store->lock_path, error);
    if (store->lock_descriptor < 0)
        return NULL;
    struct sqlite_connection *connection =
        writers_lock_try_use(store->lock_descriptor)
            ? open_file(store, CONNECTION_WRITE, may_create, error)
            : (error_unavailable(error, "%s: it is being restored", store->path), NULL);
    if (connection == NULL) {
        close(store->lock_descriptor);
        store->lock_descriptor = -1;
        return NULL;
    }
    if (!open_log(store, connection, error)) {
        close_writer(store, connection);
        return NULL;
    }
    replace_use(store, -1);
    return connection;
}

static struct connection *open_connection(struct store *base, enum connection_mode mode,
                                          bool may_create, struct error *error)
{
    struct sqlite_store *store = store_of(base);
    struct sqlite_connection *connection = mode == CONNECTION_WRITE
                                               ? open_writer(store, may_create, error)
                                               : open_file(store, mode, false, error);

    return connection != NULL ? &connection->base : NULL;
}

static struct connection *open_outside(const struct store_options *options,
                                       enum connection_mode mode, struct error *error)
{
    const struct sqlite_connection_options outside = {.path = options->path,
                                                      .mode = mode,
                                                      .busy_timeout_ms = options->busy_timeout_ms,
                                                      .driver = &sqlite_driver};
    struct sqlite_connection *connection = sqlite_connection_open(&outside, error);

    return connection != NULL ? &connection->base : NULL;
}

static bool is_in_transaction(const struct connection *connection)
{
    return sqlite_connection_is_in_transaction(
        CONTAINER_OF(connection, const struct sqlite_connection, base));
}

static bool execute(struct connection *connection, const char *sql, struct error *error)
{
    return sqlite_connection_execute(sqlite_connection_of(connection), sql, error);
}

/* ---- the administrator's ------------------------------------------------------------------- */

static struct connection *open_alone(const struct store_options *options, struct error *error)
{
    return open_outside(options, CONNECTION_READ, error);
}

/* SQLite lets only a connection for writing make the copy. */
static bool back_up(const struct store_options *options, const char *target, struct error *error)
{
    struct connection *connection = open_outside(options, CONNECTION_WRITE, error);
    bool succeeded = connection != NULL && sqlite_backup(connection, target, error);

    if (connection != NULL)
        close_connection(connection);
    return succeeded;
}

static bool restore(const struct store_options *options, const char *source, struct error *error)
{
    return sqlite_restore(options, source, &sqlite_driver, error);
}

/* ---- the only one to write ----------------------------------------------------------------- */

/* What is written while the log is suspect would not be durable either. */
static bool lock(struct connection *connection, struct error *error)
{
    struct sqlite_store *store = store_of(connection->store);

    return (!log_sync_is_suspect(store->log) || log_sync_run(store->log, error)) &&
           writers_lock_take(store->lock_descriptor, error);
}

/* A checkpoint begins here, under the lock (db/sqlite/checkpointer.h). */
static void unlock(struct connection *connection)
{
    struct sqlite_store *store = store_of(connection->store);
    struct sqlite_connection *writer = sqlite_connection_of(connection);
    int log_pages = sqlite_connection_take_log_pages(writer);

    if (log_pages > 0)
        checkpointer_tell(store->checkpointer, log_pages);
    if (connection->has_erased && writer->has_log)
        checkpointer_tell_of_erasure(store->checkpointer);
    connection->has_erased = false;
    writers_lock_give_back(store->lock_descriptor);
}

const struct driver sqlite_driver = {
    .dialect = SQL_DIALECT_SQLITE,
    .create = create_store,
    .destroy = destroy_store,
    .sync = sync_store,
    .open = open_connection,
    .close = close_connection,
    .is_current = is_current,
    .lock = lock,
    .unlock = unlock,
    .is_in_transaction = is_in_transaction,
    .execute = execute,
    .prepare = sqlite_statement_prepare,
    .bind_text = sqlite_statement_bind_text,
    .bind_integer = sqlite_statement_bind_integer,
    .step = sqlite_statement_step,
    .run = sqlite_statement_run,
    .reset = sqlite_statement_reset,
    .text = sqlite_statement_text,
    .bytes = sqlite_statement_bytes,
    .integer = sqlite_statement_integer,
    .is_null = sqlite_statement_is_null,
    .open_alone = open_alone,
    .check = sqlite_check,
    .backup = back_up,
    .restore = restore,
};
