/*
 * What can be found, and is shown: the text of a message, and the card of a conversation, what the
 * other one is called and its subject. For db/ alone.
 */
#ifndef MESSAGERIE_DB_SEARCH_DOCUMENT_H
#define MESSAGERIE_DB_SEARCH_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "db/engine/driver.h"

/* Positions of what is no message: the salon finds the conversation by one card, the client by the
 * other. */
#define SEARCH_POSITION_SALON_CARD  0
#define SEARCH_POSITION_CLIENT_CARD (-1)

/* Appends a card's text: the names of the other one, and the subject (NULL or "": none). */
bool search_card_append(struct connection *connection, const char *other_id, const char *subject,
                        struct buffer *text, struct error *error);

/* Columns of SQL_SEARCH_MESSAGE. */
enum search_message_column {
    SEARCH_MESSAGE_ID,
    SEARCH_MESSAGE_SENDER_ID,
    SEARCH_MESSAGE_TYPE,
    SEARCH_MESSAGE_CONTENT,
    SEARCH_MESSAGE_CREATED_AT,
};

/* Begins SQL_SEARCH_MESSAGE: the message at a position, or none. */
struct statement *search_message_begin(struct connection *connection, const char *conversation_id,
                                       int64_t position);

#endif
