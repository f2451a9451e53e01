/*
 * messagerie-broker: the process that holds the browsers' sockets.
 *
 *   SIGTERM, SIGINT  tell clients to go, spread over broker.shutdown_ms, then end
 *   SIGHUP           read the configuration again; a bad one is logged and the old one kept
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "broker/admin.h"
#include "broker/messaging.h"
#include "broker/transport/http.h"
#include "broker/transport/listener.h"
#include "broker/transport/loop.h"
#include "common/bus.h"
#include "common/container.h"
#include "common/log.h"

/* Descriptors that are not clients: database, log, bus, epoll, listeners. */
#define RESERVED_DESCRIPTORS 256
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

struct options {
    const char *config_path; /* NULL: config_load's default */
    bool is_check;
};

/* Everything that lives as long as the process. */
struct process {
    struct options options;
    struct log log;
    struct id_source ids;
    struct services services;
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

/* ---- options -------------------------------------------------------------------------------- */

static void print_help(void)
{
    printf("Usage: messagerie-broker [OPTION]...\n"
           "Serves the browsers' sockets of messagerie: Socket.IO behind a web server.\n"
           "\n"
           "  --config FILE   read this configuration (default: $MESSAGERIE_CONFIG, else %s)\n"
           "  --check         check the configuration and exit\n"
           "  --help          show this and exit\n"
           "  --version       show the version and exit\n",
           config_path(NULL));
}

/* Reads the options. False when the process shall end, with *exit_code. */
static bool parse_options(int argc, char **argv, struct options *options, int *exit_code)
{
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"check", no_argument, NULL, 'k'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    int option;

    *exit_code = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config_path = optarg;
            break;
        case 'k':
            options->is_check = true;
            break;
        case 'h':
            print_help();
            return false;
        case 'v':
            printf("messagerie-broker (messagerie) %s\n", PACKAGE_VERSION);
            return false;
        default:
            *exit_code = 1;
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "messagerie-broker: unexpected argument %s\n", argv[optind]);
        *exit_code = 1;
    }
    return optind == argc;
}

static const char *reason_of(const struct error *error)
{
    return error->detail[0] != '\0' ? error->detail : error->text;
}

/* ---- requests and events -------------------------------------------------------------------- */

static void on_request(void *owner, struct http_request *request)
{
    static const char prefix[] = "/socket.io";
    static const char not_found[] =
        "{\"statusCode\":404,\"message\":\"Route inconnue\",\"error\":\"Not Found\"}";
    struct process *process = owner;
    const char *path = http_request_path(request);

    if (process->messaging != NULL &&
        (strcmp(path, prefix) == 0 || strcmp(path, "/socket.io/") == 0)) {
        messaging_handle(process->messaging, request);
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
    struct process *process = CONTAINER_OF(watch, struct process, bus_watch);
    struct metrics *metrics = messaging_metrics(process->messaging);
    struct event event;

    (void)events;
    for (int count = 0; count < BUS_EVENTS_PER_TURN; count++) {
        switch (bus_receive(process->bus, &event)) {
        case BUS_EVENT:
            messaging_accept(process->messaging, &event);
            break;
        case BUS_MALFORMED:
            metrics->bus_malformed++;
            break;
        case BUS_EMPTY:
            return;
        case BUS_FAILED:
            log_error(&process->log, "the bus has failed; events are read from the outbox");
            loop_unwatch(process->loop, &process->bus_watch);
            return;
        }
    }
}

/* ---- signals -------------------------------------------------------------------------------- */

static void reload(struct process *process)
{
    struct settings settings;
    struct error error;

    error_clear(&error);
    if (!settings_load(&settings, process->options.config_path, &error)) {
        log_error(&process->log, "the configuration is bad, keeping the old one",
                  LOG_TEXT("reason", reason_of(&error)));
        return;
    }
    log_level_parse(settings.config->log_level, &process->log.level);
    messaging_reload(process->messaging, &settings);
    log_info(&process->log, "configuration read again; addresses and database need a restart");
}

static void on_shutdown_step(struct timer *timer)
{
    struct process *process = CONTAINER_OF(timer, struct process, shutdown);
    int64_t spread_ms = messaging_settings(process->messaging)->config->broker_shutdown_ms;

    messaging_close_some(process->messaging, process->shutdown_share);
    if (messaging_connections(process->messaging) == 0)
        loop_stop(process->loop);
    else
        loop_timer_start(process->loop, timer, spread_ms / SHUTDOWN_STEPS + 1);
}

static void stop(struct process *process)
{
    if (process->is_stopping) { /* asked twice: at once */
        loop_stop(process->loop);
        return;
    }
    process->is_stopping = true;
    messaging_stop(process->messaging);
    http_server_stop_listening(process->http);
    process->shutdown_share = messaging_connections(process->messaging) / SHUTDOWN_STEPS + 1;
    log_info(&process->log, "stopping",
             LOG_NUMBER("connections", (int64_t)messaging_connections(process->messaging)));
    loop_timer_start(process->loop, &process->shutdown, 0);
}

static void on_signal(struct loop_watch *watch, uint32_t events)
{
    struct process *process = CONTAINER_OF(watch, struct process, signal_watch);
    struct signalfd_siginfo information;

    (void)events;
    while (read(watch->descriptor, &information, sizeof(information)) == sizeof(information)) {
        if (information.ssi_signo == SIGHUP)
            reload(process);
        else
            stop(process);
    }
}

/* Before any thread is made: they inherit the mask. */
static bool watch_signals(struct process *process, struct error *error)
{
    sigset_t handled;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &handled, NULL);
    int descriptor = signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC);
    if (descriptor >= 0 &&
        loop_watch(process->loop, &process->signal_watch, descriptor, EPOLLIN, on_signal))
        return true;
    if (descriptor >= 0)
        close(descriptor);
    return error_unavailable(error, "cannot watch signals: %s", strerror(errno));
}

/* ---- life ----------------------------------------------------------------------------------- */

/* Makes room for max_connections where the system allows it. */
static void raise_descriptor_limit(const struct process *process, int64_t max_connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)max_connections + EXTRA_HTTP_CONNECTIONS + RESERVED_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warning(&process->log, "fewer descriptors than broker.max_connections needs",
                    LOG_NUMBER("descriptors", (int64_t)limit.rlim_cur));
}

static bool open_bus(struct process *process, const char *address, struct error *error)
{
    process->bus = bus_receiver_create(address, error);
    if (process->bus == NULL)
        return false;
    return loop_watch(process->loop, &process->bus_watch, bus_receiver_descriptor(process->bus),
                      EPOLLIN, on_bus) ||
           error_unavailable(error, "cannot watch the bus: %s", strerror(errno));
}

static bool open_http(struct process *process, const struct config *config, struct error *error)
{
    process->http_settings = (struct http_settings){
        .loop = process->loop,
        .max_connections = (unsigned)config->broker_max_connections + EXTRA_HTTP_CONNECTIONS,
        .max_body_bytes = MESSAGING_MAX_PAYLOAD_BYTES,
        .trusts_forwarded_for = config->broker_trust_forwarded_for,
        .on_request = on_request,
        .owner = process,
    };
    int listener = listener_open(config->broker_listen, error);
    if (listener < 0)
        return false;
    process->http = http_server_create(&process->http_settings, listener, error);
    if (process->http == NULL)
        return false;
    log_info(&process->log, "ready", LOG_TEXT("listen", config->broker_listen),
             LOG_NUMBER("port", listener_port(listener)));
    return true;
}

/* The browsers' listener comes last: whoever can connect is served. */
static bool open_all(struct process *process, struct settings *settings, struct error *error)
{
    process->messaging = messaging_create(process->loop, settings, error);
    if (process->messaging == NULL)
        return false;
    const struct config *config = messaging_settings(process->messaging)->config;
    raise_descriptor_limit(process, config->broker_max_connections);
    messaging_start(process->messaging);
    if (config->broker_internal_listen[0] != '\0') {
        process->admin =
            admin_create(process->loop, process->messaging, config->broker_internal_listen, error);
        if (process->admin == NULL)
            return false;
    }
    return open_bus(process, config->broker_bus_address, error) &&
           open_http(process, config, error);
}

static void close_all(struct process *process)
{
    if (process->bus != NULL)
        loop_unwatch(process->loop, &process->bus_watch);
    bus_receiver_free(process->bus);
    /* The HTTP servers take a last turn: they must not find what is gone. */
    admin_free(process->admin);
    messaging_free(process->messaging);
    process->messaging = NULL;
    http_server_free(process->http);
}

static bool run(struct process *process, struct settings *settings, struct error *error)
{
    process->loop = loop_create(&process->services, error);
    if (process->loop == NULL) {
        settings_free(settings);
        return false;
    }
    if (!loop_timer_add(process->loop, &process->shutdown, on_shutdown_step)) {
        settings_free(settings);
        loop_free(process->loop);
        return error_out_of_memory(error);
    }
    bool succeeded = false;
    if (watch_signals(process, error)) {
        succeeded = open_all(process, settings, error) && loop_run(process->loop);
        close_all(process);
        loop_unwatch(process->loop, &process->signal_watch);
        close(process->signal_watch.descriptor);
    }
    settings_free(settings); /* nothing, once they were taken over */
    loop_timer_remove(process->loop, &process->shutdown);
    loop_free(process->loop);
    return succeeded;
}

int main(int argc, char **argv)
{
    struct process process = {.log = {.program = "broker",
                                      .level = LOG_LEVEL_INFO,
                                      .descriptor = STDERR_FILENO,
                                      .clock = &clock_system}};
    struct settings settings;
    struct error error;
    int exit_code;

    mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY_BYTES);
    mallopt(M_TOP_PAD, KEPT_MEMORY_BYTES / 8);
    id_source_init(&process.ids, &clock_system, &random_system);
    process.services = (struct services){&process.log, &clock_system, &random_system, &process.ids};
    if (!parse_options(argc, argv, &process.options, &exit_code))
        return exit_code;
    error_clear(&error);
    bool succeeded = settings_load(&settings, process.options.config_path, &error);
    if (succeeded && process.options.is_check) {
        printf("%s: the configuration is fine\n", config_path(process.options.config_path));
        settings_free(&settings);
        return 0;
    }
    if (succeeded) {
        log_level_parse(settings.config->log_level, &process.log.level);
        succeeded = run(&process, &settings, &error);
    }
    if (!succeeded) {
        log_error(&process.log, "can't start", LOG_TEXT("reason", reason_of(&error)));
        return 1;
    }
    log_info(&process.log, "stopped");
    return 0;
}
