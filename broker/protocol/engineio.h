/*
 * Engine.IO protocol 4, server side: sessions over HTTP long-polling and WebSocket, the upgrade
 * from one to the other, the heartbeat. Below it http and websocket, above it whoever gets its
 * messages. What it answers to faulty requests is what the reference server answers.
 *
 * A session lives from on_open to on_close, whichever transport carries it. Everything belongs to
 * the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_H
#define MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/protocol/engineio_packet.h"
#include "broker/transport/farewell.h"
#include "broker/transport/http.h"
#include "broker/transport/loop.h"
#include "broker/transport/output.h"

/* A session id: 15 random bytes in base64url, and NUL. */
#define ENGINEIO_ID_BYTES 21

/* A second `noop` during an upgrade comes after that long. */
#define ENGINEIO_NOOP_INTERVAL_MS 100

struct engineio_server;
struct engineio_session;

enum engineio_transport { ENGINEIO_POLLING, ENGINEIO_WEBSOCKET };

/* Why a session ended; engineio_end_name gives the reference server's words. */
enum engineio_end {
    ENGINEIO_END_TRANSPORT_CLOSE, /* the client closed it, or its connection is gone */
    ENGINEIO_END_TRANSPORT_ERROR, /* it broke the protocol of the transport */
    ENGINEIO_END_PARSE_ERROR,     /* something that is no packet */
    ENGINEIO_END_PING_TIMEOUT,
    ENGINEIO_END_SLOW,   /* over max_output_bytes waited for the client to read */
    ENGINEIO_END_FORCED, /* engineio_close and engineio_abort */
};

/* Someone asks for a new session. */
struct engineio_handshake {
    const struct http_request *request; /* for its headers */
    const char *address;                /* see http_request_address */
    enum engineio_transport transport;
};

/* The answer: `status` 0 accepts, else an HTTP status such as 503 refuses. */
struct engineio_verdict {
    unsigned status;
    const char *message; /* for the refused client */
    void *user;          /* what the callbacks get, when accepted */
};

/* Outlives the server. */
struct engineio_settings {
    struct loop *loop;
    struct farewell_set *endings;
    int64_t ping_interval_ms;
    int64_t ping_timeout_ms;
    int64_t upgrade_timeout_ms; /* from the WebSocket's opening to the `upgrade` packet */
    size_t max_payload_bytes;   /* of one message from the client; also max_body_bytes of the HTTP
                                   server in front */
    size_t max_output_bytes;    /* waiting for one client, see output_push; later only changed by
                                   engineio_limit_output */

    void *owner; /* the first argument of the first two */
    /* Whether a page of that origin may connect; never asked when there is no Origin header. */
    bool (*is_origin_allowed)(void *owner, const char *origin, const char *host);
    /* May there be one more session? After acceptance on_close follows, once, in any case. */
    struct engineio_verdict (*on_handshake)(void *owner,
                                            const struct engineio_handshake *handshake);
    void (*on_open)(void *user, struct engineio_session *session);
    /* A message; the bytes are valid during the call. */
    void (*on_message)(void *user, bool is_text, const char *bytes, size_t length);
    /* Everything is on its way to the client, after engineio_want_drain. */
    void (*on_drain)(void *user);
    /* The session is over, and the pointer not to be used any more. `was_open` is false when the
     * client left before on_open. */
    void (*on_close)(void *user, enum engineio_end end, bool was_open);
};

/* NULL without memory. */
struct engineio_server *engineio_server_create(const struct engineio_settings *settings);

/* Ends all sessions (on_close is called) without a word to the clients. Accepts NULL. */
void engineio_server_free(struct engineio_server *server);

/* Takes over a request for the server's path, in every method. */
void engineio_handle(struct engineio_server *server, struct http_request *request);

/* Another max_output_bytes from now on, also for the sessions that there are. */
void engineio_limit_output(struct engineio_server *server, size_t max_output_bytes);

/* Sessions there are, by the transport that they use now. */
size_t engineio_count(const struct engineio_server *server, enum engineio_transport transport);

/* Closes up to `limit` sessions, see engineio_close; returns how many there were. To be repeated
 * while a server goes down. */
size_t engineio_close_some(struct engineio_server *server, size_t limit, uint16_t code);

/* A random id in the form of a session's; also for what is built on sessions. */
void engineio_make_id(const struct random_source *random, char out[ENGINEIO_ID_BYTES]);

/* "transport close" and so on. */
const char *engineio_end_name(enum engineio_end end);

/* ---- Sessions ---- */

/* Sends a message made by engineio_packet_…; takes a reference of its own. NULL, for one that there
 * was no memory for, ends the session as too slow. Never calls back: that comes later. */
void engineio_send(struct engineio_session *session, struct block *message);

/* Bytes that wait for the client. */
size_t engineio_queued(const struct engineio_session *session);

/* Asks for one on_drain, when nothing waits (any more) at the end of a turn. */
void engineio_want_drain(struct engineio_session *session);

/* No on_message until resumed: reading from the client stops, and so does the ping timeout. */
void engineio_pause(struct engineio_session *session);
void engineio_resume(struct engineio_session *session);

enum engineio_transport engineio_transport(const struct engineio_session *session);

/* Sends what waits and closes the transport, a WebSocket with that code (FRAME_CLOSE_NO_STATUS for
 * none). on_close is called before it returns. */
void engineio_close(struct engineio_session *session, uint16_t code);

/* Ends it as if the connection had broken: nothing more is sent. */
void engineio_abort(struct engineio_session *session);

#endif
