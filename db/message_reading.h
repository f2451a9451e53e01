/*
 * Marking read, with all that follows: rows, counters, and who is told. For db/ alone.
 */
#ifndef MESSAGERIE_DB_MESSAGE_READING_H
#define MESSAGERIE_DB_MESSAGE_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "db/conversation_row.h"
#include "db/engine/transaction.h"

/* Most `message-read` events of one marking, the newest; the messages beyond are marked too. */
#define READ_EVENTS_MAX 200

/* Marks read what `reader` has not read from position `first` to `last`, and appends the events.
 * *marked (may be NULL): whether there was something. */
bool messages_mark_read(struct transaction *transaction, const struct conversation *conversation,
                        const char *reader, int64_t first, int64_t last, bool *marked,
                        struct error *error);

#endif
