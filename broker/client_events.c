#include "broker/client_events.h"

#include <string.h>

#include "broker/action.h"
#include "broker/presence.h"
#include "broker/recovery_writes.h"
#include "broker/totals.h"
#include "broker/typing.h"
#include "common/configuration.h"
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "common/user_budgets.h"

static void observe_commit(const struct action *action)
{
    histogram_observe(&action->client->parts->metrics.commit, action->request.waited_ms);
}

/* Reads `conversationId`, or fails the action. */
static bool read_conversation_id(struct action *action)
{
    struct error error;

    error_clear(&error);
    if (id_input_read(action->payload, "conversationId", &action->conversation_id, &error))
        return true;
    action_fail(action, &error);
    return false;
}

/* ---- telling one socket what nothing has changed about ------------------------------------- */

/* Sends the user's true total, and before it what action->json holds, the event that says what is
 * read. */
static void on_unread_reached(struct action *action)
{
    struct client *client = action->client;

    client_release_until(client, action->unread.newest);
    if (action->json.length > 0)
        client_emit(client,
                    action->message_id != NULL ? "message-read" : "conversation-unread-updated",
                    &action->json);
    client_emit_unread(client, action->unread.newest, action->unread.total);
    client_release(client);
    if (action->json.length > 0)
        totals_tell_again(client);
    action_succeed(action, NULL, NULL);
}

static void on_unread_read(struct worker_request *request)
{
    struct action *action = action_of(request);

    if (request->succeeded) {
        action_wait(action, action->unread.newest, on_unread_reached);
        return;
    }
    client_release(action->client);
    action_fail(action, &request->job.error);
}

/* The operation had nothing to change, so the feed brings no event; this socket, which expects
 * one, gets it alone. */
static void tell_unread(struct action *action)
{
    struct error error;

    if (!client_hold(action->client)) {
        error_out_of_memory(&error);
        action_fail(action, &error);
        return;
    }
    action->unread.user_id = action->client->occupant.user->id;
    action_read(action, unread_state(&action->unread), on_unread_read);
}

/* ---- join-conversation, leave-conversation ------------------------------------------------- */

/* Tells everybody in the room, or everybody else. */
static void tell_room(const struct client *client, const char *room_id, const char *name)
{
    const struct room *room = rooms_find_room(&client->parts->rooms, room_id);
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "userId", client->occupant.user->id);
    json_member_text(&writer, "conversationId", room_id);
    json_end_object(&writer);
    struct block *packet = client_encode_passing(name, &payload);
    if (room != NULL && packet != NULL)
        client_send_to_room(room, NULL, packet);
    block_release(packet);
    buffer_free(&payload);
}

/* From here on the room sees the client; what it had until `seq` the client has as history. */
static void end_pending(struct membership *membership, int64_t seq)
{
    membership->is_pending = false;
    membership->shown_seq = seq;
}

/* Without a membership the conversation has been deleted meanwhile, and what tells so is held. */
static void on_join_reached(struct action *action)
{
    struct client *client = action->client;
    struct membership *membership =
        rooms_find_membership(&client->occupant, action->conversation_id);

    client_release_until(client, action->call.join.newest);
    client_emit_at(client, action->call.join.newest, "conversation-history", &action->json);
    if (membership != NULL)
        end_pending(membership, action->call.join.newest);
    client_release(client);
    if (action->is_unmarked && client_is_reachable(client))
        action_mark_later(action, action->conversation_id, 1, action->call.join.last_position);
    if (membership != NULL)
        tell_room(client, action->conversation_id, "user-joined");
    action_succeed(action, NULL, NULL);
}

static void fail_join(struct action *action, const struct error *error)
{
    struct client *client = action->client;
    struct membership *membership =
        rooms_find_membership(&client->occupant, action->conversation_id);

    if (action->is_new_membership && membership != NULL) {
        client_forget_room(client, membership);
        rooms_leave(&client->parts->rooms, membership);
    }
    client_release(client);
    action_fail(action, error);
}

/* The room is not remembered with what the client recovers by, so that it has to join again when it
 * comes back. */
static void on_history_read(struct worker_request *request)
{
    struct action *action = action_of(request);
    struct error error;

    if (!request->succeeded) {
        fail_join(action, &request->job.error);
    } else if (!recovery_writes_give_up(action->client)) {
        error_out_of_memory(&error);
        fail_join(action, &error);
    } else {
        action->is_unmarked = true;
        action_wait(action, action->call.join.newest, on_join_reached);
    }
}

static void on_joined(struct worker_request *request)
{
    struct action *action = action_of(request);

    observe_commit(action);
    if (request->succeeded)
        action_wait(action, action->call.join.newest, on_join_reached);
    else if (request->is_withdrawn)
        action_read(action, conversation_show(&action->call.join), on_history_read);
    else
        fail_join(action, &request->job.error);
}

/* Makes a pending membership, if there is none at all. False with *error. Before the history is
 * read, and not after: what is committed in between comes through the feed and is held, so that it
 * is neither missed nor shown twice. */
static bool enter_room(struct action *action, struct error *error)
{
    struct client *client = action->client;
    struct broker_parts *parts = client->parts;
    char room_id[ID_BYTES];

    if (strlen(action->conversation_id) >= sizeof(room_id))
        return error_set(error, ERROR_NOT_FOUND, "Conversation introuvable");
    action->is_new_membership =
        rooms_find_membership(&client->occupant, action->conversation_id) == NULL;
    if (action->is_new_membership &&
        client->occupant.room_count >= parts->configuration->config->broker_max_rooms_per_socket)
        return error_set(error, ERROR_INVALID, "Trop de conversations ouvertes à la fois");
    if (!client_hold(client))
        return error_out_of_memory(error);
    if (!action->is_new_membership ||
        rooms_join(&parts->rooms, &client->occupant, action->conversation_id) != NULL)
        return true;
    client_release(client);
    return error_out_of_memory(error);
}

static void handle_join(struct action *action)
{
    struct error error;

    if (!read_conversation_id(action))
        return;
    error_clear(&error);
    if (!enter_room(action, &error)) {
        action_fail(action, &error);
        return;
    }
    action->call.join = (struct conversation_join){.conversation_id = action->conversation_id,
                                                   .caller = client_caller(action->client),
                                                   .pid = action_pid(action),
                                                   .json = &action->json};
    action_write_soon(action, conversation_join(&action->call.join), on_joined);
}

static void leave_room(struct action *action)
{
    struct client *client = action->client;
    struct broker_parts *parts = client->parts;
    struct membership *membership =
        rooms_find_membership(&client->occupant, action->conversation_id);

    typing_leave(parts->typing, client, action->conversation_id);
    if (membership != NULL)
        rooms_leave(&parts->rooms, membership);
    tell_room(client, action->conversation_id, "user-left");
}

/* Ends an action on a conversation that is marked later, or has nothing to mark. */
static void end_unmarked(struct action *action)
{
    const struct conversation_unread *in = &action->call.in;

    if (in->has_unread) { /* what is marked then tells it */
        action_mark_later(action, action->conversation_id, 1, in->last_position);
        action_succeed(action, NULL, NULL);
    } else {
        tell_unread(action);
    }
}

static void read_unread(struct action *action, void (*on_done)(struct worker_request *request))
{
    action->call.in = (struct conversation_unread){.conversation_id = action->conversation_id,
                                                   .caller = client_caller(action->client)};
    action_read(action, conversation_unread(&action->call.in), on_done);
}

/* A page may leave what has just been deleted. */
static void fail_leaving(struct action *action, const struct error *error)
{
    if (error->kind == ERROR_NOT_FOUND)
        action_succeed(action, NULL, NULL);
    else
        action_fail(action, error);
}

/* The stored recovery still has the room: it is of no use any more. */
static void on_left_unmarked(struct worker_request *request)
{
    struct action *action = action_of(request);
    struct error error;

    if (!request->succeeded) {
        fail_leaving(action, &request->job.error);
    } else if (!recovery_writes_give_up(action->client)) {
        error_out_of_memory(&error);
        action_fail(action, &error);
    } else {
        leave_room(action);
        end_unmarked(action);
    }
}

/* Only now: events that were committed before it left are still for it. */
static void on_left(struct worker_request *request)
{
    struct action *action = action_of(request);

    observe_commit(action);
    if (request->is_withdrawn) {
        read_unread(action, on_left_unmarked);
        return;
    }
    if (!request->succeeded) {
        fail_leaving(action, &request->job.error);
        return;
    }
    leave_room(action);
    if (action->call.leave.marked)
        action_succeed(action, NULL, NULL);
    else
        tell_unread(action);
}

static void handle_leave(struct action *action)
{
    if (!read_conversation_id(action))
        return;
    action->call.leave = (struct conversation_leave){.conversation_id = action->conversation_id,
                                                     .caller = client_caller(action->client),
                                                     .pid = action_pid(action)};
    action_write_soon(action, conversation_leave(&action->call.leave), on_left);
}

/* ---- send-message -------------------------------------------------------------------------- */

static void on_sent(struct worker_request *request)
{
    struct action *action = action_of(request);

    observe_commit(action);
    if (!request->succeeded)
        action_fail(action, &request->job.error);
    else
        action_succeed(action, "message", &action->json);
}

/* Whether somebody else looks at the conversation. Looked at before the write and not in it: rooms
 * are the loop's. Who joins in between reads the message in the history, which marks it. */
static bool is_other_present(const struct client *client, const char *room_id)
{
    const struct room *room = rooms_find_room(&client->parts->rooms, room_id);
    const struct membership *membership = room != NULL ? room->first : NULL;

    while (membership != NULL &&
           (membership->is_pending || membership->occupant->user == client->occupant.user ||
            !client_is_reachable(client_of(membership->occupant))))
        membership = membership->next_in_room;
    return membership != NULL;
}

static void handle_send(struct action *action)
{
    struct client *client = action->client;
    struct error error;
    struct error id_error;

    error_clear(&id_error);
    bool has_id =
        id_input_read(action->payload, "conversationId", &action->conversation_id, &id_error);
    if (!message_input_read(action->payload, &action->input, &error)) {
        action_fail(action, &error);
        return;
    }
    if (!has_id) {
        action_fail(action, &id_error);
        return;
    }
    action->configuration = configuration_share(client->parts->configuration);
    action->call.create = (struct message_create){
        .conversation_id = action->conversation_id,
        .caller = client_caller(client),
        .input = &action->input,
        .config = action->configuration->config,
        .recipient_is_present = is_other_present(client, action->conversation_id),
        .json = &action->json};
    action_write(action, message_create(&action->call.create), on_sent);
}

/* ---- mark-as-read, mark-conversation-as-read ----------------------------------------------- */

/* Leaves {messageId, readAt} in action->json when the message is another's; false when it is the
 * caller's own. */
static bool keep_read_time(struct action *action)
{
    struct error error;
    struct json_writer writer;

    error_clear(&error);
    struct json_object *message = json_read_own(action->json.data, action->json.length, &error);
    const char *sender = json_text(json_get(json_get(message, "sender"), "id"));
    bool is_own = sender == NULL || strcmp(sender, action->client->occupant.user->id) == 0;
    buffer_clear(&action->json);
    if (!is_own) {
        json_writer_init(&writer, &action->json);
        json_begin_object(&writer);
        json_member_text(&writer, "messageId", action->message_id);
        json_member_text(&writer, "readAt", json_text(json_get(message, "readAt")));
        json_end_object(&writer);
    }
    json_object_put(message);
    return !is_own && !action->json.failed;
}

/* Whoever asks is answered now: their next events would wait, too. */
static void on_message_read(struct worker_request *request)
{
    struct action *action = action_of(request);
    const struct message_reference *message = &action->call.message;

    if (request->succeeded && message->is_unread)
        action_mark_later(action, message->conversation_id, message->position, message->position);
    if (!request->succeeded)
        action_fail(action, &request->job.error);
    else if (message->is_unread || !keep_read_time(action))
        action_succeed(action, NULL, NULL);
    else
        tell_unread(action);
}

static void on_message_marked(struct worker_request *request)
{
    struct action *action = action_of(request);

    observe_commit(action);
    if (request->is_withdrawn)
        action_read(action, message_show(&action->call.message), on_message_read);
    else if (!request->succeeded)
        action_fail(action, &request->job.error);
    else if (action->call.message.marked || !keep_read_time(action))
        action_succeed(action, NULL, NULL);
    else
        tell_unread(action);
}

static void handle_mark(struct action *action)
{
    struct error error;

    error_clear(&error);
    if (!id_input_read(action->payload, "messageId", &action->message_id, &error)) {
        action_fail(action, &error);
        return;
    }
    action->call.message = (struct message_reference){.message_id = action->message_id,
                                                      .caller = client_caller(action->client),
                                                      .json = &action->json};
    action_write_soon(action, message_mark_read(&action->call.message), on_message_marked);
}

/* Nothing was unread. */
static void tell_all_read(struct action *action)
{
    struct json_writer writer;

    json_writer_init(&writer, &action->json);
    json_begin_object(&writer);
    json_member_text(&writer, "conversationId", action->conversation_id);
    json_member_integer(&writer, "unreadCount", 0);
    json_end_object(&writer);
    tell_unread(action);
}

static void on_conversation_read(struct worker_request *request)
{
    struct action *action = action_of(request);

    if (!request->succeeded)
        action_fail(action, &request->job.error);
    else if (action->call.in.has_unread)
        end_unmarked(action);
    else
        tell_all_read(action);
}

static void on_conversation_marked(struct worker_request *request)
{
    struct action *action = action_of(request);

    observe_commit(action);
    if (request->is_withdrawn)
        read_unread(action, on_conversation_read);
    else if (!request->succeeded)
        action_fail(action, &request->job.error);
    else if (action->call.conversation.marked)
        action_succeed(action, NULL, NULL);
    else
        tell_all_read(action);
}

static void handle_mark_conversation(struct action *action)
{
    if (!read_conversation_id(action))
        return;
    action->call.conversation = (struct conversation_reference){
        .conversation_id = action->conversation_id, .caller = client_caller(action->client)};
    action_write_soon(action, conversation_mark_read(&action->call.conversation),
                      on_conversation_marked);
}

/* ---- user-typing, user-stopped-typing ------------------------------------------------------ */

static void on_may_type(struct worker_request *request)
{
    struct action *action = action_of(request);

    if (!request->succeeded) {
        action_fail(action, &request->job.error);
        return;
    }
    typing_start(action->client->parts->typing, action->client, action->conversation_id,
                 buffer_text(&action->json));
    action_succeed(action, NULL, NULL);
}

static void on_may_stop(struct worker_request *request)
{
    struct action *action = action_of(request);

    if (!request->succeeded) {
        action_fail(action, &request->job.error);
        return;
    }
    typing_stop(action->client->parts->typing, action->client, action->conversation_id);
    action_succeed(action, NULL, NULL);
}

/* The database is asked each time: whoever takes part may type, also without having joined, and
 * being in the room is no proof, as the conversation may be gone since. */
static void check_typing(struct action *action, void (*on_done)(struct worker_request *request))
{
    if (!read_conversation_id(action))
        return;
    action->call.typing = (struct typing_name){.conversation_id = action->conversation_id,
                                               .caller = client_caller(action->client),
                                               .name = &action->json};
    action_read(action, typing_name(&action->call.typing), on_done);
}

static void handle_typing(struct action *action)
{
    check_typing(action, on_may_type);
}

static void handle_stopped_typing(struct action *action)
{
    check_typing(action, on_may_stop);
}

/* ---- presence ------------------------------------------------------------------------------ */

static void handle_presence(struct action *action)
{
    struct client *client = action->client;
    const char *state = json_text(json_get(action->payload, "state"));
    bool is_away = state != NULL && strcmp(state, "away") == 0;
    struct error error;

    error_clear(&error);
    if (!is_away && (state == NULL || strcmp(state, "here") != 0)) {
        error_add(&error, "state", "doit être here ou away");
        action_fail(action, &error);
        return;
    }
    presence_set_away(client->parts->presence, client, is_away);
    action_succeed(action, NULL, NULL);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

struct handler {
    const char *name;
    void (*handle)(struct action *action);
};

static const struct handler handlers[] = {
    {"join-conversation", handle_join},
    {"leave-conversation", handle_leave},
    {"send-message", handle_send},
    {"mark-as-read", handle_mark},
    {"mark-conversation-as-read", handle_mark_conversation},
    {"user-typing", handle_typing},
    {"user-stopped-typing", handle_stopped_typing},
    {"presence", handle_presence},
};

/* Eight names: comparing them is less than a hash. */
static const struct handler *find_handler(const char *name)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if (strcmp(handlers[i].name, name) == 0)
            return &handlers[i];
    return NULL;
}

/* Whether the user may send one more. Of the user and not of the socket: a new socket is easily
 * made. False with *error. */
static bool take_from_budget(const struct client *client, struct error *error)
{
    struct broker_parts *parts = client->parts;
    const struct config *config = parts->configuration->config;
    int64_t retry_after_s;

    if (user_budgets_take(parts->events, client->occupant.user->id, loop_now_ms(parts->loop),
                          config->broker_event_burst, config->broker_events_per_second,
                          &retry_after_s))
        return true;
    parts->metrics.rate_limited++;
    return error_too_many(error, "Trop d'événements, réessayez dans un instant", retry_after_s);
}

/* Whether the event may be an action. False with *error. */
static bool check_event(const struct client *client, const struct socketio_event *event,
                        struct error *error)
{
    if (!take_from_budget(client, error))
        return false;
    if (!json_object_is_type(socketio_argument(event, 0), json_type_object))
        return error_add(error, "payload", "doit être un objet JSON");
    return true;
}

/* Front-ends send what other services know: nobody is told, but whoever has asked for an
 * acknowledgement, who would wait for it in vain. It costs what others cost. */
static void ignore_unknown(struct client *client, const struct socketio_event *event,
                           struct error *error)
{
    const struct log *log = loop_services(client->parts->loop)->log;

    if (!take_from_budget(client, error)) {
        action_refuse(client, event->ack_id, error);
        return;
    }
    log_debug(log, "unknown event", LOG_TEXT("event", event->name),
              LOG_TEXT("user", client->occupant.user->id));
    error_set(error, ERROR_INVALID, "Événement inconnu");
    action_refuse_silently(client, event->ack_id, error);
}

void client_events_handle(struct client *client, const struct socketio_event *event)
{
    const struct handler *handler = find_handler(event->name);
    struct error error;

    client->parts->metrics.events_in++;
    error_clear(&error);
    if (handler == NULL) {
        ignore_unknown(client, event, &error);
        return;
    }
    if (!check_event(client, event, &error)) {
        action_refuse(client, event->ack_id, &error);
        return;
    }
    struct action *action = action_begin(client, event->ack_id, socketio_argument(event, 0));
    if (action != NULL)
        handler->handle(action);
}

void client_events_refuse(struct client *client, int64_t ack_id, const struct error *error)
{
    struct error too_many;

    client->parts->metrics.events_in++;
    error_clear(&too_many);
    action_refuse(client, ack_id, take_from_budget(client, &too_many) ? error : &too_many);
}
