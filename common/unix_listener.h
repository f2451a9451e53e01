/*
 * A listening unix socket at a path of our own. It has mode 0660 from its first moment on. A path
 * on which a live program listens is refused, what a dead one left is replaced, and at the end the
 * path is removed if it is still ours; all of this under a lock on the directory, so that two
 * starts at once cannot both win. Errors are in English. Main thread: the umask is set for a
 * moment.
 */
#ifndef MESSAGERIE_COMMON_UNIX_LISTENER_H
#define MESSAGERIE_COMMON_UNIX_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"

/* Connections that wait to be accepted; the kernel's net.core.somaxconn caps it. */
#define LISTENER_BACKLOG 4096
/* Of a path, with its NUL. */
#define SOCKET_PATH_BYTES 108

struct unix_listener {
    int descriptor;               /* non-blocking, close-on-exec; the caller's to close */
    char path[SOCKET_PATH_BYTES]; /* empty: there is nothing to remove */
    dev_t device;                 /* of the file at `path` as we made it */
    ino_t inode;
};

/* Listens at the path. False with *error, and an empty path in *listener. */
bool unix_listener_open(const char *path, struct unix_listener *listener, struct error *error);

/* Removes the path, if it is still ours, so that nobody connects any more. What has connected can
 * still be accepted. Does nothing more the second time. */
void unix_listener_unlink(struct unix_listener *listener);

#endif
