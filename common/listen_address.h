/*
 * Where somebody listens, as the configuration writes it: "unix:PATH", or "ADDRESS:PORT" with a
 * numeric address ("127.0.0.1:8081", "[::1]:8081"; port 0 for any free one). Any thread.
 */
#ifndef MESSAGERIE_COMMON_LISTEN_ADDRESS_H
#define MESSAGERIE_COMMON_LISTEN_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/error.h"

#define LISTEN_UNIX_PREFIX "unix:"

struct listen_address {
    const char *path; /* of a unix socket, in the text that it was read from; else NULL */
    struct sockaddr_storage internet;
    socklen_t length; /* of `internet` */
};

/* How far what listens on an internet address can be seen. */
enum listen_reach {
    LISTEN_MACHINE, /* from the machine itself */
    LISTEN_NETWORK, /* from a network that is private (RFC 1918, RFC 4193) or local to a link */
    LISTEN_WORLD,   /* on all of the machine's addresses, or on a public one */
};

/* False with *error (English, without the text itself) when it is neither. A path is not looked at:
 * see common/unix_listener.h. */
bool listen_address_parse(const char *text, struct listen_address *out, struct error *error);

/* In the host's byte order; 0 for a unix socket too. */
uint16_t listen_address_port(const struct listen_address *address);
void listen_address_set_port(struct listen_address *address, uint16_t port);

enum listen_reach listen_address_reach(const struct listen_address *address);

#endif
