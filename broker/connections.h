/*
 * How many connections there are, in all and from each address. They are limited before anybody has
 * shown a token: a stranger's must not take the place of a user's.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_CONNECTIONS_H
#define MESSAGERIE_BROKER_CONNECTIONS_H

#include <stddef.h>

#include "broker/protocol/engineio.h"
#include "broker/transport/table.h"
#include "common/config.h"

/* All zero is none. */
struct connections {
    size_t count;
    struct table addresses;
};

/* Counts one more from that address, unless broker.max_connections or …_per_address is reached. The
 * verdict's user is for connections_drop; its message is French. */
struct engineio_verdict connections_take(struct connections *connections,
                                         const struct config *config, const char *address);

/* One less: `user` is that of its verdict. */
void connections_drop(struct connections *connections, void *user);

/* Frees the table; there must be no connections. */
void connections_free(struct connections *connections);

#endif
