#include "db/preferences.h"

#include "common/json_writer.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"

struct preferences {
    bool emails_enabled;
    enum email_frequency frequency;
    int64_t created_at;
    int64_t updated_at;
};

/* Columns of SQL_PREFERENCES_FIND. */
enum { EMAILS_ENABLED, FREQUENCY, CREATED_AT, UPDATED_AT };

/* Over the defaults. */
static void take_row(struct statement *row, struct preferences *preferences)
{
    preferences->created_at = column_integer(row, CREATED_AT);
    preferences->updated_at = preferences->created_at;
    if (column_is_null(row, FREQUENCY))
        return;
    preferences->emails_enabled = column_integer(row, EMAILS_ENABLED) != 0;
    email_frequency_parse(column_text(row, FREQUENCY), &preferences->frequency);
    preferences->updated_at = column_integer(row, UPDATED_AT);
}

static bool find(struct connection *connection, const char *user_id,
                 struct preferences *preferences, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PREFERENCES_FIND);

    *preferences = (struct preferences){.emails_enabled = true, .frequency = EMAIL_IMMEDIATE};
    bind_text(statement, 1, user_id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW)
        take_row(statement, preferences);
    statement_end(statement);
    if (step == STEP_DONE)
        return error_set(error, ERROR_NOT_FOUND, "Personne introuvable");
    return step == STEP_ROW;
}

static bool store(struct transaction *transaction, const char *user_id,
                  struct preferences *preferences, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_PREFERENCES_STORE);

    preferences->updated_at = transaction->now_ms;
    bind_text(statement, 1, user_id);
    bind_integer(statement, 2, preferences->emails_enabled);
    bind_text(statement, 3, email_frequency_name(preferences->frequency));
    bind_integer(statement, 4, preferences->updated_at);
    return statement_run(statement, error);
}

/* ---- as JSON ------------------------------------------------------------------------------- */

static bool write_muted(struct connection *connection, struct json_writer *writer,
                        const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_MUTED_CONVERSATIONS);
    enum step step;

    bind_text(statement, 1, user_id);
    json_write_key(writer, "mutedConversations");
    json_begin_array(writer);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        json_write_text(writer, column_text(statement, 0));
    json_end_array(writer);
    statement_end(statement);
    return step == STEP_DONE;
}

/* There is one of each person: theirs is an id that no row has to be made for. */
static bool write_json(struct connection *connection, struct buffer *json, const char *user_id,
                       const struct preferences *preferences, struct error *error)
{
    struct json_writer writer;

    json_writer_init(&writer, json);
    json_begin_object(&writer);
    json_member_text(&writer, "id", user_id);
    json_member_text(&writer, "userId", user_id);
    json_member_boolean(&writer, "emailNotificationsEnabled", preferences->emails_enabled);
    json_member_text(&writer, "emailFrequency", email_frequency_name(preferences->frequency));
    bool succeeded = write_muted(connection, &writer, user_id, error);
    json_member_time(&writer, "createdAt", preferences->created_at);
    json_member_time(&writer, "updatedAt", preferences->updated_at);
    json_end_object(&writer);
    return succeeded;
}

bool preferences_find_run(struct connection *connection, struct preferences_find *request,
                          struct error *error)
{
    struct preferences preferences;

    return find(connection, request->user_id, &preferences, error) &&
           write_json(connection, request->json, request->user_id, &preferences, error);
}

/* ---- changes ------------------------------------------------------------------------------- */

/* True when that changes something. */
static bool apply(const struct preferences_input *input, struct preferences *preferences)
{
    struct preferences before = *preferences;

    if (input->has_emails_enabled)
        preferences->emails_enabled = input->emails_enabled;
    if (input->has_frequency)
        preferences->frequency = input->frequency;
    return preferences->emails_enabled != before.emails_enabled ||
           preferences->frequency != before.frequency;
}

bool preferences_change_run(struct transaction *transaction, struct preferences_change *request,
                            struct error *error)
{
    struct connection *connection = transaction->connection;
    struct preferences preferences;

    if (!find(connection, request->user_id, &preferences, error))
        return false;
    if (apply(request->input, &preferences) &&
        !store(transaction, request->user_id, &preferences, error))
        return false;
    return write_json(connection, request->json, request->user_id, &preferences, error);
}

/* Begins a statement whose parameters are the person and the conversation. */
static struct statement *begin_of(struct transaction *transaction, enum sql_id id,
                                  const struct conversation_mute *request)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_text(statement, 1, request->user_id);
    bind_text(statement, 2, request->conversation_id);
    return statement;
}

/* The list in the preferences has changed, so they have. */
static bool touch(struct transaction *transaction, const char *user_id, struct error *error)
{
    struct preferences preferences;

    return find(transaction->connection, user_id, &preferences, error) &&
           store(transaction, user_id, &preferences, error);
}

static bool require_room(struct connection *connection, const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_MUTED_COUNT);
    int64_t count;

    bind_text(statement, 1, user_id);
    if (!statement_read_number(statement, 0, &count, error))
        return false;
    return count < MUTED_CONVERSATIONS_MAX ||
           error_add(error, "conversationId", "au plus %d conversations en sourdine",
                     MUTED_CONVERSATIONS_MAX);
}

bool conversation_mute_run(struct transaction *transaction, struct conversation_mute *request,
                           struct error *error)
{
    enum { ABSENT = -1, LOUD, MUTED };
    int64_t state;

    if (!statement_read_number(begin_of(transaction, SQL_PARTICIPANT_MUTED, request), ABSENT,
                               &state, error))
        return false;
    if (state == ABSENT)
        return error_set(error, ERROR_NOT_FOUND, "Conversation introuvable");
    if (state == MUTED)
        return true;
    return require_room(transaction->connection, request->user_id, error) &&
           statement_run(begin_of(transaction, SQL_PARTICIPANT_MUTE, request), error) &&
           touch(transaction, request->user_id, error);
}

bool conversation_unmute_run(struct transaction *transaction, struct conversation_mute *request,
                             struct error *error)
{
    int64_t changes;

    if (!statement_run_counting(begin_of(transaction, SQL_PARTICIPANT_UNMUTE, request), &changes,
                                error))
        return false;
    return changes == 0 || touch(transaction, request->user_id, error);
}
