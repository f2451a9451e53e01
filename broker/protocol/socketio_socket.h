/*
 * A socket of Socket.IO protocol 5: a client's connection to one namespace. What follows is its
 * life, as the application sees it:
 *
 *   on_connect      the application answers, now or later, with socketio_accept or socketio_refuse;
 *   on_event        one event after the other: while the application has paused the socket, for
 *                   something asynchronous, further events wait (and when SOCKETIO_QUEUE_… is
 *                   reached, reading from the connection stops);
 *   on_disconnect   exactly once for an accepted socket, after the last of its events, whoever
 *                   ended it; the socket is gone afterwards.
 *
 * Between on_connect and its answer, while a socket is paused, and within a callback for it, the
 * socket stays there, even if the connection is gone: what is sent to it is then dropped. So an
 * asynchronous operation may keep the pointer of a socket that it has paused.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_SOCKET_H
#define MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/protocol/socketio_connection.h"
#include "broker/protocol/socketio_packet.h"

/* A socket's events that wait while it is paused. One more than either may be there. */
#define SOCKETIO_QUEUE_MAX_PACKETS 64
#define SOCKETIO_QUEUE_MAX_BYTES   (256 * 1024)
/* Events of ours to one socket whose acknowledgement is outstanding. */
#define SOCKETIO_ACKS_MAX 64

struct socketio_socket;

struct socketio_attachment {
    const char *bytes;
    size_t length;
};

struct socketio_event {
    const char *name;
    struct json_object *arguments; /* an array whose element 0 is the name; borrowed */
    int64_t ack_id;                /* for socketio_ack, or SOCKETIO_NO_ID */
    const struct socketio_attachment *attachments; /* what the placeholders stand for */
    size_t attachment_count;
};

/* The argument at `index` (from 0, behind the name), borrowed; NULL when there is none. */
struct json_object *socketio_argument(const struct socketio_event *event, size_t index);

/* A namespace of the application. Outlives the sockets. */
struct socketio_namespace {
    const char *name; /* "/messaging" */
    /* Its sockets give their connection no right to say more than a stranger may. */
    bool is_quiet;
    void *application;
    /* `auth` is what the client has put into its CONNECT packet, `query` what stood behind the
     * namespace's name (or ""); both borrowed for the call. */
    void (*on_connect)(void *application, struct socketio_socket *socket, struct json_object *auth,
                       const char *query);
    void (*on_event)(void *application, struct socketio_socket *socket,
                     const struct socketio_event *event);
    /* An event that we do not take although it keeps to the protocol (too large, say):
     * `error` is for the client to read. */
    void (*on_refused_event)(void *application, struct socketio_socket *socket, int64_t ack_id,
                             const struct error *error);
    void (*on_disconnect)(void *application, struct socketio_socket *socket,
                          enum socketio_reason reason);
    /* Everything is on its way to the client, after socketio_want_drain. */
    void (*on_drain)(void *application, struct socketio_socket *socket);
};

/* ---- answers to on_connect ----------------------------------------------------------------- */

/* Lets the client in, with a `sid` made by engineio_make_id (or a recovered one), and a `pid` for
 * connection state recovery or NULL. False when the connection is gone meanwhile: the socket is
 * then gone too, without on_disconnect. */
bool socketio_accept(struct socketio_socket *socket, const char *sid, const char *pid);

/* Before one of the two: the socket's callbacks are those of `name_space` from now on, which has
 * the same name. */
void socketio_hand_over(struct socketio_socket *socket,
                        const struct socketio_namespace *name_space);

/* CONNECT_ERROR with a message and, unless NULL, `data`, which is JSON. The socket is gone
 * afterwards, the connection stays. */
void socketio_refuse(struct socketio_socket *socket, const char *message, const char *data);

/* ---- sockets ------------------------------------------------------------------------------- */

/* The application's own pointer, NULL at first. */
void socketio_set_user(struct socketio_socket *socket, void *user);
void *socketio_user(const struct socketio_socket *socket);

/* The user of the verdict on its connection; NULL once the connection is gone. */
void *socketio_connection_user(const struct socketio_socket *socket);

/* Whether something sent now can reach the client. */
bool socketio_is_connected(const struct socketio_socket *socket);

/* Sends what socketio_encode_event has made for the socket's namespace; takes a reference of its
 * own. NULL, for a packet that there was no memory for, disconnects. Sending never calls back: a
 * client that does not read is disconnected later. */
void socketio_send(struct socketio_socket *socket, struct block *packet);

/* An event: `arguments` is JSON values separated by commas, or empty. */
void socketio_emit(struct socketio_socket *socket, const char *name, const char *arguments,
                   size_t length);
/* The same with attachments, up to SOCKETIO_ATTACHMENTS_MAX. */
void socketio_emit_binary(struct socketio_socket *socket, const char *name, const char *arguments,
                          size_t length, const struct socketio_attachment *attachments,
                          size_t attachment_count);

/* An event that the client is to acknowledge within timeout_ms. on_ack is called once: with the
 * arguments of the acknowledgement (an array, borrowed), or NULL when none came or the socket is
 * disconnected before. False, and no call, when too many are outstanding or without memory. */
bool socketio_emit_with_ack(struct socketio_socket *socket, const char *name, const char *arguments,
                            size_t length, int64_t timeout_ms,
                            void (*on_ack)(void *context, struct json_object *arguments),
                            void *context);

/* Acknowledges an event of the client's. Does nothing for SOCKETIO_NO_ID. */
void socketio_ack(struct socketio_socket *socket, int64_t ack_id, const char *arguments,
                  size_t length);
void socketio_ack_binary(struct socketio_socket *socket, int64_t ack_id, const char *arguments,
                         size_t length, const struct socketio_attachment *attachments,
                         size_t attachment_count);

/* No on_event until resumed; on_disconnect waits too. Resuming may call back at once, with all
 * that has waited, and the socket may be gone when it returns. */
void socketio_pause(struct socketio_socket *socket);
void socketio_resume(struct socketio_socket *socket);

/* Bytes that wait for the client, and one on_drain when they are gone. */
size_t socketio_queued(const struct socketio_socket *socket);
void socketio_want_drain(struct socketio_socket *socket);

/* Sends a DISCONNECT packet: an unmodified client does not come back by itself. The transport
 * stays open for other namespaces. Events that wait are dropped. on_disconnect comes before it
 * returns, unless the socket is paused or this is within a callback for it. */
void socketio_disconnect(struct socketio_socket *socket);

/* Closes the transport of the connection, without a DISCONNECT packet: the client will come back.
 * on_disconnect as above. */
void socketio_close(struct socketio_socket *socket, enum farewell_reason reason);

/* ---- what socketio.c calls ----------------------------------------------------------------- */

/* A packet and its attachments, one behind the other: part i ends at ends[i], part 0 is the text.
 */
struct socketio_bundle {
    const char *bytes;
    unsigned parts;
    uint32_t ends[1 + SOCKETIO_ATTACHMENTS_MAX];
    bool is_too_large; /* nothing but the packet's header is there */
};

/* The connection's socket in that namespace, or NULL. */
struct socketio_socket *socketio_socket_find(const struct socketio_connection *connection,
                                             const struct socketio_packet *packet);

/* Makes one and calls on_connect with `auth`, which is borrowed. False without memory. */
bool socketio_socket_create(struct socketio_connection *connection,
                            const struct socketio_namespace *name_space, struct json_object *auth,
                            const char *query);

/* Whether the client has been let in. */
bool socketio_socket_is_accepted(const struct socketio_socket *socket);

/* An event from the client, handled now or when its turn comes. */
void socketio_socket_event(struct socketio_socket *socket, const struct socketio_bundle *bundle);

/* An acknowledgement from the client. */
void socketio_socket_ack(struct socketio_socket *socket, const struct socketio_packet *packet);

/* Takes it off its connection; on_disconnect follows when it can. */
void socketio_socket_detach(struct socketio_socket *socket, enum socketio_reason reason);

/* Everything has been sent: on_drain for those who asked. */
void socketio_sockets_drained(struct socketio_connection *connection);

#endif
