/*
 * What a client that comes back has missed, read from the outbox and sent a page at a time, no
 * faster than the client takes it: thousands come back at once after the broker was restarted.
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

struct catch_up {
    struct client *client;
    struct worker_request request;
    struct outbox_read_missed missed;
    struct timer pace;
    void (*on_done)(struct catch_up *catch_up);
};

/* Sets it up, all zero before. False without memory. */
bool catch_up_init(struct catch_up *catch_up, struct client *client);

/* Sends the events with a seq above `after` and up to `until` that are for one of the audiences
 * (NUL-terminated one after the other; borrowed until then), and calls on_done, later and once. The
 * client, whose events must be held, is then at `until`, or has failed and will ask again. */
void catch_up_start(struct catch_up *catch_up, const struct buffer *audiences, int64_t after,
                    int64_t until, void (*on_done)(struct catch_up *catch_up));

/* Not while it is under way. */
void catch_up_free(struct catch_up *catch_up);

#endif
