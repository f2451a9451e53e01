#include "db/privacy.h"

#include <string.h>

#include "db/announcement.h"
#include "db/appointment_row.h"
#include "db/conversation_row.h"
#include "db/erasure.h"
#include "db/message_json.h"
#include "db/person.h"
#include "db/person_row.h"
#include "db/preferences.h"

/* ---- erasure ------------------------------------------------------------------------------- */

static bool erase_row(struct transaction *transaction, const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_ERASE_PERSON);
    int64_t changes;

    transaction_erases(transaction);
    bind_integer(statement, 1, transaction->now_ms);
    bind_text(statement, 2, user_id);
    if (!statement_run_counting(statement, &changes, error))
        return false;
    if (changes == 0)
        return error_set(error, ERROR_NOT_FOUND, "Personne introuvable");
    return true;
}

/* Runs a statement whose only parameter is the person. */
static bool run_for_person(struct transaction *transaction, enum sql_id id, const char *user_id,
                           struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_text(statement, 1, user_id);
    return statement_run(statement, error);
}

static bool erase_preferences(struct transaction *transaction, const char *user_id,
                              struct error *error)
{
    return run_for_person(transaction, SQL_PREFERENCES_DELETE, user_id, error) &&
           run_for_person(transaction, SQL_PARTICIPANT_UNMUTE_ALL, user_id, error);
}

static bool end_sockets(struct transaction *transaction, const char *user_id, struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;

    buffer_append_text(&payload, "{}");
    bool succeeded =
        run_for_person(transaction, SQL_RECOVERIES_DELETE_OF_USER, user_id, error) &&
        announce_to_user(transaction, PERSON_ERASED_EVENT, user_id, NULL, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

/* The names are kept until they are gone from all texts. */
bool person_erase_run(struct transaction *transaction, struct person_erase *request,
                      struct error *error)
{
    struct person_totals totals;

    if (!person_totals(transaction->connection, request->user_id, &totals, error))
        return false;
    request->conversations = totals.active + totals.archived;
    return person_keep_names(transaction, request->user_id, error) &&
           erase_row(transaction, request->user_id, error) &&
           erase_preferences(transaction, request->user_id, error) &&
           erasure_begin(transaction, request->user_id, error) &&
           end_sockets(transaction, request->user_id, error);
}

/* ---- when that was -------------------------------------------------------------------------- */

static bool take_erasure_of(struct connection *connection, const char *user_id,
                            struct erasure_times *request, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_ERASURE_TIME);
    int64_t erased_at;

    bind_text(statement, 1, user_id);
    if (!statement_read_number(statement, -1, &erased_at, error))
        return false;
    request->knows_named = request->knows_named || erased_at >= 0;
    if (erased_at > request->of_named)
        request->of_named = erased_at;
    return true;
}

static bool take_erasures_of_appointment(struct connection *connection,
                                         struct erasure_times *request, struct error *error)
{
    struct appointment row;
    bool found;

    return appointment_row_find(connection, request->appointment_id, &row, &found, error) &&
           (!found || (take_erasure_of(connection, row.salon_id, request, error) &&
                       take_erasure_of(connection, row.client_user_id, request, error)));
}

bool erasure_times_run(struct connection *connection, struct erasure_times *request,
                       struct error *error)
{
    request->of_named = 0;
    request->knows_named = false;
    for (size_t i = 0; i < sizeof(request->user_ids) / sizeof(request->user_ids[0]); i++)
        if (request->user_ids[i] != NULL &&
            !take_erasure_of(connection, request->user_ids[i], request, error))
            return false;
    return (request->appointment_id == NULL ||
            take_erasures_of_appointment(connection, request, error)) &&
           statement_read_number(statement_begin(connection, SQL_ERASURE_NEWEST), 0,
                                 &request->newest, error);
}

/* ---- export -------------------------------------------------------------------------------- */

struct exporter {
    struct connection *connection;
    struct json_writer writer;
    const char *user_id;
    struct conversation conversation; /* whose messages are written */
};

/* Writes what a row says as one value. */
typedef bool export_row(struct exporter *exporter, struct statement *row, struct error *error);

/* Writes the member `key`: an array of what the statement's rows say. Ends the statement. */
static bool export_rows(struct exporter *exporter, const char *key, struct statement *statement,
                        export_row *write_row, struct error *error)
{
    enum step step;

    json_write_key(&exporter->writer, key);
    json_begin_array(&exporter->writer);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        if (!write_row(exporter, statement, error))
            break;
    json_end_array(&exporter->writer);
    statement_end(statement);
    return step == STEP_DONE;
}

/* Begins a statement whose first parameter is the person. */
static struct statement *begin_of_person(const struct exporter *exporter, enum sql_id id)
{
    struct statement *statement = statement_begin(exporter->connection, id);

    bind_text(statement, 1, exporter->user_id);
    return statement;
}

static void member_time(struct json_writer *writer, const char *key, struct statement *row,
                        int column)
{
    if (!column_is_null(row, column))
        json_member_time(writer, key, column_integer(row, column));
}

static bool export_text(struct exporter *exporter, struct statement *row, struct error *error)
{
    (void)error;
    json_write_text(&exporter->writer, column_text(row, 0));
    return true;
}

/* Writes the member `key`, and frees its value. */
static void member_json(struct exporter *exporter, const char *key, struct buffer *json)
{
    json_write_key(&exporter->writer, key);
    if (json->length > 0)
        json_write_raw(&exporter->writer, json->data, json->length);
    buffer_free(json);
}

static bool export_person(struct exporter *exporter, struct error *error)
{
    struct buffer json = BUFFER_EMPTY;
    struct person_find find = {.user_id = exporter->user_id, .json = &json};
    bool succeeded = person_find_run(exporter->connection, &find, error);

    member_json(exporter, "person", &json);
    return succeeded;
}

static bool export_preferences(struct exporter *exporter, struct error *error)
{
    struct buffer json = BUFFER_EMPTY;
    struct preferences_find find = {.user_id = exporter->user_id, .json = &json};
    bool succeeded = preferences_find_run(exporter->connection, &find, error);

    member_json(exporter, "preferences", &json);
    return succeeded;
}

static bool export_directory(struct exporter *exporter, struct error *error)
{
    struct json_writer *writer = &exporter->writer;
    struct statement *statement = begin_of_person(exporter, SQL_EXPORT_DIRECTORY);
    enum step step = statement_step(statement, error);

    if (step == STEP_ROW) {
        json_write_key(writer, "directory");
        json_begin_object(writer);
        member_time(writer, "createdAt", statement, 0);
        member_time(writer, "updatedAt", statement, 1);
        if (column_integer(statement, 2) > 0)
            member_time(writer, "tokenIssuedAt", statement, 2);
        json_end_object(writer);
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

static bool export_appointment(struct exporter *exporter, struct statement *row,
                               struct error *error)
{
    struct json_writer *writer = &exporter->writer;

    (void)error;
    json_begin_object(writer);
    json_member_text(writer, "appointmentId", column_text(row, 0));
    json_member_text(writer, "salonId", column_text(row, 1));
    json_member_text(writer, "clientUserId", column_text(row, 2));
    json_member_text(writer, "prestation", column_text(row, 3));
    member_time(writer, "start", row, 4);
    json_member_text(writer, "status", column_text(row, 5));
    if (!column_is_null(row, 6))
        json_member_integer(writer, "version", column_integer(row, 6));
    member_time(writer, "createdAt", row, 7);
    member_time(writer, "updatedAt", row, 8);
    json_end_object(writer);
    return true;
}

/* Its ids stay out: they are secrets between the broker and a page. */
static bool export_recovery(struct exporter *exporter, struct statement *row, struct error *error)
{
    struct json_writer *writer = &exporter->writer;
    struct statement *rooms = statement_begin(exporter->connection, SQL_RECOVERY_ROOMS);

    bind_text(rooms, 1, column_text(row, 0));
    json_begin_object(writer);
    json_member_boolean(writer, "isConnected", column_integer(row, 1) != 0);
    member_time(writer, "changedAt", row, 2);
    bool succeeded = export_rows(exporter, "openConversations", rooms, export_text, error);
    json_end_object(writer);
    return succeeded;
}

static bool export_message(struct exporter *exporter, struct statement *row, struct error *error)
{
    struct json_writer *writer = &exporter->writer;

    json_begin_object(writer);
    json_member_text(writer, "id", column_text(row, 1));
    json_member_text(writer, "type", column_text(row, 2));
    if (!message_json_write_content(exporter->connection, writer, &exporter->conversation,
                                    column_text(row, 2), column_text(row, 3), error))
        return false;
    member_time(writer, "createdAt", row, 4);
    member_time(writer, "readAt", row, 5);
    json_member_text(writer, "clientMessageId", column_text(row, 7));
    json_write_key(writer, "attachments");
    json_begin_array(writer);
    bool succeeded =
        column_integer(row, 6) == 0 ||
        message_json_write_attachments(exporter->connection, writer, &exporter->conversation,
                                       exporter->user_id, column_integer(row, 0), error);
    json_end_array(writer);
    json_end_object(writer);
    return succeeded;
}

static bool export_messages(struct exporter *exporter, struct error *error)
{
    struct statement *statement = statement_begin(exporter->connection, SQL_EXPORT_MESSAGES);

    bind_text(statement, 1, exporter->conversation.id);
    bind_text(statement, 2, exporter->user_id);
    return export_rows(exporter, "messages", statement, export_message, error);
}

static bool export_conversation(struct exporter *exporter, struct statement *row,
                                struct error *error)
{
    struct json_writer *writer = &exporter->writer;
    struct conversation *conversation = &exporter->conversation;

    if (!conversation_row_find(exporter->connection, column_text(row, 0), conversation, error))
        return false;
    json_begin_object(writer);
    json_member_text(writer, "id", conversation->id);
    json_member_text(writer, "salonId", conversation->salon_id);
    json_member_text(writer, "clientUserId", conversation->client_user_id);
    if (conversation->appointment_id[0] != '\0')
        json_member_text(writer, "appointmentId", conversation->appointment_id);
    if (conversation->subject[0] != '\0')
        json_member_text(writer, "subject", conversation->subject);
    json_member_text(writer, "status", conversation_status_name(conversation->status));
    json_member_time(writer, "createdAt", conversation->created_at);
    json_member_time(writer, "updatedAt", conversation->updated_at);
    bool succeeded = export_messages(exporter, error);
    json_end_object(writer);
    return succeeded;
}

bool person_export_run(struct connection *connection, struct person_export *request,
                       struct error *error)
{
    struct exporter exporter = {.connection = connection, .user_id = request->user_id};

    json_writer_init(&exporter.writer, request->json);
    json_begin_object(&exporter.writer);
    bool succeeded =
        export_person(&exporter, error) && export_directory(&exporter, error) &&
        export_preferences(&exporter, error) &&
        export_rows(&exporter, "names", begin_of_person(&exporter, SQL_PERSON_NAMES), export_text,
                    error) &&
        export_rows(&exporter, "appointments", begin_of_person(&exporter, SQL_EXPORT_APPOINTMENTS),
                    export_appointment, error) &&
        export_rows(&exporter, "sessions", begin_of_person(&exporter, SQL_RECOVERIES_OF_USER),
                    export_recovery, error) &&
        export_rows(&exporter, "conversations",
                    begin_of_person(&exporter, SQL_PERSON_CONVERSATIONS), export_conversation,
                    error);
    json_end_object(&exporter.writer);
    return succeeded;
}
