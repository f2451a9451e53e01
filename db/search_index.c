#include "db/search_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "db/conversation_row.h"
#include "db/person_row.h"
#include "db/search_block.h"
#include "db/search_document.h"
#include "db/search_removal.h"

/* Behind every id of a conversation. */
#define END_OF_CONVERSATIONS "\x7f"

/* Conversations of somebody that are noted in one slice, and from how many on they are read in the
 * order of the table (db/erasure.c). */
#define RENAMED_CONVERSATIONS 64
#define MANY_CONVERSATIONS    5000

void search_index_tell(struct transaction *transaction, int64_t seq_before)
{
    if (seq_before / SEARCH_LOOK_EVENTS != transaction->next_seq / SEARCH_LOOK_EVENTS)
        transaction_leaves_chore(transaction);
}

/* ---- what becomes a segment ---------------------------------------------------------------- */

struct document {
    int64_t created_at;
    int64_t position;
    char conversation_id[ID_BYTES];
    size_t owners; /* where in the texts the terms of its owners begin, each with its NUL, and a NUL
                    */
    size_t text;   /* likewise */
};

struct batch {
    struct connection *connection;
    bool is_card;      /* all of them */
    const char *until; /* conversations behind this one are left */
    struct document *documents;
    size_t count;
    struct buffer texts;
};

static bool is_full(const struct batch *batch)
{
    return batch->count == SEGMENT_DOCUMENTS_MAX ||
           batch->texts.length >= SEARCH_SEGMENT_TEXT_BYTES;
}

static void append_owner(struct batch *batch, enum search_owner kind, const char *user_id)
{
    char term[SEARCH_TERM_BYTES];

    search_owner_term(kind, user_id, term);
    buffer_append(&batch->texts, term, strlen(term) + 1);
}

static struct document *add_document(struct batch *batch, const char *conversation_id,
                                     int64_t position, int64_t created_at)
{
    struct document *document = &batch->documents[batch->count++];

    *document = (struct document){
        .created_at = created_at, .position = position, .owners = batch->texts.length};
    memcpy(document->conversation_id, conversation_id,
           strnlen(conversation_id, sizeof(document->conversation_id) - 1));
    return document;
}

static void end_owners(struct batch *batch, struct document *document)
{
    buffer_append(&batch->texts, "", 1);
    document->text = batch->texts.length;
}

/* *is_all: no more is pending. */
static bool collect_messages(struct batch *batch, bool *is_all, struct error *error)
{
    struct statement *row = statement_begin(batch->connection, SQL_SEARCH_PENDING_MESSAGES);
    enum step step = STEP_ROW;

    bind_text(row, 1, batch->until);
    bind_integer(row, 2, SEGMENT_DOCUMENTS_MAX);
    while (!is_full(batch) && (step = statement_step(row, error)) == STEP_ROW) {
        struct document *document = add_document(batch, column_text(row, 0), column_integer(row, 1),
                                                 column_integer(row, 2));
        append_owner(batch, SEARCH_OWNER_MESSAGES, column_text(row, 4));
        append_owner(batch, SEARCH_OWNER_MESSAGES, column_text(row, 5));
        end_owners(batch, document);
        buffer_append(&batch->texts, column_text(row, 3), column_bytes(row, 3) + 1);
    }
    statement_end(row);
    *is_all = step == STEP_DONE;
    return step != STEP_FAILED;
}

static bool collect_card(struct batch *batch, struct statement *row, int64_t position, int owner,
                         int other, struct error *error)
{
    struct document *document =
        add_document(batch, column_text(row, 0), position, column_integer(row, 1));

    append_owner(batch, SEARCH_OWNER_CARDS, column_text(row, owner));
    end_owners(batch, document);
    if (!search_card_append(batch->connection, column_text(row, other), column_text(row, 4),
                            &batch->texts, error))
        return false;
    buffer_append(&batch->texts, "", 1);
    return true;
}

static bool collect_cards(struct batch *batch, bool *is_all, struct error *error)
{
    struct statement *row = statement_begin(batch->connection, SQL_SEARCH_PENDING_CARDS);
    enum step step = STEP_ROW;

    bind_text(row, 1, batch->until);
    bind_integer(row, 2, SEGMENT_DOCUMENTS_MAX / 2);
    while (!is_full(batch) && (step = statement_step(row, error)) == STEP_ROW)
        if (!collect_card(batch, row, SEARCH_POSITION_SALON_CARD, 2, 3, error) ||
            !collect_card(batch, row, SEARCH_POSITION_CLIENT_CARD, 3, 2, error)) {
            step = STEP_FAILED;
            break;
        }
    statement_end(row);
    *is_all = step == STEP_DONE;
    return step != STEP_FAILED;
}

static bool delete_pending(struct batch *batch, const char *until, struct error *error)
{
    struct statement *statement = statement_begin(batch->connection, SQL_SEARCH_PENDING_DELETE);

    bind_integer(statement, 1, batch->is_card);
    bind_text(statement, 2, until);
    return statement_run(statement, error);
}

/* Of the last conversation the rest of the messages stays pending. */
static bool forget_pending(struct batch *batch, bool is_all, struct error *error)
{
    if (is_all)
        return delete_pending(batch, batch->until, error);
    const struct document *last = &batch->documents[batch->count - 1];
    if (!delete_pending(batch, last->conversation_id, error))
        return false;
    if (batch->is_card)
        return true;
    struct statement *statement = statement_begin(batch->connection, SQL_SEARCH_PENDING_MOVE);
    bind_text(statement, 1, last->conversation_id);
    bind_integer(statement, 2, last->position + 1);
    return statement_run(statement, error);
}

static bool collect(struct batch *batch, struct error *error)
{
    bool is_all;

    return (batch->is_card ? collect_cards(batch, &is_all, error)
                           : collect_messages(batch, &is_all, error)) &&
           forget_pending(batch, is_all, error);
}

/* ---- a segment ----------------------------------------------------------------------------- */

static int compare_documents(const void *one, const void *other)
{
    const struct document *left = one, *right = other;

    if (left->created_at != right->created_at)
        return left->created_at < right->created_at ? -1 : 1;
    int order = strcmp(left->conversation_id, right->conversation_id);
    if (order != 0)
        return order;
    return left->position < right->position ? -1 : left->position > right->position;
}

static bool add_terms(const struct batch *batch, struct search_builder *builder)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct document *document = &batch->documents[i];
        const char *owner = batch->texts.data + document->owners;
        for (; *owner != '\0'; owner += strlen(owner) + 1)
            if (!search_builder_add(builder, owner, strlen(owner), (unsigned)i))
                return false;
        if (!search_builder_add_text(builder, batch->texts.data + document->text, (unsigned)i))
            return false;
    }
    return true;
}

static bool insert_block(struct batch *batch, int64_t segment, const struct buffer *block,
                         struct error *error)
{
    struct statement *statement = statement_begin(batch->connection, SQL_SEARCH_BLOCK_INSERT);
    char first_term[SEARCH_TERM_BYTES];

    search_block_first_term(block->data, first_term);
    bind_integer(statement, 1, segment);
    bind_text(statement, 2, first_term);
    bind_bytes(statement, 3, block->data, block->length);
    return statement_run(statement, error);
}

static bool insert_blocks(struct batch *batch, int64_t segment, struct search_builder *builder,
                          struct error *error)
{
    struct buffer block = BUFFER_EMPTY;
    bool succeeded = true;

    while (succeeded && search_builder_next(builder, &block)) {
        succeeded =
            block.failed ? error_out_of_memory(error) : insert_block(batch, segment, &block, error);
        buffer_clear(&block);
    }
    buffer_free(&block);
    return succeeded;
}

static bool insert_terms(struct batch *batch, int64_t segment, struct error *error)
{
    struct search_builder *builder = search_builder_create();
    bool succeeded = builder != NULL && add_terms(batch, builder)
                         ? insert_blocks(batch, segment, builder, error)
                         : error_out_of_memory(error);

    search_builder_free(builder);
    return succeeded;
}

static bool insert_documents(struct batch *batch, int64_t segment, struct error *error)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct document *document = &batch->documents[i];
        struct statement *statement =
            statement_begin(batch->connection, SQL_SEARCH_DOCUMENT_INSERT);
        bind_integer(statement, 1, segment);
        bind_integer(statement, 2, (int64_t)i);
        bind_text(statement, 3, document->conversation_id);
        bind_integer(statement, 4, document->position);
        bind_integer(statement, 5, document->created_at);
        if (!statement_run(statement, error))
            return false;
    }
    return true;
}

static bool insert_segment(struct batch *batch, int64_t segment, struct error *error)
{
    const struct document *first = &batch->documents[0], *last = first;

    for (size_t i = 1; i < batch->count; i++) {
        const struct document *document = &batch->documents[i];
        if (strcmp(document->conversation_id, first->conversation_id) < 0)
            first = document;
        if (strcmp(document->conversation_id, last->conversation_id) > 0)
            last = document;
    }
    struct statement *statement = statement_begin(batch->connection, SQL_SEARCH_SEGMENT_INSERT);
    bind_integer(statement, 1, segment);
    bind_integer(statement, 2, batch->is_card);
    bind_integer(statement, 3, batch->documents[0].created_at);
    bind_integer(statement, 4, batch->documents[batch->count - 1].created_at);
    bind_text(statement, 5, first->conversation_id);
    bind_text(statement, 6, last->conversation_id);
    bind_integer(statement, 7, (int64_t)batch->count);
    return statement_run(statement, error);
}

static bool store(struct batch *batch, struct error *error)
{
    int64_t segment;

    if (batch->texts.failed)
        return error_out_of_memory(error);
    qsort(batch->documents, batch->count, sizeof(*batch->documents), compare_documents);
    return statement_read_number(statement_begin(batch->connection, SQL_SEARCH_SEGMENT_NEXT), 1,
                                 &segment, error) &&
           insert_segment(batch, segment, error) && insert_documents(batch, segment, error) &&
           insert_terms(batch, segment, error);
}

static bool make_segment(struct slice *slice, bool is_card, const char *until, struct error *error)
{
    struct batch batch = {.connection = slice->transaction->connection,
                          .is_card = is_card,
                          .until = until,
                          .documents = malloc(SEGMENT_DOCUMENTS_MAX * sizeof(struct document))};

    if (batch.documents == NULL)
        return error_out_of_memory(error);
    bool succeeded = collect(&batch, error) && (batch.count == 0 || store(&batch, error));
    free(batch.documents);
    buffer_free(&batch.texts);
    return succeeded;
}

/* ---- who is called otherwise --------------------------------------------------------------- */

struct renamed {
    char user_id[FOREIGN_ID_MAX_BYTES + 1];
    char conversation_id[ID_BYTES]; /* noted last, or "" */
};

static bool find_renamed(struct connection *connection, struct renamed *renamed, bool *found,
                         struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_SEARCH_RENAMED_NEXT);
    enum step step = statement_step(statement, error);

    *found = step == STEP_ROW;
    if (*found) {
        column_copy(statement, 0, renamed->user_id, sizeof(renamed->user_id));
        column_copy(statement, 1, renamed->conversation_id, sizeof(renamed->conversation_id));
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

static bool read_conversations(struct connection *connection, const struct renamed *renamed,
                               struct buffer *ids, struct error *error)
{
    struct person_totals totals;

    if (!person_totals(connection, renamed->user_id, &totals, error))
        return false;
    struct statement *statement =
        statement_begin(connection, totals.active + totals.archived > MANY_CONVERSATIONS
                                        ? SQL_ERASURE_CONVERSATIONS_OF_MANY
                                        : SQL_ERASURE_CONVERSATIONS);
    bind_text(statement, 1, renamed->user_id);
    bind_text(statement, 2, renamed->conversation_id);
    bind_integer(statement, 3, RENAMED_CONVERSATIONS);
    return statement_append_texts(statement, "", ids, error);
}

static bool add_pending(struct connection *connection, bool is_card, const char *conversation_id,
                        struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_SEARCH_PENDING_ADD);

    bind_integer(statement, 1, is_card);
    bind_text(statement, 2, conversation_id);
    bind_integer(statement, 3, is_card ? 0 : 1);
    return statement_run(statement, error);
}

/* Its cards leave the index before they come back: what is stale goes first. */
static bool renew_cards(struct connection *connection, const char *conversation_id,
                        struct error *error)
{
    struct conversation conversation;
    struct error missing;

    error_clear(&missing);
    if (!conversation_row_find(connection, conversation_id, &conversation, &missing)) {
        if (missing.kind == ERROR_NOT_FOUND)
            return true;
        *error = missing;
        return false;
    }
    const struct search_stale stale = {.created_at = conversation.created_at};
    return search_removal_add(connection, 0, conversation_id, &stale, error) &&
           add_pending(connection, true, conversation_id, error);
}

static bool note_renamed(struct slice *slice, struct renamed *renamed, struct error *error)
{
    struct connection *connection = slice->transaction->connection;
    struct buffer ids = BUFFER_EMPTY;
    bool succeeded = read_conversations(connection, renamed, &ids, error);
    bool is_last = ids.length == 0;

    for (size_t at = 0; succeeded && at < ids.length; at += strlen(ids.data + at) + 1) {
        memcpy(renamed->conversation_id, ids.data + at, strlen(ids.data + at) + 1);
        succeeded = renew_cards(connection, renamed->conversation_id, error);
    }
    buffer_free(&ids);
    if (!succeeded)
        return false;
    struct statement *statement =
        statement_begin(connection, is_last ? SQL_SEARCH_RENAMED_END : SQL_SEARCH_RENAMED_MOVE);
    if (!is_last)
        bind_text(statement, 1, renamed->conversation_id);
    bind_text(statement, is_last ? 1 : 2, renamed->user_id);
    return statement_run(statement, error);
}

/* ---- what was there before ----------------------------------------------------------------- */

static bool find_backlog(struct connection *connection, char until[ID_BYTES], bool *found,
                         struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_SEARCH_BACKLOG);
    enum step step = statement_step(statement, error);

    *found = step == STEP_ROW;
    if (*found)
        column_copy(statement, 0, until, ID_BYTES);
    statement_end(statement);
    return step != STEP_FAILED;
}

static bool move_backlog(struct connection *connection, const char *conversation_id,
                         struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_SEARCH_BACKLOG_MOVE);

    bind_text(statement, 1, conversation_id);
    return statement_run(statement, error);
}

static bool take_backlog(struct slice *slice, const char *until, struct error *error)
{
    struct connection *connection = slice->transaction->connection;
    struct statement *statement = statement_begin(connection, SQL_SEARCH_BACKLOG_NEXT);
    struct buffer ids = BUFFER_EMPTY;
    const char *last = NULL;

    bind_text(statement, 1, until);
    bind_integer(statement, 2, SEARCH_BACKLOG_CONVERSATIONS);
    bool succeeded = statement_append_texts(statement, "", &ids, error);
    for (size_t at = 0; succeeded && at < ids.length; at += strlen(ids.data + at) + 1) {
        last = ids.data + at;
        succeeded = add_pending(connection, true, last, error) &&
                    add_pending(connection, false, last, error);
    }
    if (succeeded)
        succeeded = last != NULL ? move_backlog(connection, last, error)
                                 : connection_run(connection, SQL_SEARCH_BACKLOG_END, error);
    buffer_free(&ids);
    return succeeded;
}

/* ---- a slice ------------------------------------------------------------------------------- */

/* Makes a segment if there is enough for one. */
static bool index_some(struct slice *slice, bool is_card, const char *until, bool *has_more,
                       struct error *error)
{
    struct statement *statement =
        statement_begin(slice->transaction->connection,
                        is_card ? SQL_SEARCH_PENDING_COUNT_CARDS : SQL_SEARCH_PENDING_COUNT);
    int64_t pending;

    bind_text(statement, 1, until);
    bind_integer(statement, 2, SEARCH_PENDING_MIN); /* as many conversations are enough */
    if (!statement_read_number(statement, 0, &pending, error))
        return false;
    *has_more = pending >= SEARCH_PENDING_MIN;
    return !*has_more || make_segment(slice, is_card, until, error);
}

static bool index_pending(struct slice *slice, bool *has_more, struct error *error)
{
    char until[ID_BYTES] = END_OF_CONVERSATIONS;
    bool has_backlog;

    if (!find_backlog(slice->transaction->connection, until, &has_backlog, error) ||
        !index_some(slice, false, until, has_more, error) ||
        (!*has_more && !index_some(slice, true, until, has_more, error)))
        return false;
    if (*has_more || !has_backlog)
        return true;
    *has_more = true;
    return take_backlog(slice, until, error);
}

bool search_index_go_on(struct slice *slice, bool *has_more, struct error *error)
{
    struct renamed renamed;

    if (!search_removal_go_on(slice, has_more, error))
        return false;
    if (*has_more)
        return true;
    if (!find_renamed(slice->transaction->connection, &renamed, has_more, error))
        return false;
    return *has_more ? note_renamed(slice, &renamed, error) : index_pending(slice, has_more, error);
}
