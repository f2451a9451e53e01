#include "db/search.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/json_writer.h"
#include "db/conversation_row.h"
#include "db/erasure_text.h"
#include "db/person_json.h"
#include "db/search_block.h"
#include "db/search_document.h"

/* ---- the newest hits ----------------------------------------------------------------------- */

struct hit {
    int64_t created_at;
    int64_t position; /* below 1: a card */
    char conversation_id[ID_BYTES];
};

/* The newest first, at most `limit` of them. */
struct hits {
    struct hit *hits;
    size_t count, limit;
};

static int compare(const struct hit *one, const struct hit *other)
{
    if (one->created_at != other->created_at)
        return one->created_at > other->created_at ? -1 : 1;
    int order = strcmp(other->conversation_id, one->conversation_id);
    if (order != 0)
        return order;
    return one->position > other->position ? -1 : one->position < other->position;
}

/* Whether one of that time may be among them. */
static bool has_place(const struct hits *hits, int64_t created_at)
{
    return hits->count < hits->limit ||
           (hits->count > 0 && created_at >= hits->hits[hits->count - 1].created_at);
}

/* What is found twice, as it is while a card is being indexed anew, is one. */
static void add_hit(struct hits *hits, const struct hit *hit)
{
    size_t at = hits->count;

    while (at > 0 && compare(hit, &hits->hits[at - 1]) < 0)
        at--;
    if (at == hits->limit || (at > 0 && compare(hit, &hits->hits[at - 1]) == 0))
        return;
    size_t kept = hits->count < hits->limit ? hits->count : hits->limit - 1;
    memmove(&hits->hits[at + 1], &hits->hits[at], (kept - at) * sizeof(*hit));
    hits->hits[at] = *hit;
    hits->count = kept + 1;
}

static struct hit read_hit(struct statement *row, int conversation, int position, int created_at)
{
    struct hit hit = {.created_at = column_integer(row, created_at),
                      .position = position >= 0 ? column_integer(row, position) : 0};

    column_copy(row, conversation, hit.conversation_id, sizeof(hit.conversation_id));
    return hit;
}

/* ---- what is indexed ----------------------------------------------------------------------- */

/* A term that a document must have. */
struct wanted {
    const char *term; /* borrowed */
    bool is_prefix;
};

struct finder {
    struct connection *connection;
    const struct search *request;
    struct hits *hits;
    char owner[SEARCH_TERM_BYTES];
    struct wanted wanted[SEARCH_WORDS_MAX + 1]; /* all of them */
    size_t wanted_count;
    bool is_complete;
};

static bool read_blocks_after(struct finder *finder, int64_t segment, const char *term,
                              struct document_set *set, struct error *error)
{
    struct statement *statement = statement_begin(finder->connection, SQL_SEARCH_BLOCKS_AFTER);
    bool is_last = false;
    enum step step = STEP_ROW;

    bind_integer(statement, 1, segment);
    bind_text(statement, 2, term);
    while (!is_last && (step = statement_step(statement, error)) == STEP_ROW)
        is_last = search_block_read(column_text(statement, 0), term, true, set);
    statement_end(statement);
    return step != STEP_FAILED;
}

/* The segment's documents that have the term, or one that begins so. */
static bool read_term(struct finder *finder, int64_t segment, const char *term, bool is_prefix,
                      struct document_set *set, struct error *error)
{
    struct statement *statement = statement_begin(finder->connection, SQL_SEARCH_BLOCK);

    bind_integer(statement, 1, segment);
    bind_text(statement, 2, term);
    enum step step = statement_step(statement, error);
    bool is_last =
        step == STEP_ROW && search_block_read(column_text(statement, 0), term, is_prefix, set);
    statement_end(statement);
    if (step == STEP_FAILED)
        return false;
    return is_last || !is_prefix || read_blocks_after(finder, segment, term, set, error);
}

/* In each segment the term is asked for first that the one before it did not have: of a rare word
 * in a large salon, or of a person with little, most segments are left after one read. */
static void put_first(struct finder *finder, size_t at)
{
    struct wanted wanted = finder->wanted[at];

    memmove(&finder->wanted[1], &finder->wanted[0], at * sizeof(wanted));
    finder->wanted[0] = wanted;
}

static bool find_in_segment(struct finder *finder, int64_t segment, struct document_set *found,
                            struct error *error)
{
    memset(found, 0xff, sizeof(*found));
    for (size_t i = 0; i < finder->wanted_count; i++) {
        const struct wanted *wanted = &finder->wanted[i];
        struct document_set set = {0};
        if (!read_term(finder, segment, wanted->term, wanted->is_prefix, &set, error))
            return false;
        document_set_intersect(found, &set);
        if (document_set_is_empty(found)) {
            put_first(finder, i);
            return true;
        }
    }
    return true;
}

/* The newest first, as ordinals are in the order of time. */
static bool add_found(struct finder *finder, int64_t segment, const struct document_set *found,
                      struct error *error)
{
    for (int i = SEGMENT_DOCUMENTS_MAX - 1; i >= 0; i--) {
        if (!document_set_has(found, (unsigned)i))
            continue;
        struct statement *row = statement_begin(finder->connection, SQL_SEARCH_DOCUMENT);
        bind_integer(row, 1, segment);
        bind_integer(row, 2, i);
        enum step step = statement_step(row, error);
        bool has = step == STEP_ROW && has_place(finder->hits, column_integer(row, 2));
        if (has) {
            struct hit hit = read_hit(row, 0, 1, 2);
            add_hit(finder->hits, &hit);
        }
        statement_end(row);
        if (step == STEP_FAILED)
            return false;
        if (step == STEP_ROW && !has)
            return true;
    }
    return true;
}

/* Segment by segment, from the one with the newest document on, until none can have a newer one
 * than those that were found. */
static bool find_indexed(struct finder *finder, enum search_owner kind, struct error *error)
{
    struct statement *row = statement_begin(finder->connection, SQL_SEARCH_SEGMENTS);
    struct document_set found;
    enum step step;

    bind_integer(row, 1, kind == SEARCH_OWNER_CARDS);
    while ((step = statement_step(row, error)) == STEP_ROW) {
        int64_t segment = column_integer(row, 0);
        if (!has_place(finder->hits, column_integer(row, 1)))
            break;
        if (!find_in_segment(finder, segment, &found, error) ||
            !add_found(finder, segment, &found, error)) {
            step = STEP_FAILED;
            break;
        }
    }
    statement_end(row);
    return step != STEP_FAILED;
}

/* ---- what is not indexed yet --------------------------------------------------------------- */

static struct statement *begin_pending(struct finder *finder, enum sql_id id)
{
    struct statement *row = statement_begin(finder->connection, id);

    bind_integer(row, 1, SEARCH_PENDING_MAX);
    bind_text(row, 2, finder->request->caller.user_id);
    return row;
}

static bool find_pending_messages(struct finder *finder, struct error *error)
{
    struct statement *row = begin_pending(finder, SQL_SEARCH_PENDING_MESSAGES_OF);
    int64_t count = 0;
    enum step step;

    while ((step = statement_step(row, error)) == STEP_ROW) {
        count++;
        if (!search_query_matches(finder->request->query, column_text(row, 3)))
            continue;
        struct hit hit = read_hit(row, 0, 1, 2);
        add_hit(finder->hits, &hit);
    }
    statement_end(row);
    finder->is_complete = finder->is_complete && count < SEARCH_PENDING_MAX;
    return step == STEP_DONE;
}

static bool find_pending_card(struct finder *finder, struct statement *row, struct buffer *text,
                              struct error *error)
{
    bool is_salon = strcmp(column_text(row, 2), finder->request->caller.user_id) == 0;

    buffer_clear(text);
    if (!search_card_append(finder->connection, column_text(row, is_salon ? 3 : 2),
                            column_text(row, 4), text, error))
        return false;
    if (buffer_text(text) == NULL)
        return error_out_of_memory(error);
    if (search_query_matches(finder->request->query, buffer_text(text))) {
        struct hit hit = read_hit(row, 0, -1, 1);
        hit.position = is_salon ? SEARCH_POSITION_SALON_CARD : SEARCH_POSITION_CLIENT_CARD;
        add_hit(finder->hits, &hit);
    }
    return true;
}

static bool find_pending_cards(struct finder *finder, struct error *error)
{
    struct statement *row = begin_pending(finder, SQL_SEARCH_PENDING_CARDS_OF);
    struct buffer text = BUFFER_EMPTY;
    enum step step;

    while ((step = statement_step(row, error)) == STEP_ROW)
        if (!find_pending_card(finder, row, &text, error)) {
            step = STEP_FAILED;
            break;
        }
    statement_end(row);
    buffer_free(&text);
    return step == STEP_DONE;
}

/* ---- both ---------------------------------------------------------------------------------- */

static bool find(struct finder *finder, enum search_owner kind, struct hits *hits,
                 struct error *error)
{
    const struct search_query *query = finder->request->query;

    finder->hits = hits;
    search_owner_term(kind, finder->request->caller.user_id, finder->owner);
    finder->wanted_count = 0;
    finder->wanted[finder->wanted_count++] = (struct wanted){.term = finder->owner};
    for (size_t i = 0; i < query->count; i++)
        finder->wanted[finder->wanted_count++] =
            (struct wanted){.term = query->words[i].text, .is_prefix = i == query->count - 1};
    hits->hits = calloc(hits->limit + 1, sizeof(*hits->hits));
    if (hits->hits == NULL)
        return error_out_of_memory(error);
    return (kind == SEARCH_OWNER_CARDS ? find_pending_cards(finder, error)
                                       : find_pending_messages(finder, error)) &&
           find_indexed(finder, kind, error);
}

/* ---- what is shown ------------------------------------------------------------------------- */

struct shower {
    struct connection *connection;
    const struct search *request;
    struct json_writer writer;
    struct buffer text, scratch;
};

static bool write_hit(struct shower *shower, const struct conversation *conversation,
                      const struct hit *hit, struct statement *message, struct error *error)
{
    struct json_writer *writer = &shower->writer;
    const char *other = conversation_other(conversation, shower->request->caller.user_id);
    bool is_message = hit->position > 0;

    json_begin_object(writer);
    json_member_text(writer, "type", is_message ? "message" : "conversation");
    json_member_text(writer, "conversationId", conversation->id);
    json_member_text(writer, "subject", text_or_null(conversation->subject));
    json_member_text(writer, "status", conversation_status_name(conversation->status));
    json_write_key(writer, "other");
    if (!person_json_write(shower->connection, writer, other, PERSON_WITHOUT_EMAIL, error))
        return false;
    if (is_message) {
        json_member_text(writer, "messageId", column_text(message, SEARCH_MESSAGE_ID));
        json_member_text(writer, "senderId", column_text(message, SEARCH_MESSAGE_SENDER_ID));
        json_member_integer(writer, "position", hit->position);
    }
    json_member_time(writer, "createdAt", hit->created_at);
    search_excerpt_write(shower->request->query, buffer_text(&shower->text), writer,
                         &shower->scratch);
    json_end_object(writer);
    return true;
}

/* The text is read again, and looked at again: it may be gone or another one since, or without the
 * names of who is being erased. */
static bool show_text(struct shower *shower, const struct conversation *conversation,
                      const struct hit *hit, struct statement *message, struct error *error)
{
    if (buffer_text(&shower->text) == NULL)
        return error_out_of_memory(error);
    if (!search_query_matches(shower->request->query, buffer_text(&shower->text)))
        return true;
    return write_hit(shower, conversation, hit, message, error);
}

static bool show_message(struct shower *shower, const struct conversation *conversation,
                         const struct hit *hit, struct error *error)
{
    struct statement *row =
        search_message_begin(shower->connection, conversation->id, hit->position);
    enum step step = statement_step(row, error);
    bool succeeded = step != STEP_FAILED;

    if (step == STEP_ROW) {
        const char *content = column_text(row, SEARCH_MESSAGE_CONTENT);
        bool is_ours =
            conversation->is_being_erased &&
            strcmp(column_text(row, SEARCH_MESSAGE_TYPE), message_type_name(MESSAGE_SYSTEM)) == 0;
        if (is_ours)
            succeeded =
                erasure_read_text(shower->connection, conversation->salon_id,
                                  conversation->client_user_id, content, &shower->text, error);
        else
            buffer_append_text(&shower->text, content);
        succeeded = succeeded && show_text(shower, conversation, hit, row, error);
    }
    statement_end(row);
    return succeeded;
}

static bool show_card(struct shower *shower, const struct conversation *conversation,
                      const struct hit *hit, struct error *error)
{
    return search_card_append(shower->connection,
                              conversation_other(conversation, shower->request->caller.user_id),
                              conversation->subject, &shower->text, error) &&
           show_text(shower, conversation, hit, NULL, error);
}

static bool show(struct shower *shower, const struct hit *hit, struct error *error)
{
    struct conversation conversation;
    struct error hidden;

    error_clear(&hidden);
    if (!conversation_row_find_for(shower->connection, hit->conversation_id,
                                   &shower->request->caller, &conversation, &hidden)) {
        if (hidden.kind == ERROR_NOT_FOUND || hidden.kind == ERROR_FORBIDDEN)
            return true;
        *error = hidden;
        return false;
    }
    buffer_clear(&shower->text);
    return hit->position > 0 ? show_message(shower, &conversation, hit, error)
                             : show_card(shower, &conversation, hit, error);
}

static bool show_page(struct shower *shower, const struct hits *cards, const struct hits *messages,
                      struct error *error)
{
    const struct search *request = shower->request;
    size_t end = (size_t)(request->page * request->limit);

    for (size_t i = end - (size_t)request->limit; i < end; i++) {
        const struct hit *hit = NULL;
        if (i < cards->count)
            hit = &cards->hits[i];
        else if (i - cards->count < messages->count)
            hit = &messages->hits[i - cards->count];
        if (hit == NULL)
            break;
        if (!show(shower, hit, error))
            return false;
    }
    return true;
}

static bool is_backlog_done(struct connection *connection, bool *is_done, struct error *error)
{
    bool has_backlog = false;

    if (!statement_has_row(statement_begin(connection, SQL_SEARCH_BACKLOG), &has_backlog, error))
        return false;
    *is_done = !has_backlog;
    return true;
}

/* Who is beyond what can be leafed through, or takes part in nothing, finds nothing. */
static bool finds_nothing(const struct search *request)
{
    return request->caller.kind == CALLER_SERVICE ||
           request->page > SEARCH_RESULTS_MAX / request->limit;
}

static bool run(struct connection *connection, struct shower *shower, struct hits *cards,
                struct hits *messages, struct error *error)
{
    const struct search *request = shower->request;
    struct finder finder = {.connection = connection, .request = request};
    bool found_all = finds_nothing(request);

    json_begin_object(&shower->writer);
    json_write_key(&shower->writer, "data");
    json_begin_array(&shower->writer);
    if (!is_backlog_done(connection, &finder.is_complete, error))
        return false;
    if (!found_all) {
        /* One more than is shown tells whether there is more. */
        cards->limit = (size_t)(request->page * request->limit) + 1;
        if (!find(&finder, SEARCH_OWNER_CARDS, cards, error))
            return false;
        messages->limit = cards->limit - cards->count;
        if (messages->limit > 0 && !find(&finder, SEARCH_OWNER_MESSAGES, messages, error))
            return false;
        if (!show_page(shower, cards, messages, error))
            return false;
        found_all = cards->count + messages->count < cards->limit;
    }
    json_end_array(&shower->writer);
    json_member_integer(&shower->writer, "page", request->page);
    json_member_integer(&shower->writer, "limit", request->limit);
    json_member_boolean(&shower->writer, "hasMore",
                        !found_all && request->page < SEARCH_RESULTS_MAX / request->limit);
    json_member_boolean(&shower->writer, "isComplete", finder.is_complete);
    json_end_object(&shower->writer);
    return true;
}

bool search_run(struct connection *connection, struct search *request, struct error *error)
{
    struct shower shower = {.connection = connection, .request = request};
    struct hits cards = {0}, messages = {0};

    json_writer_init(&shower.writer, request->json);
    bool succeeded = run(connection, &shower, &cards, &messages, error);
    if (succeeded && request->json->failed)
        succeeded = error_out_of_memory(error);
    free(cards.hits);
    free(messages.hits);
    buffer_free(&shower.text);
    buffer_free(&shower.scratch);
    return succeeded;
}
