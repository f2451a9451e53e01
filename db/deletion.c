#include "db/deletion.h"

#include <string.h>

#include "common/event.h"
#include "db/engine/outbox.h"
#include "db/erasure.h"
#include "db/search_index.h"
#include "db/slice.h"

/* ---- hiding -------------------------------------------------------------------------------- */

bool deletion_is_large(const struct conversation *conversation)
{
    return conversation->message_count > DELETION_AT_ONCE_MESSAGES;
}

/* Runs a statement whose only parameter is the conversation. */
static bool run_for(struct transaction *transaction, enum sql_id id, const char *conversation_id,
                    struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_text(statement, 1, conversation_id);
    return statement_run(statement, error);
}

bool deletion_begin(struct transaction *transaction, const struct conversation *conversation,
                    struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_DELETION_INSERT);

    bind_text(statement, 1, conversation->id);
    bind_integer(statement, 2, transaction->next_seq);
    bind_integer(statement, 3, 0);
    bind_text(statement, 4, conversation->salon_id);
    bind_text(statement, 5, conversation->client_user_id);
    transaction_leaves_chore(transaction);
    return statement_run(statement, error) &&
           conversation_row_hide(transaction, conversation, error);
}

/* ---- a slice ------------------------------------------------------------------------------- */

/* What is to be done for one conversation. */
struct deletion {
    char conversation_id[ID_BYTES];
    int64_t seq;
    int64_t blanked_seq;
    char salon_id[FOREIGN_ID_MAX_BYTES + 1];
    char client_user_id[FOREIGN_ID_MAX_BYTES + 1];
};

static bool find_next(struct connection *connection, struct deletion *deletion, bool *found,
                      struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_DELETION_NEXT);
    enum step step = statement_step(statement, error);

    *found = step == STEP_ROW;
    if (*found) {
        column_copy(statement, 0, deletion->conversation_id, sizeof(deletion->conversation_id));
        deletion->seq = column_integer(statement, 1);
        deletion->blanked_seq = column_integer(statement, 2);
        column_copy(statement, 3, deletion->salon_id, sizeof(deletion->salon_id));
        column_copy(statement, 4, deletion->client_user_id, sizeof(deletion->client_user_id));
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

/* A part of the outbox, an epoch of its index at a time. *is_done when there is no more. */
static bool blank_events(struct slice *slice, struct deletion *deletion, bool *is_done,
                         struct error *error)
{
    char room[EVENT_AUDIENCE_BYTES], salon[EVENT_AUDIENCE_BYTES], client[EVENT_AUDIENCE_BYTES];
    const char *const audiences[] = {room, salon, client, NULL};

    event_audience_room(deletion->conversation_id, room);
    event_audience_user(deletion->salon_id, salon);
    event_audience_user(deletion->client_user_id, client);
    *is_done = false;
    for (; !*is_done && slice_has_room(slice); slice->steps++)
        if (!outbox_blank_next(slice->transaction, audiences, deletion->conversation_id,
                               deletion->seq, &deletion->blanked_seq, is_done, error))
            return false;
    struct statement *statement =
        statement_begin(slice->transaction->connection, SQL_DELETION_BLANKED);
    bind_integer(statement, 1, deletion->blanked_seq);
    bind_text(statement, 2, deletion->conversation_id);
    return statement_run(statement, error);
}

/* Some of the conversation's rows of one kind. *is_done when there are no more. */
static bool delete_rows(struct slice *slice, enum sql_id id, const struct deletion *deletion,
                        bool *is_done, struct error *error)
{
    *is_done = false;
    for (; !*is_done && slice_has_room(slice); slice->steps++) {
        struct statement *statement = statement_begin(slice->transaction->connection, id);
        int64_t changes;
        bind_text(statement, 1, deletion->conversation_id);
        bind_integer(statement, 2, DELETION_STEP_ROWS);
        if (!statement_run_counting(statement, &changes, error))
            return false;
        *is_done = changes < DELETION_STEP_ROWS;
    }
    return true;
}

/* The events first: their texts are those that somebody else might still ask for. */
static bool go_on(struct slice *slice, struct deletion *deletion, struct error *error)
{
    bool is_done = deletion->blanked_seq >= deletion->seq;

    transaction_erases(slice->transaction);
    return (is_done || blank_events(slice, deletion, &is_done, error)) &&
           (!is_done || delete_rows(slice, SQL_DELETION_MESSAGES, deletion, &is_done, error)) &&
           (!is_done || delete_rows(slice, SQL_DELETION_HOLES, deletion, &is_done, error)) &&
           (!is_done ||
            run_for(slice->transaction, SQL_CONVERSATION_DELETE, deletion->conversation_id, error));
}

/* Deletions first: what is erased in a conversation that goes is work for nothing. What is to be
 * searched comes last. */
bool deletion_slice_run(struct transaction *transaction, struct deletion_slice *request,
                        struct error *error)
{
    struct slice slice = slice_begin(transaction);
    struct deletion deletion;

    if (!find_next(transaction->connection, &deletion, &request->has_more, error))
        return false;
    if (request->has_more)
        return go_on(&slice, &deletion, error);
    return erasure_go_on(&slice, &request->has_more, error) &&
           (request->has_more || search_index_go_on(&slice, &request->has_more, error));
}
