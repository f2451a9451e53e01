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

/* Append an event for the sockets in a conversation's room, or for those of a user. `payload` is
 * one JSON object; that it failed counts as out of memory. `message_id` is the message whose text
 * is in the payload, `conversation_id` the conversation that it is about, both for blanking; or
 * NULL. */
bool outbox_append_for_room(struct transaction *transaction, const char *name,
                            const char *conversation_id, const char *message_id,
                            const struct buffer *payload, struct error *error);
bool outbox_append_for_user(struct transaction *transaction, const char *name, const char *user_id,
                            const char *conversation_id, const char *message_id,
                            const struct buffer *payload, struct error *error);

/* Appends an event for nobody, blank from the start: its seq names a picture of the database that
 * one socket of the user is sent as event `name`. */
bool outbox_append_blank(struct transaction *transaction, const char *name, const char *user_id,
                         struct error *error);

/* Empties the payloads that carry the message's text: seq stays, delivery skips them. */
bool outbox_blank_message(struct transaction *transaction, const char *message_id,
                          struct error *error);

/* Empties what was addressed to `audience` about the conversation. */
bool outbox_blank_conversation(struct transaction *transaction, const char *audience,
                               const char *conversation_id, struct error *error);

/* Empties what was addressed to anybody about any conversation of the person: reads the whole
 * outbox once, however many conversations there are. */
bool outbox_blank_person(struct transaction *transaction, const char *user_id, struct error *error);

#endif
