/*
 * fcgi/dispatch.h, the handlers and fcgi/rest_configuration.h: whole requests in memory against a
 * real database. The order of checks and the shapes are those of docs/protocol.md, "Errors"; that
 * every endpoint does what it says is for the end-to-end tests.
 */
#include "tests/unit/db_fixture.h"
#include "tests/unit/failing_malloc.h"
#include "tests/unit/log_reader.h"
#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fcgi/conversation_handlers.h"
#include "fcgi/dispatch.h"
#include "fcgi/message_handlers.h"

#define SECRET       "a secret of the tests, long enough"
#define OTHER_SECRET "another secret of the tests, as long"
#define TOKEN_TTL_S  3600

struct office {
    struct fixture *fixture;
    char config_path[160];
    struct configuration_holder *configuration;
    struct read_marks *marks;
    struct dispatcher conversations, messages;
    struct request request;
    struct response response;
    char *token; /* of tests in which no other may be made; or NULL */
};

/* ---- set-up ---------------------------------------------------------------------------------- */

static void write_config(struct office *office, const char *secret)
{
    FILE *file = fopen(office->config_path, "w");

    assert_non_null(file);
    fprintf(file, "[auth]\njwt_secret = %s\n[http]\nfrontend_url = https://app.example\n", secret);
    assert_int_equal(fclose(file), 0);
}

static struct configuration *load(struct office *office)
{
    struct error error;

    error_clear(&error);
    struct configuration *configuration =
        configuration_load(&rest_configuration_kind_with_texts, office->config_path, &error);
    assert_non_null(configuration);
    return configuration;
}

static int set_up(void **state)
{
    struct office *office = calloc(1, sizeof(*office));

    assert_non_null(office);
    fixture_set_up((void **)&office->fixture);
    office->fixture->log.descriptor = open("/dev/null", O_WRONLY | O_CLOEXEC);
    snprintf(office->config_path, sizeof(office->config_path), "%s/m.conf",
             office->fixture->directory);
    write_config(office, SECRET);
    office->configuration = configuration_holder_create(load(office));
    assert_non_null(office->configuration);
    office->marks = read_marks_create(office->fixture->database);
    assert_non_null(office->marks);
    office->conversations = (struct dispatcher){.services = &office->fixture->services,
                                                .database = office->fixture->database,
                                                .marks = office->marks,
                                                .configuration = office->configuration,
                                                .router = conversation_router};
    office->messages = office->conversations;
    office->messages.router = message_router;
    *state = office;
    return 0;
}

static int tear_down(void **state)
{
    struct office *office = *state;

    request_free(&office->request);
    response_free(&office->response);
    free(office->token);
    configuration_holder_free(office->configuration);
    close(office->fixture->log.descriptor);
    unlink(office->config_path);
    fixture_tear_down((void **)&office->fixture);
    read_marks_free(office->marks);
    free(office);
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* A signed token; to be freed. */
static char *sign(struct office *office, const char *user_id, const char *role)
{
    struct configuration *configuration = configuration_acquire(office->configuration);
    struct error error;

    error_clear(&error);
    char *token = token_sign(configuration->config, user_id, role, office->fixture->now_ms,
                             TOKEN_TTL_S, &error);
    assert_non_null(token);
    configuration_release(configuration);
    return token;
}

struct body {
    const char *text;
    size_t left;
};

static ssize_t read_body(void *context, void *out, size_t length)
{
    struct body *body = context;

    if (length > body->left)
        length = body->left;
    memcpy(out, body->text, length);
    body->text += length;
    body->left -= length;
    return (ssize_t)length;
}

/* Asks with a token as it is, or without one (NULL); returns the status. */
static int ask_with(struct office *office, struct dispatcher *dispatcher, const char *token,
                    const char *method, const char *target, const char *content)
{
    char method_text[32], target_text[4096], authorization[1024], length[64];
    char *parameters[] = {method_text,   target_text, length, "HTTP_ORIGIN=https://app.example",
                          authorization, NULL};
    struct body body = {content, content != NULL ? strlen(content) : 0};
    const struct transport transport = {parameters, read_body, NULL, &body};

    snprintf(method_text, sizeof(method_text), "REQUEST_METHOD=%s", method);
    snprintf(target_text, sizeof(target_text), "REQUEST_URI=%s", target);
    snprintf(length, sizeof(length), "CONTENT_LENGTH=%zu", body.left);
    snprintf(authorization, sizeof(authorization), "HTTP_AUTHORIZATION=Bearer %s",
             token != NULL ? token : "");
    request_begin(&office->request, &transport);
    dispatch_answer(dispatcher, &office->request, &office->response);
    request_end(&office->request);
    return office->response.status;
}

/* Asks as a user; "user:role" or "user" (a client). */
static int ask(struct office *office, struct dispatcher *dispatcher, const char *who,
               const char *method, const char *target, const char *content)
{
    char user_id[64];
    const char *colon = strchr(who, ':');

    snprintf(user_id, sizeof(user_id), "%.*s", (int)strcspn(who, ":"), who);
    char *token = sign(office, user_id, colon != NULL ? colon + 1 : "client");
    int status = ask_with(office, dispatcher, token, method, target, content);
    free(token);
    return status;
}

static bool body_has(const struct office *office, const char *text)
{
    struct text_span body = office->response.sent_body;

    return memmem(body.data, body.length, text, strlen(text)) != NULL;
}

static bool head_has(const struct office *office, const char *text)
{
    struct text_span head = office->response.sent_head;

    return memmem(head.data, head.length, text, strlen(text)) != NULL;
}

/* The path of the present conversation with something behind it; valid until the next call. */
static const char *under_conversation(struct office *office, const char *rest)
{
    static char path[256];

    snprintf(path, sizeof(path), "/messaging/conversations/%s%s", office->fixture->conversation_id,
             rest);
    return path;
}

/* ---- the order of checks ----------------------------------------------------------------------
 */

static void checks_in_order(void **state)
{
    enum { CONVERSATIONS, MESSAGES };
    static const struct {
        int program;
        const char *who, *method, *path, *body;
        int status;
    } cases[] = {
        /* preflight before all else */
        {CONVERSATIONS, NULL, "OPTIONS", "/messaging/conversations", NULL, 204},
        {CONVERSATIONS, NULL, "OPTIONS", "/nowhere", NULL, 204},
        {CONVERSATIONS, NULL, "OPTIONS", "*", NULL, 204},
        /* token before route */
        {CONVERSATIONS, NULL, "GET", "/nowhere", NULL, 401},
        {CONVERSATIONS, NULL, "GET", "/%zz", NULL, 401},
        {CONVERSATIONS, NULL, "PUT", "/messaging/conversations", NULL, 401},
        /* route, then method */
        {CONVERSATIONS, "c1", "GET", "/nowhere", NULL, 404},
        {CONVERSATIONS, "c1", "PUT", "/nowhere", NULL, 404},
        {CONVERSATIONS, "c1", "GET", "/messaging/conversations/%zz", NULL, 400},
        {CONVERSATIONS, "c1", "GET", "messaging", NULL, 400},
        {CONVERSATIONS, "c1", "PUT", "/messaging/conversations", NULL, 405},
        {CONVERSATIONS, "c1", "POST", "/messaging/conversations/unread", NULL, 405},
        /* resource, then participant, then body */
        {CONVERSATIONS, "c2", "PATCH", "/messaging/conversations/unknown", "{", 404},
        {CONVERSATIONS, "c2", "PATCH", "/messaging/conversations/ID", "{", 403},
        {CONVERSATIONS, "c1", "PATCH", "/messaging/conversations/ID", "{", 400},
        {CONVERSATIONS, "c1", "PATCH", "/messaging/conversations/ID", "{\"subject\":1}", 400},
        {CONVERSATIONS, "c2", "PATCH", "/messaging/conversations/ID", "{\"subject\":1}", 403},
        {CONVERSATIONS, "c1", "POST", "/messaging/conversations", "{", 403},
        {CONVERSATIONS, "s1:salon", "POST", "/messaging/conversations", "{", 400},
        {CONVERSATIONS, "s1:salon", "POST", "/messaging/conversations", "", 400},
        {CONVERSATIONS, "s1:salon", "POST", "/messaging/conversations",
         "{\"clientUserId\":\"unknown\"}", 404},
        {MESSAGES, "c2", "POST", "/messaging/conversations/unknown/messages", "{", 404},
        {MESSAGES, "c2", "POST", "/messaging/conversations/ID/messages", "{", 403},
        {MESSAGES, "c1", "POST", "/messaging/conversations/ID/messages", "{", 400},
        {MESSAGES, "c2", "POST", "/messaging/conversations/ID/messages", "{\"content\":\"x\"}",
         403},
        {MESSAGES, "c2", "GET", "/messaging/conversations/unknown/messages?page=0", NULL, 404},
        {MESSAGES, "c2", "GET", "/messaging/conversations/ID/messages?page=0", NULL, 403},
        {MESSAGES, "c1", "GET", "/messaging/conversations/ID/messages?page=0", NULL, 400},
        {MESSAGES, "c2", "GET", "/messaging/conversations/ID/messages", NULL, 403},
        /* the other program's routes */
        {MESSAGES, "c1", "GET", "/messaging/conversations/ID", NULL, 404},
        {CONVERSATIONS, "c1", "GET", "/messaging/conversations/ID/messages", NULL, 404},
        /* and where all is well */
        {CONVERSATIONS, "c1", "GET", "/messaging/conversations", NULL, 200},
        {CONVERSATIONS, "c1", "GET", "/messaging/conversations/?page=1&limit=100", NULL, 200},
        {CONVERSATIONS, "c1", "GET", "http://host/messaging/conversations/ID", NULL, 200},
        {CONVERSATIONS, "c1", "GET", "/messaging/conversations/unread/total", NULL, 200},
        {CONVERSATIONS, "s1:salon", "GET", "/messaging/conversations/unread", NULL, 200},
        {CONVERSATIONS, "c1", "PATCH", "/messaging/conversations/ID/mark-read", NULL, 204},
        {CONVERSATIONS, "c1", "PATCH", "/messaging/conversations/ID/mark-as-read", NULL, 204},
        {CONVERSATIONS, "s1:salon", "PATCH", "/messaging/conversations/ID/archive", NULL, 204},
        {MESSAGES, "c1", "POST", "/messaging/conversations/ID/messages", "{\"content\":\"x\"}",
         201},
        {MESSAGES, "c1", "GET", "/messaging/conversations/ID/messages", NULL, 200},
        {CONVERSATIONS, "s1:salon", "POST", "/messaging/conversations", "{\"clientUserId\":\"c1\"}",
         201},
    };
    struct office *office = *state;

    fixture_conversation(office->fixture);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct dispatcher *dispatcher =
            cases[i].program == MESSAGES ? &office->messages : &office->conversations;
        char path[256];
        const char *id = strstr(cases[i].path, "ID");
        if (id != NULL)
            snprintf(path, sizeof(path), "%.*s%s%s", (int)(id - cases[i].path), cases[i].path,
                     office->fixture->conversation_id, id + 2);
        else
            snprintf(path, sizeof(path), "%s", cases[i].path);
        int status =
            cases[i].who != NULL
                ? ask(office, dispatcher, cases[i].who, cases[i].method, path, cases[i].body)
                : ask_with(office, dispatcher, NULL, cases[i].method, path, NULL);
        if (status != cases[i].status)
            print_error("%s %s\n", cases[i].method, path);
        assert_int_equal(status, cases[i].status);
        assert_true(head_has(office, "Access-Control-Allow-Origin: https://app.example\r\n"));
        assert_true(head_has(office, "Vary: Origin\r\n"));
    }
    fixture_verify(office->fixture);
}

static void tells_what_is_wrong(void **state)
{
    struct office *office = *state;

    assert_int_equal(ask(office, &office->conversations, "c1", "GET", "/messaging/nope?x=1", NULL),
                     404);
    assert_true(body_has(office, "\"Route inconnue : GET /messaging/nope\""));
    assert_int_equal(ask(office, &office->conversations, "c1", "GET", "/messaging/\x01", NULL),
                     404);
    assert_true(body_has(office, "\"Route inconnue\""));
    assert_int_equal(
        ask(office, &office->conversations, "c1", "DELETE", "/messaging/conversations", NULL), 405);
    assert_true(head_has(office, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
    assert_int_equal(ask(office, &office->conversations, "c1", "GET",
                         "/messaging/conversations?page=0&limit=101&status=active", NULL),
                     400);
    assert_true(body_has(office, "\"page: "));
    assert_true(body_has(office, "\"limit: "));
    assert_true(body_has(office, "\"status: "));
}

static void refuses_odd_queries(void **state)
{
    static const char *const queries[] = {
        "page=&page=",   "page=-1",   "page=1.0",   "page=1e3",  "page=%31%",
        "page=1&page=1", "page=+1",   "page=0x1",   "page=1%00", "page=99999999999999999999",
        "limit=0",       "limit=101", "limit=null", "before=x",  "before=-1",
        "page=%EF%BC%91"};
    struct office *office = *state;
    char target[256];

    fixture_conversation(office->fixture);
    for (size_t i = 0; i < ARRAY_LENGTH(queries); i++) {
        snprintf(target, sizeof(target), "/messaging/conversations/%s/messages?%s",
                 office->fixture->conversation_id, queries[i]);
        assert_int_equal(ask(office, &office->messages, "c1", "GET", target, NULL), 400);
        assert_true(body_has(office, "\"message\":[\""));
    }
    snprintf(target, sizeof(target),
             "/messaging/conversations/%s/messages?utm=%%zz&page=1&limit=100",
             office->fixture->conversation_id);
    assert_int_equal(ask(office, &office->messages, "c1", "GET", target, NULL), 200);
}

static void limits_the_body(void **state)
{
    struct office *office = *state;
    size_t length = INPUT_MAX_BYTES + 1;
    char *body = malloc(length + 1);

    assert_non_null(body);
    memset(body, ' ', length);
    body[length] = '\0';
    fixture_conversation(office->fixture);
    const char *path = under_conversation(office, "/messages");
    assert_int_equal(ask_with(office, &office->messages, "x.y.z", "POST", path, body), 401);
    assert_int_equal(ask(office, &office->messages, "c2", "POST", path, body), 403);
    assert_int_equal(ask(office, &office->messages, "c1", "POST", path, body), 413);
    body[length - 1] = '\0';
    memcpy(body, "{\"content\":\"x\"}", 15);
    assert_int_equal(ask(office, &office->messages, "c1", "POST", path, body), 201);
    free(body);
}

/* ---- the caller -------------------------------------------------------------------------------
 */

static void makes_the_directory_row(void **state)
{
    struct office *office = *state;
    const char *path = "/messaging/conversations";

    assert_int_equal(ask(office, &office->conversations, "fresh", "GET", path, NULL), 200);
    assert_int_equal(fixture_number(office->fixture, "SELECT count(*) FROM users WHERE id='fresh'"),
                     1);
    assert_int_equal(ask(office, &office->conversations, "x:service", "GET", path, NULL), 200);
    assert_int_equal(fixture_number(office->fixture, "SELECT count(*) FROM users WHERE id='x'"), 0);
}

/* The row can't be written: the request goes on, and the next one tries again. */
static void answers_without_the_directory_row(void **state)
{
    struct office *office = *state;
    const char *path = "/messaging/conversations";
    char *token = sign(office, "fresh", "client");

    fixture_execute(office->fixture, "CREATE TRIGGER refuse BEFORE INSERT ON users "
                                     "BEGIN SELECT RAISE(ABORT, 'no'); END");
    for (int i = 0; i < 2; i++)
        assert_int_equal(ask_with(office, &office->conversations, token, "GET", path, NULL), 200);
    assert_int_equal(fixture_number(office->fixture, "SELECT count(*) FROM users WHERE id='fresh'"),
                     0);
    fixture_execute(office->fixture, "DROP TRIGGER refuse");
    assert_int_equal(ask_with(office, &office->conversations, token, "GET", path, NULL), 200);
    assert_int_equal(fixture_number(office->fixture, "SELECT count(*) FROM users WHERE id='fresh'"),
                     1);
    free(token);
}

static void forgets_a_token_that_expires(void **state)
{
    struct office *office = *state;
    char *token = sign(office, "c1", "client");

    for (int i = 0; i < 2; i++)
        assert_int_equal(ask_with(office, &office->conversations, token, "GET",
                                  "/messaging/conversations", NULL),
                         200);
    office->fixture->now_ms += TOKEN_TTL_S * 1000;
    assert_int_equal(
        ask_with(office, &office->conversations, token, "GET", "/messaging/conversations", NULL),
        401);
    free(token);
}

static void forgets_tokens_with_the_configuration(void **state)
{
    struct office *office = *state;
    const char *path = "/messaging/conversations";
    char *token = sign(office, "c1", "client");
    struct error error;

    assert_int_equal(ask_with(office, &office->conversations, token, "GET", path, NULL), 200);
    struct configuration *before = configuration_acquire(office->configuration);
    write_config(office, OTHER_SECRET);
    configuration_release(configuration_replace(office->configuration, load(office)));
    assert_string_equal(before->config->auth_jwt_secret, SECRET); /* until it is given back */
    configuration_release(before);
    assert_int_equal(ask_with(office, &office->conversations, token, "GET", path, NULL), 401);
    free(token);
    token = sign(office, "c1", "client");
    assert_int_equal(ask_with(office, &office->conversations, token, "GET", path, NULL), 200);
    free(token);
    write_config(office, SECRET "\nno_such_key = 1");
    error_clear(&error);
    assert_null(configuration_load(&rest_configuration_kind, office->config_path, &error));
    assert_int_not_equal(error.text[0], '\0');
}

static void a_bad_text_stops_only_who_needs_it(void **state)
{
    struct office *office = *state;
    char section[160], path[160];
    struct error error;

    snprintf(section, sizeof(section), SECRET "\n[appointments]\ntemplates = %s",
             office->fixture->directory);
    write_config(office, section);
    snprintf(path, sizeof(path), "%s/moved.txt", office->fixture->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("{nom}\n", file);
    assert_int_equal(fclose(file), 0);
    error_clear(&error);
    configuration_release(configuration_replace(
        office->configuration,
        configuration_load(&rest_configuration_kind, office->config_path, &error)));
    struct rest_configuration *without = rest_configuration_acquire(office->configuration);
    assert_null(without->texts);
    rest_configuration_release(without);
    assert_null(
        configuration_load(&rest_configuration_kind_with_texts, office->config_path, &error));
    assert_non_null(strstr(error.text, "moved.txt:1: unknown variable {nom}"));
    unlink(path);
}

/* ---- marking --------------------------------------------------------------------------------- */

static void use_limits(struct office *office, const char *limits)
{
    char text[512];

    snprintf(text, sizeof(text), SECRET "\n[fastcgi]\n%s", limits);
    write_config(office, text);
    configuration_release(configuration_replace(office->configuration, load(office)));
}

/* Asks until it is refused; gives how often it was not. */
static int ask_until_refused(struct office *office, struct dispatcher *dispatcher, const char *who,
                             const char *method, const char *target, const char *content)
{
    int count = 0;

    while (ask(office, dispatcher, who, method, target, content) != 429)
        assert_in_range(++count, 1, 100);
    assert_true(head_has(office, "Status: 429 Too Many Requests\r\n"));
    assert_true(head_has(office, "Retry-After: 1\r\n"));
    assert_true(body_has(office,
                         "{\"statusCode\":429,\"message\":\"Trop de requêtes, réessayez dans "
                         "quelques secondes\",\"error\":\"Too Many Requests\"}"));
    return count;
}

/* Whatever is asked for: what has no body, a route that does not exist. */
static void a_user_has_one_budget_for_reads_and_one_for_writes(void **state)
{
    struct office *office = *state;
    struct dispatcher *dispatcher = &office->conversations;
    const char *list = "/messaging/conversations";

    dispatcher->reads = user_budgets_create();
    dispatcher->writes = user_budgets_create();
    use_limits(office, "write_burst = 4\nwrites_per_second = 1\nread_burst = 7\n"
                       "reads_per_second = 1\n");
    office->fixture->now_ms += 1;
    assert_int_equal(ask(office, dispatcher, "s1:salon", "POST", list, "no JSON"), 400);
    assert_int_equal(ask(office, dispatcher, "s1:salon", "PUT", "/nowhere", NULL), 404);
    office->fixture->now_ms -= 1; /* as another thread may have read the time */
    assert_int_equal(ask(office, dispatcher, "s1:salon", "DELETE", list, NULL), 405);
    assert_int_equal(ask(office, dispatcher, "s1:salon", "POST", list, "{}"), 400);
    assert_int_equal(ask(office, dispatcher, "s1:salon", "POST", list, "{}"), 429);
    assert_int_equal(ask_until_refused(office, dispatcher, "s1:salon", "GET", list, NULL), 7);
    assert_int_equal(ask(office, dispatcher, "s1:salon", "HEAD", list, NULL), 429);
    assert_int_equal(ask(office, dispatcher, "s1:salon", "OPTIONS", list, NULL), 204);
    assert_int_equal(ask(office, dispatcher, "s2:salon", "GET", list, NULL), 200);
    assert_int_equal(ask(office, dispatcher, "s2:salon", "POST", list, "{}"), 400);
    office->fixture->now_ms += 1001;
    assert_int_equal(ask(office, dispatcher, "s1:salon", "POST", list, "{}"), 400);
    assert_int_equal(ask(office, dispatcher, "s1:salon", "POST", list, "{}"), 429);
    user_budgets_free(dispatcher->reads);
    user_budgets_free(dispatcher->writes);
}

static void the_booking_back_end_and_plain_cgi_have_no_budget(void **state)
{
    struct office *office = *state;
    struct dispatcher *dispatcher = &office->conversations;
    const char *list = "/messaging/conversations";

    use_limits(office, "write_burst = 1\nread_burst = 1\n");
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(office, dispatcher, "s1:salon", "GET", list, NULL), 200);
    dispatcher->reads = user_budgets_create();
    dispatcher->writes = user_budgets_create();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask(office, dispatcher, "b:service", "GET", list, NULL), 200);
        assert_int_equal(ask(office, dispatcher, "b:service", "POST", list, "{}"), 400);
    }
    user_budgets_free(dispatcher->reads);
    user_budgets_free(dispatcher->writes);
}

static void get_marks_and_head_does_not(void **state)
{
    struct office *office = *state;

    fixture_conversation(office->fixture);
    fixture_send(office->fixture, office->fixture->conversation_id, salon("s1"), "Bonjour");
    assert_int_equal(
        ask(office, &office->messages, "c1", "HEAD", under_conversation(office, "/messages"), NULL),
        200);
    assert_int_equal(
        ask(office, &office->conversations, "c1", "HEAD", under_conversation(office, ""), NULL),
        200);
    ask(office, &office->conversations, "c1", "GET", "/messaging/conversations/unread/total", NULL);
    assert_false(body_has(office, "{\"totalUnread\":0}"));
    assert_int_equal(
        ask(office, &office->messages, "c1", "GET", under_conversation(office, "/messages"), NULL),
        200);
    assert_true(body_has(office, "\"isRead\":true"));
    assert_false(body_has(office, "\"isRead\":false"));
    ask(office, &office->conversations, "c1", "GET", "/messaging/conversations/unread/total", NULL);
    assert_true(body_has(office, "{\"totalUnread\":0}"));
    fixture_send(office->fixture, office->fixture->conversation_id, salon("s1"), "Encore");
    assert_int_equal(
        ask(office, &office->conversations, "c1", "GET", under_conversation(office, ""), NULL),
        200);
    assert_true(body_has(office, "\"unreadCount\":0"));
    fixture_verify(office->fixture);
}

static void get_answers_when_it_cannot_mark(void **state)
{
    struct office *office = *state;

    fixture_conversation(office->fixture);
    fixture_send(office->fixture, office->fixture->conversation_id, salon("s1"), "Bonjour");
    /* c1 has a token that has been seen, so that only marking has something to write. */
    assert_int_equal(
        ask(office, &office->conversations, "c1", "GET", "/messaging/conversations", NULL), 200);
    fixture_execute(office->fixture, "CREATE TRIGGER refuse BEFORE UPDATE ON messages "
                                     "BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_equal(
        ask(office, &office->messages, "c1", "GET", under_conversation(office, "/messages"), NULL),
        200);
    assert_true(body_has(office, "\"isRead\":false"));
    assert_int_equal(
        ask(office, &office->conversations, "c1", "GET", under_conversation(office, ""), NULL),
        200);
    assert_false(body_has(office, "\"unreadCount\":0"));
    fixture_execute(office->fixture, "DROP TRIGGER refuse");
    fixture_verify(office->fixture);
}

static void answers_a_retry_as_the_first_time(void **state)
{
    struct office *office = *state;
    const char *body = "{\"content\":\"Bonjour\",\"clientMessageId\":\"k1\"}";
    char first[1024];

    fixture_conversation(office->fixture);
    const char *path = under_conversation(office, "/messages");
    assert_int_equal(ask(office, &office->messages, "c1", "POST", path, body), 201);
    snprintf(first, sizeof(first), "%.*s", (int)office->response.sent_body.length,
             office->response.sent_body.data);
    assert_int_equal(ask(office, &office->messages, "c1", "POST", path, body), 200);
    assert_true(body_has(office, first));
}

/* ---- out of memory ----------------------------------------------------------------------------
 */

#if FAILING_MALLOC_WORKS
static bool read_messages(void *context)
{
    struct office *office = context;
    const char *token = office->token;
    int status = ask_with(office, &office->messages, token, "GET",
                          under_conversation(office, "/messages"), NULL);

    assert_true(status == 200 || status == 503);
    if (status == 503)
        assert_true(head_has(office, "Retry-After: "));
    request_free(&office->request);
    response_free(&office->response);
    return status == 200;
}

static bool write_message(void *context)
{
    struct office *office = context;
    const char *token = office->token;
    int status = ask_with(office, &office->messages, token, "POST",
                          under_conversation(office, "/messages"), "{\"content\":\"Bonjour\"}");

    assert_true(status == 201 || status == 503);
    request_free(&office->request);
    response_free(&office->response);
    return status == 201;
}

static void answers_503_without_memory(void **state)
{
    struct office *office = *state;

    fixture_conversation(office->fixture);
    office->token = sign(office, "c1", "client");
    run_with_failing_malloc(read_messages, office, true);
    run_with_failing_malloc(write_message, office, true);
    fixture_verify(office->fixture);
}
#endif

/* ---- the log --------------------------------------------------------------------------------- */

static bool answer_that_it_cannot(struct exchange *exchange, struct error *error)
{
    (void)exchange;
    return error_unavailable(error, "there is no bread");
}

static bool fail_by_mistake(struct exchange *exchange, struct error *error)
{
    (void)exchange;
    return error_set(error, ERROR_INTERNAL, "two and two are five");
}

static const struct route failing_routes[] = {
    {METHOD_GET, "/cannot", answer_that_it_cannot},
    {METHOD_GET, "/mistake", fail_by_mistake},
};

static void a_flood_of_failures_is_one_line_a_second(void **state)
{
    enum { FLOOD = 1000 };
    struct office *office = *state;
    struct dispatcher dispatcher = office->conversations;
    int log = memfd_create("log", MFD_CLOEXEC);

    office->fixture->log.level = LOG_LEVEL_WARNING;
    dispatcher.router = (struct router){failing_routes, ARRAY_LENGTH(failing_routes)};
    office->fixture->log.descriptor = dup2(log, office->fixture->log.descriptor);
    for (int second = 1; second <= 2; second++) {
        for (int i = 0; i < FLOOD; i++) {
            assert_int_equal(ask(office, &dispatcher, "c1", "GET", "/cannot", NULL), 503);
            assert_int_equal(ask(office, &dispatcher, "c1", "GET", "/mistake", NULL), 500);
        }
        assert_int_equal(count_in_log(log, "request refused"), second);
        assert_int_equal(count_in_log(log, "request failed"), second);
        office->fixture->now_ms += LOG_LIMIT_MS;
    }
    assert_int_equal(count_in_log(log, "left_out=999"), 2); /* one of each */
    close(log);
}

#define OFFICE_TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OFFICE_TEST(checks_in_order),
        OFFICE_TEST(tells_what_is_wrong),
        OFFICE_TEST(refuses_odd_queries),
        OFFICE_TEST(limits_the_body),
        OFFICE_TEST(makes_the_directory_row),
        OFFICE_TEST(answers_without_the_directory_row),
        OFFICE_TEST(forgets_a_token_that_expires),
        OFFICE_TEST(forgets_tokens_with_the_configuration),
        OFFICE_TEST(a_bad_text_stops_only_who_needs_it),
        OFFICE_TEST(a_user_has_one_budget_for_reads_and_one_for_writes),
        OFFICE_TEST(the_booking_back_end_and_plain_cgi_have_no_budget),
        OFFICE_TEST(get_marks_and_head_does_not),
        OFFICE_TEST(get_answers_when_it_cannot_mark),
        OFFICE_TEST(answers_a_retry_as_the_first_time),
        OFFICE_TEST(a_flood_of_failures_is_one_line_a_second),
#if FAILING_MALLOC_WORKS
        OFFICE_TEST(answers_503_without_memory),
#endif
    };

    /* The environment of whoever runs the tests must not outweigh their configuration. */
    unsetenv("JWT_SECRET");
    unsetenv("FRONTEND_URL");
    return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
