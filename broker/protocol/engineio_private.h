/*
 * What the two halves of Engine.IO share: engineio.c answers HTTP requests and finds sessions,
 * engineio_session.c is what happens in one session. Nobody else includes this.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_PRIVATE_H
#define MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_PRIVATE_H

#include "broker/protocol/engineio.h"
#include "broker/transport/websocket.h"

/* Why a request is refused: the reference server's codes. */
enum engineio_error {
    ENGINEIO_ERROR_TRANSPORT_UNKNOWN,
    ENGINEIO_ERROR_SESSION_UNKNOWN,
    ENGINEIO_ERROR_BAD_HANDSHAKE_METHOD,
    ENGINEIO_ERROR_BAD_REQUEST,
    ENGINEIO_ERROR_FORBIDDEN,
    ENGINEIO_ERROR_UNSUPPORTED_PROTOCOL,
};

struct engineio_server {
    const struct engineio_settings *settings;
    struct websocket_settings websockets;
    struct engineio_session **buckets; /* by id; chained by session->next */
    size_t bucket_count;               /* a power of two */
    size_t session_count;              /* in the buckets */
    size_t counts[2];                  /* open ones by transport */
    struct engineio_session *dead;     /* to be freed at the end of the turn; chained likewise */
    struct loop_task burial;           /* does it */
    struct pending_websocket *pending; /* WebSockets whose handshake is not over */
    /* Packets that are always the same. */
    struct block *ping, *pong_probe, *noop, *close;
};

enum engineio_state {
    ENGINEIO_STATE_OPEN,
    ENGINEIO_STATE_CLOSING, /* over for the user; long-polling waits to tell the client */
    ENGINEIO_STATE_ENDED,   /* among the dead: code up the stack may still look at it */
};

struct engineio_session {
    struct engineio_server *server;
    struct engineio_session *next; /* in its bucket, or among the dead */
    void *user;
    struct websocket *websocket; /* once it is the transport, else NULL */
    struct polling *polling;     /* while that is the transport, else NULL */
    struct upgrade *upgrade;     /* while a WebSocket is being tried, else NULL */
    struct timer timer;          /* heartbeat; patience while closing */
    char id[ENGINEIO_ID_BYTES];
    uint8_t state;
    bool awaits_pong;
    bool has_grace; /* something else came instead of the pong, once */
    bool is_paused;
};

/* ---- engineio.c ---- */

void engineio_remove(struct engineio_session *session);

/* Answer a request of ours, with the headers that all of them have. */
void engineio_respond(struct engineio_server *server, struct http_request *request, unsigned status,
                      const char *type, const char *body, size_t length);
void engineio_respond_error(struct engineio_server *server, struct http_request *request,
                            enum engineio_error error);

/* ---- engineio_session.c ---- */

/* A session with an id that is in no bucket yet, and no transport. NULL without memory. */
struct engineio_session *engineio_session_create(struct engineio_server *server, void *user);
/* For one that was not opened. */
void engineio_session_discard(struct engineio_session *session);

/* Gives it its first transport. False without memory. */
bool engineio_session_use_polling(struct engineio_session *session);
bool engineio_session_use_websocket(struct engineio_session *session, int descriptor,
                                    const char *early, size_t early_length);

/* Sends the open packet, starts the heartbeat, calls on_open. */
void engineio_session_open(struct engineio_session *session);

/* Ends it in whatever state. */
void engineio_session_destroy(struct engineio_session *session);

/* The burial. */
void engineio_free_dead(struct engineio_server *server);

/* Handles what has arrived over a WebSocket that is being tried: it was sent before the HTTP
 * request that has just come. The session may have another transport then, or be over. */
void engineio_session_catch_up(struct engineio_session *session);

/* Requests of the polling transport. */
void engineio_session_poll(struct engineio_session *session, struct http_request *request);
void engineio_session_post(struct engineio_session *session, struct http_request *request);

/* A WebSocket for an existing session. */
void engineio_session_probe(struct engineio_session *session, int descriptor, const char *early,
                            size_t early_length);

/* Closes a WebSocket that nobody wants. */
void engineio_refuse_socket(struct engineio_server *server, int descriptor);

/* For the settings of the server's WebSockets, whose owner is always the session. */
void engineio_on_websocket_message(void *owner, bool is_text, const char *bytes, size_t length);
void engineio_on_websocket_drain(void *owner);
void engineio_on_websocket_close(void *owner, enum websocket_end end, uint16_t code);

#endif
