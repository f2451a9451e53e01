#include "broker/transport/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/listen_address.h"
#include "common/unix_listener.h"

static int fail_to_listen(struct error *error, const char *text, const char *reason, int descriptor)
{
    error_set(error, ERROR_UNAVAILABLE, "cannot listen on %s: %s", text, reason);
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

static int open_unix(const char *text, const char *path, struct error *error)
{
    struct unix_listener listener;
    struct error reason;

    error_clear(&reason);
    if (!unix_listener_open(path, &listener, &reason))
        return fail_to_listen(error, text, reason.text, -1);
    return listener.descriptor;
}

static int open_internet(const char *text, const struct listen_address *address,
                         struct error *error)
{
    static const int on = 1;
    int descriptor =
        socket(address->internet.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (descriptor < 0 || setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(descriptor, (const struct sockaddr *)&address->internet, address->length) != 0 ||
        listen(descriptor, LISTENER_BACKLOG) != 0)
        return fail_to_listen(error, text, strerror(errno), descriptor);
    return descriptor;
}

int listener_open(const char *text, struct error *error)
{
    struct listen_address address;
    struct error reason;

    error_clear(&reason);
    if (!listen_address_parse(text, &address, &reason))
        return fail_to_listen(error, text, reason.text, -1);
    return address.path != NULL ? open_unix(text, address.path, error)
                                : open_internet(text, &address, error);
}

uint16_t listener_port(int descriptor)
{
    struct listen_address address = {.length = sizeof(address.internet)};

    if (getsockname(descriptor, (struct sockaddr *)&address.internet, &address.length) != 0)
        return 0;
    return listen_address_port(&address);
}
