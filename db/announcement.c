#include "db/announcement.h"

#include "db/engine/outbox.h"

bool announce_to_room(struct transaction *transaction, const char *name,
                      const char *conversation_id, const char *message_id,
                      const struct buffer *payload, struct error *error)
{
    char audience[EVENT_AUDIENCE_BYTES];
    const struct outbox_event event = {.audience = audience,
                                       .name = name,
                                       .subject = conversation_id,
                                       .quoted = message_id,
                                       .payload = payload};

    event_audience_room(conversation_id, audience);
    return outbox_append(transaction, &event, error);
}

bool announce_to_user(struct transaction *transaction, const char *name, const char *user_id,
                      const char *conversation_id, const char *message_id,
                      const struct buffer *payload, struct error *error)
{
    char audience[EVENT_AUDIENCE_BYTES];
    const struct outbox_event event = {.audience = audience,
                                       .name = name,
                                       .subject = conversation_id,
                                       .quoted = message_id,
                                       .payload = payload};

    event_audience_user(user_id, audience);
    return outbox_append(transaction, &event, error);
}
