/*
 * HTTP long-polling, the transport of Engine.IO that every proxy lets through: the client fetches
 * packets by a GET, which waits until there are some, and sends its own by POSTs (Engine.IO
 * protocol 4, "HTTP long-polling").
 *
 * The interface is a WebSocket's (broker/transport/websocket.h), and so are the promises: sending
 * never calls back, what goes wrong is told by on_close, later, from the loop. What differs is that
 * packets arrive in payloads of several, and that the client has to come for a goodbye.
 *
 * Everything here belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_POLLING_H
#define MESSAGERIE_BROKER_PROTOCOL_POLLING_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/protocol/engineio_answer.h"
#include "broker/protocol/engineio_packet.h"
#include "broker/transport/http.h"
#include "broker/transport/loop.h"
#include "broker/transport/output.h"
#include "broker/transport/websocket.h"

enum polling_end {
    POLLING_CLOSED,    /* after polling_close: the client has got what was still to be told */
    POLLING_LOST,      /* the client left while it waited, or its answer could not be made */
    POLLING_FAILED,    /* two requests of a kind at once, or a POST that is no text */
    POLLING_MALFORMED, /* it sent something that is no packet */
    POLLING_SLOW,      /* more than max_output_bytes were waiting for the client to fetch */
};

/* What a client is told at the end. */
enum polling_goodbye {
    POLLING_GOODBYE_ORDERLY, /* what waits for it, and that it is over */
    POLLING_GOODBYE_BRIEF,   /* only that it is over */
    POLLING_GOODBYE_BLAMING, /* the same, and that the POST which waits for its answer is bad */
    POLLING_GOODBYE_AGREED,  /* nothing: it has itself said that it is over */
};

struct polling;

/* What the long-polling clients of one server share. Outlives them. */
struct polling_options {
    struct loop *loop;
    size_t max_output_bytes; /* waiting to be fetched, see output_push */
    const struct engineio_origins *origins;
    struct block *noop, *close; /* these packets */

    /* A packet; its bytes are valid during the call. The callback may close the transport. */
    void (*on_packet)(void *owner, const struct engineio_packet *packet);
    /* Everything has been fetched, after polling_want_drain. */
    void (*on_drain)(void *owner);
    /* It has ended, but not by a polling_close that returned true; the pointer is not to be used
     * any more. */
    void (*on_close)(void *owner, enum polling_end end);
};

/* NULL without memory. */
struct polling *polling_create(const struct polling_options *options, void *owner);

/* A request of the client's; it is answered when there is something to answer, and when the
 * transport ends. */
void polling_get(struct polling *polling, struct http_request *request);
void polling_post(struct polling *polling, struct http_request *request);

/* Queues a packet; takes a reference of its own. NULL, for a packet that there was no memory for,
 * ends the transport like an overflow: the client must not miss something without knowing. */
void polling_send(struct polling *polling, struct block *packet);

/* Bytes that wait to be fetched. */
size_t polling_queued(const struct polling *polling);

/* Asks for one on_drain, when nothing waits (any more) at the end of a turn. */
void polling_want_drain(struct polling *polling);

/* No on_packet until resumed; the POST that holds the rest waits for its answer. */
void polling_pause(struct polling *polling);
void polling_resume(struct polling *polling);

/* Answers a GET that waits, by a `noop` if there is nothing to send. */
void polling_nudge(struct polling *polling);

/*
 * Ends it, and answers what waits. True: the pointer is not to be used any more. False, only with
 * POLLING_GOODBYE_ORDERLY: something is left to be told, and the client has to come for it. Until
 * on_close, which tells that it has, further requests may be passed on, and a second polling_close
 * ends the waiting.
 */
bool polling_close(struct polling *polling, enum polling_goodbye goodbye);

/* Whether the client can go over to another transport without missing or mixing up anything. False
 * with *end, which is then the right one for the session: it has missed something (POLLING_SLOW),
 * or it has a POST under way, whose packets and the new transport's would overtake each other. */
bool polling_can_move(const struct polling *polling, enum polling_end *end);

/* Goes over to the WebSocket: what waits is sent there, and there on_drain is asked for if it was
 * here. The pointer is not to be used any more. */
void polling_move(struct polling *polling, struct websocket *websocket);

#endif
