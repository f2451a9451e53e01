#include "broker/protocol/engineio_answer.h"

#include "common/assert.h"
#include "common/buffer.h"
#include "common/json_writer.h"

#define PREFLIGHT_MAX_AGE_S "7200"
/* What a refused client is asked to wait; socket.io-client has its own back-off. */
#define RETRY_AFTER_S "5"

/* The Host, or that of which a proxy tells that changes it. A page can choose neither: fetch has to
 * ask for a header of one's own in a preflight first, which has not got it and is refused; forms
 * and WebSockets have no such headers. Who is no browser may say any Origin as well. */
bool engineio_origin_is_allowed(const struct engineio_origins *origins,
                                const struct http_request *request)
{
    const char *origin = http_request_header(request, "Origin");
    const char *forwarded = http_request_forwarded_host(request);

    return origin == NULL ||
           origins->is_allowed(origins->owner, origin, http_request_header(request, "Host")) ||
           (forwarded != NULL && origins->is_allowed(origins->owner, origin, forwarded));
}

static void add_field(struct http_field fields[HTTP_FIELDS_MAX], const char *name,
                      const char *value)
{
    size_t i = 0;

    while (fields[i].name != NULL)
        i++;
    fields[i] = (struct http_field){name, value};
}

/* The origin is named and not "*": with credentials browsers take no "*", and socket.io-client may
 * be asked to send them. */
static void add_common_fields(const struct engineio_origins *origins,
                              const struct http_request *request,
                              struct http_field fields[HTTP_FIELDS_MAX])
{
    const char *origin = http_request_header(request, "Origin");

    add_field(fields, "Cache-Control", "no-store");
    add_field(fields, "Vary", "Origin");
    if (origin != NULL && engineio_origin_is_allowed(origins, request)) {
        add_field(fields, "Access-Control-Allow-Origin", origin);
        add_field(fields, "Access-Control-Allow-Credentials", "true");
    }
}

void engineio_respond(const struct engineio_origins *origins, struct http_request *request,
                      unsigned status, const char *type, const char *body, size_t length)
{
    struct http_response response = {
        .status = status, .content_type = type, .body = body, .length = length};

    add_common_fields(origins, request, response.fields);
    if (status == 503)
        add_field(response.fields, "Retry-After", RETRY_AFTER_S);
    http_respond(request, &response);
}

/* As JSON, for people who look into their browser: socket.io-client only looks at the status. */
static void respond_code(const struct engineio_origins *origins, struct http_request *request,
                         unsigned status, enum engineio_error error, const char *message)
{
    struct buffer body = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &body);
    json_begin_object(&writer);
    json_member_integer(&writer, "code", error);
    json_member_text(&writer, "message", message);
    json_end_object(&writer);
    if (body.failed)
        buffer_clear(&body);
    engineio_respond(origins, request, status, "application/json", body.data, body.length);
    buffer_free(&body);
}

void engineio_respond_origin(const struct engineio_origins *origins, struct http_request *request)
{
    if (origins->on_refused != NULL)
        origins->on_refused(origins->owner, http_request_header(request, "Origin"),
                            http_request_header(request, "Host"));
    respond_code(origins, request, 403, ENGINEIO_ERROR_FORBIDDEN,
                 origins->refusal != NULL ? origins->refusal : "Forbidden");
}

void engineio_respond_error(const struct engineio_origins *origins, struct http_request *request,
                            enum engineio_error error)
{
    static const char *const messages[] = {
        [ENGINEIO_ERROR_TRANSPORT_UNKNOWN] = "Transport unknown",
        [ENGINEIO_ERROR_SESSION_UNKNOWN] = "Session ID unknown",
        [ENGINEIO_ERROR_BAD_HANDSHAKE_METHOD] = "Bad handshake method",
        [ENGINEIO_ERROR_BAD_REQUEST] = "Bad request",
        [ENGINEIO_ERROR_UNSUPPORTED_PROTOCOL] = "Unsupported protocol version",
    };

    ASSERT(error != ENGINEIO_ERROR_FORBIDDEN);
    respond_code(origins, request, 400, error, messages[error]);
}

void engineio_respond_refusal(const struct engineio_origins *origins, struct http_request *request,
                              unsigned status, const char *message)
{
    respond_code(origins, request, status, ENGINEIO_ERROR_FORBIDDEN, message);
}

void engineio_respond_preflight(const struct engineio_origins *origins,
                                struct http_request *request)
{
    const char *headers = http_request_header(request, "Access-Control-Request-Headers");
    struct http_response response = {.status = 204};

    if (!engineio_origin_is_allowed(origins, request)) {
        engineio_respond_origin(origins, request);
        return;
    }
    add_common_fields(origins, request, response.fields);
    add_field(response.fields, "Access-Control-Allow-Methods", "GET, POST");
    add_field(response.fields, "Access-Control-Max-Age", PREFLIGHT_MAX_AGE_S);
    if (headers != NULL)
        add_field(response.fields, "Access-Control-Allow-Headers", headers);
    http_respond(request, &response);
}
