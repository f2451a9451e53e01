#include "fcgi/request.h"

#include <string.h>
#include <strings.h>

#include "common/id.h"
#include "db/input.h"

/* Read at once where the length is not known. */
#define BODY_CHUNK_BYTES 16384

struct raw_parameters {
    const char *method, *target, *authorization, *redirected_authorization, *origin, *host,
        *forwarded_host, *if_none_match, *requested_headers, *content_length, *content_type,
        *request_id;
};

#define PARAMETER(name_, field_)                                                                   \
    {                                                                                              \
        name_ "=", sizeof(name_ "=") - 1, offsetof(struct raw_parameters, field_)                  \
    }

/* The CGI parameters that count. */
static const struct parameter {
    const char *name; /* with its '=' */
    size_t length;
    size_t field; /* offset of a const char * in struct raw_parameters */
} known_parameters[] = {
    PARAMETER("REQUEST_METHOD", method),
    PARAMETER("REQUEST_URI", target),
    PARAMETER("CONTENT_LENGTH", content_length),
    PARAMETER("CONTENT_TYPE", content_type),
    PARAMETER("HTTP_AUTHORIZATION", authorization),
    PARAMETER("REDIRECT_HTTP_AUTHORIZATION", redirected_authorization),
    PARAMETER("HTTP_ORIGIN", origin),
    PARAMETER("HTTP_HOST", host),
    PARAMETER("HTTP_X_FORWARDED_HOST", forwarded_host),
    PARAMETER("HTTP_IF_NONE_MATCH", if_none_match),
    PARAMETER("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", requested_headers),
    PARAMETER("HTTP_X_REQUEST_ID", request_id),
};

static void take_query_parameter(const char *text, struct raw_parameters *raw)
{
    if (strchr("RCH", text[0]) == NULL) /* none of ours begins otherwise */
        return;
    for (size_t i = 0; i < sizeof(known_parameters) / sizeof(known_parameters[0]); i++) {
        const struct parameter *parameter = &known_parameters[i];
        if (strncmp(text, parameter->name, parameter->length) != 0)
            continue;
        const char **field = (const char **)(void *)((char *)raw + parameter->field);
        if (*field == NULL)
            *field = text + parameter->length;
        return;
    }
}

/* Only what is safe in a log line and worth keeping. */
static bool request_id_is_valid(const char *text)
{
    size_t length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return length > 0 && length <= REQUEST_ID_MAX_BYTES && text[length] == '\0';
}

/* Servers pass an absent header as an empty parameter when it is named in their configuration. */
static const char *non_empty(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

void request_begin(struct request *request, const struct transport *transport)
{
    struct raw_parameters raw = {0};
    struct buffer body = request->body;

    for (char *const *parameter = transport->parameters; *parameter != NULL; parameter++)
        take_query_parameter(*parameter, &raw);
    buffer_clear(&body);
    *request = (struct request){
        .transport = *transport,
        .method_name = raw.method != NULL ? raw.method : "",
        .authorization = non_empty(raw.authorization),
        .origin = non_empty(raw.origin),
        .host = non_empty(raw.host),
        .forwarded_host = non_empty(raw.forwarded_host),
        .if_none_match = non_empty(raw.if_none_match),
        .requested_headers = non_empty(raw.requested_headers),
        .content_length = non_empty(raw.content_length),
        .content_type = non_empty(raw.content_type),
        .body_state = BODY_UNREAD,
        .body = body,
    };
    request->method = method_parse(request->method_name);
    if (request->authorization == NULL)
        request->authorization = non_empty(raw.redirected_authorization);
    request->has_target = raw.target != NULL && uri_split(raw.target, &request->target);
    if (raw.request_id != NULL && request_id_is_valid(raw.request_id))
        strcpy(request->id, raw.request_id);
}

/* The declared length, or -1 when there is none. False when it is no number; a huge one is
 * INPUT_MAX_BYTES + 1. */
static bool declared_length(const struct request *request, int64_t *length)
{
    const char *text = request->content_length;

    *length = text == NULL ? -1 : 0;
    for (; text != NULL && *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *length = *length * 10 + (*text - '0');
        if (*length > INPUT_MAX_BYTES)
            *length = INPUT_MAX_BYTES + 1;
    }
    return true;
}

/* Reads up to the end, but not much more than the limit. */
static enum body_state read_to_end(struct request *request, int64_t declared)
{
    struct buffer *body = &request->body;

    for (;;) {
        /* One byte more than is expected, so that the end is seen without another allocation. */
        size_t wanted = BODY_CHUNK_BYTES;
        if (declared >= 0 && body->length <= (size_t)declared)
            wanted = (size_t)declared + 1 - body->length;
        if (!buffer_reserve(body, wanted))
            return BODY_NO_MEMORY;
        ssize_t count =
            request->transport.read(request->transport.context, body->data + body->length, wanted);
        if (count < 0)
            return BODY_BROKEN;
        if (count == 0)
            break;
        body->length += (size_t)count;
        if (body->length > INPUT_MAX_BYTES)
            return BODY_TOO_LARGE;
    }
    return declared < 0 || body->length == (size_t)declared ? BODY_READ : BODY_MALFORMED;
}

enum body_state request_read_body(struct request *request)
{
    int64_t declared;

    if (request->body_state != BODY_UNREAD)
        return request->body_state;
    if (!declared_length(request, &declared))
        request->body_state = BODY_MALFORMED;
    else if (declared > INPUT_MAX_BYTES)
        request->body_state = BODY_TOO_LARGE;
    else
        request->body_state = read_to_end(request, declared);
    return request->body_state;
}

void request_wait(struct request *request, bool begins)
{
    if (request->transport.wait != NULL)
        request->transport.wait(request->transport.context, begins);
}

struct text_span request_bearer_token(const struct request *request)
{
    static const char scheme[] = "Bearer ";
    const char *text = request->authorization;
    struct text_span none = {"", 0};

    if (text == NULL || strncasecmp(text, scheme, sizeof(scheme) - 1) != 0)
        return none;
    text += sizeof(scheme) - 1;
    text += strspn(text, " ");
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        length--;
    return (struct text_span){text, length};
}

/* Web servers that compress an answer on its way tell so in its tag: Apache's mod_deflate and
 * mod_brotli append to it, inside the quotes (nginx only makes it weak). */
static bool is_tag_of(const char *text, size_t length, const char *etag)
{
    static const char *const codings[] = {"", "-gzip", "-br"};
    size_t inside = strlen(etag) - 1; /* without the quote at its end */

    if (length <= inside || strncmp(text, etag, inside) != 0)
        return false;
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        size_t coding = strlen(codings[i]);
        if (length == inside + coding + 1 && strncmp(text + inside, codings[i], coding) == 0)
            return true;
    }
    return false;
}

bool request_matches_etag(const struct request *request, const char *etag)
{
    const char *text = request->if_none_match;

    while (text != NULL) {
        text += strspn(text, " \t,");
        if (text[0] == '*')
            return true;
        if (strncmp(text, "W/", 2) == 0)
            text += 2;
        if (text[0] != '"')
            return false; /* the end, or no entity tag: what follows can't be trusted */
        const char *end = strchr(text + 1, '"');
        if (end == NULL)
            return false;
        if (is_tag_of(text, (size_t)(end + 1 - text), etag))
            return true;
        text = end + 1;
    }
    return false;
}

const char *request_id(struct request *request, const struct services *services)
{
    if (request->id[0] == '\0')
        id_make(services->ids, request->id);
    return request->id;
}

void request_end(struct request *request)
{
    if (request->body.capacity > RETAINED_BUFFER_BYTES)
        buffer_free(&request->body);
    else
        buffer_clear(&request->body);
}

void request_free(struct request *request)
{
    buffer_free(&request->body);
}
