/*
 * A session of Engine.IO protocol 4: one client, whichever transport carries it (HTTP long-polling,
 * a WebSocket, or the second after the first: the upgrade), and its heartbeat. engineio.h makes
 * sessions out of HTTP requests; whoever gets their messages uses the calls of the second part.
 *
 * A session lives from on_open to on_close. Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_SESSION_H
#define MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/protocol/engineio_answer.h"
#include "broker/protocol/engineio_packet.h"
#include "broker/protocol/polling.h"
#include "broker/transport/farewell.h"
#include "broker/transport/http.h"
#include "broker/transport/loop.h"
#include "broker/transport/output.h"
#include "broker/transport/table.h"
#include "broker/transport/websocket.h"
#include "common/random.h"

/* A session id: 15 random bytes in base64url, and NUL. */
#define ENGINEIO_ID_BYTES 21

/* A second `noop` during an upgrade comes after that long. */
#define ENGINEIO_NOOP_INTERVAL_MS 100

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

/* Outlives the sessions. */
struct engineio_session_options {
    struct loop *loop;
    struct farewell_set *endings;
    int64_t ping_interval_ms;
    int64_t ping_timeout_ms;
    int64_t upgrade_timeout_ms; /* from the WebSocket's opening to the `upgrade` packet */
    size_t max_payload_bytes;   /* of one message from the client; also max_body_bytes of the HTTP
                                   server in front */
    size_t max_output_bytes;    /* waiting for one client, see output_push; later only changed by
                                   engineio_limit_output */

    void (*on_open)(void *user, struct engineio_session *session);
    /* A message; the bytes are valid during the call. */
    void (*on_message)(void *user, bool is_text, const char *bytes, size_t length);
    /* Everything is on its way to the client, after engineio_want_drain. */
    void (*on_drain)(void *user);
    /* The session is over, and the pointer not to be used any more. `was_open` is false when the
     * client left before on_open. */
    void (*on_close)(void *user, enum engineio_end end, bool was_open);
};

/* A random id in the form of a session's; also for what is built on sessions. */
void engineio_make_id(const struct random_source *random, char out[ENGINEIO_ID_BYTES]);

/* "transport close" and so on. */
const char *engineio_end_name(enum engineio_end end);

/* ---- what their users call ----------------------------------------------------------------- */

/* Sends a message made by engineio_packet_…; takes a reference of its own. NULL, for one that there
 * was no memory for, ends the session as too slow. Never calls back: that comes later. */
void engineio_send(struct engineio_session *session, struct block *message);

/* Bytes that wait for the client. */
size_t engineio_queued(const struct engineio_session *session);

/* Asks for one on_drain, when nothing waits (any more) at the end of a turn. */
void engineio_want_drain(struct engineio_session *session);

/* Another limit than max_payload_bytes for what this client sends at once, from now on. */
void engineio_limit_messages(struct engineio_session *session, size_t max_bytes);

/* No on_message until resumed: reading from the client stops, and so does the ping timeout. */
void engineio_pause(struct engineio_session *session);
void engineio_resume(struct engineio_session *session);

enum engineio_transport engineio_transport(const struct engineio_session *session);

/* Sends what waits and closes the transport, for that reason. on_close is called before it returns.
 */
void engineio_close(struct engineio_session *session, enum farewell_reason reason);

/* Ends it as if the connection had broken: nothing more is sent. */
void engineio_abort(struct engineio_session *session);

/* ---- what engineio.c calls ----------------------------------------------------------------- */

/* All sessions of a server, and what they share. */
struct engineio_sessions {
    const struct engineio_session_options *options;
    struct websocket_options websockets;
    struct polling_options pollings;
    struct table by_id;
    size_t counts[2]; /* open ones by transport */
    /* Packets that are always the same. */
    struct block *ping, *pong_probe, *noop, *close;
};

/* False without memory; engineio_sessions_free is due in any case. */
bool engineio_sessions_init(struct engineio_sessions *sessions,
                            const struct engineio_session_options *options,
                            const struct engineio_origins *origins);

/* Ends all of them (on_close is called) without a word to the clients. */
void engineio_sessions_free(struct engineio_sessions *sessions);

void engineio_sessions_limit_output(struct engineio_sessions *sessions, size_t max_output_bytes);

/* Closes up to `limit` of them, see engineio_close; returns how many there were. */
size_t engineio_sessions_close_some(struct engineio_sessions *sessions, size_t limit,
                                    enum farewell_reason reason);

/* The session with that id, or NULL. It may be over for its user, if its client has not been told.
 */
struct engineio_session *engineio_session_find(const struct engineio_sessions *sessions,
                                               const char *id);

const char *engineio_session_id(const struct engineio_session *session);

/* What its client may send at once, see engineio_limit_messages. */
size_t engineio_session_max_bytes(const struct engineio_session *session);

/* Whether its client uses long-polling, and so may send the two requests below. */
bool engineio_session_is_polling(const struct engineio_session *session);

/* Open a session over its first transport, call on_open, and send the `open` packet. False without
 * memory: then there is none, the GET is not answered, and the descriptor is closed. */
bool engineio_session_open_polling(struct engineio_sessions *sessions, void *user,
                                   struct http_request *get);
bool engineio_session_open_websocket(struct engineio_sessions *sessions, void *user, int descriptor,
                                     const char *early, size_t early_length);

/* Requests over long-polling. */
void engineio_session_get(struct engineio_session *session, struct http_request *request);
void engineio_session_post(struct engineio_session *session, struct http_request *request);

/* A WebSocket that the client opens for an existing session; closed again if that cannot be
 * upgraded. */
void engineio_session_probe(struct engineio_session *session, int descriptor, const char *early,
                            size_t early_length);

/* Handles what has arrived over a WebSocket that is being tried: it was sent before the HTTP
 * request that has just come. The session may have another transport then, or be over. */
void engineio_session_catch_up(struct engineio_session *session);

#endif
