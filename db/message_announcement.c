#include "db/message_announcement.h"

#include "common/json_writer.h"
#include "db/announcement.h"

bool announce_new_message(struct transaction *transaction, const char *conversation_id,
                          const char *message_id, const struct buffer *json, struct error *error)
{
    return announce_to_room(transaction, "new-message", conversation_id, message_id, json, error);
}

bool announce_message_read(struct transaction *transaction, const char *conversation_id,
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

bool announce_message_deleted(struct transaction *transaction, const char *conversation_id,
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
