#include "db/message.h"

#include <stdio.h>
#include <string.h>

#include "db/conversation_announcement.h"
#include "db/engine/outbox.h"
#include "db/message_announcement.h"
#include "db/message_json.h"
#include "db/message_reading.h"
#include "db/message_row.h"
#include "db/message_sending.h"
#include "db/person.h"
#include "db/position.h"

/* ---- a page -------------------------------------------------------------------------------- */

/* A page while it is being read. */
struct page {
    struct message_page *request;
    struct conversation conversation;
    struct message_senders senders;
    struct json_writer writer;
    int64_t rows;
    bool has_more;
};

static bool row_is_unread(struct statement *row, const char *reader)
{
    return column_is_null(row, MESSAGE_COLUMN_READ_AT) &&
           strcmp(column_text(row, MESSAGE_COLUMN_SENDER_ID), reader) != 0;
}

static bool read_rows(struct connection *connection, struct page *page, struct statement *row,
                      struct error *error)
{
    struct message_page *request = page->request;
    enum step step;

    while ((step = statement_step(row, error)) == STEP_ROW) {
        if (page->rows == request->limit) {
            page->has_more = true;
            return true;
        }
        page->rows++;
        request->oldest_position = column_integer(row, MESSAGE_COLUMN_POSITION);
        if (request->may_mark && row_is_unread(row, request->caller.user_id))
            request->needs_marking = true;
        /* Once it is known that the page is read again after marking, only its end matters. */
        if (!request->needs_marking &&
            !message_json_write_row(connection, &page->writer, row, &page->senders, error))
            return false;
    }
    return step == STEP_DONE;
}

static bool find_start(struct connection *connection, struct page *page, struct error *error)
{
    struct message_page *request = page->request;
    const struct position_range range = {.conversation_id = page->conversation.id,
                                         .last_position = page->conversation.last_position,
                                         .message_count = page->conversation.message_count};

    if (request->before > 0) {
        request->newest_position = request->before - 1;
        return true;
    }
    return position_find(connection, &range, (request->page - 1) * request->limit,
                         &request->newest_position, error);
}

static void write_page_end(struct page *page)
{
    const struct message_page *request = page->request;
    struct json_writer *writer = &page->writer;
    int64_t total = page->conversation.message_count;
    char cursor[24];

    json_end_array(writer);
    json_member_integer(writer, "total", total);
    json_member_integer(writer, "page", request->page);
    json_member_integer(writer, "limit", request->limit);
    json_member_integer(writer, "totalPages", (total + request->limit - 1) / request->limit);
    json_member_boolean(writer, "hasMore", page->has_more);
    if (page->has_more) {
        /* A position, and no offset: messages that come meanwhile move nothing. */
        snprintf(cursor, sizeof(cursor), "%lld", (long long)request->oldest_position);
        json_member_text(writer, "nextCursor", cursor);
    }
    json_end_object(writer);
}

static bool write_page(struct connection *connection, struct page *page, struct error *error)
{
    struct message_page *request = page->request;

    json_begin_object(&page->writer);
    json_write_key(&page->writer, "data");
    json_begin_array(&page->writer);
    /* One row more than the page tells whether there is more. */
    struct statement *statement = message_rows_begin(connection, page->conversation.id,
                                                     request->newest_position, request->limit + 1);
    bool succeeded = read_rows(connection, page, statement, error);
    statement_end(statement);
    if (succeeded)
        write_page_end(page);
    return succeeded;
}

bool message_page_run(struct connection *connection, struct message_page *request,
                      struct error *error)
{
    struct page page = {.request = request};

    request->needs_marking = false;
    request->oldest_position = 0;
    page.senders.conversation = &page.conversation;
    json_writer_init(&page.writer, request->json);
    bool succeeded = conversation_row_find_for(connection, request->conversation_id,
                                               &request->caller, &page.conversation, error) &&
                     find_start(connection, &page, error) && write_page(connection, &page, error);
    message_senders_free(&page.senders);
    /* Reading runs beside all writers, and marking must not: the caller has it done by an operation
     * and asks again, which happens only to pages with something new. */
    if (request->needs_marking)
        buffer_clear(request->json);
    return succeeded;
}

bool message_mark_page_run(struct transaction *transaction, struct message_page *request,
                           struct error *error)
{
    struct conversation conversation;

    return conversation_row_find_for(transaction->connection, request->conversation_id,
                                     &request->caller, &conversation, error) &&
           messages_mark_read(transaction, &conversation, request->caller.user_id,
                              request->oldest_position, request->newest_position, NULL, error);
}

/* ---- one message --------------------------------------------------------------------------- */

bool message_mark_read_run(struct transaction *transaction, struct message_reference *request,
                           struct error *error)
{
    struct located_message message;

    request->marked = false;
    if (!message_row_find_for(transaction->connection, request->message_id, &request->caller,
                              &message, error))
        return false;
    if (!message.is_author && !message.is_read &&
        !messages_mark_read(transaction, &message.conversation, request->caller.user_id,
                            message.position, message.position, &request->marked, error))
        return false;
    return message_json_write_at(transaction->connection, request->json, &message.conversation,
                                 message.position, error);
}

bool message_show_run(struct connection *connection, struct message_reference *request,
                      struct error *error)
{
    struct located_message message;

    if (!message_row_find_for(connection, request->message_id, &request->caller, &message, error))
        return false;
    request->is_unread = !message.is_author && !message.is_read;
    request->position = message.position;
    memcpy(request->conversation_id, message.conversation.id, sizeof(request->conversation_id));
    return message_json_write_at(connection, request->json, &message.conversation, message.position,
                                 error);
}

/* Brings counters, list order and both sides up to date after the row is gone. They are always
 * told, as an update may have been blanked whose last message it was. */
static bool settle_deletion(struct transaction *transaction, struct located_message *message,
                            struct error *error)
{
    struct conversation *conversation = &message->conversation;

    conversation->message_count--;
    conversation->updated_at = transaction->now_ms;
    return conversation_row_return_to_last_message(transaction->connection, conversation, error) &&
           conversation_row_store(transaction, conversation, conversation->status, NULL, error) &&
           announce_conversation(transaction, "conversation-updated", conversation, error);
}

static bool forget_unread_message(struct transaction *transaction,
                                  const struct conversation *conversation, const char *author,
                                  struct error *error)
{
    const char *reader = conversation_other(conversation, author);
    int64_t total;
    int64_t unread;

    return conversation_row_add_unread(transaction, conversation, reader, -1, &total, error) &&
           conversation_row_unread(transaction->connection, conversation, reader, &unread, NULL,
                                   error) &&
           announce_conversation_unread(transaction, conversation, reader, unread, error) &&
           announce_unread_total(transaction, reader, total, error);
}

bool message_delete_run(struct transaction *transaction, struct message_reference *request,
                        struct error *error)
{
    struct located_message message;

    if (!message_row_find_for(transaction->connection, request->message_id, &request->caller,
                              &message, error))
        return false;
    if (message.is_system || !message.is_author)
        return error_set(error, ERROR_FORBIDDEN, "Seul son auteur peut supprimer ce message");
    return outbox_blank_quotes(transaction, request->message_id, error) &&
           message_row_delete(transaction, &message, error) &&
           announce_message_deleted(transaction, message.conversation.id, request->message_id,
                                    error) &&
           (message.is_read || forget_unread_message(transaction, &message.conversation,
                                                     request->caller.user_id, error)) &&
           settle_deletion(transaction, &message, error);
}

/* ---- a new message ------------------------------------------------------------------------- */

static bool create_message(struct transaction *transaction, const struct message_create *request,
                           struct conversation *conversation, struct error *error)
{
    const struct message_input *input = request->input;
    const struct message_new fresh = {.sender_id = request->caller.user_id,
                                      .type = input->type,
                                      .content = input->content,
                                      .attachments = input->attachments,
                                      .attachment_count = input->attachment_count,
                                      .client_message_id = input->client_message_id,
                                      .is_read = request->recipient_is_present};

    return message_send(transaction, conversation, &fresh, request->json, error);
}

/* Somebody of an unknown role reads what they take part in. */
static bool require_writer(struct connection *connection, const struct message_create *request,
                           struct error *error)
{
    struct person_kind known = {.caller = request->caller, .config = request->config};

    return person_kind_run(connection, &known, error) &&
           (known.kind != CALLER_OTHER ||
            error_set(error, ERROR_FORBIDDEN, "Votre rôle ne permet pas d'écrire"));
}

bool message_create_run(struct transaction *transaction, struct message_create *request,
                        struct error *error)
{
    const struct message_key key = {.conversation_id = request->conversation_id,
                                    .sender_id = request->caller.user_id,
                                    .client_message_id = request->input->client_message_id};
    struct conversation conversation;
    int64_t position = 0;

    if (!conversation_row_find_for(transaction->connection, request->conversation_id,
                                   &request->caller, &conversation, error) ||
        !require_writer(transaction->connection, request, error))
        return false;
    if (key.client_message_id != NULL &&
        !message_row_find_retry(transaction->connection, &key, &position, error))
        return false;
    request->existed = position > 0;
    if (!request->existed)
        return create_message(transaction, request, &conversation, error);
    return message_json_write_at(transaction->connection, request->json, &conversation, position,
                                 error);
}
