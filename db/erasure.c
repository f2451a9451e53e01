#include "db/erasure.h"

#include <stdio.h>
#include <string.h>

#include "db/conversation_announcement.h"
#include "db/conversation_row.h"
#include "db/engine/outbox.h"
#include "db/engine/schema.h"
#include "db/erasure_text.h"
#include "db/person_row.h"

/* Positions of a conversation that one step reads. */
#define STEP_POSITIONS 512
/* Conversations whose ids are read at once. Those of somebody with few are sorted, which takes a
 * microsecond for five; somebody with many has some on each page of the table. */
#define SLICE_CONVERSATIONS 64
#define MANY_CONVERSATIONS  5000

/* ---- a slice ------------------------------------------------------------------------------- */

static bool erase_in_message(struct transaction *transaction, const char *conversation_id,
                             int64_t position, const char *content, const struct buffer *names,
                             struct error *error)
{
    struct buffer erased = BUFFER_EMPTY;
    bool succeeded = true;

    if (erasure_append_without(names, content, &erased)) {
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

struct erasure {
    char user_id[FOREIGN_ID_MAX_BYTES + 1];
    int64_t seq;
    int64_t blanked_seq;
    char conversation_id[ID_BYTES]; /* begun last, or "" */
    int64_t position;               /* how far in it; 0: it is done */
    struct buffer names;
};

static bool find_next(struct connection *connection, struct erasure *erasure, bool *found,
                      struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_ERASURE_NEXT);
    enum step step = statement_step(statement, error);

    *found = step == STEP_ROW;
    if (*found) {
        column_copy(statement, 0, erasure->user_id, sizeof(erasure->user_id));
        erasure->seq = column_integer(statement, 1);
        erasure->blanked_seq = column_integer(statement, 2);
        column_copy(statement, 3, erasure->conversation_id, sizeof(erasure->conversation_id));
        erasure->position = column_integer(statement, 4);
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

static bool read_names(struct connection *connection, struct erasure *erasure, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PERSON_NAMES);

    bind_text(statement, 1, erasure->user_id);
    return statement_append_texts(statement, "", &erasure->names, error);
}

static bool remember_progress(struct slice *slice, const struct erasure *erasure,
                              struct error *error)
{
    struct statement *statement = statement_begin(slice->transaction->connection, SQL_ERASURE_MOVE);

    bind_integer(statement, 1, erasure->blanked_seq);
    bind_text(statement, 2, erasure->conversation_id);
    bind_integer(statement, 3, erasure->position);
    bind_text(statement, 4, erasure->user_id);
    return statement_run(statement, error);
}

static bool blank_some_events(struct slice *slice, struct erasure *erasure, struct error *error)
{
    struct statement *statement =
        statement_begin(slice->transaction->connection, SQL_OUTBOX_BLANK_PERSON);
    int64_t end = erasure->blanked_seq + OUTBOX_EPOCH_EVENTS;

    if (end > erasure->seq)
        end = erasure->seq;
    bind_integer(statement, 1, erasure->blanked_seq);
    bind_integer(statement, 2, end);
    bind_text(statement, 3, erasure->user_id);
    erasure->blanked_seq = end;
    slice->steps++;
    return statement_run(statement, error);
}

static bool blank_events(struct slice *slice, struct erasure *erasure, struct error *error)
{
    int64_t first;

    if (!statement_read_number(statement_begin(slice->transaction->connection, SQL_OUTBOX_FIRST),
                               erasure->seq, &first, error))
        return false;
    if (erasure->blanked_seq < first)
        erasure->blanked_seq = first;
    while (erasure->blanked_seq < erasure->seq && slice_has_room(slice))
        if (!blank_some_events(slice, erasure, error))
            return false;
    return true;
}

static bool erase_file_names(struct slice *slice, const struct erasure *erasure, int64_t first,
                             int64_t last, struct error *error)
{
    struct statement *statement =
        statement_begin(slice->transaction->connection, SQL_ERASE_ATTACHMENTS);

    bind_text(statement, 1, ERASED_TEXT);
    bind_text(statement, 2, erasure->conversation_id);
    bind_integer(statement, 3, first);
    bind_integer(statement, 4, last);
    bind_text(statement, 5, erasure->user_id);
    return statement_run(statement, error);
}

static bool erase_in_messages(struct slice *slice, const struct erasure *erasure, int64_t first,
                              int64_t last, struct error *error)
{
    struct statement *statement =
        statement_begin(slice->transaction->connection, SQL_SYSTEM_MESSAGES);
    enum step step;

    bind_text(statement, 1, erasure->conversation_id);
    bind_integer(statement, 2, first);
    bind_integer(statement, 3, last);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        if (!erase_in_message(slice->transaction, erasure->conversation_id,
                              column_integer(statement, 0), column_text(statement, 1),
                              &erasure->names, error))
            break;
    statement_end(statement);
    return step == STEP_DONE;
}

/* Its subject was read without the names. */
static bool end_conversation(struct slice *slice, struct erasure *erasure,
                             struct conversation *conversation, struct error *error)
{
    erasure->position = 0;
    return conversation_row_store(slice->transaction, conversation, conversation->status, NULL,
                                  error) &&
           announce_conversation(slice->transaction, "conversation-updated", conversation, error);
}

/* Some positions of the one that was begun. */
static bool do_step(struct slice *slice, struct erasure *erasure, struct conversation *conversation,
                    struct error *error)
{
    int64_t first = erasure->position;
    int64_t last = first + STEP_POSITIONS - 1;

    slice->steps++;
    if (!erase_file_names(slice, erasure, first, last, error) ||
        !erase_in_messages(slice, erasure, first, last, error))
        return false;
    erasure->position = last + 1;
    return last < conversation->last_position ||
           end_conversation(slice, erasure, conversation, error);
}

/* The one that was begun, to its end or that of the slice. It may be gone by now. */
static bool erase_in_conversation(struct slice *slice, struct erasure *erasure, struct error *error)
{
    struct conversation conversation;
    struct error missing;

    error_clear(&missing);
    if (!conversation_row_find(slice->transaction->connection, erasure->conversation_id,
                               &conversation, &missing)) {
        erasure->position = 0;
        if (missing.kind == ERROR_NOT_FOUND)
            return true;
        *error = missing;
        return false;
    }
    while (erasure->position > 0 && slice_has_room(slice))
        if (!do_step(slice, erasure, &conversation, error))
            return false;
    return true;
}

static bool read_conversations(struct slice *slice, const struct erasure *erasure,
                               struct buffer *ids, struct error *error)
{
    struct connection *connection = slice->transaction->connection;
    struct person_totals totals;

    if (!person_totals(connection, erasure->user_id, &totals, error))
        return false;
    struct statement *statement =
        statement_begin(connection, totals.active + totals.archived > MANY_CONVERSATIONS
                                        ? SQL_ERASURE_CONVERSATIONS_OF_MANY
                                        : SQL_ERASURE_CONVERSATIONS);
    bind_text(statement, 1, erasure->user_id);
    bind_text(statement, 2, erasure->conversation_id);
    bind_integer(statement, 3, SLICE_CONVERSATIONS);
    return statement_append_texts(statement, "", ids, error);
}

/* Those behind the one that was done last. *is_done when there are no more. */
static bool erase_in_next(struct slice *slice, struct erasure *erasure, bool *is_done,
                          struct error *error)
{
    struct buffer ids = BUFFER_EMPTY;
    bool succeeded = read_conversations(slice, erasure, &ids, error);

    *is_done = succeeded && ids.length == 0;
    for (size_t at = 0;
         succeeded && at < ids.length && erasure->position == 0 && slice_has_room(slice);
         at += strlen(ids.data + at) + 1) {
        snprintf(erasure->conversation_id, sizeof(erasure->conversation_id), "%s", ids.data + at);
        erasure->position = 1;
        succeeded = erase_in_conversation(slice, erasure, error);
    }
    buffer_free(&ids);
    return succeeded;
}

static bool erase_in_conversations(struct slice *slice, struct erasure *erasure, bool *is_done,
                                   struct error *error)
{
    if (erasure->position > 0 && !erase_in_conversation(slice, erasure, error))
        return false;
    while (!*is_done && erasure->position == 0 && slice_has_room(slice))
        if (!erase_in_next(slice, erasure, is_done, error))
            return false;
    return true;
}

static bool end_erasure(struct slice *slice, const struct erasure *erasure, struct error *error)
{
    static const enum sql_id ends[] = {SQL_ERASURE_END, SQL_PERSON_NAMES_DELETE};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct statement *statement = statement_begin(slice->transaction->connection, ends[i]);
        bind_text(statement, 1, erasure->user_id);
        if (!statement_run(statement, error))
            return false;
    }
    return true;
}

/* What was told is blanked before anything new is told. */
static bool do_slice(struct slice *slice, struct erasure *erasure, struct error *error)
{
    bool is_done = false;

    transaction_erases(slice->transaction);
    if (!read_names(slice->transaction->connection, erasure, error) ||
        !blank_events(slice, erasure, error) ||
        (erasure->blanked_seq >= erasure->seq &&
         !erase_in_conversations(slice, erasure, &is_done, error)))
        return false;
    return is_done ? end_erasure(slice, erasure, error) : remember_progress(slice, erasure, error);
}

bool erasure_go_on(struct slice *slice, bool *has_more, struct error *error)
{
    struct erasure erasure = {.names = BUFFER_EMPTY};

    bool succeeded = find_next(slice->transaction->connection, &erasure, has_more, error) &&
                     (!*has_more || do_slice(slice, &erasure, error));
    buffer_free(&erasure.names);
    return succeeded;
}

/* Should others who are being erased come first, all of it is done behind. */
bool erasure_begin(struct transaction *transaction, const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_ERASURE_BEGIN);
    struct slice slice = slice_begin(transaction);
    bool has_more;

    bind_text(statement, 1, user_id);
    bind_integer(statement, 2, transaction->next_seq);
    transaction_leaves_chore(transaction);
    return statement_run(statement, error) && erasure_go_on(&slice, &has_more, error);
}
