/*
 * What a client has missed (it comes back, or it lags), read from the outbox and sent a page at a
 * time, no faster than the client takes it: thousands come back at once after the broker was
 * restarted. Whether all of it is still there is looked at with each page: pruning may overtake a
 * slow client, which is then cut off, and told when it comes back that it has not recovered.
 *
 * A client for which something waits and which takes nothing for CATCH_UP_STUCK_MS is cut off.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_CATCH_UP_H
#define MESSAGERIE_BROKER_CATCH_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/client.h"
#include "broker/worker.h"
#include "db/database.h"

/* Longer than any pause of a network that is still of use. */
#define CATCH_UP_STUCK_MS 5000

struct catch_up {
    struct client *client;
    struct worker_request request;
    struct outbox_read_missed missed;
    struct timer pace;
    size_t queued;                               /* for the client, when it was looked last */
    int64_t stalled_at_ms;                       /* since when it has taken nothing */
    void (*on_ready)(struct catch_up *catch_up); /* when the client has taken what waits */
    void (*on_done)(struct catch_up *catch_up);
};

/* Sets it up, all zero before. False without memory. */
bool catch_up_init(struct catch_up *catch_up, struct client *client);

/* Sends the events with a seq above `after` and up to `until` that are for one of the audiences
 * (NUL-terminated one after the other; borrowed until then), and calls on_done, later and once. The
 * client, whose events must be held, is then at `until`, or has failed and will ask again. */
void catch_up_start(struct catch_up *catch_up, const struct buffer *audiences, int64_t after,
                    int64_t until, void (*on_done)(struct catch_up *catch_up));

/* Calls on_ready, later and once, when the client has taken most of what waits for it, or can't be
 * reached any more. Not while anything else of this is under way. */
void catch_up_await(struct catch_up *catch_up, void (*on_ready)(struct catch_up *catch_up));

/* Not while one of these is under way. */
void catch_up_free(struct catch_up *catch_up);

#endif
