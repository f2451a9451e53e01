/*
 * A new message, with all that follows: rows, counters, and who is told. For db/ alone.
 */
#ifndef MESSAGERIE_DB_MESSAGE_SENDING_H
#define MESSAGERIE_DB_MESSAGE_SENDING_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"
#include "db/engine/transaction.h"
#include "db/message_row.h"

/* Stores the message, brings the conversation back from the archive, counts, and appends all
 * events. Changes *conversation; `json`, empty before, becomes the Message. */
bool message_send(struct transaction *transaction, struct conversation *conversation,
                  const struct message_new *fresh, struct buffer *json, struct error *error);

/* The same for a SYSTEM message of the salon. */
bool message_send_system(struct transaction *transaction, struct conversation *conversation,
                         const char *content, struct error *error);

#endif
