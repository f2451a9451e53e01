/*
 * Our protocol layers (HTTP, WebSocket, Engine.IO, Socket.IO) without what stands above them: no
 * database, no tokens, no feed. Every client of /messaging is in; each line that comes on the other
 * port is the payload of a `new-message` to all of them. What it costs less than the broker is
 * what the broker costs beside them.
 *
 * It writes `listening CLIENTS_PORT LINES_PORT` when it is ready, and ends on SIGTERM.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/protocol/socketio.h"
#include "broker/transport/http.h"
#include "broker/transport/listener.h"
#include "broker/transport/loop.h"
#include "common/container.h"

#define NAMESPACE        "/messaging"
#define MAX_CONNECTIONS  20000
#define MAX_OUTPUT_BYTES (1024 * 1024)
#define LINES_BYTES      (64 * 1024)
#define OFFSET_BYTES     24

struct application {
    struct id_source ids;
    struct services services;
    struct log log;
    struct loop *loop;
    struct farewell_set endings;
    struct socketio_namespace name_space;
    const struct socketio_namespace *name_spaces[2];
    struct socketio_options socketio_options;
    struct socketio_server *socketio;
    struct http_options http_options;
    struct http_server *http;
    struct loop_watch signals;
    struct loop_watch listener; /* of those who send lines */
    struct loop_watch lines;    /* the one who does */
    char pending[LINES_BYTES];
    size_t pending_length;
    int64_t seq;
    struct socketio_socket *sockets[MAX_CONNECTIONS];
    size_t count;
};

/* ---- sockets ------------------------------------------------------------------------------- */

static void on_connect(void *context, struct socketio_socket *socket, struct json_object *auth,
                       const char *query)
{
    static const char payload[] = "{\"totalUnread\":0}";
    struct application *application = context;
    char sid[ENGINEIO_ID_BYTES];

    (void)auth;
    (void)query;
    engineio_make_id(application->services.random, sid);
    if (!socketio_accept(socket, sid, NULL))
        return;
    application->sockets[application->count++] =
        socket; /* handshakes above the limit are refused */
    socketio_emit(socket, "unread-count-updated", payload, sizeof(payload) - 1);
}

/* Whoever joins is answered; there is one room, and all are in it. */
static void on_event(void *context, struct socketio_socket *socket,
                     const struct socketio_event *event)
{
    (void)context;
    (void)event;
    socketio_emit(socket, "conversation-history", "{}", 2);
}

static void on_refused_event(void *context, struct socketio_socket *socket, int64_t ack_id,
                             const struct error *error)
{
    (void)context;
    (void)ack_id;
    (void)error;
    socketio_close(socket, FAREWELL_INTERNAL_ERROR);
}

static void on_disconnect(void *context, struct socketio_socket *socket,
                          enum socketio_reason reason)
{
    struct application *application = context;
    size_t at = 0;

    (void)reason;
    while (application->sockets[at] != socket)
        at++;
    application->sockets[at] = application->sockets[--application->count];
}

static void on_drain(void *context, struct socketio_socket *socket)
{
    (void)context;
    (void)socket;
}

static bool is_origin_allowed(void *context, const char *origin, const char *host)
{
    (void)context;
    (void)origin;
    (void)host;
    return true;
}

static struct engineio_verdict on_handshake(void *context,
                                            const struct engineio_handshake *handshake)
{
    const struct application *application = context;

    (void)handshake;
    return (struct engineio_verdict){.status = application->count < MAX_CONNECTIONS ? 0 : 503};
}

static void on_close(void *context, void *user)
{
    (void)context;
    (void)user;
}

static void on_request(void *owner, struct http_request *request)
{
    struct application *application = owner;

    engineio_handle(socketio_engineio(application->socketio), request);
}

/* ---- lines --------------------------------------------------------------------------------- */

/* As the broker does it: encoded once, shared by all, sent at the end of the turn. */
static void deliver(struct application *application, const char *line, size_t length)
{
    char offset[OFFSET_BYTES];

    snprintf(offset, sizeof(offset), "%lld", (long long)++application->seq);
    struct block *packet = socketio_encode_event(NAMESPACE, "new-message", line, length, offset);
    for (size_t i = 0; i < application->count; i++)
        socketio_send(application->sockets[i], packet);
    block_release(packet);
}

static void on_lines(struct loop_watch *watch, uint32_t events)
{
    struct application *application = CONTAINER_OF(watch, struct application, lines);
    char *pending = application->pending;
    ssize_t received = recv(watch->descriptor, pending + application->pending_length,
                            sizeof(application->pending) - application->pending_length, 0);

    (void)events;
    if (received <= 0) {
        loop_unwatch(application->loop, watch);
        close(watch->descriptor);
        return;
    }
    application->pending_length += (size_t)received;
    char *end = pending + application->pending_length;
    char *line = pending;
    for (char *stop; (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1)
        deliver(application, line, (size_t)(stop - line));
    application->pending_length = (size_t)(end - line);
    memmove(pending, line, application->pending_length);
}

static void on_lines_connection(struct loop_watch *watch, uint32_t events)
{
    struct application *application = CONTAINER_OF(watch, struct application, listener);
    int descriptor = accept4(watch->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (descriptor >= 0 &&
        (application->lines.events != 0 ||
         !loop_watch(application->loop, &application->lines, descriptor, EPOLLIN, on_lines)))
        close(descriptor);
}

/* ---- set-up -------------------------------------------------------------------------------- */

static void on_signal(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    loop_stop(CONTAINER_OF(watch, struct application, signals)->loop);
}

static bool watch_signals(struct application *application)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int descriptor = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    return descriptor >= 0 &&
           loop_watch(application->loop, &application->signals, descriptor, EPOLLIN, on_signal);
}

static bool set_up_socketio(struct application *application)
{
    application->endings.loop = application->loop;
    application->name_space = (struct socketio_namespace){.name = NAMESPACE,
                                                          .application = application,
                                                          .on_connect = on_connect,
                                                          .on_event = on_event,
                                                          .on_refused_event = on_refused_event,
                                                          .on_disconnect = on_disconnect,
                                                          .on_drain = on_drain};
    application->name_spaces[0] = &application->name_space;
    application->socketio_options = (struct socketio_options){
        .session = {.loop = application->loop,
                    .endings = &application->endings,
                    .ping_interval_ms = BROKER_PING_INTERVAL_MS,
                    .ping_timeout_ms = BROKER_PING_TIMEOUT_MS,
                    .upgrade_timeout_ms = BROKER_UPGRADE_TIMEOUT_MS,
                    .max_payload_bytes = BROKER_MAX_PAYLOAD_BYTES,
                    .max_output_bytes = MAX_OUTPUT_BYTES},
        .connect_timeout_ms = BROKER_PING_INTERVAL_MS,
        .payload = {BROKER_MAX_PAYLOAD_BYTES, NULL},
        .namespaces = application->name_spaces,
        .application = application,
        .is_origin_allowed = is_origin_allowed,
        .on_handshake = on_handshake,
        .on_close = on_close,
    };
    application->socketio = socketio_server_create(&application->socketio_options);
    return application->socketio != NULL;
}

static bool listen_on_ports(struct application *application, struct error *error)
{
    int listener = listener_open("127.0.0.1:0", error);
    int lines = listener >= 0 ? listener_open("127.0.0.1:0", error) : -1;
    int port = listener >= 0 ? listener_port(listener) : 0;

    if (lines < 0 ||
        !loop_watch(application->loop, &application->listener, lines, EPOLLIN, on_lines_connection))
        return false;
    application->http_options = (struct http_options){.loop = application->loop,
                                                      .max_connections = MAX_CONNECTIONS,
                                                      .max_body_bytes = LINES_BYTES,
                                                      .on_request = on_request,
                                                      .owner = application};
    application->http = http_server_create(&application->http_options, listener, error);
    if (application->http == NULL)
        return false;
    printf("listening %d %d\n", port, (int)listener_port(lines));
    fflush(stdout);
    return true;
}

static void tear_down(struct application *application)
{
    if (application->loop == NULL)
        return;
    socketio_server_free(application->socketio);
    http_server_free(application->http);
    farewell_abort(&application->endings);
    struct loop_watch *watches[] = {&application->signals, &application->listener,
                                    &application->lines};
    for (size_t i = 0; i < sizeof(watches) / sizeof(watches[0]); i++) {
        if (watches[i]->events == 0)
            continue;
        loop_unwatch(application->loop, watches[i]);
        close(watches[i]->descriptor);
    }
    loop_free(application->loop);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(void)
{
    static struct application application;
    struct error error;

    error_clear(&error);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    application.log =
        (struct log){"bench_layers", LOG_LEVEL_WARNING, STDERR_FILENO, &clock_system, NULL};
    id_source_init(&application.ids, &clock_system, &random_system);
    application.services =
        (struct services){&application.log, &clock_system, &random_system, &application.ids};
    application.loop = loop_create(&application.services, &error);
    bool is_good = application.loop != NULL && watch_signals(&application) &&
                   set_up_socketio(&application) && listen_on_ports(&application, &error) &&
                   loop_run(application.loop);
    if (!is_good)
        fprintf(stderr, "bench_layers: %s %s\n", error.text, error.detail);
    tear_down(&application);
    return is_good ? 0 : 1;
}
