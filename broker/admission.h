/*
 * Who gets in, comes back, and goes: tokens, a user's number of sockets, and Socket.IO's connection
 * state recovery (protocol 5, "Connection state recovery"), by which a client goes on where it was.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_ADMISSION_H
#define MESSAGERIE_BROKER_ADMISSION_H

#include <stddef.h>

#include "broker/connections.h"
#include "broker/parts.h"
#include "broker/protocol/socketio.h"
#include "common/token.h"

/* All zero but for `parts` at first. */
struct admission {
    struct broker_parts *parts;
    struct connections *connections;
    size_t clients; /* from their CONNECT packet to their end */
    struct token_refusal_log token_refusals;
};

/* A socket asks to be let in; see on_connect in socketio_socket.h. Later its user is the client. */
void admission_connect(struct admission *admission, struct socketio_socket *socket,
                       struct json_object *auth);

/* The end of one that was let in; see on_disconnect there. */
void admission_disconnect(struct admission *admission, struct socketio_socket *socket,
                          enum socketio_reason reason);

#endif
