/*
 * Letting clients in and out: limits, tokens, connection state recovery (Socket.IO protocol 5,
 * "Connection state recovery"), the end of a token.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/parts.h"
#include "common/container.h"
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "db/contact.h"
#include "db/database.h"
#include "db/recovery.h"

/* Missed events that are read and sent at once, and how often it is looked whether the client has
 * taken them, in milliseconds. */
#define RECOVERY_PAGE_EVENTS 100
#define RECOVERY_PACE_MS     20
/* A long wait for the end of a token is cut into pieces, because the wall clock may be set. */
#define EXPIRY_CHECK_MS 60000

/* ---- connections --------------------------------------------------------------------------- */

/* An address with its connections. */
struct address {
    struct table_entry entry;
    int64_t count;
    char text[];
};

static struct engineio_verdict refuse(struct messaging *messaging, const char *message)
{
    messaging->metrics.connects_refused++;
    return (struct engineio_verdict){.status = 503, .message = message};
}

/* NULL without memory. */
static struct address *take_address(struct messaging *messaging, const char *text)
{
    struct table_entry *entry = table_find(&messaging->addresses, text);
    size_t size = strlen(text) + 1;

    if (entry != NULL)
        return CONTAINER_OF(entry, struct address, entry);
    struct address *address = calloc(1, sizeof(*address) + size);
    if (address == NULL)
        return NULL;
    memcpy(address->text, text, size);
    address->entry.key = address->text;
    if (table_add(&messaging->addresses, &address->entry))
        return address;
    free(address);
    return NULL;
}

struct engineio_verdict sessions_on_handshake(void *application,
                                              const struct engineio_handshake *handshake)
{
    struct messaging *messaging = application;
    const struct config *config = messaging->configuration->config;
    struct address *address = NULL;

    if (messaging->is_stopping)
        return refuse(messaging, "Le service redémarre");
    if (messaging->connections >= (size_t)config->broker_max_connections)
        return refuse(messaging, "Trop de connexions");
    if (config->broker_max_connections_per_address > 0) {
        address = take_address(messaging, handshake->address);
        if (address == NULL)
            return refuse(messaging, "Mémoire insuffisante");
        if (address->count >= config->broker_max_connections_per_address)
            return refuse(messaging, "Trop de connexions de cette adresse");
        address->count++;
    }
    messaging->connections++;
    return (struct engineio_verdict){.user = address};
}

void sessions_on_close(void *application, void *user)
{
    struct messaging *messaging = application;
    struct address *address = user;

    messaging->connections--;
    if (address == NULL || --address->count > 0)
        return;
    table_remove(&messaging->addresses, &address->entry);
    free(address);
}

/* ---- writes that nobody waits for ---------------------------------------------------------- */

struct session_write {
    struct worker_request request;
    struct recovery_reference reference;
    struct recovery_room room;
    char pid[ENGINEIO_ID_BYTES];
    char conversation_id[ID_BYTES];
};

static void on_session_written(struct worker_request *request)
{
    free(CONTAINER_OF(request, struct session_write, request));
}

/* NULL without memory: the session then stays as it was, and is pruned one day. */
static struct session_write *make_write(const struct client *client)
{
    struct session_write *write = calloc(1, sizeof(*write));

    if (write == NULL)
        return NULL;
    memcpy(write->pid, client->pid, sizeof(write->pid));
    write->reference.pid = write->pid;
    write->room.pid = write->pid;
    write->room.conversation_id = write->conversation_id;
    write->request.on_done = on_session_written;
    return write;
}

static void suspend_session(struct client *client)
{
    struct session_write *write = make_write(client);

    if (write == NULL)
        return;
    write->request.operation = recovery_suspend(&write->reference);
    worker_write(client->messaging->worker, &write->request);
}

static void close_session(struct client *client)
{
    struct session_write *write = make_write(client);

    if (write == NULL)
        return;
    write->request.operation = recovery_close(&write->reference);
    worker_write(client->messaging->worker, &write->request);
}

void sessions_forget_room(struct client *client, const char *conversation_id)
{
    struct session_write *write = client->pid[0] != '\0' ? make_write(client) : NULL;

    if (write == NULL)
        return;
    strncpy(write->conversation_id, conversation_id, sizeof(write->conversation_id) - 1);
    write->request.operation = recovery_forget_room(&write->room);
    worker_write(client->messaging->worker, &write->request);
}

/* ---- the token's end ----------------------------------------------------------------------- */

static int64_t wall_ms(const struct messaging *messaging)
{
    return clock_wall_ms(loop_services(messaging->loop)->clock);
}

static void start_expiry(struct client *client)
{
    int64_t left_ms = client->expires_at_ms - wall_ms(client->messaging);

    if (client->expires_at_ms == 0 || client->is_failing || client->is_erased)
        return;
    if (left_ms > EXPIRY_CHECK_MS)
        left_ms = EXPIRY_CHECK_MS;
    loop_timer_start(client->messaging->loop, &client->expiry, left_ms > 0 ? left_ms : 0);
}

static void expire(struct client *client)
{
    static const char payload[] =
        "{\"message\":\"Votre session a expiré\",\"code\":\"token_expired\"}";

    client->messaging->metrics.tokens_expired++;
    client_emit(client, "error", payload, sizeof(payload) - 1);
    socketio_close(client->socket, FAREWELL_NORMAL);
}

/* An unmodified page does not come back by itself after a DISCONNECT packet. Who has not been let
 * in yet can't be sent one. */
static void end_erased(struct client *client)
{
    static const char payload[] =
        "{\"message\":\"Votre compte a été supprimé\",\"code\":\"user_erased\"}";

    if (!socketio_is_connected(client->socket)) {
        socketio_close(client->socket, FAREWELL_NORMAL);
        return;
    }
    client_emit(client, "error", payload, sizeof(payload) - 1);
    socketio_disconnect(client->socket);
}

void sessions_end_user(struct user *user)
{
    for (struct occupant *one = user->first; one != NULL; one = one->next_of_user) {
        struct client *client = client_of(one);
        client->is_erased = true;
        loop_timer_start(client->messaging->loop, &client->expiry, 0);
    }
}

static void on_expiry(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, expiry);

    if (client->is_erased)
        end_erased(client);
    else if (client->is_failing)
        socketio_close(client->socket, FAREWELL_INTERNAL_ERROR);
    else if (client->expires_at_ms <= wall_ms(client->messaging))
        expire(client);
    else
        start_expiry(client);
}

/* ---- a client's beginning and end ---------------------------------------------------------- */

static struct client *create_client(struct messaging *messaging, struct socketio_socket *socket,
                                    const struct token_claims *claims)
{
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL || !loop_timer_add(messaging->loop, &client->expiry, on_expiry)) {
        free(client);
        return NULL;
    }
    client->occupant.user = rooms_take_user(&messaging->rooms, claims->user_id);
    if (client->occupant.user == NULL || !client_hold(client)) {
        if (client->occupant.user != NULL)
            rooms_drop_user(&messaging->rooms, client->occupant.user);
        loop_timer_remove(messaging->loop, &client->expiry);
        free(client);
        return NULL;
    }
    client->messaging = messaging;
    client->socket = socket;
    client->kind = (uint8_t)claims->kind;
    client->expires_at_ms = claims->expires_at_ms;
    client->refilled_at_ms = loop_now_ms(messaging->loop);
    client->tokens = (uint32_t)messaging->configuration->config->broker_event_burst * 1000;
    rooms_add_occupant(&client->occupant);
    messaging->clients++;
    return client;
}

static void free_client(struct client *client)
{
    struct messaging *messaging = client->messaging;

    typing_leave(messaging->typing, client, NULL);
    rooms_leave_all(&messaging->rooms, &client->occupant);
    presence_disconnected(messaging->presence, client);
    loop_timer_remove(messaging->loop, &client->expiry);
    client_drop_held(client);
    rooms_remove_occupant(&messaging->rooms, &client->occupant);
    messaging->clients--;
    free(client);
    feed_leave(messaging->feed);
}

void sessions_on_disconnect(void *application, struct socketio_socket *socket,
                            enum socketio_reason reason)
{
    struct messaging *messaging = application;
    struct client *client = socketio_user(socket);
    bool is_goodbye = reason == SOCKETIO_CLIENT_DISCONNECT || reason == SOCKETIO_SERVER_DISCONNECT;

    if (reason == SOCKETIO_SLOW)
        messaging->metrics.slow_consumers++;
    if (client->pid[0] != '\0' && is_goodbye)
        close_session(client);
    else if (client->pid[0] != '\0' && !messaging->is_stopping)
        suspend_session(client);
    free_client(client);
}

/* ---- connecting ---------------------------------------------------------------------------- */

/* A client that is being let in. */
struct connecting {
    struct client *client;
    struct worker_request request;
    struct feed_waiter waiter;
    struct token_claims claims;
    char default_role[TOKEN_ROLE_BYTES];
    char old_pid[ENGINEIO_ID_BYTES]; /* that it asks to go on with */
    char pid[ENGINEIO_ID_BYTES];
    char sid[ENGINEIO_ID_BYTES];
    struct recovery_resume recover;
    struct buffer contact_ids;
    struct recovery_open open;
    struct outbox_read_missed missed;
    struct timer pace;
};

static void free_connecting(struct connecting *connecting)
{
    loop_timer_remove(connecting->client->messaging->loop, &connecting->pace);
    buffer_free(&connecting->recover.audiences);
    buffer_free(&connecting->contact_ids);
    event_batch_free(&connecting->missed.batch);
    free(connecting);
}

/* Cuts the connection off: after a CONNECT_ERROR the client would not come back by itself. */
static void turn_away(struct socketio_socket *socket)
{
    socketio_close(socket, FAREWELL_INTERNAL_ERROR);
    socketio_refuse(socket, "", NULL); /* only frees it: the connection is gone */
}

static void give_up(struct connecting *connecting)
{
    struct client *client = connecting->client;
    struct socketio_socket *socket = client->socket;

    client->messaging->metrics.connects_refused++;
    free_connecting(connecting);
    free_client(client);
    turn_away(socket);
}

/* ---- let in -------------------------------------------------------------------------------- */

/* Everything that the client has to know has been sent. */
static void complete(struct connecting *connecting)
{
    struct client *client = connecting->client;

    client_release(client);
    if (client_is_reachable(client))
        presence_connected(client->messaging->presence, client, &connecting->contact_ids);
    free_connecting(connecting);
    socketio_resume(client->socket);
}

static void send_unread(struct connecting *connecting)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_integer(&writer, "totalUnread", connecting->open.unread.total);
    json_end_object(&writer);
    client_forget_until(connecting->client, connecting->open.unread.newest);
    if (payload.failed)
        client_fail(connecting->client);
    else
        client_emit_at(connecting->client, connecting->open.unread.newest, "unread-count-updated",
                       payload.data, payload.length);
    buffer_free(&payload);
}

static void read_missed(struct connecting *connecting);

static void send_missed(struct connecting *connecting)
{
    const struct event_batch *batch = &connecting->missed.batch;
    struct event event;

    for (size_t i = 0; i < event_batch_count(batch) && client_is_reachable(connecting->client);
         i++) {
        event_batch_at(batch, i, &event);
        connecting->missed.after = event.seq;
        if (event.payload_length == 0)
            continue;
        struct block *packet = client_encode(&event);
        client_send(connecting->client, packet);
        block_release(packet);
        if (client_is_reachable(connecting->client))
            messaging_follow_missed(connecting->client, &event);
    }
}

static void on_missed(struct worker_request *request)
{
    struct connecting *connecting = CONTAINER_OF(request, struct connecting, request);
    struct client *client = connecting->client;
    bool is_last = event_batch_count(&connecting->missed.batch) < RECOVERY_PAGE_EVENTS;

    /* A batch that failed may lack events between others. */
    if (request->succeeded)
        send_missed(connecting);
    else
        client_fail(client); /* it comes back and asks again */
    event_batch_clear(&connecting->missed.batch);
    if (is_last || !client_is_reachable(client)) {
        client_forget_until(client, connecting->missed.until);
        client->position = connecting->missed.until;
        complete(connecting);
    } else {
        loop_timer_start(client->messaging->loop, &connecting->pace, 0);
    }
}

static void on_pace(struct timer *timer)
{
    struct connecting *connecting = CONTAINER_OF(timer, struct connecting, pace);
    const struct client *client = connecting->client;
    size_t limit = (size_t)client->messaging->configuration->config->broker_max_output_bytes;

    if (socketio_queued(client->socket) > limit / 4)
        loop_timer_start(client->messaging->loop, timer, RECOVERY_PACE_MS);
    else
        read_missed(connecting);
}

static void read_missed(struct connecting *connecting)
{
    connecting->request.query = outbox_read_missed(&connecting->missed);
    connecting->request.on_done = on_missed;
    worker_read(connecting->client->messaging->worker, &connecting->request);
}

static void let_in(struct connecting *connecting)
{
    struct client *client = connecting->client;
    struct messaging *messaging = client->messaging;
    struct socketio_socket *socket = client->socket;

    if (!socketio_accept(socket, connecting->sid, client->pid[0] != '\0' ? client->pid : NULL)) {
        bool is_stored = client->pid[0] != '\0' && !messaging->is_stopping;
        if (is_stored)
            suspend_session(client);
        free_connecting(connecting);
        free_client(client);
        return;
    }
    messaging->metrics.connects++;
    socketio_set_user(socket, client);
    socketio_pause(socket);
    start_expiry(client);
    if (connecting->recover.recovered) {
        messaging->metrics.recoveries++;
        read_missed(connecting);
    } else {
        send_unread(connecting);
        complete(connecting);
    }
}

/* Puts the client back into its rooms. What the feed has handed on until now, it has missed; what
 * comes from now on is held. False without memory. */
static bool go_on(struct connecting *connecting)
{
    struct client *client = connecting->client;
    const struct recovery_resume *recover = &connecting->recover;
    const char *end = recover->audiences.data + recover->audiences.length;
    const char *audience = recover->audiences.data;
    int64_t position = feed_position(client->messaging->feed);
    char prefix[EVENT_AUDIENCE_BYTES];

    event_audience_room("", prefix);
    /* The first one is the user's own. */
    for (audience += strlen(audience) + 1; audience < end; audience += strlen(audience) + 1) {
        struct membership *membership =
            rooms_join(&client->messaging->rooms, &client->occupant, audience + strlen(prefix));
        if (membership == NULL)
            return false;
        membership->is_pending = false;
    }
    connecting->missed = (struct outbox_read_missed){
        .audiences = &recover->audiences,
        .after = recover->offset,
        .until = recover->newest > position ? recover->newest : position,
        .limit = RECOVERY_PAGE_EVENTS,
    };
    return true;
}

static void on_visited(struct worker_request *request)
{
    struct connecting *connecting = CONTAINER_OF(request, struct connecting, request);

    if (request->succeeded)
        let_in(connecting);
    else
        give_up(connecting);
}

/* A session that could not be stored is one without recovery. */
static void visit(struct connecting *connecting)
{
    connecting->recover.recovered = false;
    connecting->request.query = recovery_visit(&connecting->open);
    connecting->request.on_done = on_visited;
    worker_read(connecting->client->messaging->worker, &connecting->request);
}

static void on_opened(struct worker_request *request)
{
    struct connecting *connecting = CONTAINER_OF(request, struct connecting, request);
    struct client *client = connecting->client;
    const struct recovery_resume *recover = &connecting->recover;

    if (!request->succeeded) {
        visit(connecting);
        return;
    }
    if (recover->recovered)
        memcpy(connecting->sid, recover->sid, sizeof(connecting->sid) - 1);
    else if (connecting->open.recover != NULL)
        client->messaging->metrics.recoveries_failed++;
    memcpy(client->pid, recover->recovered ? recover->pid : connecting->pid, sizeof(client->pid));
    if (!recover->recovered || go_on(connecting)) {
        let_in(connecting);
        return;
    }
    suspend_session(client);
    give_up(connecting);
}

static void on_feed(struct feed_waiter *waiter, bool reached)
{
    struct connecting *connecting = CONTAINER_OF(waiter, struct connecting, waiter);
    const struct random_source *random = loop_services(connecting->client->messaging->loop)->random;

    if (!reached) {
        give_up(connecting);
        return;
    }
    engineio_make_id(random, connecting->pid);
    engineio_make_id(random, connecting->sid);
    connecting->request.operation = recovery_open(&connecting->open);
    connecting->request.on_done = on_opened;
    worker_write(connecting->client->messaging->worker, &connecting->request);
}

/* ---- the CONNECT packet -------------------------------------------------------------------- */

/* The claims of `auth.token`. False with *error. */
static bool authenticate(const struct messaging *messaging, struct json_object *auth,
                         struct token_claims *claims, struct error *error)
{
    static const char scheme[] = "Bearer ";
    const char *token = json_text(json_get(auth, "token"));

    if (token != NULL && strncasecmp(token, scheme, sizeof(scheme) - 1) == 0)
        token += sizeof(scheme) - 1;
    if (token == NULL || token[0] == '\0')
        return token_refuse(TOKEN_MISSING, error);
    if (!token_verify(messaging->configuration->verifier, token, strlen(token), wall_ms(messaging),
                      claims, error))
        return false;
    return claims->kind != CALLER_SERVICE || token_refuse(TOKEN_SERVICE, error);
}

/* Reads `auth.pid` and `auth.offset`, which the official client adds when it has been cut off. */
static void read_recovery(struct connecting *connecting, struct json_object *auth)
{
    const char *pid = json_text(json_get(auth, "pid"));
    const char *offset = json_text(json_get(auth, "offset"));
    char *end;

    if (pid == NULL || offset == NULL || strlen(pid) >= sizeof(connecting->old_pid))
        return;
    memcpy(connecting->old_pid, pid, strlen(pid) + 1);
    connecting->recover = (struct recovery_resume){
        .pid = connecting->old_pid,
        .user_id = connecting->claims.user_id,
        .offset = strtoll(offset, &end, 10),
    };
    if (end != offset && *end == '\0' && connecting->recover.offset >= 0)
        connecting->open.recover = &connecting->recover;
}

/* The socket that the client has come back from may still seem to be there. */
static void replace_old(const struct connecting *connecting, struct user *user)
{
    struct occupant *one = user->first;

    while (one != NULL && (client_of(one)->pid[0] == '\0' ||
                           strcmp(client_of(one)->pid, connecting->old_pid) != 0))
        one = one->next_of_user;
    if (one == NULL)
        return;
    struct client *client = client_of(one);
    suspend_session(client);
    client->pid[0] = '\0'; /* the session is the new socket's */
    socketio_close(client->socket, FAREWELL_NORMAL);
}

/* NULL without memory. */
static struct connecting *create_connecting(struct messaging *messaging,
                                            struct socketio_socket *socket,
                                            const struct token_claims *claims)
{
    struct connecting *connecting = calloc(1, sizeof(*connecting));

    if (connecting == NULL || !loop_timer_add(messaging->loop, &connecting->pace, on_pace)) {
        free(connecting);
        return NULL;
    }
    connecting->client = create_client(messaging, socket, claims);
    if (connecting->client == NULL) {
        loop_timer_remove(messaging->loop, &connecting->pace);
        free(connecting);
        return NULL;
    }
    connecting->claims = *claims;
    strncpy(connecting->default_role,
            config_first_role(&messaging->configuration->config->auth_client_roles, "client"),
            sizeof(connecting->default_role) - 1);
    connecting->open = (struct recovery_open){.pid = connecting->pid,
                                              .sid = connecting->sid,
                                              .claims = &connecting->claims,
                                              .default_role = connecting->default_role,
                                              .contacts = {.ids = &connecting->contact_ids}};
    connecting->waiter.on_reached = on_feed;
    return connecting;
}

static bool has_too_many(const struct messaging *messaging, const char *user_id)
{
    const struct user *user = rooms_find_user(&messaging->rooms, user_id);

    return user != NULL &&
           user->socket_count >= messaging->configuration->config->broker_max_connections_per_user;
}

/* CONNECT_ERROR; its data tells the reason, as the body of a 401 does. */
static void refuse_token(struct messaging *messaging, struct socketio_socket *socket,
                         const struct error *error)
{
    struct buffer data = BUFFER_EMPTY;
    struct json_writer writer;

    messaging->metrics.connects_refused++;
    token_log_refusal(&messaging->token_refusals, loop_services(messaging->loop)->log, error, NULL);
    json_writer_init(&writer, &data);
    json_begin_object(&writer);
    json_member_text(&writer, "reason", error->reason);
    json_end_object(&writer);
    socketio_refuse(socket, error->text, error->reason != NULL ? buffer_text(&data) : NULL);
    buffer_free(&data);
}

void sessions_on_connect(void *application, struct socketio_socket *socket,
                         struct json_object *auth, const char *query)
{
    struct messaging *messaging = application;
    struct token_claims claims = {0};
    struct error error;

    (void)query;
    error_clear(&error);
    if (!authenticate(messaging, auth, &claims, &error)) {
        refuse_token(messaging, socket, &error);
        return;
    }
    struct connecting *connecting = has_too_many(messaging, claims.user_id)
                                        ? NULL
                                        : create_connecting(messaging, socket, &claims);
    if (connecting == NULL) {
        messaging->metrics.connects_refused++;
        turn_away(socket);
        return;
    }
    read_recovery(connecting, auth);
    if (connecting->open.recover != NULL)
        replace_old(connecting, connecting->client->occupant.user);
    feed_enter(messaging->feed);
    feed_wait(messaging->feed, &connecting->waiter);
}
