#include "db/privacy.h"

#include <string.h>

#include "db/conversation_private.h"
#include "db/message_private.h"
#include "db/person_private.h"

/* What stands where a name stood. */
#define ERASED_TEXT "[effacé]"
/* A shorter name is left in SYSTEM messages: its letters are all over them. */
#define ERASED_NAME_MIN_BYTES 2

/* ---- erasure ------------------------------------------------------------------------------- */

static bool erase_row(struct transaction *transaction, const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_ERASE_PERSON);

    bind_integer(statement, 1, transaction->now_ms);
    bind_text(statement, 2, user_id);
    if (!statement_run(statement, error))
        return false;
    if (connection_changes(transaction->connection) == 0)
        return error_set(error, ERROR_NOT_FOUND, "Personne introuvable");
    return true;
}

static bool erase_attachments(struct transaction *transaction, const char *conversation_id,
                              const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_ERASE_ATTACHMENTS);

    bind_text(statement, 1, ERASED_TEXT);
    bind_text(statement, 2, conversation_id);
    bind_text(statement, 3, user_id);
    return statement_run(statement, error);
}

static bool erase_name(struct transaction *transaction, const char *conversation_id,
                       struct buffer *name, struct error *error)
{
    struct statement *statement;

    if (name->length < ERASED_NAME_MIN_BYTES)
        return true;
    statement = statement_begin(transaction->connection, SQL_ERASE_NAME);
    bind_bytes(statement, 1, name->data, name->length);
    bind_text(statement, 2, ERASED_TEXT);
    bind_text(statement, 3, conversation_id);
    return statement_run(statement, error);
}

/* The names that our own texts use. */
struct names {
    struct buffer first;
    struct buffer shown; /* salon name, or first and last name */
};

static bool erase_in_conversation(struct transaction *transaction, const char *conversation_id,
                                  const char *user_id, struct names *names, struct error *error)
{
    struct conversation conversation;

    return conversation_load(transaction->connection, conversation_id, &conversation, error) &&
           erase_attachments(transaction, conversation_id, user_id, error) &&
           erase_name(transaction, conversation_id, &names->shown, error) &&
           erase_name(transaction, conversation_id, &names->first, error) &&
           conversation_blank_events(transaction, &conversation, error) &&
           conversation_announce(transaction, "conversation-updated", &conversation, error);
}

static bool erase_conversations(struct transaction *transaction, struct person_erase *request,
                                struct names *names, struct error *error)
{
    struct statement *statement =
        statement_begin(transaction->connection, SQL_PERSON_CONVERSATIONS);
    enum step step;

    request->conversations = 0;
    bind_text(statement, 1, request->user_id);
    while ((step = statement_step(statement, error)) == STEP_ROW) {
        if (!erase_in_conversation(transaction, column_text(statement, 0), request->user_id, names,
                                   error))
            break;
        request->conversations++;
    }
    statement_end(statement);
    return step == STEP_DONE;
}

bool person_erase(struct transaction *transaction, void *argument, struct error *error)
{
    struct person_erase *request = argument;
    struct names names = {.first = BUFFER_EMPTY, .shown = BUFFER_EMPTY};
    bool succeeded =
        person_append_first_name(transaction->connection, request->user_id, &names.first, error) &&
        person_append_name(transaction->connection, request->user_id, &names.shown, error) &&
        erase_row(transaction, request->user_id, error) &&
        erase_conversations(transaction, request, &names, error);

    if (succeeded && (names.first.failed || names.shown.failed))
        succeeded = error_out_of_memory(error);
    buffer_free(&names.first);
    buffer_free(&names.shown);
    return succeeded;
}

/* ---- export -------------------------------------------------------------------------------- */

static bool write_appointments(struct connection *connection, struct json_writer *writer,
                               const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_EXPORT_APPOINTMENTS);
    enum step step;

    bind_text(statement, 1, user_id);
    json_write_key(writer, "appointments");
    json_begin_array(writer);
    while ((step = statement_step(statement, error)) == STEP_ROW) {
        json_begin_object(writer);
        json_member_text(writer, "appointmentId", column_text(statement, 0));
        json_member_text(writer, "salonId", column_text(statement, 1));
        json_member_text(writer, "clientUserId", column_text(statement, 2));
        json_member_text(writer, "prestation", column_text(statement, 3));
        if (!column_is_null(statement, 4))
            json_member_time(writer, "start", column_integer(statement, 4));
        json_member_text(writer, "status", column_text(statement, 5));
        json_member_time(writer, "createdAt", column_integer(statement, 6));
        json_end_object(writer);
    }
    json_end_array(writer);
    statement_end(statement);
    return step == STEP_DONE;
}

static bool write_messages(struct connection *connection, struct json_writer *writer,
                           const char *conversation_id, const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_EXPORT_MESSAGES);
    enum step step;

    bind_text(statement, 1, conversation_id);
    bind_text(statement, 2, user_id);
    json_write_key(writer, "messages");
    json_begin_array(writer);
    while ((step = statement_step(statement, error)) == STEP_ROW) {
        json_begin_object(writer);
        json_member_text(writer, "id", column_text(statement, 1));
        json_member_text(writer, "type", column_text(statement, 2));
        json_member_text(writer, "content", column_text(statement, 3));
        json_member_time(writer, "createdAt", column_integer(statement, 4));
        if (!column_is_null(statement, 5))
            json_member_time(writer, "readAt", column_integer(statement, 5));
        json_write_key(writer, "attachments");
        json_begin_array(writer);
        if (column_integer(statement, 6) > 0 &&
            !attachments_write(connection, writer, conversation_id, column_integer(statement, 0),
                               error))
            break;
        json_end_array(writer);
        json_end_object(writer);
    }
    json_end_array(writer);
    statement_end(statement);
    return step == STEP_DONE;
}

static bool write_conversation(struct connection *connection, struct json_writer *writer,
                               const char *conversation_id, const char *user_id,
                               struct error *error)
{
    struct conversation conversation;

    if (!conversation_load(connection, conversation_id, &conversation, error))
        return false;
    json_begin_object(writer);
    json_member_text(writer, "id", conversation.id);
    json_member_text(writer, "salonId", conversation.salon_id);
    json_member_text(writer, "clientUserId", conversation.client_user_id);
    if (conversation.subject[0] != '\0')
        json_member_text(writer, "subject", conversation.subject);
    json_member_text(writer, "status", conversation_status_name(conversation.status));
    json_member_time(writer, "createdAt", conversation.created_at);
    if (!write_messages(connection, writer, conversation_id, user_id, error))
        return false;
    json_end_object(writer);
    return true;
}

static bool write_conversations(struct connection *connection, struct json_writer *writer,
                                const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PERSON_CONVERSATIONS);
    enum step step;

    bind_text(statement, 1, user_id);
    json_write_key(writer, "conversations");
    json_begin_array(writer);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        if (!write_conversation(connection, writer, column_text(statement, 0), user_id, error))
            break;
    json_end_array(writer);
    statement_end(statement);
    return step == STEP_DONE;
}

bool person_export(struct connection *connection, void *argument, struct error *error)
{
    const struct person_export *request = argument;
    struct buffer person_json = BUFFER_EMPTY;
    struct person_find person = {.user_id = request->user_id, .json = &person_json};
    struct json_writer writer;

    json_writer_init(&writer, request->json);
    json_begin_object(&writer);
    json_write_key(&writer, "person");
    bool succeeded = person_find(connection, &person, error);
    if (succeeded)
        json_write_raw(&writer, person_json.data, person_json.length);
    buffer_free(&person_json);
    succeeded = succeeded && write_appointments(connection, &writer, request->user_id, error) &&
                write_conversations(connection, &writer, request->user_id, error);
    json_end_object(&writer);
    return succeeded;
}
