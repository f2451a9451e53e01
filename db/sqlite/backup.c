#include "db/sqlite/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/statement.h"

/* The file must exist, empty and private, before SQLite fills it. */
static bool make_target(const char *target, struct error *error)
{
    int descriptor = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (descriptor < 0)
        return error_unavailable(error, "%s: %s", target, strerror(errno));
    close(descriptor);
    return true;
}

static bool copy_into(struct connection *connection, const char *target, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_BACKUP);

    bind_text(statement, 1, target);
    return statement_run(statement, error);
}

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

bool sqlite_backup(struct connection *connection, const char *target, struct error *error)
{
    if (!make_target(target, error))
        return false;
    if (copy_into(connection, target, error) && sync_file(target, error))
        return true;
    unlink(target);
    return false;
}
