#include "tests/unit/unit_test.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/transport/websocket.h"
#include "tests/unit/broker_fixture.h"

#define MESSAGE_LIMIT 200000
#define OUTPUT_LIMIT  100000

/* The owner: what it is told, and what it does then. */
struct owner {
    struct websocket *websocket;
    struct buffer messages; /* "text:hello " one behind the other */
    size_t message_count;
    int drains, closes;
    enum websocket_end end;
    bool pauses, closes_itself, aborts; /* within on_message */
};

static struct broker_fixture fixture;
static struct websocket_options options;
static struct owner owner;
static struct test_client client;

static void on_message(void *context, bool is_text, const char *bytes, size_t length)
{
    struct owner *self = context;

    self->message_count++;
    buffer_append_text(&self->messages, is_text ? "text:" : "binary:");
    buffer_append(&self->messages, bytes, length);
    buffer_append_text(&self->messages, " ");
    if (self->pauses)
        websocket_pause(self->websocket);
    if (self->closes_itself)
        websocket_close(self->websocket, FAREWELL_GOING_AWAY);
    if (self->aborts)
        websocket_abort(self->websocket);
    if (self->closes_itself || self->aborts)
        self->websocket = NULL;
}

static void on_drain(void *context)
{
    struct owner *self = context;

    self->drains++;
}

static void on_close(void *context, enum websocket_end end)
{
    struct owner *self = context;

    self->closes++;
    self->end = end;
    self->websocket = NULL;
}

static void open_with_early(const char *early, size_t length)
{
    int pair[2], size = 4096;

    fixture_socket_pair(pair);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    client_open(&client, &fixture, pair[1]);
    owner.websocket = websocket_create(&options, pair[0], early, length, &owner);
    assert_non_null(owner.websocket);
}

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture);
    options = (struct websocket_options){
        .loop = fixture.loop,
        .endings = &fixture.endings,
        .max_message_bytes = MESSAGE_LIMIT,
        .max_output_bytes = OUTPUT_LIMIT,
        .on_message = on_message,
        .on_drain = on_drain,
        .on_close = on_close,
    };
    owner = (struct owner){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (owner.websocket != NULL)
        websocket_abort(owner.websocket);
    buffer_free(&owner.messages);
    client_close(&client);
    fixture_turn(&fixture);
    fixture_close(&fixture);
    return 0;
}

static void send_text(const char *text)
{
    struct block *frame = frame_encode(FRAME_TEXT, text, strlen(text));

    websocket_send(owner.websocket, frame);
    block_release(frame);
}

static void check_frame(int opcode, const char *payload, size_t length)
{
    struct buffer received = BUFFER_EMPTY;

    assert_int_equal(client_await_frame(&client, &received), opcode);
    assert_int_equal(received.length, length);
    if (length > 0)
        assert_memory_equal(received.data, payload, length);
    buffer_free(&received);
}

/* The end as the client sees it. */
static void check_close_frame(uint16_t code)
{
    const char bytes[2] = {(char)(code >> 8), (char)code};

    check_frame(FRAME_CLOSE, bytes, code == FRAME_CLOSE_NO_STATUS ? 0 : 2);
    client_await_end(&client);
    assert_int_equal(client.received.length, 0);
}

static void messages_are_put_together_and_pings_answered(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    client_send_frame(&client, FRAME_TEXT, true, "hello", 5);
    client_send_frame(&client, FRAME_TEXT, false, "in ", 3);
    client_send_frame(&client, FRAME_PING, true, "now", 3);
    client_send_frame(&client, FRAME_CONTINUATION, true, "parts", 5);
    client_send_frame(&client, FRAME_BINARY, true, "", 0);
    FIXTURE_UNTIL(&fixture, owner.message_count == 3);
    assert_string_equal(buffer_text(&owner.messages), "text:hello text:in parts binary: ");
    check_frame(FRAME_PONG, "now", 3);
    assert_int_equal(owner.closes, 0);
}

/* A message larger than the loop's buffer, and then some, in pieces as the kernel likes it. */
static void a_message_may_be_as_long_as_the_limit(void **state)
{
    static char payload[MESSAGE_LIMIT];

    (void)state;
    memset(payload, 'x', sizeof(payload));
    open_with_early(NULL, 0);
    client_send_frame(&client, FRAME_BINARY, true, payload, sizeof(payload));
    FIXTURE_UNTIL(&fixture, owner.message_count == 1);
    assert_int_equal(owner.messages.length, strlen("binary:") + sizeof(payload) + 1);
}

static void bytes_that_came_with_the_handshake_are_handled(void **state)
{
    (void)state;
    open_with_early("\x81\x82\0\0\0\0hi\x81\x82\0\0", 12);
    fixture_turn(&fixture);
    assert_string_equal(buffer_text(&owner.messages), "text:hi ");
    client_send(&client, "\0\0yo", 4);
    FIXTURE_UNTIL(&fixture, owner.message_count == 2);
    assert_string_equal(buffer_text(&owner.messages), "text:hi text:yo ");
}

/* What is sent in a turn goes out at its end, in one piece. */
/* A close frame right behind the handshake. */
static void an_end_that_came_with_the_handshake_is_told(void **state)
{
    static const char close_frame[] = "\x88\x82\0\0\0\0\x03\xe8";

    (void)state;
    open_with_early(close_frame, sizeof(close_frame) - 1);
    fixture_turn(&fixture);
    assert_int_equal(owner.closes, 1);
    assert_int_equal(owner.end, WEBSOCKET_CLOSED);
    check_close_frame(1000);
}

static void what_a_turn_sends_is_sent_at_its_end(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    send_text("one");
    send_text("two");
    client_receive(&client);
    assert_int_equal(client.received.length, 0);
    assert_int_equal(websocket_queued(owner.websocket), 10);
    fixture_turn(&fixture);
    client_receive(&client);
    assert_int_equal(client.received.length, 10);
    assert_int_equal(websocket_queued(owner.websocket), 0);
    check_frame(FRAME_TEXT, "one", 3);
    check_frame(FRAME_TEXT, "two", 3);
}

static void drain_is_told_when_nothing_waits(void **state)
{
    static char text[50001];

    (void)state;
    open_with_early(NULL, 0);
    websocket_want_drain(owner.websocket);
    assert_int_equal(owner.drains, 0);
    fixture_turn(&fixture); /* nothing waits */
    assert_int_equal(owner.drains, 1);
    fixture_turn(&fixture);
    assert_int_equal(owner.drains, 1);

    memset(text, 'x', sizeof(text) - 1);
    send_text(text);
    websocket_want_drain(owner.websocket);
    fixture_turn(&fixture);
    assert_int_equal(owner.drains, 1); /* the client has not read yet */
    check_frame(FRAME_TEXT, text, sizeof(text) - 1);
    FIXTURE_UNTIL(&fixture, owner.drains == 2);
}

static void a_paused_connection_gets_no_message(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    owner.pauses = true;
    client_send_frame(&client, FRAME_TEXT, true, "one", 3);
    client_send_frame(&client, FRAME_TEXT, true, "two", 3);
    client_send_frame(&client, FRAME_TEXT, false, "thr", 3);
    for (int i = 1; i <= 2; i++) {
        FIXTURE_UNTIL(&fixture, owner.message_count == (size_t)i);
        for (int turns = 0; turns < 10; turns++)
            fixture_turn(&fixture);
        assert_int_equal(owner.message_count, i);
        websocket_resume(owner.websocket);
    }
    owner.pauses = false;
    client_send_frame(&client, FRAME_CONTINUATION, true, "ee", 2);
    FIXTURE_UNTIL(&fixture, owner.message_count == 3);
    assert_string_equal(buffer_text(&owner.messages), "text:one text:two text:three ");
}

/* A client that goes on sending to a paused connection is stopped by the kernel's buffers; nothing
 * is lost, and a full buffer of ours is no end of the connection. */
static void no_message_of_a_flood_is_lost_by_pausing(void **state)
{
    enum { COUNT = 40000 };
    struct buffer flood = BUFFER_EMPTY;

    (void)state;
    open_with_early(NULL, 0);
    owner.pauses = true;
    for (int i = 0; i < COUNT; i++)
        buffer_append(&flood, "\x82\x81\0\0\0\0x", 7);
    size_t sent = 0;
    while (sent < flood.length || owner.message_count < COUNT) {
        ssize_t count =
            send(client.descriptor, flood.data + sent, flood.length - sent, MSG_NOSIGNAL);
        sent += count > 0 ? (size_t)count : 0;
        fixture_turn(&fixture);
        assert_int_equal(owner.closes, 0);
        if (owner.message_count % 1000 == 999)
            owner.pauses = false; /* some thousands at once in between */
        else
            owner.pauses = true;
        websocket_resume(owner.websocket);
    }
    assert_int_equal(owner.message_count, COUNT);
    buffer_free(&flood);
}

/* Messages and pings of one byte, many in one read. */
static void a_flood_is_handled_a_share_in_each_turn(void **state)
{
    enum { COUNT = 3000 };
    struct buffer flood = BUFFER_EMPTY;

    (void)state;
    open_with_early(NULL, 0);
    for (int i = 0; i < COUNT; i++)
        buffer_append(&flood, i % 2 ? "\x89\x80\0\0\0\0" : "\x82\x80\0\0\0\0", 6);
    client_send(&client, flood.data, flood.length);
    size_t handled = owner.message_count;
    assert_in_range(handled, 0, LOOP_SHARE * 8); /* client_send may have turned */
    while (owner.message_count < COUNT / 2) {
        handled = owner.message_count;
        fixture_turn(&fixture);
        client_receive(&client);
        assert_in_range(owner.message_count - handled, 1, LOOP_SHARE / 2);
    }
    buffer_free(&flood);
}

static void who_closes_gets_what_was_queued_and_the_code_back(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    send_text("last words");
    client_send_frame(&client, FRAME_CLOSE, true, "\x0b\xb8", 2);
    FIXTURE_UNTIL(&fixture, owner.closes == 1);
    assert_int_equal(owner.end, WEBSOCKET_CLOSED);
    check_frame(FRAME_TEXT, "last words", 10);
    check_close_frame(3000);
}

static void who_breaks_the_protocol_is_told_by_the_code(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    client_send_frame(&client, FRAME_TEXT, true, "good", 4);
    client_send(&client, "\x83\x80\0\0\0\0", 6);
    FIXTURE_UNTIL(&fixture, owner.closes == 1);
    assert_int_equal(owner.message_count, 1);
    assert_int_equal(owner.end, WEBSOCKET_FAILED);
    check_close_frame(1002);
}

static void a_message_that_is_too_long_ends_the_connection(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    client_send(&client, "\x82\xff\0\0\0\0\0\x10\0\0mask", 14);
    FIXTURE_UNTIL(&fixture, owner.closes == 1);
    assert_int_equal(owner.end, WEBSOCKET_FAILED);
    check_close_frame(1009);
}

static void a_client_that_is_gone_is_lost(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    client_send_frame(&client, FRAME_TEXT, true, "bye", 3);
    assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
    FIXTURE_UNTIL(&fixture, owner.closes == 1);
    assert_int_equal(owner.message_count, 1);
    assert_int_equal(owner.end, WEBSOCKET_LOST);
}

static void a_client_that_goes_while_paused_is_lost(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    websocket_pause(owner.websocket);
    assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
    FIXTURE_UNTIL(&fixture, owner.closes == 1);
    assert_int_equal(owner.end, WEBSOCKET_LOST);
}

/* Told at the end of the turn, not within the call that sends. */
static void who_does_not_read_is_cut_off(void **state)
{
    static char text[30001];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    open_with_early(NULL, 0);
    while (websocket_queued(owner.websocket) <= OUTPUT_LIMIT)
        send_text(text);
    send_text(text);
    assert_int_equal(owner.closes, 0);
    assert_true(websocket_queued(owner.websocket) <= OUTPUT_LIMIT + sizeof(text) + 16);
    fixture_turn(&fixture);
    assert_int_equal(owner.closes, 1);
    assert_int_equal(owner.end, WEBSOCKET_SLOW);
    client_await_end(&client);
    assert_int_equal(fixture.endings.count, 0);
}

/* Room that is too little for epoll to tell of: thousands of clients that do not read must not
 * cost a system call each with every message. */
static void a_full_socket_is_not_tried(void **state)
{
    static char text[1001];
    char received[1004];
    size_t sent = 0;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    open_with_early(NULL, 0);
    while (websocket_queued(owner.websocket) == 0) {
        send_text(text);
        sent += sizeof(received);
        fixture_turn(&fixture);
    }
    size_t queued = websocket_queued(owner.websocket);
    assert_int_equal(recv(client.descriptor, received, sizeof(received), 0), sizeof(received));
    send_text("y");
    fixture_turn(&fixture);
    assert_int_equal(websocket_queued(owner.websocket), queued + 3);

    FIXTURE_UNTIL(&fixture, (client_receive(&client), websocket_queued(owner.websocket) == 0));
    client_receive(&client);
    assert_int_equal(client.received.length, sent - sizeof(received) + 3);
}

static void a_frame_without_memory_ends_the_connection(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    websocket_send(owner.websocket, NULL);
    fixture_turn(&fixture);
    assert_int_equal(owner.end, WEBSOCKET_SLOW);
}

static void closing_sends_what_is_queued(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    send_text("last words");
    websocket_close(owner.websocket, FAREWELL_UNSAID);
    owner.websocket = NULL;
    check_frame(FRAME_TEXT, "last words", 10);
    check_close_frame(FRAME_CLOSE_NO_STATUS);
    assert_int_equal(owner.closes, 0);
}

static void each_reason_has_its_code(void **state)
{
    static const struct {
        enum farewell_reason reason;
        uint16_t code;
    } cases[] = {{FAREWELL_NORMAL, 1000},
                 {FAREWELL_GOING_AWAY, 1001},
                 {FAREWELL_INTERNAL_ERROR, 1011},
                 {FAREWELL_UNSAID, FRAME_CLOSE_NO_STATUS}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        open_with_early(NULL, 0);
        websocket_close(owner.websocket, cases[i].reason);
        owner.websocket = NULL;
        check_close_frame(cases[i].code);
        client_close(&client);
    }
    open_with_early(NULL, 0); /* for the end of the test */
}

static void a_refused_connection_is_told_so(void **state)
{
    int pair[2];

    (void)state;
    fixture_socket_pair(pair);
    client_open(&client, &fixture, pair[1]);
    websocket_refuse(&fixture.endings, pair[0]);
    check_close_frame(FRAME_CLOSE_NO_STATUS);
}

/* What stands behind the message at which the owner ends it is not handled. */
static void a_connection_may_end_within_a_message(void **state)
{
    (void)state;
    for (int aborts = 0; aborts <= 1; aborts++) {
        owner.message_count = 0;
        owner.aborts = aborts == 1;
        owner.closes_itself = aborts == 0;
        open_with_early(NULL, 0);
        client_send_frame(&client, FRAME_TEXT, false, "o", 1);
        client_send_frame(&client, FRAME_CONTINUATION, true, "ne", 2);
        client_send_frame(&client, FRAME_TEXT, true, "two", 3);
        client_await_end(&client);
        assert_int_equal(owner.message_count, 1);
        assert_int_equal(owner.closes, 0);
        if (aborts == 0)
            client_close(&client);
    }
}

/* ---- the end of a connection: broker/transport/farewell.h ----------------------------------- */

static void a_farewell_waits_for_the_client(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    websocket_close(owner.websocket, FAREWELL_NORMAL);
    owner.websocket = NULL;
    fixture_turn(&fixture);
    assert_int_equal(fixture.endings.count, 1);
    client_send_frame(&client, FRAME_TEXT, true, "ignored", 7);
    fixture_turn(&fixture);
    check_close_frame(1000);
    assert_int_equal(fixture.endings.count, 1);
    assert_int_equal(shutdown(client.descriptor, SHUT_WR), 0);
    FIXTURE_UNTIL(&fixture, fixture.endings.count == 0);
}

#define LONG_TEXT_BYTES 90000
static char long_text[LONG_TEXT_BYTES + 1];

/* With more to send than the socket takes. */
static void open_with_long_text(void)
{
    memset(long_text, 'x', LONG_TEXT_BYTES);
    open_with_early(NULL, 0);
    send_text(long_text);
}

static void close_going_away(void)
{
    websocket_close(owner.websocket, FAREWELL_GOING_AWAY);
    owner.websocket = NULL;
}

static void check_long_farewell(void)
{
    check_frame(FRAME_TEXT, long_text, LONG_TEXT_BYTES);
    check_close_frame(1001);
}

static void a_farewell_sends_what_is_queued(void **state)
{
    (void)state;
    open_with_long_text();
    close_going_away();
    check_long_farewell();
}

static void a_farewell_sends_the_rest_of_a_block(void **state)
{
    (void)state;
    open_with_long_text();
    fixture_turn(&fixture);
    assert_in_range(websocket_queued(owner.websocket), 1, LONG_TEXT_BYTES - 1);
    close_going_away();
    check_long_farewell();
}

static void a_farewell_has_an_end(void **state)
{
    (void)state;
    open_with_long_text();
    close_going_away();
    fixture_pass(&fixture, FAREWELL_MS - 1);
    assert_int_equal(fixture.endings.count, 1);
    fixture_pass(&fixture, 1);
    assert_int_equal(fixture.endings.count, 0);
    client_await_end(&client);
}

static void a_farewell_to_one_that_is_gone_ends_at_once(void **state)
{
    (void)state;
    open_with_early(NULL, 0);
    assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
    websocket_close(owner.websocket, FAREWELL_GOING_AWAY);
    owner.websocket = NULL;
    FIXTURE_UNTIL(&fixture, fixture.endings.count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_are_put_together_and_pings_answered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_message_may_be_as_long_as_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_that_came_with_the_handshake_are_handled, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_end_that_came_with_the_handshake_is_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_turn_sends_is_sent_at_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drain_is_told_when_nothing_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_paused_connection_gets_no_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_message_of_a_flood_is_lost_by_pausing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_flood_is_handled_a_share_in_each_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_closes_gets_what_was_queued_and_the_code_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_breaks_the_protocol_is_told_by_the_code, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_message_that_is_too_long_ends_the_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_is_gone_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_goes_while_paused_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_read_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_socket_is_not_tried, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_frame_without_memory_ends_the_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(closing_sends_what_is_queued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_reason_has_its_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_connection_is_told_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_may_end_within_a_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_farewell_waits_for_the_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_farewell_sends_what_is_queued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_farewell_sends_the_rest_of_a_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_farewell_has_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_farewell_to_one_that_is_gone_ends_at_once, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
