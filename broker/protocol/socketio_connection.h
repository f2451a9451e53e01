/*
 * What the sockets of one client share: its Engine.IO session, the end of it, and the time that the
 * client has to be in a namespace. socketio.c makes connections, socketio_socket.c uses them.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_CONNECTION_H
#define MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/protocol/engineio_session.h"
#include "broker/protocol/socketio_packet.h"
#include "broker/transport/loop.h"

/* Why a socket was disconnected; socketio_reason_name gives the reference server's words. */
enum socketio_reason {
    SOCKETIO_CLIENT_DISCONNECT, /* by a DISCONNECT packet: the client does not come back by itself
                                 */
    SOCKETIO_SERVER_DISCONNECT, /* by socketio_disconnect: the same */
    SOCKETIO_TRANSPORT_CLOSE,
    SOCKETIO_TRANSPORT_ERROR,
    SOCKETIO_PARSE_ERROR, /* the client sent something that breaks the protocol */
    SOCKETIO_PING_TIMEOUT,
    SOCKETIO_SLOW,         /* the client did not read what was sent to it */
    SOCKETIO_FORCED_CLOSE, /* by socketio_close, or the server went down */
};

/* "transport close" and so on. */
const char *socketio_reason_name(enum socketio_reason reason);

/* A client that is in no namespace, or in quiet ones alone (socketio_socket.h), is a stranger: at
 * most so much from it at once, no attachments, and the connection is closed when so many CONNECTs
 * of it were refused. */
#define SOCKETIO_ANONYMOUS_MAX_BYTES 16384
#define SOCKETIO_REFUSALS_MAX        3

/* Outlives the connections. */
struct socketio_connection_options {
    struct loop *loop;
    size_t max_payload_bytes;   /* of one message of a client that is in a namespace */
    int64_t connect_timeout_ms; /* for a client to be in at least one namespace, or be closed */
    struct socketio_payload_rules payload; /* max_bytes: of an event with its attachments */
};

struct socketio_connection {
    struct loop_remains remains;
    const struct socketio_connection_options *options;
    struct engineio_session *session; /* NULL before it is open and after it has ended */
    void *user;                       /* of the application */
    struct socketio_socket *first;    /* its sockets, one for each namespace */
    struct connect_wait *wait;        /* while it is in no namespace, else NULL */
    struct binary_packet *binary;     /* for socketio.c */
    uint8_t refusals;                 /* CONNECTs that were refused while it is a stranger */
    uint16_t accepted_sockets;        /* that are in their namespace */
    uint16_t speaking_sockets;        /* of those, that are not in a quiet one */
    uint16_t full_sockets;            /* whose queues are full: reading is paused */
    bool is_over;
    bool has_reason;
    enum socketio_reason reason; /* why we closed it */
};

/* NULL without memory. */
struct socketio_connection *
socketio_connection_create(const struct socketio_connection_options *options, void *user);

/* The session is there: the client's time begins. May close it at once, without memory. */
void socketio_connection_open(struct socketio_connection *connection,
                              struct engineio_session *session);

/* The session is over, and with it the waiting. Its sockets still have to be detached. */
void socketio_connection_end(struct socketio_connection *connection, enum engineio_end end);

/* Frees it at the end of the turn; all its sockets must be detached. */
void socketio_connection_bury(struct socketio_connection *connection);

/* Ends the session because of what the client has sent, or as the application wants; the first
 * reason stays. Sockets are detached before it returns. Does nothing when it is over. */
void socketio_connection_close(struct socketio_connection *connection, enum socketio_reason reason,
                               enum farewell_reason farewell);

/* One of its sockets was let in, or one that had been is gone. */
void socketio_connection_add_accepted(struct socketio_connection *connection, bool is_quiet);
void socketio_connection_remove_accepted(struct socketio_connection *connection, bool is_quiet);

/* One of its sockets can take no more events, or can again: while there is any, nothing is read. */
void socketio_connection_add_full(struct socketio_connection *connection);
void socketio_connection_remove_full(struct socketio_connection *connection);

/* CONNECT_ERROR for a namespace; `data` is JSON or NULL. Does nothing when it is over. */
void socketio_connection_refuse(struct socketio_connection *connection, const char *name_space,
                                const char *message, const char *data);

/* One more CONNECT was refused: with SOCKETIO_REFUSALS_MAX of them the connection is closed. */
void socketio_connection_count_refusal(struct socketio_connection *connection);

/* Ends it as if it had broken, from outside of its own callbacks: on_close comes before it returns.
 */
void socketio_connection_abort(struct socketio_connection *connection);

#endif
