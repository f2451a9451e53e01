/*
 * Many events in two buffers, so that a transaction that appends a few, or a read of a thousand,
 * allocates nothing for each. All zero is an empty batch.
 *
 * A batch belongs to one thread at a time.
 */
#ifndef MESSAGERIE_COMMON_EVENT_BATCH_H
#define MESSAGERIE_COMMON_EVENT_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/event.h"

struct event_batch {
    struct buffer entries; /* where the texts of each begin */
    struct buffer texts;
};

/* Copies the event behind the others. False without memory; the batch is then to be cut back,
 * cleared or freed. */
bool event_batch_add(struct event_batch *batch, const struct event *event);

size_t event_batch_count(const struct event_batch *batch);

/* The event at `index`, from 0; its texts live as long as the batch is not changed. */
void event_batch_at(const struct event_batch *batch, size_t index, struct event *event);

/* Puts them in the order of seq and drops all but the first `limit`. */
void event_batch_sort(struct event_batch *batch, size_t limit);

/* A place to cut back to: events that are added later are forgotten, and so is a lack of memory.
 * Not across event_batch_sort. */
struct event_batch_mark {
    size_t entries_length;
    size_t texts_length;
};
struct event_batch_mark event_batch_mark(const struct event_batch *batch);
void event_batch_cut_back(struct event_batch *batch, struct event_batch_mark mark);

/* Empties it and keeps its memory. */
void event_batch_clear(struct event_batch *batch);

/* Frees its memory and makes it empty. */
void event_batch_free(struct event_batch *batch);

#endif
