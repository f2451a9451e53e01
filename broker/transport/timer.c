#include "broker/transport/timer.h"

#include <stdlib.h>

#include "common/assert.h"

/* A heap, and not a wheel of slots: most timers (heartbeats, grace, patience) are moved again and
 * again and never fire, delays are between 10 ms and a minute, and nothing ticks while nobody
 * waits. Each timer knows its place, so that moving and stopping one needs no search. */
#define INITIAL_CAPACITY 64

/* The root is at position 1, the children of the one at p are at 2p and 2p + 1. */
static void place(struct timer_heap *heap, struct timer *timer, size_t position)
{
    heap->timers[position - 1] = timer;
    timer->position = (uint32_t)position;
}

static struct timer *at(const struct timer_heap *heap, size_t position)
{
    return heap->timers[position - 1];
}

/* Moves `timer`, which stands at `position`, towards the root as far as its deadline says. */
static void sift_up(struct timer_heap *heap, struct timer *timer, size_t position)
{
    while (position > 1 && at(heap, position / 2)->deadline_ms > timer->deadline_ms) {
        place(heap, at(heap, position / 2), position);
        position /= 2;
    }
    place(heap, timer, position);
}

static void sift_down(struct timer_heap *heap, struct timer *timer, size_t position)
{
    for (;;) {
        size_t child = 2 * position;

        if (child < heap->count && at(heap, child + 1)->deadline_ms < at(heap, child)->deadline_ms)
            child++;
        if (child > heap->count || at(heap, child)->deadline_ms >= timer->deadline_ms)
            break;
        place(heap, at(heap, child), position);
        position = child;
    }
    place(heap, timer, position);
}

/* Whichever way its deadline was changed: only one of the two moves it. */
static void sift(struct timer_heap *heap, struct timer *timer)
{
    sift_up(heap, timer, timer->position);
    sift_down(heap, timer, timer->position);
}

bool timer_add(struct timer_heap *heap, struct timer *timer,
               void (*on_timeout)(struct timer *timer))
{
    ASSERT(timer->on_timeout == NULL);
    if (heap->added == heap->capacity) {
        size_t capacity = heap->capacity > 0 ? 2 * heap->capacity : INITIAL_CAPACITY;
        struct timer **timers = realloc(heap->timers, capacity * sizeof(*timers));

        if (timers == NULL)
            return false;
        heap->timers = timers;
        heap->capacity = capacity;
    }
    heap->added++;
    timer->position = 0;
    timer->on_timeout = on_timeout;
    return true;
}

void timer_remove(struct timer_heap *heap, struct timer *timer)
{
    ASSERT(timer->on_timeout != NULL);
    timer_stop(heap, timer);
    timer->on_timeout = NULL;
    /* The room stays for the next one: as many as there were may come back at once. */
    heap->added--;
}

void timer_start(struct timer_heap *heap, struct timer *timer, int64_t deadline_ms)
{
    ASSERT(timer->on_timeout != NULL);
    timer->deadline_ms = deadline_ms;
    if (timer->position == 0)
        place(heap, timer, ++heap->count);
    sift(heap, timer);
}

void timer_stop(struct timer_heap *heap, struct timer *timer)
{
    size_t position = timer->position;

    if (position == 0)
        return;
    struct timer *last = at(heap, heap->count--);
    timer->position = 0;
    if (last != timer) {
        place(heap, last, position);
        sift(heap, last);
    }
}

bool timer_is_running(const struct timer *timer)
{
    return timer->position != 0;
}

struct timer *timer_first(const struct timer_heap *heap)
{
    return heap->count > 0 ? heap->timers[0] : NULL;
}

void timer_heap_free(struct timer_heap *heap)
{
    ASSERT(heap->added == 0);
    free(heap->timers);
    *heap = (struct timer_heap){0};
}
