/*
 * Where a page of messages begins.
 *
 * Each message of a conversation has a position, 1, 2, 3 …, that it keeps and that is never used
 * again, so a page is one range of positions once one knows its first. Without deletions that is
 * arithmetic. A deletion is counted in the block of POSITION_BLOCK positions that it falls into,
 * in the block of POSITION_BLOCK such blocks, and so on for POSITION_LEVELS levels (table
 * message_holes), so that skipping any number of messages reads at most POSITION_BLOCK rows a
 * level, and a conversation without deletions writes and reads none.
 *
 * For db/ alone.
 */
#ifndef MESSAGERIE_DB_POSITION_H
#define MESSAGERIE_DB_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "db/engine/schema.h"
#include "db/engine/statement.h"

/* The messages of one conversation, as its row counts them. */
struct position_range {
    const char *conversation_id;
    int64_t last_position; /* the highest ever given */
    int64_t message_count; /* that are still there */
};

/* Sets *position so that exactly `skip` messages stand after it and that of the messages up to it
 * none is skipped; 0 when there are no more than `skip`. */
bool position_find(struct connection *connection, const struct position_range *range, int64_t skip,
                   int64_t *position, struct error *error);

/* Counts the message at `position` as deleted. */
bool position_forget(struct connection *connection, const char *conversation_id, int64_t position,
                     struct error *error);

#endif
