#include "tests/unit/unit_test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/transport/http.h"
#include "broker/transport/listener.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/log_reader.h"

#define BODY_LIMIT 10000

/* The application: keeps the requests that it gets, answers those for "/now" at once. */
#define REQUESTS_MAX 50

static struct broker_fixture fixture;
static struct http_options options;
static struct http_server *server;
static uint16_t port;
static struct test_client client;
static struct http_request *requests[REQUESTS_MAX];
static size_t request_count, gone_count;
static struct buffer head, body;

static void on_request(void *owner, struct http_request *request)
{
    assert_ptr_equal(owner, &fixture);
    if (strcmp(http_request_path(request), "/now") == 0) {
        const struct http_response response = {.status = 200,
                                               .content_type = "text/plain",
                                               .body = "now",
                                               .length = 3,
                                               .fields = {{"X-Test", "yes"}}};
        http_respond(request, &response);
        return;
    }
    assert_true(request_count < REQUESTS_MAX);
    requests[request_count++] = request;
}

static void on_gone(void *context)
{
    struct http_request **request = context;

    *request = NULL;
    gone_count++;
}

static void respond(size_t index, const char *text)
{
    const struct http_response response = {.status = 200, .body = text, .length = strlen(text)};

    http_respond(requests[index], &response);
    requests[index] = NULL;
}

static int set_up(void **state)
{
    struct error error;

    (void)state;
    fixture_open(&fixture);
    options = (struct http_options){.loop = fixture.loop,
                                    .max_connections = 100,
                                    .max_body_bytes = BODY_LIMIT,
                                    .on_request = on_request,
                                    .owner = &fixture};
    request_count = gone_count = 0;
    head = body = BUFFER_EMPTY;
    error_clear(&error);
    int listener = listener_open("127.0.0.1:0", &error);
    assert_true(listener >= 0);
    port = listener_port(listener);
    server = http_server_create(&options, listener, &error);
    assert_non_null(server);
    client_connect(&client, &fixture, port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_free(server);
    client_close(&client);
    buffer_free(&head);
    buffer_free(&body);
    fixture_close(&fixture);
    return 0;
}

static void check_response(unsigned status, const char *text)
{
    buffer_clear(&head);
    buffer_clear(&body);
    assert_int_equal(client_await_response(&client, &head, &body), status);
    assert_string_equal(body.length > 0 ? buffer_text(&body) : "", text);
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) { /* on one connection */
        client_send_text(&client, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        check_response(200, "now");
        assert_non_null(strstr(buffer_text(&head), "\r\nX-Test: yes\r\n"));
        assert_non_null(strstr(buffer_text(&head), "\r\nContent-Type: text/plain\r\n"));
    }
}

static void a_request_is_handed_on_when_it_is_whole(void **state)
{
    size_t length;

    (void)state;
    client_send_text(&client, "POST /a/b%20c?x=1&y=%2F HTTP/1.1\r\nHost: x\r\nOrigin: https://o\r\n"
                              "Content-Length: 5\r\n\r\nhe");
    for (int i = 0; i < 10; i++)
        fixture_turn(&fixture);
    assert_int_equal(request_count, 0);
    client_send_text(&client, "llo");
    FIXTURE_UNTIL(&fixture, request_count == 1);
    assert_int_equal(http_request_method(requests[0]), HTTP_POST);
    assert_string_equal(http_request_path(requests[0]), "/a/b%20c");
    assert_string_equal(http_request_query(requests[0]), "x=1&y=%2F");
    assert_string_equal(http_request_header(requests[0], "origin"), "https://o");
    assert_null(http_request_header(requests[0], "Cookie"));
    assert_memory_equal(http_request_body(requests[0], &length), "hello", 5);
    assert_int_equal(length, 5);
    respond(0, "thanks");
    check_response(200, "thanks");
}

static void each_method_is_told_and_others_are_other(void **state)
{
    static const struct {
        const char *name;
        enum http_method method;
    } cases[] = {{"GET", HTTP_GET},         {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST},
                 {"OPTIONS", HTTP_OPTIONS}, {"PUT", HTTP_OTHER}, {"get", HTTP_OTHER}};
    char text[64];
    size_t length;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct test_client other;

        client_connect(&other, &fixture, port);
        snprintf(text, sizeof(text), "%s /x HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].name);
        client_send_text(&other, text);
        FIXTURE_UNTIL(&fixture, request_count == i + 1);
        assert_int_equal(http_request_method(requests[i]), cases[i].method);
        assert_string_equal(http_request_query(requests[i]), "");
        assert_string_equal(http_request_body(requests[i], &length), "");
        assert_int_equal(length, 0);
        respond(i, "");
        assert_int_equal(client_await_response(&other, NULL, NULL), 200);
        client_close(&other);
    }
}

/* Many wait at once, and are answered in another order, some in the same turn. */
static void answers_may_come_later_in_any_order(void **state)
{
    enum { COUNT = 30 };
    struct test_client clients[COUNT];
    char text[16];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        client_connect(&clients[i], &fixture, port);
        client_send_text(&clients[i], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        FIXTURE_UNTIL(&fixture, request_count == i + 1);
        http_request_watch(requests[i], on_gone, &requests[i]);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        snprintf(text, sizeof(text), "%d", i);
        respond((size_t)i, text);
        if (i % 5 == 0)
            fixture_turn(&fixture);
    }
    for (size_t i = 0; i < COUNT; i++) {
        buffer_clear(&body);
        assert_int_equal(client_await_response(&clients[i], NULL, &body), 200);
        snprintf(text, sizeof(text), "%zu", i);
        assert_string_equal(buffer_text(&body), text);
        client_close(&clients[i]);
    }
    assert_int_equal(gone_count, 0);
}

static void a_client_that_leaves_while_it_waits_is_told_of(void **state)
{
    (void)state;
    client_send_text(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    FIXTURE_UNTIL(&fixture, request_count == 1);
    http_request_watch(requests[0], on_gone, &requests[0]);
    for (int i = 0; i < 10; i++)
        fixture_turn(&fixture);
    assert_int_equal(gone_count, 0);
    assert_int_equal(shutdown(client.descriptor, SHUT_WR), 0);
    FIXTURE_UNTIL(&fixture, gone_count == 1);
    assert_null(requests[0]);
    client_await_end(&client);
    assert_int_equal(client.received.length, 0);
}

/* It notices the next request's end as well. */
static void a_connection_may_wait_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        client_send_text(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        FIXTURE_UNTIL(&fixture, request_count == i + 1);
        http_request_watch(requests[i], on_gone, &requests[i]);
        if (i < 2) {
            respond(i, "again");
            check_response(200, "again");
        }
    }
    assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
    FIXTURE_UNTIL(&fixture, gone_count == 1);
}

static void an_announced_body_that_is_too_long_is_answered_413(void **state)
{
    static char text[BODY_LIMIT + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    client_send_text(&client, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n");
    client_send(&client, text, sizeof(text));
    check_response(413, "");
    assert_int_equal(request_count, 0);
}

/* Nobody waits for a body that is far too long. */
static void an_announced_body_that_is_far_too_long_is_not_read(void **state)
{
    (void)state;
    client_send_text(&client,
                     "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\nbeginning");
    check_response(413, "");
    assert_int_equal(request_count, 0);
}

static void the_longest_body_is_taken(void **state)
{
    static char text[BODY_LIMIT];
    size_t length;

    (void)state;
    memset(text, 'x', sizeof(text));
    client_send_text(&client, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n");
    client_send(&client, text, sizeof(text));
    FIXTURE_UNTIL(&fixture, request_count == 1);
    assert_memory_equal(http_request_body(requests[0], &length), text, sizeof(text));
    assert_int_equal(length, sizeof(text));
    respond(0, "ok");
    check_response(200, "ok");
}

/* In chunks, whose sum nobody announces. */
static void a_chunked_body_has_the_same_limit(void **state)
{
    static char chunk[1000];
    size_t length;

    (void)state;
    memset(chunk, 'x', sizeof(chunk));
    for (int chunks = 10; chunks <= 11; chunks++) {
        client_send_text(&client,
                         "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < chunks; i++) {
            client_send_text(&client, "3e8\r\n");
            client_send(&client, chunk, sizeof(chunk));
            client_send_text(&client, "\r\n");
        }
        client_send_text(&client, "0\r\n\r\n");
        if (chunks == 10) {
            FIXTURE_UNTIL(&fixture, request_count == 1);
            http_request_body(requests[0], &length);
            assert_int_equal(length, BODY_LIMIT);
            respond(0, "ok");
            check_response(200, "ok");
        } else {
            check_response(413, "");
        }
    }
    assert_int_equal(request_count, 1);
}

/* A body without end is not read for ever. */
static void a_chunked_body_without_end_is_cut_off(void **state)
{
    static char chunk[1000];

    (void)state;
    client_send_text(&client, "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 100 && !client.has_ended; i++) {
        struct buffer bytes = BUFFER_EMPTY;

        buffer_append_text(&bytes, "3e8\r\n");
        buffer_append(&bytes, chunk, sizeof(chunk));
        buffer_append_text(&bytes, "\r\n");
        if (send(client.descriptor, bytes.data, bytes.length, MSG_NOSIGNAL) < 0)
            assert_true(errno == EPIPE || errno == ECONNRESET || errno == EAGAIN);
        buffer_free(&bytes);
        fixture_turn(&fixture);
        client_receive(&client);
    }
    assert_true(client.has_ended);
    assert_int_equal(request_count, 0);
}

/* Sends a request whose head has exactly so many bytes, most of them in that field. */
static void send_head(const char *field, size_t bytes)
{
    static const char begin[] = "GET /x HTTP/1.1\r\nHost: x\r\n";
    static char value[64 * 1024];
    size_t rest = bytes - (sizeof(begin) - 1) - strlen(field) - strlen(": \r\n\r\n");

    assert_true(rest < sizeof(value));
    memset(value, 'x', rest);
    value[rest] = '\0';
    client_send_text(&client, begin);
    client_send_text(&client, field);
    client_send_text(&client, ": ");
    client_send_text(&client, value);
    client_send_text(&client, "\r\n\r\n");
}

static void a_head_of_16_kb_is_taken_cookies_too(void **state)
{
    static const char *const fields[] = {"Authorization", "Cookie", "X-Long"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        send_head(fields[i], strcmp(fields[i], "Cookie") == 0 ? HTTP_HEADERS_WITH_COOKIE_MAX_BYTES
                                                              : HTTP_HEADERS_MAX_BYTES);
        FIXTURE_UNTIL(&fixture, request_count == i + 1);
        respond(i, "ok");
        check_response(200, "ok");
    }
}

/* One answer and nothing behind it, of our shape; and a new connection. */
static void check_refusal_of_head(void)
{
    buffer_clear(&body);
    assert_int_equal(client_await_response(&client, NULL, &body), 431);
    assert_non_null(strstr(buffer_text(&body), "{\"statusCode\":431,"));
    client_await_end(&client);
    assert_int_equal(client.received.length, 0);
    client_close(&client);
    client_connect(&client, &fixture, port);
}

/* Whatever its length is: libmicrohttpd itself refuses some of them. */
static void a_longer_head_is_answered_431_once(void **state)
{
    static const struct {
        const char *field;
        size_t length;
    } heads[] = {
        {"Cookie", HTTP_HEADERS_WITH_COOKIE_MAX_BYTES + 1},
        {"Cookie", 16200},
        {"Cookie", 17000},
        {"Cookie", 24000},
        {"Cookie", 32000},
        {"X-Long", HTTP_HEADERS_MAX_BYTES + 1},
        {"X-Long", 24000},
        {"X-Long", 32000},
        {"X-Long", 33000},
        {"Cookie", 33000},
        {"X-Long", 48000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
        send_head(heads[i].field, heads[i].length);
        check_refusal_of_head();
    }
    assert_int_equal(request_count, 0);
}

/* Each takes more of the library's memory than it has bytes. */
static void a_head_of_too_many_fields_is_answered_431_once(void **state)
{
    static const int counts[] = {400, 800, 2000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        client_send_text(&client, "GET /x HTTP/1.1\r\nHost: x\r\n");
        for (int field = 0; field < counts[i]; field++)
            client_send_text(&client, "X-Some: some and more\r\n");
        client_send_text(&client, "\r\n");
        check_refusal_of_head();
    }
    assert_int_equal(request_count, 0);
}

static void what_is_no_http_ends_the_connection(void **state)
{
    (void)state;
    client_send_text(&client, "this is no HTTP\r\n\r\n");
    client_await_end(&client);
    assert_int_equal(request_count, 0);
}

static void check_address(const char *forwarded, const char *expected)
{
    char address[ADDRESS_BYTES];
    size_t index = request_count;

    client_send_text(&client, "GET /x HTTP/1.1\r\nHost: x\r\n");
    client_send_text(&client, forwarded);
    client_send_text(&client, "\r\n");
    FIXTURE_UNTIL(&fixture, request_count == index + 1);
    http_request_address(requests[index], address);
    assert_string_equal(address, expected);
    respond(index, "ok");
    check_response(200, "ok");
}

static void check_forwarded_host(const char *expected)
{
    size_t index = request_count;

    client_send_text(&client, "GET /x HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: y, z\r\n\r\n");
    FIXTURE_UNTIL(&fixture, request_count == index + 1);
    const char *host = http_request_forwarded_host(requests[index]);
    assert_string_equal(host != NULL ? host : "", expected);
    respond(index, "ok");
    check_response(200, "ok");
}

static void the_forwarded_host_counts_from_trusted_proxies_alone(void **state)
{
    static struct address_network loopback;

    (void)state;
    check_forwarded_host("");
    assert_true(address_network_parse("127.0.0.0/8", &loopback));
    options.trusted_proxies = &loopback;
    options.trusted_proxy_count = 1;
    check_forwarded_host("y, z");
}

static void the_forwarded_address_counts_from_trusted_proxies_alone(void **state)
{
    static struct address_network proxy;

    (void)state;
    check_address("", "127.0.0.1");
    check_address("X-Forwarded-For: 192.0.2.1\r\n", "127.0.0.1");
    assert_true(address_network_parse("10.0.0.0/8", &proxy));
    options.trusted_proxies = &proxy;
    options.trusted_proxy_count = 1;
    check_address("X-Forwarded-For: 192.0.2.1\r\n", "127.0.0.1");
    assert_true(address_network_parse("127.0.0.0/8", &proxy));
    check_address("", "127.0.0.1");
    check_address("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
    check_address("X-Forwarded-For: 10.0.0.1, 192.0.2.2 \r\n", "192.0.2.2");
    check_address("X-Forwarded-For: 10.0.0.1,\t[2001:db8::1]:5\r\n", "2001:db8::/64");
    check_address("X-Forwarded-For: 10.0.0.1\r\nX-Other: 1\r\nX-Forwarded-For: 192.0.2.3\r\n",
                  "192.0.2.3");
    check_address("X-Forwarded-For: unknown\r\n", "127.0.0.1");
    check_address("X-Forwarded-For: 10.0.0.1, \r\n", "127.0.0.1");
    check_address("X-Forwarded-For: "
                  "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
                  "127.0.0.1");
}

/* ---- WebSocket ----------------------------------------------------------------------------- */

#define HANDSHAKE                                                                                  \
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"     \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

struct upgraded {
    int calls, descriptor;
    char early[16];
    size_t early_length;
};

static void on_upgraded(void *context, int descriptor, const char *early, size_t early_length)
{
    struct upgraded *upgraded = context;

    upgraded->calls++;
    upgraded->descriptor = descriptor;
    upgraded->early_length = early_length;
    assert_true(early_length <= sizeof(upgraded->early));
    if (early_length > 0)
        memcpy(upgraded->early, early, early_length);
}

static void upgrade(struct upgraded *upgraded, const char *early)
{
    static const struct http_field fields[HTTP_FIELDS_MAX] = {{"X-Test", "yes"}};
    size_t index = request_count;

    *upgraded = (struct upgraded){.descriptor = -2};
    client_send_text(&client, HANDSHAKE "\r\n");
    client_send_text(&client, early);
    FIXTURE_UNTIL(&fixture, request_count == index + 1);
    assert_true(http_request_is_websocket(requests[index]));
    http_upgrade(requests[index], fields, on_upgraded, upgraded);
    requests[index] = NULL;
}

static void an_upgraded_socket_is_the_callers_alone(void **state)
{
    struct upgraded upgraded;
    int on;
    socklen_t length = sizeof(on);

    (void)state;
    upgrade(&upgraded, "early");
    FIXTURE_UNTIL(&fixture, upgraded.calls == 1);
    check_response(101, "");
    /* The example of RFC 6455 section 1.3. */
    assert_non_null(
        strstr(buffer_text(&head), "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(buffer_text(&head), "\r\nX-Test: yes\r\n"));
    assert_int_equal(upgraded.early_length, 5);
    assert_memory_equal(upgraded.early, "early", 5);
    assert_true(upgraded.descriptor >= 0);
    assert_true(fcntl(upgraded.descriptor, F_GETFL) & O_NONBLOCK);
    assert_int_equal(getsockopt(upgraded.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &length), 0);
    assert_true(on != 0);

    /* It is ours alone now: the server may even end. */
    http_server_free(server);
    server = NULL;
    assert_int_equal(write(upgraded.descriptor, "still", 5), 5);
    client_await(&client, 5);
    assert_memory_equal(client.received.data, "still", 5);
    assert_false(client.has_ended);
    close(upgraded.descriptor);
    client_await_end(&client);
}

/* What the answer names, or "" for nothing. */
static void check_subprotocol(const char *offer, const char *expected)
{
    static const struct http_field no_fields[HTTP_FIELDS_MAX] = {{NULL, NULL}};
    struct upgraded upgraded = {.descriptor = -2};
    char line[64];
    size_t index = request_count;

    client_send_text(&client, HANDSHAKE);
    client_send_text(&client, offer);
    client_send_text(&client, "\r\n");
    FIXTURE_UNTIL(&fixture, request_count == index + 1);
    http_upgrade(requests[index], no_fields, on_upgraded, &upgraded);
    requests[index] = NULL;
    FIXTURE_UNTIL(&fixture, upgraded.calls == 1);
    check_response(101, "");
    snprintf(line, sizeof(line), "\r\nSec-WebSocket-Protocol: %s\r\n", expected);
    if (expected[0] != '\0')
        assert_non_null(strstr(buffer_text(&head), line));
    else
        assert_null(strstr(buffer_text(&head), "Sec-WebSocket-Protocol"));
    close(upgraded.descriptor);
    client_close(&client);
    client_connect(&client, &fixture, port);
}

static void of_the_subprotocols_that_are_offered_the_first_is_named(void **state)
{
    (void)state;
    check_subprotocol("", "");
    check_subprotocol("Sec-WebSocket-Protocol: chat\r\n", "chat");
    check_subprotocol("Sec-WebSocket-Protocol: chat, v2.x\r\n", "chat");
    check_subprotocol("Sec-WebSocket-Protocol:  ,v2.x,chat\r\n", "v2.x");
    check_subprotocol("Sec-WebSocket-Protocol: (odd)\r\n", "");
    check_subprotocol("Sec-WebSocket-Protocol: (odd), chat\r\n", "chat");
    check_subprotocol("Sec-WebSocket-Protocol: v2.x\r\nSec-WebSocket-Protocol: chat\r\n", "v2.x");
    check_subprotocol("Sec-WebSocket-Protocol: ,\r\nsec-websocket-protocol: chat\r\n", "chat");
    check_subprotocol("Sec-WebSocket-Protocol:\r\n", "");
}

static void an_upgrade_of_one_that_is_gone_is_told_once(void **state)
{
    struct upgraded upgraded;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    static const struct http_field no_fields[HTTP_FIELDS_MAX] = {{NULL, NULL}};

    (void)state;
    upgraded = (struct upgraded){.descriptor = -2};
    client_send_text(&client, HANDSHAKE "\r\n");
    FIXTURE_UNTIL(&fixture, request_count == 1);
    assert_int_equal(setsockopt(client.descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
                     0);
    assert_int_equal(shutdown(client.descriptor, SHUT_RDWR), 0);
    close(client.descriptor);
    client.descriptor = -1;
    http_upgrade(requests[0], no_fields, on_upgraded, &upgraded);
    requests[0] = NULL;
    FIXTURE_UNTIL(&fixture, upgraded.calls == 1);
    if (upgraded.descriptor >= 0) /* the answer was sent before the system knew */
        close(upgraded.descriptor);
}

static void what_lacks_a_part_is_no_handshake(void **state)
{
    static const char *const heads[] = {
        "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhl*HNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websockets\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "HEAD /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
        struct test_client other;

        client_connect(&other, &fixture, port);
        client_send_text(&other, heads[i]);
        FIXTURE_UNTIL(&fixture, request_count == i + 1);
        assert_false(http_request_is_websocket(requests[i]));
        respond(i, "");
        assert_int_equal(client_await_response(&other, NULL, NULL), 200);
        client_close(&other);
    }
}

/* ---- the server's end ---------------------------------------------------------------------- */

static void requests_that_wait_at_the_end_are_told_as_gone(void **state)
{
    (void)state;
    client_send_text(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    FIXTURE_UNTIL(&fixture, request_count == 1);
    http_request_watch(requests[0], on_gone, &requests[0]);
    http_server_free(server);
    server = NULL;
    assert_int_equal(gone_count, 1);
    client_await_end(&client);
}

static void who_is_there_is_served_after_listening_has_stopped(void **state)
{
    (void)state;
    client_send_text(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    FIXTURE_UNTIL(&fixture, request_count == 1);
    http_server_stop_listening(server);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_not_equal(connect(descriptor, (const struct sockaddr *)&address, sizeof(address)),
                         0);
    close(descriptor);
    respond(0, "finished");
    check_response(200, "finished");
}

/* One more is told so, at once. */
static void a_connection_over_the_limit_is_answered_503(void **state)
{
    struct test_client second, third;

    (void)state;
    struct error error;
    http_server_free(server);
    client_close(&client);
    options.max_connections = 2;
    int listener = listener_open("127.0.0.1:0", &error);
    port = listener_port(listener);
    server = http_server_create(&options, listener, &error);
    client_connect(&client, &fixture, port);
    client_connect(&second, &fixture, port);
    client_connect(&third, &fixture, port);
    client_send_text(&client, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    client_send_text(&second, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    client_send_text(&third, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    check_response(200, "now");
    assert_int_equal(client_await_response(&second, NULL, NULL), 200);
    assert_int_equal(client_await_response(&third, NULL, NULL), 503);
    client_await_end(&third);
    client_close(&third);
    client_close(&second);
    for (int i = 0; i < 20; i++)
        fixture_turn(&fixture);
    client_connect(&third, &fixture, port);
    client_send_text(&third, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_await_response(&third, NULL, NULL), 200);
    client_close(&third);
}

/* Accepting begins again when there are descriptors again, whoever has given them back. */
static void accepting_goes_on_when_there_are_descriptors_again(void **state)
{
    struct rlimit limit, lower;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    lower = limit;
    int next = dup(client.descriptor);
    close(next);
    lower.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    client_send_text(&client, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 20; i++)
        fixture_pass(&fixture, 100);
    client_receive(&client);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(client.received.length, 0);
    assert_false(client.has_ended);
    fixture_pass(&fixture, 100);
    check_response(200, "now");
}

/* ---- listeners ----------------------------------------------------------------------------- */

static void a_unix_socket_is_served_and_replaced(void **state)
{
    char directory[] = "/tmp/messagerie-test-XXXXXX", address[64];
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct stat status;
    struct error error;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(address, sizeof(address), "unix:%s/socket", directory);
    strcpy(path.sun_path, address + strlen("unix:"));
    int first = listener_open(address, &error);
    assert_true(first >= 0);
    assert_int_equal(stat(path.sun_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    assert_int_equal(listener_open(address, &error), -1); /* it is in use */
    assert_non_null(strstr(error.text, address));
    close(first);
    int second = listener_open(address, &error); /* left over */
    assert_true(second >= 0);

    struct http_server *other = http_server_create(&options, second, &error);
    assert_non_null(other);
    struct test_client unix_client;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(descriptor, (const struct sockaddr *)&path, sizeof(path)), 0);
    assert_int_equal(fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
    client_open(&unix_client, &fixture, descriptor);
    client_send_text(&unix_client, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    FIXTURE_UNTIL(&fixture, request_count == 1);
    char peer[ADDRESS_BYTES];
    http_request_address(requests[0], peer);
    assert_string_equal(peer, "unix");
    respond(0, "unix");
    assert_int_equal(client_await_response(&unix_client, NULL, &body), 200);
    assert_string_equal(buffer_text(&body), "unix");
    client_close(&unix_client);
    http_server_free(other);
    unlink(path.sun_path);
    rmdir(directory);
}

static void broken_requests_are_one_line_a_second(void **state)
{
    struct test_client broken;
    int log = memfd_create("log", MFD_CLOEXEC);

    (void)state;
    fixture.log.level = LOG_LEVEL_WARNING;
    assert_true(dup2(log, fixture.log.descriptor) >= 0);
    for (size_t second = 1; second <= 2; second++) {
        for (int i = 0; i < 10; i++) {
            client_connect(&broken, &fixture, port);
            client_send_text(&broken, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n");
            assert_int_equal(client_await_response(&broken, NULL, NULL), 400);
            client_close(&broken);
        }
        assert_int_equal(count_in_log(log, "libmicrohttpd"), second);
        fixture_pass(&fixture, LOG_LIMIT_MS);
    }
    assert_int_equal(count_in_log(log, "left_out="), 1);
    close(log);
}

static void what_is_no_address_cannot_be_listened_on(void **state)
{
    static const char *const addresses[] = {"",
                                            "unix:",
                                            "127.0.0.1",
                                            ":80",
                                            "x:",
                                            "localhost:0",
                                            "1.2.3.4:x",
                                            "[::1:0",
                                            "unix:/nowhere/at/all/socket",
                                            "127.0.0.1:65536",
                                            "192.0.2.1:0"};
    struct error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++) {
        error_clear(&error);
        assert_int_equal(listener_open(addresses[i], &error), -1);
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
        assert_non_null(strstr(error.text, addresses[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_is_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_is_handed_on_when_it_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_method_is_told_and_others_are_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(answers_may_come_later_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_while_it_waits_is_told_of, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_connection_may_wait_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_announced_body_that_is_too_long_is_answered_413, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_announced_body_that_is_far_too_long_is_not_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_longest_body_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_chunked_body_has_the_same_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_chunked_body_without_end_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_head_of_16_kb_is_taken_cookies_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_longer_head_is_answered_431_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_head_of_too_many_fields_is_answered_431_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_http_ends_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_forwarded_host_counts_from_trusted_proxies_alone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_forwarded_address_counts_from_trusted_proxies_alone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_upgraded_socket_is_the_callers_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_the_subprotocols_that_are_offered_the_first_is_named,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_upgrade_of_one_that_is_gone_is_told_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_lacks_a_part_is_no_handshake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_that_wait_at_the_end_are_told_as_gone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_there_is_served_after_listening_has_stopped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_connection_over_the_limit_is_answered_503, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(accepting_goes_on_when_there_are_descriptors_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_unix_socket_is_served_and_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_requests_are_one_line_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_address_cannot_be_listened_on, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
