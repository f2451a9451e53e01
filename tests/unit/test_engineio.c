/* What tests/conformance cannot reach: the hooks, time, pauses, limits, closing by the server. */
#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <sys/socket.h>

#include "broker/protocol/engineio.h"
#include "broker/transport/frame.h"
#include "broker/transport/listener.h"
#include "tests/unit/broker_fixture.h"

#define PING_INTERVAL_MS 25000
#define PING_TIMEOUT_MS  20000
#define OUTPUT_LIMIT     100000
#define PAYLOAD_LIMIT    50000

/* The application's side of a session. */
struct user {
    struct engineio_session *session;
    struct buffer messages;
    size_t message_count;
    int handshakes, opens, drains, closes;
    enum engineio_end end;
    bool was_open;
    bool pauses, closes_itself; /* within on_message */
};

static struct broker_fixture fixture;
static struct engineio_options options;
static struct engineio_server *server;
static struct http_options http_options;
static struct http_server *http;
static uint16_t port;
static struct test_client client, second; /* the second for requests beside those that wait */
static struct user user;
static struct engineio_verdict verdict;
static char id[ENGINEIO_ID_BYTES];
static char address[ADDRESS_BYTES];
static enum engineio_transport transport;
static struct buffer head, body;
static bool ends_in_handshake; /* the server, within the request */

static bool is_origin_allowed(void *owner, const char *origin, const char *host)
{
    assert_ptr_equal(owner, &fixture);
    return strcmp(origin, "https://good") == 0 || strcmp(origin + strlen("http://"), host) == 0;
}

static struct engineio_verdict on_handshake(void *owner, const struct engineio_handshake *handshake)
{
    assert_ptr_equal(owner, &fixture);
    user.handshakes++;
    strcpy(address, handshake->address);
    transport = handshake->transport;
    return verdict;
}

static void on_open(void *context, struct engineio_session *session)
{
    struct user *self = context;

    self->opens++;
    self->session = session;
}

static void on_message(void *context, bool is_text, const char *bytes, size_t length)
{
    struct user *self = context;

    self->message_count++;
    buffer_append_text(&self->messages, is_text ? "text:" : "binary:");
    buffer_append(&self->messages, bytes, length);
    buffer_append_text(&self->messages, " ");
    if (self->pauses)
        engineio_pause(self->session);
    if (self->closes_itself)
        engineio_close(self->session, FAREWELL_UNSAID);
}

static void on_drain(void *context)
{
    struct user *self = context;

    self->drains++;
}

static void on_close(void *context, enum engineio_end end, bool was_open)
{
    struct user *self = context;

    self->closes++;
    self->end = end;
    self->was_open = was_open;
    self->session = NULL;
}

static void on_request(void *owner, struct http_request *request)
{
    (void)owner;
    engineio_handle(server, request);
    if (ends_in_handshake) {
        engineio_server_free(server);
        server = NULL;
    }
}

static int set_up(void **state)
{
    struct error error;

    (void)state;
    fixture_open(&fixture);
    user = (struct user){0};
    ends_in_handshake = false;
    verdict = (struct engineio_verdict){0, NULL, &user};
    head = body = BUFFER_EMPTY;
    options = (struct engineio_options){
        .session = {.loop = fixture.loop,
                    .endings = &fixture.endings,
                    .ping_interval_ms = PING_INTERVAL_MS,
                    .ping_timeout_ms = PING_TIMEOUT_MS,
                    .upgrade_timeout_ms = 10000,
                    .max_payload_bytes = PAYLOAD_LIMIT,
                    .max_output_bytes = OUTPUT_LIMIT,
                    .on_open = on_open,
                    .on_message = on_message,
                    .on_drain = on_drain,
                    .on_close = on_close},
        .owner = &fixture,
        .is_origin_allowed = is_origin_allowed,
        .on_handshake = on_handshake,
    };
    server = engineio_server_create(&options);
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
    client_connect(&client, &fixture, port);
    client_connect(&second, &fixture, port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    engineio_server_free(server);
    http_server_free(http);
    client_close(&client);
    client_close(&second);
    buffer_free(&user.messages);
    buffer_free(&head);
    buffer_free(&body);
    fixture_turn(&fixture);
    fixture_close(&fixture);
    return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

static void begin_get(struct test_client *from, const char *query, const char *fields)
{
    char request[512];

    snprintf(request, sizeof(request), "GET /engine.io/?%s HTTP/1.1\r\nHost: x\r\n%s\r\n", query,
             fields);
    client_send_text(from, request);
}

static unsigned await_answer(struct test_client *from)
{
    buffer_clear(&head);
    buffer_clear(&body);
    return client_await_response(from, &head, &body);
}

static void begin_poll(struct test_client *from)
{
    char query[64];

    snprintf(query, sizeof(query), "EIO=4&transport=polling&sid=%s", id);
    begin_get(from, query, "");
}

static void check_answer(struct test_client *from, unsigned status, const char *text)
{
    assert_int_equal(await_answer(from), status);
    assert_string_equal(body.length > 0 ? buffer_text(&body) : "", text);
}

static void begin_post(struct test_client *from, const char *payload)
{
    char request[256];

    snprintf(request, sizeof(request),
             "POST /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"
             "Content-Length: %zu\r\n\r\n",
             id, strlen(payload));
    client_send_text(from, request);
    client_send_text(from, payload);
}

/* Reads the id from an open packet. */
static void keep_id(const char *packet)
{
    const char *start = strstr(packet, "\"sid\":\"");

    assert_non_null(start);
    memcpy(id, start + strlen("\"sid\":\""), ENGINEIO_ID_BYTES - 1);
    id[ENGINEIO_ID_BYTES - 1] = '\0';
}

static void open_polling(void)
{
    begin_get(&client, "EIO=4&transport=polling", "");
    assert_int_equal(await_answer(&client), 200);
    keep_id(buffer_text(&body));
    assert_int_equal(user.opens, 1);
}

/* One POST of thousands of packets. */
static void a_post_is_handled_a_share_in_each_turn(void **state)
{
    enum { COUNT = 2000 };
    struct buffer payload = BUFFER_EMPTY;
    char request[256];

    (void)state;
    open_polling();
    for (int i = 0; i < COUNT; i++)
        buffer_append_text(&payload, i > 0 ? "\x1e"
                                             "4x"
                                           : "4x");
    snprintf(request, sizeof(request),
             "POST /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"
             "Content-Length: %zu\r\n\r\n",
             id, payload.length);
    client_send_text(&client, request);
    client_send(&client, payload.data, payload.length);
    buffer_free(&payload);
    while (user.message_count < COUNT) {
        size_t handled = user.message_count;
        fixture_turn(&fixture);
        assert_true(user.message_count - handled <= LOOP_SHARE);
    }
    check_answer(&client, 200, "ok");
}

#define HANDSHAKE_FIELDS                                                                           \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void open_websocket(void)
{
    begin_get(&client, "EIO=4&transport=websocket", HANDSHAKE_FIELDS);
    assert_int_equal(await_answer(&client), 101);
    assert_int_equal(client_await_frame(&client, &body), FRAME_TEXT);
    keep_id(buffer_text(&body));
    assert_int_equal(user.opens, 1);
}

static void check_frame(struct test_client *from, int opcode, const char *text)
{
    assert_int_equal(client_await_frame(from, &body), opcode);
    assert_string_equal(body.length > 0 ? buffer_text(&body) : "", text);
}

/* The second client's. */
static void begin_upgrade(void)
{
    char query[64];

    snprintf(query, sizeof(query), "EIO=4&transport=websocket&sid=%s", id);
    begin_get(&second, query, HANDSHAKE_FIELDS);
    assert_int_equal(await_answer(&second), 101);
    client_send_frame(&second, FRAME_TEXT, true, "2probe", 6);
}

static void send_message(const char *text)
{
    struct block *packet = engineio_packet_encode(ENGINEIO_MESSAGE, text, strlen(text));

    engineio_send(user.session, packet);
    block_release(packet);
}

/* ---- hooks --------------------------------------------------------------------------------- */

static void the_application_is_asked_for_each_handshake(void **state)
{
    (void)state;
    open_polling();
    assert_int_equal(user.handshakes, 1);
    assert_string_equal(address, "127.0.0.1");
    assert_int_equal(transport, ENGINEIO_POLLING);
    assert_int_equal(engineio_count(server, ENGINEIO_POLLING), 1);
    assert_int_equal(engineio_transport(user.session), ENGINEIO_POLLING);
    assert_int_equal(user.closes, 0);
}

static void a_refused_handshake_is_answered_with_its_reason(void **state)
{
    static const char *const fields[] = {"", HANDSHAKE_FIELDS};
    static const char *const queries[] = {"EIO=4&transport=polling", "EIO=4&transport=websocket"};

    (void)state;
    verdict = (struct engineio_verdict){503, "Too many connections", NULL};
    for (int i = 0; i < 2; i++) {
        begin_get(&client, queries[i], fields[i]);
        check_answer(&client, 503, "{\"code\":4,\"message\":\"Too many connections\"}");
        assert_non_null(strstr(buffer_text(&head), "\r\nRetry-After: "));
    }
    assert_int_equal(user.handshakes, 2);
    assert_int_equal(user.opens + user.closes, 0);
}

static void only_pages_of_allowed_origins_get_in(void **state)
{
    static const struct {
        const char *field;
        bool is_allowed;
    } cases[] = {{"", true},
                 {"Origin: https://good\r\n", true},
                 {"Origin: http://x\r\n", true},
                 {"Origin: https://evil\r\n", false},
                 {"Origin: null\r\n", false}};
    char fields[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        begin_get(&client, "EIO=4&transport=polling", cases[i].field);
        assert_int_equal(await_answer(&client), cases[i].is_allowed ? 200 : 403);
        const char *text = buffer_text(&head);
        bool has_origin = cases[i].field[0] != '\0';
        assert_int_equal(strstr(text, "\r\nAccess-Control-Allow-Origin: ") != NULL,
                         has_origin && cases[i].is_allowed);
        if (!cases[i].is_allowed)
            assert_string_equal(buffer_text(&body), "{\"code\":4,\"message\":\"Forbidden\"}");

        struct test_client other;
        client_connect(&other, &fixture, port);
        snprintf(fields, sizeof(fields), "%s" HANDSHAKE_FIELDS, cases[i].field);
        begin_get(&other, "EIO=4&transport=websocket", fields);
        assert_int_equal(await_answer(&other), cases[i].is_allowed ? 101 : 403);
        client_close(&other);
    }
}

static void a_client_that_leaves_before_it_is_open_is_told_of_once(void **state)
{
    (void)state;
    begin_get(&client, "EIO=4&transport=websocket", HANDSHAKE_FIELDS);
    assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
    FIXTURE_UNTIL(&fixture, user.closes == 1);
    assert_int_equal(user.handshakes, 1);
    /* Either the answer was sent before the system knew, or the session never was. */
    assert_int_equal(user.was_open, user.opens == 1);
}

/* In whichever order the two servers are freed. */
static void the_server_may_end_within_a_handshake(void **state)
{
    (void)state;
    ends_in_handshake = true;
    begin_get(&client, "EIO=4&transport=websocket", HANDSHAKE_FIELDS);
    FIXTURE_UNTIL(&fixture, server == NULL);
    assert_int_equal(user.handshakes, 1);
    assert_int_equal(user.closes, 1);
    assert_int_equal(user.opens, 0);
    assert_false(user.was_open);
    client_await_end(&client);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void who_does_not_answer_a_ping_is_closed(void **state)
{
    (void)state;
    open_websocket();
    for (int i = 0; i < 3; i++) {
        /* A bit early, by less than one part in a hundred. */
        fixture_pass(&fixture, PING_INTERVAL_MS - PING_INTERVAL_MS / 100);
        client_receive(&client);
        fixture_pass(&fixture, PING_INTERVAL_MS / 100);
        check_frame(&client, FRAME_TEXT, "2");
        fixture_pass(&fixture, PING_TIMEOUT_MS - PING_TIMEOUT_MS / 50);
        assert_int_equal(user.closes, 0);
        client_send_frame(&client, FRAME_TEXT, true, "3", 1);
        client_send_frame(&client, FRAME_TEXT, true, "4x", 2);
        FIXTURE_UNTIL(&fixture, user.message_count == (size_t)i + 1);
    }
    fixture_pass(&fixture, PING_INTERVAL_MS);
    check_frame(&client, FRAME_TEXT, "2");
    fixture_pass(&fixture, PING_TIMEOUT_MS);
    assert_int_equal(user.closes, 1);
    assert_int_equal(user.end, ENGINEIO_END_PING_TIMEOUT);
    check_frame(&client, FRAME_CLOSE, "");
}

/* Another sign of life counts for a pong, but once: the client has to answer. */
static void any_packet_gives_a_late_pong_more_time_once(void **state)
{
    (void)state;
    open_websocket();
    fixture_pass(&fixture, PING_INTERVAL_MS);
    fixture_pass(&fixture, PING_TIMEOUT_MS - 1000);
    client_send_frame(&client, FRAME_TEXT, true, "4x", 2);
    FIXTURE_UNTIL(&fixture, user.message_count == 1);
    fixture_pass(&fixture, PING_TIMEOUT_MS - 1000);
    assert_int_equal(user.closes, 0);
    client_send_frame(&client, FRAME_TEXT, true, "4x", 2);
    FIXTURE_UNTIL(&fixture, user.message_count == 2);
    fixture_pass(&fixture, 1000);
    assert_int_equal(user.end, ENGINEIO_END_PING_TIMEOUT);
}

static void an_upgrade_that_takes_too_long_leaves_polling_as_it_was(void **state)
{
    (void)state;
    open_polling();
    begin_upgrade();
    check_frame(&second, FRAME_TEXT, "3probe");
    /* Each GET that comes meanwhile is sent back soon. */
    for (int i = 0; i < 3; i++) {
        begin_poll(&client);
        for (int turns = 0; turns < 10; turns++)
            fixture_turn(&fixture);
        fixture_pass(&fixture, ENGINEIO_NOOP_INTERVAL_MS);
        check_answer(&client, 200, "6");
    }
    fixture_pass(&fixture, 10000);
    check_frame(&second, FRAME_CLOSE, "");
    send_message("still polling");
    begin_poll(&client);
    check_answer(&client, 200, "4still polling");
    assert_int_equal(user.closes, 0);
}

/* ---- sending ------------------------------------------------------------------------------- */

static void messages_of_a_turn_are_one_answer(void **state)
{
    (void)state;
    open_polling();
    begin_poll(&client);
    for (int i = 0; i < 10; i++)
        fixture_turn(&fixture);
    send_message("one");
    send_message("two");
    assert_int_equal(engineio_queued(user.session), 4 + 2 + 4 + 2);
    check_answer(&client, 200,
                 "4one\x1e"
                 "4two");
    assert_int_equal(engineio_queued(user.session), 0);
}

static void drain_is_told_when_all_was_fetched(void **state)
{
    (void)state;
    open_polling();
    engineio_want_drain(user.session);
    fixture_turn(&fixture);
    assert_int_equal(user.drains, 1);
    send_message("waits");
    engineio_want_drain(user.session);
    for (int i = 0; i < 5; i++)
        fixture_turn(&fixture);
    assert_int_equal(user.drains, 1);
    begin_poll(&client);
    check_answer(&client, 200, "4waits");
    assert_int_equal(user.drains, 2);
}

static void who_does_not_fetch_is_cut_off(void **state)
{
    static char text[30001];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    open_polling();
    for (int i = 0; i < 5; i++)
        send_message(text);
    assert_int_equal(user.closes, 0);
    fixture_turn(&fixture);
    assert_int_equal(user.end, ENGINEIO_END_SLOW);
    assert_int_equal(engineio_count(server, ENGINEIO_POLLING), 0);
    begin_poll(&client);
    check_answer(&client, 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

/* The goodbye brings what was queued: up to what did not fit, and nothing that came after. */
static void nothing_follows_a_gap_before_a_goodbye(void **state)
{
    static char text[30001];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    open_polling();
    send_message("first");
    for (int i = 0; i < 5; i++)
        send_message(text);
    send_message("later");
    engineio_close(user.session, FAREWELL_UNSAID);
    begin_poll(&client);
    assert_int_equal(await_answer(&client), 200);
    assert_non_null(strstr(buffer_text(&body), "4first"));
    assert_null(strstr(buffer_text(&body), "4later"));
}

/* Within one turn: it has missed something, and must not go on over the WebSocket. */
static void who_has_missed_something_does_not_upgrade(void **state)
{
    static char text[30001];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    open_polling();
    begin_upgrade();
    check_frame(&second, FRAME_TEXT, "3probe");
    for (int i = 0; i < 5; i++)
        send_message(text);
    client_send_frame(&second, FRAME_TEXT, true, "5", 1);
    assert_int_equal(user.closes, 0);
    fixture_turn(&fixture);
    assert_int_equal(user.closes, 1);
    assert_int_equal(user.end, ENGINEIO_END_SLOW);
    check_frame(&second, FRAME_CLOSE, "");
    assert_int_equal(engineio_count(server, ENGINEIO_WEBSOCKET), 0);
    assert_int_equal(engineio_count(server, ENGINEIO_POLLING), 0);
}

static void who_does_not_read_is_cut_off(void **state)
{
    static char text[PAYLOAD_LIMIT];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    open_websocket();
    for (int i = 0; i < 200 && user.closes == 0; i++) {
        send_message(text);
        send_message(text);
        fixture_turn(&fixture);
    }
    assert_int_equal(user.end, ENGINEIO_END_SLOW);
    assert_int_equal(engineio_count(server, ENGINEIO_WEBSOCKET), 0);
}

/* ---- pausing ------------------------------------------------------------------------------- */

static void a_paused_websocket_is_not_read_nor_timed_out(void **state)
{
    (void)state;
    open_websocket();
    user.pauses = true;
    client_send_frame(&client, FRAME_TEXT, true, "4one", 4);
    client_send_frame(&client, FRAME_TEXT, true, "4two", 4);
    FIXTURE_UNTIL(&fixture, user.message_count == 1);
    for (int i = 0; i < 10; i++)
        fixture_turn(&fixture);
    assert_int_equal(user.message_count, 1);
    /* The pong may be in what we do not read: no ping timeout meanwhile. */
    fixture_pass(&fixture, PING_INTERVAL_MS);
    fixture_pass(&fixture, PING_TIMEOUT_MS);
    fixture_pass(&fixture, PING_TIMEOUT_MS);
    assert_int_equal(user.closes, 0);
    engineio_resume(user.session);
    FIXTURE_UNTIL(&fixture, user.message_count == 2);
    assert_string_equal(buffer_text(&user.messages), "text:one text:two ");
    engineio_resume(user.session);
    fixture_pass(&fixture, PING_TIMEOUT_MS);
    assert_int_equal(user.end, ENGINEIO_END_PING_TIMEOUT);
}

/* A POST is answered when its last packet has been taken. */
static void a_paused_post_waits_for_its_answer(void **state)
{
    (void)state;
    open_polling();
    user.pauses = true;
    begin_post(&client, "4one\x1e"
                        "4two\x1e"
                        "bAQ==");
    for (size_t i = 1; i <= 3; i++) {
        FIXTURE_UNTIL(&fixture, user.message_count == i);
        for (int turns = 0; turns < 10; turns++)
            fixture_turn(&fixture);
        client_receive(&client);
        assert_int_equal(client.received.length, 0);
        assert_int_equal(user.message_count, i);
        engineio_resume(user.session);
    }
    check_answer(&client, 200, "ok");
    assert_string_equal(buffer_text(&user.messages), "text:one text:two binary:\x01 ");
}

static void two_posts_at_once_end_the_session(void **state)
{
    (void)state;
    open_polling();
    user.pauses = true;
    begin_post(&client, "4one\x1e"
                        "4two");
    FIXTURE_UNTIL(&fixture, user.message_count == 1);
    begin_post(&second, "4three");
    check_answer(&second, 400, "{\"code\":3,\"message\":\"Bad request\"}");
    check_answer(&client, 400, "{\"code\":3,\"message\":\"Bad request\"}");
    assert_int_equal(user.end, ENGINEIO_END_TRANSPORT_ERROR);
    assert_int_equal(user.message_count, 1);
}

static void the_end_of_a_waiting_post_ends_the_session(void **state)
{
    (void)state;
    open_polling();
    user.pauses = true;
    begin_post(&client, "4one\x1e"
                        "4two");
    FIXTURE_UNTIL(&fixture, user.message_count == 1);
    assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
    FIXTURE_UNTIL(&fixture, user.closes == 1);
    assert_int_equal(user.end, ENGINEIO_END_TRANSPORT_ERROR);
}

/* ---- closing by the server ----------------------------------------------------------------- */

static void closing_a_websocket_sends_what_waits_and_the_reason(void **state)
{
    (void)state;
    open_websocket();
    send_message("last words");
    engineio_close(user.session, FAREWELL_GOING_AWAY);
    assert_int_equal(user.closes, 1);
    assert_int_equal(user.end, ENGINEIO_END_FORCED);
    assert_true(user.was_open);
    check_frame(&client, FRAME_TEXT, "4last words");
    check_frame(&client, FRAME_CLOSE, "\x03\xe9");
    client_await_end(&client);
}

static void closing_answers_a_poll_that_waits(void **state)
{
    (void)state;
    open_polling();
    begin_poll(&client);
    for (int i = 0; i < 10; i++)
        fixture_turn(&fixture);
    send_message("last words");
    engineio_close(user.session, FAREWELL_UNSAID);
    check_answer(&client, 200, "4last words");
    begin_poll(&client);
    check_answer(&client, 200, "1");
    begin_poll(&client);
    assert_int_equal(await_answer(&client), 400);
}

/* The client is told at its next polls; what it sends meanwhile is ignored. */
static void closing_between_polls_is_told_to_the_next(void **state)
{
    (void)state;
    open_polling();
    send_message("last words");
    engineio_close(user.session, FAREWELL_UNSAID);
    assert_int_equal(user.closes, 1);
    assert_int_equal(engineio_count(server, ENGINEIO_POLLING), 0);
    begin_post(&second, "4too late");
    check_answer(&second, 200, "ok");
    begin_poll(&client);
    check_answer(&client, 200, "4last words");
    begin_poll(&client);
    check_answer(&client, 200, "1");
    begin_poll(&client);
    assert_int_equal(await_answer(&client), 400);
    assert_int_equal(user.message_count, 0);
    assert_int_equal(user.closes, 1);
}

static void a_closed_client_that_never_comes_is_forgotten(void **state)
{
    (void)state;
    open_polling();
    engineio_close(user.session, FAREWELL_UNSAID);
    fixture_pass(&fixture, PING_TIMEOUT_MS);
    begin_poll(&client);
    assert_int_equal(await_answer(&client), 400);
}

static void closing_within_a_message_drops_the_next_ones(void **state)
{
    (void)state;
    open_polling();
    user.closes_itself = true;
    begin_post(&second, "4one\x1e"
                        "4two");
    check_answer(&second, 200, "ok");
    assert_int_equal(user.message_count, 1);
    begin_poll(&client);
    check_answer(&client, 200, "1");
}

static void aborting_sends_nothing(void **state)
{
    (void)state;
    open_websocket();
    send_message("lost");
    engineio_abort(user.session);
    assert_int_equal(user.closes, 1);
    client_await_end(&client);
    assert_int_equal(client.received.length, 0);
}

static void closing_some_closes_so_many(void **state)
{
    enum { COUNT = 100 };
    static struct test_client clients[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        client_connect(&clients[i], &fixture, port);
        begin_get(&clients[i], "EIO=4&transport=websocket", HANDSHAKE_FIELDS);
        assert_int_equal(await_answer(&clients[i]), 101);
        FIXTURE_UNTIL(&fixture, user.opens == i + 1);
    }
    assert_int_equal(engineio_count(server, ENGINEIO_WEBSOCKET), COUNT);
    assert_int_equal(engineio_close_some(server, 30, FAREWELL_GOING_AWAY), COUNT);
    assert_int_equal(user.closes, 30);
    assert_int_equal(engineio_close_some(server, 1000, FAREWELL_GOING_AWAY), COUNT - 30);
    assert_int_equal(user.closes, COUNT);
    assert_int_equal(engineio_close_some(server, 1000, FAREWELL_GOING_AWAY), 0);
    for (int i = 0; i < COUNT; i++) {
        client_await_end(&clients[i]);
        client_close(&clients[i]);
    }
}

/* The counts follow an upgrade, and the end of the upgraded session. */
static void sessions_are_counted_by_the_transport_they_use(void **state)
{
    (void)state;
    open_polling();
    begin_upgrade();
    client_send_frame(&second, FRAME_TEXT, true, "5", 1);
    FIXTURE_UNTIL(&fixture, engineio_count(server, ENGINEIO_WEBSOCKET) == 1);
    assert_int_equal(engineio_count(server, ENGINEIO_POLLING), 0);
    assert_int_equal(engineio_transport(user.session), ENGINEIO_WEBSOCKET);
    assert_int_equal(shutdown(second.descriptor, SHUT_RDWR), 0);
    FIXTURE_UNTIL(&fixture, user.closes == 1);
    assert_int_equal(user.end, ENGINEIO_END_TRANSPORT_CLOSE);
    assert_int_equal(engineio_count(server, ENGINEIO_WEBSOCKET), 0);
    assert_int_equal(engineio_count(server, ENGINEIO_POLLING), 0);
}

static void ends_have_the_reference_servers_names(void **state)
{
    (void)state;
    assert_string_equal(engineio_end_name(ENGINEIO_END_TRANSPORT_CLOSE), "transport close");
    assert_string_equal(engineio_end_name(ENGINEIO_END_TRANSPORT_ERROR), "transport error");
    assert_string_equal(engineio_end_name(ENGINEIO_END_PARSE_ERROR), "parse error");
    assert_string_equal(engineio_end_name(ENGINEIO_END_PING_TIMEOUT), "ping timeout");
    assert_string_equal(engineio_end_name(ENGINEIO_END_FORCED), "forced close");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_application_is_asked_for_each_handshake, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_refused_handshake_is_answered_with_its_reason, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_pages_of_allowed_origins_get_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_before_it_is_open_is_told_of_once,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_server_may_end_within_a_handshake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_answer_a_ping_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_packet_gives_a_late_pong_more_time_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_post_is_handled_a_share_in_each_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_upgrade_that_takes_too_long_leaves_polling_as_it_was,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_of_a_turn_are_one_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drain_is_told_when_all_was_fetched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_fetch_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_follows_a_gap_before_a_goodbye, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_missed_something_does_not_upgrade, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_read_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_paused_websocket_is_not_read_nor_timed_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_paused_post_waits_for_its_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_posts_at_once_end_the_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_a_waiting_post_ends_the_session, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(closing_a_websocket_sends_what_waits_and_the_reason, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(closing_answers_a_poll_that_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_between_polls_is_told_to_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_closed_client_that_never_comes_is_forgotten, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(closing_within_a_message_drops_the_next_ones, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(aborting_sends_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_some_closes_so_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_are_counted_by_the_transport_they_use, set_up,
                                        tear_down),
        cmocka_unit_test(ends_have_the_reference_servers_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
