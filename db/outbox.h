/*
 * The outbox: every change that someone must see appends its events in the same transaction. The
 * table is the truth, what goes over the bus after the commit is the fast path (design section 4).
 * For db/ alone, on the writer thread.
 */
#ifndef MESSAGERIE_DB_OUTBOX_H
#define MESSAGERIE_DB_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/event.h"
#include "db/transaction.h"

/* Every so many events the oldest that are past their time or number are deleted, at most
 * OUTBOX_PRUNE_ROWS at once, so that pruning keeps up and never holds a transaction up long. */
#define OUTBOX_PRUNE_INTERVAL_EVENTS 256
#define OUTBOX_PRUNE_ROWS            1024

/* Reads the newest seq, at the begin of a transaction. */
bool outbox_begin(struct transaction *transaction, struct error *error);

struct outbox_event {
    const char *audience; /* event_audience_room or _user */
    const char *name;
    const char *conversation_id; /* for blanking, or NULL */
    const char *message_id;      /* the message whose text is in the payload, or NULL */
    struct buffer *payload;      /* one JSON object; failed counts as out of memory */
};

bool outbox_append(struct transaction *transaction, const struct outbox_event *event,
                   struct error *error);

/* Empties the payloads that carry the message's text: seq stays, delivery skips them. */
bool outbox_blank_message(struct transaction *transaction, const char *message_id,
                          struct error *error);

/* Empties what was addressed to `audience` about the conversation. */
bool outbox_blank_conversation(struct transaction *transaction, const char *audience,
                               const char *conversation_id, struct error *error);

#endif
