/*
 * Timers: a binary heap of pointers to timers that live inside the objects they belong to.
 *
 * Room in the heap is taken when a timer is added to it and given back when it is removed, so
 * starting one, which happens all the time, cannot fail. Times are monotonic milliseconds.
 * Everything here belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_TIMER_H
#define MESSAGERIE_BROKER_TRANSPORT_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t deadline_ms;
    uint32_t position;                       /* in the heap, from 1; 0 while it is not running */
    void (*on_timeout)(struct timer *timer); /* NULL while it is not added */
};

/* All zero is an empty heap. */
struct timer_heap {
    struct timer **timers; /* timers[0] has position 1 */
    size_t count;          /* running */
    size_t added;          /* running or not */
    size_t capacity;
};

/* Reserves room for `timer`, which is all zero, and sets what it calls. False without memory: it
 * was not added. */
bool timer_add(struct timer_heap *heap, struct timer *timer,
               void (*on_timeout)(struct timer *timer));

/* Stops it if it runs, and gives the room back: the timer may be freed, or added again. Not for one
 * that is not added. */
void timer_remove(struct timer_heap *heap, struct timer *timer);

/* Starts it, or moves it when it runs. */
void timer_start(struct timer_heap *heap, struct timer *timer, int64_t deadline_ms);

/* Does nothing when it does not run. */
void timer_stop(struct timer_heap *heap, struct timer *timer);

bool timer_is_running(const struct timer *timer);

/* The one with the nearest deadline, or NULL. */
struct timer *timer_first(const struct timer_heap *heap);

/* Frees the heap's own memory; all timers must have been removed. */
void timer_heap_free(struct timer_heap *heap);

#endif
