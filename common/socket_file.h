/*
 * Whether a unix socket that was bound can still be reached: its file may have been removed, or
 * another may stand in its place, which whoever listens is not told of. Any thread.
 */
#ifndef MESSAGERIE_COMMON_SOCKET_FILE_H
#define MESSAGERIE_COMMON_SOCKET_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/config.h"

struct socket_file {
    char path[CONFIG_TEXT_BYTES]; /* "": there is none, as the address is no path */
    dev_t device;
    ino_t inode;
};

/* Just after it was bound. The address is one of the configuration: unix:PATH, ipc://PATH, or any
 * other, which has no file. */
void socket_file_note(struct socket_file *file, const char *address);

/* Also true where there is no file. */
bool socket_file_is_there(const struct socket_file *file);

#endif
