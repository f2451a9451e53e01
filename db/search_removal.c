#include "db/search_removal.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "db/search_block.h"
#include "db/search_document.h"

bool search_removal_add(struct connection *connection, int64_t segment, const char *conversation_id,
                        const struct search_stale *stale, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_SEARCH_STALE_ADD);

    bind_integer(statement, 1, segment);
    bind_text(statement, 2, conversation_id);
    bind_integer(statement, 3, stale->position);
    bind_integer(statement, 4, stale->created_at);
    return statement_run(statement, error);
}

/* ---- what is looked for -------------------------------------------------------------------- */

struct entry {
    char conversation_id[ID_BYTES];
    struct search_stale stale;
};

/* In the order of conversations and positions. */
struct removal {
    struct transaction *transaction;
    int64_t segment; /* the next one to be looked at */
    struct entry entries[SEARCH_REMOVAL_DOCUMENTS];
    size_t count;
    int64_t oldest_at, newest_at;
};

static bool read_entries(struct removal *removal, struct error *error)
{
    struct statement *row =
        statement_begin(removal->transaction->connection, SQL_SEARCH_STALE_NEXT);
    enum step step;

    bind_integer(row, 1, removal->segment);
    bind_integer(row, 2, SEARCH_REMOVAL_DOCUMENTS);
    while ((step = statement_step(row, error)) == STEP_ROW) {
        struct entry *entry = &removal->entries[removal->count++];
        column_copy(row, 0, entry->conversation_id, sizeof(entry->conversation_id));
        entry->stale = (struct search_stale){.position = column_integer(row, 1),
                                             .created_at = column_integer(row, 2)};
        int64_t created_at = entry->stale.created_at;
        if (removal->count == 1 || created_at < removal->oldest_at)
            removal->oldest_at = created_at;
        if (removal->count == 1 || created_at > removal->newest_at)
            removal->newest_at = created_at;
    }
    statement_end(row);
    return step == STEP_DONE;
}

static int compare_entries(const void *one, const void *other)
{
    const struct entry *left = one, *right = other;
    int order = strcmp(left->conversation_id, right->conversation_id);

    if (order != 0)
        return order;
    return left->stale.position < right->stale.position
               ? -1
               : left->stale.position > right->stale.position;
}

static bool is_stale(const struct removal *removal, const char *conversation_id, int64_t position)
{
    struct entry key = {.stale.position = position > 0 ? position : 0};

    memcpy(key.conversation_id, conversation_id,
           strnlen(conversation_id, sizeof(key.conversation_id) - 1));
    return bsearch(&key, removal->entries, removal->count, sizeof(key), compare_entries) != NULL;
}

/* ---- a segment ----------------------------------------------------------------------------- */

/* A document that stays, with what it says now. */
struct rest {
    unsigned ordinal;
    size_t text; /* where in the texts */
};

struct rewriting {
    struct connection *connection;
    int64_t segment;
    struct document_set gone;
    int64_t gone_count;
    struct rest rests[SEARCH_REMOVAL_DOCUMENTS];
    size_t rest_count;
    struct buffer texts;
};

/* A message that is there was given another text. */
static bool take_document(struct rewriting *rewriting, unsigned ordinal,
                          const char *conversation_id, int64_t position, struct error *error)
{
    enum step step = STEP_DONE;

    if (position > 0) {
        struct statement *row =
            search_message_begin(rewriting->connection, conversation_id, position);
        step = statement_step(row, error);
        if (step == STEP_ROW) {
            rewriting->rests[rewriting->rest_count++] =
                (struct rest){.ordinal = ordinal, .text = rewriting->texts.length};
            buffer_append(&rewriting->texts, column_text(row, SEARCH_MESSAGE_CONTENT),
                          column_bytes(row, SEARCH_MESSAGE_CONTENT) + 1);
        }
        statement_end(row);
    }
    if (step == STEP_DONE) {
        document_set_add(&rewriting->gone, ordinal);
        rewriting->gone_count++;
    }
    return step != STEP_FAILED;
}

static bool find_documents(const struct removal *removal, struct rewriting *rewriting,
                           struct error *error)
{
    struct statement *row = statement_begin(rewriting->connection, SQL_SEARCH_DOCUMENTS);
    enum step step;

    bind_integer(row, 1, rewriting->segment);
    while ((step = statement_step(row, error)) == STEP_ROW)
        if (is_stale(removal, column_text(row, 1), column_integer(row, 2)) &&
            !take_document(rewriting, (unsigned)column_integer(row, 0), column_text(row, 1),
                           column_integer(row, 2), error))
            break;
    statement_end(row);
    return step == STEP_DONE;
}

static bool has_word(const char *text, const struct search_line *line)
{
    struct words words = words_of(text);
    struct word word;

    while (words_next(&words, &word))
        if (word.length == line->term_length && memcmp(word.text, line->term, word.length) == 0)
            return true;
    return false;
}

/* What stays of a line's documents. */
static struct document_set what_stays(const struct rewriting *rewriting,
                                      const struct search_line *line,
                                      const struct document_set *before)
{
    struct document_set set = *before;

    for (size_t i = 0; i < SEGMENT_WORDS; i++)
        set.bits[i] &= ~rewriting->gone.bits[i];
    for (size_t i = 0; i < rewriting->rest_count && !search_term_is_owner(line->term); i++) {
        const struct rest *rest = &rewriting->rests[i];
        if (document_set_has(&set, rest->ordinal) &&
            !has_word(rewriting->texts.data + rest->text, line))
            set.bits[rest->ordinal / 64] &= ~(UINT64_C(1) << (rest->ordinal % 64));
    }
    return set;
}

/* Writes what stays of a block; false when that is all of it. */
static bool rewrite(const struct rewriting *rewriting, const char *block, struct buffer *rest)
{
    bool changes = false;
    struct search_line line;

    while (search_line_next(&block, &line)) {
        struct document_set before = {0};
        search_line_read(&line, &before);
        struct document_set after = what_stays(rewriting, &line, &before);
        changes = changes || memcmp(&before, &after, sizeof(after)) != 0;
        if (!document_set_is_empty(&after))
            search_line_append(rest, line.term, line.term_length, &after);
    }
    return changes;
}

static bool replace_block(const struct rewriting *rewriting, const char *block,
                          const struct buffer *rest, struct error *error)
{
    char term[SEARCH_TERM_BYTES];
    struct statement *statement = statement_begin(rewriting->connection, SQL_SEARCH_BLOCK_DELETE);

    search_block_first_term(block, term);
    bind_integer(statement, 1, rewriting->segment);
    bind_text(statement, 2, term);
    if (!statement_run(statement, error))
        return false;
    if (rest->length == 0)
        return true;
    search_block_first_term(rest->data, term);
    statement = statement_begin(rewriting->connection, SQL_SEARCH_BLOCK_INSERT);
    bind_integer(statement, 1, rewriting->segment);
    bind_text(statement, 2, term);
    bind_bytes(statement, 3, rest->data, rest->length);
    return statement_run(statement, error);
}

/* All are read first, as they are replaced one by one. */
static bool rewrite_blocks(const struct rewriting *rewriting, struct error *error)
{
    struct statement *statement = statement_begin(rewriting->connection, SQL_SEARCH_BLOCKS);
    struct buffer blocks = BUFFER_EMPTY, rest = BUFFER_EMPTY;

    bind_integer(statement, 1, rewriting->segment);
    bool succeeded = statement_append_texts(statement, "", &blocks, error);
    for (size_t at = 0; succeeded && at < blocks.length; at += strlen(blocks.data + at) + 1) {
        buffer_clear(&rest);
        if (rewrite(rewriting, blocks.data + at, &rest))
            succeeded = rest.failed ? error_out_of_memory(error)
                                    : replace_block(rewriting, blocks.data + at, &rest, error);
    }
    buffer_free(&blocks);
    buffer_free(&rest);
    return succeeded;
}

static bool delete_documents(const struct rewriting *rewriting, struct error *error)
{
    struct statement *statement;

    for (unsigned ordinal = 0; ordinal < SEGMENT_DOCUMENTS_MAX; ordinal++) {
        if (!document_set_has(&rewriting->gone, ordinal))
            continue;
        statement = statement_begin(rewriting->connection, SQL_SEARCH_DOCUMENT_DELETE);
        bind_integer(statement, 1, rewriting->segment);
        bind_integer(statement, 2, ordinal);
        if (!statement_run(statement, error))
            return false;
    }
    statement = statement_begin(rewriting->connection, SQL_SEARCH_SEGMENT_COUNT);
    bind_integer(statement, 1, rewriting->gone_count);
    bind_integer(statement, 2, rewriting->segment);
    if (!statement_run(statement, error))
        return false;
    statement = statement_begin(rewriting->connection, SQL_SEARCH_SEGMENT_DELETE);
    bind_integer(statement, 1, rewriting->segment);
    return statement_run(statement, error);
}

static bool clean_segment(const struct removal *removal, int64_t segment, struct error *error)
{
    struct rewriting *rewriting = calloc(1, sizeof(*rewriting));

    if (rewriting == NULL)
        return error_out_of_memory(error);
    rewriting->connection = removal->transaction->connection;
    rewriting->segment = segment;
    bool succeeded = find_documents(removal, rewriting, error);
    if (succeeded && rewriting->texts.failed)
        succeeded = error_out_of_memory(error);
    if (succeeded && (rewriting->gone_count > 0 || rewriting->rest_count > 0))
        succeeded = rewrite_blocks(rewriting, error) && delete_documents(rewriting, error);
    buffer_free(&rewriting->texts);
    free(rewriting);
    return succeeded;
}

/* ---- a slice ------------------------------------------------------------------------------- */

/* The next segment that may have one of the documents: what is indexed as it comes covers little
 * time, what was there before covers few conversations. */
static bool find_segment(const struct removal *removal, int64_t *segment, struct error *error)
{
    struct statement *statement =
        statement_begin(removal->transaction->connection, SQL_SEARCH_SEGMENT_OF);

    bind_integer(statement, 1, removal->segment);
    bind_text(statement, 2, removal->entries[removal->count - 1].conversation_id);
    bind_text(statement, 3, removal->entries[0].conversation_id);
    bind_integer(statement, 4, removal->newest_at);
    bind_integer(statement, 5, removal->oldest_at);
    return statement_read_number(statement, -1, segment, error);
}

/* What was looked for up to `segment` is looked for no more, or from the next one on. */
static bool settle(const struct removal *removal, int64_t begun_at, bool is_done,
                   struct error *error)
{
    struct connection *connection = removal->transaction->connection;

    for (size_t i = 0; i < removal->count; i++) {
        const struct entry *entry = &removal->entries[i];
        struct statement *statement = statement_begin(connection, SQL_SEARCH_STALE_DELETE);
        bind_integer(statement, 1, begun_at);
        bind_text(statement, 2, entry->conversation_id);
        bind_integer(statement, 3, entry->stale.position);
        if (!statement_run(statement, error) ||
            (!is_done && !search_removal_add(connection, removal->segment, entry->conversation_id,
                                             &entry->stale, error)))
            return false;
    }
    return true;
}

static bool clean_segments(struct slice *slice, struct removal *removal, struct error *error)
{
    int64_t begun_at = removal->segment;
    int64_t segment;
    bool is_done;

    do {
        if (!find_segment(removal, &segment, error))
            return false;
        is_done = segment < 0;
        if (!is_done && !clean_segment(removal, segment, error))
            return false;
        removal->segment = segment + 1;
        slice->steps++;
    } while (!is_done && slice_has_room(slice));
    return settle(removal, begun_at, is_done, error);
}

bool search_removal_go_on(struct slice *slice, bool *has_more, struct error *error)
{
    struct statement *statement =
        statement_begin(slice->transaction->connection, SQL_SEARCH_STALE_FIRST);
    int64_t segment;

    if (!statement_read_number(statement, -1, &segment, error))
        return false;
    *has_more = segment >= 0;
    if (!*has_more)
        return true;
    struct removal *removal = malloc(sizeof(*removal));
    if (removal == NULL)
        return error_out_of_memory(error);
    removal->transaction = slice->transaction;
    removal->segment = segment;
    removal->count = 0;
    transaction_erases(slice->transaction);
    bool succeeded = read_entries(removal, error) && clean_segments(slice, removal, error);
    free(removal);
    return succeeded;
}
