#include "db/message_sending.h"

#include "db/conversation_announcement.h"
#include "db/message_announcement.h"
#include "db/message_json.h"
#include "db/person_row.h"
#include "db/search_index.h"

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

    /* Zero is added, too: it tells the present total. */
    if (!person_add_unread(transaction, recipient, fresh->is_read ? 0 : 1, &total, error))
        return false;
    if (fresh->is_read &&
        (!conversation_row_unread(transaction->connection, conversation, recipient, &unread, NULL,
                                  error) ||
         !announce_conversation_unread(transaction, conversation, recipient, unread, error)))
        return false;
    return announce_new_message(transaction, conversation->id, id, json, error) &&
           announce_unread_total(transaction, recipient, total, error);
}

bool message_send(struct transaction *transaction, struct conversation *conversation,
                  const struct message_new *fresh, struct buffer *json, struct error *error)
{
    enum conversation_status previous_status = conversation->status;
    const struct unread_change unread = {.user_id =
                                             conversation_other(conversation, fresh->sender_id),
                                         .difference = fresh->is_read ? 0 : 1};
    int64_t seq_before = transaction->next_seq;
    char id[ID_BYTES];

    id_make(transaction->services->ids, id);
    advance(transaction, conversation);
    if (!message_row_insert(transaction, conversation, fresh, id, error) ||
        !conversation_row_store(transaction, conversation, previous_status, &unread, error) ||
        !message_json_write_at(transaction->connection, json, conversation,
                               conversation->last_position, error) ||
        !count_and_announce(transaction, conversation, fresh, id, json, error))
        return false;
    search_index_tell(transaction, seq_before);
    return conversation->status == previous_status ||
           announce_conversation(transaction, "conversation-updated", conversation, error);
}

bool message_send_system(struct transaction *transaction, struct conversation *conversation,
                         const char *content, struct error *error)
{
    const struct message_new message = {
        .sender_id = conversation->salon_id, .type = MESSAGE_SYSTEM, .content = content};
    struct buffer json = BUFFER_EMPTY;
    bool succeeded = message_send(transaction, conversation, &message, &json, error);

    buffer_free(&json);
    return succeeded;
}
