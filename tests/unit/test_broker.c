/*
 * The broker as a whole, from its HTTP server to its database, on a clock that the test
 * sets: what happens after a time, and limits that would take many clients.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "broker/broker.h"
#include "broker/feed.h"
#include "broker/presence.h"
#include "broker/silent.h"
#include "broker/transport/listener.h"
#include "broker/typing.h"
#include "broker/withdrawal.h"
#include "db/announcement.h"
#include "db/sqlite/writers_lock.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/wait.h"

#define TURN_WAIT_MS   5
#define PAGES_MAX      8
#define STEP_MS        10000
#define TURNS_PER_STEP 20
#define SECRET         "a secret for the tests, long enough"
#define OLD_SECRET     "the one before it, long enough, too"

struct page {
    int descriptor;
    struct buffer raw;  /* bytes that are no whole frame yet */
    struct buffer text; /* all texts, a line each */
    bool is_upgraded;
    bool is_closed;
};

struct bench {
    struct fixture *fixture;
    struct loop *loop;
    struct broker *broker;
    struct configuration *configuration; /* of the messaging */
    struct config *config;               /* to sign tokens with */
    struct http_options http_options;
    struct http_server *http;
    uint16_t port;
    struct page pages[PAGES_MAX];
    size_t page_count;
};

/* ---- the broker ---------------------------------------------------------------------------- */

static void on_request(void *owner, struct http_request *request)
{
    broker_handle(((struct bench *)owner)->broker, request);
}

/* `auth`: the lines of that section. */
static void write_configuration(const struct fixture *fixture, const char *auth, char path[160])
{
    snprintf(path, 160, "%s/test.conf", fixture->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "[auth]\n%s\n[database]\npath = %s\n", auth, fixture->path);
    fclose(file);
}

static struct configuration *make_configuration(const struct fixture *fixture, const char *auth)
{
    static const struct configuration_kind kind = {.bytes = sizeof(struct configuration),
                                                   .verifies_tokens = true};
    struct error error;
    char path[160];

    error_clear(&error);
    write_configuration(fixture, auth, path);
    struct configuration *configuration = configuration_load(&kind, path, &error);
    if (configuration == NULL)
        fail_msg("%s", error.text);
    return configuration;
}

/* To sign tokens with. */
static struct config *make_config(const struct fixture *fixture, const char *auth)
{
    struct error error;
    char path[160];

    error_clear(&error);
    write_configuration(fixture, auth, path);
    struct config *config = config_load(path, &error);
    assert_non_null(config);
    return config;
}

static void start_broker(struct bench *bench)
{
    struct error error;

    error_clear(&error);
    bench->configuration = make_configuration(bench->fixture, "jwt_secret = " SECRET "\n"
                                                              "jwt_secret_previous = " OLD_SECRET);
    bench->broker = broker_create(bench->loop, bench->configuration, &error);
    assert_non_null(bench->broker);
    bench->http_options = (struct http_options){.loop = bench->loop,
                                                .max_connections = 64,
                                                .max_body_bytes = BROKER_MAX_PAYLOAD_BYTES,
                                                .on_request = on_request,
                                                .owner = bench};
    int listener = listener_open("127.0.0.1:0", &error);
    assert_true(listener >= 0);
    bench->port = listener_port(listener);
    bench->http = http_server_create(&bench->http_options, listener, &error);
    assert_non_null(bench->http);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    void *fixture;
    struct error error;

    assert_non_null(bench);
    assert_int_equal(fixture_set_up(&fixture), 0);
    bench->fixture = fixture;
    error_clear(&error);
    bench->loop = loop_create(&bench->fixture->services, &error);
    assert_non_null(bench->loop);
    bench->config = make_config(bench->fixture, "jwt_secret = " SECRET);
    start_broker(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    void *fixture = bench->fixture;
    char path[160];

    for (size_t i = 0; i < bench->page_count; i++) {
        close(bench->pages[i].descriptor);
        buffer_free(&bench->pages[i].raw);
        buffer_free(&bench->pages[i].text);
    }
    broker_free(bench->broker);
    configuration_release(bench->configuration);
    http_server_free(bench->http);
    loop_free(bench->loop);
    config_free(bench->config);
    snprintf(path, sizeof(path), "%s/test.conf", bench->fixture->directory);
    unlink(path);
    free(bench);
    return fixture_tear_down(&fixture);
}

/* ---- pages --------------------------------------------------------------------------------- */

static void send_bytes(const struct page *page, const char *bytes, size_t length)
{
    assert_int_equal(send(page->descriptor, bytes, length, MSG_NOSIGNAL), length);
}

/* A masked text frame with mask 0. */
static void say(const struct page *page, const char *text)
{
    char frame[2048] = {(char)0x81};
    size_t length = strlen(text);
    size_t at = 1;

    assert_true(length < sizeof(frame) - 8);
    frame[at++] = (char)(0x80 | (length < 126 ? length : 126));
    if (length >= 126) {
        frame[at++] = (char)(length >> 8);
        frame[at++] = (char)length;
    }
    at += 4; /* the mask */
    snprintf(frame + at, sizeof(frame) - at, "%s", text);
    send_bytes(page, frame, at + length);
}

/* Takes whole frames out of what was received. */
static void take_frames(struct page *page)
{
    const unsigned char *bytes = (const unsigned char *)page->raw.data;
    size_t left = page->raw.length;

    for (;;) {
        size_t header = left >= 2 && bytes[1] == 126 ? 4 : 2;
        if (left < header)
            break;
        size_t length = header == 4 ? (size_t)bytes[2] << 8 | bytes[3] : bytes[1];
        if (left < header + length)
            break;
        page->is_closed = page->is_closed || bytes[0] == 0x88;
        if (bytes[0] == 0x81) {
            buffer_append(&page->text, bytes + header, length);
            buffer_append_text(&page->text, "\n");
            if (bytes[header] == '2')
                say(page, "3");
        }
        bytes += header + length;
        left -= header + length;
    }
    memmove(page->raw.data, bytes, left);
    page->raw.length = left;
}

static void receive(struct page *page)
{
    char bytes[65536];
    ssize_t length = recv(page->descriptor, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (length == 0)
        page->is_closed = true;
    if (length <= 0)
        return;
    buffer_append(&page->raw, bytes, (size_t)length);
    if (!page->is_upgraded) {
        char *end = strstr(buffer_text(&page->raw), "\r\n\r\n");
        if (end == NULL)
            return;
        size_t head = (size_t)(end + 4 - page->raw.data);
        assert_memory_equal(page->raw.data, "HTTP/1.1 101", 12);
        memmove(page->raw.data, end + 4, page->raw.length - head);
        page->raw.length -= head;
        page->is_upgraded = true;
    }
    take_frames(page);
}

static void turn(struct bench *bench)
{
    assert_true(loop_turn(bench->loop, TURN_WAIT_MS));
    for (size_t i = 0; i < bench->page_count; i++)
        receive(&bench->pages[i]);
}

static size_t count_of(struct page *page, const char *text)
{
    const char *at = page->text.length > 0 ? buffer_text(&page->text) : "";
    size_t count = 0;

    for (; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

#define TURN_UNTIL(bench, condition) WAIT_UNTIL(condition, turn(bench))

static uint64_t gauge(struct bench *bench, size_t offset)
{
    struct metrics_gauges gauges;
    uint64_t value;

    broker_gauges(bench->broker, &gauges);
    memcpy(&value, (const char *)&gauges + offset, sizeof(value));
    return value;
}

#define GAUGE(bench, name) gauge(bench, offsetof(struct metrics_gauges, name))

static void expect(struct bench *bench, struct page *page, const char *text)
{
    WAIT_UNTIL_OR(count_of(page, text) > 0, turn(bench),
                  fail_msg("no %s in %s%s", text, buffer_text(&page->text),
                           page->is_closed ? " and it is closed" : ""));
}

/* Lets time pass, in steps that leave pages the time to answer pings, and everything happen that it
 * brings, also what the database is asked for. */
static void pass(struct bench *bench, int64_t ms)
{
    do {
        int64_t step_ms = ms < STEP_MS ? ms : STEP_MS;
        ms -= step_ms;
        bench->fixture->now_ms += step_ms;
        for (int turns = 0; turns < TURNS_PER_STEP; turns++)
            turn(bench);
        TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 0);
    } while (ms > 0);
}

static struct page *open_websocket(struct bench *bench)
{
    static const char upgrade[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                                  "Host: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(bench->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct page *page = &bench->pages[bench->page_count++];

    page->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(page->descriptor, (const struct sockaddr *)&address, sizeof(address)),
                     0);
    send_bytes(page, upgrade, sizeof(upgrade) - 1);
    expect(bench, page, "\"sid\"");
    return page;
}

/* As that user, whose token ends after ttl_s; `recovery` are more members of the object. */
static void say_connect(struct bench *bench, const struct page *page, const char *user_id,
                        const char *role, int64_t ttl_s, const char *recovery)
{
    struct error error;
    char text[1024];

    error_clear(&error);
    char *token = token_sign(bench->config, user_id, role, bench->fixture->now_ms, ttl_s, &error);
    assert_non_null(token);
    snprintf(text, sizeof(text), "40/messaging,{\"token\":\"%s\"%s}", token, recovery);
    free(token);
    say(page, text);
}

/* Opens a page of that user, whose token ends after ttl_s. */
static struct page *open_page_for(struct bench *bench, const char *user_id, const char *role,
                                  int64_t ttl_s)
{
    struct page *page = open_websocket(bench);

    say_connect(bench, page, user_id, role, ttl_s, "");
    expect(bench, page, "unread-count-updated");
    return page;
}

static struct page *open_page(struct bench *bench, const char *user_id, const char *role)
{
    return open_page_for(bench, user_id, role, 86400);
}

/* Emits an event about the fixture's conversation and waits for its acknowledgement. */
static void ask(struct bench *bench, struct page *page, const char *event)
{
    char text[256];

    buffer_clear(&page->text);
    snprintf(text, sizeof(text), "42/messaging,7[\"%s\",{\"conversationId\":\"%s\"}]", event,
             bench->fixture->conversation_id);
    say(page, text);
    expect(bench, page, "43/messaging,7[{\"status\":\"ok\"");
}

static void close_page(struct page *page)
{
    shutdown(page->descriptor, SHUT_RDWR);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void typing_ends_after_a_while(void **state)
{
    struct bench *bench = *state;

    fixture_conversation(bench->fixture);
    struct page *salon_page = open_page(bench, "s1", "salon");
    struct page *client_page = open_page(bench, "c1", "client");
    ask(bench, salon_page, "join-conversation");
    ask(bench, client_page, "user-typing");
    expect(bench, salon_page, "[\"user-typing\"");
    pass(bench, TYPING_MS / 2);
    ask(bench, client_page, "user-typing"); /* renewed */
    pass(bench, TYPING_MS - 1);
    assert_int_equal(count_of(salon_page, "user-stopped-typing"), 0);
    pass(bench, 1);
    expect(bench, salon_page, "[\"user-stopped-typing\"");
    assert_int_equal(count_of(client_page, "user-stopped-typing"), 0);
    pass(bench, TYPING_MS);
    assert_int_equal(count_of(salon_page, "user-stopped-typing"), 1);
}

static void offline_comes_after_the_grace(void **state)
{
    struct bench *bench = *state;

    fixture_conversation(bench->fixture);
    struct page *watcher = open_page(bench, "s1", "salon");
    struct page *stranger = open_page(bench, "c2", "client");
    struct page *first = open_page(bench, "c1", "client");
    expect(bench, watcher, "[\"user-online\",{\"userId\":\"c1\",\"userName\":\"Léa\"}]");
    close_page(first);
    pass(bench, PRESENCE_GRACE_MS - 1);
    struct page *second = open_page(bench, "c1", "client");
    pass(bench, PRESENCE_GRACE_MS);
    assert_int_equal(count_of(watcher, "user-offline"), 0);
    assert_int_equal(count_of(watcher, "user-online"), 1);
    close_page(second);
    TURN_UNTIL(bench, GAUGE(bench, websocket_connections) == 2); /* it is noticed */
    pass(bench, PRESENCE_GRACE_MS - 1);
    assert_int_equal(count_of(watcher, "user-offline"), 0);
    pass(bench, 1);
    expect(bench, watcher, "[\"user-offline\",{\"userId\":\"c1\"}]");
    assert_int_equal(count_of(stranger, "\"userId\""), 0);
}

static void who_is_not_back_after_a_restart_is_offline(void **state)
{
    struct bench *bench = *state;

    fixture_conversation(bench->fixture);
    fixture_execute(bench->fixture, "INSERT INTO sessions (pid, sid, user_id, is_connected,"
                                    " changed_at) VALUES ('p1', 's', 'c1', 1, 0)");
    broker_start(bench->broker);
    pass(bench, 0);
    struct page *watcher = open_page(bench, "s1", "salon");
    expect(bench, watcher, "[\"user-online\",{\"userId\":\"c1\",\"userName\":\"Léa\"}]");
    pass(bench, PRESENCE_RESTART_MS - 1);
    assert_int_equal(count_of(watcher, "user-offline"), 0);
    pass(bench, 1);
    expect(bench, watcher, "[\"user-offline\",{\"userId\":\"c1\"}]");
}

static void a_page_is_told_of_so_many_contacts(void **state)
{
    struct bench *bench = *state;
    char sql[1024];

    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= %d)"
             " INSERT INTO users (id, role, created_at, updated_at)"
             " SELECT 'n' || i, 'client', 0, 0 FROM n;"
             "INSERT INTO sessions (pid, sid, user_id, is_connected, changed_at)"
             " SELECT id, id, id, 1, 0 FROM users WHERE id LIKE 'n%%';"
             "INSERT INTO conversations (id, salon_id, client_user_id, status, created_at,"
             " updated_at, last_message_at)"
             " SELECT 'with-' || id, 's1', id, 'ACTIVE', 0, 0, 0 FROM users WHERE id LIKE 'n%%';"
             "INSERT INTO participants (user_id, conversation_id, is_salon, status,"
             " last_message_at) SELECT salon_id, id, 1, 'ACTIVE', 0 FROM conversations;"
             "INSERT INTO participants (user_id, conversation_id, is_salon, status,"
             " last_message_at) SELECT client_user_id, id, 0, 'ACTIVE', 0 FROM conversations",
             PRESENCE_CONTACTS_MAX);
    fixture_execute(bench->fixture, sql);
    broker_start(bench->broker);
    pass(bench, 0);
    struct page *page = open_page(bench, "s1", "salon");
    TURN_UNTIL(bench, count_of(page, "[\"user-online\"") >= PRESENCE_CONTACTS_MAX);
    pass(bench, 0);
    assert_int_equal(count_of(page, "[\"user-online\""), PRESENCE_CONTACTS_MAX);
}

static void a_token_ends(void **state)
{
    struct bench *bench = *state;
    struct page *page = open_page_for(bench, "s1", "salon", 90);

    pass(bench, 89000);
    assert_int_equal(count_of(page, "token_expired"), 0);
    assert_false(page->is_closed);
    pass(bench, 1000);
    expect(bench, page, "\"code\":\"token_expired\"");
    TURN_UNTIL(bench, page->is_closed);
    assert_int_equal(count_of(page, "41/messaging"), 0);
}

/* Their next offset would be of the other one, and mean something else there. */
static void when_the_database_is_replaced_all_have_to_come_anew(void **state)
{
    struct bench *bench = *state;
    struct page *page = open_page(bench, "s1", "salon");

    bench->fixture->log.level = LOG_LEVEL_ERROR;
    fixture_execute(bench->fixture, "UPDATE timeline SET name = '0000000a'");
    WAIT_UNTIL(page->is_closed, bench->fixture->now_ms += FEED_LOOK_MS; turn(bench));
    struct page *back = open_page(bench, "s1", "salon");
    expect(bench, back, "-0000000a\"}");
    assert_false(back->is_closed);
}

/* ---- sockets that take no part ---- */

static const char too_many[] =
    "42/messaging,[\"error\",{\"message\":\"Trop de connexions ouvertes pour ce compte\","
    "\"code\":\"too_many_connections\"}]";

/* It holds no place of the user's, and what it asks is answered. */
static void one_socket_too_many_knows_why_and_waits(void **state)
{
    struct bench *bench = *state;

    bench->configuration->config->broker_max_connections_per_user = 2;
    open_page(bench, "s1", "salon");
    struct page *second = open_page(bench, "s1", "salon");
    struct page *third = open_websocket(bench);
    say_connect(bench, third, "s1", "salon", 86400, "");
    expect(bench, third, too_many);
    assert_int_equal(count_of(third, "40/messaging,{\"sid\":"), 1);
    assert_int_equal(count_of(third, "\"pid\""), 0);
    assert_true(strstr(third->text.data, "40/messaging") < strstr(third->text.data, "\"error\""));
    say(third, "42/messaging,7[\"join-conversation\",{\"conversationId\":\"x\"}]");
    expect(bench, third, "43/messaging,7[{\"status\":\"error\",\"message\":\"Trop de connexions");
    say(third, "42/messaging,[\"join-conversation\",{\"conversationId\":\"x\"}]");
    pass(bench, SILENT_SURPLUS_MS - 1000);
    assert_false(third->is_closed);
    close_page(second);
    pass(bench, 0);
    open_page(bench, "s1", "salon");
    pass(bench, 1000);
    TURN_UNTIL(bench, third->is_closed);
    assert_int_equal(count_of(third, "unread-count-updated"), 0);
    assert_int_equal(count_of(third, "41/messaging"), 0);
}

/* And says so only as long as it is: nothing of it is left when it goes, or the broker ends. */
static void one_too_many_may_leave_and_come_again(void **state)
{
    struct bench *bench = *state;

    bench->configuration->config->broker_max_connections_per_user = 1;
    struct page *first = open_page(bench, "s1", "salon");
    struct page *second = open_websocket(bench);
    for (size_t times = 1; times <= 5; times++) {
        say_connect(bench, second, "s1", "salon", 86400, "");
        TURN_UNTIL(bench, count_of(second, too_many) == times);
        say(second, "41/messaging,");
    }
    close_page(first);
    pass(bench, 0);
    say_connect(bench, second, "s1", "salon", 86400, "");
    expect(bench, second, "unread-count-updated");
    struct page *third = open_websocket(bench);
    say_connect(bench, third, "s1", "salon", 86400, "");
    expect(bench, third, too_many);
}

static void when_all_places_are_taken_one_is_told_so(void **state)
{
    struct bench *bench = *state;

    bench->configuration->config->broker_max_connections = 1;
    struct page *first = open_page(bench, "s1", "salon");
    struct page *second = open_websocket(bench);
    say_connect(bench, second, "c1", "client", 86400, "");
    expect(bench, second, "\"code\":\"overloaded\"");
    close_page(first);
    pass(bench, SILENT_SURPLUS_MS);
    TURN_UNTIL(bench, second->is_closed);
    open_page(bench, "c1", "client");
}

/* A user who connects and leaves without end: each time is a transaction. */
static void who_connects_too_often_waits(void **state)
{
    struct bench *bench = *state;
    struct page *page = open_websocket(bench);
    size_t times = 0;

    bench->configuration->config->broker_max_connections_per_user = 1;
    while (count_of(page, "\"code\":\"too_many_connects\"") == 0) {
        size_t answers = count_of(page, "40/messaging,{\"sid\":");
        say_connect(bench, page, "s1", "salon", 86400, "");
        TURN_UNTIL(bench, count_of(page, "40/messaging,{\"sid\":") > answers &&
                              count_of(page, "unread-count-updated") +
                                      count_of(page, "too_many_connects") >
                                  answers);
        say(page, "41/messaging,");
        assert_in_range(++times, 1, 200);
    }
    assert_in_range(times, 100, 110);
    struct page *other = open_websocket(bench);
    say_connect(bench, other, "c1", "client", 86400, "");
    expect(bench, other, "unread-count-updated");
    pass(bench, 2000);
    struct page *again = open_websocket(bench);
    say_connect(bench, again, "s1", "salon", 86400, "");
    expect(bench, again, "unread-count-updated");
}

static void say_connect_root(struct bench *bench, const struct page *page, int64_t ttl_s)
{
    struct error error;
    char text[1024];

    error_clear(&error);
    char *token = token_sign(bench->config, "s1", "salon", bench->fixture->now_ms, ttl_s, &error);
    snprintf(text, sizeof(text), "40{\"token\":\"%s\"}", token);
    free(token);
    say(page, text);
}

static void the_root_namespace_is_silent_beside_ours(void **state)
{
    struct bench *bench = *state;
    fixture_conversation(bench->fixture);
    struct page *page = open_websocket(bench);
    say(page, "40{\"token\":\"x\"}");
    expect(bench, page, "44{\"message\":\"Unauthorized\",\"data\":{\"reason\":\"malformed\"}}");
    say_connect_root(bench, page, 90);
    expect(bench, page, "40{\"sid\":");
    pass(bench, 20000); /* longer than one may be nowhere */
    say_connect(bench, page, "s1", "salon", 86400, "");
    expect(bench, page, "unread-count-updated");
    say(page, "427[\"join-conversation\",{\"conversationId\":\"x\"}]");
    ask(bench, page, "join-conversation");
    assert_int_equal(count_of(page, "42[\""), 0);
    assert_int_equal(count_of(page, "437["), 0);
    say(page, "41/messaging,");
    pass(bench, 60000);
    assert_false(page->is_closed);
    pass(bench, 10000);
    TURN_UNTIL(bench, page->is_closed);
}

/* What shows no more than that is a stranger still: it may say little. */
static void who_is_in_the_root_namespace_alone_may_say_little(void **state)
{
    /* A text of 19992 bytes, the mask, and what makes it an event. */
    static const uint8_t head[] = {0x81, 0xfe, 19992 >> 8, 19992 & 0xff, 0, 0, 0, 0, '4', '2'};
    static char flood[20000];
    struct bench *bench = *state;
    struct page *page = open_websocket(bench);

    say_connect_root(bench, page, 86400);
    expect(bench, page, "40{\"sid\":");
    assert_int_equal(GAUGE(bench, anonymous_connections), 1);
    memset(flood, 'x', sizeof(flood));
    memcpy(flood, head, sizeof(head));
    send_bytes(page, flood, sizeof(flood));
    TURN_UNTIL(bench, page->is_closed);
}

static size_t count_closed(const struct bench *bench)
{
    size_t count = 0;

    for (size_t i = 0; i < bench->page_count; i++)
        count += bench->pages[i].is_closed;
    return count;
}

/* Opens pages of these users, whose tokens the secret has signed. */
static void open_signed(struct bench *bench, const char *auth, const char *const *user_ids,
                        size_t count)
{
    struct config *usual = bench->config;

    bench->config = make_config(bench->fixture, auth);
    for (size_t i = 0; i < count; i++)
        open_page(bench, user_ids[i], "client");
    config_free(bench->config);
    bench->config = usual;
}

static void use_configuration(struct bench *bench, const char *auth)
{
    struct configuration *before = bench->configuration;

    bench->configuration = make_configuration(bench->fixture, auth);
    broker_use_configuration(bench->broker, bench->configuration);
    configuration_release(before);
}

static void sockets_of_a_key_that_is_gone_end_one_after_another(void **state)
{
    static const char *const user_ids[] = {"c1", "c1", "c2", "c3"};
    enum { COUNT = sizeof(user_ids) / sizeof(user_ids[0]) };
    struct bench *bench = *state;

    open_signed(bench, "jwt_secret = " OLD_SECRET, user_ids, COUNT);
    struct page *kept = open_page(bench, "s1", "salon");
    use_configuration(bench, "jwt_secret = " SECRET "\njwt_secret_previous = " OLD_SECRET);
    pass(bench, WITHDRAWAL_SPREAD_MS);
    assert_int_equal(count_closed(bench), 0);
    use_configuration(bench, "jwt_secret = " SECRET);
    for (size_t closed = 1; closed <= COUNT; closed++) {
        TURN_UNTIL(bench, count_closed(bench) == closed);
        pass(bench, WITHDRAWAL_SPREAD_MS / COUNT - 1);
        assert_int_equal(count_closed(bench), closed);
        pass(bench, 1);
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(count_of(&bench->pages[i], "\"code\":\"token_expired\""), 1);
    assert_false(kept->is_closed);
    assert_int_equal(count_of(kept, "token_expired"), 0);
}

/* What takes no part ends with its key, too; three, of which one is gone by itself before. */
static void so_do_those_of_the_root_namespace(void **state)
{
    struct bench *bench = *state;
    struct config *usual = bench->config;

    bench->config = make_config(bench->fixture, "jwt_secret = " OLD_SECRET);
    use_configuration(bench, "jwt_secret = " OLD_SECRET);
    for (int i = 0; i < 3; i++)
        say_connect_root(bench, open_websocket(bench), 86400);
    config_free(bench->config);
    bench->config = usual;
    for (int i = 0; i < 3; i++)
        expect(bench, &bench->pages[i], "40{\"sid\":");
    say(&bench->pages[1], "41");
    use_configuration(bench, "jwt_secret = " SECRET "\njwt_secret_previous = " OLD_SECRET);
    pass(bench, WITHDRAWAL_SPREAD_MS);
    assert_int_equal(count_closed(bench), 0);
    use_configuration(bench, "jwt_secret = " SECRET);
    pass(bench, WITHDRAWAL_SPREAD_MS);
    TURN_UNTIL(bench, bench->pages[0].is_closed && bench->pages[2].is_closed);
}

/* Its token is verified before the configuration is another one, its recovery opened after. */
static void one_on_its_way_in_ends_with_its_key_too(void **state)
{
    struct bench *bench = *state;
    struct page *page = open_websocket(bench);

    say_connect(bench, page, "s1", "salon", 86400, "");
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) > 0);
    use_configuration(bench, "jwt_secret = " OLD_SECRET);
    expect(bench, page, "\"code\":\"token_expired\"");
    TURN_UNTIL(bench, page->is_closed);
}

/* Hands the broker what a program has written, as over the bus. */
static void publish(struct bench *bench)
{
    const struct fixture *fixture = bench->fixture;

    for (size_t i = 0; i < fixture->event_count; i++) {
        const struct fixture_event *event = &fixture->events[i];
        broker_accept(bench->broker, &(struct event){event->seq, event->audience, event->name,
                                                     event->payload, strlen(event->payload)});
    }
    fixture_forget_events(bench->fixture);
}

/* Emits an event about the fixture's conversation, and turns until its commit is under way; what
 * comes of it is told in a later turn. */
static void begin(struct bench *bench, struct page *page, const char *event)
{
    char text[256];

    buffer_clear(&page->text);
    snprintf(text, sizeof(text), "42/messaging,7[\"%s\",{\"conversationId\":\"%s\"}]", event,
             bench->fixture->conversation_id);
    say(page, text);
    uint64_t before = GAUGE(bench, pending_requests);
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) > before);
}

static void wait_for_commit(struct bench *bench, uint64_t before)
{
    WAIT_UNTIL(GAUGE(bench, database_commits) > before, wait_a_moment());
}

/* Another program does, and the broker hears of it over the bus. */
static void delete_conversation(struct bench *bench)
{
    struct conversation_reference request = {.conversation_id = bench->fixture->conversation_id,
                                             .caller = salon("s1")};
    struct error error;

    fixture_forget_events(bench->fixture);
    error_clear(&error);
    assert_true(database_write(bench->fixture->database, conversation_delete(&request), &error));
    publish(bench);
}

/* A conversation that is deleted after the join has been committed, and before the broker knows of
 * that, is left. */
static void delete_while_joining(struct bench *bench, struct page *page)
{
    uint64_t commits = GAUGE(bench, database_commits);

    begin(bench, page, "join-conversation");
    wait_for_commit(bench, commits);
    delete_conversation(bench);
    expect(bench, page, "[\"conversation-deleted\"");
    expect(bench, page, "43/messaging,7[{\"status\":\"ok\"");
    assert_true(strstr(buffer_text(&page->text), "conversation-history") <
                strstr(buffer_text(&page->text), "conversation-deleted"));
    assert_int_equal(count_of(page, "user-joined"), 0);
    assert_int_equal(GAUGE(bench, memberships), 0);
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 0);
    assert_int_equal(fixture_number(bench->fixture, "SELECT COUNT(*) FROM session_rooms"), 0);
}

static void a_conversation_may_be_deleted_while_it_is_joined(void **state)
{
    struct bench *bench = *state;

    fixture_conversation(bench->fixture);
    delete_while_joining(bench, open_page(bench, "s1", "salon"));
}

static void a_conversation_may_be_deleted_while_it_is_joined_again(void **state)
{
    struct bench *bench = *state;

    fixture_conversation(bench->fixture);
    struct page *page = open_page(bench, "s1", "salon");
    ask(bench, page, "join-conversation");
    delete_while_joining(bench, page);
}

static void a_conversation_may_be_deleted_while_its_reader_comes_back(void **state)
{
    struct bench *bench = *state;
    char recovery[128];

    fixture_conversation(bench->fixture);
    open_page(bench, "c2", "client"); /* the feed goes on */
    struct page *page = open_page(bench, "s1", "salon");
    const char *pid = strstr(buffer_text(&page->text), "\"pid\":");
    assert_non_null(pid);
    int length = (int)strcspn(pid, "}");
    const char *timeline = pid + length - strlen("00000000\"");
    snprintf(recovery, sizeof(recovery), ",%.*s", length, pid);
    char end[16];
    snprintf(end, sizeof(end), "-%s", timeline);
    end[strcspn(end, "\"")] = '\0';
    ask(bench, page, "join-conversation");
    snprintf(recovery + strlen(recovery), sizeof(recovery) - strlen(recovery),
             ",\"offset\":\"%lld%s\"",
             (long long)fixture_number(bench->fixture, "SELECT MAX(seq) FROM outbox"), end);
    close_page(page);
    TURN_UNTIL(bench, GAUGE(bench, memberships) == 0);
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 0);
    struct page *back = open_websocket(bench);
    uint64_t commits = GAUGE(bench, database_commits);
    say_connect(bench, back, "s1", "salon", 86400, recovery);
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 1);
    wait_for_commit(bench, commits);
    delete_conversation(bench);
    expect(bench, back, "[\"conversation-deleted\"");
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 0);
    assert_int_equal(GAUGE(bench, memberships), 0);
    assert_int_equal(fixture_number(bench->fixture, "SELECT COUNT(*) FROM session_rooms"), 0);
}

DATABASE_OPERATION(append_event, const struct buffer);

bool append_event_run(struct transaction *transaction, const struct buffer *payload,
                      struct error *error)
{
    return announce_to_user(transaction, payload->length > 100 ? "large" : "small", "s1", NULL,
                            NULL, payload, error);
}

static void write_event(struct bench *bench, size_t length)
{
    struct buffer payload = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    buffer_append_text(&payload, "\"");
    while (payload.length < length)
        buffer_append_text(&payload, "x");
    buffer_append_text(&payload, "\"");
    assert_true(database_write(bench->fixture->database, append_event(&payload), &error));
    buffer_free(&payload);
}

/* Turns and lets time pass until the page has so many small events. */
static void expect_small(struct bench *bench, struct page *page, size_t count)
{
    WAIT_UNTIL(count_of(page, "[\"small\"") >= count, bench->fixture->now_ms += 10; turn(bench));
    assert_int_equal(count_of(page, "[\"small\""), count);
    assert_false(page->is_closed);
}

static void write_burst(struct bench *bench, int count)
{
    fixture_forget_events(bench->fixture);
    for (int i = 0; i < count; i++)
        write_event(bench, 60000);
    write_event(bench, 10);
    publish(bench);
}

/* More than may wait for one client: what is too much is read from the outbox again, in order, and
 * none of it comes twice. */
static void a_burst_of_any_size_reaches_who_reads(void **state)
{
    struct bench *bench = *state;

    fixture_conversation(bench->fixture);
    struct page *page = open_page(bench, "s1", "salon");
    begin(bench, page, "join-conversation"); /* from here on it is kept what comes */
    write_burst(bench, 30);
    expect_small(bench, page, 1);
    assert_int_equal(count_of(page, "[\"large\""), 30);
    assert_int_equal(count_of(page, "[\"conversation-history\""), 1);
    write_burst(bench, 150); /* more than the system's buffers take, too */
    /* Nobody reads for a moment. */
    WAIT_UNTIL(broker_metrics(bench->broker)->lags > 0, bench->fixture->now_ms += 2;
               loop_turn(bench->loop, TURN_WAIT_MS));
    expect_small(bench, page, 2);
    assert_int_equal(count_of(page, "[\"large\""), 180);
    assert_int_equal(broker_metrics(bench->broker)->slow_consumers, 0);
}

/* Of a connection that is gone the broker learns when what it asked for is answered. */
static void who_is_gone_has_read_nothing(void **state)
{
    struct bench *bench = *state;
    char lock_path[160];
    char text[256];
    struct error error;

    fixture_conversation(bench->fixture);
    struct page *salon_page = open_page(bench, "s1", "salon");
    struct page *client_page = open_page(bench, "c1", "client");
    ask(bench, client_page, "join-conversation");
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 0);
    error_clear(&error);
    snprintf(lock_path, sizeof(lock_path), "%s.lock", bench->fixture->path);
    int lock = writers_lock_open(lock_path, &error);
    assert_true(lock >= 0 && writers_lock_take(lock, &error));
    begin(bench, client_page, "leave-conversation");
    close_page(client_page);
    TURN_UNTIL(bench, GAUGE(bench, websocket_connections) == 1);
    snprintf(text, sizeof(text),
             "42/messaging,8[\"send-message\",{\"conversationId\":\"%s\",\"content\":\"Bonjour\"}]",
             bench->fixture->conversation_id);
    say(salon_page, text);
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 2);
    writers_lock_give_back(lock);
    close(lock);
    expect(bench, salon_page, "43/messaging,8[{\"status\":\"ok\"");
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 0);
    assert_int_equal(
        fixture_number(bench->fixture, "SELECT COUNT(*) FROM messages WHERE read_at IS NULL"), 1);
}

static void who_was_online_is_settled_when_the_database_can_be_written(void **state)
{
    struct bench *bench = *state;

    fixture_conversation(bench->fixture);
    fixture_execute(bench->fixture, "INSERT INTO sessions (pid, sid, user_id, is_connected,"
                                    " changed_at) VALUES ('p1', 's', 'c1', 1, 0);"
                                    "ALTER TABLE sessions RENAME TO away");
    bench->fixture->log.descriptor = -1; /* it is logged, and expected */
    broker_start(bench->broker);
    TURN_UNTIL(bench, GAUGE(bench, pending_requests) == 0);
    pass(bench, 0);
    fixture_execute(bench->fixture, "ALTER TABLE away RENAME TO sessions");
    struct page *watcher = open_page(bench, "s1", "salon");
    assert_int_equal(count_of(watcher, "user-online"), 0);
    pass(bench, 1000);
    pass(bench, PRESENCE_RESTART_MS);
    expect(bench, watcher, "[\"user-offline\",{\"userId\":\"c1\"}]");
    assert_int_equal(fixture_number(bench->fixture, "SELECT COUNT(*) FROM sessions"
                                                    " WHERE is_connected = 1 AND user_id = 's1'"),
                     1);
}

#define BROKER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BROKER_TEST(typing_ends_after_a_while),
        BROKER_TEST(offline_comes_after_the_grace),
        BROKER_TEST(who_is_not_back_after_a_restart_is_offline),
        BROKER_TEST(a_page_is_told_of_so_many_contacts),
        BROKER_TEST(when_the_database_is_replaced_all_have_to_come_anew),
        BROKER_TEST(a_token_ends),
        BROKER_TEST(one_socket_too_many_knows_why_and_waits),
        BROKER_TEST(one_too_many_may_leave_and_come_again),
        BROKER_TEST(when_all_places_are_taken_one_is_told_so),
        BROKER_TEST(who_connects_too_often_waits),
        BROKER_TEST(the_root_namespace_is_silent_beside_ours),
        BROKER_TEST(who_is_in_the_root_namespace_alone_may_say_little),
        BROKER_TEST(sockets_of_a_key_that_is_gone_end_one_after_another),
        BROKER_TEST(so_do_those_of_the_root_namespace),
        BROKER_TEST(one_on_its_way_in_ends_with_its_key_too),
        BROKER_TEST(a_conversation_may_be_deleted_while_it_is_joined),
        BROKER_TEST(a_conversation_may_be_deleted_while_it_is_joined_again),
        BROKER_TEST(a_conversation_may_be_deleted_while_its_reader_comes_back),
        BROKER_TEST(a_burst_of_any_size_reaches_who_reads),
        BROKER_TEST(who_is_gone_has_read_nothing),
        BROKER_TEST(who_was_online_is_settled_when_the_database_can_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
