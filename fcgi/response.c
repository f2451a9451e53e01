#include "fcgi/response.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "common/assert.h"
#include "common/json_writer.h"
#include "common/origin.h"

/* '"', 32 hexadecimal digits, '"' and NUL. */
#define ETAG_BYTES 35

#define TEXT_OF_(number_) #number_
#define TEXT_OF(number_)  TEXT_OF_(number_)

static const char memory_exhausted_body[] =
    "{\"statusCode\":503,\"message\":\"Service momentanément indisponible, réessayez plus tard\","
    "\"error\":\"Service Unavailable\"}";
static const char memory_exhausted_head[] = "Status: 503 Service Unavailable\r\n"
                                            "Content-Type: application/json; charset=utf-8\r\n"
                                            "Cache-Control: private, no-cache\r\n"
                                            "Vary: Origin\r\n"
                                            "Retry-After: " TEXT_OF(RETRY_AFTER_S) "\r\n\r\n";

static const struct status {
    enum error_kind kind;
    int code;
    const char *reason;
} statuses[] = {
    {ERROR_NONE, 200, "OK"},
    {ERROR_NONE, 201, "Created"},
    {ERROR_NONE, 202, "Accepted"},
    {ERROR_NONE, 204, "No Content"},
    {ERROR_NONE, 304, "Not Modified"},
    {ERROR_INVALID, 400, "Bad Request"},
    {ERROR_UNAUTHORIZED, 401, "Unauthorized"},
    {ERROR_FORBIDDEN, 403, "Forbidden"},
    {ERROR_NOT_FOUND, 404, "Not Found"},
    {ERROR_METHOD, 405, "Method Not Allowed"},
    {ERROR_TOO_LARGE, 413, "Payload Too Large"},
    {ERROR_MEDIA_TYPE, 415, "Unsupported Media Type"},
    {ERROR_TOO_MANY, 429, "Too Many Requests"},
    {ERROR_INTERNAL, 500, "Internal Server Error"},
    {ERROR_UNAVAILABLE, 503, "Service Unavailable"},
};
#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

int response_status_at(size_t index)
{
    return index < STATUS_COUNT ? statuses[index].code : 0;
}

static const char *status_reason(int code)
{
    size_t i = 0;

    while (i < STATUS_COUNT && statuses[i].code != code)
        i++;
    ASSERT(i < STATUS_COUNT);
    return statuses[i].reason;
}

static const struct status *status_of_error(enum error_kind kind)
{
    const struct status *status = &statuses[STATUS_COUNT - 2]; /* 500 */

    for (size_t i = 0; i < STATUS_COUNT; i++)
        if (statuses[i].kind == kind && kind != ERROR_NONE)
            status = &statuses[i];
    return status;
}

void response_begin(struct response *response)
{
    response->status = 200;
    response->allowed = 0;
    response->is_preflight = false;
    response->refusal[0] = '\0';
    response->retry_after_s = 0;
    buffer_clear(&response->body);
    buffer_clear(&response->head);
}

/* The sentences of a list are separated by '\n'; each becomes an element. */
static void write_sentences(struct json_writer *json, struct buffer *scratch, const char *text)
{
    json_begin_array(json);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        buffer_clear(scratch);
        buffer_append(scratch, text, length);
        const char *sentence = buffer_text(scratch);
        json_write_text(json, sentence != NULL ? sentence : "");
        text += length;
        text += *text == '\n';
    }
    json_end_array(json);
}

void response_error(struct response *response, const struct error *error)
{
    const struct status *status = status_of_error(error->kind);
    struct json_writer json;

    response->status = status->code;
    response->retry_after_s =
        error->kind == ERROR_UNAVAILABLE ? RETRY_AFTER_S : error->retry_after_s;
    buffer_clear(&response->body);
    json_writer_init(&json, &response->body);
    json_begin_object(&json);
    json_member_integer(&json, "statusCode", status->code);
    if (error->kind == ERROR_UNAUTHORIZED) {
        json_member_text(&json, "message", status->reason);
        json_member_text(&json, "reason", error->reason);
        snprintf(response->refusal, sizeof(response->refusal), "%s", error->detail);
    } else {
        json_write_key(&json, "message");
        if (error->is_list)
            write_sentences(&json, &response->head, error->text);
        else
            json_write_text(&json, error->text);
        json_member_text(&json, "error", status->reason);
    }
    json_end_object(&json);
}

void response_preflight(struct response *response)
{
    response->status = 204;
    response->is_preflight = true;
}

static void append_header(struct buffer *head, const char *name, const char *value)
{
    buffer_append_text(head, name);
    buffer_append(head, ": ", 2);
    buffer_append_text(head, value);
    buffer_append(head, "\r\n", 2);
}

static void append_number_header(struct buffer *head, const char *name, size_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%zu", value);
    append_header(head, name, text);
}

/* A list of header names as a browser sends it, and nothing that could end a header line. */
static bool is_header_list(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "!#$%&'*+-.^_`|~, ");

    return length <= REQUESTED_HEADERS_MAX_BYTES && text[length] == '\0';
}

static void write_preflight_headers(struct buffer *head, const struct request *request)
{
    const char *headers = request->requested_headers;

    if (headers == NULL || !is_header_list(headers))
        headers = "Authorization, Content-Type, If-None-Match, X-Request-Id";
    append_header(head, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    append_header(head, "Access-Control-Allow-Headers", headers);
    append_number_header(head, "Access-Control-Max-Age", PREFLIGHT_MAX_AGE_S);
}

static void write_cors_headers(struct response *response, const struct request *request,
                               const struct config *config)
{
    struct buffer *head = &response->head;

    append_header(head, "Vary", "Origin");
    if (config == NULL || request->origin == NULL || !origin_is_configured(config, request->origin))
        return;
    append_header(head, "Access-Control-Allow-Origin", request->origin);
    append_header(head, "Access-Control-Allow-Credentials", "true");
    if (response->is_preflight)
        write_preflight_headers(head, request);
    else
        append_header(head, "Access-Control-Expose-Headers",
                      "ETag, Retry-After, Allow, WWW-Authenticate");
}

/* Of the body, which costs less than to keep a version of all that an answer shows.
 *
 * A strong entity tag: equal bodies and nothing else have equal tags. */
static void make_etag(const struct buffer *body, char etag[ETAG_BYTES])
{
    XXH128_hash_t hash = XXH3_128bits(body->data, body->length);

    snprintf(etag, ETAG_BYTES, "\"%016llx%016llx\"", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

static bool is_cacheable(const struct response *response, const struct request *request)
{
    return response->status == 200 &&
           (request->method == METHOD_GET || request->method == METHOD_HEAD);
}

/* RFC 6750 section 3: without a token no error is named. */
static void write_challenge(struct buffer *head, const char *refusal)
{
    if (refusal[0] == '\0')
        append_header(head, "WWW-Authenticate", "Bearer");
    else
        buffer_append_format(head,
                             "WWW-Authenticate: Bearer error=\"invalid_token\", "
                             "error_description=\"%s\"\r\n",
                             refusal);
}

static void write_status_headers(struct response *response)
{
    struct buffer *head = &response->head;
    char allow[ALLOW_BYTES];

    if (response->status == 401)
        write_challenge(head, response->refusal);
    if (response->status == 405) {
        router_allow_text(response->allowed, allow);
        append_header(head, "Allow", allow);
    }
    if (response->retry_after_s > 0)
        append_number_header(head, "Retry-After", (size_t)response->retry_after_s);
}

static void write_head(struct response *response, const struct request *request,
                       const struct config *config)
{
    struct buffer *head = &response->head;
    char etag[ETAG_BYTES] = "";
    char status[64];

    if (is_cacheable(response, request)) {
        make_etag(&response->body, etag);
        if (request_matches_etag(request, etag))
            response->status = 304;
    }
    buffer_clear(head);
    snprintf(status, sizeof(status), "%d %s", response->status, status_reason(response->status));
    append_header(head, "Status", status);
    if (response->status != 204 && response->status != 304) {
        append_header(head, "Content-Type", "application/json; charset=utf-8");
        append_number_header(head, "Content-Length", response->body.length);
    }
    if (etag[0] != '\0')
        append_header(head, "ETag", etag);
    append_header(head, "Cache-Control", "private, no-cache");
    append_header(head, "X-Content-Type-Options", "nosniff");
    write_cors_headers(response, request, config);
    write_status_headers(response);
    buffer_append(head, "\r\n", 2);
}

void response_finish(struct response *response, const struct request *request,
                     const struct config *config)
{
    write_head(response, request, config);
    if (response->body.failed || response->head.failed) {
        response->status = 503;
        response->sent_head =
            (struct text_span){memory_exhausted_head, sizeof(memory_exhausted_head) - 1};
        response->sent_body =
            (struct text_span){memory_exhausted_body, sizeof(memory_exhausted_body) - 1};
    } else {
        response->sent_head = (struct text_span){response->head.data, response->head.length};
        response->sent_body = (struct text_span){response->body.data, response->body.length};
    }
    if (request->method == METHOD_HEAD || response->status == 204 || response->status == 304)
        response->sent_body.length = 0;
}

void response_end(struct response *response)
{
    if (response->body.capacity > RETAINED_BUFFER_BYTES)
        buffer_free(&response->body);
}

void response_free(struct response *response)
{
    buffer_free(&response->body);
    buffer_free(&response->head);
}
