#include "broker/protocol/engineio.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/protocol/engineio_private.h"
#include "broker/transport/query.h"
#include "common/container.h"
#include "common/json_writer.h"

#define PROTOCOL            "4"
#define ID_RANDOM_BYTES     15
#define INITIAL_BUCKETS     64
#define QUERY_TEXT_BYTES    64 /* for values of which a longer one is wrong anyway */
#define PREFLIGHT_MAX_AGE_S "7200"
/* What a refused client is asked to wait; socket.io-client has its own back-off. */
#define RETRY_AFTER_S "5"

void engineio_make_id(const struct random_source *random, char out[ENGINEIO_ID_BYTES])
{
    uint8_t bytes[ID_RANDOM_BYTES];

    random_fill(random, bytes, sizeof(bytes));
    base64_encode_raw(out, sizeof(bytes), bytes);
    out[ENGINEIO_ID_BYTES - 1] = '\0';
    for (char *digit = out; *digit != '\0'; digit++) {
        if (*digit == '+')
            *digit = '-';
        else if (*digit == '/')
            *digit = '_';
    }
}

const char *engineio_end_name(enum engineio_end end)
{
    static const char *const names[] = {
        [ENGINEIO_END_TRANSPORT_CLOSE] = "transport close",
        [ENGINEIO_END_TRANSPORT_ERROR] = "transport error",
        [ENGINEIO_END_PARSE_ERROR] = "parse error",
        [ENGINEIO_END_PING_TIMEOUT] = "ping timeout",
        [ENGINEIO_END_SLOW] = "slow consumer",
        [ENGINEIO_END_FORCED] = "forced close",
    };

    return names[end];
}

/* ---- Sessions by id ---- */

/* Ids that are in use are random, so any of their bytes will do. */
static struct engineio_session **bucket_of(const struct engineio_server *server, const char *id)
{
    uint64_t word;

    memcpy(&word, id, sizeof(word));
    word *= UINT64_C(0x9E3779B97F4A7C15);
    return &server->buckets[(word >> 32) & (server->bucket_count - 1)];
}

static struct engineio_session *find(const struct engineio_server *server, const char *id)
{
    if (strlen(id) != ENGINEIO_ID_BYTES - 1)
        return NULL;
    struct engineio_session *session = *bucket_of(server, id);
    while (session && strcmp(session->id, id) != 0)
        session = session->next;
    return session;
}

static void insert(struct engineio_server *server, struct engineio_session *session)
{
    struct engineio_session **bucket = bucket_of(server, session->id);

    session->next = *bucket;
    *bucket = session;
}

/* Keeps the chains short. Without memory they get longer, that's all. */
static void grow(struct engineio_server *server)
{
    size_t count = server->bucket_count;
    struct engineio_session **old = server->buckets;
    struct engineio_session **buckets = calloc(2 * count, sizeof(struct engineio_session *));

    if (!buckets)
        return;
    server->buckets = buckets;
    server->bucket_count = 2 * count;
    for (size_t i = 0; i < count; i++) {
        for (struct engineio_session *session = old[i], *next; session; session = next) {
            next = session->next;
            insert(server, session);
        }
    }
    free(old);
}

static void add(struct engineio_session *session)
{
    struct engineio_server *server = session->server;

    if (++server->session_count > server->bucket_count)
        grow(server);
    insert(server, session);
}

void engineio_remove(struct engineio_session *session)
{
    struct engineio_session **link = bucket_of(session->server, session->id);

    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    session->server->session_count--;
}

size_t engineio_count(const struct engineio_server *server, enum engineio_transport transport)
{
    return server->counts[transport];
}

static struct engineio_session *first_open(struct engineio_session *session)
{
    while (session && session->state != ENGINEIO_STATE_OPEN)
        session = session->next;
    return session;
}

size_t engineio_close_some(struct engineio_server *server, size_t limit, uint16_t code)
{
    size_t open = server->counts[ENGINEIO_POLLING] + server->counts[ENGINEIO_WEBSOCKET];

    for (size_t i = 0; i < server->bucket_count && limit > 0; i++) {
        struct engineio_session *session;

        /* From the bucket's start each time: callbacks may end any session. */
        while (limit > 0 && (session = first_open(server->buckets[i]))) {
            engineio_close(session, code);
            limit--;
        }
    }
    return open;
}

/* ---- Answers ---- */

static bool is_origin_allowed(const struct engineio_server *server,
                              const struct http_request *request)
{
    const struct engineio_settings *settings = server->settings;
    const char *origin = http_request_header(request, "Origin");

    return !origin || settings->is_origin_allowed(settings->owner, origin,
                                                  http_request_header(request, "Host"));
}

static void add_field(struct http_field fields[HTTP_FIELDS_MAX], const char *name,
                      const char *value)
{
    size_t i = 0;

    while (fields[i].name)
        i++;
    fields[i] = (struct http_field){name, value};
}

/* The headers of every answer: never cached, and readable for pages of allowed origins. */
static void add_common_fields(const struct engineio_server *server,
                              const struct http_request *request,
                              struct http_field fields[HTTP_FIELDS_MAX])
{
    const char *origin = http_request_header(request, "Origin");

    add_field(fields, "Cache-Control", "no-store");
    add_field(fields, "Vary", "Origin");
    if (origin && is_origin_allowed(server, request)) {
        add_field(fields, "Access-Control-Allow-Origin", origin);
        add_field(fields, "Access-Control-Allow-Credentials", "true");
    }
}

void engineio_respond(struct engineio_server *server, struct http_request *request, unsigned status,
                      const char *type, const char *body, size_t length)
{
    struct http_response response = {
        .status = status, .content_type = type, .body = body, .length = length};

    add_common_fields(server, request, response.fields);
    if (status == 503)
        add_field(response.fields, "Retry-After", RETRY_AFTER_S);
    http_respond(request, &response);
}

static void respond_code(struct engineio_server *server, struct http_request *request,
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
    engineio_respond(server, request, status, "application/json", body.data, body.length);
    buffer_free(&body);
}

void engineio_respond_error(struct engineio_server *server, struct http_request *request,
                            enum engineio_error error)
{
    static const char *const messages[] = {
        [ENGINEIO_ERROR_TRANSPORT_UNKNOWN] = "Transport unknown",
        [ENGINEIO_ERROR_SESSION_UNKNOWN] = "Session ID unknown",
        [ENGINEIO_ERROR_BAD_HANDSHAKE_METHOD] = "Bad handshake method",
        [ENGINEIO_ERROR_BAD_REQUEST] = "Bad request",
        [ENGINEIO_ERROR_FORBIDDEN] = "Forbidden",
        [ENGINEIO_ERROR_UNSUPPORTED_PROTOCOL] = "Unsupported protocol version",
    };

    respond_code(server, request, error == ENGINEIO_ERROR_FORBIDDEN ? 403 : 400, error,
                 messages[error]);
}

static void respond_preflight(struct engineio_server *server, struct http_request *request)
{
    const char *headers = http_request_header(request, "Access-Control-Request-Headers");
    struct http_response response = {.status = 204};

    add_common_fields(server, request, response.fields);
    if (is_origin_allowed(server, request)) {
        add_field(response.fields, "Access-Control-Allow-Methods", "GET, POST");
        add_field(response.fields, "Access-Control-Max-Age", PREFLIGHT_MAX_AGE_S);
        if (headers)
            add_field(response.fields, "Access-Control-Allow-Headers", headers);
    }
    http_respond(request, &response);
}

/* ---- WebSocket requests: what is remembered until the handshake is over ---- */

struct pending_websocket {
    struct engineio_server *server; /* NULL when it ended first */
    struct pending_websocket *next, *previous;
    void *user;                 /* of a new session */
    char id[ENGINEIO_ID_BYTES]; /* of the session to upgrade, empty for a new one */
};

static void open_with_websocket(struct pending_websocket *pending, int descriptor,
                                const char *early, size_t early_length)
{
    struct engineio_server *server = pending->server;
    struct engineio_session *session = engineio_session_create(server, pending->user);

    if (!session) {
        engineio_refuse_socket(server, descriptor);
    } else if (!engineio_session_use_websocket(session, descriptor, early, early_length)) {
        engineio_session_discard(session);
        session = NULL;
    }
    if (!session) {
        server->settings->on_close(pending->user, ENGINEIO_END_TRANSPORT_ERROR, false);
        return;
    }
    add(session);
    engineio_session_open(session);
}

static void pending_add(struct engineio_server *server, struct pending_websocket *pending)
{
    pending->server = server;
    pending->next = server->pending;
    if (pending->next)
        pending->next->previous = pending;
    server->pending = pending;
}

static void pending_remove(struct pending_websocket *pending)
{
    if (pending->previous)
        pending->previous->next = pending->next;
    else
        pending->server->pending = pending->next;
    if (pending->next)
        pending->next->previous = pending->previous;
}

/* The server ends: those that wait are not to look at it any more. */
static void pending_orphan(struct engineio_server *server)
{
    for (struct pending_websocket *pending = server->pending; pending; pending = pending->next) {
        pending->server = NULL;
        if (pending->id[0] == '\0')
            server->settings->on_close(pending->user, ENGINEIO_END_FORCED, false);
    }
}

static void on_upgraded(void *context, int descriptor, const char *early, size_t early_length)
{
    struct pending_websocket *pending = context;
    struct engineio_server *server = pending->server;
    bool is_new = pending->id[0] == '\0';

    if (!server) {
        if (descriptor >= 0)
            close(descriptor);
        free(pending);
        return;
    }
    pending_remove(pending);
    if (descriptor < 0) {
        if (is_new)
            server->settings->on_close(pending->user, ENGINEIO_END_TRANSPORT_CLOSE, false);
    } else if (is_new) {
        open_with_websocket(pending, descriptor, early, early_length);
    } else {
        struct engineio_session *session = find(server, pending->id);

        if (session)
            engineio_session_probe(session, descriptor, early, early_length);
        else
            engineio_refuse_socket(server, descriptor);
    }
    free(pending);
}

/* `session` is NULL for a new one. */
static void accept_websocket(struct engineio_server *server, struct http_request *request,
                             const struct engineio_session *session, void *user)
{
    static const struct http_field no_fields[HTTP_FIELDS_MAX] = {{NULL, NULL}};
    struct pending_websocket *pending = calloc(1, sizeof(*pending));

    if (!pending) {
        if (!session)
            server->settings->on_close(user, ENGINEIO_END_TRANSPORT_ERROR, false);
        engineio_respond(server, request, 503, NULL, NULL, 0);
        return;
    }
    pending_add(server, pending);
    pending->user = user;
    if (session)
        memcpy(pending->id, session->id, sizeof(pending->id));
    http_upgrade(request, no_fields, on_upgraded, pending);
}

/* ---- Requests ---- */

static void open_with_polling(struct engineio_server *server, struct http_request *request,
                              void *user)
{
    struct engineio_session *session = engineio_session_create(server, user);

    if (session && !engineio_session_use_polling(session)) {
        engineio_session_discard(session);
        session = NULL;
    }
    if (!session) {
        server->settings->on_close(user, ENGINEIO_END_TRANSPORT_ERROR, false);
        engineio_respond(server, request, 503, NULL, NULL, 0);
        return;
    }
    add(session);
    engineio_session_poll(session, request); /* answered at the end of the turn */
    engineio_session_open(session);
}

static bool speaks_our_protocol(const struct http_request *request)
{
    char protocol[QUERY_TEXT_BYTES];

    query_value(http_request_query(request), "EIO", protocol, sizeof(protocol));
    return strcmp(protocol, PROTOCOL) == 0;
}

static void handle_handshake(struct engineio_server *server, struct http_request *request,
                             enum engineio_transport transport)
{
    const struct engineio_settings *settings = server->settings;
    char address[HTTP_ADDRESS_BYTES];

    if (http_request_method(request) != HTTP_GET) {
        engineio_respond_error(server, request, ENGINEIO_ERROR_BAD_HANDSHAKE_METHOD);
        return;
    }
    if (transport == ENGINEIO_WEBSOCKET && !http_request_is_websocket(request)) {
        engineio_respond_error(server, request, ENGINEIO_ERROR_BAD_REQUEST);
        return;
    }
    if (!speaks_our_protocol(request)) {
        engineio_respond_error(server, request, ENGINEIO_ERROR_UNSUPPORTED_PROTOCOL);
        return;
    }
    http_request_address(request, address);
    struct engineio_handshake handshake = {request, address, transport};
    struct engineio_verdict verdict = settings->on_handshake(settings->owner, &handshake);
    if (verdict.status != 0)
        respond_code(server, request, verdict.status, ENGINEIO_ERROR_FORBIDDEN, verdict.message);
    else if (transport == ENGINEIO_WEBSOCKET)
        accept_websocket(server, request, NULL, verdict.user);
    else
        open_with_polling(server, request, verdict.user);
}

static void handle_session(struct engineio_server *server, struct http_request *request,
                           struct engineio_session *session, enum engineio_transport transport)
{
    enum http_method method = http_request_method(request);
    bool is_good = speaks_our_protocol(request);
    bool is_polling = is_good && transport == ENGINEIO_POLLING && session->polling;

    if (is_good && transport == ENGINEIO_WEBSOCKET && http_request_is_websocket(request))
        accept_websocket(server, request, session, NULL);
    else if (is_polling && method == HTTP_GET)
        engineio_session_poll(session, request);
    else if (is_polling && method == HTTP_POST)
        engineio_session_post(session, request);
    else
        engineio_respond_error(server, request, ENGINEIO_ERROR_BAD_REQUEST);
}

void engineio_handle(struct engineio_server *server, struct http_request *request)
{
    const char *query = http_request_query(request);
    char name[QUERY_TEXT_BYTES], id[QUERY_TEXT_BYTES];
    enum engineio_transport transport;

    if (http_request_method(request) == HTTP_OPTIONS) {
        respond_preflight(server, request);
        return;
    }
    query_value(query, "transport", name, sizeof(name));
    if (strcmp(name, "websocket") == 0) {
        transport = ENGINEIO_WEBSOCKET;
    } else if (strcmp(name, "polling") == 0) {
        transport = ENGINEIO_POLLING;
    } else {
        engineio_respond_error(server, request, ENGINEIO_ERROR_TRANSPORT_UNKNOWN);
        return;
    }
    if (!is_origin_allowed(server, request)) {
        engineio_respond_error(server, request, ENGINEIO_ERROR_FORBIDDEN);
        return;
    }
    if (query_value(query, "sid", id, sizeof(id)) != QUERY_MALFORMED && id[0] == '\0') {
        handle_handshake(server, request, transport);
        return;
    }
    struct engineio_session *session = find(server, id);
    if (session) {
        engineio_session_catch_up(session);
        session = find(server, id);
    }
    if (session)
        handle_session(server, request, session, transport);
    else
        engineio_respond_error(server, request, ENGINEIO_ERROR_SESSION_UNKNOWN);
}

/* ---- The server ---- */

static bool make_packets(struct engineio_server *server)
{
    static const char probe[] = "probe";

    server->ping = engineio_packet_encode(ENGINEIO_PING, NULL, 0);
    server->pong_probe = engineio_packet_encode(ENGINEIO_PONG, probe, strlen(probe));
    server->noop = engineio_packet_encode(ENGINEIO_NOOP, NULL, 0);
    server->close = engineio_packet_encode(ENGINEIO_CLOSE, NULL, 0);
    return server->ping && server->pong_probe && server->noop && server->close;
}

static void free_memory(struct engineio_server *server)
{
    block_release(server->ping);
    block_release(server->pong_probe);
    block_release(server->noop);
    block_release(server->close);
    free(server->buckets);
    free(server);
}

static void run_burial(struct loop_task *task)
{
    engineio_free_dead(CONTAINER_OF(task, struct engineio_server, burial));
}

struct engineio_server *engineio_server_create(const struct engineio_settings *settings)
{
    struct engineio_server *server = calloc(1, sizeof(*server));

    if (!server)
        return NULL;
    server->settings = settings;
    server->burial.run = run_burial;
    server->websockets = (struct websocket_settings){
        .loop = settings->loop,
        .endings = settings->endings,
        .max_message_bytes = settings->max_payload_bytes,
        .max_output_bytes = settings->max_output_bytes,
        .on_message = engineio_on_websocket_message,
        .on_drain = engineio_on_websocket_drain,
        .on_close = engineio_on_websocket_close,
    };
    server->bucket_count = INITIAL_BUCKETS;
    server->buckets = calloc(INITIAL_BUCKETS, sizeof(struct engineio_session *));
    if (server->buckets && make_packets(server))
        return server;
    free_memory(server);
    return NULL;
}

void engineio_limit_output(struct engineio_server *server, size_t max_output_bytes)
{
    server->websockets.max_output_bytes = max_output_bytes;
}

void engineio_server_free(struct engineio_server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < server->bucket_count; i++) {
        while (server->buckets[i])
            engineio_session_destroy(server->buckets[i]);
    }
    pending_orphan(server);
    loop_cancel(&server->burial);
    engineio_free_dead(server);
    free_memory(server);
}
