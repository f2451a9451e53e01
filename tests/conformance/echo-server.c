/*
 * The lower layers of the broker with an echo application on top, for protocol test suites, our
 * own and public ones:
 *
 *   /echo         WebSocket: sends every message back
 *   /engine.io/   Engine.IO: sends every message packet back
 *   /socket.io/   Socket.IO: namespaces "/" and "/custom", which emit "auth" with the handshake's
 *                 auth object after connecting, answer "message" with "message-back" and
 *                 acknowledge "message-with-ack", both with the same arguments
 *
 * echo-server --port N [--ping-interval MS] [--ping-timeout MS]
 *
 * Port 0 takes a free one; the line "listening on port N" on standard output tells which. Ends
 * on SIGTERM and SIGINT.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "broker/protocol/engineio.h"
#include "broker/protocol/socketio.h"
#include "broker/transport/http.h"
#include "broker/transport/listener.h"
#include "broker/transport/loop.h"
#include "broker/transport/websocket.h"
#include "common/container.h"

#define PING_INTERVAL_MS   300
#define PING_TIMEOUT_MS    200
#define UPGRADE_TIMEOUT_MS 10000
#define CONNECT_TIMEOUT_MS 1500
#define MAX_PAYLOAD_BYTES  1000000
#define MAX_OUTPUT_BYTES   (16 * 1024 * 1024)
/* The largest messages of the WebSocket suites have 16 MiB. */
#define ECHO_MESSAGE_MAX_BYTES (32 * 1024 * 1024)
#define ECHO_OUTPUT_MAX_BYTES  (256 * 1024 * 1024)
#define MAX_CONNECTIONS        10000
#define LISTENERS              2

struct options {
    long port, ping_interval_ms, ping_timeout_ms;
};

struct application {
    struct id_source ids;
    struct services services;
    struct log log;
    struct loop *loop;
    struct farewell_set endings;
    struct websocket_options echo_options;
    struct echo *first_echo;
    struct engineio_options engineio_options;
    struct engineio_server *engineio;
    struct socketio_namespace name_spaces[2];
    const struct socketio_namespace *name_space_list[3];
    struct socketio_options socketio_options;
    struct socketio_server *socketio;
    struct http_options http_options;
    struct http_server *http[LISTENERS];
    struct loop_watch signals;
};

/* ---- WebSocket ----------------------------------------------------------------------------- */

struct echo {
    struct application *application;
    struct echo *next, *previous; /* all of them, for the end */
    struct websocket *websocket;
};

static void echo_free(struct echo *echo)
{
    if (echo->previous != NULL)
        echo->previous->next = echo->next;
    else
        echo->application->first_echo = echo->next;
    if (echo->next != NULL)
        echo->next->previous = echo->previous;
    free(echo);
}

static void on_echo_message(void *owner, bool is_text, const char *bytes, size_t length)
{
    struct echo *echo = owner;
    struct block *frame = frame_encode(is_text ? FRAME_TEXT : FRAME_BINARY, bytes, length);

    websocket_send(echo->websocket, frame);
    block_release(frame);
}

static void on_echo_drain(void *owner)
{
    (void)owner;
}

static void on_echo_close(void *owner, enum websocket_end end)
{
    (void)end;
    echo_free(owner);
}

static void on_echo_upgraded(void *context, int descriptor, const char *early, size_t early_length)
{
    struct application *application = context;
    struct echo *echo = descriptor >= 0 ? calloc(1, sizeof(*echo)) : NULL;

    if (descriptor < 0)
        return;
    if (echo == NULL) {
        close(descriptor);
        return;
    }
    echo->application = application;
    echo->next = application->first_echo;
    if (echo->next != NULL)
        echo->next->previous = echo;
    application->first_echo = echo;
    echo->websocket =
        websocket_create(&application->echo_options, descriptor, early, early_length, echo);
    if (echo->websocket == NULL)
        echo_free(echo);
}

static void close_echoes(struct application *application)
{
    for (struct echo *echo = application->first_echo, *next; echo != NULL; echo = next) {
        next = echo->next;
        websocket_abort(echo->websocket);
        echo_free(echo);
    }
}

/* ---- Engine.IO ----------------------------------------------------------------------------- */

struct echo_session {
    struct engineio_session *session;
};

static bool is_origin_allowed(void *owner, const char *origin, const char *host)
{
    (void)owner;
    (void)origin;
    (void)host;
    return true;
}

static struct engineio_verdict on_engineio_handshake(void *owner,
                                                     const struct engineio_handshake *handshake)
{
    struct echo_session *echo = calloc(1, sizeof(*echo));

    (void)owner;
    (void)handshake;
    return (struct engineio_verdict){echo != NULL ? 0 : 503, "Out of memory", echo};
}

static void on_engineio_open(void *user, struct engineio_session *session)
{
    struct echo_session *echo = user;

    echo->session = session;
}

static void on_engineio_message(void *user, bool is_text, const char *bytes, size_t length)
{
    struct echo_session *echo = user;
    struct block *packet = is_text ? engineio_packet_encode(ENGINEIO_MESSAGE, bytes, length)
                                   : engineio_packet_encode_binary(bytes, length);

    engineio_send(echo->session, packet);
    block_release(packet);
}

static void on_engineio_drain(void *user)
{
    (void)user;
}

static void on_engineio_close(void *user, enum engineio_end end, bool was_open)
{
    (void)end;
    (void)was_open;
    free(user);
}

/* ---- Socket.IO ----------------------------------------------------------------------------- */

static void append_json(struct buffer *out, struct json_object *value)
{
    const char *text = value != NULL
                           ? json_object_to_json_string_ext(
                                 value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                           : "null";

    if (out->length > 0)
        buffer_append_text(out, ",");
    if (text != NULL)
        buffer_append_text(out, text);
    else
        out->failed = true;
}

static void on_connect(void *context, struct socketio_socket *socket, struct json_object *auth,
                       const char *query)
{
    const struct application *application = context;
    struct buffer arguments = BUFFER_EMPTY;
    char id[ENGINEIO_ID_BYTES];

    (void)query;
    engineio_make_id(application->services.random, id);
    append_json(&arguments, auth);
    if (socketio_accept(socket, id, NULL) && !arguments.failed)
        socketio_emit(socket, "auth", arguments.data, arguments.length);
    buffer_free(&arguments);
}

static void on_event(void *context, struct socketio_socket *socket,
                     const struct socketio_event *event)
{
    struct buffer arguments = BUFFER_EMPTY;

    (void)context;
    for (size_t i = 1; i < json_object_array_length(event->arguments); i++)
        append_json(&arguments, json_object_array_get_idx(event->arguments, i));
    if (!arguments.failed && strcmp(event->name, "message") == 0)
        socketio_emit_binary(socket, "message-back", arguments.data, arguments.length,
                             event->attachments, event->attachment_count);
    else if (!arguments.failed && strcmp(event->name, "message-with-ack") == 0)
        socketio_ack_binary(socket, event->ack_id, arguments.data, arguments.length,
                            event->attachments, event->attachment_count);
    buffer_free(&arguments);
}

static void on_refused_event(void *context, struct socketio_socket *socket, int64_t ack_id,
                             const struct error *error)
{
    (void)context;
    (void)ack_id;
    (void)error;
    socketio_emit(socket, "error", NULL, 0);
}

static void on_disconnect(void *context, struct socketio_socket *socket,
                          enum socketio_reason reason)
{
    (void)context;
    (void)socket;
    (void)reason;
}

static void on_socketio_drain(void *context, struct socketio_socket *socket)
{
    (void)context;
    (void)socket;
}

static struct engineio_verdict on_socketio_handshake(void *context,
                                                     const struct engineio_handshake *handshake)
{
    (void)context;
    (void)handshake;
    return (struct engineio_verdict){0, NULL, NULL};
}

static void on_socketio_close(void *context, void *user)
{
    (void)context;
    (void)user;
}

/* ---- HTTP ---------------------------------------------------------------------------------- */

static void on_request(void *owner, struct http_request *request)
{
    static const struct http_field no_fields[HTTP_FIELDS_MAX] = {{NULL, NULL}};
    struct application *application = owner;
    const char *path = http_request_path(request);

    if (strcmp(path, "/engine.io/") == 0) {
        engineio_handle(application->engineio, request);
    } else if (strcmp(path, "/socket.io/") == 0) {
        engineio_handle(socketio_engineio(application->socketio), request);
    } else if (strcmp(path, "/echo") == 0 && http_request_is_websocket(request)) {
        http_upgrade(request, no_fields, on_echo_upgraded, application);
    } else {
        const struct http_response response = {.status = strcmp(path, "/echo") == 0 ? 400 : 404};

        http_respond(request, &response);
    }
}

static bool listen_on(struct application *application, int index, const char *host, long port,
                      struct error *error)
{
    char address[64];

    snprintf(address, sizeof(address), "%s:%ld", host, port);
    int listener = listener_open(address, error);
    if (listener < 0)
        return false;
    if (index == 0)
        printf("listening on port %u\n", (unsigned)listener_port(listener));
    application->http[index] = http_server_create(&application->http_options, listener, error);
    return application->http[index] != NULL;
}

/* ---- set-up -------------------------------------------------------------------------------- */

static void set_up_echo(struct application *application)
{
    application->echo_options = (struct websocket_options){
        .loop = application->loop,
        .endings = &application->endings,
        .max_message_bytes = ECHO_MESSAGE_MAX_BYTES,
        .max_output_bytes = ECHO_OUTPUT_MAX_BYTES,
        .on_message = on_echo_message,
        .on_drain = on_echo_drain,
        .on_close = on_echo_close,
    };
}

static void set_up_engineio(struct application *application, const struct options *options)
{
    application->engineio_options = (struct engineio_options){
        .session = {.loop = application->loop,
                    .endings = &application->endings,
                    .ping_interval_ms = options->ping_interval_ms,
                    .ping_timeout_ms = options->ping_timeout_ms,
                    .upgrade_timeout_ms = UPGRADE_TIMEOUT_MS,
                    .max_payload_bytes = MAX_PAYLOAD_BYTES,
                    .max_output_bytes = MAX_OUTPUT_BYTES,
                    .on_open = on_engineio_open,
                    .on_message = on_engineio_message,
                    .on_drain = on_engineio_drain,
                    .on_close = on_engineio_close},
        .is_origin_allowed = is_origin_allowed,
        .on_handshake = on_engineio_handshake,
    };
    application->engineio = engineio_server_create(&application->engineio_options);
}

static void set_up_socketio(struct application *application)
{
    static const char *const names[] = {"/", "/custom"};

    for (size_t i = 0; i < 2; i++) {
        application->name_spaces[i] = (struct socketio_namespace){
            .name = names[i],
            .application = application,
            .on_connect = on_connect,
            .on_event = on_event,
            .on_refused_event = on_refused_event,
            .on_disconnect = on_disconnect,
            .on_drain = on_socketio_drain,
        };
        application->name_space_list[i] = &application->name_spaces[i];
    }
    application->socketio_options = (struct socketio_options){
        .session = application->engineio_options.session,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .payload = {MAX_PAYLOAD_BYTES, NULL},
        .namespaces = application->name_space_list,
        .application = application,
        .is_origin_allowed = is_origin_allowed,
        .on_handshake = on_socketio_handshake,
        .on_close = on_socketio_close,
    };
    application->socketio = socketio_server_create(&application->socketio_options);
}

static bool set_up_http(struct application *application, const struct options *options,
                        struct error *error)
{
    struct error ignored;

    application->http_options = (struct http_options){
        .loop = application->loop,
        .max_connections = MAX_CONNECTIONS,
        .max_body_bytes = MAX_PAYLOAD_BYTES,
        .on_request = on_request,
        .owner = application,
    };
    if (!listen_on(application, 0, "127.0.0.1", options->port, error))
        return false;
    /* "localhost" may mean this one; there may be no IPv6 at all. */
    if (options->port != 0)
        listen_on(application, 1, "[::1]", options->port, &ignored);
    fflush(stdout);
    return true;
}

static void on_signal(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    loop_stop(CONTAINER_OF(watch, struct application, signals)->loop);
}

static bool watch_signals(struct application *application, struct error *error)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int descriptor = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (descriptor < 0 ||
        !loop_watch(application->loop, &application->signals, descriptor, EPOLLIN, on_signal))
        return error_set(error, ERROR_UNAVAILABLE, "signalfd: %s", strerror(errno));
    return true;
}

static bool set_up(struct application *application, const struct options *options,
                   struct error *error)
{
    application->log =
        (struct log){"echo-server", LOG_LEVEL_INFO, STDERR_FILENO, &clock_system, NULL};
    id_source_init(&application->ids, &clock_system, &random_system);
    application->services =
        (struct services){&application->log, &clock_system, &random_system, &application->ids};
    application->loop = loop_create(&application->services, error);
    if (application->loop == NULL)
        return false;
    application->endings.loop = application->loop;
    set_up_echo(application);
    set_up_engineio(application, options);
    set_up_socketio(application);
    if (application->engineio == NULL || application->socketio == NULL)
        return error_out_of_memory(error);
    return watch_signals(application, error) && set_up_http(application, options, error);
}

static void tear_down(struct application *application)
{
    if (application->loop == NULL)
        return;
    close_echoes(application);
    engineio_server_free(application->engineio);
    socketio_server_free(application->socketio);
    for (int i = 0; i < LISTENERS; i++)
        http_server_free(application->http[i]);
    farewell_abort(&application->endings);
    if (application->signals.events != 0) {
        loop_unwatch(application->loop, &application->signals);
        close(application->signals.descriptor);
    }
    loop_free(application->loop);
}

static bool parse_number(const char *text, long *number)
{
    char *end;

    if (text == NULL)
        return false;
    errno = 0;
    *number = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && errno == 0 && *number >= 0;
}

static bool parse_options(char **arguments, struct options *options)
{
    *options = (struct options){-1, PING_INTERVAL_MS, PING_TIMEOUT_MS};
    for (; arguments[0] != NULL; arguments += 2) {
        long *number = strcmp(arguments[0], "--port") == 0            ? &options->port
                       : strcmp(arguments[0], "--ping-interval") == 0 ? &options->ping_interval_ms
                       : strcmp(arguments[0], "--ping-timeout") == 0  ? &options->ping_timeout_ms
                                                                      : NULL;

        if (number == NULL || !parse_number(arguments[1], number))
            return false;
    }
    return options->port >= 0 && options->port <= 65535;
}

int main(int count, char **arguments)
{
    struct application application = {0};
    struct options options;
    struct error error;
    struct rlimit limit;

    (void)count;
    if (!parse_options(arguments + 1, &options)) {
        fprintf(stderr, "usage: echo-server --port N [--ping-interval MS] [--ping-timeout MS]\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    error_clear(&error);
    bool is_good = set_up(&application, &options, &error) && loop_run(application.loop);
    if (!is_good)
        fprintf(stderr, "echo-server: %s\n", error.text);
    tear_down(&application);
    return is_good ? 0 : 1;
}
