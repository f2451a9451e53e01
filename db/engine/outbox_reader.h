/*
 * Reading the outbox: for the broker that delivers its events, and for clients that come back and
 * ask what they have missed. Any thread.
 */
#ifndef MESSAGERIE_DB_ENGINE_OUTBOX_READER_H
#define MESSAGERIE_DB_ENGINE_OUTBOX_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/event_batch.h"
#include "db/engine/operation.h"

/* What is read at once is bounded by a number of events and by bytes of their texts; the event that
 * reaches the latter is still in it, so that one of any size is read. */
#define OUTBOX_READ_MAX_BYTES (256 * 1024)

/* The name of a time line, 8 hexadecimal digits, and its NUL. */
#define TIMELINE_BYTES 9

/* Query over struct outbox_read_after: the events after a seq, whoever they are for. The first one
 * in the batch has a seq above after + 1 when those in between are pruned. */
struct outbox_read_after {
    int64_t after;
    int64_t limit;
    int64_t newest;                /* result: the newest seq there is, 0 in an empty outbox */
    char timeline[TIMELINE_BYTES]; /* result: which the numbers are of */
    bool is_last;                  /* result: the batch goes up to it */
    struct event_batch batch;      /* result: behind what is in it */
};
DATABASE_QUERY(outbox_read_after, struct outbox_read_after);

/* Query over struct outbox_read_missed: the events after `after` up to `until` that are addressed
 * to any of `audiences`, NUL-terminated texts one after the other; the oldest `limit` of them. */
struct outbox_read_missed {
    const struct buffer *audiences;
    int64_t after;
    int64_t until;
    int64_t limit;
    bool is_last;     /* result: there are no more of them */
    bool is_complete; /* result: nothing after `after` was pruned yet; else there is no batch */
    struct event_batch batch; /* result; empty before */
};
DATABASE_QUERY(outbox_read_missed, struct outbox_read_missed);

/* ---- for db/ alone -------------------------------------------------------------------------- */

/* Which time line the numbers are of: others, of a database that this one was restored over, mean
 * other events. */
bool outbox_read_timeline(struct connection *connection, char timeline[TIMELINE_BYTES],
                          struct error *error);

/* The newest seq, 0 in an empty outbox. */
bool outbox_newest(struct connection *connection, int64_t *newest, struct error *error);

/* Whether nothing after `seq` was pruned. */
bool outbox_is_complete_after(struct connection *connection, int64_t seq, int64_t newest,
                              bool *is_complete, struct error *error);

/* Looks into the index: one for each audience and epoch (db/engine/schema.h) of what was missed. */
#define OUTBOX_LOOKS_MAX 4096

/* Counts what outbox_read_missed would find, up to its limit; tells the limit, without counting,
 * when it would take more than OUTBOX_LOOKS_MAX looks. */
bool outbox_count_missed(struct connection *connection, const struct outbox_read_missed *request,
                         int64_t *count, struct error *error);

#endif
