/*
 * Messages as clients read them (docs/protocol.md). For db/ alone.
 */
#ifndef MESSAGERIE_DB_MESSAGE_JSON_H
#define MESSAGERIE_DB_MESSAGE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/id.h"
#include "common/json_writer.h"
#include "db/conversation_row.h"
#include "db/engine/statement.h"

/* ---- row by row ---------------------------------------------------------------------------- */

/* Columns of the rows that message_rows_begin gives. */
enum message_column {
    MESSAGE_COLUMN_POSITION,
    MESSAGE_COLUMN_ID,
    MESSAGE_COLUMN_SENDER_ID,
    MESSAGE_COLUMN_TYPE,
    MESSAGE_COLUMN_CONTENT,
    MESSAGE_COLUMN_CREATED_AT,
    MESSAGE_COLUMN_READ_AT,
    MESSAGE_COLUMN_CLIENT_MESSAGE_ID,
    MESSAGE_COLUMN_ATTACHMENT_COUNT,
};

/* Begins to read the newest `limit` messages up to a position, newest first. */
struct statement *message_rows_begin(struct connection *connection, const char *conversation_id,
                                     int64_t newest_position, int64_t limit);

/* Both participants as senders, each written once for a whole page. All but the conversation begins
 * as zero. */
struct message_senders {
    const struct conversation *conversation;
    struct buffer salon;
    struct buffer client;
};
void message_senders_free(struct message_senders *senders);

/* Writes the Message in the present row. */
bool message_json_write_row(struct connection *connection, struct json_writer *writer,
                            struct statement *row, struct message_senders *senders,
                            struct error *error);

/* ---- at once ------------------------------------------------------------------------------- */

/* Writes the Message at a position of which is known that it is there. */
bool message_json_write_at(struct connection *connection, struct buffer *json,
                           const struct conversation *conversation, int64_t position,
                           struct error *error);

/* Writes the member `content` of a message of that type: one of ours without the names of who is
 * being erased. */
bool message_json_write_content(struct connection *connection, struct json_writer *writer,
                                const struct conversation *conversation, const char *type,
                                const char *content, struct error *error);

/* Writes the attachments of the message at a position, of that sender, as elements of an array. */
bool message_json_write_attachments(struct connection *connection, struct json_writer *writer,
                                    const struct conversation *conversation, const char *sender_id,
                                    int64_t position, struct error *error);

/* Writes the member lastMessage, if there is a message. `id` gets its id, else "". */
bool message_json_write_last(struct connection *connection, struct json_writer *writer,
                             const struct conversation *conversation, char id[ID_BYTES],
                             struct error *error);

/* Writes the array of the newest messages, newest first. */
bool message_json_write_newest(struct connection *connection, struct json_writer *writer,
                               const struct conversation *conversation, int64_t limit,
                               struct error *error);

#endif
