/*
 * What the two halves of Socket.IO share: socketio.c has the connections and finds out whom a
 * packet is for, socketio_socket.c is what happens to one socket. Nobody else includes this.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_PRIVATE_H
#define MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_PRIVATE_H

#include "broker/protocol/socketio.h"

struct socketio_server {
    const struct socketio_settings *settings;
    struct engineio_settings transport; /* with our callbacks */
    struct engineio_server *engineio;
    /* What has ended is freed at the end of the turn: code up the stack may still look at it. */
    struct socketio_connection *dead_connections;
    struct socketio_socket *dead_sockets;
    struct loop_task burial;
};

/* A client's connection, on which it may be in several namespaces. */
struct socketio_connection {
    struct socketio_server *server;
    struct socketio_connection *next; /* among the dead */
    struct engineio_session *session; /* NULL before it is open and after it has ended */
    void *user;                       /* of the application */
    struct socketio_socket *first;    /* one for each namespace */
    struct connect_wait *wait;        /* while it is in no namespace, else NULL */
    struct binary_packet *binary;     /* whose attachments are still coming in, or NULL */
    uint16_t full_sockets;            /* whose queues are full: reading is paused */
    bool is_over;
    bool has_reason;
    enum socketio_reason reason; /* why we closed it */
};

/* A packet and its attachments, one behind the other: part i ends at ends[i], part 0 is the text.
 */
struct socketio_bundle {
    const char *bytes;
    unsigned parts;
    uint32_t ends[1 + SOCKETIO_ATTACHMENTS_MAX];
};

/* ---- socketio.c ---- */

struct loop *socketio_loop(const struct socketio_server *server);

/* Closes the connection because of what the client has sent, or as the application wants. */
void socketio_connection_close(struct socketio_connection *connection, enum socketio_reason reason,
                               uint16_t code);

/* Starts or ends the wait for a namespace, as its sockets are. */
void socketio_connection_update_wait(struct socketio_connection *connection);

/* `data` is JSON or NULL. */
void socketio_send_connect_error(struct socketio_connection *connection, const char *name,
                                 const char *message, const char *data);

/* ---- socketio_socket.c ---- */

/* The connection's socket in that namespace, or NULL. */
struct socketio_socket *socketio_socket_find(const struct socketio_connection *connection,
                                             const struct socketio_packet *packet);

/* Makes one and calls on_connect with `auth`, which is borrowed. False without memory. */
bool socketio_socket_create(struct socketio_connection *connection,
                            const struct socketio_namespace *name_space, struct json_object *auth,
                            const char *query);

/* Whether the client has been let in. */
bool socketio_socket_is_accepted(const struct socketio_socket *socket);

/* Whether one of the connection's sockets has been. */
bool socketio_has_accepted(const struct socketio_connection *connection);

/* An event from the client, handled now or when its turn comes. */
void socketio_socket_event(struct socketio_socket *socket, const struct socketio_bundle *bundle);

/* An acknowledgement from the client. */
void socketio_socket_ack(struct socketio_socket *socket, const struct socketio_packet *packet);

/* Takes it off its connection; on_disconnect follows when it can. */
void socketio_socket_detach(struct socketio_socket *socket, enum socketio_reason reason);

/* The burial. */
void socketio_sockets_free_dead(struct socketio_server *server);

/* Everything has been sent: on_drain for those who asked. */
void socketio_sockets_drained(struct socketio_connection *connection);

#endif
