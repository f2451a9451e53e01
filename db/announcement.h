/*
 * Telling people: appends an event for the sockets in a conversation's room, or for those of a
 * user, to the outbox of the transaction (db/engine/outbox.h). For db/ alone.
 */
#ifndef MESSAGERIE_DB_ANNOUNCEMENT_H
#define MESSAGERIE_DB_ANNOUNCEMENT_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"
#include "db/engine/transaction.h"

/* `payload` is one JSON object, or empty: then nobody is told, but the seq is given. That it has
 * failed counts as out of memory. What the event can be blanked by, or NULL: `message_id` is the
 * message whose text is in the payload, `conversation_id` the conversation that it is about. */
bool announce_to_room(struct transaction *transaction, const char *name,
                      const char *conversation_id, const char *message_id,
                      const struct buffer *payload, struct error *error);
bool announce_to_user(struct transaction *transaction, const char *name, const char *user_id,
                      const char *conversation_id, const char *message_id,
                      const struct buffer *payload, struct error *error);

#endif
