/*
 * Who gets in, comes back, and goes: tokens, what a user may have of sockets, and Socket.IO's
 * connection state recovery (protocol 5, "Connection state recovery"), by which a client goes on
 * where it was.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_ADMISSION_H
#define MESSAGERIE_BROKER_ADMISSION_H

#include <stddef.h>

#include "broker/connections.h"
#include "broker/parts.h"
#include "broker/protocol/socketio.h"
#include "broker/silent.h"
#include "common/token.h"

struct admission {
    struct broker_parts *parts;
    struct connections *connections;
    struct user_budgets *connects; /* that users make */
    struct silent_sockets silent;
    size_t clients; /* from their CONNECT packet to their end */
    struct token_refusal_log token_refusals;
};

/* False without memory; admission_free is due in any case, when all sockets are gone. Borrows both.
 */
bool admission_init(struct admission *admission, struct broker_parts *parts,
                    struct connections *connections);
void admission_free(struct admission *admission);

/* A socket asks to be let in; see on_connect in socketio_socket.h. Later its user is the client. */
void admission_connect(struct admission *admission, struct socketio_socket *socket,
                       struct json_object *auth);

/* The same in the namespace "/", where nothing is said: whoever has a token may be there. */
void admission_connect_root(struct admission *admission, struct socketio_socket *socket,
                            struct json_object *auth);

/* The end of one that was let in; see on_disconnect there. */
void admission_disconnect(struct admission *admission, struct socketio_socket *socket,
                          enum socketio_reason reason);

#endif
