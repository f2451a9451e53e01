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
#include "common/address.h"
#include "common/bus.h"
#include "common/container.h"
#include "common/process.h"
#include "common/socket_file.h"

/* Events taken off the bus before clients have their turn. */
#define BUS_EVENTS_PER_TURN 512
/* Clients are told to go in so many steps. */
#define SHUTDOWN_STEPS 20
/* Memory that the allocator keeps instead of giving it back and taking it again with each burst,
 * which costs every thread its translation buffers: half of the broker's time when thousands come
 * back. */
#define KEPT_MEMORY_BYTES (8 * 1024 * 1024)
/* HTTP connections besides the users' long-polling GETs: POSTs, handshakes, those of strangers. */
#define EXTRA_HTTP_CONNECTIONS 2048

/* Everything that lives as long as the process. */
struct daemon {
    struct process *process;
    const struct configuration *configuration; /* the present one */
    struct loop *loop;
    struct broker *broker;
    struct admin *admin;
    struct http_options http_options;
    struct address_network trusted_proxies[CONFIG_LIST_MAX];
    struct http_server *http;
    struct bus_receiver *bus;
    bool has_bus_failed;
    struct socket_file bus_socket, browsers_socket;
    struct loop_watch bus_watch;
    struct loop_watch signal_watch;
    struct timer shutdown;
    size_t shutdown_share; /* clients that go in one step */
    bool is_stopping;
};

/* ---- requests and events ------------------------------------------------------------------- */

static void on_browser_request(void *owner, struct http_request *request)
{
    static const char prefix[] = "/socket.io";
    static const char not_found[] =
        "{\"statusCode\":404,\"message\":\"Route inconnue\",\"error\":\"Not Found\"}";
    struct daemon *daemon = owner;
    const char *path = http_request_path(request);

    if (daemon->broker != NULL && (strcmp(path, prefix) == 0 || strcmp(path, "/socket.io/") == 0)) {
        broker_handle(daemon->broker, request);
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
    struct daemon *daemon = CONTAINER_OF(watch, struct daemon, bus_watch);
    struct metrics *metrics = broker_metrics(daemon->broker);
    struct event event;

    (void)events;
    for (int count = 0; count < BUS_EVENTS_PER_TURN; count++) {
        switch (bus_receive(daemon->bus, &event)) {
        case BUS_EVENT:
            broker_accept(daemon->broker, &event);
            break;
        case BUS_MALFORMED:
            metrics->bus_malformed++;
            break;
        case BUS_EMPTY:
            return;
        case BUS_FAILED:
            log_error(&daemon->process->log, "the bus has failed; events are read from the outbox");
            loop_unwatch(daemon->loop, &daemon->bus_watch);
            daemon->has_bus_failed = true;
            return;
        }
    }
}

/* ---- signals ------------------------------------------------------------------------------- */

static void on_shutdown_step(struct timer *timer)
{
    struct daemon *daemon = CONTAINER_OF(timer, struct daemon, shutdown);
    int64_t spread_ms = daemon->configuration->config->broker_shutdown_ms;

    broker_close_some(daemon->broker, daemon->shutdown_share);
    if (broker_connections(daemon->broker) == 0)
        loop_stop(daemon->loop);
    else
        loop_timer_start(daemon->loop, timer, spread_ms / SHUTDOWN_STEPS + 1);
}

static void stop(struct daemon *daemon)
{
    if (daemon->is_stopping) { /* asked twice: at once */
        loop_stop(daemon->loop);
        return;
    }
    daemon->is_stopping = true;
    broker_stop(daemon->broker);
    http_server_stop_listening(daemon->http);
    daemon->shutdown_share = broker_connections(daemon->broker) / SHUTDOWN_STEPS + 1;
    log_info(&daemon->process->log, "stopping",
             LOG_NUMBER("connections", (int64_t)broker_connections(daemon->broker)));
    loop_timer_start(daemon->loop, &daemon->shutdown, 0);
}

static void on_signal(struct loop_watch *watch, uint32_t events)
{
    struct daemon *daemon = CONTAINER_OF(watch, struct daemon, signal_watch);
    enum process_signal taken;

    (void)events;
    while ((taken = process_take_signal(daemon->process)) != PROCESS_NO_SIGNAL)
        if (taken == PROCESS_END)
            stop(daemon);
}

static size_t max_body_of(void *owner, const struct http_request *request)
{
    const struct daemon *daemon = owner;

    /* The HTTP server takes a last turn when the broker is gone. */
    return daemon->broker != NULL ? broker_max_body(daemon->broker, request) : 0;
}

static void use_proxies(struct daemon *daemon, const struct config *config)
{
    const struct config_list *proxies = &config->broker_trusted_proxies;
    size_t count = config->broker_trust_forwarded_for ? proxies->count : 0;

    for (size_t i = 0; i < count; i++)
        address_network_parse(proxies->items[i], &daemon->trusted_proxies[i]); /* was checked */
    daemon->http_options.trusted_proxies = daemon->trusted_proxies;
    daemon->http_options.trusted_proxy_count = count;
}

static void on_reload(void *owner, const struct configuration *configuration)
{
    struct daemon *daemon = owner;

    daemon->configuration = configuration;
    use_proxies(daemon, configuration->config);
    broker_use_configuration(daemon->broker, configuration);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void append_socket_problem(const struct socket_file *file, const char *whose,
                                  struct buffer *problems)
{
    if (!socket_file_is_there(file))
        buffer_append_format(problems, "%s is gone: %s\n", whose, file->path);
}

/* For /readyz: what the broker does not know of, as it is made here. */
static void append_problems(void *owner, struct buffer *problems)
{
    const struct daemon *daemon = owner;

    if (daemon->has_bus_failed)
        buffer_append_text(problems, "the bus has failed\n");
    append_socket_problem(&daemon->bus_socket, "the bus's socket", problems);
    append_socket_problem(&daemon->browsers_socket, "the browsers' socket", problems);
}

static bool open_bus(struct daemon *daemon, const char *address, struct error *error)
{
    daemon->bus = bus_receiver_create(address, error);
    if (daemon->bus == NULL)
        return false;
    socket_file_note(&daemon->bus_socket, address);
    return loop_watch(daemon->loop, &daemon->bus_watch, bus_receiver_descriptor(daemon->bus),
                      EPOLLIN, on_bus) ||
           error_unavailable(error, "cannot watch the bus: %s", strerror(errno));
}

static bool open_http(struct daemon *daemon, const struct config *config, struct error *error)
{
    daemon->http_options = (struct http_options){
        .loop = daemon->loop,
        .max_connections = (unsigned)config->broker_max_connections + EXTRA_HTTP_CONNECTIONS,
        .max_body_bytes = BROKER_MAX_PAYLOAD_BYTES,
        .max_body_of = max_body_of,
        .on_request = on_browser_request,
        .owner = daemon,
    };
    use_proxies(daemon, config);
    int listener = listener_open(config->broker_listen, error);
    if (listener < 0)
        return false;
    daemon->http = http_server_create(&daemon->http_options, listener, error);
    if (daemon->http == NULL)
        return false;
    socket_file_note(&daemon->browsers_socket, config->broker_listen);
    process_tell_ready(daemon->process, LOG_TEXT("listen", config->broker_listen),
                       LOG_NUMBER("port", listener_port(listener)));
    return true;
}

/* The browsers' listener comes last: whoever can connect is served. */
static bool open_all(struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->configuration->config;

    daemon->broker = broker_create(daemon->loop, daemon->configuration, error);
    if (daemon->broker == NULL)
        return false;
    broker_start(daemon->broker);
    if (config->broker_internal_listen[0] != '\0') {
        const struct admin_options admin = {.loop = daemon->loop,
                                            .broker = daemon->broker,
                                            .address = config->broker_internal_listen,
                                            .metrics_folder = config->metrics_folder,
                                            .append_problems = append_problems,
                                            .owner = daemon};
        daemon->admin = admin_create(&admin, error);
        if (daemon->admin == NULL)
            return false;
    }
    return open_bus(daemon, config->broker_bus_address, error) && open_http(daemon, config, error);
}

static void close_all(struct daemon *daemon)
{
    if (daemon->bus != NULL)
        loop_unwatch(daemon->loop, &daemon->bus_watch);
    bus_receiver_free(daemon->bus);
    /* The HTTP servers take a last turn: they must not find what is gone. */
    admin_free(daemon->admin);
    broker_free(daemon->broker);
    daemon->broker = NULL;
    http_server_free(daemon->http);
}

static bool serve_until_stopped(struct daemon *daemon, struct error *error)
{
    if (!loop_watch(daemon->loop, &daemon->signal_watch, daemon->process->signals, EPOLLIN,
                    on_signal))
        return error_unavailable(error, "cannot watch signals: %s", strerror(errno));
    bool succeeded = open_all(daemon, error);
    if (succeeded && !loop_run(daemon->loop))
        succeeded = error_unavailable(error, "epoll: %s", strerror(errno));
    /* The last turns of the loop, while all is closed, have nobody whom a signal could be for. */
    loop_unwatch(daemon->loop, &daemon->signal_watch);
    close_all(daemon);
    return succeeded;
}

static bool run_broker(struct process *process, void *owner, struct error *error)
{
    struct daemon *daemon = owner;

    daemon->process = process;
    daemon->loop = loop_create(&process->services, error);
    if (daemon->loop == NULL)
        return false;
    if (!loop_timer_add(daemon->loop, &daemon->shutdown, on_shutdown_step)) {
        loop_free(daemon->loop);
        return error_out_of_memory(error);
    }
    struct configuration *configuration = configuration_acquire(process->configuration);
    daemon->configuration = configuration;
    bool succeeded = serve_until_stopped(daemon, error);
    configuration_release(configuration);
    loop_timer_remove(daemon->loop, &daemon->shutdown);
    loop_free(daemon->loop);
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
    struct daemon daemon = {0};

    mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY_BYTES);
    mallopt(M_TOP_PAD, KEPT_MEMORY_BYTES / 8);
    return process_main(&program, &daemon, argc, argv);
}
