/*
 * What clients ask for (docs/protocol.md, "What a client sends"). Each event is one turn of its
 * socket, which is paused meanwhile: the payload is checked by the rules of REST, the same
 * operation of db/ runs in the worker, and the answer goes out after its commit.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/parts.h"
#include "common/container.h"
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "db/contact.h"
#include "db/conversation.h"
#include "db/database.h"
#include "db/input.h"
#include "db/message.h"
#include "db/person.h"
#include "db/recovery.h"

/* A token bucket counts in thousandths of an event. */
#define TOKENS_PER_EVENT 1000

/* One event of a client, from its arrival to its answer. */
struct turn {
    struct client *client;
    int64_t ack_id;
    struct json_object *payload; /* what texts of the request are borrowed from */
    struct worker_request request;
    struct feed_waiter waiter;
    void (*on_reached)(struct turn *turn); /* when the feed has come to waiter.seq */
    bool is_new_membership;                /* of join-conversation: pending */
    char pid[ENGINEIO_ID_BYTES];           /* of the client's session */
    const char *conversation_id;
    const char *message_id;
    struct buffer json;
    struct message_input input;
    union {
        struct conversation_join join;
        struct conversation_leave leave;
        struct message_create create;
        struct message_reference message;
        struct conversation_reference conversation;
        struct typing_name typing;
    } call;
    struct unread_state unread;
    struct configuration *configuration; /* of send-message: that the worker looks at; or NULL */
};

/* ---- the end of a turn --------------------------------------------------------------------- */

static void end_turn(struct turn *turn)
{
    struct socketio_socket *socket = turn->client->socket;

    json_object_put(turn->payload);
    buffer_free(&turn->json);
    configuration_release(turn->configuration);
    free(turn);
    socketio_resume(socket);
}

/* Acknowledges; `json` (may be NULL) is the value of a member `name`. */
static void succeed(struct turn *turn, const char *name, const struct buffer *json)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "status", "ok");
    if (json != NULL) {
        json_write_key(&writer, name);
        json_write_raw(&writer, json->data, json->length);
    }
    json_end_object(&writer);
    if (payload.failed)
        client_fail(turn->client);
    else
        socketio_ack(turn->client->socket, turn->ack_id, payload.data, payload.length);
    buffer_free(&payload);
    end_turn(turn);
}

/* The sentences of an error as one text. */
static void copy_message(const struct error *error, char out[ERROR_TEXT_BYTES])
{
    strcpy(out, error->text);
    for (char *at = out; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
}

/* Writes {status?, message, retryAfter?}. */
static void write_failure(struct buffer *out, const char *status, const char *message,
                          int64_t retry_after_s)
{
    struct json_writer writer;

    buffer_clear(out);
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_text(&writer, "status", status);
    json_member_text(&writer, "message", message);
    if (retry_after_s > 0)
        json_member_integer(&writer, "retryAfter", retry_after_s);
    json_end_object(&writer);
}

/* Tells the client by the event `error` and, if it wants one, by the acknowledgement. */
static void tell_failure(struct client *client, int64_t ack_id, const struct error *error,
                         int64_t retry_after_s)
{
    struct buffer payload = BUFFER_EMPTY;
    char message[ERROR_TEXT_BYTES];

    client->messaging->metrics.events_refused++;
    copy_message(error, message);
    write_failure(&payload, NULL, message, retry_after_s);
    if (!payload.failed)
        client_emit(client, "error", payload.data, payload.length);
    write_failure(&payload, "error", message, retry_after_s);
    if (!payload.failed)
        socketio_ack(client->socket, ack_id, payload.data, payload.length);
    buffer_free(&payload);
}

static void fail(struct turn *turn, const struct error *error)
{
    struct messaging *messaging = turn->client->messaging;

    if (error->kind == ERROR_INTERNAL)
        log_limited(loop_services(messaging->loop)->log, &messaging->event_failures,
                    LOG_LEVEL_ERROR, "event failed", LOG_TEXT("reason", error->detail));
    tell_failure(turn->client, turn->ack_id, error, 0);
    end_turn(turn);
}

/* ---- steps --------------------------------------------------------------------------------- */

static void observe_commit(struct turn *turn)
{
    histogram_observe(&turn->client->messaging->metrics.commit, turn->request.waited_ms);
}

static void run_write(struct turn *turn, struct database_operation operation,
                      void (*on_done)(struct worker_request *request))
{
    turn->request.operation = operation;
    turn->request.on_done = on_done;
    worker_write(turn->client->messaging->worker, &turn->request);
}

static void run_read(struct turn *turn, struct database_query query,
                     void (*on_done)(struct worker_request *request))
{
    turn->request.query = query;
    turn->request.on_done = on_done;
    worker_read(turn->client->messaging->worker, &turn->request);
}

static struct turn *turn_of(struct worker_request *request)
{
    return CONTAINER_OF(request, struct turn, request);
}

/* On the way out of the process the answer goes to nobody; it does not matter then that the feed
 * has not come so far. */
static void on_waited(struct feed_waiter *waiter, bool reached)
{
    struct turn *turn = CONTAINER_OF(waiter, struct turn, waiter);

    (void)reached;
    turn->on_reached(turn);
}

/* Goes on when all events up to `seq` have been handed on. */
static void wait_for_feed(struct turn *turn, int64_t seq, void (*on_reached)(struct turn *turn))
{
    turn->on_reached = on_reached;
    turn->waiter = (struct feed_waiter){.seq = seq, .on_reached = on_waited};
    feed_wait(turn->client->messaging->feed, &turn->waiter);
}

/* Reads `conversationId`, or fails the turn. */
static bool read_conversation_id(struct turn *turn)
{
    struct error error;

    error_clear(&error);
    if (id_input_read(turn->payload, "conversationId", &turn->conversation_id, &error))
        return true;
    fail(turn, &error);
    return false;
}

/* ---- telling one socket what nothing has changed about ------------------------------------- */

/* Sends the user's true total, and before it what `turn->json` holds as event `name`. */
static void on_unread_reached(struct turn *turn)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;
    struct client *client = turn->client;

    client_release_until(client, turn->unread.newest);
    if (turn->json.length > 0)
        client_emit(client,
                    turn->message_id != NULL ? "message-read" : "conversation-unread-updated",
                    turn->json.data, turn->json.length);
    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_integer(&writer, "totalUnread", turn->unread.total);
    json_end_object(&writer);
    if (!payload.failed)
        client_emit_at(client, turn->unread.newest, "unread-count-updated", payload.data,
                       payload.length);
    buffer_free(&payload);
    client_release(client);
    succeed(turn, NULL, NULL);
}

static void on_unread_read(struct worker_request *request)
{
    struct turn *turn = turn_of(request);

    if (request->succeeded) {
        wait_for_feed(turn, turn->unread.newest, on_unread_reached);
        return;
    }
    client_release(turn->client);
    fail(turn, &request->job.error);
}

/* The operation had nothing to change, so the feed brings no event; this socket, which expects
 * one, gets it alone. */
static void tell_unread(struct turn *turn)
{
    struct error error;

    if (!client_hold(turn->client)) {
        error_out_of_memory(&error);
        fail(turn, &error);
        return;
    }
    turn->unread.user_id = turn->client->occupant.user->id;
    run_read(turn, unread_state(&turn->unread), on_unread_read);
}

/* ---- join-conversation, leave-conversation ------------------------------------------------- */

/* Tells everybody in the room, or everybody else. */
static void tell_room(const struct client *client, const char *room_id, const char *name)
{
    struct room *room = rooms_find_room(&client->messaging->rooms, room_id);
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;
    struct block *packet = NULL;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "userId", client->occupant.user->id);
    json_member_text(&writer, "conversationId", room_id);
    json_end_object(&writer);
    if (!payload.failed)
        packet =
            socketio_encode_event(MESSAGING_NAMESPACE, name, payload.data, payload.length, NULL);
    struct membership *member = room != NULL && packet != NULL ? room->first : NULL;
    for (; member != NULL; member = member->next_in_room)
        if (!member->is_pending)
            client_send(client_of(member->occupant), packet);
    block_release(packet);
    buffer_free(&payload);
}

/* Without a membership the conversation has been deleted meanwhile, and what tells so is held. */
static void on_join_reached(struct turn *turn)
{
    struct client *client = turn->client;
    struct membership *membership = rooms_find_membership(&client->occupant, turn->conversation_id);

    client_release_until(client, turn->call.join.newest);
    client_emit_at(client, turn->call.join.newest, "conversation-history", turn->json.data,
                   turn->json.length);
    if (membership != NULL)
        membership->is_pending = false;
    client_release(client);
    if (membership != NULL)
        tell_room(client, turn->conversation_id, "user-joined");
    succeed(turn, NULL, NULL);
}

static void on_joined(struct worker_request *request)
{
    struct turn *turn = turn_of(request);
    struct client *client = turn->client;

    observe_commit(turn);
    if (request->succeeded) {
        wait_for_feed(turn, turn->call.join.newest, on_join_reached);
        return;
    }
    struct membership *membership = rooms_find_membership(&client->occupant, turn->conversation_id);
    if (turn->is_new_membership && membership != NULL) {
        client_forget_room(client, membership);
        rooms_leave(&client->messaging->rooms, membership);
    }
    client_release(client);
    fail(turn, &request->job.error);
}

/* Makes a pending membership, if there is none at all. False with *error. */
static bool enter_room(struct turn *turn, struct error *error)
{
    struct client *client = turn->client;
    struct messaging *messaging = client->messaging;
    char room_id[ID_BYTES];

    if (strlen(turn->conversation_id) >= sizeof(room_id))
        return error_set(error, ERROR_NOT_FOUND, "Conversation introuvable");
    turn->is_new_membership =
        rooms_find_membership(&client->occupant, turn->conversation_id) == NULL;
    if (turn->is_new_membership &&
        client->occupant.room_count >=
            messaging->configuration->config->broker_max_rooms_per_socket)
        return error_set(error, ERROR_INVALID, "Trop de conversations ouvertes à la fois");
    if (!client_hold(client))
        return error_out_of_memory(error);
    if (!turn->is_new_membership ||
        rooms_join(&messaging->rooms, &client->occupant, turn->conversation_id) != NULL)
        return true;
    client_release(client);
    return error_out_of_memory(error);
}

/* The session that remembers the client's rooms, or NULL. A copy, as another thread reads it while
 * the client may have to give its session up. */
static const char *stored_pid(struct turn *turn)
{
    memcpy(turn->pid, turn->client->pid, sizeof(turn->pid));
    return turn->pid[0] != '\0' ? turn->pid : NULL;
}

static void handle_join(struct turn *turn)
{
    struct error error;

    if (!read_conversation_id(turn))
        return;
    error_clear(&error);
    if (!enter_room(turn, &error)) {
        fail(turn, &error);
        return;
    }
    turn->call.join = (struct conversation_join){.conversation_id = turn->conversation_id,
                                                 .caller = client_caller(turn->client),
                                                 .pid = stored_pid(turn),
                                                 .json = &turn->json};
    run_write(turn, conversation_join(&turn->call.join), on_joined);
}

static void on_left(struct worker_request *request)
{
    struct turn *turn = turn_of(request);
    struct client *client = turn->client;
    struct messaging *messaging = client->messaging;
    struct membership *membership = rooms_find_membership(&client->occupant, turn->conversation_id);

    observe_commit(turn);
    if (!request->succeeded) {
        fail(turn, &request->job.error);
        return;
    }
    typing_leave(messaging->typing, client, turn->conversation_id);
    if (membership != NULL)
        rooms_leave(&messaging->rooms, membership);
    tell_room(client, turn->conversation_id, "user-left");
    if (turn->call.leave.marked)
        succeed(turn, NULL, NULL);
    else
        tell_unread(turn);
}

static void handle_leave(struct turn *turn)
{
    if (!read_conversation_id(turn))
        return;
    turn->call.leave = (struct conversation_leave){.conversation_id = turn->conversation_id,
                                                   .caller = client_caller(turn->client),
                                                   .pid = stored_pid(turn)};
    run_write(turn, conversation_leave(&turn->call.leave), on_left);
}

/* ---- send-message -------------------------------------------------------------------------- */

static void on_sent(struct worker_request *request)
{
    struct turn *turn = turn_of(request);

    observe_commit(turn);
    if (!request->succeeded)
        fail(turn, &request->job.error);
    else
        succeed(turn, "message", &turn->json);
}

/* Whether somebody else looks at the conversation. */
static bool is_other_present(const struct client *client, const char *room_id)
{
    const struct room *room = rooms_find_room(&client->messaging->rooms, room_id);
    const struct membership *membership = room != NULL ? room->first : NULL;

    while (membership != NULL &&
           (membership->is_pending || membership->occupant->user == client->occupant.user ||
            !client_is_reachable(client_of(membership->occupant))))
        membership = membership->next_in_room;
    return membership != NULL;
}

static void handle_send(struct turn *turn)
{
    struct client *client = turn->client;
    struct error error;
    struct error id_error;

    error_clear(&id_error);
    bool has_id = id_input_read(turn->payload, "conversationId", &turn->conversation_id, &id_error);
    if (!message_input_read(turn->payload, &turn->input, &error)) {
        fail(turn, &error);
        return;
    }
    if (!has_id) {
        fail(turn, &id_error);
        return;
    }
    turn->configuration = configuration_share(client->messaging->configuration);
    turn->call.create = (struct message_create){.conversation_id = turn->conversation_id,
                                                .caller = client_caller(client),
                                                .input = &turn->input,
                                                .config = turn->configuration->config,
                                                .recipient_is_present =
                                                    is_other_present(client, turn->conversation_id),
                                                .json = &turn->json};
    run_write(turn, message_create(&turn->call.create), on_sent);
}

/* ---- mark-as-read, mark-conversation-as-read ----------------------------------------------- */

/* Leaves {messageId, readAt} in turn->json when the message is another's; false when it is the
 * caller's own. */
static bool keep_read_time(struct turn *turn)
{
    struct error error;
    struct json_writer writer;

    error_clear(&error);
    struct json_object *message = json_read(turn->json.data, turn->json.length, &error);
    const char *sender = json_text(json_get(json_get(message, "sender"), "id"));
    bool is_own = sender == NULL || strcmp(sender, turn->client->occupant.user->id) == 0;
    buffer_clear(&turn->json);
    if (!is_own) {
        json_writer_init(&writer, &turn->json);
        json_begin_object(&writer);
        json_member_text(&writer, "messageId", turn->message_id);
        json_member_text(&writer, "readAt", json_text(json_get(message, "readAt")));
        json_end_object(&writer);
    }
    json_object_put(message);
    return !is_own && !turn->json.failed;
}

static void on_marked(struct worker_request *request)
{
    struct turn *turn = turn_of(request);

    observe_commit(turn);
    if (!request->succeeded)
        fail(turn, &request->job.error);
    else if (turn->call.message.marked || !keep_read_time(turn))
        succeed(turn, NULL, NULL);
    else
        tell_unread(turn);
}

static void handle_mark(struct turn *turn)
{
    struct error error;

    error_clear(&error);
    if (!id_input_read(turn->payload, "messageId", &turn->message_id, &error)) {
        fail(turn, &error);
        return;
    }
    turn->call.message = (struct message_reference){
        .message_id = turn->message_id, .caller = client_caller(turn->client), .json = &turn->json};
    run_write(turn, message_mark_read(&turn->call.message), on_marked);
}

static void on_conversation_marked(struct worker_request *request)
{
    struct turn *turn = turn_of(request);
    struct json_writer writer;

    observe_commit(turn);
    if (!request->succeeded) {
        fail(turn, &request->job.error);
        return;
    }
    if (turn->call.conversation.marked) {
        succeed(turn, NULL, NULL);
        return;
    }
    json_writer_init(&writer, &turn->json);
    json_begin_object(&writer);
    json_member_text(&writer, "conversationId", turn->conversation_id);
    json_member_integer(&writer, "unreadCount", 0);
    json_end_object(&writer);
    tell_unread(turn);
}

static void handle_mark_conversation(struct turn *turn)
{
    if (!read_conversation_id(turn))
        return;
    turn->call.conversation = (struct conversation_reference){
        .conversation_id = turn->conversation_id, .caller = client_caller(turn->client)};
    run_write(turn, conversation_mark_read(&turn->call.conversation), on_conversation_marked);
}

/* ---- user-typing, user-stopped-typing ------------------------------------------------------ */

static void on_may_type(struct worker_request *request)
{
    struct turn *turn = turn_of(request);

    if (!request->succeeded) {
        fail(turn, &request->job.error);
        return;
    }
    typing_start(turn->client->messaging->typing, turn->client, turn->conversation_id,
                 buffer_text(&turn->json));
    succeed(turn, NULL, NULL);
}

static void on_may_stop(struct worker_request *request)
{
    struct turn *turn = turn_of(request);

    if (!request->succeeded) {
        fail(turn, &request->job.error);
        return;
    }
    typing_stop(turn->client->messaging->typing, turn->client, turn->conversation_id);
    succeed(turn, NULL, NULL);
}

static void check_typing(struct turn *turn, void (*on_done)(struct worker_request *request))
{
    if (!read_conversation_id(turn))
        return;
    turn->call.typing = (struct typing_name){.conversation_id = turn->conversation_id,
                                             .caller = client_caller(turn->client),
                                             .name = &turn->json};
    run_read(turn, typing_name(&turn->call.typing), on_done);
}

static void handle_typing(struct turn *turn)
{
    check_typing(turn, on_may_type);
}

static void handle_stopped_typing(struct turn *turn)
{
    check_typing(turn, on_may_stop);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

struct handler {
    const char *name;
    void (*handle)(struct turn *turn);
};

static const struct handler handlers[] = {
    {"join-conversation", handle_join},
    {"leave-conversation", handle_leave},
    {"send-message", handle_send},
    {"mark-as-read", handle_mark},
    {"mark-conversation-as-read", handle_mark_conversation},
    {"user-typing", handle_typing},
    {"user-stopped-typing", handle_stopped_typing},
};

static const struct handler *find_handler(const char *name)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if (strcmp(handlers[i].name, name) == 0)
            return &handlers[i];
    return NULL;
}

/* Takes one event off the client's bucket. False, and the seconds until there is one again, when
 * it is empty. */
static bool take_token(struct client *client, int64_t *retry_after_s)
{
    const struct config *config = client->messaging->configuration->config;
    int64_t now_ms = loop_now_ms(client->messaging->loop);
    int64_t full = config->broker_event_burst * TOKENS_PER_EVENT;
    int64_t waited_ms = now_ms - client->refilled_at_ms;

    if (waited_ms > full / config->broker_events_per_second)
        client->tokens = (uint32_t)full;
    else
        client->tokens += (uint32_t)(waited_ms * config->broker_events_per_second);
    if (client->tokens > (uint32_t)full)
        client->tokens = (uint32_t)full;
    client->refilled_at_ms = now_ms;
    if (client->tokens >= TOKENS_PER_EVENT) {
        client->tokens -= TOKENS_PER_EVENT;
        return true;
    }
    int64_t missing = TOKENS_PER_EVENT - (int64_t)client->tokens;
    int64_t per_second = config->broker_events_per_second * TOKENS_PER_EVENT;
    *retry_after_s = (missing + per_second - 1) / per_second;
    return false;
}

static void begin_turn(struct client *client, const struct socketio_event *event,
                       const struct handler *handler)
{
    struct turn *turn = calloc(1, sizeof(*turn));
    struct error error;

    if (turn == NULL) {
        error_out_of_memory(&error);
        tell_failure(client, event->ack_id, &error, 0);
        return;
    }
    turn->client = client;
    turn->ack_id = event->ack_id;
    turn->payload = json_object_get(socketio_argument(event, 0));
    socketio_pause(client->socket);
    handler->handle(turn);
}

/* Whether the event may have its turn. False with *error; *retry_after_s is then set when there
 * were too many. */
static bool check_event(struct client *client, const struct socketio_event *event,
                        const struct handler *handler, int64_t *retry_after_s, struct error *error)
{
    if (!take_token(client, retry_after_s)) {
        client->messaging->metrics.rate_limited++;
        return error_set(error, ERROR_UNAVAILABLE, "Trop d'événements, réessayez dans un instant");
    }
    if (handler == NULL)
        return error_set(error, ERROR_INVALID, "Événement inconnu");
    if (!json_object_is_type(socketio_argument(event, 0), json_type_object))
        return error_add(error, "payload", "doit être un objet JSON");
    return true;
}

void client_events_on_event(void *application, struct socketio_socket *socket,
                            const struct socketio_event *event)
{
    struct messaging *messaging = application;
    struct client *client = socketio_user(socket);
    const struct handler *handler = find_handler(event->name);
    int64_t retry_after_s = 0;
    struct error error;

    messaging->metrics.events_in++;
    error_clear(&error);
    if (!check_event(client, event, handler, &retry_after_s, &error))
        tell_failure(client, event->ack_id, &error, retry_after_s);
    else
        begin_turn(client, event, handler);
}

void client_events_on_refused(void *application, struct socketio_socket *socket, int64_t ack_id,
                              const struct error *error)
{
    struct messaging *messaging = application;

    messaging->metrics.events_in++;
    tell_failure(socketio_user(socket), ack_id, error, 0);
}

/* ---- messages that were delivered to whoever looks at them --------------------------------- */

struct delivered_mark {
    struct worker_request request;
    struct message_reference message;
    struct buffer json;
    char message_id[ID_BYTES];
    char user_id[FOREIGN_ID_MAX_BYTES + 1];
};

static void on_delivered_marked(struct worker_request *request)
{
    struct delivered_mark *mark = CONTAINER_OF(request, struct delivered_mark, request);

    buffer_free(&mark->json);
    free(mark);
}

void client_events_mark_delivered(struct messaging *messaging, const char *message_id,
                                  const struct user *reader)
{
    struct delivered_mark *mark = calloc(1, sizeof(*mark));

    if (mark == NULL)
        return; /* it stays unread until the reader marks it */
    strncpy(mark->message_id, message_id, sizeof(mark->message_id) - 1);
    strncpy(mark->user_id, reader->id, sizeof(mark->user_id) - 1);
    mark->message = (struct message_reference){
        .message_id = mark->message_id,
        .caller = {.user_id = mark->user_id, .role = "", .kind = CALLER_OTHER},
        .json = &mark->json};
    mark->request.operation = message_mark_read(&mark->message);
    mark->request.on_done = on_delivered_marked;
    worker_write(messaging->worker, &mark->request);
}
