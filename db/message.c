#include "db/message.h"

#include <stdio.h>
#include <string.h>

#include "db/announcement.h"
#include "db/engine/outbox.h"
#include "db/message_private.h"
#include "db/person_private.h"
#include "db/position.h"

/* Columns of SQL_MESSAGE_PAGE. */
enum {
    COLUMN_POSITION,
    COLUMN_ID,
    COLUMN_SENDER_ID,
    COLUMN_TYPE,
    COLUMN_CONTENT,
    COLUMN_CREATED_AT,
    COLUMN_READ_AT,
    COLUMN_CLIENT_MESSAGE_ID,
    COLUMN_ATTACHMENT_COUNT,
};

static struct statement *begin_page(struct connection *connection, const char *conversation_id,
                                    int64_t newest_position, int64_t limit)
{
    struct statement *statement = statement_begin(connection, SQL_MESSAGE_PAGE);

    bind_text(statement, 1, conversation_id);
    bind_integer(statement, 2, newest_position);
    bind_integer(statement, 3, limit);
    return statement;
}

/* ---- showing ------------------------------------------------------------------------------- */

bool attachments_write(struct connection *connection, struct json_writer *writer,
                       const char *conversation_id, int64_t position, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_ATTACHMENTS);
    enum step step;

    bind_text(statement, 1, conversation_id);
    bind_integer(statement, 2, position);
    while ((step = statement_step(statement, error)) == STEP_ROW) {
        json_begin_object(writer);
        json_member_text(writer, "id", column_text(statement, 0));
        json_member_text(writer, "fileName", column_text(statement, 1));
        json_member_text(writer, "fileUrl", column_text(statement, 2));
        json_member_text(writer, "fileType", column_text(statement, 3));
        json_member_integer(writer, "fileSize", column_integer(statement, 4));
        json_end_object(writer);
    }
    statement_end(statement);
    return step == STEP_DONE;
}

static bool write_attachments(struct connection *connection, struct json_writer *writer,
                              const char *conversation_id, int64_t position, struct error *error)
{
    json_write_key(writer, "attachments");
    json_begin_array(writer);
    bool succeeded = attachments_write(connection, writer, conversation_id, position, error);
    json_end_array(writer);
    return succeeded;
}

/* Writes the Message in the present row; `sender` is its sender as JSON. */
static bool write_row(struct connection *connection, struct json_writer *writer,
                      struct statement *row, const char *conversation_id,
                      const struct buffer *sender, struct error *error)
{
    bool is_read = !column_is_null(row, COLUMN_READ_AT);

    json_begin_object(writer);
    json_member_text(writer, "id", column_text(row, COLUMN_ID));
    json_member_text(writer, "conversationId", conversation_id);
    json_member_text(writer, "content", column_text(row, COLUMN_CONTENT));
    json_member_text(writer, "type", column_text(row, COLUMN_TYPE));
    json_member_boolean(writer, "isRead", is_read);
    if (is_read)
        json_member_time(writer, "readAt", column_integer(row, COLUMN_READ_AT));
    json_member_time(writer, "createdAt", column_integer(row, COLUMN_CREATED_AT));
    json_member_raw(writer, "sender", sender->data, sender->length);
    if (column_integer(row, COLUMN_ATTACHMENT_COUNT) == 0)
        json_member_raw(writer, "attachments", "[]", 2);
    else if (!write_attachments(connection, writer, conversation_id,
                                column_integer(row, COLUMN_POSITION), error))
        return false;
    json_member_text(writer, "clientMessageId", column_text(row, COLUMN_CLIENT_MESSAGE_ID));
    json_end_object(writer);
    return true;
}

/* Both participants as senders, each written once for a whole page. */
struct senders {
    const struct conversation *conversation;
    struct buffer salon;
    struct buffer client;
};

static bool write_sender(struct connection *connection, struct buffer *json, const char *user_id,
                         struct error *error)
{
    struct json_writer writer;

    json_writer_init(&writer, json);
    if (!person_write(connection, &writer, user_id, PERSON_WITHOUT_EMAIL, error))
        return false;
    return json->failed ? error_out_of_memory(error) : true;
}

/* The JSON of that sender; NULL with *error. */
static const struct buffer *sender_json(struct connection *connection, struct senders *senders,
                                        const char *sender_id, struct error *error)
{
    bool is_salon = conversation_is_salon(senders->conversation, sender_id);
    struct buffer *json = is_salon ? &senders->salon : &senders->client;

    if (json->length == 0 && !write_sender(connection, json, sender_id, error))
        return NULL;
    return json;
}

static void senders_free(struct senders *senders)
{
    buffer_free(&senders->salon);
    buffer_free(&senders->client);
}

static bool write_row_with(struct connection *connection, struct json_writer *writer,
                           struct statement *row, struct senders *senders, struct error *error)
{
    const struct buffer *sender =
        sender_json(connection, senders, column_text(row, COLUMN_SENDER_ID), error);

    return sender != NULL &&
           write_row(connection, writer, row, senders->conversation->id, sender, error);
}

bool message_write_at(struct connection *connection, struct buffer *json,
                      const struct conversation *conversation, int64_t position,
                      struct error *error)
{
    struct senders senders = {.conversation = conversation};
    struct json_writer writer;
    struct statement *statement = begin_page(connection, conversation->id, position, 1);

    json_writer_init(&writer, json);
    bool succeeded = statement_step(statement, error) == STEP_ROW &&
                     write_row_with(connection, &writer, statement, &senders, error);
    statement_end(statement);
    senders_free(&senders);
    return succeeded;
}

bool message_write_last(struct connection *connection, struct json_writer *writer,
                        const struct conversation *conversation, char id[ID_BYTES],
                        struct error *error)
{
    id[0] = '\0';
    if (conversation->message_count == 0)
        return true;
    struct statement *statement =
        begin_page(connection, conversation->id, conversation->last_position, 1);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW) {
        column_copy(statement, COLUMN_ID, id, ID_BYTES);
        json_write_key(writer, "lastMessage");
        json_begin_object(writer);
        json_member_text(writer, "id", id);
        json_member_text(writer, "content", column_text(statement, COLUMN_CONTENT));
        json_member_text(writer, "senderId", column_text(statement, COLUMN_SENDER_ID));
        json_member_text(writer, "type", column_text(statement, COLUMN_TYPE));
        json_member_time(writer, "createdAt", column_integer(statement, COLUMN_CREATED_AT));
        json_end_object(writer);
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

bool messages_write_newest(struct connection *connection, struct json_writer *writer,
                           const struct conversation *conversation, int64_t limit,
                           struct error *error)
{
    struct senders senders = {.conversation = conversation};
    struct statement *statement =
        begin_page(connection, conversation->id, conversation->last_position, limit);
    enum step step;

    json_begin_array(writer);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        if (!write_row_with(connection, writer, statement, &senders, error))
            break;
    json_end_array(writer);
    statement_end(statement);
    senders_free(&senders);
    return step == STEP_DONE;
}

/* ---- a page -------------------------------------------------------------------------------- */

/* A page while it is being read. */
struct page {
    struct message_page *request;
    struct conversation conversation;
    struct senders senders;
    struct json_writer writer;
    int64_t rows;
    bool has_more;
};

static bool row_is_unread(struct statement *row, const char *reader)
{
    return column_is_null(row, COLUMN_READ_AT) &&
           strcmp(column_text(row, COLUMN_SENDER_ID), reader) != 0;
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
        request->oldest_position = column_integer(row, COLUMN_POSITION);
        if (request->may_mark && row_is_unread(row, request->caller.user_id))
            request->needs_marking = true;
        /* Once it is known that the page is read again after marking, only its end matters. */
        if (!request->needs_marking &&
            !write_row_with(connection, &page->writer, row, &page->senders, error))
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
    struct statement *statement =
        begin_page(connection, page->conversation.id, request->newest_position, request->limit + 1);
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
    bool succeeded = conversation_load_for(connection, request->conversation_id, &request->caller,
                                           &page.conversation, error) &&
                     find_start(connection, &page, error) && write_page(connection, &page, error);
    senders_free(&page.senders);
    if (request->needs_marking)
        buffer_clear(request->json);
    return succeeded;
}

/* ---- marking read -------------------------------------------------------------------------- */

static bool announce_read(struct transaction *transaction, const char *conversation_id,
                          const char *message_id, struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "messageId", message_id);
    json_member_time(&writer, "readAt", transaction->now_ms);
    json_end_object(&writer);
    bool succeeded =
        announce_to_room(transaction, "message-read", conversation_id, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

/* Binds what SQL_MESSAGES_UNREAD and SQL_MESSAGES_MARK_READ share, from `parameter` on. */
static void bind_unread_range(struct statement *statement, int parameter,
                              const struct conversation *conversation, const char *reader,
                              int64_t first, int64_t last)
{
    bind_text(statement, parameter, conversation->id);
    bind_text(statement, parameter + 1, conversation_other(conversation, reader));
    bind_integer(statement, parameter + 2, first);
    bind_integer(statement, parameter + 3, last);
}

static bool announce_all_read(struct transaction *transaction,
                              const struct conversation *conversation, const char *reader,
                              int64_t first, int64_t last, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_MESSAGES_UNREAD);
    enum step step;

    bind_unread_range(statement, 1, conversation, reader, first, last);
    bind_integer(statement, 5, READ_EVENTS_MAX);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        if (!announce_read(transaction, conversation->id, column_text(statement, 0), error))
            break;
    statement_end(statement);
    return step == STEP_DONE;
}

static bool mark_rows(struct transaction *transaction, const struct conversation *conversation,
                      const char *reader, int64_t first, int64_t last, int64_t *marked,
                      struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_MESSAGES_MARK_READ);

    bind_integer(statement, 1, transaction->now_ms);
    bind_unread_range(statement, 2, conversation, reader, first, last);
    return statement_run_counting(statement, marked, error);
}

/* After a burst of message-read each side is told its own true total: the pages lower their badge
 * by one at every message-read, whoever reads (docs/protocol.md, "Messages and marking
 * read"). */
static bool announce_totals(struct transaction *transaction,
                            const struct conversation *conversation, const char *reader,
                            int64_t reader_total, struct error *error)
{
    const char *other = conversation_other(conversation, reader);
    struct person_totals totals;

    return announce_unread_total(transaction, reader, reader_total, error) &&
           person_totals(transaction->connection, other, &totals, error) &&
           announce_unread_total(transaction, other, totals.unread, error);
}

bool messages_mark_read(struct transaction *transaction, const struct conversation *conversation,
                        const char *reader, int64_t first, int64_t last, bool *marked,
                        struct error *error)
{
    int64_t unread;
    int64_t from;
    int64_t count = 0;
    int64_t total;

    if (!conversation_unread(transaction->connection, conversation, reader, &unread, &from, error))
        return false;
    if (first < from)
        first = from;
    if (unread > 0 && (!announce_all_read(transaction, conversation, reader, first, last, error) ||
                       !mark_rows(transaction, conversation, reader, first, last, &count, error)))
        return false;
    if (marked != NULL)
        *marked = count > 0;
    if (count == 0)
        return true;
    if (!conversation_add_unread(transaction, conversation, reader, -count, &total, error))
        return false;
    if (count == unread &&
        !announce_conversation_unread(transaction, conversation, reader, 0, error))
        return false;
    return announce_totals(transaction, conversation, reader, total, error);
}

bool message_mark_page_run(struct transaction *transaction, struct message_page *request,
                           struct error *error)
{
    struct conversation conversation;

    return conversation_load_for(transaction->connection, request->conversation_id,
                                 &request->caller, &conversation, error) &&
           messages_mark_read(transaction, &conversation, request->caller.user_id,
                              request->oldest_position, request->newest_position, NULL, error);
}

/* ---- one message --------------------------------------------------------------------------- */

/* What decides whether an operation on a message is allowed. */
struct located_message {
    struct conversation conversation;
    int64_t position;
    bool is_author;
    bool is_system;
    bool is_read;
};

static bool locate_row(struct connection *connection, const struct message_reference *request,
                       struct located_message *message, char conversation_id[ID_BYTES],
                       struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_MESSAGE_LOCATE);

    bind_text(statement, 1, request->message_id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW) {
        column_copy(statement, 0, conversation_id, ID_BYTES);
        message->position = column_integer(statement, 1);
        message->is_author = strcmp(column_text(statement, 2), request->caller.user_id) == 0;
        message->is_system =
            strcmp(column_text(statement, 3), message_type_name(MESSAGE_SYSTEM)) == 0;
        message->is_read = !column_is_null(statement, 4);
    }
    statement_end(statement);
    if (step == STEP_DONE)
        return error_set(error, ERROR_NOT_FOUND, "Message introuvable");
    return step == STEP_ROW;
}

static bool locate(struct connection *connection, const struct message_reference *request,
                   struct located_message *message, struct error *error)
{
    char conversation_id[ID_BYTES];

    return locate_row(connection, request, message, conversation_id, error) &&
           conversation_load_for(connection, conversation_id, &request->caller,
                                 &message->conversation, error);
}

bool message_mark_read_run(struct transaction *transaction, struct message_reference *request,
                           struct error *error)
{
    struct located_message message;

    request->marked = false;
    if (!locate(transaction->connection, request, &message, error))
        return false;
    if (!message.is_author && !message.is_read &&
        !messages_mark_read(transaction, &message.conversation, request->caller.user_id,
                            message.position, message.position, &request->marked, error))
        return false;
    return message_write_at(transaction->connection, request->json, &message.conversation,
                            message.position, error);
}

static bool announce_message_deleted(struct transaction *transaction, const char *conversation_id,
                                     const char *message_id, struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "messageId", message_id);
    json_member_text(&writer, "conversationId", conversation_id);
    json_end_object(&writer);
    bool succeeded =
        announce_to_room(transaction, "message-deleted", conversation_id, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

/* Gives the conversation the place in the list that it had when the newest message that is there
 * came; without one, when it was made. */
static bool return_to_last_message(struct connection *connection, struct conversation *conversation,
                                   struct error *error)
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

/* Brings counters, list order and both sides up to date after the row is gone. They are always
 * told, as an update may have been blanked whose last message it was. */
static bool settle_deletion(struct transaction *transaction, struct located_message *message,
                            struct error *error)
{
    struct conversation *conversation = &message->conversation;

    conversation->message_count--;
    conversation->updated_at = transaction->now_ms;
    return position_forget(transaction->connection, conversation->id, message->position, error) &&
           return_to_last_message(transaction->connection, conversation, error) &&
           conversation_store(transaction, conversation, conversation->status, NULL, error) &&
           conversation_announce(transaction, "conversation-updated", conversation, error);
}

static bool forget_unread_message(struct transaction *transaction,
                                  const struct conversation *conversation, const char *author,
                                  struct error *error)
{
    const char *reader = conversation_other(conversation, author);
    int64_t total;
    int64_t unread;

    return conversation_add_unread(transaction, conversation, reader, -1, &total, error) &&
           conversation_unread(transaction->connection, conversation, reader, &unread, NULL,
                               error) &&
           announce_conversation_unread(transaction, conversation, reader, unread, error) &&
           announce_unread_total(transaction, reader, total, error);
}

static bool delete_row(struct transaction *transaction, const struct located_message *message,
                       struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_MESSAGE_DELETE);

    bind_text(statement, 1, message->conversation.id);
    bind_integer(statement, 2, message->position);
    return statement_run(statement, error);
}

bool message_delete_run(struct transaction *transaction, struct message_reference *request,
                        struct error *error)
{
    struct located_message message;

    if (!locate(transaction->connection, request, &message, error))
        return false;
    if (message.is_system || !message.is_author)
        return error_set(error, ERROR_FORBIDDEN, "Seul son auteur peut supprimer ce message");
    return outbox_blank_quotes(transaction, request->message_id, error) &&
           delete_row(transaction, &message, error) &&
           announce_message_deleted(transaction, message.conversation.id, request->message_id,
                                    error) &&
           (message.is_read || forget_unread_message(transaction, &message.conversation,
                                                     request->caller.user_id, error)) &&
           settle_deletion(transaction, &message, error);
}

/* ---- a new message ------------------------------------------------------------------------- */

static bool insert_row(struct transaction *transaction, const struct conversation *conversation,
                       const struct message_new *fresh, const char *id, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_MESSAGE_INSERT);

    bind_text(statement, 1, conversation->id);
    bind_integer(statement, 2, conversation->last_position);
    bind_text(statement, 3, id);
    bind_text(statement, 4, fresh->sender_id);
    bind_text(statement, 5, message_type_name(fresh->type));
    bind_text(statement, 6, fresh->content);
    bind_integer(statement, 7, conversation->last_message_at);
    if (fresh->is_read)
        bind_integer(statement, 8, conversation->last_message_at);
    else
        bind_null(statement, 8);
    bind_text(statement, 9, fresh->client_message_id);
    bind_integer(statement, 10, (int64_t)fresh->attachment_count);
    bind_integer(statement, 11, conversation->last_message_seq);
    return statement_run(statement, error);
}

static bool insert_attachment(struct transaction *transaction,
                              const struct conversation *conversation, int64_t ordinal,
                              const struct attachment_input *attachment, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_ATTACHMENT_INSERT);
    char id[ID_BYTES];

    id_make(transaction->services->ids, id);
    bind_text(statement, 1, conversation->id);
    bind_integer(statement, 2, conversation->last_position);
    bind_integer(statement, 3, ordinal);
    bind_text(statement, 4, id);
    bind_text(statement, 5, attachment->file_name);
    bind_text(statement, 6, attachment->file_url);
    bind_text(statement, 7, attachment->file_type);
    bind_integer(statement, 8, attachment->file_size);
    bind_text(statement, 9, attachment->upload_key);
    return statement_run(statement, error);
}

/* Counts the message for the recipient and tells them, before and after the message itself in the
 * order of docs/protocol.md, "Messages and marking read". `json` is the Message. */
static bool count_and_announce(struct transaction *transaction,
                               const struct conversation *conversation,
                               const struct message_new *fresh, const char *id, struct buffer *json,
                               struct error *error)
{
    const char *recipient = conversation_other(conversation, fresh->sender_id);
    int64_t unread;
    int64_t total;

    if (!person_add_unread(transaction, recipient, fresh->is_read ? 0 : 1, &total, error))
        return false;
    if (fresh->is_read &&
        (!conversation_unread(transaction->connection, conversation, recipient, &unread, NULL,
                              error) ||
         !announce_conversation_unread(transaction, conversation, recipient, unread, error)))
        return false;
    return announce_to_room(transaction, "new-message", conversation->id, id, json, error) &&
           announce_unread_total(transaction, recipient, total, error);
}

/* Gives the message the next position and the conversation what follows from it. */
static void advance(const struct transaction *transaction, struct conversation *conversation)
{
    int64_t now_ms = transaction->now_ms;

    conversation->last_position++;
    conversation->message_count++;
    conversation->status = CONVERSATION_ACTIVE;
    conversation->updated_at = now_ms;
    /* Times follow the order of positions, also when the clock is set back. */
    if (now_ms > conversation->last_message_at)
        conversation->last_message_at = now_ms;
    conversation->last_message_seq = transaction->next_seq;
}

bool message_insert(struct transaction *transaction, struct conversation *conversation,
                    const struct message_new *fresh, struct buffer *json, struct error *error)
{
    enum conversation_status previous_status = conversation->status;
    const struct unread_change unread = {.user_id =
                                             conversation_other(conversation, fresh->sender_id),
                                         .difference = fresh->is_read ? 0 : 1};
    char id[ID_BYTES];

    id_make(transaction->services->ids, id);
    advance(transaction, conversation);
    if (!insert_row(transaction, conversation, fresh, id, error))
        return false;
    for (size_t i = 0; i < fresh->attachment_count; i++)
        if (!insert_attachment(transaction, conversation, (int64_t)i, &fresh->attachments[i],
                               error))
            return false;
    if (!conversation_store(transaction, conversation, previous_status, &unread, error) ||
        !message_write_at(transaction->connection, json, conversation, conversation->last_position,
                          error) ||
        !count_and_announce(transaction, conversation, fresh, id, json, error))
        return false;
    return conversation->status == previous_status ||
           conversation_announce(transaction, "conversation-updated", conversation, error);
}

/* The position of the message that the sender has sent with this key before, 0 for none. */
static bool find_retry(struct connection *connection, const struct message_create *request,
                       int64_t *position, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_MESSAGE_FIND_RETRY);

    bind_text(statement, 1, request->conversation_id);
    bind_text(statement, 2, request->caller.user_id);
    bind_text(statement, 3, request->input->client_message_id);
    enum step step = statement_step(statement, error);
    *position = step == STEP_ROW ? column_integer(statement, 0) : 0;
    statement_end(statement);
    return step != STEP_FAILED;
}

static bool create_new(struct transaction *transaction, const struct message_create *request,
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

    return message_insert(transaction, conversation, &fresh, request->json, error);
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
    struct conversation conversation;
    int64_t position = 0;

    if (!conversation_load_for(transaction->connection, request->conversation_id, &request->caller,
                               &conversation, error) ||
        !require_writer(transaction->connection, request, error))
        return false;
    if (request->input->client_message_id != NULL &&
        !find_retry(transaction->connection, request, &position, error))
        return false;
    request->existed = position > 0;
    if (!request->existed)
        return create_new(transaction, request, &conversation, error);
    return message_write_at(transaction->connection, request->json, &conversation, position, error);
}
