#include "broker/admission.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/catch_up.h"
#include "broker/client.h"
#include "broker/feed.h"
#include "broker/lag.h"
#include "broker/presence.h"
#include "broker/recovery_writes.h"
#include "broker/totals.h"
#include "broker/typing.h"
#include "broker/worker.h"
#include "common/configuration.h"
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "common/user_budgets.h"
#include "db/recovery.h"

/* Recoveries of a user that are kept for each socket that they may have at once: all may be cut off
 * together, and then once more while some are still to come back. */
#define RECOVERIES_PER_SOCKET 2

/* CONNECTs of a user at once, and on average: all of the sockets that they may have every so often.
 */
#define CONNECTS_AT_ONCE    100
#define CONNECTS_PER_SOCKET 4
#define CONNECT_PERIOD_S    10

/* A client on its way in. What its socket and the database need meanwhile is here. */
struct connecting {
    struct admission *admission;
    struct client *client;
    struct worker_request request;
    struct feed_waiter waiter;
    struct token_claims claims;
    char default_role[TOKEN_ROLE_BYTES];
    char old_pid[CLIENT_PID_BYTES]; /* of the recovery that it asks to go on with */
    char old_timeline[TIMELINE_BYTES];
    char pid[CLIENT_PID_BYTES]; /* of the one that begins otherwise */
    char sid[ENGINEIO_ID_BYTES];
    struct recovery_resume resume;
    struct recovery_open open;
    struct buffer contact_ids;
    struct buffer name;
    struct catch_up catch_up;
};

/* The way in. Each step waits for something, and ends with the next one or with give_up. */
static void on_feed_begun(struct feed_waiter *waiter, bool reached);
static void on_opened(struct worker_request *request);
static void on_visited(struct worker_request *request);
static void let_in(struct connecting *connecting);
static void on_caught_up(struct catch_up *catch_up);
static void complete_connecting(struct connecting *connecting);

static void give_up(struct connecting *connecting);
static void turn_away(struct socketio_socket *socket);
static struct connecting *create_connecting(struct admission *admission,
                                            struct socketio_socket *socket,
                                            const struct token_claims *claims);
static void free_connecting(struct connecting *connecting);
static void free_client(struct admission *admission, struct client *client);

/* ---- the CONNECT packet -------------------------------------------------------------------- */

/* The claims of `auth.token`, or of the handshake's header where there is none. False with *error.
 */
static bool authenticate(const struct broker_parts *parts, const struct socketio_socket *socket,
                         struct json_object *auth, struct token_claims *claims, struct error *error)
{
    static const char scheme[] = "Bearer ";
    const char *token = json_text(json_get(auth, "token"));

    if (token == NULL || token[0] == '\0')
        token = connections_token(socketio_connection_user(socket));
    if (token != NULL && strncasecmp(token, scheme, sizeof(scheme) - 1) == 0)
        token += sizeof(scheme) - 1;
    if (token == NULL || token[0] == '\0')
        return token_refuse(TOKEN_MISSING, error);
    if (!token_verify(parts->configuration->verifier, token, strlen(token),
                      clock_wall_ms(loop_services(parts->loop)->clock), claims, error))
        return false;
    return claims->kind != CALLER_SERVICE || token_refuse(TOKEN_SERVICE, error);
}

/* CONNECT_ERROR; its data tells the reason, as the body of a 401 does. */
static void refuse_token(struct admission *admission, struct socketio_socket *socket,
                         const struct error *error)
{
    const struct log *log = loop_services(admission->parts->loop)->log;
    struct buffer data = BUFFER_EMPTY;
    struct json_writer writer;

    admission->parts->metrics.connects_refused++;
    token_log_refusal(&admission->token_refusals, log, error, NULL);
    json_writer_init(&writer, &data);
    json_begin_object(&writer);
    json_member_text(&writer, "reason", error->reason);
    json_end_object(&writer);
    socketio_refuse(socket, error->text, error->reason != NULL ? buffer_text(&data) : NULL);
    buffer_free(&data);
}

/* ---- one too many -------------------------------------------------------------------------- */

/* Of a user, and not of an address: behind one address there may be a whole salon, and behind one
 * user only a page that has gone wrong. */
static bool has_too_many(const struct broker_parts *parts, const char *user_id)
{
    const struct user *user = rooms_find_user(&parts->rooms, user_id);

    return user != NULL &&
           user->socket_count >= parts->configuration->config->broker_max_connections_per_user;
}

/* A CONNECT is a transaction, which no event is so dear as. All of a user's sockets may come back
 * together, several times. */
static bool connects_too_often(const struct admission *admission, const char *user_id)
{
    const struct broker_parts *parts = admission->parts;
    int64_t sockets = parts->configuration->config->broker_max_connections_per_user;
    int64_t retry_after_s;

    return !user_budgets_take(admission->connects, user_id, loop_now_ms(parts->loop),
                              CONNECTS_AT_ONCE + CONNECTS_PER_SOCKET * sockets,
                              1 + sockets / CONNECT_PERIOD_S, &retry_after_s);
}

/* Why the user gets no socket more, NULL when they do: the connection then has a user. */
static const struct silent_reason *
find_excess(struct admission *admission, const struct socketio_socket *socket, const char *user_id)
{
    static const struct silent_reason sockets = {"Trop de connexions ouvertes pour ce compte",
                                                 "too_many_connections"};
    static const struct silent_reason connects = {"Trop de connexions de ce compte en peu de temps",
                                                  "too_many_connects"};
    static const struct silent_reason overload = {
        "Le service est saturé, nouvel essai dans un instant", "overloaded"};
    const struct config *config = admission->parts->configuration->config;

    if (has_too_many(admission->parts, user_id))
        return &sockets;
    if (connects_too_often(admission, user_id))
        return &connects;
    if (!connections_admit(admission->connections, config, socketio_connection_user(socket)))
        return &overload;
    return NULL;
}

/* ---- recovery ------------------------------------------------------------------------------ */

/* Reads `auth.pid` and `auth.offset`, which the official client adds when it has been cut off. */
static void read_recovery(struct connecting *connecting, struct json_object *auth)
{
    const char *pid = json_text(json_get(auth, "pid"));
    const char *offset = json_text(json_get(auth, "offset"));
    char *end;

    if (pid == NULL || offset == NULL || strlen(pid) >= sizeof(connecting->old_pid) ||
        recovery_writes_are_given_up(connecting->admission->parts, pid))
        return;
    memcpy(connecting->old_pid, pid, strlen(pid) + 1);
    connecting->resume = (struct recovery_resume){
        .pid = connecting->old_pid,
        .user_id = connecting->claims.user_id,
        .timeline = connecting->old_timeline,
        .offset = strtoll(offset, &end, 10),
    };
    if (end == offset || *end != '-' || strlen(end + 1) != TIMELINE_BYTES - 1 ||
        connecting->resume.offset < 0)
        return;
    memcpy(connecting->old_timeline, end + 1, TIMELINE_BYTES);
    connecting->open.recover = &connecting->resume;
}

/* The socket that the client has come back from may still seem to be there: a network that is gone
 * says nothing. It goes first, so that one recovery is never two sockets'. */
static void replace_old(const struct connecting *connecting, const struct user *user)
{
    struct occupant *one = user->first;

    while (one != NULL && (client_of(one)->pid[0] == '\0' ||
                           strcmp(client_of(one)->pid, connecting->old_pid) != 0))
        one = one->next_of_user;
    if (one == NULL)
        return;
    struct client *client = client_of(one);
    recovery_writes_suspend(client);
    client->pid[0] = '\0'; /* the recovery is the new socket's */
    socketio_close(client->socket, FAREWELL_NORMAL);
}

void admission_connect(struct admission *admission, struct socketio_socket *socket,
                       struct json_object *auth)
{
    struct broker_parts *parts = admission->parts;
    struct token_claims claims = {0};
    struct error error;

    error_clear(&error);
    if (!authenticate(parts, socket, auth, &claims, &error)) {
        refuse_token(admission, socket, &error);
        return;
    }
    const struct silent_reason *reason = find_excess(admission, socket, claims.user_id);
    if (reason != NULL) {
        parts->metrics.connects_refused++;
        if (!silent_accept_surplus(&admission->silent, socket, reason))
            turn_away(socket);
        return;
    }
    struct connecting *connecting = create_connecting(admission, socket, &claims);
    if (connecting == NULL) {
        parts->metrics.connects_refused++;
        connections_dismiss(admission->connections, socketio_connection_user(socket));
        turn_away(socket);
        return;
    }
    read_recovery(connecting, auth);
    if (connecting->open.recover != NULL)
        replace_old(connecting, connecting->client->occupant.user);
    /* Before the database is read: what is committed after that comes through the feed. */
    feed_enter(parts->feed);
    connecting->waiter.on_reached = on_feed_begun;
    feed_wait(parts->feed, &connecting->waiter);
}

void admission_connect_root(struct admission *admission, struct socketio_socket *socket,
                            struct json_object *auth)
{
    struct token_claims claims = {0};
    struct error error;

    error_clear(&error);
    if (!authenticate(admission->parts, socket, auth, &claims, &error))
        refuse_token(admission, socket, &error);
    else if (!silent_accept_root(&admission->silent, socket, &claims))
        turn_away(socket);
}

/* ---- what is stored ------------------------------------------------------------------------ */

static void on_feed_begun(struct feed_waiter *waiter, bool reached)
{
    struct connecting *connecting = CONTAINER_OF(waiter, struct connecting, waiter);
    struct broker_parts *parts = connecting->admission->parts;
    const struct random_source *random = loop_services(parts->loop)->random;
    char id[ENGINEIO_ID_BYTES];

    if (!reached) {
        give_up(connecting);
        return;
    }
    /* Both are made in any case: whether the old ones can be gone on with is found by the operation
     * that stores the new ones. */
    engineio_make_id(random, id);
    snprintf(connecting->pid, sizeof(connecting->pid), "%s-%s", id, feed_timeline(parts->feed));
    engineio_make_id(random, connecting->sid);
    connecting->request.operation = recovery_open(&connecting->open);
    connecting->request.on_done = on_opened;
    connecting->request.is_impatient = true;
    worker_write(parts->worker, &connecting->request);
}

/* A client whose recovery could not be stored gets in without one: reading is possible while
 * writing is not (a full disk, somebody else who writes for long). */
static void visit_without_recovery(struct connecting *connecting)
{
    connecting->resume.recovered = false;
    connecting->request.query = recovery_visit(&connecting->open);
    connecting->request.on_done = on_visited;
    worker_read(connecting->admission->parts->worker, &connecting->request);
}

static void on_visited(struct worker_request *request)
{
    struct connecting *connecting = CONTAINER_OF(request, struct connecting, request);

    if (request->succeeded)
        let_in(connecting);
    else
        give_up(connecting);
}

/* Puts the client back into its rooms: what the feed brings from now on is held. False without
 * memory. */
static bool rejoin(struct connecting *connecting)
{
    struct rooms *rooms = &connecting->admission->parts->rooms;
    const struct buffer *audiences = &connecting->resume.audiences;
    const char *audience = audiences->data;
    bool is_room;

    /* The first one is the user's own. */
    while ((audience += strlen(audience) + 1) < audiences->data + audiences->length) {
        struct membership *membership =
            rooms_join(rooms, &connecting->client->occupant, event_audience_id(audience, &is_room));
        if (membership == NULL)
            return false;
        membership->is_pending = false;
    }
    return true;
}

static void on_opened(struct worker_request *request)
{
    struct connecting *connecting = CONTAINER_OF(request, struct connecting, request);
    struct client *client = connecting->client;
    const struct recovery_resume *resume = &connecting->resume;

    if (!request->succeeded) {
        visit_without_recovery(connecting);
        return;
    }
    if (resume->recovered)
        memcpy(connecting->sid, resume->sid, sizeof(connecting->sid) - 1);
    else if (connecting->open.recover != NULL)
        client->parts->metrics.recoveries_failed++;
    memcpy(client->pid, resume->recovered ? resume->pid : connecting->pid, sizeof(client->pid));
    if (!resume->recovered || rejoin(connecting)) {
        let_in(connecting);
        return;
    }
    recovery_writes_suspend(client);
    give_up(connecting);
}

/* ---- let in -------------------------------------------------------------------------------- */

/* A goodbye of ours is none of the client's: while the broker stops, what is stored says that the
 * client is connected, and the next broker knows who was online. */
static void suspend_recovery(const struct client *client)
{
    if (!client->parts->is_stopping)
        recovery_writes_suspend(client);
}

/* What the feed has handed on until now, the client has missed, too, whenever it was read. */
static void begin_catching_up(struct connecting *connecting)
{
    const struct recovery_resume *resume = &connecting->resume;
    int64_t position = feed_position(connecting->admission->parts->feed);

    catch_up_start(&connecting->catch_up, &resume->audiences, resume->offset,
                   resume->newest > position ? resume->newest : position, on_caught_up);
}

static void send_unread(struct connecting *connecting)
{
    const struct unread_state *unread = &connecting->open.unread;

    client_forget_until(connecting->client, unread->newest);
    connecting->client->position =
        unread->newest; /* also if it lags: what is older is not its own */
    client_emit_unread(connecting->client, unread->newest, unread->total);
}

static void let_in(struct connecting *connecting)
{
    struct client *client = connecting->client;
    struct broker_parts *parts = client->parts;
    struct socketio_socket *socket = client->socket;

    if (!socketio_accept(socket, connecting->sid, client->pid[0] != '\0' ? client->pid : NULL)) {
        struct admission *admission = connecting->admission;

        suspend_recovery(client);
        free_connecting(connecting);
        free_client(admission, client);
        return;
    }
    parts->metrics.connects++;
    socketio_set_user(socket, client);
    socketio_pause(socket); /* what it asks for waits until it knows what there is */
    client_start_expiry(client);
    if (connecting->resume.recovered) {
        parts->metrics.recoveries++;
        begin_catching_up(connecting);
    } else {
        send_unread(connecting);
        complete_connecting(connecting);
    }
}

static void on_caught_up(struct catch_up *catch_up)
{
    complete_connecting(CONTAINER_OF(catch_up, struct connecting, catch_up));
}

/* Everything that the client has to know has been sent. */
static void complete_connecting(struct connecting *connecting)
{
    struct client *client = connecting->client;

    client_release(client);
    if (client_is_reachable(client))
        presence_connected(client->parts->presence, client, &connecting->contact_ids,
                           buffer_text(&connecting->name));
    free_connecting(connecting);
    socketio_resume(client->socket); /* which may end the client */
}

/* ---- not let in ---------------------------------------------------------------------------- */

/* Cuts the connection off: after a CONNECT_ERROR the client would not come back by itself. */
static void turn_away(struct socketio_socket *socket)
{
    socketio_close(socket, FAREWELL_INTERNAL_ERROR);
    socketio_refuse(socket, "", NULL); /* only frees it: the connection is gone */
}

static void give_up(struct connecting *connecting)
{
    struct admission *admission = connecting->admission;
    struct client *client = connecting->client;
    struct socketio_socket *socket = client->socket;

    admission->parts->metrics.connects_refused++;
    free_connecting(connecting);
    free_client(admission, client);
    turn_away(socket);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* What it asks for itself has been more than it reads. */
static void tell_slow(struct broker_parts *parts, const struct client *client)
{
    parts->metrics.slow_consumers++;
    log_limited(loop_services(parts->loop)->log, &parts->slow, LOG_LEVEL_WARNING,
                "a client that does not read its answers is cut off",
                LOG_TEXT("user", client->occupant.user->id));
}

void admission_disconnect(struct admission *admission, struct socketio_socket *socket,
                          enum socketio_reason reason)
{
    struct client *client = socketio_user(socket);

    if (reason == SOCKETIO_SLOW)
        tell_slow(admission->parts, client);
    if (reason == SOCKETIO_CLIENT_DISCONNECT || reason == SOCKETIO_SERVER_DISCONNECT)
        recovery_writes_close(client);
    else
        suspend_recovery(client);
    void *arrival = socketio_connection_user(socket);
    if (arrival != NULL) /* it has said good-bye, and may connect again */
        connections_dismiss(admission->connections, arrival);
    free_client(admission, client);
}

static void free_client(struct admission *admission, struct client *client)
{
    struct broker_parts *parts = admission->parts;

    lag_cancel(client);
    totals_forget(client);
    typing_leave(parts->typing, client, NULL);
    rooms_leave_all(&parts->rooms, &client->occupant);
    presence_disconnected(parts->presence, client);
    client_free(client);
    admission->clients--;
    feed_leave(parts->feed);
}

/* ---- life ---------------------------------------------------------------------------------- */

/* NULL without memory. */
static struct connecting *create_connecting(struct admission *admission,
                                            struct socketio_socket *socket,
                                            const struct token_claims *claims)
{
    const struct config *config = admission->parts->configuration->config;
    struct connecting *connecting = calloc(1, sizeof(*connecting));
    struct client *client = client_create(admission->parts, socket, claims);

    if (connecting == NULL || client == NULL || !catch_up_init(&connecting->catch_up, client)) {
        if (client != NULL)
            client_free(client);
        free(connecting);
        return NULL;
    }
    connecting->admission = admission;
    connecting->client = client;
    connecting->claims = *claims;
    strncpy(connecting->default_role, config_first_role(&config->auth_client_roles, "client"),
            sizeof(connecting->default_role) - 1);
    connecting->open = (struct recovery_open){.pid = connecting->pid,
                                              .sid = connecting->sid,
                                              .claims = &connecting->claims,
                                              .default_role = connecting->default_role,
                                              .max_away = RECOVERIES_PER_SOCKET *
                                                          config->broker_max_connections_per_user,
                                              .contacts = {.ids = &connecting->contact_ids},
                                              .name = &connecting->name};
    admission->clients++;
    return connecting;
}

static void free_connecting(struct connecting *connecting)
{
    catch_up_free(&connecting->catch_up);
    buffer_free(&connecting->resume.audiences);
    buffer_free(&connecting->contact_ids);
    buffer_free(&connecting->name);
    free(connecting);
}

bool admission_init(struct admission *admission, struct broker_parts *parts,
                    struct connections *connections)
{
    admission->parts = parts;
    admission->connections = connections;
    silent_init(&admission->silent, parts->loop, CLIENT_NAMESPACE);
    admission->connects = user_budgets_create();
    return admission->connects != NULL;
}

void admission_free(struct admission *admission)
{
    user_budgets_free(admission->connects);
}
