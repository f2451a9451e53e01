#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* FCGX_IsCGI would look at descriptor 0 alone, which under systemd is /dev/null. */
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

static bool open_own(const char *path, struct listeners *listeners, struct error *error)
{
    if (!unix_listener_open(path, &listeners->own, error))
        return false;
    listeners->descriptors[listeners->count++] = listeners->own.descriptor;
    return true;
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
    unix_listener_unlink(&listeners->own);
}

void listeners_close(struct listeners *listeners)
{
    listeners_unlink(listeners);
    for (size_t i = 0; i < listeners->count; i++)
        close(listeners->descriptors[i]);
    listeners->count = 0;
}
