#include "db/conversation_row.h"

#include <stdio.h>
#include <string.h>

#include "db/erasure_text.h"
#include "db/person_row.h"

const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* NULL is the empty text. */
static void copy_text(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text != NULL ? text : "");
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
    row->is_being_erased = column_integer(statement, 11) != 0;
}

bool conversation_row_find(struct connection *connection, const char *id,
                           struct conversation *conversation, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_CONVERSATION_FIND);

    bind_text(statement, 1, id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW)
        read_row(statement, id, conversation);
    statement_end(statement);
    if (step == STEP_DONE)
        error_set(error, ERROR_NOT_FOUND, "Conversation introuvable");
    return step == STEP_ROW &&
           (!conversation->is_being_erased ||
            erasure_clean_subject(connection, conversation->salon_id, conversation->client_user_id,
                                  conversation->subject, sizeof(conversation->subject), error));
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

bool conversation_row_find_for(struct connection *connection, const char *id,
                               const struct caller *caller, struct conversation *conversation,
                               struct error *error)
{
    if (!conversation_row_find(connection, id, conversation, error))
        return false;
    /* The booking back-end's userId is in a name space of its own. */
    if (caller->kind == CALLER_SERVICE || !takes_part(conversation, caller->user_id))
        return error_set(error, ERROR_FORBIDDEN, "Vous ne participez pas à cette conversation");
    return true;
}

bool conversation_require_salon(const struct conversation *conversation,
                                const struct caller *caller, struct error *error)
{
    return conversation_is_salon(conversation, caller->user_id) ||
           error_set(error, ERROR_FORBIDDEN, "Seul le salon de cette conversation peut faire cela");
}

bool conversation_row_find_for_salon(struct connection *connection, const char *id,
                                     const struct caller *caller, struct conversation *conversation,
                                     struct error *error)
{
    return conversation_row_find_for(connection, id, caller, conversation, error) &&
           conversation_require_salon(conversation, caller, error);
}

const char *conversation_other(const struct conversation *conversation, const char *user_id)
{
    return conversation_is_salon(conversation, user_id) ? conversation->client_user_id
                                                        : conversation->salon_id;
}

/* ---- counters ------------------------------------------------------------------------------ */

bool conversation_row_unread(struct connection *connection, const struct conversation *conversation,
                             const char *user_id, int64_t *unread, int64_t *from,
                             struct error *error)
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

bool conversation_row_add_unread(struct transaction *transaction,
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

/* What the list of conversations is ordered and filtered by stands in the participant's row too: so
 * one index of one table gives a page of it, whatever the number of conversations. */
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

bool conversation_row_store(struct transaction *transaction,
                            const struct conversation *conversation,
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
    /* The numbers by status are counted here and not when they are asked for: the list says how
     * many pages it has each time that one is read. */
    if (conversation->status == previous_status)
        return true;
    return count_for_both(transaction, conversation, previous_status, -1, error) &&
           count_for_both(transaction, conversation, conversation->status, 1, error);
}

bool conversation_row_return_to_last_message(struct connection *connection,
                                             struct conversation *conversation, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_CONVERSATION_LAST_MESSAGE);

    bind_text(statement, 1, conversation->id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW) {
        conversation->last_message_at = column_integer(statement, 0);
        conversation->last_message_seq = column_integer(statement, 1);
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

/* ---- making and deleting ------------------------------------------------------------------- */

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

bool conversation_row_insert(struct transaction *transaction, const struct conversation_new *fresh,
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

/* Runs a statement whose only parameter is the conversation. */
static bool run_for(struct transaction *transaction, enum sql_id id,
                    const struct conversation *conversation, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_text(statement, 1, conversation->id);
    return statement_run(statement, error);
}

bool conversation_row_delete(struct transaction *transaction,
                             const struct conversation *conversation, struct error *error)
{
    transaction_leaves_chore(transaction); /* its words leave the search index */
    return run_for(transaction, SQL_CONVERSATION_DELETE, conversation, error) &&
           count_for_both(transaction, conversation, conversation->status, -1, error);
}

bool conversation_row_hide(struct transaction *transaction, const struct conversation *conversation,
                           struct error *error)
{
    return run_for(transaction, SQL_PARTICIPANTS_DELETE, conversation, error) &&
           run_for(transaction, SQL_CONVERSATION_HIDE, conversation, error) &&
           count_for_both(transaction, conversation, conversation->status, -1, error);
}
