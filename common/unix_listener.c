#include "common/unix_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Keeps "others" out: bind makes the file with mode 0777 less this. */
#define SOCKET_UMASK 0117

/* Between the look whether somebody listens at a path and the taking of it somebody else might take
 * it. A lock file of our own would stay behind; the directory is there in any case.
 *
 * Opens and locks the directory that `path` is in; -1 with *error. Closing it unlocks. */
static int lock_directory(const char *path, struct error *error)
{
    char directory[SOCKET_PATH_BYTES] = "";
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        strcpy(directory, ".");
    else if (slash == path)
        strcpy(directory, "/");
    else
        memcpy(directory, path, (size_t)(slash - path));
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        error_set(error, ERROR_UNAVAILABLE, "directory %s of the socket: %s", directory,
                  strerror(errno));
        return -1;
    }
    int result;
    do
        result = flock(descriptor, LOCK_EX);
    while (result != 0 && errno == EINTR);
    return descriptor; /* without the lock only simultaneous starts are less well told apart */
}

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    return address;
}

/* Whether something accepts connections at the path. */
static bool is_alive(const char *path)
{
    struct sockaddr_un address = unix_address(path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return false;
    /* EAGAIN: its queue of connections is full. */
    bool is_connected =
        connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
        errno == EAGAIN;
    close(descriptor);
    return is_connected;
}

/* Makes room at the path: removes the socket of a dead program, refuses all else. */
static bool clear_path(const char *path, struct error *error)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return errno == ENOENT ||
               error_set(error, ERROR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s exists and is no socket", path);
    if (is_alive(path))
        return error_set(error, ERROR_UNAVAILABLE, "another program is listening on %s", path);
    return unlink(path) == 0 || errno == ENOENT ||
           error_set(error, ERROR_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

static int bind_socket(const char *path, struct error *error)
{
    struct sockaddr_un address = unix_address(path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0) {
        error_set(error, ERROR_UNAVAILABLE, "socket: %s", strerror(errno));
        return -1;
    }
    mode_t previous = umask(SOCKET_UMASK);
    int result = bind(descriptor, (const struct sockaddr *)&address, sizeof(address));
    umask(previous);
    if (result != 0 || listen(descriptor, LISTENER_BACKLOG) != 0) {
        error_set(error, ERROR_UNAVAILABLE, "listening on %s: %s", path, strerror(errno));
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/* Notes which file it is, so that another's at the same path is not removed. */
static void remember(const char *path, struct unix_listener *listener)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return;
    strcpy(listener->path, path);
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
}

bool unix_listener_open(const char *path, struct unix_listener *listener, struct error *error)
{
    *listener = (struct unix_listener){.descriptor = -1};
    if (path[0] == '\0' || strlen(path) >= SOCKET_PATH_BYTES)
        return error_set(error, ERROR_INVALID, "the path of a socket has 1 to %d bytes: %s",
                         SOCKET_PATH_BYTES - 1, path);
    int directory = lock_directory(path, error);
    if (directory < 0)
        return false;
    if (clear_path(path, error))
        listener->descriptor = bind_socket(path, error);
    if (listener->descriptor >= 0)
        remember(path, listener);
    close(directory);
    return listener->descriptor >= 0;
}

void unix_listener_unlink(struct unix_listener *listener)
{
    struct stat status;
    struct error error;

    if (listener->path[0] == '\0')
        return;
    error_clear(&error);
    int directory = lock_directory(listener->path, &error);
    if (lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode)
        unlink(listener->path);
    if (directory >= 0)
        close(directory);
    listener->path[0] = '\0';
}
