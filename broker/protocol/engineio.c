#include "broker/protocol/engineio.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/transport/query.h"

#define PROTOCOL         "4"
#define QUERY_TEXT_BYTES 64 /* for values of which a longer one is wrong anyway */

struct engineio_server {
    const struct engineio_options *options;
    struct engineio_origins origins;
    struct engineio_sessions sessions;
    struct pending_websocket *pending; /* WebSockets whose handshake is not over */
};

/* ---- WebSocket requests: what is remembered until the handshake is over -------------------- */

/* The session to upgrade is remembered by its id and not by a pointer: it may end before. */
struct pending_websocket {
    struct engineio_server *server; /* NULL when it ended first */
    struct pending_websocket *next, *previous;
    void *user;                 /* of a new session */
    char id[ENGINEIO_ID_BYTES]; /* of the session to upgrade, empty for a new one */
};

static void pending_add(struct engineio_server *server, struct pending_websocket *pending)
{
    pending->server = server;
    pending->next = server->pending;
    if (pending->next != NULL)
        pending->next->previous = pending;
    server->pending = pending;
}

static void pending_remove(struct pending_websocket *pending)
{
    if (pending->previous != NULL)
        pending->previous->next = pending->next;
    else
        pending->server->pending = pending->next;
    if (pending->next != NULL)
        pending->next->previous = pending->previous;
}

static bool is_for_new_session(const struct pending_websocket *pending)
{
    return pending->id[0] == '\0';
}

/* For a user who was accepted and gets no session. */
static void tell_never_opened(const struct engineio_server *server, void *user,
                              enum engineio_end end)
{
    server->options->session.on_close(user, end, false);
}

/* The server ends: those that wait are not to look at it any more. */
static void pending_orphan(struct engineio_server *server)
{
    struct pending_websocket *pending = server->pending;

    for (; pending != NULL; pending = pending->next) {
        pending->server = NULL;
        if (is_for_new_session(pending))
            tell_never_opened(server, pending->user, ENGINEIO_END_FORCED);
    }
}

static void open_websocket(struct engineio_server *server, void *user, int descriptor,
                           const char *early, size_t early_length)
{
    if (descriptor < 0)
        tell_never_opened(server, user, ENGINEIO_END_TRANSPORT_CLOSE);
    else if (!engineio_session_open_websocket(&server->sessions, user, descriptor, early,
                                              early_length))
        tell_never_opened(server, user, ENGINEIO_END_TRANSPORT_ERROR);
}

static void probe_websocket(struct engineio_server *server, const char *id, int descriptor,
                            const char *early, size_t early_length)
{
    struct engineio_session *session = engineio_session_find(&server->sessions, id);

    if (descriptor < 0)
        return;
    if (session != NULL)
        engineio_session_probe(session, descriptor, early, early_length);
    else
        websocket_refuse(server->options->session.endings, descriptor);
}

static void on_upgraded(void *context, int descriptor, const char *early, size_t early_length)
{
    struct pending_websocket *pending = context;
    struct engineio_server *server = pending->server;

    if (server != NULL) {
        pending_remove(pending);
        if (is_for_new_session(pending))
            open_websocket(server, pending->user, descriptor, early, early_length);
        else
            probe_websocket(server, pending->id, descriptor, early, early_length);
    } else if (descriptor >= 0) {
        close(descriptor);
    }
    free(pending);
}

/* `session` is NULL for a new one, which is `user`'s. */
static void accept_websocket(struct engineio_server *server, struct http_request *request,
                             const struct engineio_session *session, void *user)
{
    static const struct http_field no_fields[HTTP_FIELDS_MAX] = {{NULL, NULL}};
    struct pending_websocket *pending = calloc(1, sizeof(*pending));

    if (pending == NULL) {
        if (session == NULL)
            tell_never_opened(server, user, ENGINEIO_END_TRANSPORT_ERROR);
        engineio_respond(&server->origins, request, 503, NULL, NULL, 0);
        return;
    }
    pending_add(server, pending);
    pending->user = user;
    if (session != NULL)
        memcpy(pending->id, engineio_session_id(session), sizeof(pending->id));
    http_upgrade(request, no_fields, on_upgraded, pending);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void open_polling(struct engineio_server *server, struct http_request *request, void *user)
{
    if (engineio_session_open_polling(&server->sessions, user, request))
        return;
    tell_never_opened(server, user, ENGINEIO_END_TRANSPORT_ERROR);
    engineio_respond(&server->origins, request, 503, NULL, NULL, 0);
}

static bool speaks_our_protocol(const struct http_request *request)
{
    char protocol[QUERY_TEXT_BYTES];

    query_value(http_request_query(request), "EIO", protocol, sizeof(protocol));
    return strcmp(protocol, PROTOCOL) == 0;
}

/* The checks come in the reference server's order, so that a request with several faults is
 * answered what it would answer; but the application is asked last of all. */
static void handle_handshake(struct engineio_server *server, struct http_request *request,
                             enum engineio_transport transport)
{
    const struct engineio_options *options = server->options;
    char address[ADDRESS_BYTES];

    if (http_request_method(request) != HTTP_GET) {
        engineio_respond_error(&server->origins, request, ENGINEIO_ERROR_BAD_HANDSHAKE_METHOD);
        return;
    }
    if (transport == ENGINEIO_WEBSOCKET && !http_request_is_websocket(request)) {
        engineio_respond_error(&server->origins, request, ENGINEIO_ERROR_BAD_REQUEST);
        return;
    }
    if (!speaks_our_protocol(request)) {
        engineio_respond_error(&server->origins, request, ENGINEIO_ERROR_UNSUPPORTED_PROTOCOL);
        return;
    }
    http_request_address(request, address);
    struct engineio_handshake handshake = {request, address, transport};
    struct engineio_verdict verdict = options->on_handshake(options->owner, &handshake);
    if (verdict.status != 0)
        engineio_respond_refusal(&server->origins, request, verdict.status, verdict.message);
    else if (transport == ENGINEIO_WEBSOCKET)
        accept_websocket(server, request, NULL, verdict.user);
    else
        open_polling(server, request, verdict.user);
}

static void handle_session(struct engineio_server *server, struct http_request *request,
                           struct engineio_session *session, enum engineio_transport transport)
{
    enum http_method method = http_request_method(request);
    bool is_good = speaks_our_protocol(request);
    bool is_polling =
        is_good && transport == ENGINEIO_POLLING && engineio_session_is_polling(session);

    if (is_good && transport == ENGINEIO_WEBSOCKET && http_request_is_websocket(request))
        accept_websocket(server, request, session, NULL);
    else if (is_polling && method == HTTP_GET)
        engineio_session_get(session, request);
    else if (is_polling && method == HTTP_POST)
        engineio_session_post(session, request);
    else
        engineio_respond_error(&server->origins, request, ENGINEIO_ERROR_BAD_REQUEST);
}

/* The session that a request is for, or NULL. What has arrived before the request is handled
 * before: the client may have ended it, or gone over to the WebSocket that it was trying. */
static struct engineio_session *find_session(struct engineio_server *server, const char *id)
{
    struct engineio_session *session = engineio_session_find(&server->sessions, id);

    if (session == NULL)
        return NULL;
    engineio_session_catch_up(session);
    return engineio_session_find(&server->sessions, id);
}

void engineio_handle(struct engineio_server *server, struct http_request *request)
{
    const char *query = http_request_query(request);
    char name[QUERY_TEXT_BYTES], id[QUERY_TEXT_BYTES];
    enum engineio_transport transport;

    if (http_request_method(request) == HTTP_OPTIONS) {
        engineio_respond_preflight(&server->origins, request);
        return;
    }
    query_value(query, "transport", name, sizeof(name));
    if (strcmp(name, "websocket") == 0) {
        transport = ENGINEIO_WEBSOCKET;
    } else if (strcmp(name, "polling") == 0) {
        transport = ENGINEIO_POLLING;
    } else {
        engineio_respond_error(&server->origins, request, ENGINEIO_ERROR_TRANSPORT_UNKNOWN);
        return;
    }
    if (!engineio_origin_is_allowed(&server->origins, request)) {
        engineio_respond_origin(&server->origins, request);
        return;
    }
    if (query_value(query, "sid", id, sizeof(id)) != QUERY_MALFORMED && id[0] == '\0') {
        handle_handshake(server, request, transport);
        return;
    }
    struct engineio_session *session = find_session(server, id);
    if (session != NULL)
        handle_session(server, request, session, transport);
    else
        engineio_respond_error(&server->origins, request, ENGINEIO_ERROR_SESSION_UNKNOWN);
}

size_t engineio_max_body(const struct engineio_server *server, const struct http_request *request)
{
    char id[QUERY_TEXT_BYTES];

    query_value(http_request_query(request), "sid", id, sizeof(id));
    const struct engineio_session *session = engineio_session_find(&server->sessions, id);
    return session != NULL ? engineio_session_max_bytes(session) : ENGINEIO_UNKNOWN_BODY_MAX_BYTES;
}

size_t engineio_count(const struct engineio_server *server, enum engineio_transport transport)
{
    return server->sessions.counts[transport];
}

size_t engineio_close_some(struct engineio_server *server, size_t limit,
                           enum farewell_reason reason)
{
    return engineio_sessions_close_some(&server->sessions, limit, reason);
}

/* ---- the server ---------------------------------------------------------------------------- */

struct engineio_server *engineio_server_create(const struct engineio_options *options)
{
    struct engineio_server *server = calloc(1, sizeof(*server));

    if (server == NULL)
        return NULL;
    server->options = options;
    server->origins =
        (struct engineio_origins){options->is_origin_allowed, options->on_origin_refused,
                                  options->origin_refusal, options->owner};
    if (engineio_sessions_init(&server->sessions, &options->session, &server->origins))
        return server;
    engineio_server_free(server);
    return NULL;
}

void engineio_limit_output(struct engineio_server *server, size_t max_output_bytes)
{
    engineio_sessions_limit_output(&server->sessions, max_output_bytes);
}

void engineio_server_free(struct engineio_server *server)
{
    if (server == NULL)
        return;
    engineio_sessions_free(&server->sessions);
    pending_orphan(server);
    free(server);
}
