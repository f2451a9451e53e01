#include "broker/transport/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/unix_listener.h"

#define UNIX_PREFIX "unix:"

static int fail(struct error *error, const char *address, const char *reason, int descriptor)
{
    error_set(error, ERROR_UNAVAILABLE, "cannot listen on %s: %s", address, reason);
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

static int open_unix(const char *address, struct error *error)
{
    struct unix_listener listener;
    struct error reason;

    error_clear(&reason);
    if (!unix_listener_open(address + strlen(UNIX_PREFIX), &listener, &reason))
        return fail(error, address, reason.text, -1);
    return listener.descriptor;
}

/* Splits "ADDRESS:PORT" or "[ADDRESS]:PORT". */
static bool split(const char *text, char host[NI_MAXHOST], const char **port)
{
    const char *colon = strrchr(text, ':');

    if (!colon || colon == text || colon[1] == '\0')
        return false;
    bool has_brackets = text[0] == '[' && colon[-1] == ']';
    const char *start = has_brackets ? text + 1 : text;
    size_t length = (size_t)(colon - start) - (has_brackets ? 1 : 0);
    if (length == 0 || length >= NI_MAXHOST)
        return false;
    memcpy(host, start, length);
    host[length] = '\0';
    *port = colon + 1;
    return true;
}

static int open_internet(const char *text, struct error *error)
{
    static const int on = 1;
    static const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                          .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char host[NI_MAXHOST];
    const char *port;

    if (!split(text, host, &port))
        return fail(error, text, "expected ADDRESS:PORT or unix:PATH", -1);
    int result = getaddrinfo(host, port, &hints, &found);
    if (result != 0)
        return fail(error, text, gai_strerror(result), -1);
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_listening = descriptor >= 0 &&
                        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                        bind(descriptor, found->ai_addr, found->ai_addrlen) == 0 &&
                        listen(descriptor, LISTENER_BACKLOG) == 0;
    freeaddrinfo(found);
    if (!is_listening)
        return fail(error, text, strerror(errno), descriptor);
    return descriptor;
}

int listener_open(const char *address, struct error *error)
{
    if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return open_unix(address, error);
    return open_internet(address, error);
}

uint16_t listener_port(int descriptor)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);

    if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}
