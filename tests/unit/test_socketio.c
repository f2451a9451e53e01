/* What tests/conformance cannot reach: answers that come later, pauses, acknowledgements of ours,
 * the ways in which a socket ends. */
#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "broker/protocol/socketio.h"
#include "broker/protocol/socketio_connection.h"
#include "broker/transport/frame.h"
#include "broker/transport/listener.h"
#include "tests/unit/broker_fixture.h"

#define CONNECT_TIMEOUT_MS 5000
#define ACK_TIMEOUT_MS     3000
#define PAYLOAD_LIMIT      1000000
#define EVENT_LIMIT        200000

/* The application. It has one socket, of the namespace "/app". */
struct application {
    struct socketio_socket *socket;
    char connection;   /* what a connection's user points to */
    struct buffer log; /* what it was told, in order */
    int connects, closes, acks;
    bool answers_later, refuses;                /* in on_connect */
    bool pauses, disconnects, closes_transport; /* in on_event */
    bool notes_names_alone;
};

static struct broker_fixture fixture;
static struct application application;
static struct socketio_namespace name_space;
static const struct socketio_namespace *name_spaces[2];
static struct socketio_options options;
static struct socketio_server *server;
static struct http_options http_options;
static struct http_server *http;
static uint16_t port;
static struct test_client client;
static struct buffer body;

static void note(const char *text)
{
    if (application.log.length > 0)
        buffer_append_text(&application.log, " ");
    buffer_append_text(&application.log, text);
}

/* Turns until that much has been told. */
static void check_log(const char *expected)
{
    FIXTURE_UNTIL(&fixture, application.log.length >= strlen(expected));
    assert_string_equal(application.log.length > 0 ? buffer_text(&application.log) : "", expected);
    buffer_clear(&application.log);
}

static void on_connect(void *context, struct socketio_socket *socket, struct json_object *auth,
                       const char *query)
{
    (void)context;
    (void)auth;
    application.connects++;
    application.socket = socket;
    socketio_set_user(socket, &application.connects);
    if (query[0] != '\0')
        note(query);
    if (application.refuses) {
        socketio_refuse(socket, "No \"entry\"", "{\"a\":1}");
        application.socket = NULL;
    } else if (!application.answers_later) {
        assert_true(socketio_accept(socket, "the-sid", "the-pid"));
    }
}

static void on_event(void *context, struct socketio_socket *socket,
                     const struct socketio_event *event)
{
    (void)context;
    assert_ptr_equal(socketio_user(socket), &application.connects);
    note(event->name);
    assert_null(socketio_argument(event, 10));
    if (socketio_argument(event, 0) != NULL && !application.notes_names_alone)
        note(json_object_get_string(socketio_argument(event, 0)));
    if (application.pauses)
        socketio_pause(socket);
    if (application.disconnects)
        socketio_disconnect(socket);
    if (application.closes_transport)
        socketio_close(socket, FAREWELL_UNSAID);
    socketio_ack(socket, event->ack_id, "1", 1);
}

static void on_refused_event(void *context, struct socketio_socket *socket, int64_t ack_id,
                             const struct error *error)
{
    (void)context;
    (void)socket;
    assert_true(error->kind == ERROR_INVALID || error->kind == ERROR_TOO_LARGE);
    note(ack_id == 5 ? "refused:5" : "refused");
}

static void on_disconnect(void *context, struct socketio_socket *socket,
                          enum socketio_reason reason)
{
    (void)context;
    assert_ptr_equal(socketio_user(socket), &application.connects);
    assert_false(socketio_is_connected(socket));
    note(socketio_reason_name(reason));
    application.socket = NULL;
}

static void on_drain(void *context, struct socketio_socket *socket)
{
    (void)context;
    assert_ptr_equal(socket, application.socket);
    note("drained");
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
    (void)context;
    (void)handshake;
    return (struct engineio_verdict){0, NULL, &application.connection};
}

static void on_close(void *context, void *user)
{
    (void)context;
    assert_ptr_equal(user, &application.connection);
    application.closes++;
}

static void on_request(void *owner, struct http_request *request)
{
    (void)owner;
    engineio_handle(socketio_engineio(server), request);
}

static void check_text(const char *expected)
{
    assert_int_equal(client_await_frame(&client, &body), FRAME_TEXT);
    assert_string_equal(body.length > 0 ? buffer_text(&body) : "", expected);
}

static void send_text(const char *text)
{
    client_send_frame(&client, FRAME_TEXT, true, text, strlen(text));
}

static void turns(int count)
{
    for (int i = 0; i < count; i++)
        fixture_turn(&fixture);
}

static void open_connection(void)
{
    client_connect(&client, &fixture, port);
    client_send_text(&client, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
                              "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_int_equal(client_await_response(&client, NULL, NULL), 101);
    assert_int_equal(client_await_frame(&client, &body), FRAME_TEXT);
}

static void connect_socket(void)
{
    open_connection();
    send_text("40/app,");
    check_text("40/app,{\"sid\":\"the-sid\",\"pid\":\"the-pid\"}");
}

static int set_up(void **state)
{
    struct error error;

    (void)state;
    fixture_open(&fixture);
    application = (struct application){0};
    body = BUFFER_EMPTY;
    name_space = (struct socketio_namespace){.name = "/app",
                                             .on_connect = on_connect,
                                             .on_event = on_event,
                                             .on_refused_event = on_refused_event,
                                             .on_disconnect = on_disconnect,
                                             .on_drain = on_drain};
    name_spaces[0] = &name_space;
    options = (struct socketio_options){
        .session = {.loop = fixture.loop,
                    .endings = &fixture.endings,
                    .ping_interval_ms = 25000,
                    .ping_timeout_ms = 20000,
                    .upgrade_timeout_ms = 10000,
                    .max_payload_bytes = PAYLOAD_LIMIT,
                    .max_output_bytes = 1000000},
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .namespaces = name_spaces,
        .payload = {EVENT_LIMIT, NULL},
        .is_origin_allowed = is_origin_allowed,
        .on_handshake = on_handshake,
        .on_close = on_close,
    };
    server = socketio_server_create(&options);
    assert_non_null(server);
    http_options = (struct http_options){.loop = fixture.loop,
                                         .max_connections = 100,
                                         .max_body_bytes = PAYLOAD_LIMIT,
                                         .on_request = on_request};
    error_clear(&error);
    int listener = listener_open("127.0.0.1:0", &error);
    port = listener_port(listener);
    http = http_server_create(&http_options, listener, &error);
    assert_non_null(http);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    socketio_server_free(server);
    http_server_free(http);
    client_close(&client);
    buffer_free(&application.log);
    buffer_free(&body);
    turns(1);
    fixture_close(&fixture);
    return 0;
}

/* ---- connecting ---------------------------------------------------------------------------- */

static void on_connect_may_be_answered_later(void **state)
{
    (void)state;
    application.answers_later = true;
    open_connection();
    send_text("40/app?a=b,");
    FIXTURE_UNTIL(&fixture, application.connects == 1);
    check_log("a=b");
    turns(5);
    assert_false(socketio_is_connected(application.socket));
    assert_ptr_equal(socketio_connection_user(application.socket), &application.connection);
    socketio_emit(application.socket, "dropped", NULL, 0); /* it is not in yet */
    assert_true(socketio_accept(application.socket, "sid", NULL));
    assert_true(socketio_is_connected(application.socket));
    socketio_emit(application.socket, "hello", "1,2", 3);
    check_text("40/app,{\"sid\":\"sid\"}");
    check_text("42/app,[\"hello\",1,2]");
}

static void who_is_gone_before_the_answer_never_was_in(void **state)
{
    (void)state;
    application.answers_later = true;
    for (int accepts = 0; accepts <= 1; accepts++) {
        open_connection();
        send_text("40/app,");
        FIXTURE_UNTIL(&fixture, application.connects == accepts + 1);
        assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
        FIXTURE_UNTIL(&fixture, application.closes == accepts + 1);
        assert_null(socketio_connection_user(application.socket));
        if (accepts)
            assert_false(socketio_accept(application.socket, "sid", NULL));
        else
            socketio_refuse(application.socket, "no", NULL);
        turns(2);
        check_log(""); /* it never was in */
        if (!accepts)
            client_close(&client);
    }
}

static void who_is_refused_may_try_again(void **state)
{
    (void)state;
    application.refuses = true;
    open_connection();
    send_text("40/app,");
    check_text("44/app,{\"message\":\"No \\\"entry\\\"\",\"data\":{\"a\":1}}");
    application.refuses = false;
    send_text("40/app,"); /* it may try again */
    check_text("40/app,{\"sid\":\"the-sid\",\"pid\":\"the-pid\"}");
    check_log("");
}

static void who_is_in_no_namespace_in_time_is_closed(void **state)
{
    (void)state;
    application.refuses = true;
    open_connection();
    send_text("40/app,");
    check_text("44/app,{\"message\":\"No \\\"entry\\\"\",\"data\":{\"a\":1}}");
    fixture_pass(&fixture, CONNECT_TIMEOUT_MS - 1);
    assert_int_equal(application.closes, 0);
    fixture_pass(&fixture, 1);
    assert_int_equal(application.closes, 1);
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
}

static void the_time_to_connect_begins_again_without_a_namespace(void **state)
{
    (void)state;
    connect_socket();
    fixture_pass(&fixture, 2 * CONNECT_TIMEOUT_MS);
    assert_int_equal(application.closes, 0);
    send_text("41/app,");
    FIXTURE_UNTIL(&fixture, application.socket == NULL);
    fixture_pass(&fixture, CONNECT_TIMEOUT_MS); /* it runs again */
    assert_int_equal(application.closes, 1);
}

/* ---- events one after the other ------------------------------------------------------------ */

static void events_wait_while_the_socket_is_paused(void **state)
{
    (void)state;
    connect_socket();
    application.pauses = true;
    send_text("42/app,[\"one\"]");
    send_text("42/app,[\"two\",\"x\"]");
    send_text("42/app,7[\"three\"]");
    turns(10);
    check_log("one");
    socketio_resume(application.socket);
    check_log("two x");
    application.pauses = false;
    socketio_resume(application.socket);
    check_log("three");
    check_text("43/app,7[1]");
    send_text("42/app,[\"four\"]");
    turns(5);
    check_log("four");
}

/* The queue is bounded; when it is full reading stops, and nothing is lost. */
static void a_flood_of_events_is_handled_one_by_one(void **state)
{
    enum { COUNT = 3 * SOCKETIO_QUEUE_MAX_PACKETS };
    char text[64];

    (void)state;
    connect_socket();
    application.pauses = true;
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof(text), "42/app,[\"e\",%d]", i);
        send_text(text);
    }
    turns(50);
    check_log("e 0");
    for (int i = 1; i < COUNT; i++) {
        socketio_resume(application.socket);
        FIXTURE_UNTIL(&fixture, application.log.length > 0);
        snprintf(text, sizeof(text), "e %d", i);
        check_log(text);
        turns(3);
    }
    application.pauses = false;
    socketio_resume(application.socket);
    send_text("42/app,[\"last\"]");
    turns(5);
    check_log("last");
}

/* How much of a flood the server takes while it is paused. */
static size_t count_taken(size_t message_length)
{
    static char text[70000];
    size_t sent = 0;

    snprintf(text, sizeof(text), "42/app,[\"e\",\"");
    size_t start = strlen(text);
    memset(text + start, 'x', message_length);
    strcpy(text + start + message_length, "\"]");
    int size = 4096;
    setsockopt(client.descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    for (int idle = 0; idle < 100 && sent < 100000000;) {
        struct buffer frame = BUFFER_EMPTY;
        size_t length = strlen(text);
        char header[8] = {(char)0x81, (char)(0x80 | 126), (char)(length >> 8), (char)length};

        buffer_append(&frame, header, 8); /* a mask of zeros */
        buffer_append(&frame, text, length);
        for (size_t at = 0; at < frame.length && idle < 100;) {
            ssize_t count =
                send(client.descriptor, frame.data + at, frame.length - at, MSG_NOSIGNAL);
            idle = count > 0 ? 0 : idle + 1;
            at += count > 0 ? (size_t)count : 0;
            fixture_turn(&fixture);
        }
        sent += frame.length;
        buffer_free(&frame);
    }
    return sent;
}

static void a_flood_is_not_read(void **state)
{
    (void)state;
    connect_socket();
    application.pauses = true;
    send_text("42/app,[\"first\"]");
    turns(5);
    /* The queue, what was read along with its last event, and the kernel's buffers. */
    assert_true(count_taken(60000) < 16 * 1024 * 1024);
    assert_int_equal(application.closes, 0);
    application.pauses = false;
    socketio_resume(application.socket);
}

static void an_event_that_is_refused_closes_nothing(void **state)
{
    (void)state;
    connect_socket();
    send_text("42/app,[\"one\",\"\\u0000\"]");
    send_text("42/app,5[\"one\",\"\\udc00\"]");
    send_text("42/app,[\"two\"]");
    turns(10);
    check_log("refused refused:5 two");
}

/* A packet whose payload is an event of so many bytes. */
static void send_large(const char *header, size_t payload_length)
{
    struct buffer text = BUFFER_EMPTY;

    buffer_append_text(&text, header);
    buffer_append_text(&text, "[\"large\",\"");
    while (text.length < strlen(header) + payload_length - 2)
        buffer_append(&text, "x", 1);
    buffer_append_text(&text, "\"]");
    assert_non_null(buffer_text(&text));
    client_send_frame(&client, FRAME_TEXT, true, text.data, text.length);
    buffer_free(&text);
    turns(5); /* the kernel's buffers have an end */
}

static void an_event_that_is_too_large_closes_nothing(void **state)
{
    (void)state;
    connect_socket();
    application.notes_names_alone = true;
    send_large("42/app,5", EVENT_LIMIT);
    send_large("42/app,5", EVENT_LIMIT + 1);
    send_text("42/app,[\"two\"]");
    check_log("large refused:5 two");
    assert_int_equal(application.closes, 0);
}

/* It waits without its payload, in its place. */
static void an_event_that_is_too_large_waits_without_its_payload(void **state)
{
    (void)state;
    connect_socket();
    application.notes_names_alone = true;
    application.pauses = true;
    send_text("42/app,[\"one\"]");
    send_large("42/app,5", EVENT_LIMIT + 1);
    for (int i = 0; i < 10; i++) /* together more than a queue may hold */
        send_large("42/app,", EVENT_LIMIT + 1);
    send_text("42/app,[\"two\"]");
    send_text("42/app,[\"three\"]");
    turns(10);
    check_log("one");
    socketio_resume(application.socket);
    check_log("refused:5 refused refused refused refused refused refused refused refused refused "
              "refused two");
    assert_int_equal(application.closes, 0);
    application.pauses = false;
    socketio_resume(application.socket);
    check_log("three");
}

static void attachments_count_for_the_limit_of_an_event(void **state)
{
    static char bytes[EVENT_LIMIT];

    (void)state;
    connect_socket();
    application.notes_names_alone = true;
    send_text("452-/app,5[\"one\",{\"_placeholder\":true,\"num\":0}]");
    client_send_frame(&client, FRAME_BINARY, true, bytes, sizeof(bytes) / 2);
    client_send_frame(&client, FRAME_BINARY, true, bytes, sizeof(bytes) / 4);
    send_text("452-/app,5[\"one\",{\"_placeholder\":true,\"num\":0}]");
    client_send_frame(&client, FRAME_BINARY, true, bytes, sizeof(bytes));
    client_send_frame(&client, FRAME_BINARY, true, bytes, sizeof(bytes));
    send_large("451-/app,5", EVENT_LIMIT + 10000);
    client_send_frame(&client, FRAME_BINARY, true, bytes, 1);
    send_large("461-/app,5", EVENT_LIMIT + 10000); /* an acknowledgement that nobody waits for */
    client_send_frame(&client, FRAME_BINARY, true, bytes, 1);
    send_text("42/app,[\"two\"]");
    check_log("one refused:5 refused:5 two");
    assert_int_equal(application.closes, 0);
}

/* A header has no use for as much. */
static void a_header_that_is_too_long_closes_the_connection(void **state)
{
    (void)state;
    connect_socket();
    char *text = malloc(100000);
    assert_non_null(text);
    snprintf(text, 100000, "42/app?%0*d,[\"one\"]", 90000, 0);
    send_text(text);
    free(text);
    check_log("parse error");
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
}

/* A client that has shown nothing yet. */
static void who_is_in_no_namespace_is_to_be_brief(void **state)
{
    static char text[SOCKETIO_ANONYMOUS_MAX_BYTES + 2];

    (void)state;
    open_connection();
    snprintf(text, sizeof(text), "40/app,{\"token\":\"%0*d\"}", (int)sizeof(text) - 40, 0);

    assert_true(strlen(text) < SOCKETIO_ANONYMOUS_MAX_BYTES);
    send_text(text);
    check_text("40/app,{\"sid\":\"the-sid\",\"pid\":\"the-pid\"}");
    client_close(&client);
    open_connection();
    memset(text, ' ', SOCKETIO_ANONYMOUS_MAX_BYTES + 1);
    send_text(text);
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
}

static void who_is_in_no_namespace_sends_no_attachments(void **state)
{
    (void)state;
    open_connection();
    send_text("451-/app,[\"x\",{\"_placeholder\":true,\"num\":0}]");
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
    client_close(&client);
    open_connection();
    client_send_frame(&client, FRAME_BINARY, true, "x", 1);
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
}

static void the_third_refusal_closes_the_connection(void **state)
{
    (void)state;
    application.refuses = true;
    open_connection();
    for (int i = 0; i < SOCKETIO_REFUSALS_MAX; i++) {
        send_text("40/app,");
        assert_int_equal(client_await_frame(&client, &body), FRAME_TEXT);
    }
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
}

static void a_malformed_event_that_waited_ends_the_connection(void **state)
{
    (void)state;
    connect_socket();
    application.pauses = true;
    send_text("42/app,[\"one\"]");
    send_text("42/app,{}");
    send_text("42/app,[\"three\"]");
    turns(10);
    check_log("one");
    socketio_resume(application.socket);
    check_log("parse error");
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void a_client_that_disconnects_keeps_its_connection(void **state)
{
    (void)state;
    connect_socket();
    send_text("42/app,[\"one\"]");
    send_text("41/app,");
    turns(10);
    check_log("one client namespace disconnect");
    assert_int_equal(application.closes, 0);
}

/* What was sent before is still handled, though nothing can be answered. */
static void a_disconnect_waits_for_the_events_before_it(void **state)
{
    (void)state;
    connect_socket();
    application.pauses = true;
    send_text("42/app,[\"one\"]");
    send_text("42/app,9[\"two\"]");
    FIXTURE_UNTIL(&fixture, application.log.length > 0);
    struct socketio_socket *socket = application.socket;
    send_text("41/app,");
    send_text("40/app,");
    check_text("40/app,{\"sid\":\"the-sid\",\"pid\":\"the-pid\"}"); /* a new socket meanwhile */
    check_log("one");
    assert_int_equal(application.connects, 2);
    application.pauses = false;
    socketio_resume(socket);
    check_log("two client namespace disconnect");
}

static void events_of_a_paused_socket_outlive_its_transport(void **state)
{
    (void)state;
    connect_socket();
    application.pauses = true;
    send_text("42/app,[\"one\"]");
    send_text("42/app,9[\"two\"]");
    turns(10);
    struct socketio_socket *socket = application.socket;
    assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
    FIXTURE_UNTIL(&fixture, application.closes == 1);
    check_log("one"); /* not yet */
    assert_false(socketio_is_connected(socket));
    socketio_emit(socket, "dropped", NULL, 0);
    assert_int_equal(socketio_queued(socket), 0);
    socketio_resume(socket);
    check_log("two");
    application.pauses = false;
    socketio_resume(socket);
    check_log("transport close");
    assert_null(application.socket);
}

static void a_disconnected_socket_is_told_and_its_connection_stays(void **state)
{
    (void)state;
    connect_socket();
    socketio_disconnect(application.socket);
    check_log("server namespace disconnect");
    assert_null(application.socket);
    check_text("41/app,");
    assert_int_equal(application.closes, 0);
}

/* Within an event on_disconnect waits for its end; events behind it are dropped. */
static void a_socket_may_be_disconnected_within_its_event(void **state)
{
    (void)state;
    connect_socket();
    application.disconnects = true;
    send_text("42/app,[\"one\"]");
    check_text("41/app,");
    check_log("one server namespace disconnect");
    send_text("42/app,[\"two\"]"); /* to a namespace that it is not in any more */
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
    check_log("");
}

static void a_connection_may_be_closed_within_an_event(void **state)
{
    (void)state;
    connect_socket();
    application.closes_transport = true;
    send_text("42/app,[\"one\"]");
    send_text("42/app,[\"two\"]");
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
    check_log("one forced server close");
    client_await_end(&client);
}

static void closing_sends_what_waits_and_no_disconnect(void **state)
{
    (void)state;
    connect_socket();
    socketio_emit(application.socket, "error", "{\"code\":\"token_expired\"}", 24);
    socketio_close(application.socket, FAREWELL_UNSAID);
    check_log("forced server close");
    assert_int_equal(application.closes, 1);
    check_text("42/app,[\"error\",{\"code\":\"token_expired\"}]");
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE); /* and no DISCONNECT */
}

static void the_end_of_the_transport_is_the_reason(void **state)
{
    (void)state;
    connect_socket();
    fixture_pass(&fixture, 25000);
    fixture_pass(&fixture, 20000);
    check_log("ping timeout");
    client_close(&client);

    connect_socket();
    send_text("9");
    FIXTURE_UNTIL(&fixture, application.closes == 2);
    check_log("parse error");
    client_close(&client);

    connect_socket();
    client_send(&client, "\x83\x80\0\0\0\0", 6);
    FIXTURE_UNTIL(&fixture, application.closes == 3);
    check_log("transport error");
    client_close(&client);

    connect_socket();
    static char text[900000];
    memset(text, '1', sizeof(text));
    for (int i = 0; i < 40 && application.closes == 3; i++) {
        socketio_emit(application.socket, "big", text, sizeof(text));
        turns(1);
    }
    check_log("slow consumer");
}

static void a_packet_without_memory_ends_the_connection_later(void **state)
{
    (void)state;
    connect_socket();
    socketio_send(application.socket, NULL);
    check_log("");
    turns(2);
    check_log("slow consumer");
}

static void the_servers_end_disconnects_its_sockets(void **state)
{
    (void)state;
    connect_socket();
    socketio_server_free(server);
    server = NULL;
    check_log("forced server close");
    assert_int_equal(application.closes, 1);
}

/* ---- sending ------------------------------------------------------------------------------- */

static void an_encoded_event_is_shared(void **state)
{
    static const char payload[] = "{\"n\":1}";
    struct block *packet = socketio_encode_event("/app", "news", payload, strlen(payload), "42");

    (void)state;
    connect_socket();
    for (int i = 0; i < 3; i++)
        socketio_send(application.socket, packet);
    assert_int_equal(packet->references, 4);
    assert_int_equal(socketio_queued(application.socket), 3 * (size_t)packet->length);
    turns(1);
    assert_int_equal(packet->references, 1);
    for (int i = 0; i < 3; i++)
        check_text("42/app,[\"news\",{\"n\":1},\"42\"]");
    block_release(packet);
}

static void drain_is_told_once(void **state)
{
    (void)state;
    connect_socket();
    socketio_emit(application.socket, "news", NULL, 0);
    socketio_want_drain(application.socket);
    check_log("");
    turns(1);
    check_log("drained");
    turns(3);
    check_log("");
}

static void on_ack(void *context, struct json_object *arguments)
{
    assert_ptr_equal(context, &application.acks);
    application.acks++;
    note(arguments != NULL ? json_object_get_string(json_object_array_get_idx(arguments, 0))
                           : "none");
}

static bool emit_with_ack(const char *name)
{
    return socketio_emit_with_ack(application.socket, name, "1", 1, ACK_TIMEOUT_MS, on_ack,
                                  &application.acks);
}

static void an_acknowledgement_comes_once_or_not_in_time(void **state)
{
    (void)state;
    connect_socket();
    assert_true(emit_with_ack("a"));
    assert_true(emit_with_ack("b"));
    assert_true(emit_with_ack("c"));
    check_text("42/app,0[\"a\",1]");
    check_text("42/app,1[\"b\",1]");
    check_text("42/app,2[\"c\",1]");
    send_text("43/app,1[\"two\"]");
    send_text("43/app,1[\"twice\"]");
    send_text("43/app,7[\"unknown\"]");
    send_text("43/app,0[\"one\"]");
    turns(10);
    check_log("two one");
    fixture_pass(&fixture, ACK_TIMEOUT_MS);
    check_log("none");
    send_text("43/app,2[\"late\"]");
    turns(5);
    check_log("");
}

static void the_end_of_a_socket_ends_its_acknowledgements(void **state)
{
    (void)state;
    connect_socket();
    for (int i = 0; i < SOCKETIO_ACKS_MAX; i++)
        assert_true(emit_with_ack("a"));
    assert_false(emit_with_ack("a"));
    struct socketio_socket *socket = application.socket;
    socketio_disconnect(socket);
    assert_int_equal(application.acks, SOCKETIO_ACKS_MAX);
    assert_false(socketio_emit_with_ack(socket, "a", NULL, 0, 1, on_ack, NULL));
}

static void a_malformed_acknowledgement_ends_the_connection(void **state)
{
    (void)state;
    connect_socket();
    assert_true(emit_with_ack("a"));
    check_text("42/app,0[\"a\",1]");
    send_text("43/app,0{}");
    assert_int_equal(client_await_frame(&client, &body), FRAME_CLOSE);
    check_log("none parse error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(on_connect_may_be_answered_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_gone_before_the_answer_never_was_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_refused_may_try_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_in_no_namespace_in_time_is_closed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_time_to_connect_begins_again_without_a_namespace,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_wait_while_the_socket_is_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_events_is_handled_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_that_is_refused_closes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_that_is_too_large_closes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_event_that_is_too_large_waits_without_its_payload,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(attachments_count_for_the_limit_of_an_event, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_header_that_is_too_long_closes_the_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_in_no_namespace_is_to_be_brief, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_in_no_namespace_sends_no_attachments, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_third_refusal_closes_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_malformed_event_that_waited_ends_the_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_disconnects_keeps_its_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_disconnect_waits_for_the_events_before_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(events_of_a_paused_socket_outlive_its_transport, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_disconnected_socket_is_told_and_its_connection_stays,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_socket_may_be_disconnected_within_its_event, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_connection_may_be_closed_within_an_event, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(closing_sends_what_waits_and_no_disconnect, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_the_transport_is_the_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_packet_without_memory_ends_the_connection_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_servers_end_disconnects_its_sockets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_encoded_event_is_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drain_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_acknowledgement_comes_once_or_not_in_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_a_socket_ends_its_acknowledgements, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_malformed_acknowledgement_ends_the_connection, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
