/*
 * What people are told of a conversation, and of what they have not read (docs/protocol.md). For
 * db/ alone.
 */
#ifndef MESSAGERIE_DB_CONVERSATION_ANNOUNCEMENT_H
#define MESSAGERIE_DB_CONVERSATION_ANNOUNCEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "db/conversation_row.h"
#include "db/engine/transaction.h"

/* Tells each participant with the event `name` (conversation-created or -updated), as they are
 * shown the conversation. */
bool announce_conversation(struct transaction *transaction, const char *name,
                           const struct conversation *conversation, struct error *error);

/* conversation-deleted, for each participant. */
bool announce_conversation_deleted(struct transaction *transaction,
                                   const struct conversation *conversation, struct error *error);

/* Empties what participants and room were told of it. */
bool blank_conversation_announcements(struct transaction *transaction,
                                      const struct conversation *conversation, struct error *error);

/* unread-count-updated: all that the user has not read. */
bool announce_unread_total(struct transaction *transaction, const char *user_id, int64_t total,
                           struct error *error);

/* conversation-unread-updated: what the user has not read of this one. */
bool announce_conversation_unread(struct transaction *transaction,
                                  const struct conversation *conversation, const char *user_id,
                                  int64_t unread, struct error *error);

#endif
