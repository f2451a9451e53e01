/*
 * Engine.IO protocol 4, server side: HTTP requests become sessions (engineio_session.h), over
 * long-polling or WebSocket. Below it http and websocket, above it whoever gets the messages. What
 * it answers to faulty requests is what the reference server answers.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_H
#define MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/protocol/engineio_session.h"
#include "broker/transport/http.h"

struct engineio_server;

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
    void *user;          /* what the session's callbacks get, when accepted */
};

/* Outlives the server. */
struct engineio_options {
    struct engineio_session_options session;
    /* Whether a page of that origin may connect; never asked when there is no Origin header. */
    bool (*is_origin_allowed)(void *owner, const char *origin, const char *host);
    /* Told of each request that is refused for that, and the refusal's message; both may be NULL.
     */
    void (*on_origin_refused)(void *owner, const char *origin, const char *host);
    const char *origin_refusal;
    /* May there be one more session? After acceptance session.on_close follows, once, in any case.
     */
    struct engineio_verdict (*on_handshake)(void *owner,
                                            const struct engineio_handshake *handshake);
    void *owner;
};

/* NULL without memory. */
struct engineio_server *engineio_server_create(const struct engineio_options *options);

/* Ends all sessions (on_close is called) without a word to the clients. Accepts NULL. */
void engineio_server_free(struct engineio_server *server);

/* Takes over a request for the server's path, in every method. */
void engineio_handle(struct engineio_server *server, struct http_request *request);

/* How long the body of that request for the server's path may be: for http_options.max_body_of. Who
 * names no session that there is has nothing to say. */
size_t engineio_max_body(const struct engineio_server *server, const struct http_request *request);

/* Of a body whose session is unknown. */
#define ENGINEIO_UNKNOWN_BODY_MAX_BYTES 16384

/* Another max_output_bytes from now on, also for the sessions that there are. */
void engineio_limit_output(struct engineio_server *server, size_t max_output_bytes);

/* Sessions there are, by the transport that they use now. */
size_t engineio_count(const struct engineio_server *server, enum engineio_transport transport);

/* Closes up to `limit` sessions, see engineio_close; returns how many there were. To be repeated
 * while a server goes down. */
size_t engineio_close_some(struct engineio_server *server, size_t limit,
                           enum farewell_reason reason);

#endif
