#include "db/conversation.h"

#include <stdio.h>
#include <string.h>

#include "db/announcement.h"
#include "db/appointment_row.h"
#include "db/conversation_announcement.h"
#include "db/conversation_json.h"
#include "db/conversation_row.h"
#include "db/deletion.h"
#include "db/engine/outbox_reader.h"
#include "db/message_json.h"
#include "db/message_reading.h"
#include "db/message_sending.h"
#include "db/person.h"
#include "db/person_row.h"
#include "db/recovery.h"

/* ---- queries ------------------------------------------------------------------------------- */

bool conversation_access_run(struct connection *connection, struct conversation_access *request,
                             struct error *error)
{
    struct conversation conversation;

    if (!conversation_row_find_for(connection, request->conversation_id, &request->caller,
                                   &conversation, error))
        return false;
    request->is_salon = conversation_is_salon(&conversation, request->caller.user_id);
    return true;
}

bool conversation_find_run(struct connection *connection, struct conversation_find *request,
                           struct error *error)
{
    struct conversation conversation;
    int64_t unread;

    if (!conversation_row_find_for(connection, request->conversation_id, &request->caller,
                                   &conversation, error) ||
        !conversation_row_unread(connection, &conversation, request->caller.user_id, &unread, NULL,
                                 error))
        return false;
    request->has_unread = unread > 0;
    request->last_position = conversation.last_position;
    return conversation_json_write_one(connection, request->json, &conversation, &request->caller,
                                       error);
}

static bool list_total(struct connection *connection, const struct conversation_list *request,
                       int64_t *total, struct error *error)
{
    struct person_totals totals;

    if (!person_totals(connection, request->caller.user_id, &totals, error))
        return false;
    *total = 0;
    if (!request->has_status || request->status == CONVERSATION_ACTIVE)
        *total += totals.active;
    if (!request->has_status || request->status == CONVERSATION_ARCHIVED)
        *total += totals.archived;
    return true;
}

static struct statement *begin_list(struct connection *connection,
                                    const struct conversation_list *request)
{
    struct statement *statement = statement_begin(
        connection, request->has_status ? SQL_CONVERSATION_LIST_STATUS : SQL_CONVERSATION_LIST);
    int parameter = 1;

    bind_text(statement, parameter++, request->caller.user_id);
    if (request->has_status)
        bind_text(statement, parameter++, conversation_status_name(request->status));
    bind_integer(statement, parameter++, request->limit);
    bind_integer(statement, parameter, (request->page - 1) * request->limit);
    return statement;
}

static bool list_rows(struct connection *connection, const struct conversation_list *request,
                      struct json_writer *writer, struct error *error)
{
    struct statement *statement = begin_list(connection, request);
    struct conversation conversation;
    enum step step;

    while ((step = statement_step(statement, error)) == STEP_ROW)
        /* Row by row by its key, and not in a join: one place reads a conversation, and the page
         * cache has most of them. */
        if (!conversation_row_find(connection, column_text(statement, 0), &conversation, error) ||
            !conversation_json_write(connection, writer, &conversation, &request->caller, NULL,
                                     error))
            break;
    statement_end(statement);
    return step == STEP_DONE;
}

bool conversation_list_run(struct connection *connection, struct conversation_list *request,
                           struct error *error)
{
    struct json_writer writer;
    int64_t total = 0;

    json_writer_init(&writer, request->json);
    json_begin_object(&writer);
    json_write_key(&writer, "data");
    json_begin_array(&writer);
    if (request->caller.kind != CALLER_SERVICE &&
        (!list_total(connection, request, &total, error) ||
         !list_rows(connection, request, &writer, error)))
        return false;
    json_end_array(&writer);
    json_member_integer(&writer, "total", total);
    json_member_integer(&writer, "page", request->page);
    json_member_integer(&writer, "limit", request->limit);
    json_member_integer(&writer, "totalPages", (total + request->limit - 1) / request->limit);
    json_end_object(&writer);
    return true;
}

bool unread_total_run(struct connection *connection, struct unread_summary *request,
                      struct error *error)
{
    struct person_totals totals = {0};
    struct json_writer writer;

    if (request->caller.kind != CALLER_SERVICE &&
        !person_totals(connection, request->caller.user_id, &totals, error))
        return false;
    json_writer_init(&writer, request->json);
    json_begin_object(&writer);
    json_member_integer(&writer, "totalUnread", totals.unread);
    json_end_object(&writer);
    return true;
}

bool unread_conversations_run(struct connection *connection, struct unread_summary *request,
                              struct error *error)
{
    struct json_writer writer;
    struct statement *statement = statement_begin(connection, SQL_CONVERSATION_LIST_UNREAD);
    enum step step = STEP_DONE;

    bind_text(statement, 1, request->caller.user_id);
    bind_integer(statement, 2, UNREAD_CONVERSATIONS_MAX);
    json_writer_init(&writer, request->json);
    json_begin_array(&writer);
    if (request->caller.kind != CALLER_SERVICE)
        while ((step = statement_step(statement, error)) == STEP_ROW)
            if (!conversation_json_write_unread(connection, &writer, statement, error))
                break;
    json_end_array(&writer);
    statement_end(statement);
    return step == STEP_DONE;
}

/* ---- making one ---------------------------------------------------------------------------- */

/* Whose conversation it is to be; borrowed. */
struct participants {
    const char *salon_id;
    const char *client_user_id;
    bool is_by_client;
};

static bool require_client(struct transaction *transaction,
                           const struct conversation_create *request,
                           const struct participants *participants, struct error *error)
{
    char role[TOKEN_ROLE_BYTES];

    if (strcmp(participants->salon_id, participants->client_user_id) == 0)
        return error_set(error, ERROR_INVALID, "Le client ne peut pas être le salon");
    if (!person_role(transaction->connection, participants->client_user_id, "Client introuvable",
                     role, error))
        return false;
    if (token_role_kind(request->config, role) != CALLER_CLIENT)
        return error_set(error, ERROR_INVALID, "Cette personne n'est pas un client");
    return true;
}

static bool require_salon(struct transaction *transaction,
                          const struct conversation_create *request,
                          const struct participants *participants, struct error *error)
{
    char role[TOKEN_ROLE_BYTES];

    if (!person_role(transaction->connection, participants->salon_id, "Salon introuvable", role,
                     error))
        return false;
    if (token_role_kind(request->config, role) != CALLER_SALON)
        return error_set(error, ERROR_INVALID, "Cette personne n'est pas un salon");
    return true;
}

/* Looked at before the salon: who shares no appointment with it does not learn whether it exists.
 */
static bool require_shared_appointment(struct transaction *transaction,
                                       const struct participants *participants, struct error *error)
{
    bool is_of;

    if (!appointment_is_of(transaction->connection, participants->salon_id,
                           participants->client_user_id, &is_of, error))
        return false;
    return is_of || error_set(error, ERROR_NOT_FOUND, "Salon introuvable");
}

/* The appointments of who was erased stay, and their token lives on for a while. */
static bool require_present(struct transaction *transaction, const char *user_id,
                            struct error *error)
{
    char role[TOKEN_ROLE_BYTES];

    return person_role(transaction->connection, user_id, "Client introuvable", role, error);
}

static bool require_participants(struct transaction *transaction,
                                 const struct conversation_create *request, enum caller_kind kind,
                                 const struct participants *participants, struct error *error)
{
    switch (kind) {
    case CALLER_SALON:
        return person_ensure(transaction, participants->salon_id, request->caller.role, error) &&
               require_client(transaction, request, participants, error);
    case CALLER_SERVICE:
        return require_salon(transaction, request, participants, error) &&
               require_client(transaction, request, participants, error);
    case CALLER_CLIENT:
        return require_present(transaction, participants->client_user_id, error) &&
               require_shared_appointment(transaction, participants, error) &&
               require_salon(transaction, request, participants, error);
    case CALLER_OTHER:
        break;
    }
    return error_set(error, ERROR_FORBIDDEN, CONVERSATION_OPENING_REFUSED);
}

bool conversation_may_open(const struct config *config, enum caller_kind kind)
{
    return kind == CALLER_SALON || kind == CALLER_SERVICE ||
           (kind == CALLER_CLIENT && config->messaging_clients_may_open);
}

/* Who they are by what the caller is and has named, and that they may be. */
static bool find_participants(struct transaction *transaction,
                              const struct conversation_create *request,
                              struct participants *participants, struct error *error)
{
    struct person_kind known = {.caller = request->caller, .config = request->config};

    if (!person_kind_run(transaction->connection, &known, error))
        return false;
    *participants = (struct participants){.salon_id = request->input->salon_id,
                                          .client_user_id = request->input->client_user_id,
                                          .is_by_client = known.kind == CALLER_CLIENT};
    if (known.kind == CALLER_SALON)
        participants->salon_id = request->caller.user_id;
    if (known.kind == CALLER_CLIENT)
        participants->client_user_id = request->caller.user_id;
    /* Somebody is missing when the caller's role has changed since the input was read. */
    if (!conversation_may_open(request->config, known.kind) || participants->salon_id == NULL ||
        participants->client_user_id == NULL)
        return error_set(error, ERROR_FORBIDDEN, CONVERSATION_OPENING_REFUSED);
    return require_participants(transaction, request, known.kind, participants, error);
}

/* ERROR_NOT_FOUND when the appointment is unknown or of other people, which tells nobody whether
 * it exists. Sets `conversation_id` to the one that it has already, else to "". */
static bool require_appointment(struct connection *connection, const char *appointment_id,
                                const struct participants *participants,
                                char conversation_id[ID_BYTES], struct error *error)
{
    struct appointment row;
    bool found;

    if (!appointment_row_find(connection, appointment_id, &row, &found, error))
        return false;
    if (!found || strcmp(row.salon_id, participants->salon_id) != 0 ||
        strcmp(row.client_user_id, participants->client_user_id) != 0)
        return error_set(error, ERROR_NOT_FOUND, "Rendez-vous introuvable");
    memcpy(conversation_id, row.conversation_id, ID_BYTES);
    return true;
}

/* One that the client has opened without an appointment, and in which nobody has written yet: a
 * second request is the first one's repetition, or as good as that, and however many they send, the
 * salon sees one. Sets `conversation_id` to it, if there is one. */
static bool find_unused(struct connection *connection, const struct participants *participants,
                        char conversation_id[ID_BYTES], struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_CONVERSATION_UNUSED);

    bind_text(statement, 1, participants->client_user_id);
    bind_text(statement, 2, participants->salon_id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW)
        column_copy(statement, 0, conversation_id, ID_BYTES);
    statement_end(statement);
    return step != STEP_FAILED;
}

/* Sets `existing_id` to the one that takes the place of a new one, else to "". */
static bool find_existing(struct connection *connection, const char *appointment_id,
                          const struct participants *participants, char existing_id[ID_BYTES],
                          struct error *error)
{
    existing_id[0] = '\0';
    if (appointment_id != NULL)
        return require_appointment(connection, appointment_id, participants, existing_id, error);
    return !participants->is_by_client || find_unused(connection, participants, existing_id, error);
}

static bool create_conversation(struct transaction *transaction,
                                struct conversation_create *request,
                                const struct participants *participants, struct error *error)
{
    const struct conversation_input *input = request->input;
    const struct conversation_new fresh = {.salon_id = participants->salon_id,
                                           .client_user_id = participants->client_user_id,
                                           .appointment_id = input->appointment_id,
                                           .subject = input->subject};
    struct conversation conversation;

    if (!conversation_row_insert(transaction, &fresh, &conversation, error))
        return false;
    if (input->first_message != NULL &&
        !message_send_system(transaction, &conversation, input->first_message, error))
        return false;
    return announce_conversation(transaction, "conversation-created", &conversation, error) &&
           conversation_json_write_one(transaction->connection, request->json, &conversation,
                                       &request->caller, error);
}

static bool show_existing(struct transaction *transaction, struct conversation_create *request,
                          const char *conversation_id, struct error *error)
{
    struct conversation conversation;

    request->existed = true;
    return conversation_row_find(transaction->connection, conversation_id, &conversation, error) &&
           conversation_json_write_one(transaction->connection, request->json, &conversation,
                                       &request->caller, error);
}

bool conversation_create_run(struct transaction *transaction, struct conversation_create *request,
                             struct error *error)
{
    char existing_id[ID_BYTES];
    struct participants participants;

    request->existed = false;
    if (!find_participants(transaction, request, &participants, error) ||
        !find_existing(transaction->connection, request->input->appointment_id, &participants,
                       existing_id, error))
        return false;
    if (existing_id[0] != '\0')
        return show_existing(transaction, request, existing_id, error);
    return create_conversation(transaction, request, &participants, error);
}

/* ---- changing one -------------------------------------------------------------------------- */

/* Makes the change in *conversation; false when there is nothing to change. */
static bool change_row(const struct conversation_change *change, struct conversation *conversation)
{
    bool changes = false;

    if (change->subject != NULL && strcmp(change->subject, conversation->subject) != 0) {
        snprintf(conversation->subject, sizeof(conversation->subject), "%s", change->subject);
        changes = true;
    }
    if (change->has_status && change->status != conversation->status) {
        conversation->status = change->status;
        changes = true;
    }
    return changes;
}

static bool store_and_announce(struct transaction *transaction, struct conversation *conversation,
                               enum conversation_status previous_status, struct error *error)
{
    conversation->updated_at = transaction->now_ms;
    return conversation_row_store(transaction, conversation, previous_status, NULL, error) &&
           announce_conversation(transaction, "conversation-updated", conversation, error);
}

bool conversation_update_run(struct transaction *transaction, struct conversation_update *request,
                             struct error *error)
{
    struct conversation conversation;

    if (!conversation_row_find_for(transaction->connection, request->conversation_id,
                                   &request->caller, &conversation, error))
        return false;
    if (request->change->has_status &&
        !conversation_require_salon(&conversation, &request->caller, error))
        return false;
    enum conversation_status previous = conversation.status;
    if (request->change->subject != NULL) {
        transaction_erases(transaction);
        transaction_leaves_chore(transaction); /* it leaves the search index */
    }
    if (change_row(request->change, &conversation) &&
        !store_and_announce(transaction, &conversation, previous, error))
        return false;
    return conversation_json_write_one(transaction->connection, request->json, &conversation,
                                       &request->caller, error);
}

bool conversation_toggle_archived_run(struct transaction *transaction,
                                      struct conversation_reference *request, struct error *error)
{
    struct conversation conversation;

    if (!conversation_row_find_for_salon(transaction->connection, request->conversation_id,
                                         &request->caller, &conversation, error))
        return false;
    enum conversation_status previous = conversation.status;
    conversation.status =
        previous == CONVERSATION_ACTIVE ? CONVERSATION_ARCHIVED : CONVERSATION_ACTIVE;
    return store_and_announce(transaction, &conversation, previous, error);
}

/* ---- reading one --------------------------------------------------------------------------- */

bool conversation_mark_read_run(struct transaction *transaction,
                                struct conversation_reference *request, struct error *error)
{
    struct conversation conversation;

    return conversation_row_find_for(transaction->connection, request->conversation_id,
                                     &request->caller, &conversation, error) &&
           messages_mark_read(transaction, &conversation, request->caller.user_id, 1,
                              conversation.last_position, &request->marked, error);
}

/* Only whoever got the history has its seq for an offset: it is no other event's. */
static bool name_history(struct transaction *transaction, const struct conversation_join *request,
                         struct error *error)
{
    static const struct buffer nothing = BUFFER_EMPTY;

    return request->pid == NULL ||
           announce_to_user(transaction, "conversation-history", request->caller.user_id, NULL,
                            NULL, &nothing, error);
}

static bool write_history(struct connection *connection, const struct conversation *conversation,
                          struct buffer *json, struct error *error)
{
    struct json_writer writer;

    json_writer_init(&writer, json);
    json_begin_object(&writer);
    json_member_text(&writer, "conversationId", conversation->id);
    json_write_key(&writer, "messages");
    if (!message_json_write_newest(connection, &writer, conversation, HISTORY_MESSAGES, error))
        return false;
    json_end_object(&writer);
    return json->failed ? error_out_of_memory(error) : true;
}

/* One picture of the database, as a query reads it. */
bool conversation_show_run(struct connection *connection, struct conversation_join *request,
                           struct error *error)
{
    struct conversation conversation;

    if (!conversation_row_find_for(connection, request->conversation_id, &request->caller,
                                   &conversation, error) ||
        !outbox_newest(connection, &request->newest, error))
        return false;
    request->last_position = conversation.last_position;
    return write_history(connection, &conversation, request->json, error);
}

bool conversation_unread_run(struct connection *connection, struct conversation_unread *request,
                             struct error *error)
{
    struct conversation conversation;
    int64_t unread;

    if (!conversation_row_find_for(connection, request->conversation_id, &request->caller,
                                   &conversation, error) ||
        !conversation_row_unread(connection, &conversation, request->caller.user_id, &unread, NULL,
                                 error))
        return false;
    request->has_unread = unread > 0;
    request->last_position = conversation.last_position;
    return true;
}

static bool remember_room(struct transaction *transaction, const struct conversation_join *request,
                          struct error *error)
{
    const struct recovery_room room = {.pid = request->pid,
                                       .conversation_id = request->conversation_id};

    return request->pid == NULL ||
           recovery_remember_room(transaction, &room, request->newest, error);
}

bool conversation_join_run(struct transaction *transaction, struct conversation_join *request,
                           struct error *error)
{
    struct conversation conversation;

    if (!conversation_row_find_for(transaction->connection, request->conversation_id,
                                   &request->caller, &conversation, error) ||
        !messages_mark_read(transaction, &conversation, request->caller.user_id, 1,
                            conversation.last_position, NULL, error) ||
        !name_history(transaction, request, error))
        return false;
    /* After what was marked has been announced: the history shows it already. */
    request->newest = transaction->next_seq - 1;
    request->last_position = conversation.last_position;
    return write_history(transaction->connection, &conversation, request->json, error) &&
           remember_room(transaction, request, error);
}

bool conversation_leave_run(struct transaction *transaction, struct conversation_leave *request,
                            struct error *error)
{
    struct recovery_room room = {.pid = request->pid, .conversation_id = request->conversation_id};
    struct conversation conversation;

    return conversation_row_find_for(transaction->connection, request->conversation_id,
                                     &request->caller, &conversation, error) &&
           messages_mark_read(transaction, &conversation, request->caller.user_id, 1,
                              conversation.last_position, &request->marked, error) &&
           (request->pid == NULL || recovery_forget_room_run(transaction, &room, error));
}

/* ---- deleting one -------------------------------------------------------------------------- */

/* Takes what the participant has not read in it off their total and tells them. */
static bool forget_unread(struct transaction *transaction, const struct conversation *conversation,
                          const char *user_id, struct error *error)
{
    int64_t unread;
    int64_t total;

    if (!conversation_row_unread(transaction->connection, conversation, user_id, &unread, NULL,
                                 error))
        return false;
    if (unread == 0)
        return true;
    return conversation_row_add_unread(transaction, conversation, user_id, -unread, &total,
                                       error) &&
           announce_unread_total(transaction, user_id, total, error);
}

/* The order matters: what was told of it is blanked (of a large one, hidden) before anything new is
 * told, and what is unread
 * is taken off while the rows still say how much that is. */
bool conversation_delete_run(struct transaction *transaction,
                             struct conversation_reference *request, struct error *error)
{
    struct conversation conversation;

    return conversation_row_find_for_salon(transaction->connection, request->conversation_id,
                                           &request->caller, &conversation, error) &&
           (deletion_is_large(&conversation) ||
            blank_conversation_announcements(transaction, &conversation, error)) &&
           forget_unread(transaction, &conversation, conversation.salon_id, error) &&
           forget_unread(transaction, &conversation, conversation.client_user_id, error) &&
           (deletion_is_large(&conversation)
                ? deletion_begin(transaction, &conversation, error)
                : conversation_row_delete(transaction, &conversation, error)) &&
           announce_conversation_deleted(transaction, &conversation, error);
}
