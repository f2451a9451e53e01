#include "db/sqlite/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_owner.h"

/* The folder of a path, and what is behind its last slash in *name; -1 with errno. */
static int open_folder(const char *path, const char **name)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);

    *name = slash != NULL ? slash + 1 : path;
    if (snprintf(folder, sizeof(folder), "%.*s", length, path) >= (int)sizeof(folder)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(length > 0 ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Without a descriptor of the file: closing one would give up the locks that SQLite may hold on it
 * by then in this process (fcntl). */
bool file_make(const char *path, mode_t mode)
{
    const char *name;
    int folder = open_folder(path, &name);

    if (folder < 0)
        return false;
    bool is_made = mknodat(folder, name, S_IFREG | mode, 0) == 0;
    bool is_given = is_made && file_give_to_owner_of_folder(folder, name);
    int reason = errno;
    if (is_made && !is_given)
        unlinkat(folder, name, 0);
    close(folder);
    errno = reason;
    return is_given;
}

void files_tighten(const char *database_path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock"};
    char resolved[PATH_MAX], path[PATH_MAX];
    struct stat status;

    /* The log and the lock are beside what a link leads to. */
    if (realpath(database_path, resolved) == NULL)
        return;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (snprintf(path, sizeof(path), "%s%s", resolved, suffixes[i]) >= (int)sizeof(path) ||
            stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid())
            continue;
        mode_t mode = status.st_mode & 07777;
        if ((mode & ~(mode_t)DATABASE_FILE_MODE) != 0)
            chmod(path, mode & DATABASE_FILE_MODE);
    }
}
