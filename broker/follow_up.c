#include "broker/follow_up.h"

#include <stdlib.h>
#include <string.h>

#include "broker/recovery_writes.h"
#include "broker/typing.h"
#include "broker/worker.h"
#include "common/container.h"
#include "common/json_reader.h"
#include "db/message.h"

/* ---- which events -------------------------------------------------------------------------- */

enum kind { KIND_OTHER, KIND_MESSAGE, KIND_DELETION };

/* By the audience, too: only to a room a new-message is what the name says. `*id` is the room's or
 * user's. */
static enum kind kind_of(const struct event *event, const char **id)
{
    bool is_room;

    *id = event_audience_id(event->audience, &is_room);
    if (is_room && strcmp(event->name, "new-message") == 0)
        return KIND_MESSAGE;
    if (!is_room && strcmp(event->name, "conversation-deleted") == 0)
        return KIND_DELETION;
    return KIND_OTHER;
}

static struct json_object *read_payload(const struct event *event)
{
    struct error error;

    error_clear(&error);
    return json_read_own(event->payload, event->payload_length, &error);
}

/* What the payload of new-message says, borrowed from it. */
struct announced_message {
    const char *id;
    const char *sender_id;
    bool is_read;
};

static bool read_message(struct json_object *payload, struct announced_message *message)
{
    message->id = json_text(json_get(payload, "id"));
    message->sender_id = json_text(json_get(json_get(payload, "sender"), "id"));
    message->is_read = json_object_get_boolean(json_get(payload, "isRead"));
    return message->id != NULL && message->sender_id != NULL;
}

/* ---- messages that were delivered to whoever looks at them --------------------------------- */

/* With copies of all texts: the event, and perhaps the reader, are gone before it is written. */
struct read_mark {
    struct worker_request request;
    struct message_reference message;
    struct buffer json;
    char message_id[ID_BYTES];
    char reader_id[FOREIGN_ID_MAX_BYTES + 1];
};

static void on_mark_written(struct worker_request *request)
{
    struct read_mark *mark = CONTAINER_OF(request, struct read_mark, request);

    buffer_free(&mark->json);
    free(mark);
}

/* Marks the message read, as the reader's own mark-as-read would. A message that came over REST was
 * stored unread: its program cannot know who is in the room. */
static void mark_read(struct broker_parts *parts, const char *message_id, const struct user *reader)
{
    struct read_mark *mark = calloc(1, sizeof(*mark));

    if (mark == NULL)
        return; /* it stays unread until the reader marks it */
    strncpy(mark->message_id, message_id, sizeof(mark->message_id) - 1);
    strncpy(mark->reader_id, reader->id, sizeof(mark->reader_id) - 1);
    mark->message = (struct message_reference){
        .message_id = mark->message_id,
        .caller = {.user_id = mark->reader_id, .role = "", .kind = CALLER_OTHER},
        .json = &mark->json};
    mark->request.operation = message_mark_read(&mark->message);
    mark->request.on_done = on_mark_written;
    worker_write(parts->worker, &mark->request);
}

/* Whether `one` is the room's first member of that user whom an event reaches. */
static bool is_first_of_user(const struct room *room, const struct membership *one)
{
    const struct membership *first = room->first;

    while (first != NULL && (first->occupant->user != one->occupant->user ||
                             !client_is_reachable(client_of(first->occupant))))
        first = first->next_in_room;
    return first == one;
}

/* Every user in the room but the sender has the message before their eyes. */
static void mark_for_readers(struct broker_parts *parts, const struct room *room,
                             const struct announced_message *message)
{
    for (const struct membership *one = room->first; one != NULL; one = one->next_in_room) {
        const struct user *user = one->occupant->user;
        if (strcmp(user->id, message->sender_id) != 0 && is_first_of_user(room, one))
            mark_read(parts, message->id, user);
    }
}

static void follow_message(struct broker_parts *parts, const char *room_id,
                           struct json_object *payload)
{
    const struct room *room = rooms_find_room(&parts->rooms, room_id);
    struct announced_message message;

    if (room == NULL || !read_message(payload, &message))
        return;
    if (!message.is_read)
        mark_for_readers(parts, room, &message);
    typing_end(parts->typing, message.sender_id, room_id);
}

/* Whoever sees it now sees an old message: nobody is taken for writing because of it. */
static void follow_missed_message(struct client *client, struct json_object *payload)
{
    struct announced_message message;

    if (read_message(payload, &message) && !message.is_read &&
        strcmp(message.sender_id, client->occupant.user->id) != 0)
        mark_read(client->parts, message.id, client->occupant.user);
}

/* ---- conversations that are no more -------------------------------------------------------- */

static void leave_deleted(struct client *client, const char *room_id)
{
    struct membership *membership = rooms_find_membership(&client->occupant, room_id);

    if (membership == NULL)
        return;
    if (membership->is_pending)
        client_forget_room(client, membership);
    typing_leave(client->parts->typing, client, room_id);
    rooms_leave(&client->parts->rooms, membership);
    recovery_writes_forget_room(client, room_id);
}

static void follow_deletion(const struct broker_parts *parts, const char *user_id,
                            struct json_object *payload)
{
    const struct user *user = rooms_find_user(&parts->rooms, user_id);
    const char *room_id = json_text(json_get(payload, "conversationId"));
    struct occupant *one = user != NULL && room_id != NULL ? user->first : NULL;

    for (; one != NULL; one = one->next_of_user)
        leave_deleted(client_of(one), room_id);
}

static void follow_missed_deletion(struct client *client, struct json_object *payload)
{
    const char *room_id = json_text(json_get(payload, "conversationId"));

    if (room_id != NULL)
        leave_deleted(client, room_id);
}

/* ---- all ----------------------------------------------------------------------------------- */

void follow_up(struct broker_parts *parts, const struct event *event)
{
    const char *id;
    enum kind kind = kind_of(event, &id);

    if (kind == KIND_OTHER)
        return;
    struct json_object *payload = read_payload(event);
    if (payload != NULL && kind == KIND_MESSAGE)
        follow_message(parts, id, payload);
    else if (payload != NULL)
        follow_deletion(parts, id, payload);
    json_object_put(payload);
}

void follow_up_missed(struct client *client, const struct event *event)
{
    const char *id;
    enum kind kind = kind_of(event, &id);

    if (kind == KIND_OTHER)
        return;
    struct json_object *payload = read_payload(event);
    if (payload != NULL && kind == KIND_MESSAGE)
        follow_missed_message(client, payload);
    else if (payload != NULL)
        follow_missed_deletion(client, payload);
    json_object_put(payload);
}
