/*
 * Reading the outbox: for the broker that delivers its events, and for clients that come back and
 * ask what they have missed. Any thread.
 */
#ifndef MESSAGERIE_DB_ENGINE_FEED_H
#define MESSAGERIE_DB_ENGINE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/event.h"
#include "db/engine/database.h"

/* Events in seq order. All zero is an empty batch. */
struct feed_batch {
    struct buffer entries; /* array of what feed_batch_event unpacks */
    struct buffer texts;
};

size_t feed_batch_count(const struct feed_batch *batch);

/* The event at `index`; its texts live as long as the batch is not changed. An empty payload was
 * blanked: such an event counts as seen, but is not to be delivered. */
void feed_batch_event(const struct feed_batch *batch, size_t index, struct event *event);

/* Empties it and keeps its memory. */
void feed_batch_clear(struct feed_batch *batch);

/* Frees its memory and makes it empty. */
void feed_batch_free(struct feed_batch *batch);

/* Query over struct feed_read: the events after a seq, whoever they are for. The first one in the
 * batch has a seq above after + 1 when those in between are pruned. */
struct feed_read {
    int64_t after;
    int64_t limit;
    int64_t newest; /* result: the newest seq there is, 0 in an empty outbox */
    struct feed_batch batch;
};
DATABASE_QUERY(feed_read, struct feed_read);

/* Query over struct feed_missed: the events after `after` up to `until` that are addressed to any
 * of `audiences`, NUL-terminated texts one after the other; the oldest `limit` of them. */
struct feed_missed {
    const struct buffer *audiences;
    int64_t after;
    int64_t until;
    int64_t limit;
    struct feed_batch batch; /* result */
};
DATABASE_QUERY(feed_missed, struct feed_missed);

/* Query over struct unread_state: what a user has not read in all, and at which seq that was. */
struct unread_state {
    const char *user_id;
    int64_t total;  /* result */
    int64_t newest; /* result: of the outbox, at the same moment */
};
DATABASE_QUERY(unread_state, struct unread_state);

#endif
