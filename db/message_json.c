#include "db/message_json.h"

#include <string.h>

#include "db/erasure_text.h"
#include "db/person_json.h"

struct statement *message_rows_begin(struct connection *connection, const char *conversation_id,
                                     int64_t newest_position, int64_t limit)
{
    struct statement *statement = statement_begin(connection, SQL_MESSAGE_PAGE);

    bind_text(statement, 1, conversation_id);
    bind_integer(statement, 2, newest_position);
    bind_integer(statement, 3, limit);
    return statement;
}

bool message_json_write_content(struct connection *connection, struct json_writer *writer,
                                const struct conversation *conversation, const char *type,
                                const char *content, struct error *error)
{
    struct buffer erased = BUFFER_EMPTY;

    if (!conversation->is_being_erased || strcmp(type, message_type_name(MESSAGE_SYSTEM)) != 0) {
        json_member_text(writer, "content", content);
        return true;
    }
    bool succeeded = erasure_read_text(connection, conversation->salon_id,
                                       conversation->client_user_id, content, &erased, error);
    if (succeeded)
        json_member_text(writer, "content", buffer_text(&erased));
    buffer_free(&erased);
    return succeeded;
}

bool message_json_write_attachments(struct connection *connection, struct json_writer *writer,
                                    const struct conversation *conversation, const char *sender_id,
                                    int64_t position, struct error *error)
{
    bool hides_name = false;
    enum step step;

    if (conversation->is_being_erased &&
        !erasure_is_under_way(connection, sender_id, &hides_name, error))
        return false;
    struct statement *statement = statement_begin(connection, SQL_ATTACHMENTS);
    bind_text(statement, 1, conversation->id);
    bind_integer(statement, 2, position);
    while ((step = statement_step(statement, error)) == STEP_ROW) {
        json_begin_object(writer);
        json_member_text(writer, "id", column_text(statement, 0));
        json_member_text(writer, "fileName", hides_name ? ERASED_TEXT : column_text(statement, 1));
        json_member_text(writer, "fileUrl", column_text(statement, 2));
        json_member_text(writer, "fileType", column_text(statement, 3));
        json_member_integer(writer, "fileSize", column_integer(statement, 4));
        json_end_object(writer);
    }
    statement_end(statement);
    return step == STEP_DONE;
}

static bool write_attachments(struct connection *connection, struct json_writer *writer,
                              const struct conversation *conversation, struct statement *row,
                              struct error *error)
{
    json_write_key(writer, "attachments");
    json_begin_array(writer);
    bool succeeded = message_json_write_attachments(
        connection, writer, conversation, column_text(row, MESSAGE_COLUMN_SENDER_ID),
        column_integer(row, MESSAGE_COLUMN_POSITION), error);
    json_end_array(writer);
    return succeeded;
}

/* Writes the Message in the present row; `sender` is its sender as JSON. */
static bool write_row(struct connection *connection, struct json_writer *writer,
                      struct statement *row, const struct conversation *conversation,
                      const struct buffer *sender, struct error *error)
{
    bool is_read = !column_is_null(row, MESSAGE_COLUMN_READ_AT);

    json_begin_object(writer);
    json_member_text(writer, "id", column_text(row, MESSAGE_COLUMN_ID));
    json_member_text(writer, "conversationId", conversation->id);
    if (!message_json_write_content(connection, writer, conversation,
                                    column_text(row, MESSAGE_COLUMN_TYPE),
                                    column_text(row, MESSAGE_COLUMN_CONTENT), error))
        return false;
    json_member_text(writer, "type", column_text(row, MESSAGE_COLUMN_TYPE));
    json_member_boolean(writer, "isRead", is_read);
    if (is_read)
        json_member_time(writer, "readAt", column_integer(row, MESSAGE_COLUMN_READ_AT));
    json_member_time(writer, "createdAt", column_integer(row, MESSAGE_COLUMN_CREATED_AT));
    json_member_raw(writer, "sender", sender->data, sender->length);
    /* Most have none, and are spared the question. */
    if (column_integer(row, MESSAGE_COLUMN_ATTACHMENT_COUNT) == 0)
        json_member_raw(writer, "attachments", "[]", 2);
    else if (!write_attachments(connection, writer, conversation, row, error))
        return false;
    json_member_text(writer, "clientMessageId", column_text(row, MESSAGE_COLUMN_CLIENT_MESSAGE_ID));
    json_end_object(writer);
    return true;
}

static bool write_sender(struct connection *connection, struct buffer *json, const char *user_id,
                         struct error *error)
{
    struct json_writer writer;

    json_writer_init(&writer, json);
    if (!person_json_write(connection, &writer, user_id, PERSON_WITHOUT_EMAIL, error))
        return false;
    return json->failed ? error_out_of_memory(error) : true;
}

/* The JSON of that sender; NULL with *error. */
static const struct buffer *sender_json(struct connection *connection,
                                        struct message_senders *senders, const char *sender_id,
                                        struct error *error)
{
    bool is_salon = conversation_is_salon(senders->conversation, sender_id);
    struct buffer *json = is_salon ? &senders->salon : &senders->client;

    if (json->length == 0 && !write_sender(connection, json, sender_id, error))
        return NULL;
    return json;
}

void message_senders_free(struct message_senders *senders)
{
    buffer_free(&senders->salon);
    buffer_free(&senders->client);
}

bool message_json_write_row(struct connection *connection, struct json_writer *writer,
                            struct statement *row, struct message_senders *senders,
                            struct error *error)
{
    const struct buffer *sender =
        sender_json(connection, senders, column_text(row, MESSAGE_COLUMN_SENDER_ID), error);

    return sender != NULL &&
           write_row(connection, writer, row, senders->conversation, sender, error);
}

bool message_json_write_at(struct connection *connection, struct buffer *json,
                           const struct conversation *conversation, int64_t position,
                           struct error *error)
{
    struct message_senders senders = {.conversation = conversation};
    struct json_writer writer;
    struct statement *statement = message_rows_begin(connection, conversation->id, position, 1);

    json_writer_init(&writer, json);
    bool succeeded = statement_step(statement, error) == STEP_ROW &&
                     message_json_write_row(connection, &writer, statement, &senders, error);
    statement_end(statement);
    message_senders_free(&senders);
    return succeeded;
}

bool message_json_write_last(struct connection *connection, struct json_writer *writer,
                             const struct conversation *conversation, char id[ID_BYTES],
                             struct error *error)
{
    id[0] = '\0';
    if (conversation->message_count == 0)
        return true;
    struct statement *statement =
        message_rows_begin(connection, conversation->id, conversation->last_position, 1);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW) {
        column_copy(statement, MESSAGE_COLUMN_ID, id, ID_BYTES);
        json_write_key(writer, "lastMessage");
        json_begin_object(writer);
        json_member_text(writer, "id", id);
        if (!message_json_write_content(connection, writer, conversation,
                                        column_text(statement, MESSAGE_COLUMN_TYPE),
                                        column_text(statement, MESSAGE_COLUMN_CONTENT), error))
            step = STEP_FAILED;
        json_member_text(writer, "senderId", column_text(statement, MESSAGE_COLUMN_SENDER_ID));
        json_member_text(writer, "type", column_text(statement, MESSAGE_COLUMN_TYPE));
        json_member_time(writer, "createdAt", column_integer(statement, MESSAGE_COLUMN_CREATED_AT));
        json_end_object(writer);
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

bool message_json_write_newest(struct connection *connection, struct json_writer *writer,
                               const struct conversation *conversation, int64_t limit,
                               struct error *error)
{
    struct message_senders senders = {.conversation = conversation};
    struct statement *statement =
        message_rows_begin(connection, conversation->id, conversation->last_position, limit);
    enum step step;

    json_begin_array(writer);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        if (!message_json_write_row(connection, writer, statement, &senders, error))
            break;
    json_end_array(writer);
    statement_end(statement);
    message_senders_free(&senders);
    return step == STEP_DONE;
}
