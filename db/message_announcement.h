/*
 * What a conversation's room is told of its messages (docs/protocol.md). For db/ alone.
 */
#ifndef MESSAGERIE_DB_MESSAGE_ANNOUNCEMENT_H
#define MESSAGERIE_DB_MESSAGE_ANNOUNCEMENT_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"
#include "db/engine/transaction.h"

/* new-message; `json` is the Message. */
bool announce_new_message(struct transaction *transaction, const char *conversation_id,
                          const char *message_id, const struct buffer *json, struct error *error);

/* message-read, as of now. */
bool announce_message_read(struct transaction *transaction, const char *conversation_id,
                           const char *message_id, struct error *error);

/* message-deleted. */
bool announce_message_deleted(struct transaction *transaction, const char *conversation_id,
                              const char *message_id, struct error *error);

#endif
