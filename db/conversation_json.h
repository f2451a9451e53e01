/*
 * Conversations as clients read them (docs/protocol.md). For db/ alone.
 */
#ifndef MESSAGERIE_DB_CONVERSATION_JSON_H
#define MESSAGERIE_DB_CONVERSATION_JSON_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/id.h"
#include "common/json_writer.h"
#include "common/token.h"
#include "db/conversation_row.h"
#include "db/engine/statement.h"

/* Writes the Conversation as `caller` is shown it. `last_message_id` (may be NULL) gets the id of
 * the message whose text is in it, empty when there is none. */
bool conversation_json_write(struct connection *connection, struct json_writer *writer,
                             const struct conversation *conversation, const struct caller *caller,
                             char last_message_id[ID_BYTES], struct error *error);

/* The same, as all that is in `json`. */
bool conversation_json_write_one(struct connection *connection, struct buffer *json,
                                 const struct conversation *conversation,
                                 const struct caller *caller, struct error *error);

/* Writes the short form for the list of what is unread, of a row of SQL_CONVERSATION_LIST_UNREAD.
 */
bool conversation_json_write_unread(struct connection *connection, struct json_writer *writer,
                                    struct statement *row, struct error *error);

#endif
