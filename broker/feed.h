/*
 * The feed: all committed events, each once, in seq order, whichever process has written them.
 *
 * They come over the bus (from the FastCGI programs) and from the worker (our own writes), in any
 * order and with losses; what is missing is read from the outbox: FEED_GAP_MS after an event has
 * come out of turn, and every FEED_LOOK_MS in any case, because the last events of a burst can be
 * lost without leaving a gap, and a program may write without a bus.
 *
 * It works while it is entered by somebody (there are sockets). When the first one enters, it
 * begins with what is newest then; what happened before is nobody's.
 *
 * An event that was blanked in the outbox is passed over. At most FEED_SLICE events, and about
 * FEED_SLICE_BYTES of them, are handed on in one turn of the loop, at whose end sockets are written
 * to: a burst of long messages is then no queue in the memory of those who read. Everything belongs
 * to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_FEED_H
#define MESSAGERIE_BROKER_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/transport/loop.h"
#include "broker/worker.h"
#include "common/event.h"

#define FEED_LOOK_MS 200
#define FEED_GAP_MS  10
/* Events that are kept while an earlier one is missing; a power of two. Later ones are read from
 * the outbox again. */
#define FEED_WINDOW       1024
#define FEED_WINDOW_BYTES (16 * 1024 * 1024)
#define FEED_SLICE        256
#define FEED_SLICE_BYTES  (256 * 1024)
/* Events read from the outbox at once. */
#define FEED_READ_EVENTS 256

struct feed;

struct feed_options {
    struct loop *loop;
    struct worker *worker;
    /* `waited_ms`: since it has arrived here. */
    void (*on_event)(void *owner, const struct event *event, int64_t waited_ms);
    /* The database is another than the one whose events were handed on: numbers that clients were
     * told mean other events now. */
    void (*on_replaced)(void *owner);
    void *owner;
};

/* Someone who waits until all events up to a seq have been handed on. */
struct feed_waiter {
    int64_t seq; /* 0: until the feed has begun */
    /* `reached` is false when that will not be: the outbox cannot be read, or is another, or
     * feed_cancel. */
    void (*on_reached)(struct feed_waiter *waiter, bool reached);
    struct feed_waiter *next;
};

struct feed_statistics {
    uint64_t delivered;
    uint64_t healed;  /* of those, read from the outbox */
    uint64_t skipped; /* pruned before they could be read */
};

/* NULL without memory. */
struct feed *feed_create(const struct feed_options *options);

/* The worker must be gone, and with it its requests. Waiters are forgotten. Accepts NULL. */
void feed_free(struct feed *feed);

/* Someone needs events, or no longer. */
void feed_enter(struct feed *feed);
void feed_leave(struct feed *feed);

/* An event from the bus or of our own; its texts are valid during the call. */
void feed_accept(struct feed *feed, const struct event *event);

/* Which time line they are of (db/engine/outbox_reader.h): "" before the feed has begun. */
const char *feed_timeline(const struct feed *feed);

/* All up to this seq have been handed on. */
int64_t feed_position(const struct feed *feed);

/* Calls waiter->on_reached, at once if it is so already. The waiter is borrowed until then. Only
 * after feed_enter. */
void feed_wait(struct feed *feed, struct feed_waiter *waiter);

/* Tells all who wait that it will not be. */
void feed_cancel(struct feed *feed);

const struct feed_statistics *feed_statistics(const struct feed *feed);

#endif
