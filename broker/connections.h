/*
 * How many connections there are, in all and without a user. Who has not shown a token yet lives on
 * a budget: broker.max_anonymous_connections in all, of which an address has a share. When either
 * is used up, the oldest of the address that holds most makes room, so that a stranger takes a
 * place of their own and never a user's, nor that of somebody else who is just coming.
 *
 * broker.max_connections_per_address is another thing: as many as one address may have without a
 * user at once, and one more is refused.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_CONNECTIONS_H
#define MESSAGERIE_BROKER_CONNECTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "broker/protocol/socketio.h"
#include "broker/transport/table.h"
#include "common/config.h"

/* All zero is none. */
struct connections {
    size_t count;     /* with and without a user */
    size_t anonymous; /* without one */
    uint64_t evicted; /* that had to make room */
    struct table addresses;
};

/* Counts one more from the address `text`, unless broker.max_connections or …_per_address is
 * reached. The verdict's user is for the calls below; its message is French. */
struct engineio_verdict connections_take(struct connections *connections,
                                         const struct config *config, const char *text);

/* `user` of a verdict is that connection now: it can be made to go. */
void connections_open(void *user, struct socketio_connection *connection);

/* It has a user from now on; and again none. */
void connections_admit(struct connections *connections, void *user);
void connections_dismiss(struct connections *connections, void *user);

/* One less: `user` is that of its verdict. */
void connections_drop(struct connections *connections, void *user);

/* Frees the table; there must be no connections. */
void connections_free(struct connections *connections);

#endif
