/*
 * How many connections there are, with and without a user. Users have broker.max_connections. Who
 * has not shown a token yet lives on a budget: broker.max_anonymous_connections in all, of which an
 * address has a share. When either is used up, the oldest of the address that holds most makes
 * room, so that a stranger takes a place of their own and never a user's, nor that of somebody else
 * who is just coming.
 *
 * broker.max_connections_per_address, where it is set, is a smaller share, and one more is refused;
 * but never more than ADDRESS_REFUSALS_IN_A_ROW times, as front-ends give up after five.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_CONNECTIONS_H
#define MESSAGERIE_BROKER_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/protocol/socketio.h"
#include "broker/transport/table.h"
#include "common/config.h"
#include "common/log.h"

/* So many connections of which nearly all (in per cent) come from one address are told of, once: it
 * is a salon, or a proxy that does not say whose requests it passes on. */
#define CONNECTIONS_CROWD     100
#define CONNECTIONS_CROWD_MAX 95

/* Handshakes of one address that broker.max_connections_per_address refuses one after another. */
#define ADDRESS_REFUSALS_IN_A_ROW 3

/* All zero but for `log` is none. */
struct connections {
    const struct log *log; /* NULL: nothing is told */
    bool has_told;
    size_t count;     /* with and without a user */
    size_t anonymous; /* without one */
    uint64_t evicted; /* that had to make room */
    struct table addresses;
};

/* Counts one more from the address `text`, unless …_per_address is reached, or there is no place in
 * either budget. The verdict's user is for the calls below; its message is French. */
struct engineio_verdict connections_take(struct connections *connections,
                                         const struct config *config, const char *text);

/* Keeps the token of its handshake's header Authorization (its value, or NULL), if there is one;
 * and gives it, NULL when there was none. */
void connections_keep_token(void *user, const char *authorization);
const char *connections_token(const void *user);

/* `user` of a verdict is that connection now: it can be made to go. */
void connections_open(void *user, struct socketio_connection *connection);

/* It has a user from now on, unless broker.max_connections have one already: then false, and it
 * stays a stranger's. And again none. */
bool connections_admit(struct connections *connections, const struct config *config, void *user);
void connections_dismiss(struct connections *connections, void *user);

/* One less: `user` is that of its verdict. */
void connections_drop(struct connections *connections, void *user);

/* Frees the table; there must be no connections. */
void connections_free(struct connections *connections);

#endif
