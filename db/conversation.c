#include "db/conversation.h"

#include <stdio.h>
#include <string.h>

#include "db/announcement.h"
#include "db/conversation_private.h"
#include "db/engine/outbox.h"
#include "db/message_private.h"
#include "db/person_private.h"

static const char missing_conversation[] = "Conversation introuvable";
static const char only_salon[] = "Seul le salon de cette conversation peut faire cela";

/* NULL is the empty text. */
static void copy_text(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text != NULL ? text : "");
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void read_row(struct statement *statement, const char *id, struct conversation *conversation)
{
    struct conversation *row = conversation;

    copy_text(row->id, sizeof(row->id), id);
    column_copy(statement, 0, row->salon_id, sizeof(row->salon_id));
    column_copy(statement, 1, row->client_user_id, sizeof(row->client_user_id));
    column_copy(statement, 2, row->appointment_id, sizeof(row->appointment_id));
    column_copy(statement, 3, row->subject, sizeof(row->subject));
    row->status = CONVERSATION_ACTIVE;
    conversation_status_parse(column_text(statement, 4), &row->status);
    row->message_count = column_integer(statement, 5);
    row->last_position = column_integer(statement, 6);
    row->created_at = column_integer(statement, 7);
    row->updated_at = column_integer(statement, 8);
    row->last_message_at = column_integer(statement, 9);
    row->last_message_seq = column_integer(statement, 10);
}

bool conversation_load(struct connection *connection, const char *id,
                       struct conversation *conversation, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_CONVERSATION_FIND);

    bind_text(statement, 1, id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW)
        read_row(statement, id, conversation);
    statement_end(statement);
    if (step == STEP_DONE)
        error_set(error, ERROR_NOT_FOUND, "%s", missing_conversation);
    return step == STEP_ROW;
}

bool conversation_is_salon(const struct conversation *conversation, const char *user_id)
{
    return strcmp(conversation->salon_id, user_id) == 0;
}

static bool takes_part(const struct conversation *conversation, const char *user_id)
{
    return conversation_is_salon(conversation, user_id) ||
           strcmp(conversation->client_user_id, user_id) == 0;
}

bool conversation_load_for(struct connection *connection, const char *id,
                           const struct caller *caller, struct conversation *conversation,
                           struct error *error)
{
    if (!conversation_load(connection, id, conversation, error))
        return false;
    /* The booking back-end's userId is in a name space of its own. */
    if (caller->kind == CALLER_SERVICE || !takes_part(conversation, caller->user_id))
        return error_set(error, ERROR_FORBIDDEN, "Vous ne participez pas à cette conversation");
    return true;
}

static bool load_for_salon(struct connection *connection, const char *id,
                           const struct caller *caller, struct conversation *conversation,
                           struct error *error)
{
    if (!conversation_load_for(connection, id, caller, conversation, error))
        return false;
    if (!conversation_is_salon(conversation, caller->user_id))
        return error_set(error, ERROR_FORBIDDEN, "%s", only_salon);
    return true;
}

const char *conversation_other(const struct conversation *conversation, const char *user_id)
{
    return conversation_is_salon(conversation, user_id) ? conversation->client_user_id
                                                        : conversation->salon_id;
}

/* ---- counters ------------------------------------------------------------------------------ */

bool conversation_unread(struct connection *connection, const struct conversation *conversation,
                         const char *user_id, int64_t *unread, int64_t *from, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PARTICIPANT_UNREAD);

    bind_text(statement, 1, user_id);
    bind_text(statement, 2, conversation->id);
    enum step step = statement_step(statement, error);
    *unread = step == STEP_ROW ? column_integer(statement, 0) : 0;
    if (from != NULL)
        *from = step == STEP_ROW ? column_integer(statement, 1) : 0;
    statement_end(statement);
    return step != STEP_FAILED;
}

bool conversation_add_unread(struct transaction *transaction,
                             const struct conversation *conversation, const char *user_id,
                             int64_t difference, int64_t *total, struct error *error)
{
    struct statement *statement =
        statement_begin(transaction->connection, SQL_PARTICIPANT_ADD_UNREAD);

    bind_integer(statement, 1, difference);
    bind_text(statement, 2, user_id);
    bind_text(statement, 3, conversation->id);
    return statement_run(statement, error) &&
           person_add_unread(transaction, user_id, difference, total, error);
}

static bool store_participant(struct transaction *transaction,
                              const struct conversation *conversation, const char *user_id,
                              const struct unread_change *unread, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_PARTICIPANT_UPDATE);
    bool changes = unread != NULL && strcmp(unread->user_id, user_id) == 0;

    bind_text(statement, 1, conversation_status_name(conversation->status));
    bind_integer(statement, 2, conversation->last_message_at);
    bind_integer(statement, 3, conversation->last_message_seq);
    /* The first unread, if it is the only one. */
    bind_integer(statement, 4, conversation->last_position);
    bind_integer(statement, 5, changes ? unread->difference : 0);
    bind_text(statement, 6, user_id);
    bind_text(statement, 7, conversation->id);
    return statement_run(statement, error);
}

/* Counts the conversation among the user's by its status, `times` being 1 or -1. */
static bool count_for(struct transaction *transaction, const char *user_id,
                      enum conversation_status status, int64_t times, struct error *error)
{
    bool is_active = status == CONVERSATION_ACTIVE;

    return person_add_conversations(transaction, user_id, is_active ? times : 0,
                                    is_active ? 0 : times, error);
}

static bool count_for_both(struct transaction *transaction, const struct conversation *conversation,
                           enum conversation_status status, int64_t times, struct error *error)
{
    return count_for(transaction, conversation->salon_id, status, times, error) &&
           count_for(transaction, conversation->client_user_id, status, times, error);
}

bool conversation_store(struct transaction *transaction, const struct conversation *conversation,
                        enum conversation_status previous_status,
                        const struct unread_change *unread, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_CONVERSATION_UPDATE);

    bind_text(statement, 1, text_or_null(conversation->subject));
    bind_text(statement, 2, conversation_status_name(conversation->status));
    bind_integer(statement, 3, conversation->message_count);
    bind_integer(statement, 4, conversation->last_position);
    bind_integer(statement, 5, conversation->updated_at);
    bind_integer(statement, 6, conversation->last_message_at);
    bind_integer(statement, 7, conversation->last_message_seq);
    bind_text(statement, 8, conversation->id);
    if (!statement_run(statement, error) ||
        !store_participant(transaction, conversation, conversation->salon_id, unread, error) ||
        !store_participant(transaction, conversation, conversation->client_user_id, unread, error))
        return false;
    if (conversation->status == previous_status)
        return true;
    return count_for_both(transaction, conversation, previous_status, -1, error) &&
           count_for_both(transaction, conversation, conversation->status, 1, error);
}

/* ---- events -------------------------------------------------------------------------------- */

bool announce_unread_total(struct transaction *transaction, const char *user_id, int64_t total,
                           struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_integer(&writer, "totalUnread", total);
    json_end_object(&writer);
    bool succeeded =
        announce_to_user(transaction, "unread-count-updated", user_id, NULL, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

bool announce_conversation_unread(struct transaction *transaction,
                                  const struct conversation *conversation, const char *user_id,
                                  int64_t unread, struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "conversationId", conversation->id);
    json_member_integer(&writer, "unreadCount", unread);
    json_end_object(&writer);
    bool succeeded = announce_to_user(transaction, "conversation-unread-updated", user_id,
                                      conversation->id, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

static bool announce_to(struct transaction *transaction, const char *name,
                        const struct conversation *conversation, const char *user_id,
                        struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;
    char last_message_id[ID_BYTES];
    const struct caller caller = {.user_id = user_id, .role = "", .kind = CALLER_OTHER};

    json_writer_init(&writer, &payload);
    bool succeeded = conversation_write(transaction->connection, &writer, conversation, &caller,
                                        last_message_id, error) &&
                     announce_to_user(transaction, name, user_id, conversation->id,
                                      text_or_null(last_message_id), &payload, error);
    buffer_free(&payload);
    return succeeded;
}

bool conversation_announce(struct transaction *transaction, const char *name,
                           const struct conversation *conversation, struct error *error)
{
    return announce_to(transaction, name, conversation, conversation->salon_id, error) &&
           announce_to(transaction, name, conversation, conversation->client_user_id, error);
}

/* ---- showing ------------------------------------------------------------------------------- */

/* An e-mail address is shown to its owner, the booking back-end and whoever shares an appointment
 * with its owner; in one conversation that is both or neither of the two. */
static bool may_see_email(struct connection *connection, const struct conversation *conversation,
                          const struct caller *caller, bool *may, struct error *error)
{
    *may = caller->kind == CALLER_SERVICE || conversation->appointment_id[0] != '\0';
    if (*may)
        return true;
    return people_share_appointment(connection, conversation->salon_id,
                                    conversation->client_user_id, may, error);
}

static bool write_people(struct connection *connection, struct json_writer *writer,
                         const struct conversation *conversation, const struct caller *caller,
                         struct error *error)
{
    bool all;

    if (!may_see_email(connection, conversation, caller, &all, error))
        return false;
    bool is_salon = conversation_is_salon(conversation, caller->user_id);
    json_write_key(writer, "salon");
    if (!person_write(connection, writer, conversation->salon_id,
                      all || is_salon ? PERSON_WITH_EMAIL : PERSON_WITHOUT_EMAIL, error))
        return false;
    json_write_key(writer, "client");
    return person_write(connection, writer, conversation->client_user_id,
                        all || !is_salon ? PERSON_WITH_EMAIL : PERSON_WITHOUT_EMAIL, error);
}

bool conversation_write(struct connection *connection, struct json_writer *writer,
                        const struct conversation *conversation, const struct caller *caller,
                        char last_message_id[ID_BYTES], struct error *error)
{
    int64_t unread = 0;
    char ignored_id[ID_BYTES] = "";

    if (caller->kind != CALLER_SERVICE &&
        !conversation_unread(connection, conversation, caller->user_id, &unread, NULL, error))
        return false;
    json_begin_object(writer);
    json_member_text(writer, "id", conversation->id);
    json_member_text(writer, "salonId", conversation->salon_id);
    json_member_text(writer, "clientUserId", conversation->client_user_id);
    json_member_text(writer, "appointmentId", text_or_null(conversation->appointment_id));
    json_member_text(writer, "subject", text_or_null(conversation->subject));
    json_member_text(writer, "status", conversation_status_name(conversation->status));
    if (!write_people(connection, writer, conversation, caller, error) ||
        !message_write_last(connection, writer, conversation,
                            last_message_id != NULL ? last_message_id : ignored_id, error))
        return false;
    json_member_integer(writer, "unreadCount", unread);
    json_member_time(writer, "createdAt", conversation->created_at);
    json_member_time(writer, "updatedAt", conversation->updated_at);
    json_member_time(writer, "lastMessageAt", conversation->last_message_at);
    json_end_object(writer);
    return true;
}

static bool write_one(struct connection *connection, struct buffer *json,
                      const struct conversation *conversation, const struct caller *caller,
                      struct error *error)
{
    struct json_writer writer;

    json_writer_init(&writer, json);
    return conversation_write(connection, &writer, conversation, caller, NULL, error);
}

/* ---- queries ------------------------------------------------------------------------------- */

bool conversation_access_run(struct connection *connection, struct conversation_access *request,
                             struct error *error)
{
    struct conversation conversation;

    if (!conversation_load_for(connection, request->conversation_id, &request->caller,
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

    if (!conversation_load_for(connection, request->conversation_id, &request->caller,
                               &conversation, error) ||
        !conversation_unread(connection, &conversation, request->caller.user_id, &unread, NULL,
                             error))
        return false;
    request->has_unread = unread > 0;
    return write_one(connection, request->json, &conversation, &request->caller, error);
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
        if (!conversation_load(connection, column_text(statement, 0), &conversation, error) ||
            !conversation_write(connection, writer, &conversation, &request->caller, NULL, error))
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

static bool write_unread_row(struct connection *connection, struct json_writer *writer,
                             struct statement *row, struct error *error)
{
    struct conversation conversation;
    char ignored_id[ID_BYTES] = "";

    if (!conversation_load(connection, column_text(row, 0), &conversation, error))
        return false;
    json_begin_object(writer);
    json_member_text(writer, "conversationId", conversation.id);
    json_member_text(writer, "subject", text_or_null(conversation.subject));
    json_member_text(writer, "clientId", conversation.client_user_id);
    json_member_text(writer, "clientFirstName", column_text(row, 2));
    json_member_text(writer, "clientLastName", column_text(row, 3));
    json_member_text(writer, "clientImage", column_text(row, 4));
    if (!message_write_last(connection, writer, &conversation, ignored_id, error))
        return false;
    json_member_integer(writer, "unreadCount", column_integer(row, 1));
    json_member_time(writer, "lastMessageAt", conversation.last_message_at);
    json_end_object(writer);
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
            if (!write_unread_row(connection, &writer, statement, error))
                break;
    json_end_array(&writer);
    statement_end(statement);
    return step == STEP_DONE;
}

/* ---- operations ---------------------------------------------------------------------------- */

static bool insert_row(struct transaction *transaction, const struct conversation *conversation,
                       struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_CONVERSATION_INSERT);

    bind_text(statement, 1, conversation->id);
    bind_text(statement, 2, conversation->salon_id);
    bind_text(statement, 3, conversation->client_user_id);
    bind_text(statement, 4, text_or_null(conversation->appointment_id));
    bind_text(statement, 5, text_or_null(conversation->subject));
    bind_text(statement, 6, conversation_status_name(conversation->status));
    bind_integer(statement, 7, conversation->created_at);
    bind_integer(statement, 8, conversation->last_message_seq); /* as there is no message yet */
    bind_integer(statement, 9, conversation->updated_at);
    bind_integer(statement, 10, conversation->last_message_at);
    bind_integer(statement, 11, conversation->last_message_seq);
    return statement_run(statement, error);
}

static bool insert_participant(struct transaction *transaction,
                               const struct conversation *conversation, const char *user_id,
                               struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_PARTICIPANT_INSERT);

    bind_text(statement, 1, user_id);
    bind_text(statement, 2, conversation->id);
    bind_integer(statement, 3, conversation_is_salon(conversation, user_id));
    bind_text(statement, 4, conversation_status_name(conversation->status));
    bind_integer(statement, 5, conversation->last_message_at);
    bind_integer(statement, 6, conversation->last_message_seq);
    return statement_run(statement, error);
}

bool conversation_insert(struct transaction *transaction, const struct conversation_new *fresh,
                         struct conversation *conversation, struct error *error)
{
    struct conversation *row = conversation;

    *row = (struct conversation){.status = CONVERSATION_ACTIVE,
                                 .created_at = transaction->now_ms,
                                 .updated_at = transaction->now_ms,
                                 .last_message_at = transaction->now_ms,
                                 .last_message_seq = transaction->next_seq};
    id_make(transaction->services->ids, row->id);
    copy_text(row->salon_id, sizeof(row->salon_id), fresh->salon_id);
    copy_text(row->client_user_id, sizeof(row->client_user_id), fresh->client_user_id);
    copy_text(row->appointment_id, sizeof(row->appointment_id), fresh->appointment_id);
    copy_text(row->subject, sizeof(row->subject), fresh->subject);
    return insert_row(transaction, row, error) &&
           insert_participant(transaction, row, row->salon_id, error) &&
           insert_participant(transaction, row, row->client_user_id, error) &&
           count_for_both(transaction, row, row->status, 1, error);
}

static bool require_client(struct transaction *transaction,
                           const struct conversation_create *request, const char *salon_id,
                           struct error *error)
{
    char role[TOKEN_ROLE_BYTES];

    if (strcmp(salon_id, request->input->client_user_id) == 0)
        return error_add(error, "clientUserId", "le client ne peut pas être le salon");
    if (!person_role(transaction->connection, request->input->client_user_id, "Client introuvable",
                     role, error))
        return false;
    if (token_role_kind(request->config, role) != CALLER_CLIENT)
        return error_add(error, "clientUserId", "cette personne n'est pas un client");
    return true;
}

/* The salon is the caller, or the one that the booking back-end names. */
static bool require_salon(struct transaction *transaction,
                          const struct conversation_create *request, const char **salon_id,
                          struct error *error)
{
    struct person_kind known = {.caller = request->caller, .config = request->config};
    char role[TOKEN_ROLE_BYTES];

    if (!person_kind_run(transaction->connection, &known, error))
        return false;
    if (known.kind == CALLER_SALON) {
        *salon_id = request->caller.user_id;
        return person_ensure(transaction, *salon_id, request->caller.role, error);
    }
    if (known.kind != CALLER_SERVICE)
        return error_set(error, ERROR_FORBIDDEN, "Seul un salon peut ouvrir une conversation");
    *salon_id = request->input->salon_id;
    if (!person_role(transaction->connection, *salon_id, "Salon introuvable", role, error))
        return false;
    if (token_role_kind(request->config, role) != CALLER_SALON)
        return error_add(error, "salonId", "cette personne n'est pas un salon");
    return true;
}

/* ERROR_NOT_FOUND when the appointment is unknown or of other people, which tells nobody whether
 * it exists. Sets `conversation_id` to the one that it has already, else to "". */
static bool require_appointment(struct connection *connection, const char *appointment_id,
                                const char *salon_id, const char *client_user_id,
                                char conversation_id[ID_BYTES], struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_APPOINTMENT_FIND);

    bind_text(statement, 1, appointment_id);
    enum step step = statement_step(statement, error);
    bool matches = step == STEP_ROW && strcmp(column_text(statement, 0), salon_id) == 0 &&
                   strcmp(column_text(statement, 1), client_user_id) == 0;
    if (matches)
        column_copy(statement, 2, conversation_id, ID_BYTES);
    statement_end(statement);
    if (!matches && step != STEP_FAILED)
        return error_set(error, ERROR_NOT_FOUND, "Rendez-vous introuvable");
    return matches;
}

bool conversation_insert_system_message(struct transaction *transaction,
                                        struct conversation *conversation, const char *content,
                                        struct error *error)
{
    const struct message_new message = {
        .sender_id = conversation->salon_id, .type = MESSAGE_SYSTEM, .content = content};
    struct buffer json = BUFFER_EMPTY;
    bool succeeded = message_insert(transaction, conversation, &message, &json, error);

    buffer_free(&json);
    return succeeded;
}

static bool create_new(struct transaction *transaction, struct conversation_create *request,
                       const char *salon_id, struct error *error)
{
    const struct conversation_input *input = request->input;
    const struct conversation_new fresh = {.salon_id = salon_id,
                                           .client_user_id = input->client_user_id,
                                           .appointment_id = input->appointment_id,
                                           .subject = input->subject};
    struct conversation conversation;

    if (!conversation_insert(transaction, &fresh, &conversation, error))
        return false;
    if (input->first_message != NULL &&
        !conversation_insert_system_message(transaction, &conversation, input->first_message,
                                            error))
        return false;
    return conversation_announce(transaction, "conversation-created", &conversation, error) &&
           write_one(transaction->connection, request->json, &conversation, &request->caller,
                     error);
}

static bool show_existing(struct transaction *transaction, struct conversation_create *request,
                          const char *conversation_id, struct error *error)
{
    struct conversation conversation;

    request->existed = true;
    return conversation_load(transaction->connection, conversation_id, &conversation, error) &&
           write_one(transaction->connection, request->json, &conversation, &request->caller,
                     error);
}

bool conversation_create_run(struct transaction *transaction, struct conversation_create *request,
                             struct error *error)
{
    const struct conversation_input *input = request->input;
    char existing_id[ID_BYTES] = "";
    const char *salon_id = "";

    request->existed = false;
    if (!require_salon(transaction, request, &salon_id, error) ||
        !require_client(transaction, request, salon_id, error))
        return false;
    if (input->appointment_id != NULL &&
        !require_appointment(transaction->connection, input->appointment_id, salon_id,
                             input->client_user_id, existing_id, error))
        return false;
    if (existing_id[0] != '\0')
        return show_existing(transaction, request, existing_id, error);
    return create_new(transaction, request, salon_id, error);
}

/* Applies the change to *conversation; false when there is nothing to change. */
static bool apply_change(const struct conversation_change *change,
                         struct conversation *conversation)
{
    bool changes = false;

    if (change->subject != NULL && strcmp(change->subject, conversation->subject) != 0) {
        copy_text(conversation->subject, sizeof(conversation->subject), change->subject);
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
    return conversation_store(transaction, conversation, previous_status, NULL, error) &&
           conversation_announce(transaction, "conversation-updated", conversation, error);
}

bool conversation_update_run(struct transaction *transaction, struct conversation_update *request,
                             struct error *error)
{
    struct conversation conversation;

    if (!conversation_load_for(transaction->connection, request->conversation_id, &request->caller,
                               &conversation, error))
        return false;
    if (request->change->has_status &&
        !conversation_is_salon(&conversation, request->caller.user_id))
        return error_set(error, ERROR_FORBIDDEN, "%s", only_salon);
    enum conversation_status previous = conversation.status;
    if (apply_change(request->change, &conversation) &&
        !store_and_announce(transaction, &conversation, previous, error))
        return false;
    return write_one(transaction->connection, request->json, &conversation, &request->caller,
                     error);
}

bool conversation_toggle_archived_run(struct transaction *transaction,
                                      struct conversation_reference *request, struct error *error)
{
    struct conversation conversation;

    if (!load_for_salon(transaction->connection, request->conversation_id, &request->caller,
                        &conversation, error))
        return false;
    enum conversation_status previous = conversation.status;
    conversation.status =
        previous == CONVERSATION_ACTIVE ? CONVERSATION_ARCHIVED : CONVERSATION_ACTIVE;
    return store_and_announce(transaction, &conversation, previous, error);
}

bool conversation_mark_read_run(struct transaction *transaction,
                                struct conversation_reference *request, struct error *error)
{
    struct conversation conversation;

    return conversation_load_for(transaction->connection, request->conversation_id,
                                 &request->caller, &conversation, error) &&
           messages_mark_read(transaction, &conversation, request->caller.user_id, 1,
                              conversation.last_position, &request->marked, error);
}

/* Takes what the participant has not read in it off their total and tells them. */
static bool forget_unread(struct transaction *transaction, const struct conversation *conversation,
                          const char *user_id, struct error *error)
{
    int64_t unread;
    int64_t total;

    if (!conversation_unread(transaction->connection, conversation, user_id, &unread, NULL, error))
        return false;
    if (unread == 0)
        return true;
    return conversation_add_unread(transaction, conversation, user_id, -unread, &total, error) &&
           announce_unread_total(transaction, user_id, total, error);
}

static bool blank_events(struct transaction *transaction, const struct conversation *conversation,
                         struct error *error)
{
    char room[EVENT_AUDIENCE_BYTES];
    char salon[EVENT_AUDIENCE_BYTES];
    char client[EVENT_AUDIENCE_BYTES];

    event_audience_room(conversation->id, room);
    event_audience_user(conversation->salon_id, salon);
    event_audience_user(conversation->client_user_id, client);
    return outbox_blank_subject(transaction, room, conversation->id, error) &&
           outbox_blank_subject(transaction, salon, conversation->id, error) &&
           outbox_blank_subject(transaction, client, conversation->id, error);
}

static bool announce_deleted(struct transaction *transaction,
                             const struct conversation *conversation, const char *user_id,
                             struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "conversationId", conversation->id);
    json_end_object(&writer);
    bool succeeded = announce_to_user(transaction, "conversation-deleted", user_id,
                                      conversation->id, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

bool conversation_delete_run(struct transaction *transaction,
                             struct conversation_reference *request, struct error *error)
{
    struct conversation conversation;

    if (!load_for_salon(transaction->connection, request->conversation_id, &request->caller,
                        &conversation, error) ||
        !blank_events(transaction, &conversation, error) ||
        !forget_unread(transaction, &conversation, conversation.salon_id, error) ||
        !forget_unread(transaction, &conversation, conversation.client_user_id, error) ||
        !count_for_both(transaction, &conversation, conversation.status, -1, error))
        return false;
    struct statement *statement = statement_begin(transaction->connection, SQL_CONVERSATION_DELETE);
    bind_text(statement, 1, conversation.id);
    return statement_run(statement, error) &&
           announce_deleted(transaction, &conversation, conversation.salon_id, error) &&
           announce_deleted(transaction, &conversation, conversation.client_user_id, error);
}
