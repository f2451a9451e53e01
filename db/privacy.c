#include "db/privacy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/grapheme.h"
#include "db/announcement.h"
#include "db/appointment_row.h"
#include "db/conversation_announcement.h"
#include "db/conversation_row.h"
#include "db/message_json.h"
#include "db/person.h"
#include "db/person_row.h"

/* What stands where a name stood. */
#define ERASED_TEXT "[effacé]"

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

static bool erase_attachments(struct transaction *transaction, const char *conversation_id,
                              const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_ERASE_ATTACHMENTS);

    bind_text(statement, 1, ERASED_TEXT);
    bind_text(statement, 2, conversation_id);
    bind_text(statement, 3, user_id);
    return statement_run(statement, error);
}

/* Reads all names that the person has or had, each with its NUL. */
static bool read_names(struct transaction *transaction, const char *user_id, struct buffer *names,
                       struct error *error)
{
    if (!person_keep_names(transaction, user_id, error))
        return false;
    struct statement *statement = statement_begin(transaction->connection, SQL_PERSON_NAMES);
    bind_text(statement, 1, user_id);
    return statement_append_texts(statement, "", names, error);
}

/* Whether a byte of UTF-8 begins a letter: all the alphabets of two bytes but for the signs of
 * Latin-1, such as the no-break space and quotation marks, count as letters. */
static bool begins_letter(char byte)
{
    unsigned char value = (unsigned char)byte;

    return isalnum(value) || (value >= 0xc3 && value <= 0xdf);
}

static bool follows_letter(const char *text, const char *at)
{
    if (at == text)
        return false;
    do
        at--;
    while (at > text && ((unsigned char)*at & 0xc0) == 0x80);
    return begins_letter(*at);
}

/* The length of the longest of the names that stands at `at` as a word, 0 for none. The longest, or
 * else "Anne-Marie" would leave its end behind when "Anne" is a name, too. */
static size_t name_at(const struct buffer *names, const char *text, const char *at)
{
    const char *end = names->data + names->length;
    size_t longest = 0;

    if (follows_letter(text, at))
        return 0;
    for (const char *name = names->data; name < end; name += strlen(name) + 1) {
        size_t length = strlen(name);
        if (length > longest && strncmp(at, name, length) == 0 && !begins_letter(at[length]))
            longest = length;
    }
    return longest;
}

/* Appends the text without the names. True when there was one in it. */
static bool append_without(const struct buffer *names, const char *text, struct buffer *out)
{
    bool found = false;

    for (const char *at = text; *at != '\0';) {
        size_t length = name_at(names, text, at);
        if (length > 0) {
            buffer_append_text(out, ERASED_TEXT);
            at += length;
            found = true;
        } else {
            buffer_append(out, at++, 1);
        }
    }
    return found;
}

static bool erase_in_message(struct transaction *transaction, const char *conversation_id,
                             int64_t position, const char *content, const struct buffer *names,
                             struct error *error)
{
    struct buffer erased = BUFFER_EMPTY;
    bool succeeded = true;

    if (append_without(names, content, &erased)) {
        struct statement *statement =
            statement_begin(transaction->connection, SQL_SYSTEM_MESSAGE_UPDATE);
        bind_bytes(statement, 1, erased.data, erased.length);
        bind_text(statement, 2, conversation_id);
        bind_integer(statement, 3, position);
        succeeded = statement_run(statement, error);
    }
    if (succeeded && erased.failed)
        succeeded = error_out_of_memory(error);
    buffer_free(&erased);
    return succeeded;
}

static bool erase_in_messages(struct transaction *transaction, const char *conversation_id,
                              const struct buffer *names, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_SYSTEM_MESSAGES);
    enum step step;

    bind_text(statement, 1, conversation_id);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        if (!erase_in_message(transaction, conversation_id, column_integer(statement, 0),
                              column_text(statement, 1), names, error))
            break;
    statement_end(statement);
    return step == STEP_DONE;
}

static bool erase_in_subject(struct transaction *transaction, struct conversation *conversation,
                             const struct buffer *names, struct error *error)
{
    struct buffer erased = BUFFER_EMPTY;
    bool found = append_without(names, conversation->subject, &erased);
    bool succeeded = true;

    if (found && buffer_text(&erased) == NULL) {
        succeeded = error_out_of_memory(error);
    } else if (found) {
        /* What takes the place of a name may be longer than it was. */
        erased.length = grapheme_prefix_bytes(erased.data, SUBJECT_MAX_CHARACTERS);
        snprintf(conversation->subject, sizeof(conversation->subject), "%s", buffer_text(&erased));
        succeeded =
            conversation_row_store(transaction, conversation, conversation->status, NULL, error);
    }
    buffer_free(&erased);
    return succeeded;
}

static bool erase_in_conversation(struct transaction *transaction, const char *conversation_id,
                                  const char *user_id, const struct buffer *names,
                                  struct error *error)
{
    struct conversation conversation;

    return conversation_row_find(transaction->connection, conversation_id, &conversation, error) &&
           erase_attachments(transaction, conversation_id, user_id, error) &&
           erase_in_messages(transaction, conversation_id, names, error) &&
           erase_in_subject(transaction, &conversation, names, error) &&
           announce_conversation(transaction, "conversation-updated", &conversation, error);
}

static bool erase_conversations(struct transaction *transaction, struct person_erase *request,
                                const struct buffer *names, struct error *error)
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

/* Runs a statement whose only parameter is the person. SQL_OUTBOX_BLANK_PERSON reads the whole
 * outbox, once, however many conversations there are. */
static bool run_for_person(struct transaction *transaction, enum sql_id id, const char *user_id,
                           struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_text(statement, 1, user_id);
    return statement_run(statement, error);
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

/* The names are read before they go, and what the outbox holds is blanked before those are told who
 * share a conversation. */
bool person_erase_run(struct transaction *transaction, struct person_erase *request,
                      struct error *error)
{
    struct buffer names = BUFFER_EMPTY;
    bool succeeded =
        read_names(transaction, request->user_id, &names, error) &&
        erase_row(transaction, request->user_id, error) &&
        run_for_person(transaction, SQL_OUTBOX_BLANK_PERSON, request->user_id, error) &&
        erase_conversations(transaction, request, &names, error) &&
        run_for_person(transaction, SQL_PERSON_NAMES_DELETE, request->user_id, error) &&
        end_sockets(transaction, request->user_id, error);

    buffer_free(&names);
    return succeeded;
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
    const char *conversation_id; /* whose messages are written */
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

static bool export_person(struct exporter *exporter, struct error *error)
{
    struct buffer json = BUFFER_EMPTY;
    struct person_find find = {.user_id = exporter->user_id, .json = &json};
    bool succeeded = person_find_run(exporter->connection, &find, error);

    json_write_key(&exporter->writer, "person");
    if (succeeded)
        json_write_raw(&exporter->writer, json.data, json.length);
    buffer_free(&json);
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
    json_member_text(writer, "content", column_text(row, 3));
    member_time(writer, "createdAt", row, 4);
    member_time(writer, "readAt", row, 5);
    json_member_text(writer, "clientMessageId", column_text(row, 7));
    json_write_key(writer, "attachments");
    json_begin_array(writer);
    bool succeeded =
        column_integer(row, 6) == 0 ||
        message_json_write_attachments(exporter->connection, writer, exporter->conversation_id,
                                       column_integer(row, 0), error);
    json_end_array(writer);
    json_end_object(writer);
    return succeeded;
}

static bool export_messages(struct exporter *exporter, struct error *error)
{
    struct statement *statement = statement_begin(exporter->connection, SQL_EXPORT_MESSAGES);

    bind_text(statement, 1, exporter->conversation_id);
    bind_text(statement, 2, exporter->user_id);
    return export_rows(exporter, "messages", statement, export_message, error);
}

static bool export_conversation(struct exporter *exporter, struct statement *row,
                                struct error *error)
{
    struct json_writer *writer = &exporter->writer;
    struct conversation conversation;

    if (!conversation_row_find(exporter->connection, column_text(row, 0), &conversation, error))
        return false;
    json_begin_object(writer);
    json_member_text(writer, "id", conversation.id);
    json_member_text(writer, "salonId", conversation.salon_id);
    json_member_text(writer, "clientUserId", conversation.client_user_id);
    if (conversation.appointment_id[0] != '\0')
        json_member_text(writer, "appointmentId", conversation.appointment_id);
    if (conversation.subject[0] != '\0')
        json_member_text(writer, "subject", conversation.subject);
    json_member_text(writer, "status", conversation_status_name(conversation.status));
    json_member_time(writer, "createdAt", conversation.created_at);
    json_member_time(writer, "updatedAt", conversation.updated_at);
    exporter->conversation_id = conversation.id;
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
