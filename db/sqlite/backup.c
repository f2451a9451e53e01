#include "db/sqlite/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/statement.h"
#include "db/sqlite/connection.h"
#include "db/sqlite/files.h"
#include "db/sqlite/restore.h"

/* A copy is nobody's but who made it, until they say otherwise. */
#define BACKUP_FILE_MODE 0600

/* The file must exist, empty and private, before SQLite fills it. */
static bool make_target(const char *target, struct error *error)
{
    return file_make(target, BACKUP_FILE_MODE) ||
           error_unavailable(error, "%s: %s", target, strerror(errno));
}

static bool copy_into(struct connection *connection, const char *target, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_BACKUP);

    bind_text(statement, 1, target);
    return statement_run(statement, error);
}

/* SQLite syncs nothing that it makes by VACUUM INTO. */
static bool sync_file(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool succeeded = descriptor >= 0 && fsync(descriptor) == 0;

    if (!succeeded)
        error_unavailable(error, "%s: %s", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return succeeded;
}

/* What is of the moment alone is not in it. */
static bool finish_copy(const struct connection *connection, const char *target,
                        struct error *error)
{
    const struct sqlite_connection_options options = {
        .path = target, .mode = CONNECTION_WRITE, .is_alone = true, .driver = connection->driver};
    struct sqlite_connection *copy = sqlite_connection_open(&options, error);
    bool succeeded = copy != NULL && sqlite_forget_sockets(&copy->base, error);

    sqlite_connection_close(copy);
    return succeeded;
}

bool sqlite_backup(struct connection *connection, const char *target, struct error *error)
{
    if (!make_target(target, error))
        return false;
    if (copy_into(connection, target, error) && finish_copy(connection, target, error) &&
        sync_file(target, error))
        return true;
    unlink(target);
    return false;
}
