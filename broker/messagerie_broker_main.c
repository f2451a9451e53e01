/*
 * messagerie-broker: the process that holds the browsers' sockets. See common/process.h for what it
 * has in common with the others. SIGTERM and SIGINT: clients are told to go, spread over
 * broker.shutdown_ms; a second one ends it at once.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "broker/admin.h"
#include "broker/broker.h"
#include "broker/transport/http.h"
#include "broker/transport/listener.h"
#include "broker/transport/loop.h"
#include "common/bus.h"
#include "common/container.h"
#include "common/process.h"

/* Events taken off the bus before clients have their turn. */
#define BUS_EVENTS_PER_TURN 512
/* Clients are told to go in so many steps. */
#define SHUTDOWN_STEPS 20
/* Memory that the allocator keeps instead of giving it back and taking it again with each burst,
 * which costs every thread its translation buffers: half of the broker's time when thousands come
 * back. */
#define KEPT_MEMORY_BYTES (8 * 1024 * 1024)
/* HTTP connections besides the clients' long-polling GETs: POSTs, handshakes. */
#define EXTRA_HTTP_CONNECTIONS 1024

/* Everything that lives as long as the process. */
struct broker {
    struct process *process;
    const struct configuration *configuration; /* the present one */
    struct loop *loop;
    struct messaging *messaging;
    struct admin *admin;
    struct http_settings http_settings;
    struct http_server *http;
    struct bus_receiver *bus;
    struct loop_watch bus_watch;
    struct loop_watch signal_watch;
    struct timer shutdown;
    size_t shutdown_share; /* clients that go in one step */
    bool is_stopping;
};

/* ---- requests and events -------------------------------------------------------------------- */

static void on_request(void *owner, struct http_request *request)
{
    static const char prefix[] = "/socket.io";
    static const char not_found[] =
        "{\"statusCode\":404,\"message\":\"Route inconnue\",\"error\":\"Not Found\"}";
    struct broker *broker = owner;
    const char *path = http_request_path(request);

    if (broker->messaging != NULL &&
        (strcmp(path, prefix) == 0 || strcmp(path, "/socket.io/") == 0)) {
        messaging_handle(broker->messaging, request);
        return;
    }
    const struct http_response response = {.status = 404,
                                           .content_type = "application/json; charset=utf-8",
                                           .body = not_found,
                                           .length = sizeof(not_found) - 1};
    http_respond(request, &response);
}

static void on_bus(struct loop_watch *watch, uint32_t events)
{
    struct broker *broker = CONTAINER_OF(watch, struct broker, bus_watch);
    struct metrics *metrics = messaging_metrics(broker->messaging);
    struct event event;

    (void)events;
    for (int count = 0; count < BUS_EVENTS_PER_TURN; count++) {
        switch (bus_receive(broker->bus, &event)) {
        case BUS_EVENT:
            messaging_accept(broker->messaging, &event);
            break;
        case BUS_MALFORMED:
            metrics->bus_malformed++;
            break;
        case BUS_EMPTY:
            return;
        case BUS_FAILED:
            log_error(&broker->process->log, "the bus has failed; events are read from the outbox");
            loop_unwatch(broker->loop, &broker->bus_watch);
            return;
        }
    }
}

/* ---- signals -------------------------------------------------------------------------------- */

static void on_shutdown_step(struct timer *timer)
{
    struct broker *broker = CONTAINER_OF(timer, struct broker, shutdown);
    int64_t spread_ms = broker->configuration->config->broker_shutdown_ms;

    messaging_close_some(broker->messaging, broker->shutdown_share);
    if (messaging_connections(broker->messaging) == 0)
        loop_stop(broker->loop);
    else
        loop_timer_start(broker->loop, timer, spread_ms / SHUTDOWN_STEPS + 1);
}

static void stop(struct broker *broker)
{
    if (broker->is_stopping) { /* asked twice: at once */
        loop_stop(broker->loop);
        return;
    }
    broker->is_stopping = true;
    messaging_stop(broker->messaging);
    http_server_stop_listening(broker->http);
    broker->shutdown_share = messaging_connections(broker->messaging) / SHUTDOWN_STEPS + 1;
    log_info(&broker->process->log, "stopping",
             LOG_NUMBER("connections", (int64_t)messaging_connections(broker->messaging)));
    loop_timer_start(broker->loop, &broker->shutdown, 0);
}

static void on_signal(struct loop_watch *watch, uint32_t events)
{
    struct broker *broker = CONTAINER_OF(watch, struct broker, signal_watch);
    enum process_signal taken;

    (void)events;
    while ((taken = process_take_signal(broker->process)) != PROCESS_NO_SIGNAL)
        if (taken == PROCESS_END)
            stop(broker);
}

static void on_reload(void *owner, const struct configuration *configuration)
{
    struct broker *broker = owner;

    broker->configuration = configuration;
    broker->http_settings.trusts_forwarded_for = configuration->config->broker_trust_forwarded_for;
    messaging_use_configuration(broker->messaging, configuration);
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool open_bus(struct broker *broker, const char *address, struct error *error)
{
    broker->bus = bus_receiver_create(address, error);
    if (broker->bus == NULL)
        return false;
    return loop_watch(broker->loop, &broker->bus_watch, bus_receiver_descriptor(broker->bus),
                      EPOLLIN, on_bus) ||
           error_unavailable(error, "cannot watch the bus: %s", strerror(errno));
}

static bool open_http(struct broker *broker, const struct config *config, struct error *error)
{
    broker->http_settings = (struct http_settings){
        .loop = broker->loop,
        .max_connections = (unsigned)config->broker_max_connections + EXTRA_HTTP_CONNECTIONS,
        .max_body_bytes = MESSAGING_MAX_PAYLOAD_BYTES,
        .trusts_forwarded_for = config->broker_trust_forwarded_for,
        .on_request = on_request,
        .owner = broker,
    };
    int listener = listener_open(config->broker_listen, error);
    if (listener < 0)
        return false;
    broker->http = http_server_create(&broker->http_settings, listener, error);
    if (broker->http == NULL)
        return false;
    process_tell_ready(broker->process, LOG_TEXT("listen", config->broker_listen),
                       LOG_NUMBER("port", listener_port(listener)));
    return true;
}

/* The browsers' listener comes last: whoever can connect is served. */
static bool open_all(struct broker *broker, struct error *error)
{
    const struct config *config = broker->configuration->config;

    broker->messaging = messaging_create(broker->loop, broker->configuration, error);
    if (broker->messaging == NULL)
        return false;
    messaging_start(broker->messaging);
    if (config->broker_internal_listen[0] != '\0') {
        broker->admin =
            admin_create(broker->loop, broker->messaging, config->broker_internal_listen, error);
        if (broker->admin == NULL)
            return false;
    }
    return open_bus(broker, config->broker_bus_address, error) && open_http(broker, config, error);
}

static void close_all(struct broker *broker)
{
    if (broker->bus != NULL)
        loop_unwatch(broker->loop, &broker->bus_watch);
    bus_receiver_free(broker->bus);
    /* The HTTP servers take a last turn: they must not find what is gone. */
    admin_free(broker->admin);
    messaging_free(broker->messaging);
    broker->messaging = NULL;
    http_server_free(broker->http);
}

static bool serve_until_stopped(struct broker *broker, struct error *error)
{
    if (!loop_watch(broker->loop, &broker->signal_watch, broker->process->signals, EPOLLIN,
                    on_signal))
        return error_unavailable(error, "cannot watch signals: %s", strerror(errno));
    bool succeeded = open_all(broker, error);
    if (succeeded && !loop_run(broker->loop))
        succeeded = error_unavailable(error, "epoll: %s", strerror(errno));
    /* The last turns of the loop, while all is closed, have nobody whom a signal could be for. */
    loop_unwatch(broker->loop, &broker->signal_watch);
    close_all(broker);
    return succeeded;
}

static bool run_broker(struct process *process, void *owner, struct error *error)
{
    struct broker *broker = owner;

    broker->process = process;
    broker->loop = loop_create(&process->services, error);
    if (broker->loop == NULL)
        return false;
    if (!loop_timer_add(broker->loop, &broker->shutdown, on_shutdown_step)) {
        loop_free(broker->loop);
        return error_out_of_memory(error);
    }
    struct configuration *configuration = configuration_acquire(process->configuration);
    broker->configuration = configuration;
    bool succeeded = serve_until_stopped(broker, error);
    configuration_release(configuration);
    loop_timer_remove(broker->loop, &broker->shutdown);
    loop_free(broker->loop);
    return succeeded;
}

int main(int argc, char **argv)
{
    static const struct configuration_kind kind = {.bytes = sizeof(struct configuration),
                                                   .verifies_tokens = true};
    static const struct program program = {
        .name = "broker",
        .file = "messagerie-broker",
        .purpose = "Serves the browsers' sockets of messagerie: Socket.IO behind a web server.",
        .configuration = &kind,
        .connections_key = "broker.max_connections",
        .further_descriptors = EXTRA_HTTP_CONNECTIONS,
        .run = run_broker,
        .on_reload = on_reload,
    };
    struct broker broker = {0};

    mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY_BYTES);
    mallopt(M_TOP_PAD, KEPT_MEMORY_BYTES / 8);
    return process_main(&program, &broker, argc, argv);
}
