#include "broker/broker.h"

#include <stdlib.h>

#include "broker/admission.h"
#include "broker/client.h"
#include "broker/client_events.h"
#include "broker/connections.h"
#include "broker/delivery.h"
#include "broker/feed.h"
#include "broker/lag.h"
#include "broker/parts.h"
#include "broker/presence.h"
#include "broker/protocol/socketio.h"
#include "broker/readiness.h"
#include "broker/restart.h"
#include "broker/totals.h"
#include "broker/typing.h"
#include "broker/withdrawal.h"
#include "broker/worker.h"
#include "common/container.h"
#include "common/origin.h"
#include "common/user_budgets.h"
#include "db/input.h"
#include "db/read_marks.h"

/* How long a turn waits at most while the last clients end. */
#define ENDING_TURN_MS 50

struct broker {
    struct broker_parts parts;
    struct admission admission;
    struct connections connections;
    struct restart *restart; /* NULL before broker_start */
    struct readiness *readiness;
    struct farewell_set endings;
    struct timer replaced; /* when all clients have to go, as the database is another */
    struct socketio_namespace name_space, root;
    const struct socketio_namespace *name_spaces[3];
    struct socketio_options socketio_options;
};

/* ---- what comes from below, and whose it is ------------------------------------------------ */

static bool is_origin_allowed(void *application, const char *origin, const char *host)
{
    const struct broker *broker = application;

    return origin_is_configured(broker->parts.configuration->config, origin) ||
           origin_is_of_host(origin, host);
}

static void on_origin_refused(void *application, const char *origin, const char *host)
{
    struct broker_parts *parts = &((struct broker *)application)->parts;

    parts->metrics.origins_refused++;
    log_limited(loop_services(parts->loop)->log, &parts->origins, LOG_LEVEL_WARNING,
                "origin refused", LOG_TEXT("origin", origin), LOG_TEXT("host", host),
                LOG_TEXT("advice", ORIGIN_ADVICE));
}

static void on_connection_open(void *application, void *user,
                               struct socketio_connection *connection)
{
    (void)application;
    connections_open(user, connection);
}

static struct engineio_verdict on_handshake(void *application,
                                            const struct engineio_handshake *handshake)
{
    struct broker *broker = application;
    struct engineio_verdict verdict = {.status = 503, .message = "Le service redémarre"};

    if (!broker->parts.is_stopping)
        verdict = connections_take(&broker->connections, broker->parts.configuration->config,
                                   handshake->address);
    if (verdict.status != 0)
        broker->parts.metrics.connects_refused++;
    else
        connections_keep_token(verdict.user,
                               http_request_header(handshake->request, "Authorization"));
    return verdict;
}

static void on_connection_close(void *application, void *user)
{
    struct broker *broker = application;

    connections_drop(&broker->connections, user);
}

static void on_connect(void *application, struct socketio_socket *socket, struct json_object *auth,
                       const char *query)
{
    struct broker *broker = application;

    (void)query;
    admission_connect(&broker->admission, socket, auth);
}

static void on_root_connect(void *application, struct socketio_socket *socket,
                            struct json_object *auth, const char *query)
{
    struct broker *broker = application;

    (void)query;
    admission_connect_root(&broker->admission, socket, auth);
}

static void on_disconnect(void *application, struct socketio_socket *socket,
                          enum socketio_reason reason)
{
    struct broker *broker = application;

    admission_disconnect(&broker->admission, socket, reason);
}

static void on_client_event(void *application, struct socketio_socket *socket,
                            const struct socketio_event *event)
{
    (void)application;
    client_events_handle(socketio_user(socket), event);
}

static void on_refused_event(void *application, struct socketio_socket *socket, int64_t ack_id,
                             const struct error *error)
{
    (void)application;
    client_events_refuse(socketio_user(socket), ack_id, error);
}

static void on_drain(void *application, struct socketio_socket *socket)
{
    (void)application;
    (void)socket; /* nobody asks for it */
}

static void on_feed_event(void *owner, const struct event *event, int64_t waited_ms)
{
    struct broker *broker = owner;

    delivery_deliver(&broker->parts, event, waited_ms);
}

/* What clients have seen, and the numbers by which they would ask for what they missed, are of the
 * other database. In another turn: closing frees them, and somebody may be walking over them. */
static void on_feed_replaced(void *owner)
{
    struct broker *broker = owner;

    loop_timer_start(broker->parts.loop, &broker->replaced, 0);
}

static void on_replaced(struct timer *timer)
{
    broker_close_some(CONTAINER_OF(timer, struct broker, replaced), SIZE_MAX);
}

/* Of our own operations. While the broker ends, the feed may be gone first. */
static void on_committed(void *owner, const struct event *event)
{
    struct broker *broker = owner;

    if (broker->parts.feed != NULL)
        feed_accept(broker->parts.feed, event);
}

/* ---- what comes from above ----------------------------------------------------------------- */

void broker_handle(struct broker *broker, struct http_request *request)
{
    engineio_handle(socketio_engineio(broker->parts.socketio), request);
}

void broker_accept(struct broker *broker, const struct event *event)
{
    broker->parts.metrics.bus_events++;
    feed_accept(broker->parts.feed, event);
}

void broker_use_configuration(struct broker *broker, const struct configuration *configuration)
{
    const struct config *config = configuration->config;

    broker->parts.configuration = configuration;
    socketio_limit_connect_time(broker->parts.socketio, config->broker_connect_timeout_ms);
    engineio_limit_output(socketio_engineio(broker->parts.socketio),
                          (size_t)config->broker_max_output_bytes);
    database_use_config(worker_database(broker->parts.worker), config);
    withdrawal_begin(&broker->parts, &broker->admission.silent);
}

void broker_start(struct broker *broker)
{
    broker->restart = restart_begin(&broker->parts);
}

void broker_stop(struct broker *broker)
{
    broker->parts.is_stopping = true;
}

size_t broker_close_some(struct broker *broker, size_t limit)
{
    return engineio_close_some(socketio_engineio(broker->parts.socketio), limit,
                               FAREWELL_GOING_AWAY);
}

size_t broker_connections(const struct broker *broker)
{
    return broker->connections.count;
}

size_t broker_max_body(const struct broker *broker, const struct http_request *request)
{
    return engineio_max_body(socketio_engineio(broker->parts.socketio), request);
}

struct readiness *broker_readiness(struct broker *broker)
{
    return broker->readiness;
}

/* ---- counters ------------------------------------------------------------------------------ */

struct metrics *broker_metrics(struct broker *broker)
{
    return &broker->parts.metrics;
}

static void add_queued(struct occupant *occupant, void *context)
{
    *(uint64_t *)context += socketio_queued(client_of(occupant)->socket);
}

/* Walks all clients: nobody has to count at each send for somebody who looks once a minute. */
static uint64_t queued_bytes(const struct broker *broker)
{
    uint64_t sum = 0;

    rooms_visit(&broker->parts.rooms, add_queued, &sum);
    return sum;
}

void broker_gauges(struct broker *broker, struct metrics_gauges *gauges)
{
    const struct broker_parts *parts = &broker->parts;
    const struct engineio_server *engineio = socketio_engineio(parts->socketio);
    const struct feed_statistics *feed = feed_statistics(parts->feed);
    struct database_statistics database;

    database_statistics(worker_database(parts->worker), &database);
    *gauges = (struct metrics_gauges){
        .polling_connections = engineio_count(engineio, ENGINEIO_POLLING),
        .websocket_connections = engineio_count(engineio, ENGINEIO_WEBSOCKET),
        .users = parts->rooms.users.count,
        .rooms = parts->rooms.rooms.count,
        .memberships = parts->rooms.memberships,
        .anonymous_connections = broker->connections.anonymous,
        .anonymous_evicted = broker->connections.evicted,
        .queued_bytes = queued_bytes(broker),
        .pending_requests = worker_pending(parts->worker),
        .feed_delivered = feed->delivered,
        .feed_healed = feed->healed,
        .feed_skipped = feed->skipped,
        .database_commits = database.commits,
        .database_operations = database.operations,
        .database_failures = database.failures,
    };
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool create_worker(struct broker *broker, struct error *error)
{
    const struct config *config = broker->parts.configuration->config;
    struct worker_options options = {
        .loop = broker->parts.loop,
        .database = database_options_from(config),
        .readers = config->broker_readers,
        .on_event = on_committed,
        .owner = broker,
    };

    options.database.readers = config->broker_readers;
    broker->parts.worker = worker_create(&options, error);
    return broker->parts.worker != NULL;
}

/* What is looked at in a client's payloads. */
static const char *const payload_members[] = {INPUT_MEMBERS, SOCKETIO_MEMBERS, "token", "pid",
                                              "offset",      "state",          NULL};

static void describe_socketio(struct broker *broker)
{
    const struct config *config = broker->parts.configuration->config;

    broker->endings.loop = broker->parts.loop;
    broker->name_space = (struct socketio_namespace){.name = CLIENT_NAMESPACE,
                                                     .application = broker,
                                                     .on_connect = on_connect,
                                                     .on_event = on_client_event,
                                                     .on_refused_event = on_refused_event,
                                                     .on_disconnect = on_disconnect,
                                                     .on_drain = on_drain};
    broker->root = (struct socketio_namespace){
        .name = SILENT_ROOT, .application = broker, .on_connect = on_root_connect};
    broker->name_spaces[0] = &broker->name_space;
    broker->name_spaces[1] = &broker->root;
    broker->socketio_options = (struct socketio_options){
        .session = {.loop = broker->parts.loop,
                    .endings = &broker->endings,
                    .ping_interval_ms = BROKER_PING_INTERVAL_MS,
                    .ping_timeout_ms = BROKER_PING_TIMEOUT_MS,
                    .upgrade_timeout_ms = BROKER_UPGRADE_TIMEOUT_MS,
                    .max_payload_bytes = BROKER_MAX_PAYLOAD_BYTES,
                    .max_output_bytes = (size_t)config->broker_max_output_bytes},
        .connect_timeout_ms = config->broker_connect_timeout_ms,
        .namespaces = broker->name_spaces,
        .payload = {INPUT_MAX_BYTES, payload_members},
        .application = broker,
        .is_origin_allowed = is_origin_allowed,
        .on_origin_refused = on_origin_refused,
        .origin_refusal = ORIGIN_REFUSAL,
        .on_handshake = on_handshake,
        .on_open = on_connection_open,
        .on_close = on_connection_close,
    };
}

/* The worker is there before: opening the database is what can fail for reasons that a person has
 * to read, and it hands events to the feed only once the loop turns. */
static bool create_parts(struct broker *broker, struct error *error)
{
    struct broker_parts *parts = &broker->parts;
    const struct feed_options feed = {.loop = parts->loop,
                                      .worker = parts->worker,
                                      .on_event = on_feed_event,
                                      .on_replaced = on_feed_replaced,
                                      .owner = broker};

    describe_socketio(broker);
    broker->connections.log = loop_services(parts->loop)->log;
    parts->on_lag = lag_begin;
    parts->events = user_budgets_create();
    parts->marks = read_marks_create(worker_database(parts->worker));
    parts->feed = feed_create(&feed);
    parts->presence = presence_create(parts->loop, parts->worker, &parts->rooms);
    parts->totals = totals_create(parts);
    parts->typing = typing_create(parts->loop, &parts->rooms);
    parts->socketio = socketio_server_create(&broker->socketio_options);
    broker->readiness = readiness_create(parts);
    if (!admission_init(&broker->admission, parts, &broker->connections) || parts->events == NULL ||
        parts->marks == NULL || parts->feed == NULL || parts->presence == NULL ||
        parts->totals == NULL || parts->typing == NULL || parts->socketio == NULL ||
        broker->readiness == NULL)
        return error_out_of_memory(error);
    return true;
}

struct broker *broker_create(struct loop *loop, const struct configuration *configuration,
                             struct error *error)
{
    struct broker *broker = calloc(1, sizeof(*broker));

    if (broker == NULL || !loop_timer_add(loop, &broker->replaced, on_replaced)) {
        free(broker);
        error_out_of_memory(error);
        return NULL;
    }
    broker->parts.loop = loop;
    broker->parts.configuration = configuration;
    if (create_worker(broker, error) && create_parts(broker, error))
        return broker;
    broker_free(broker);
    return NULL;
}

void broker_free(struct broker *broker)
{
    if (broker == NULL)
        return;
    struct broker_parts *parts = &broker->parts;
    parts->is_stopping = true;
    /* Sockets that are paused or not yet let in stay until their requests are done. */
    if (parts->socketio != NULL)
        broker_close_some(broker, SIZE_MAX);
    /* Turning the loop, as their requests come back through it. Those who wait for the feed are
     * told that it will not come so far: it may be the database that does not answer. */
    while (broker->admission.clients > 0) {
        feed_cancel(parts->feed);
        loop_turn(parts->loop, ENDING_TURN_MS);
    }
    /* The worker first: what it still finishes calls back into all the others. Then from the
     * sockets down, each before what it uses. */
    worker_free(parts->worker);
    read_marks_free(parts->marks);
    restart_free(broker->restart);
    readiness_free(broker->readiness);
    socketio_server_free(parts->socketio);
    admission_free(&broker->admission);
    connections_free(&broker->connections);
    loop_timer_remove(parts->loop, &broker->replaced);
    farewell_abort(&broker->endings);
    presence_free(parts->presence);
    totals_free(parts->totals);
    typing_free(parts->typing);
    feed_free(parts->feed);
    user_budgets_free(parts->events);
    rooms_free(&parts->rooms);
    free(broker);
}
