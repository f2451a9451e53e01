#include "db/conversation_announcement.h"

#include "common/json_writer.h"
#include "db/announcement.h"
#include "db/conversation_json.h"
#include "db/engine/outbox.h"

bool announce_unread_total(struct transaction *transaction, const char *user_id, int64_t total,
                           struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_integer(&writer, "totalUnread", total);
    json_end_object(&writer);
    bool succeeded =
        announce_to_user(transaction, "unread-count-updated", user_id, NULL, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

bool announce_conversation_unread(struct transaction *transaction,
                                  const struct conversation *conversation, const char *user_id,
                                  int64_t unread, struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "conversationId", conversation->id);
    json_member_integer(&writer, "unreadCount", unread);
    json_end_object(&writer);
    bool succeeded = announce_to_user(transaction, "conversation-unread-updated", user_id,
                                      conversation->id, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

/* For each by itself, and not for the room: the two are shown different counts and e-mail
 * addresses, and a page that lists conversations has joined no room. */
static bool announce_to(struct transaction *transaction, const char *name,
                        const struct conversation *conversation, const char *user_id,
                        struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;
    char last_message_id[ID_BYTES];
    const struct caller caller = {.user_id = user_id, .role = "", .kind = CALLER_OTHER};

    json_writer_init(&writer, &payload);
    bool succeeded = conversation_json_write(transaction->connection, &writer, conversation,
                                             &caller, last_message_id, error) &&
                     announce_to_user(transaction, name, user_id, conversation->id,
                                      text_or_null(last_message_id), &payload, error);
    buffer_free(&payload);
    return succeeded;
}

bool announce_conversation(struct transaction *transaction, const char *name,
                           const struct conversation *conversation, struct error *error)
{
    return announce_to(transaction, name, conversation, conversation->salon_id, error) &&
           announce_to(transaction, name, conversation, conversation->client_user_id, error);
}

static bool announce_deleted_to(struct transaction *transaction,
                                const struct conversation *conversation, const char *user_id,
                                struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "conversationId", conversation->id);
    json_end_object(&writer);
    bool succeeded = announce_to_user(transaction, "conversation-deleted", user_id,
                                      conversation->id, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

bool announce_conversation_deleted(struct transaction *transaction,
                                   const struct conversation *conversation, struct error *error)
{
    return announce_deleted_to(transaction, conversation, conversation->salon_id, error) &&
           announce_deleted_to(transaction, conversation, conversation->client_user_id, error);
}

bool blank_conversation_announcements(struct transaction *transaction,
                                      const struct conversation *conversation, struct error *error)
{
    char room[EVENT_AUDIENCE_BYTES];
    char salon[EVENT_AUDIENCE_BYTES];
    char client[EVENT_AUDIENCE_BYTES];

    event_audience_room(conversation->id, room);
    event_audience_user(conversation->salon_id, salon);
    event_audience_user(conversation->client_user_id, client);
    return outbox_blank_subject(transaction, room, conversation->id, error) &&
           outbox_blank_subject(transaction, salon, conversation->id, error) &&
           outbox_blank_subject(transaction, client, conversation->id, error);
}
