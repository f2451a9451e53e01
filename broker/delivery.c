#include "broker/broker.h"

#include <stdlib.h>
#include <string.h>

#include "broker/origin.h"
#include "broker/parts.h"
#include "common/container.h"
#include "common/json_reader.h"
#include "db/privacy.h"
#include "db/recovery.h"

/* How long a turn waits at most while the last clients end. */
#define ENDING_TURN_MS 50
/* How long after the database could not be written it is tried again. */
#define RESTORE_AGAIN_MS 1000

/* ---- delivering ---------------------------------------------------------------------------- */

static void deliver_to_user(const struct messaging *messaging, const char *user_id,
                            const struct event *event, struct block *packet)
{
    const struct user *user = rooms_find_user(&messaging->rooms, user_id);
    struct occupant *one = user != NULL ? user->first : NULL;

    for (; one != NULL; one = one->next_of_user)
        client_deliver(client_of(one), event->seq, packet, NULL);
}

static void deliver_to_room(const struct messaging *messaging, const char *room_id,
                            const struct event *event, struct block *packet)
{
    const struct room *room = rooms_find_room(&messaging->rooms, room_id);
    const struct membership *membership = room != NULL ? room->first : NULL;

    for (; membership != NULL; membership = membership->next_in_room)
        client_deliver(client_of(membership->occupant), event->seq, packet, membership);
}

/* The id behind the audience's prefix; *is_room tells which kind it is. */
static const char *audience_id(const struct event *event, bool *is_room)
{
    char room[EVENT_AUDIENCE_BYTES];

    event_audience_room("", room);
    size_t length = strlen(room);
    *is_room = strncmp(event->audience, room, length) == 0;
    return event->audience + length; /* both prefixes have the same length */
}

/* Whether anybody here gets events of that audience. */
static bool has_audience(const struct messaging *messaging, const char *id, bool is_room)
{
    if (is_room)
        return rooms_find_room(&messaging->rooms, id) != NULL;
    return rooms_find_user(&messaging->rooms, id) != NULL;
}

/* ---- what follows from an event ------------------------------------------------------------ */

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
static void mark_for_readers(struct messaging *messaging, const struct room *room,
                             const char *message_id, const char *sender_id)
{
    for (const struct membership *one = room->first; one != NULL; one = one->next_in_room) {
        const struct user *user = one->occupant->user;
        if (strcmp(user->id, sender_id) != 0 && is_first_of_user(room, one))
            client_events_mark_delivered(messaging, message_id, user);
    }
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

static void follow_message(struct messaging *messaging, const char *room_id,
                           struct json_object *payload)
{
    const struct room *room = rooms_find_room(&messaging->rooms, room_id);
    struct announced_message message;

    if (room == NULL || !read_message(payload, &message))
        return;
    if (!message.is_read)
        mark_for_readers(messaging, room, message.id, message.sender_id);
    typing_end(messaging->typing, message.sender_id, room_id);
}

/* The socket leaves a conversation that is no more. */
static void leave_deleted(struct client *client, const char *room_id)
{
    struct membership *membership = rooms_find_membership(&client->occupant, room_id);

    if (membership == NULL)
        return;
    if (membership->is_pending)
        client_forget_room(client, membership);
    typing_leave(client->messaging->typing, client, room_id);
    rooms_leave(&client->messaging->rooms, membership);
    sessions_forget_room(client, room_id);
}

static void follow_deletion(const struct messaging *messaging, const char *user_id,
                            struct json_object *payload)
{
    const struct user *user = rooms_find_user(&messaging->rooms, user_id);
    const char *room_id = json_text(json_get(payload, "conversationId"));
    struct occupant *one = user != NULL && room_id != NULL ? user->first : NULL;

    for (; one != NULL; one = one->next_of_user)
        leave_deleted(client_of(one), room_id);
}

static struct json_object *read_payload(const struct event *event)
{
    struct error error;

    error_clear(&error);
    return json_read(event->payload, event->payload_length, &error);
}

static bool is_new_message(const struct event *event, bool is_room)
{
    return is_room && strcmp(event->name, "new-message") == 0;
}

static bool is_deletion(const struct event *event, bool is_room)
{
    return !is_room && strcmp(event->name, "conversation-deleted") == 0;
}

static void follow_missed_message(struct client *client, struct json_object *payload)
{
    struct announced_message message;

    if (read_message(payload, &message) && !message.is_read &&
        strcmp(message.sender_id, client->occupant.user->id) != 0)
        client_events_mark_delivered(client->messaging, message.id, client->occupant.user);
}

static void follow_missed_deletion(struct client *client, struct json_object *payload)
{
    const char *room_id = json_text(json_get(payload, "conversationId"));

    if (room_id != NULL)
        leave_deleted(client, room_id);
}

void messaging_follow_missed(struct client *client, const struct event *event)
{
    bool is_room;

    audience_id(event, &is_room);
    bool is_message = is_new_message(event, is_room);
    if (!is_message && !is_deletion(event, is_room))
        return;
    struct json_object *payload = read_payload(event);
    if (is_message)
        follow_missed_message(client, payload);
    else
        follow_missed_deletion(client, payload);
    json_object_put(payload);
}

static void follow(struct messaging *messaging, const struct event *event, const char *id,
                   bool is_room)
{
    bool is_message = is_new_message(event, is_room);

    if (!is_message && !is_deletion(event, is_room))
        return;
    struct json_object *payload = read_payload(event);
    if (payload != NULL && is_message)
        follow_message(messaging, id, payload);
    else if (payload != NULL)
        follow_deletion(messaging, id, payload);
    json_object_put(payload);
}

static void on_event(void *owner, const struct event *event, int64_t waited_ms)
{
    struct messaging *messaging = owner;
    bool is_room;
    const char *id = audience_id(event, &is_room);

    histogram_observe(&messaging->metrics.delivery, waited_ms);
    if (!has_audience(messaging, id, is_room))
        return;
    if (!is_room && strcmp(event->name, PERSON_ERASED_EVENT) == 0) {
        sessions_end_user(rooms_find_user(&messaging->rooms, id));
        return;
    }
    struct block *packet = client_encode(event);
    if (packet == NULL) {
        /* Those who miss it are cut off, and recover it. */
        log_limited(loop_services(messaging->loop)->log, &messaging->undelivered, LOG_LEVEL_ERROR,
                    "no memory to deliver an event", LOG_NUMBER("seq", event->seq));
        engineio_close_some(socketio_engineio(messaging->socketio), SIZE_MAX,
                            FAREWELL_INTERNAL_ERROR);
        return;
    }
    if (is_room)
        deliver_to_room(messaging, id, event, packet);
    else
        deliver_to_user(messaging, id, event, packet);
    block_release(packet);
    follow(messaging, event, id, is_room);
}

static void on_own_event(void *owner, const struct event *event)
{
    struct messaging *messaging = owner;

    if (messaging->feed != NULL)
        feed_accept(messaging->feed, event);
}

void messaging_accept(struct messaging *messaging, const struct event *event)
{
    messaging->metrics.bus_events++;
    feed_accept(messaging->feed, event);
}

/* ---- starting ------------------------------------------------------------------------------ */

/* Settling who was online when the last broker ended, for as long as it takes. */
struct restoring {
    struct worker_request request;
    struct timer again;
    struct messaging *messaging;
    struct recovery_abandon abandon;
    struct buffer user_ids;
    int64_t started_at_ms; /* wall time */
};

static void end_restoring(struct messaging *messaging)
{
    struct restoring *restoring = messaging->restoring;

    if (restoring == NULL)
        return;
    loop_timer_remove(messaging->loop, &restoring->again);
    buffer_free(&restoring->user_ids);
    free(restoring);
    messaging->restoring = NULL;
}

static void on_restored(struct worker_request *request)
{
    struct restoring *restoring = CONTAINER_OF(request, struct restoring, request);
    struct messaging *messaging = restoring->messaging;

    if (request->succeeded)
        presence_restore(messaging->presence, &restoring->user_ids);
    else
        log_warning(loop_services(messaging->loop)->log,
                    "who was online is not known yet: the database can't be written",
                    LOG_TEXT("reason", request->job.error.detail));
    if (request->succeeded || messaging->is_stopping) {
        end_restoring(messaging);
        return;
    }
    /* From now on, clients of this broker may come first. */
    restoring->abandon.before_ms = restoring->started_at_ms;
    /* Of a commit that was not synced, the ids are still true, and can't be read again. */
    if (restoring->user_ids.failed)
        buffer_clear(&restoring->user_ids);
    loop_timer_start(messaging->loop, &restoring->again, RESTORE_AGAIN_MS);
}

static void restore(struct timer *timer)
{
    struct restoring *restoring = CONTAINER_OF(timer, struct restoring, again);

    worker_write(restoring->messaging->worker, &restoring->request);
}

void messaging_start(struct messaging *messaging)
{
    struct restoring *restoring = calloc(1, sizeof(*restoring));

    if (restoring == NULL || !loop_timer_add(messaging->loop, &restoring->again, restore)) {
        free(restoring);
        return;
    }
    messaging->restoring = restoring;
    restoring->messaging = messaging;
    restoring->started_at_ms = clock_wall_ms(loop_services(messaging->loop)->clock);
    restoring->abandon =
        (struct recovery_abandon){.before_ms = INT64_MAX, .user_ids = &restoring->user_ids};
    restoring->request.operation = recovery_abandon(&restoring->abandon);
    restoring->request.on_done = on_restored;
    restore(&restoring->again);
}

/* ---- stopping ------------------------------------------------------------------------------ */

void messaging_stop(struct messaging *messaging)
{
    messaging->is_stopping = true;
}

size_t messaging_close_some(struct messaging *messaging, size_t limit)
{
    return engineio_close_some(socketio_engineio(messaging->socketio), limit, FAREWELL_GOING_AWAY);
}

size_t messaging_connections(const struct messaging *messaging)
{
    return messaging->connections;
}

/* ---- configuration and counters ------------------------------------------------------------ */

void messaging_use_configuration(struct messaging *messaging,
                                 const struct configuration *configuration)
{
    const struct config *config = configuration->config;

    messaging->configuration = configuration;
    socketio_limit_connect_time(messaging->socketio, config->broker_connect_timeout_ms);
    engineio_limit_output(socketio_engineio(messaging->socketio),
                          (size_t)config->broker_max_output_bytes);
}

struct metrics *messaging_metrics(struct messaging *messaging)
{
    return &messaging->metrics;
}

/* Walks all clients. */
static uint64_t queued_bytes(const struct messaging *messaging)
{
    const struct table *users = &messaging->rooms.users;
    uint64_t sum = 0;

    for (size_t i = 0; i < users->bucket_count; i++)
        for (struct table_entry *entry = users->buckets[i]; entry != NULL; entry = entry->next)
            for (struct occupant *one = CONTAINER_OF(entry, struct user, entry)->first; one != NULL;
                 one = one->next_of_user)
                sum += socketio_queued(client_of(one)->socket);
    return sum;
}

void messaging_gauges(struct messaging *messaging, struct metrics_gauges *gauges)
{
    struct engineio_server *engineio = socketio_engineio(messaging->socketio);
    const struct feed_statistics *feed = feed_statistics(messaging->feed);
    struct database_statistics database;

    database_statistics(worker_database(messaging->worker), &database);
    *gauges = (struct metrics_gauges){
        .polling_connections = engineio_count(engineio, ENGINEIO_POLLING),
        .websocket_connections = engineio_count(engineio, ENGINEIO_WEBSOCKET),
        .users = messaging->rooms.users.count,
        .rooms = messaging->rooms.rooms.count,
        .memberships = messaging->rooms.memberships,
        .queued_bytes = queued_bytes(messaging),
        .pending_requests = worker_pending(messaging->worker),
        .feed_delivered = feed->delivered,
        .feed_healed = feed->healed,
        .feed_skipped = feed->skipped,
        .database_commits = database.commits,
        .database_operations = database.operations,
        .database_failures = database.failures,
    };
}

bool messaging_is_ready(const struct messaging *messaging)
{
    return !messaging->is_stopping && feed_is_healthy(messaging->feed);
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool is_origin_allowed(void *application, const char *origin, const char *host)
{
    const struct messaging *messaging = application;

    return origin_is_allowed(messaging->configuration->config, origin, host);
}

static void on_drain(void *application, struct socketio_socket *socket)
{
    (void)application;
    (void)socket; /* nobody asks for it */
}

static bool create_worker(struct messaging *messaging, struct error *error)
{
    const struct config *config = messaging->configuration->config;
    struct worker_settings settings = {
        .loop = messaging->loop,
        .database = database_options_from(config),
        .readers = config->broker_readers,
        .on_event = on_own_event,
        .owner = messaging,
    };

    settings.database.readers = config->broker_readers;
    messaging->worker = worker_create(&settings, error);
    return messaging->worker != NULL;
}

static void describe_socketio(struct messaging *messaging)
{
    const struct config *config = messaging->configuration->config;

    messaging->endings.loop = messaging->loop;
    messaging->name_space =
        (struct socketio_namespace){.name = MESSAGING_NAMESPACE,
                                    .application = messaging,
                                    .on_connect = sessions_on_connect,
                                    .on_event = client_events_on_event,
                                    .on_refused_event = client_events_on_refused,
                                    .on_disconnect = sessions_on_disconnect,
                                    .on_drain = on_drain};
    messaging->name_spaces[0] = &messaging->name_space;
    messaging->socketio_settings = (struct socketio_settings){
        .session = {.loop = messaging->loop,
                    .endings = &messaging->endings,
                    .ping_interval_ms = MESSAGING_PING_INTERVAL_MS,
                    .ping_timeout_ms = MESSAGING_PING_TIMEOUT_MS,
                    .upgrade_timeout_ms = MESSAGING_UPGRADE_TIMEOUT_MS,
                    .max_payload_bytes = MESSAGING_MAX_PAYLOAD_BYTES,
                    .max_output_bytes = (size_t)config->broker_max_output_bytes},
        .connect_timeout_ms = config->broker_connect_timeout_ms,
        .namespaces = messaging->name_spaces,
        .application = messaging,
        .is_origin_allowed = is_origin_allowed,
        .on_handshake = sessions_on_handshake,
        .on_close = sessions_on_close,
    };
}

static bool create_parts(struct messaging *messaging, struct error *error)
{
    const struct feed_settings feed = {.loop = messaging->loop,
                                       .worker = messaging->worker,
                                       .on_event = on_event,
                                       .owner = messaging};

    describe_socketio(messaging);
    messaging->feed = feed_create(&feed);
    messaging->presence = presence_create(messaging->loop, messaging->worker, &messaging->rooms);
    messaging->typing = typing_create(messaging->loop, &messaging->rooms);
    messaging->socketio = socketio_server_create(&messaging->socketio_settings);
    if (messaging->feed == NULL || messaging->presence == NULL || messaging->typing == NULL ||
        messaging->socketio == NULL)
        return error_out_of_memory(error);
    return true;
}

struct messaging *messaging_create(struct loop *loop, const struct configuration *configuration,
                                   struct error *error)
{
    struct messaging *messaging = calloc(1, sizeof(*messaging));

    if (messaging == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    messaging->loop = loop;
    messaging->configuration = configuration;
    if (create_worker(messaging, error) && create_parts(messaging, error))
        return messaging;
    messaging_free(messaging);
    return NULL;
}

void messaging_free(struct messaging *messaging)
{
    if (messaging == NULL)
        return;
    messaging->is_stopping = true;
    /* Sockets that are paused or not yet let in stay until their requests are done. */
    if (messaging->socketio != NULL)
        engineio_close_some(socketio_engineio(messaging->socketio), SIZE_MAX, FAREWELL_GOING_AWAY);
    while (messaging->clients > 0) {
        feed_cancel(messaging->feed);
        loop_turn(messaging->loop, ENDING_TURN_MS);
    }
    worker_free(messaging->worker);
    end_restoring(messaging);
    socketio_server_free(messaging->socketio);
    farewell_abort(&messaging->endings);
    presence_free(messaging->presence);
    typing_free(messaging->typing);
    feed_free(messaging->feed);
    rooms_free(&messaging->rooms);
    table_free(&messaging->addresses);
    free(messaging);
}

void messaging_handle(struct messaging *messaging, struct http_request *request)
{
    engineio_handle(socketio_engineio(messaging->socketio), request);
}
