/*
 * Requests (fcgi/request.h) and responses (fcgi/response.h), over plain memory.
 */
#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/id.h"
#include "db/input.h"
#include "fcgi/request.h"
#include "fcgi/response.h"

/* A body in memory that comes in pieces. */
struct memory {
    const char *data;
    size_t length;
    size_t piece;   /* most bytes of one read */
    bool is_broken; /* -1 instead of the end */
    size_t reads;
};

static ssize_t read_memory(void *context, void *out, size_t length)
{
    struct memory *memory = context;

    memory->reads++;
    if (memory->length == 0)
        return memory->is_broken ? -1 : 0;
    if (length > memory->piece)
        length = memory->piece;
    if (length > memory->length)
        length = memory->length;
    memcpy(out, memory->data, length);
    memory->data += length;
    memory->length -= length;
    return (ssize_t)length;
}

static char *no_parameters[] = {NULL};

static void begin(struct request *request, char *const *parameters)
{
    static struct memory nothing;
    const struct transport transport = {parameters, read_memory, NULL, &nothing};

    request_begin(request, &transport);
}

/* ---- parameters ----------------------------------------------------------------------------- */

static void reads_the_parameters(void **state)
{
    char *parameters[] = {"REQUEST_METHOD=PATCH",
                          "REQUEST_URI=/a%20b?page=2",
                          "HTTP_AUTHORIZATION=Bearer abc",
                          "REDIRECT_HTTP_AUTHORIZATION=Bearer other",
                          "HTTP_ORIGIN=https://app.example",
                          "HTTP_IF_NONE_MATCH=\"x\"",
                          "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=authorization",
                          "HTTP_X_REQUEST_ID=id-1",
                          "HTTP_ORIGINAL=1",
                          "NOTHING",
                          "",
                          NULL};
    struct request request = REQUEST_EMPTY;

    (void)state;
    begin(&request, parameters);
    assert_int_equal(request.method, METHOD_PATCH);
    assert_string_equal(request.method_name, "PATCH");
    assert_true(request.has_target);
    assert_memory_equal(request.target.path.data, "/a%20b", request.target.path.length);
    assert_string_equal(request.authorization, "Bearer abc");
    assert_string_equal(request.origin, "https://app.example");
    assert_string_equal(request.if_none_match, "\"x\"");
    assert_string_equal(request.requested_headers, "authorization");
    assert_string_equal(request.id, "id-1");
    assert_null(request.content_length);
    request_free(&request);
}

static void lives_without_parameters(void **state)
{
    struct request request = REQUEST_EMPTY;

    (void)state;
    begin(&request, no_parameters);
    assert_int_equal(request.method, METHOD_OTHER);
    assert_string_equal(request.method_name, "");
    assert_false(request.has_target);
    assert_null(request.authorization);
    assert_int_equal(request_bearer_token(&request).length, 0);
    assert_int_equal(request_read_body(&request), BODY_READ);
    assert_int_equal(request.body.length, 0);
    request_free(&request);
}

static void takes_the_first_of_two(void **state)
{
    char *parameters[] = {"REQUEST_METHOD=GET", "REQUEST_METHOD=POST", NULL};
    struct request request = REQUEST_EMPTY;

    (void)state;
    begin(&request, parameters);
    assert_int_equal(request.method, METHOD_GET);
    request_free(&request);
}

static void takes_the_authorization_that_apache_renamed(void **state)
{
    char *renamed[] = {"REDIRECT_HTTP_AUTHORIZATION=Bearer abc", NULL};
    char *beside_an_empty_one[] = {"HTTP_AUTHORIZATION=", "REDIRECT_HTTP_AUTHORIZATION=Bearer abc",
                                   NULL};
    struct request request = REQUEST_EMPTY;

    (void)state;
    begin(&request, renamed);
    assert_string_equal(request.authorization, "Bearer abc");
    begin(&request, beside_an_empty_one);
    assert_string_equal(request.authorization, "Bearer abc");
    request_free(&request);
}

static void finds_the_token(void **state)
{
    static const struct {
        char *parameter;
        const char *token;
    } cases[] = {
        {"HTTP_AUTHORIZATION=Bearer abc", "abc"}, {"HTTP_AUTHORIZATION=bearer abc", "abc"},
        {"HTTP_AUTHORIZATION=BEARER abc", "abc"}, {"HTTP_AUTHORIZATION=Bearer   abc  ", "abc"},
        {"HTTP_AUTHORIZATION=Bearer a b", "a b"}, /* the verifier refuses it */
        {"HTTP_AUTHORIZATION=Bearer ", ""},       {"HTTP_AUTHORIZATION=Bearer", ""},
        {"HTTP_AUTHORIZATION=Bearerabc", ""},     {"HTTP_AUTHORIZATION=abc", ""},
        {"HTTP_AUTHORIZATION=Basic YTpi", ""},    {"HTTP_AUTHORIZATION=", ""},
        {"HTTP_AUTHORIZATION= Bearer abc", ""},
    };
    struct request request = REQUEST_EMPTY;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char *parameters[] = {cases[i].parameter, NULL};
        begin(&request, parameters);
        struct text_span token = request_bearer_token(&request);
        assert_int_equal(token.length, strlen(cases[i].token));
        assert_memory_equal(token.data, cases[i].token, token.length);
    }
    request_free(&request);
}

static void makes_an_id_when_there_is_none_to_take(void **state)
{
    static char too_long[] = "HTTP_X_REQUEST_ID="
                             "0123456789012345678901234567890123456789012345678901234567890123x";
    static char *const bad[] = {"HTTP_X_REQUEST_ID=", "HTTP_X_REQUEST_ID=a b",
                                "HTTP_X_REQUEST_ID=a\nb", "HTTP_X_REQUEST_ID=é", too_long};
    struct id_source ids;
    const struct services services = {NULL, &clock_system, &random_system, &ids};
    struct request request = REQUEST_EMPTY;

    (void)state;
    id_source_init(&ids, &clock_system, &random_system);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        char *parameters[] = {bad[i], NULL};
        begin(&request, parameters);
        assert_string_equal(request.id, "");
        assert_int_equal(strlen(request_id(&request, &services)), ID_BYTES - 1);
    }
    char *longest[] = {
        "HTTP_X_REQUEST_ID=0123456789012345678901234567890123456789012345678901234567890123", NULL};
    begin(&request, longest);
    assert_int_equal(strlen(request_id(&request, &services)), REQUEST_ID_MAX_BYTES);
    request_free(&request);
}

/* ---- bodies --------------------------------------------------------------------------------- */

static enum body_state read_body(struct request *request, const char *declared, const char *data,
                                 size_t length, size_t piece)
{
    char parameter[64];
    char *parameters[] = {parameter, NULL};
    static struct memory memory;

    memory = (struct memory){.data = data, .length = length, .piece = piece};
    snprintf(parameter, sizeof(parameter), "CONTENT_LENGTH=%s", declared != NULL ? declared : "");
    const struct transport transport = {declared != NULL ? parameters : no_parameters, read_memory,
                                        NULL, &memory};
    request_begin(request, &transport);
    return request_read_body(request);
}

static void reads_bodies(void **state)
{
    static const char text[] = "{\"content\":\"Bonjour\"}";
    static const size_t pieces[] = {1, 2, 7, 100};
    struct request request = REQUEST_EMPTY;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(pieces); i++) {
        static const char *const declared[] = {"21", NULL, ""};
        for (size_t j = 0; j < ARRAY_LENGTH(declared); j++) {
            assert_int_equal(read_body(&request, declared[j], text, 21, pieces[i]), BODY_READ);
            assert_int_equal(request.body.length, 21);
            assert_memory_equal(request.body.data, text, 21);
        }
    }
    request_free(&request);
}

static void reads_a_body_once(void **state)
{
    struct memory memory = {.data = "abc", .length = 3, .piece = 8};
    const struct transport transport = {no_parameters, read_memory, NULL, &memory};
    struct request request = REQUEST_EMPTY;

    (void)state;
    request_begin(&request, &transport);
    assert_int_equal(request_read_body(&request), BODY_READ);
    size_t reads = memory.reads;
    assert_int_equal(request_read_body(&request), BODY_READ);
    assert_int_equal(memory.reads, reads);
    assert_int_equal(request.body.length, 3);
    request_free(&request);
}

static void refuses_wrong_lengths(void **state)
{
    static const char *const declared[] = {"2", "4", "0", "-1", "+3", "3x", " 3", "0x3", "3.0"};
    struct request request = REQUEST_EMPTY;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(declared); i++)
        assert_int_equal(read_body(&request, declared[i], "abc", 3, 8), BODY_MALFORMED);
    request_free(&request);
}

static void limits_the_body(void **state)
{
    size_t limit = INPUT_MAX_BYTES;
    char *data = malloc(limit + 1);
    struct request request = REQUEST_EMPTY;
    char exact[32], over[32];

    (void)state;
    assert_non_null(data);
    memset(data, 'x', limit + 1);
    snprintf(exact, sizeof(exact), "%zu", limit);
    snprintf(over, sizeof(over), "%zu", limit + 1);
    assert_int_equal(read_body(&request, exact, data, limit, 5000), BODY_READ);
    assert_int_equal(request.body.length, limit);
    assert_int_equal(read_body(&request, NULL, data, limit, 5000), BODY_READ);
    assert_int_equal(read_body(&request, over, data, limit + 1, 5000), BODY_TOO_LARGE);
    assert_int_equal(read_body(&request, NULL, data, limit + 1, 5000), BODY_TOO_LARGE);
    assert_int_equal(read_body(&request, "99999999999999999999999999", data, 0, 1), BODY_TOO_LARGE);
    request_free(&request);
    free(data);
}

static void tells_a_broken_body(void **state)
{
    struct memory memory = {.data = "ab", .length = 2, .piece = 8, .is_broken = true};
    char *parameters[] = {"CONTENT_LENGTH=3", NULL};
    const struct transport transport = {parameters, read_memory, NULL, &memory};
    struct request request = REQUEST_EMPTY;

    (void)state;
    request_begin(&request, &transport);
    assert_int_equal(request_read_body(&request), BODY_BROKEN);
    request_free(&request);
}

static void keeps_a_small_body_buffer_and_frees_a_large_one(void **state)
{
    char *data = calloc(1, RETAINED_BUFFER_BYTES + 1);
    struct request request = REQUEST_EMPTY;

    (void)state;
    assert_non_null(data);
    assert_int_equal(read_body(&request, NULL, "abc", 3, 8), BODY_READ);
    request_end(&request);
    assert_non_null(request.body.data);
    assert_int_equal(read_body(&request, NULL, data, RETAINED_BUFFER_BYTES + 1, 9999), BODY_READ);
    request_end(&request);
    assert_null(request.body.data);
    request_free(&request);
    free(data);
}

/* ---- If-None-Match -------------------------------------------------------------------------- */

static void compares_entity_tags(void **state)
{
    static const struct {
        char *parameter;
        bool matches;
    } cases[] = {
        {"HTTP_IF_NONE_MATCH=\"abc\"", true},
        {"HTTP_IF_NONE_MATCH=W/\"abc\"", true},
        {"HTTP_IF_NONE_MATCH=*", true},
        {"HTTP_IF_NONE_MATCH=\"x\", \"abc\"", true},
        {"HTTP_IF_NONE_MATCH=\"x\",W/\"abc\" , \"y\"", true},
        {"HTTP_IF_NONE_MATCH=, ,\"abc\"", true},
        {"HTTP_IF_NONE_MATCH=\"a,b\", \"abc\"", true},
        {"HTTP_IF_NONE_MATCH=\"abc-gzip\"", true},
        {"HTTP_IF_NONE_MATCH=W/\"abc-br\"", true},
        {"HTTP_IF_NONE_MATCH=\"abc-\"", false},
        {"HTTP_IF_NONE_MATCH=\"abc-x\"", false},
        {"HTTP_IF_NONE_MATCH=\"abc-gzip-br\"", false},
        {"HTTP_IF_NONE_MATCH=\"-gzip\"", false},
        {"HTTP_IF_NONE_MATCH=\"ab\"", false},
        {"HTTP_IF_NONE_MATCH=\"abcd\"", false},
        {"HTTP_IF_NONE_MATCH=\"ABC\"", false},
        {"HTTP_IF_NONE_MATCH=abc", false},
        {"HTTP_IF_NONE_MATCH=\"abc", false},
        {"HTTP_IF_NONE_MATCH=w/\"abc\"", false},
        {"HTTP_IF_NONE_MATCH=\"x\" junk \"abc\"", false},
        {"HTTP_IF_NONE_MATCH=", false},
        {"HTTP_OTHER=\"abc\"", false},
    };
    struct request request = REQUEST_EMPTY;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char *parameters[] = {cases[i].parameter, NULL};
        begin(&request, parameters);
        assert_int_equal(request_matches_etag(&request, "\"abc\""), cases[i].matches);
    }
    request_free(&request);
}

/* ---- responses ------------------------------------------------------------------------------ */

struct answer {
    struct request request;
    struct response response;
    struct config *config;
};

static int set_up_answer(void **state)
{
    struct answer *answer = calloc(1, sizeof(*answer));

    assert_non_null(answer);
    answer->config = calloc(1, sizeof(*answer->config));
    assert_non_null(answer->config);
    answer->config->http_frontend_url.count = 1;
    answer->config->http_frontend_url.items[0] = "https://app.example";
    *state = answer;
    return 0;
}

static int tear_down_answer(void **state)
{
    struct answer *answer = *state;

    request_free(&answer->request);
    response_free(&answer->response);
    free(answer->config);
    free(answer);
    return 0;
}

static void begin_answer(struct answer *answer, char *const *parameters)
{
    begin(&answer->request, parameters);
    response_begin(&answer->response);
}

static void finish_answer(struct answer *answer)
{
    response_finish(&answer->response, &answer->request, answer->config);
}

/* Whether the head has this line, once. */
static bool has_line(const struct answer *answer, const char *line)
{
    char wanted[512];
    struct text_span head = answer->response.sent_head;

    snprintf(wanted, sizeof(wanted), "%s\r\n", line);
    const char *found = memmem(head.data, head.length, wanted, strlen(wanted));
    return found != NULL && (found == head.data || found[-1] == '\n');
}

static bool has_header(const struct answer *answer, const char *name)
{
    struct text_span head = answer->response.sent_head;
    char wanted[128];

    snprintf(wanted, sizeof(wanted), "\n%s: ", name);
    return memmem(head.data, head.length, wanted, strlen(wanted)) != NULL;
}

static void assert_body(const struct answer *answer, const char *expected)
{
    assert_int_equal(answer->response.sent_body.length, strlen(expected));
    assert_memory_equal(answer->response.sent_body.data, expected, strlen(expected));
}

/* What stands between the quotes of the ETag line, quotes included. */
static void copy_etag(const struct answer *answer, char out[64])
{
    struct text_span head = answer->response.sent_head;
    const char *start = memmem(head.data, head.length, "ETag: ", 6);

    assert_non_null(start);
    size_t length = strcspn(start + 6, "\r");
    assert_true(length < 64);
    memcpy(out, start + 6, length);
    out[length] = '\0';
}

static void answers_json(void **state)
{
    struct answer *answer = *state;
    char *parameters[] = {"REQUEST_METHOD=GET", NULL};

    begin_answer(answer, parameters);
    buffer_append_text(&answer->response.body, "{\"a\":1}");
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 200 OK"));
    assert_true(has_line(answer, "Content-Type: application/json; charset=utf-8"));
    assert_true(has_line(answer, "Content-Length: 7"));
    assert_true(has_line(answer, "Cache-Control: private, no-cache"));
    assert_true(has_line(answer, "X-Content-Type-Options: nosniff"));
    assert_true(has_line(answer, "Vary: Origin"));
    assert_true(has_header(answer, "ETag"));
    assert_false(has_header(answer, "Access-Control-Allow-Origin"));
    assert_memory_equal(answer->response.sent_head.data + answer->response.sent_head.length - 4,
                        "\r\n\r\n", 4);
    assert_body(answer, "{\"a\":1}");
}

static void answers_head_as_get_without_body(void **state)
{
    struct answer *answer = *state;
    char *get[] = {"REQUEST_METHOD=GET", NULL};
    char *head[] = {"REQUEST_METHOD=HEAD", NULL};
    char expected[1024];

    begin_answer(answer, get);
    buffer_append_text(&answer->response.body, "{\"a\":1}");
    finish_answer(answer);
    size_t length = answer->response.sent_head.length;
    memcpy(expected, answer->response.sent_head.data, length);
    begin_answer(answer, head);
    buffer_append_text(&answer->response.body, "{\"a\":1}");
    finish_answer(answer);
    assert_int_equal(answer->response.sent_head.length, length);
    assert_memory_equal(answer->response.sent_head.data, expected, length);
    assert_int_equal(answer->response.sent_body.length, 0);
}

static void answers_304(void **state)
{
    struct answer *answer = *state;
    char *get[] = {"REQUEST_METHOD=GET", NULL};
    char etag[64], parameter[128];
    char *again[] = {"REQUEST_METHOD=GET", parameter, "HTTP_ORIGIN=https://app.example", NULL};

    begin_answer(answer, get);
    buffer_append_text(&answer->response.body, "{\"a\":1}");
    finish_answer(answer);
    copy_etag(answer, etag);
    assert_int_equal(strlen(etag), 34);
    snprintf(parameter, sizeof(parameter), "HTTP_IF_NONE_MATCH=W/%s", etag);
    begin_answer(answer, again);
    buffer_append_text(&answer->response.body, "{\"a\":1}");
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 304 Not Modified"));
    assert_true(has_header(answer, "ETag"));
    assert_true(has_line(answer, "Cache-Control: private, no-cache"));
    assert_true(has_line(answer, "Access-Control-Allow-Origin: https://app.example"));
    assert_false(has_header(answer, "Content-Type"));
    assert_int_equal(answer->response.sent_body.length, 0);
    begin_answer(answer, again);
    buffer_append_text(&answer->response.body, "{\"a\":2}");
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 200 OK"));
}

static void gives_no_etag_where_nothing_can_be_kept(void **state)
{
    struct answer *answer = *state;
    char *post[] = {"REQUEST_METHOD=POST", "HTTP_IF_NONE_MATCH=*", NULL};
    char *get[] = {"REQUEST_METHOD=GET", "HTTP_IF_NONE_MATCH=*", NULL};
    struct error error;

    begin_answer(answer, post);
    answer->response.status = 201;
    buffer_append_text(&answer->response.body, "{}");
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 201 Created"));
    assert_false(has_header(answer, "ETag"));
    begin_answer(answer, get);
    error_clear(&error);
    error_set(&error, ERROR_NOT_FOUND, "Conversation introuvable");
    response_error(&answer->response, &error);
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 404 Not Found"));
    assert_false(has_header(answer, "ETag"));
}

static void every_status_of_a_handler_has_its_words(void **state)
{
    static const struct {
        int status;
        const char *line;
    } cases[] = {
        {200, "Status: 200 OK"}, {201, "Status: 201 Created"}, {202, "Status: 202 Accepted"}};
    struct answer *answer = *state;
    char *parameters[] = {"REQUEST_METHOD=PATCH", NULL};

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        begin_answer(answer, parameters);
        answer->response.status = cases[i].status;
        finish_answer(answer);
        assert_true(has_line(answer, cases[i].line));
    }
}

static void answers_204_bare(void **state)
{
    struct answer *answer = *state;
    char *parameters[] = {"REQUEST_METHOD=DELETE", NULL};

    begin_answer(answer, parameters);
    answer->response.status = 204;
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 204 No Content"));
    assert_false(has_header(answer, "Content-Type"));
    assert_false(has_header(answer, "Content-Length"));
    assert_int_equal(answer->response.sent_body.length, 0);
}

static void shapes_errors(void **state)
{
    static const struct {
        enum error_kind kind;
        const char *status_line, *body, *header;
    } cases[] = {
        {ERROR_INVALID, "Status: 400 Bad Request",
         "{\"statusCode\":400,\"message\":\"Texte\",\"error\":\"Bad Request\"}", NULL},
        {ERROR_UNAUTHORIZED, "Status: 401 Unauthorized",
         "{\"statusCode\":401,\"message\":\"Unauthorized\"}", "WWW-Authenticate: Bearer"},
        {ERROR_FORBIDDEN, "Status: 403 Forbidden",
         "{\"statusCode\":403,\"message\":\"Texte\",\"error\":\"Forbidden\"}", NULL},
        {ERROR_NOT_FOUND, "Status: 404 Not Found",
         "{\"statusCode\":404,\"message\":\"Texte\",\"error\":\"Not Found\"}", NULL},
        {ERROR_METHOD, "Status: 405 Method Not Allowed",
         "{\"statusCode\":405,\"message\":\"Texte\",\"error\":\"Method Not Allowed\"}",
         "Allow: GET, HEAD, OPTIONS"},
        {ERROR_TOO_LARGE, "Status: 413 Payload Too Large",
         "{\"statusCode\":413,\"message\":\"Texte\",\"error\":\"Payload Too Large\"}", NULL},
        {ERROR_TOO_MANY, "Status: 429 Too Many Requests",
         "{\"statusCode\":429,\"message\":\"Texte\",\"error\":\"Too Many Requests\"}", NULL},
        {ERROR_INTERNAL, "Status: 500 Internal Server Error",
         "{\"statusCode\":500,\"message\":\"Texte\",\"error\":\"Internal Server Error\"}", NULL},
        {ERROR_UNAVAILABLE, "Status: 503 Service Unavailable",
         "{\"statusCode\":503,\"message\":\"Texte\",\"error\":\"Service Unavailable\"}",
         "Retry-After: 2"},
    };
    struct answer *answer = *state;
    char *parameters[] = {"REQUEST_METHOD=GET", "HTTP_ORIGIN=https://app.example", NULL};
    struct error error;

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        begin_answer(answer, parameters);
        buffer_append_text(&answer->response.body, "half an ans");
        answer->response.allowed = 1U << METHOD_GET | 1U << METHOD_HEAD;
        error_clear(&error);
        error_set(&error, cases[i].kind, "Texte");
        response_error(&answer->response, &error);
        finish_answer(answer);
        assert_true(has_line(answer, cases[i].status_line));
        assert_body(answer, cases[i].body);
        assert_true(has_line(answer, "Access-Control-Allow-Origin: https://app.example"));
        if (cases[i].header != NULL)
            assert_true(has_line(answer, cases[i].header));
    }
}

/* RFC 6750 section 3: who sent no token is told of no error. */
static void says_what_is_wrong_with_a_token(void **state)
{
    struct answer *answer = *state;
    char *parameters[] = {"REQUEST_METHOD=GET", "HTTP_ORIGIN=https://app.example", NULL};
    struct error error;

    begin_answer(answer, parameters);
    error_unauthorized(&error, "expired", "the token has expired");
    response_error(&answer->response, &error);
    finish_answer(answer);
    assert_body(answer, "{\"statusCode\":401,\"message\":\"Unauthorized\",\"reason\":\"expired\"}");
    assert_true(has_line(answer, "WWW-Authenticate: Bearer error=\"invalid_token\", "
                                 "error_description=\"the token has expired\""));
    begin_answer(answer, parameters);
    error_unauthorized(&error, "missing", "");
    response_error(&answer->response, &error);
    finish_answer(answer);
    assert_body(answer, "{\"statusCode\":401,\"message\":\"Unauthorized\",\"reason\":\"missing\"}");
    assert_true(has_line(answer, "WWW-Authenticate: Bearer"));
}

static void lists_broken_rules(void **state)
{
    struct answer *answer = *state;
    struct error error;

    begin_answer(answer, no_parameters);
    error_clear(&error);
    error_add(&error, "page", "doit être \"bon\"");
    error_add(&error, "limit", "aussi");
    response_error(&answer->response, &error);
    finish_answer(answer);
    assert_body(answer, "{\"statusCode\":400,\"message\":[\"page: doit être \\\"bon\\\"\","
                        "\"limit: aussi\"],\"error\":\"Bad Request\"}");
    begin_answer(answer, no_parameters);
    error_clear(&error);
    error_add(&error, "page", "seule");
    response_error(&answer->response, &error);
    finish_answer(answer);
    assert_body(answer, "{\"statusCode\":400,\"message\":[\"page: seule\"],"
                        "\"error\":\"Bad Request\"}");
}

static void allows_configured_origins_only(void **state)
{
    static char *const strangers[] = {"HTTP_ORIGIN=https://evil.example",
                                      "HTTP_ORIGIN=https://app.example.evil",
                                      "HTTP_ORIGIN=https://app.example/",
                                      "HTTP_ORIGIN=http://app.example",
                                      "HTTP_ORIGIN=https://app.exampl",
                                      "HTTP_ORIGIN=null",
                                      "HTTP_ORIGIN=*",
                                      "HTTP_ORIGIN="};
    struct answer *answer = *state;
    char *friend[] = {"REQUEST_METHOD=GET", "HTTP_ORIGIN=https://app.example", NULL};

    begin_answer(answer, friend);
    finish_answer(answer);
    assert_true(has_line(answer, "Access-Control-Allow-Origin: https://app.example"));
    assert_true(has_line(answer, "Access-Control-Allow-Credentials: true"));
    assert_true(has_line(
        answer, "Access-Control-Expose-Headers: ETag, Retry-After, Allow, WWW-Authenticate"));
    for (size_t i = 0; i < ARRAY_LENGTH(strangers); i++) {
        char *parameters[] = {"REQUEST_METHOD=GET", strangers[i], NULL};
        begin_answer(answer, parameters);
        finish_answer(answer);
        assert_false(has_header(answer, "Access-Control-Allow-Origin"));
        assert_false(has_header(answer, "Access-Control-Allow-Credentials"));
        assert_true(has_line(answer, "Vary: Origin"));
    }
}

static void answers_preflights(void **state)
{
    struct answer *answer = *state;
    char *parameters[] = {"REQUEST_METHOD=OPTIONS", "HTTP_ORIGIN=https://app.example",
                          "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=authorization,x-mine", NULL};
    char *split[] = {"REQUEST_METHOD=OPTIONS", "HTTP_ORIGIN=https://app.example",
                     "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=a\r\nSet-Cookie: b", NULL};
    char *stranger[] = {"REQUEST_METHOD=OPTIONS", "HTTP_ORIGIN=https://evil.example", NULL};

    begin_answer(answer, parameters);
    response_preflight(&answer->response);
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 204 No Content"));
    assert_true(
        has_line(answer, "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE"));
    assert_true(has_line(answer, "Access-Control-Allow-Headers: authorization,x-mine"));
    assert_true(has_line(answer, "Access-Control-Max-Age: 7200"));
    assert_true(has_line(answer, "Vary: Origin"));
    begin_answer(answer, split);
    response_preflight(&answer->response);
    finish_answer(answer);
    assert_false(has_header(answer, "Set-Cookie"));
    assert_true(has_line(answer, "Access-Control-Allow-Headers: Authorization, Content-Type, "
                                 "If-None-Match, X-Request-Id"));
    begin_answer(answer, stranger);
    response_preflight(&answer->response);
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 204 No Content"));
    assert_false(has_header(answer, "Access-Control-Allow-Methods"));
}

static void echoes_no_endless_header_list(void **state)
{
    struct answer *answer = *state;
    char parameter[REQUESTED_HEADERS_MAX_BYTES + 64];
    char *parameters[] = {"REQUEST_METHOD=OPTIONS", "HTTP_ORIGIN=https://app.example", parameter,
                          NULL};
    int prefix = sprintf(parameter, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=");

    memset(parameter + prefix, 'h', REQUESTED_HEADERS_MAX_BYTES + 1);
    parameter[prefix + REQUESTED_HEADERS_MAX_BYTES + 1] = '\0';
    begin_answer(answer, parameters);
    response_preflight(&answer->response);
    finish_answer(answer);
    assert_null(
        memmem(answer->response.sent_head.data, answer->response.sent_head.length, "hhh", 3));
}

static void answers_503_without_memory(void **state)
{
    struct answer *answer = *state;
    char *parameters[] = {"REQUEST_METHOD=GET", NULL};

    begin_answer(answer, parameters);
    answer->response.body.failed = true;
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 503 Service Unavailable"));
    assert_true(has_line(answer, "Retry-After: 2"));
    assert_non_null(memmem(answer->response.sent_body.data, answer->response.sent_body.length,
                           "\"statusCode\":503", 16));
    /* And the next one is as if nothing had been. */
    begin_answer(answer, parameters);
    buffer_append_text(&answer->response.body, "{}");
    finish_answer(answer);
    assert_true(has_line(answer, "Status: 200 OK"));
}

#define RESPONSE_TEST(function_)                                                                   \
    cmocka_unit_test_setup_teardown(function_, set_up_answer, tear_down_answer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_parameters),
        cmocka_unit_test(lives_without_parameters),
        cmocka_unit_test(takes_the_first_of_two),
        cmocka_unit_test(takes_the_authorization_that_apache_renamed),
        cmocka_unit_test(finds_the_token),
        cmocka_unit_test(makes_an_id_when_there_is_none_to_take),
        cmocka_unit_test(reads_bodies),
        cmocka_unit_test(reads_a_body_once),
        cmocka_unit_test(refuses_wrong_lengths),
        cmocka_unit_test(limits_the_body),
        cmocka_unit_test(tells_a_broken_body),
        cmocka_unit_test(keeps_a_small_body_buffer_and_frees_a_large_one),
        cmocka_unit_test(compares_entity_tags),
        RESPONSE_TEST(answers_json),
        RESPONSE_TEST(answers_head_as_get_without_body),
        RESPONSE_TEST(answers_304),
        RESPONSE_TEST(gives_no_etag_where_nothing_can_be_kept),
        RESPONSE_TEST(every_status_of_a_handler_has_its_words),
        RESPONSE_TEST(answers_204_bare),
        RESPONSE_TEST(shapes_errors),
        RESPONSE_TEST(says_what_is_wrong_with_a_token),
        RESPONSE_TEST(lists_broken_rules),
        RESPONSE_TEST(allows_configured_origins_only),
        RESPONSE_TEST(answers_preflights),
        RESPONSE_TEST(echoes_no_endless_header_list),
        RESPONSE_TEST(answers_503_without_memory),
    };

    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
