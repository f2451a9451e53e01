/*
 * The outbox: every change that someone must see appends its events in the same transaction. The
 * table is the truth, what goes over the bus after the commit is the fast path
 * (docs/architecture.md, "The outbox").
 * For db/ alone, on the writer thread.
 */
#ifndef MESSAGERIE_DB_ENGINE_OUTBOX_H
#define MESSAGERIE_DB_ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/event.h"
#include "db/engine/transaction.h"

/* Every so many events the oldest that are past their time or number are deleted, at most
 * OUTBOX_PRUNE_ROWS at once, so that pruning keeps up and never holds a transaction up long. */
#define OUTBOX_PRUNE_INTERVAL_EVENTS 256
#define OUTBOX_PRUNE_ROWS            1024

/* Reads the newest seq, at the begin of a transaction. */
bool outbox_begin(struct transaction *transaction, struct error *error);

/* One event. Its two keys mean nothing here: they are what it can be blanked by. */
struct outbox_event {
    const char *audience; /* see common/event.h */
    const char *name;
    const char *subject;          /* what it is about; or NULL */
    const char *quoted;           /* whose text is in the payload; or NULL */
    const struct buffer *payload; /* one JSON object, or empty: blank from the start */
};

/* Appends it as the next one. That the payload has failed counts as out of memory. */
bool outbox_append(struct transaction *transaction, const struct outbox_event *event,
                   struct error *error);

/* Empty payloads of events that stand there: their seq stays, delivery skips them. */

/* Of those that quote it. */
bool outbox_blank_quotes(struct transaction *transaction, const char *quoted, struct error *error);

/* Of those for `audience` that are about it. */
bool outbox_blank_subject(struct transaction *transaction, const char *audience,
                          const char *subject, struct error *error);

/* The same for several audiences (up to a NULL) and a part of the events before `end`: those from
 * *from on (0: the oldest) to the end of an epoch (db/engine/schema.h), which moves *from behind
 * it. *is_done when there are no more. */
bool outbox_blank_next(struct transaction *transaction, const char *const *audiences,
                       const char *subject, int64_t end, int64_t *from, bool *is_done,
                       struct error *error);

#endif
