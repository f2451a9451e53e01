/*
 * Sockets that are let in and take no part. Nothing is told them, and what they send is not looked
 * at:
 *
 *   those of the namespace "/", which some clients open beside ours, and fail as a whole if they
 *   can't;
 *   those that are one too many: a front-end whose CONNECT is refused never comes back, and one
 *   that is cut off comes back at once, and again. So it is answered, told why, and its transport
 * is closed after SILENT_SURPLUS_MS, as one whose token expires.
 *
 * Their connection stays a stranger's: see broker/connections.h and the quiet namespaces of
 * socketio_socket.h. Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_SILENT_H
#define MESSAGERIE_BROKER_SILENT_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/protocol/socketio_socket.h"
#include "broker/transport/loop.h"
#include "common/buffer.h"
#include "common/token.h"

#define SILENT_ROOT       "/"
#define SILENT_SURPLUS_MS 30000

/* Why it is sent away: a French sentence, and a word for programs. */
struct silent_reason {
    const char *message, *code;
};

/* Appends the payload of the event `error` that tells it. */
void silent_write_reason(const struct silent_reason *reason, struct buffer *out);

struct silent;

struct silent_sockets {
    struct loop *loop;
    struct socketio_namespace root, surplus;
    struct silent *first; /* of those of "/" */
};

/* `client_namespace` is the name of the clients' one, and borrowed. */
void silent_init(struct silent_sockets *silent, struct loop *loop, const char *client_namespace);

/* Answer the on_connect of a socket, of the namespace "/", until its token expires; and of a
 * client's namespace, for that reason, which is borrowed. False without memory: it is not answered
 * then. */
bool silent_accept_root(struct silent_sockets *silent, struct socketio_socket *socket,
                        const struct token_claims *claims);
bool silent_accept_surplus(struct silent_sockets *silent, struct socketio_socket *socket,
                           const struct silent_reason *reason);

/* Closes those of "/" whose key the verifier no longer has, spread over some time; returns how many
 * there are. */
int64_t silent_withdraw(struct silent_sockets *sockets, const struct token_verifier *verifier,
                        int64_t spread_ms);

#endif
