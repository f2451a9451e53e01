/*
 * Socket.IO protocol 5, server side, over Engine.IO: namespaces, events and acknowledgements in
 * both directions, binary attachments. It knows nothing of what the events mean; the application
 * registers namespaces and is called back for its sockets (socketio_socket.h).
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_H
#define MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/protocol/engineio.h"
#include "broker/protocol/socketio_socket.h"

struct socketio_connection;
struct socketio_server;

/* Outlives the server. */
struct socketio_options {
    struct engineio_session_options session; /* its callbacks are left out */
    int64_t connect_timeout_ms; /* for a client to be in at least one namespace, or be closed; later
                                   only changed by socketio_limit_connect_time */
    const struct socketio_namespace *const *namespaces; /* up to a NULL */
    /* Of an event with its attachments: a larger one is refused (on_refused_event), and so is a
     * CONNECT. */
    struct socketio_payload_rules payload;

    void *application; /* the first argument of these */
    /* See engineio.h. The verdict's user can be had again by socketio_connection_user. */
    bool (*is_origin_allowed)(void *application, const char *origin, const char *host);
    /* Told of each request that is refused for that, and the refusal's message; both may be NULL.
     */
    void (*on_origin_refused)(void *application, const char *origin, const char *host);
    const char *origin_refusal;
    struct engineio_verdict (*on_handshake)(void *application,
                                            const struct engineio_handshake *handshake);
    /* The connection of that verdict is open; may be NULL. */
    void (*on_open)(void *application, void *user, struct socketio_connection *connection);
    /* The connection is over; for each verdict that accepted. */
    void (*on_close)(void *application, void *user);
};

/* NULL without memory. */
struct socketio_server *socketio_server_create(const struct socketio_options *options);

/* Ends all connections; on_disconnect is called for sockets that are not paused. Those that are,
 * and those whose on_connect is unanswered, must be resumed or answered first, or they leak.
 * Accepts NULL. */
void socketio_server_free(struct socketio_server *server);

/* Another connect_timeout_ms, for those to come. */
void socketio_limit_connect_time(struct socketio_server *server, int64_t connect_timeout_ms);

/* The sessions below, for what engineio.h does with a whole server. */
struct engineio_server *socketio_engineio(struct socketio_server *server);

#endif
