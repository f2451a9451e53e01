/*
 * The row of a message, and those of its attachments. For db/ alone.
 */
#ifndef MESSAGERIE_DB_MESSAGE_ROW_H
#define MESSAGERIE_DB_MESSAGE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/token.h"
#include "db/conversation_row.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"
#include "db/input.h"

struct message_new {
    const char *sender_id; /* a participant */
    enum message_type type;
    const char *content;
    const struct attachment_input *attachments;
    size_t attachment_count;
    const char *client_message_id; /* or NULL */
    bool is_read;                  /* the recipient is looking at the room */
};

/* Stores it at the conversation's last position. */
bool message_row_insert(struct transaction *transaction, const struct conversation *conversation,
                        const struct message_new *fresh, const char *id, struct error *error);

/* What decides whether somebody may do something with a message. */
struct located_message {
    struct conversation conversation;
    int64_t position;
    bool is_author;
    bool is_system;
    bool is_read;
};

/* ERROR_NOT_FOUND when there is none, ERROR_FORBIDDEN when the caller is not in its conversation.
 */
bool message_row_find_for(struct connection *connection, const char *message_id,
                          const struct caller *caller, struct located_message *message,
                          struct error *error);

/* What a message is known by when it is sent again. */
struct message_key {
    const char *conversation_id;
    const char *sender_id;
    const char *client_message_id;
};

/* The position of the message that was sent with this key before, 0 for none. */
bool message_row_find_retry(struct connection *connection, const struct message_key *key,
                            int64_t *position, struct error *error);

/* Deletes it and counts its position as deleted. */
bool message_row_delete(struct transaction *transaction, const struct located_message *message,
                        struct error *error);

#endif
