#include "broker/transport/farewell.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/container.h"

struct farewell {
    struct farewell_set *set;
    struct farewell *next, *previous;
    struct loop_watch watch;
    struct timer timer;
    struct output output;
    int descriptor;
};

static void finish_farewell(struct farewell *farewell)
{
    struct farewell_set *set = farewell->set;

    loop_unwatch(set->loop, &farewell->watch);
    loop_timer_remove(set->loop, &farewell->timer);
    close(farewell->descriptor);
    output_clear(&farewell->output);
    if (farewell->previous != NULL)
        farewell->previous->next = farewell->next;
    else
        set->first = farewell->next;
    if (farewell->next != NULL)
        farewell->next->previous = farewell->previous;
    set->count--;
    free(farewell);
}

static void on_farewell_timeout(struct timer *timer)
{
    finish_farewell(CONTAINER_OF(timer, struct farewell, timer));
}

/* What arrives is read although nobody wants it: a socket that is closed with bytes unread resets
 * the connection, and the peer's system throws away our last ones. */
/* Throws away what the peer sends. False when there is nothing more to come. */
static bool drain_peer(struct farewell *farewell)
{
    ssize_t count;

    do {
        count = recv(farewell->descriptor, loop_buffer(farewell->set->loop), LOOP_BUFFER_BYTES,
                     MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    return count > 0 || (count < 0 && errno == EAGAIN);
}

static void on_farewell_ready(struct loop_watch *watch, uint32_t events)
{
    struct farewell *farewell = CONTAINER_OF(watch, struct farewell, watch);

    if (events & EPOLLOUT) {
        switch (output_flush(&farewell->output, farewell->descriptor)) {
        case OUTPUT_SENT:
            shutdown(farewell->descriptor, SHUT_WR);
            loop_rewatch(farewell->set->loop, watch, EPOLLIN);
            break;
        case OUTPUT_BLOCKED:
            break;
        case OUTPUT_FAILED:
            finish_farewell(farewell);
            return;
        }
    }
    if (events & ~(uint32_t)EPOLLOUT && !drain_peer(farewell))
        finish_farewell(farewell);
}

void farewell_start(struct farewell_set *set, int descriptor, struct output *output)
{
    struct farewell *farewell = calloc(1, sizeof(*farewell));

    if (farewell == NULL || !loop_timer_add(set->loop, &farewell->timer, on_farewell_timeout)) {
        free(farewell);
        output_clear(output);
        close(descriptor);
        return;
    }
    farewell->set = set;
    farewell->descriptor = descriptor;
    farewell->output = *output;
    *output = (struct output){0};
    farewell->next = set->first;
    if (set->first != NULL)
        set->first->previous = farewell;
    set->first = farewell;
    set->count++;
    if (!loop_watch(set->loop, &farewell->watch, descriptor, EPOLLIN | EPOLLOUT,
                    on_farewell_ready)) {
        finish_farewell(farewell);
        return;
    }
    loop_timer_start(set->loop, &farewell->timer, FAREWELL_MS);
    /* Most have room for a close frame: a turn less for each. */
    on_farewell_ready(&farewell->watch, EPOLLOUT);
}

void farewell_abort(struct farewell_set *set)
{
    for (struct farewell *farewell = set->first, *next; farewell != NULL; farewell = next) {
        next = farewell->next;
        finish_farewell(farewell);
    }
}
