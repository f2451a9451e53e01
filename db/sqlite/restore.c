#include "db/sqlite/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/engine/migration.h"
#include "db/engine/schema.h"
#include "db/engine/statement.h"
#include "db/sqlite/connection.h"
#include "db/sqlite/files.h"
#include "db/sqlite/integrity.h"
#include "db/sqlite/writers_lock.h"

#define COPY_BYTES (256 * 1024)
/* The versions from which on there is what is changed in a copy (db/engine/schema.c). */
#define VERSION_OF_SOCKETS  2
#define VERSION_OF_TIMELINE 11

struct restore {
    const char *source;
    const struct driver *driver;
    int64_t busy_timeout_ms;
    char path[PATH_MAX]; /* where the database is, at the end of links */
    char fresh[PATH_MAX];
    char aside[PATH_MAX];
    char aside_fresh[PATH_MAX]; /* until it takes the place of another one that is aside */
};

static bool fail_on_file(const char *path, struct error *error)
{
    return error_unavailable(error, "%s: %s", path, strerror(errno));
}

static bool append(char out[PATH_MAX], const char *path, const char *suffix)
{
    return snprintf(out, PATH_MAX, "%s%s", path, suffix) < PATH_MAX;
}

static bool find_paths(struct restore *restore, const char *path, struct error *error)
{
    char resolved[PATH_MAX];

    if (realpath(path, resolved) != NULL)
        path = resolved;
    return (append(restore->path, path, "") && append(restore->fresh, path, ".restoring") &&
            append(restore->aside, path, RESTORE_ASIDE_SUFFIX) &&
            append(restore->aside_fresh, restore->aside, ".new")) ||
           error_unavailable(error, "%s: %s", path, strerror(ENAMETOOLONG));
}

/* What SQLite may have made beside the file. */
static void remove_others(const char *path)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    char other[PATH_MAX];

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (append(other, path, suffixes[i]))
            unlink(other);
}

static void remove_with_others(const char *path)
{
    unlink(path);
    remove_others(path);
}

/* ---- copying ------------------------------------------------------------------------------- */

/* A database that is, or was, in use has a part of its data in a log. */
static bool check_source(const struct restore *restore, struct error *error)
{
    char log[PATH_MAX];
    struct stat source, other;

    if (stat(restore->source, &source) != 0)
        return fail_on_file(restore->source, error);
    if (!S_ISREG(source.st_mode))
        return error_unavailable(error, "%s: it is no file", restore->source);
    if (stat(restore->path, &other) == 0 && other.st_dev == source.st_dev &&
        other.st_ino == source.st_ino)
        return error_unavailable(error, "%s: it is the database itself", restore->source);
    if (stat(restore->aside, &other) == 0 && other.st_dev == source.st_dev &&
        other.st_ino == source.st_ino)
        return error_unavailable(error, "%s: the present database goes there: rename it first",
                                 restore->source);
    if (append(log, restore->source, "-wal") && stat(log, &other) == 0 && other.st_size > 0)
        return error_unavailable(error, "%s: it is a database in use, not a backup of one",
                                 restore->source);
    return true;
}

static bool write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static bool copy_bytes(const char *source, int from, const char *target, int to, char *bytes,
                       struct error *error)
{
    ssize_t length;

    while ((length = read(from, bytes, COPY_BYTES)) != 0) {
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return fail_on_file(source, error);
        if (!write_all(to, bytes, (size_t)length))
            return fail_on_file(target, error);
    }
    return fsync(to) == 0 || fail_on_file(target, error);
}

/* No connection of ours is open meanwhile: closing a descriptor gives up no lock of SQLite's. */
static bool copy_file(const char *source, const char *target, struct error *error)
{
    char *bytes = malloc(COPY_BYTES);
    int from = open(source, O_RDONLY | O_CLOEXEC);
    int to = -1;
    bool succeeded = false;

    if (bytes == NULL)
        error_out_of_memory(error);
    else if (from < 0)
        fail_on_file(source, error);
    else if (!file_make(target, DATABASE_FILE_MODE) ||
             (to = open(target, O_WRONLY | O_CLOEXEC)) < 0)
        fail_on_file(target, error);
    else
        succeeded = copy_bytes(source, from, target, to, bytes, error);
    if (to >= 0)
        close(to);
    if (from >= 0)
        close(from);
    free(bytes);
    return succeeded;
}

/* ---- the copy ------------------------------------------------------------------------------ */

static bool check_version(const struct restore *restore, int64_t version, struct error *error)
{
    if (version == 0)
        return error_unavailable(error, "%s: it is no backup of messagerie", restore->source);
    if (version > schema_version_newest)
        return error_unavailable(error,
                                 "%s: it has schema version %lld, this program knows %lld: upgrade "
                                 "messagerie",
                                 restore->source, (long long)version,
                                 (long long)schema_version_newest);
    return true;
}

static bool check_data(const struct restore *restore, struct connection *connection,
                       struct error *error)
{
    struct buffer findings = BUFFER_EMPTY;
    bool succeeded = sqlite_check(connection, &findings, error);

    if (succeeded && findings.length > 0) {
        const char *text = buffer_text(&findings);
        succeeded = error_unavailable(error, "%s: it is damaged: %.*s", restore->source,
                                      text != NULL ? (int)strcspn(text, "\n") : 0,
                                      text != NULL ? text : "");
    }
    buffer_free(&findings);
    return succeeded;
}

bool sqlite_forget_sockets(struct connection *connection, struct error *error)
{
    int64_t version;

    return migration_read_version(connection, &version, error) &&
           (version < VERSION_OF_SOCKETS ||
            connection_run(connection, SQL_RECOVERIES_DELETE, error));
}

static bool change_copy(struct connection *connection, int64_t version, struct error *error)
{
    if (connection_run(connection, SQL_BEGIN_WRITE, error) &&
        sqlite_forget_sockets(connection, error) &&
        (version < VERSION_OF_TIMELINE || connection_run(connection, SQL_TIMELINE_RENEW, error)) &&
        connection_run(connection, SQL_COMMIT, error))
        return true;
    connection_roll_back(connection);
    return false;
}

static bool prepare_copy(const struct restore *restore, struct error *error)
{
    const struct sqlite_connection_options options = {.path = restore->fresh,
                                                      .mode = CONNECTION_WRITE,
                                                      .is_alone = true,
                                                      .driver = restore->driver};
    struct sqlite_connection *connection = sqlite_connection_open(&options, error);
    int64_t version;

    if (connection == NULL)
        return error_unavailable(error, "%s: it is no backup of messagerie", restore->source);
    bool succeeded = migration_read_version(&connection->base, &version, error) &&
                     check_version(restore, version, error) &&
                     check_data(restore, &connection->base, error) &&
                     change_copy(&connection->base, version, error);
    sqlite_connection_close(connection);
    return succeeded;
}

/* ---- taking its place ---------------------------------------------------------------------- */

/* By the last connection: SQLite copies the log into the file, and removes it. Not so when somebody
 * else has the database open, an administrator's shell say: what they keep in the log would be
 * lost. Should SQLite not be able to (the database may be why there is a restore), the log stays
 * for now. */
static bool close_log(const struct restore *restore, const char *log, struct error *error)
{
    const struct sqlite_connection_options options = {.path = restore->path,
                                                      .mode = CONNECTION_WRITE,
                                                      .busy_timeout_ms = restore->busy_timeout_ms,
                                                      .driver = restore->driver};
    struct error ignored;
    struct stat left;

    error_clear(&ignored);
    struct sqlite_connection *connection = sqlite_connection_open(&options, &ignored);
    bool is_readable = connection != NULL && sqlite_connection_checkpoint(connection, &ignored);
    sqlite_connection_close(connection);
    if (is_readable && stat(log, &left) == 0 && left.st_size > 0)
        return error_unavailable(error, "%s: somebody has it open: close it there first",
                                 restore->path);
    return true;
}

/* A log that SQLite could not copy goes aside with its database: beside another file it would be
 * taken for that one's. */
static bool move_log(const struct restore *restore, const char *log, struct error *error)
{
    char log_aside[PATH_MAX], index[PATH_MAX];

    if (!append(log_aside, restore->aside, "-wal") || !append(index, restore->path, "-shm"))
        return error_unavailable(error, "%s: %s", restore->path, strerror(ENAMETOOLONG));
    if (rename(log, log_aside) != 0 && errno != ENOENT)
        return fail_on_file(log, error);
    return unlink(index) == 0 || errno == ENOENT || fail_on_file(index, error);
}

static bool sync_folder(const char *path, struct error *error)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);

    snprintf(folder, sizeof(folder), "%.*s", length, path);
    int descriptor = open(length > 0 ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool succeeded = descriptor >= 0 && fsync(descriptor) == 0;
    if (!succeeded)
        fail_on_file(folder, error);
    if (descriptor >= 0)
        close(descriptor);
    return succeeded;
}

/* A second name, so that there is one at its own name at all times; or a copy, where a file can
 * have but one. */
static bool name_twice(const struct restore *restore, struct error *error)
{
    remove_with_others(restore->aside_fresh); /* of one that was killed */
    if (link(restore->path, restore->aside_fresh) == 0 ||
        copy_file(restore->path, restore->aside_fresh, error))
        return true;
    remove_with_others(restore->aside_fresh);
    return false;
}

/* Nothing that was there goes before all that can fail has succeeded. */
static bool put_aside(const struct restore *restore, struct error *error)
{
    char log[PATH_MAX];

    if (access(restore->path, F_OK) != 0 && errno == ENOENT) {
        remove_others(restore->path);
        return true;
    }
    if (!append(log, restore->path, "-wal"))
        return error_unavailable(error, "%s: %s", restore->path, strerror(ENAMETOOLONG));
    if (!close_log(restore, log, error) || !name_twice(restore, error))
        return false;
    remove_others(restore->aside);
    return (rename(restore->aside_fresh, restore->aside) == 0 ||
            fail_on_file(restore->aside, error)) &&
           move_log(restore, log, error);
}

static bool take_place(const struct restore *restore, struct error *error)
{
    return put_aside(restore, error) &&
           (rename(restore->fresh, restore->path) == 0 || fail_on_file(restore->path, error)) &&
           sync_folder(restore->path, error);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static bool restore_alone(const struct restore *restore, struct error *error)
{
    remove_with_others(restore->fresh); /* of one that was killed */
    if (check_source(restore, error) && copy_file(restore->source, restore->fresh, error) &&
        prepare_copy(restore, error) && take_place(restore, error))
        return true;
    remove_with_others(restore->fresh);
    return false;
}

bool sqlite_restore(const struct store_options *options, const char *source,
                    const struct driver *driver, struct error *error)
{
    struct restore restore = {
        .source = source, .driver = driver, .busy_timeout_ms = options->busy_timeout_ms};
    char lock_path[PATH_MAX];

    if (!find_paths(&restore, options->path, error))
        return false;
    if (!append(lock_path, restore.path, WRITERS_LOCK_SUFFIX))
        return error_unavailable(error, "%s: %s", restore.path, strerror(ENAMETOOLONG));
    int lock = writers_lock_open(lock_path, error);
    if (lock < 0)
        return false;
    bool succeeded =
        writers_lock_try_alone(lock)
            ? restore_alone(&restore, error)
            : error_unavailable(error, "%s: programs use it: stop them all first", restore.path);
    close(lock);
    return succeeded;
}
