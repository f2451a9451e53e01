#include "common/socket_file.h"

#include <string.h>
#include <sys/stat.h>

static const char *path_of(const char *address)
{
    static const char *const prefixes[] = {"unix:", "ipc://"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(address, prefixes[i], strlen(prefixes[i])) == 0)
            return address + strlen(prefixes[i]);
    return "";
}

void socket_file_note(struct socket_file *file, const char *address)
{
    struct stat status;

    *file = (struct socket_file){0};
    if (stat(path_of(address), &status) != 0)
        return;
    strcpy(file->path, path_of(address));
    file->device = status.st_dev;
    file->inode = status.st_ino;
}

bool socket_file_is_there(const struct socket_file *file)
{
    struct stat status;

    return file->path[0] == '\0' || (stat(file->path, &status) == 0 &&
                                     status.st_dev == file->device && status.st_ino == file->inode);
}
