#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Keeps "others" out: bind makes the file with mode 0777 less this. */
#define SOCKET_UMASK 0117

static bool is_listening(int descriptor)
{
    int value = 0;
    socklen_t size = sizeof(value);

    return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

/* How many descriptors systemd hands over to this process; -1 when the number is nonsense. */
static long handed_over_count(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    char *end;

    if (pid == NULL || count == NULL || strtol(pid, &end, 10) != (long)getpid() || *end != '\0')
        return 0;
    long number = strtol(count, &end, 10);
    return *end == '\0' && number >= 1 && number <= LISTENERS_MAX ? number : -1;
}

bool listeners_are_inherited(void)
{
    return handed_over_count() != 0 || is_listening(STDIN_FILENO);
}

static bool add_listener(struct listeners *listeners, int descriptor, struct error *error)
{
    int flags = fcntl(descriptor, F_GETFL);

    if (!is_listening(descriptor))
        return error_set(error, ERROR_INVALID, "descriptor %d is no listening socket", descriptor);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0)
        return error_set(error, ERROR_UNAVAILABLE, "descriptor %d: %s", descriptor,
                         strerror(errno));
    listeners->descriptors[listeners->count++] = descriptor;
    return true;
}

static bool take_handed_over(long count, struct listeners *listeners, struct error *error)
{
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (count < 0)
        return error_set(error, ERROR_INVALID, "LISTEN_FDS is not a number from 1 to %d",
                         LISTENERS_MAX);
    for (long i = 0; i < count; i++)
        if (!add_listener(listeners, LISTEN_FDS_START + (int)i, error))
            return false;
    return true;
}

/* Opens and locks the directory that `path` is in; -1 with *error. Closing it unlocks. */
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
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0) {
        error_set(error, ERROR_UNAVAILABLE, "socket: %s", strerror(errno));
        return -1;
    }
    mode_t previous = umask(SOCKET_UMASK);
    int result = bind(descriptor, (const struct sockaddr *)&address, sizeof(address));
    umask(previous);
    if (result != 0 || listen(descriptor, LISTEN_BACKLOG) != 0) {
        error_set(error, ERROR_UNAVAILABLE, "listening on %s: %s", path, strerror(errno));
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static bool open_own(const char *path, struct listeners *listeners, struct error *error)
{
    struct stat status;

    if (path[0] == '\0' || strlen(path) >= SOCKET_PATH_BYTES)
        return error_set(error, ERROR_INVALID, "the path of a socket has 1 to %d bytes: %s",
                         SOCKET_PATH_BYTES - 1, path);
    int directory = lock_directory(path, error);
    if (directory < 0)
        return false;
    int descriptor = clear_path(path, error) ? bind_socket(path, error) : -1;
    if (descriptor >= 0 && lstat(path, &status) == 0) {
        strcpy(listeners->own_path, path);
        listeners->own_device = status.st_dev;
        listeners->own_inode = status.st_ino;
    }
    close(directory);
    if (descriptor < 0)
        return false;
    if (add_listener(listeners, descriptor, error))
        return true;
    close(descriptor);
    return false;
}

bool listeners_open(const char *path, struct listeners *listeners, struct error *error)
{
    long handed_over = handed_over_count();
    bool succeeded;

    *listeners = (struct listeners){0};
    if (handed_over != 0)
        succeeded = take_handed_over(handed_over, listeners, error);
    else if (is_listening(STDIN_FILENO))
        succeeded = add_listener(listeners, STDIN_FILENO, error);
    else
        succeeded = open_own(path, listeners, error);
    if (!succeeded)
        listeners_close(listeners);
    return succeeded;
}

void listeners_unlink(struct listeners *listeners)
{
    struct stat status;
    struct error error;

    if (listeners->own_path[0] == '\0')
        return;
    error_clear(&error);
    int directory = lock_directory(listeners->own_path, &error);
    if (lstat(listeners->own_path, &status) == 0 && status.st_dev == listeners->own_device &&
        status.st_ino == listeners->own_inode)
        unlink(listeners->own_path);
    if (directory >= 0)
        close(directory);
    listeners->own_path[0] = '\0';
}

void listeners_close(struct listeners *listeners)
{
    listeners_unlink(listeners);
    for (size_t i = 0; i < listeners->count; i++)
        close(listeners->descriptors[i]);
    listeners->count = 0;
}
