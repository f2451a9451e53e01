#include "db/message_row.h"

#include <string.h>

#include "db/position.h"

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

bool message_row_insert(struct transaction *transaction, const struct conversation *conversation,
                        const struct message_new *fresh, const char *id, struct error *error)
{
    if (!insert_row(transaction, conversation, fresh, id, error))
        return false;
    for (size_t i = 0; i < fresh->attachment_count; i++)
        if (!insert_attachment(transaction, conversation, (int64_t)i, &fresh->attachments[i],
                               error))
            return false;
    return true;
}

static bool find_row(struct connection *connection, const char *message_id, const char *user_id,
                     struct located_message *message, char conversation_id[ID_BYTES],
                     struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_MESSAGE_LOCATE);

    bind_text(statement, 1, message_id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW) {
        column_copy(statement, 0, conversation_id, ID_BYTES);
        message->position = column_integer(statement, 1);
        message->is_author = strcmp(column_text(statement, 2), user_id) == 0;
        message->is_system =
            strcmp(column_text(statement, 3), message_type_name(MESSAGE_SYSTEM)) == 0;
        message->is_read = !column_is_null(statement, 4);
    }
    statement_end(statement);
    if (step == STEP_DONE)
        return error_set(error, ERROR_NOT_FOUND, "Message introuvable");
    return step == STEP_ROW;
}

bool message_row_find_for(struct connection *connection, const char *message_id,
                          const struct caller *caller, struct located_message *message,
                          struct error *error)
{
    char conversation_id[ID_BYTES];

    return find_row(connection, message_id, caller->user_id, message, conversation_id, error) &&
           conversation_row_find_for(connection, conversation_id, caller, &message->conversation,
                                     error);
}

bool message_row_find_retry(struct connection *connection, const struct message_key *key,
                            int64_t *position, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_MESSAGE_FIND_RETRY);

    bind_text(statement, 1, key->conversation_id);
    bind_text(statement, 2, key->sender_id);
    bind_text(statement, 3, key->client_message_id);
    return statement_read_number(statement, 0, position, error);
}

bool message_row_delete(struct transaction *transaction, const struct located_message *message,
                        struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_MESSAGE_DELETE);

    bind_text(statement, 1, message->conversation.id);
    bind_integer(statement, 2, message->position);
    transaction_leaves_chore(transaction); /* its words leave the search index */
    return statement_run(statement, error) &&
           position_forget(transaction->connection, message->conversation.id, message->position,
                           error);
}
