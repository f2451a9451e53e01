/*
 * A WebSocket connection on the loop: reads frames, puts messages together, answers pings and the
 * closing handshake (RFC 6455 sections 5.4, 5.5, 7), queues what is to be sent and sends it once
 * at the end of the turn. It begins with a socket on which the opening handshake is over.
 *
 * An idle connection owns one struct and nothing else: all read into the loop's buffer, and what
 * is incomplete is kept on the heap only as long as it is.
 *
 * Sending never calls back: what goes wrong is told by on_close, later, from the loop. Close codes
 * stay below this: whoever ends a connection gives a reason. Everything here belongs to the loop's
 * thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_WEBSOCKET_H
#define MESSAGERIE_BROKER_TRANSPORT_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/transport/farewell.h"
#include "broker/transport/frame.h"
#include "broker/transport/loop.h"
#include "broker/transport/output.h"

/* Times the loop's buffer is filled from one connection before the others get their turn. */
#define WEBSOCKET_READS_PER_TURN 4

enum websocket_end {
    WEBSOCKET_CLOSED, /* the peer sent a close frame */
    WEBSOCKET_FAILED, /* the peer broke the protocol and was told so by a close frame */
    WEBSOCKET_LOST,   /* the TCP connection ended, or broke */
    WEBSOCKET_SLOW,   /* more than max_output_bytes were waiting for the peer to read */
};

struct websocket;

/* What the connections of one server share. Outlives them. */
struct websocket_options {
    struct loop *loop;
    struct farewell_set *endings;
    size_t max_message_bytes; /* a longer message: close code 1009 */
    size_t max_output_bytes;  /* waiting to be sent, see output_push */

    /* A whole message; the bytes are valid during the call. The callback may close the
     * connection. */
    void (*on_message)(void *owner, bool is_text, const char *bytes, size_t length);
    /* Everything has been sent, after websocket_want_drain. */
    void (*on_drain)(void *owner);
    /* The connection has ended, but not by websocket_close or websocket_abort; the pointer is not
     * to be used any more. */
    void (*on_close)(void *owner, enum websocket_end end);
};

/*
 * Takes over the descriptor, which is non-blocking. `early` are bytes that arrived along with the
 * handshake; they are handled at the end of the turn. NULL without memory or when the system
 * refuses: the descriptor is then closed.
 */
struct websocket *websocket_create(const struct websocket_options *options, int descriptor,
                                   const char *early, size_t early_length, void *owner);

/* Another max_message_bytes for this one alone, from the next frame on. */
void websocket_limit_messages(struct websocket *websocket, size_t max_message_bytes);

/* Queues a frame; takes a reference of its own. NULL, for a frame that there was no memory for,
 * ends the connection like an overflow: the peer must not miss something without knowing. */
void websocket_send(struct websocket *websocket, struct block *frame);

/* Bytes that wait to be sent. */
size_t websocket_queued(const struct websocket *websocket);

/* Asks for one on_drain, when nothing waits (any more) at the end of a turn. */
void websocket_want_drain(struct websocket *websocket);

/* Takes no more messages until resumed; what was read already is kept. Does not stop a frame that
 * is being sent. Within on_message, that message was the last one. */
void websocket_pause(struct websocket *websocket);
void websocket_resume(struct websocket *websocket);

/* Handles what has arrived, as if the loop had just found the socket readable. Not within a
 * callback of any connection of the loop: they share its buffer. */
void websocket_read(struct websocket *websocket);

/* Sends what is queued and a close frame with the code for that reason (RFC 6455 section 7.4.1),
 * and ends the connection. The pointer is not to be used any more. */
void websocket_close(struct websocket *websocket, enum farewell_reason reason);

/* Ends it at once; what is queued is lost. The pointer is not to be used any more. */
void websocket_abort(struct websocket *websocket);

/* Takes over a descriptor as websocket_create does, but only to close it with a close frame: nobody
 * wants the connection. */
void websocket_refuse(struct farewell_set *endings, int descriptor);

#endif
