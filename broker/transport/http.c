#include "broker/transport/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/transport/farewell.h"
#include "common/assert.h"
#include "common/buffer.h"
#include "common/container.h"

/* RFC 6455 section 1.3. */
#define WEBSOCKET_GUID       "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define WEBSOCKET_VERSION    "13"
#define WEBSOCKET_KEY_LENGTH 24 /* base64 of 16 bytes */
/* Longest name of a sub-protocol that is chosen. */
#define SUBPROTOCOL_MAX_BYTES 255

/* A body over the limit is read, and dropped, up to so many times the limit: whoever is answered
 * 413 while still sending gets a reset connection instead. */
#define BODY_PATIENCE 4

/* libmicrohttpd's memory for a connection: a request's head, a copy of its cookies, a table of its
 * fields, and the answer's head. What does not fit (some ten thousand bytes of small cookies, say)
 * it answers by itself. Not more, although pages that are not touched cost nothing: above 32 KiB it
 * takes the memory from the system and gives it back, for each connection, which made letting a
 * client in cost a third more. */
#define CONNECTION_MEMORY_BYTES (32 * 1024)

/* Connections taken in one turn of the loop. */
#define ACCEPTS_PER_TURN 64
/* Refused connections whose client is still told so; one more is closed without a word. */
#define REFUSALS_MAX 256
/* Without descriptors or memory accepting pauses for that long. */
#define ACCEPT_PAUSE_MS 100

/* To whom is over the limit of connections. */
static const char refusal[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
                              "Content-Length: 0\r\nConnection: close\r\n\r\n";

/* To whose head is too long. */
#define HEAD_REFUSAL                                                                               \
    "{\"statusCode\":431,\"message\":\"Les en-têtes de la requête sont trop volumineux\","       \
    "\"error\":\"Request Header Fields Too Large\"}"
#define JSON_TYPE "application/json; charset=utf-8"

/*
 * A request's life, by the library's callbacks: on_uri makes it; on_access is called for its head,
 * for each piece of its body, and when it is whole, which is when its owner gets it. If the owner
 * does not answer at once, the connection is suspended, and resumed by the answer. on_completed
 * frees it, however it ended, and not before: until then the library may still come back to it.
 */

struct http_server {
    const struct http_options *options;
    struct MHD_Daemon *daemon;
    struct loop_watch listener;
    struct timer accept_pause;
    bool is_short; /* of descriptors or memory, when it last accepted */
    struct log_limit lost_upgrades, shortages, complaints; /* lines of the log */
    struct farewell_set refused;
    struct loop_watch watch; /* of libmicrohttpd's epoll descriptor */
    struct timer timer;      /* its next timeout */
    struct loop_task task;   /* runs it, once a turn, after the other descriptors */
    struct http_request *first;
};

struct http_request {
    struct http_server *server;
    struct http_request *next, *previous; /* all requests of the server */
    struct MHD_Connection *connection;
    struct buffer body;
    size_t body_bytes; /* received, also what was over the limit */
    size_t max_body_bytes;
    struct loop_watch watch;
    void (*on_gone)(void *context);
    void *gone_context;
    void (*on_upgraded)(void *context, int descriptor, const char *early, size_t early_length);
    void *upgrade_context;
    enum http_method method;
    bool has_begun, is_answered, is_suspended;
    bool is_dropped;   /* to be ended without an answer */
    const char *query; /* within path[] */
    char path[];
};

/* ---- running libmicrohttpd ----------------------------------------------------------------- */

/* libmicrohttpd is run once a turn, after everybody who may have answered a request: resuming
 * connections makes it look at all that are suspended, however many are resumed. With an epoll
 * descriptor of its own it still has to be asked when it wants to run next. */
static void schedule_daemon(struct http_server *server)
{
    struct loop *loop = server->options->loop;
    MHD_UNSIGNED_LONG_LONG wait_ms;

    if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES)
        loop_timer_stop(loop, &server->timer);
    else if (wait_ms == 0)
        loop_defer(loop, &server->task);
    else
        loop_timer_start(loop, &server->timer, wait_ms > INT_MAX ? INT_MAX : (int64_t)wait_ms);
}

static void run_daemon(struct loop_task *task)
{
    struct http_server *server = CONTAINER_OF(task, struct http_server, task);

    MHD_run(server->daemon);
    schedule_daemon(server);
}

static void on_daemon_ready(struct loop_watch *watch, uint32_t events)
{
    struct http_server *server = CONTAINER_OF(watch, struct http_server, watch);

    (void)events;
    loop_defer(server->options->loop, &server->task);
}

static void on_daemon_timeout(struct timer *timer)
{
    struct http_server *server = CONTAINER_OF(timer, struct http_server, timer);

    loop_defer(server->options->loop, &server->task);
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The request begins here, and not in on_access: only here the query is whole, and not yet taken
 * apart into decoded arguments. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *server = context;
    size_t length = strlen(uri);
    struct http_request *request = calloc(1, sizeof(*request) + length + 1);

    if (request == NULL)
        return NULL;
    memcpy(request->path, uri, length);
    size_t path_length = strcspn(uri, "?");
    request->path[path_length] = '\0';
    request->query = request->path + (path_length < length ? path_length + 1 : path_length);
    request->server = server;
    request->connection = connection;
    request->next = server->first;
    if (server->first != NULL)
        server->first->previous = request;
    server->first = request;
    return request;
}

static void request_free(struct http_request *request)
{
    struct http_server *server = request->server;

    loop_unwatch(server->options->loop, &request->watch);
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        server->first = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    buffer_free(&request->body);
    free(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_request *request = *request_context;

    (void)context;
    (void)connection;
    (void)code;
    if (request == NULL)
        return;
    *request_context = NULL;
    if (request->on_upgraded != NULL)
        /* It went before the answer was out: on_socket will not come. */
        request->on_upgraded(request->upgrade_context, -1, NULL, 0);
    request_free(request);
}

static enum http_method method_parse(const char *text)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST}, {"OPTIONS", HTTP_OPTIONS}};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(text, methods[i].name) == 0)
            return methods[i].method;
    }
    return HTTP_OTHER;
}

static void respond_empty(struct http_request *request, unsigned status)
{
    http_respond(request, &(struct http_response){.status = status});
}

static size_t max_body_of(const struct http_request *request)
{
    const struct http_options *options = request->server->options;
    size_t limit = options->max_body_bytes;
    size_t own = options->max_body_of ? options->max_body_of(options->owner, request) : limit;

    return own < limit ? own : limit;
}

static int descriptor_of(const struct http_request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
        ->connect_fd;
}

/* Sends a whole answer on a descriptor that it takes over, and nothing can follow, whatever the
 * library still writes. */
static void part_with(struct http_server *server, int descriptor, const char *answer, size_t length)
{
    struct output output = {0};
    struct block *block = server->refused.count < REFUSALS_MAX ? block_create(length) : NULL;

    if (block == NULL) {
        close(descriptor);
        return;
    }
    memcpy(block->bytes, answer, length);
    output_push(&output, block, SIZE_MAX);
    block_release(block);
    farewell_start(&server->refused, descriptor, &output);
}

/* Where the head has left no memory for that of an answer, libmicrohttpd would close without one,
 * or write one of its own, in some cases twice: so ours goes out beside it. */
static void refuse_beside(struct http_request *request)
{
    static const char head[] = "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                               "Content-Type: " JSON_TYPE "\r\nConnection: close\r\n";
    int descriptor = fcntl(descriptor_of(request), F_DUPFD_CLOEXEC, 0);
    char answer[512];
    int length = snprintf(answer, sizeof(answer), "%sContent-Length: %zu\r\n\r\n%s", head,
                          sizeof(HEAD_REFUSAL) - 1, HEAD_REFUSAL);

    request->is_dropped = true;
    if (descriptor >= 0)
        part_with(request->server, descriptor, answer, (size_t)length);
}

/* Of a head that the library has read to its end; 0 before, and of one that it has given up. */
static size_t head_size(const struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info != NULL ? info->header_size : 0;
}

/* Whether the library has the whole head, and no room for its cookies. */
static bool lacks_room_for_cookies(const struct http_request *request)
{
    return head_size(request) > 0 && http_request_header(request, MHD_HTTP_HEADER_COOKIE) != NULL;
}

static bool is_head_awaited(const struct http_request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) ==
           NULL;
}

/* Whose head the library has just given up, which only its log is told. From a whole head on_access
 * is called at once, so one that has not begun is the one. Before that it may be any whose head is
 * still to come: NULL if these are several, of whom one gets the library's own answer. */
static struct http_request *find_given_up(const struct http_server *server)
{
    struct http_request *found = NULL;
    unsigned candidates = 0;

    for (struct http_request *request = server->first; request != NULL; request = request->next) {
        if (request->has_begun || request->is_dropped)
            continue;
        if (lacks_room_for_cookies(request))
            return request;
        if (is_head_awaited(request)) {
            found = request;
            candidates++;
        }
    }
    return candidates == 1 ? found : NULL;
}

static void refuse_given_up(struct http_server *server)
{
    struct http_request *request = find_given_up(server);

    if (request != NULL)
        refuse_beside(request);
}

static void refuse_head(struct http_request *request)
{
    const struct http_response response = {.status = MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                                           .content_type = JSON_TYPE,
                                           .body = HEAD_REFUSAL,
                                           .length = sizeof(HEAD_REFUSAL) - 1};

    http_respond(request, &response);
}

/* What is too long is judged before any of the body is read. */
static enum MHD_Result begin_request(struct http_request *request, const char *method)
{
    const char *length = http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    size_t head_bytes =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
            ->header_size;

    request->has_begun = true;
    request->method = method_parse(method);
    request->max_body_bytes = max_body_of(request);
    if (head_bytes > HTTP_HEADERS_WITH_COOKIE_MAX_BYTES &&
        http_request_header(request, MHD_HTTP_HEADER_COOKIE) != NULL) {
        refuse_beside(request);
        return MHD_NO;
    }
    if (head_bytes > HTTP_HEADERS_MAX_BYTES)
        refuse_head(request);
    else if (length != NULL && strtoull(length, NULL, 10) / BODY_PATIENCE > request->max_body_bytes)
        respond_empty(request, MHD_HTTP_CONTENT_TOO_LARGE);
    return MHD_YES;
}

static enum MHD_Result receive_body(struct http_request *request, const char *bytes, size_t *length)
{
    size_t limit = request->max_body_bytes;

    /* Announced or not (chunked): what is read is counted. */
    request->body_bytes += *length;
    if (request->body_bytes > BODY_PATIENCE * limit)
        return MHD_NO;
    if (request->body_bytes <= limit)
        buffer_append(&request->body, bytes, *length);
    *length = 0;
    return MHD_YES;
}

static void complete_request(struct http_request *request)
{
    const struct http_options *options = request->server->options;

    if (request->body_bytes > request->max_body_bytes) {
        respond_empty(request, MHD_HTTP_CONTENT_TOO_LARGE);
        return;
    }
    if (request->body.failed) {
        respond_empty(request, MHD_HTTP_SERVICE_UNAVAILABLE);
        return;
    }
    options->on_request(options->owner, request);
    if (!request->is_answered) {
        /* Else libmicrohttpd would ask for the answer again in each run. */
        request->is_suspended = true;
        MHD_suspend_connection(request->connection);
    }
}

/* Called for a request's headers, for each piece of its body, and at its end. */
static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *length, void **request_context)
{
    struct http_request *request = *request_context;

    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    if (request == NULL || request->is_dropped)
        return MHD_NO;
    if (!request->has_begun)
        return begin_request(request, method);
    if (*length > 0)
        return receive_body(request, bytes, length);
    if (!request->is_answered)
        complete_request(request);
    return request->is_dropped ? MHD_NO : MHD_YES;
}

enum http_method http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->path;
}

const char *http_request_query(const struct http_request *request)
{
    return request->query;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_request_body(const struct http_request *request, size_t *length)
{
    *length = request->body.length;
    return request->body.length > 0 ? request->body.data : "";
}

/* The peer's family and the bytes of its address; AF_UNIX has none. */
static int peer_address(const struct http_request *request, const void **bytes)
{
    const struct sockaddr *address =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
            ->client_addr;

    if (address != NULL && address->sa_family == AF_INET) {
        *bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
        return AF_INET;
    }
    if (address != NULL && address->sa_family == AF_INET6) {
        *bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return AF_INET6;
    }
    return AF_UNIX;
}

static bool is_trusted(const struct http_options *options, int family, const void *bytes)
{
    for (size_t i = 0; i < options->trusted_proxy_count; i++)
        if (address_network_contains(&options->trusted_proxies[i], family, bytes))
            return true;
    return false;
}

/* A proxy may append a line of its own behind the client's (haproxy does): the last one is its. */
static enum MHD_Result take_forwarded(void *context, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    const char **last = context;

    (void)kind;
    if (strcasecmp(name, "X-Forwarded-For") == 0)
        *last = value;
    return MHD_YES;
}

void http_request_address(const struct http_request *request, char out[ADDRESS_BYTES])
{
    char text[INET6_ADDRSTRLEN];
    const void *bytes = NULL;
    const char *forwarded = NULL;
    int family = peer_address(request, &bytes);

    if (is_trusted(request->server->options, family, bytes))
        MHD_get_connection_values(request->connection, MHD_HEADER_KIND, take_forwarded, &forwarded);
    if (forwarded != NULL && address_of_forwarded(forwarded, out))
        return;
    if (family == AF_UNIX || inet_ntop(family, bytes, text, sizeof(text)) == NULL ||
        !address_normalize(text, strlen(text), out))
        strcpy(out, ADDRESS_UNIX);
}

const char *http_request_forwarded_host(const struct http_request *request)
{
    const void *bytes = NULL;
    int family = peer_address(request, &bytes);

    return is_trusted(request->server->options, family, bytes)
               ? http_request_header(request, "X-Forwarded-Host")
               : NULL;
}

/* ---- answers ------------------------------------------------------------------------------- */

/* After this it is libmicrohttpd's: the owner has answered it, or was told that it is gone. */
static void finish_request(struct http_request *request)
{
    struct http_server *server = request->server;

    ASSERT(!request->is_answered);
    request->is_answered = true;
    request->on_gone = NULL;
    loop_unwatch(server->options->loop, &request->watch);
    if (request->is_suspended) {
        request->is_suspended = false;
        MHD_resume_connection(request->connection);
    }
    loop_defer(server->options->loop, &server->task);
}

static void drop_request(struct http_request *request)
{
    request->is_dropped = true;
    finish_request(request);
}

static void queue_response(struct http_request *request, unsigned status,
                           struct MHD_Response *response)
{
    /* Without memory for an answer the connection ends without one, which on_access says. */
    if (response == NULL || MHD_queue_response(request->connection, status, response) != MHD_YES)
        request->is_dropped = true;
    if (response != NULL)
        MHD_destroy_response(response);
    finish_request(request);
}

static bool add_fields(struct MHD_Response *response, const struct http_field *fields)
{
    for (size_t i = 0; i < HTTP_FIELDS_MAX && fields[i].name != NULL; i++) {
        if (MHD_add_response_header(response, fields[i].name, fields[i].value) != MHD_YES)
            return false;
    }
    return true;
}

void http_respond(struct http_request *request, const struct http_response *response)
{
    const char *body = response->body != NULL ? response->body : "";
    const struct http_field type[] = {
        {response->content_type != NULL ? MHD_HTTP_HEADER_CONTENT_TYPE : NULL,
         response->content_type},
        {NULL, NULL}};
    /* The library's type is not const, but it only copies. */
    struct MHD_Response *answer = MHD_create_response_from_buffer(
        response->length, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);

    if (answer != NULL && !(add_fields(answer, type) && add_fields(answer, response->fields))) {
        MHD_destroy_response(answer);
        answer = NULL;
    }
    queue_response(request, response->status, answer);
}

/* ---- peers that leave while they wait ------------------------------------------------------ */

static void tell_gone(struct http_request *request)
{
    void (*on_gone)(void *context) = request->on_gone;
    void *context = request->gone_context;

    drop_request(request);
    if (on_gone != NULL)
        on_gone(context);
}

static void on_peer_event(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    tell_gone(CONTAINER_OF(watch, struct http_request, watch));
}

void http_request_watch(struct http_request *request, void (*on_gone)(void *context), void *context)
{
    request->on_gone = on_gone;
    request->gone_context = context;
    /* libmicrohttpd does not look at connections that are suspended, and has the descriptor in an
     * epoll set of its own, which ours does not disturb. When the system refuses (no memory), the
     * owner's own time limit still ends the request. */
    loop_watch(request->server->options->loop, &request->watch, descriptor_of(request),
               EPOLLRDHUP | EPOLLONESHOT, on_peer_event);
}

/* ---- WebSocket handshake (RFC 6455 section 4.2) -------------------------------------------- */

/* Whether a comma-separated list holds the token, in any case. */
static bool list_has(const char *list, const char *token)
{
    size_t token_length = strlen(token);

    while (list != NULL && *list != '\0') {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, " \t,");

        if (length == token_length && strncasecmp(list, token, length) == 0)
            return true;
        list += length;
    }
    return false;
}

/* base64 of 16 bytes: 22 digits and two fillers. */
static bool key_is_valid(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return key != NULL && strlen(key) == WEBSOCKET_KEY_LENGTH &&
           strspn(key, digits) == WEBSOCKET_KEY_LENGTH - 2 &&
           strcmp(key + WEBSOCKET_KEY_LENGTH - 2, "==") == 0;
}

bool http_request_is_websocket(const struct http_request *request)
{
    const char *version = http_request_header(request, MHD_HTTP_HEADER_SEC_WEBSOCKET_VERSION);

    return request->method == HTTP_GET &&
           list_has(http_request_header(request, MHD_HTTP_HEADER_UPGRADE), "websocket") &&
           list_has(http_request_header(request, MHD_HTTP_HEADER_CONNECTION), "upgrade") &&
           version != NULL && strcmp(version, WEBSOCKET_VERSION) == 0 &&
           key_is_valid(http_request_header(request, MHD_HTTP_HEADER_SEC_WEBSOCKET_KEY));
}

/* Takes the first name of a line of the header that lists sub-protocols, if there is none yet; one
 * that we can't say is passed over. The header may come in several lines (section 11.3.4). */
static enum MHD_Result take_subprotocol(void *context, enum MHD_ValueKind kind, const char *name,
                                        const char *value)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char *out = context;

    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_SEC_WEBSOCKET_PROTOCOL) != 0 || value == NULL)
        return MHD_YES;
    while (out[0] == '\0' && *value != '\0') {
        value += strspn(value, " \t,");
        size_t whole = strcspn(value, " \t,");
        size_t length = strspn(value, token);
        if (length == whole && length <= SUBPROTOCOL_MAX_BYTES) {
            memcpy(out, value, length);
            out[length] = '\0';
        }
        value += whole;
    }
    return MHD_YES;
}

/* The first sub-protocol that is offered (RFC 6455 section 4.2.2), "" for none. */
static void choose_subprotocol(const struct http_request *request,
                               char out[SUBPROTOCOL_MAX_BYTES + 1])
{
    out[0] = '\0';
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, take_subprotocol, out);
}

/* The value of Sec-WebSocket-Accept. */
static void accept_key(const char *key, char out[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) + 1])
{
    struct sha1_ctx context;
    uint8_t digest[SHA1_DIGEST_SIZE];

    sha1_init(&context);
    sha1_update(&context, strlen(key), (const uint8_t *)key);
    sha1_update(&context, strlen(WEBSOCKET_GUID), (const uint8_t *)WEBSOCKET_GUID);
    sha1_digest(&context, sizeof(digest), digest);
    base64_encode_raw(out, sizeof(digest), digest);
    out[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE)] = '\0';
}

/* A descriptor of our own for the socket; libmicrohttpd closes its one and forgets the connection,
 * which would otherwise cost kilobytes for as long as the socket lives. */
static int take_socket(int socket)
{
    static const int on = 1;
    int descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0);

    if (descriptor < 0)
        return -1;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 ||
        (!(flags & O_NONBLOCK) && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0)) {
        close(descriptor);
        return -1;
    }
    /* The library has cleared it; on a unix socket it fails and does not matter. */
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return descriptor;
}

static void on_socket(void *context, struct MHD_Connection *connection, void *request_context,
                      const char *early, size_t early_length, MHD_socket socket,
                      struct MHD_UpgradeResponseHandle *handle)
{
    struct http_request *request = context;
    void (*on_upgraded)(void *, int, const char *, size_t) = request->on_upgraded;
    void *upgrade_context = request->upgrade_context;
    struct http_server *server = request->server;
    int descriptor = take_socket(socket);

    (void)connection;
    (void)request_context;
    if (descriptor < 0)
        log_limited(loop_services(server->options->loop)->log, &server->lost_upgrades,
                    LOG_LEVEL_ERROR, "cannot take over an upgraded socket",
                    LOG_TEXT("error", strerror(errno)));
    request->on_upgraded = NULL;
    on_upgraded(upgrade_context, descriptor, early, early_length);
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

void http_upgrade(struct http_request *request, const struct http_field *fields,
                  void (*on_upgraded)(void *context, int descriptor, const char *early,
                                      size_t early_length),
                  void *context)
{
    char key[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) + 1];
    char subprotocol[SUBPROTOCOL_MAX_BYTES + 1];
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_socket, request);

    accept_key(http_request_header(request, MHD_HTTP_HEADER_SEC_WEBSOCKET_KEY), key);
    choose_subprotocol(request, subprotocol);
    request->on_upgraded = on_upgraded;
    request->upgrade_context = context;
    const struct http_field handshake[] = {
        {MHD_HTTP_HEADER_UPGRADE, "websocket"},
        {MHD_HTTP_HEADER_SEC_WEBSOCKET_ACCEPT, key},
        {subprotocol[0] != '\0' ? MHD_HTTP_HEADER_SEC_WEBSOCKET_PROTOCOL : NULL, subprotocol},
        {NULL, NULL}};
    if (response != NULL && !(add_fields(response, handshake) && add_fields(response, fields))) {
        MHD_destroy_response(response);
        response = NULL;
    }
    queue_response(request, MHD_HTTP_SWITCHING_PROTOCOLS, response);
}

/* ---- Accepting ----
 * Not by libmicrohttpd: at its limit, and without descriptors, it stops accepting until one of its
 * own connections ends, which may be never when all have become WebSockets. */

static unsigned connection_count(const struct http_server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
        ->num_connections;
}

static void refuse_connection(struct http_server *server, int descriptor)
{
    part_with(server, descriptor, refusal, sizeof(refusal) - 1);
}

static void on_pause_over(struct timer *timer)
{
    struct http_server *server = CONTAINER_OF(timer, struct http_server, accept_pause);

    loop_rewatch(server->options->loop, &server->listener, EPOLLIN);
}

/* What accept has failed with. */
static void handle_accept_error(struct http_server *server, int reason)
{
    if (reason == EAGAIN || reason == EINTR || reason == ECONNABORTED || reason == EPROTO)
        return;
    if (!server->is_short)
        log_limited(loop_services(server->options->loop)->log, &server->shortages,
                    LOG_LEVEL_WARNING, "cannot accept connections",
                    LOG_TEXT("error", strerror(reason)));
    server->is_short = true;
    loop_rewatch(server->options->loop, &server->listener, EPOLLERR);
    loop_timer_start(server->options->loop, &server->accept_pause, ACCEPT_PAUSE_MS);
}

static void on_acceptable(struct loop_watch *watch, uint32_t events)
{
    struct http_server *server = CONTAINER_OF(watch, struct http_server, listener);

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof(address);
        int descriptor = accept4(watch->descriptor, (struct sockaddr *)&address, &length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (descriptor < 0) {
            handle_accept_error(server, errno);
            return;
        }
        server->is_short = false;
        /* Upgraded ones are no longer among these: whoever counts clients refuses them by a
         * status. */
        if (connection_count(server) >= server->options->max_connections)
            refuse_connection(server, descriptor);
        else /* closes it when it fails */
            MHD_add_connection(server->daemon, descriptor, (struct sockaddr *)&address, length);
        loop_defer(server->options->loop, &server->task);
    }
}

/* ---- the server ---------------------------------------------------------------------------- */

/* The library sets TCP options on every socket, and complains three times for each request that
 * comes through a unix socket. */
static bool is_about_tcp(const char *format)
{
    static const char *const beginnings[] = {
        "Setting %s option to %s state failed: ",
        "Failed to push the data from buffers to the network.",
    };

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
        if (strncmp(format, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

__attribute__((format(printf, 1, 0))) static bool is_refusal_of_head(const char *format,
                                                                     va_list arguments)
{
    static const char beginning[] = "Error processing request (HTTP response code is %u";
    va_list copy;

    if (strncmp(format, beginning, sizeof(beginning) - 1) != 0)
        return false;
    va_copy(copy, arguments);
    unsigned status = va_arg(copy, unsigned);
    va_end(copy);
    return status == MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
}

__attribute__((format(printf, 2, 0))) static void on_library_log(void *context, const char *format,
                                                                 va_list arguments)
{
    struct http_server *server = context;
    char text[512];

    if (is_about_tcp(format))
        return;
    if (is_refusal_of_head(format, arguments))
        refuse_given_up(server);
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_limited(loop_services(server->options->loop)->log, &server->complaints, LOG_LEVEL_WARNING,
                "libmicrohttpd", LOG_TEXT("text", text));
}

static struct MHD_Daemon *start_daemon(struct http_server *server)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE |
            MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET,
        0, NULL, NULL, on_access, NULL, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        NULL, MHD_OPTION_CONNECTION_LIMIT, server->options->max_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_TIMEOUT_S, MHD_OPTION_END);
}

struct http_server *http_server_create(const struct http_options *options, int listener,
                                       struct error *error)
{
    struct loop *loop = options->loop;
    struct http_server *server = calloc(1, sizeof(*server));
    bool has_timer = server != NULL && loop_timer_add(loop, &server->timer, on_daemon_timeout);

    if (!has_timer || !loop_timer_add(loop, &server->accept_pause, on_pause_over)) {
        if (has_timer)
            loop_timer_remove(loop, &server->timer);
        free(server);
        close(listener);
        error_out_of_memory(error);
        return NULL;
    }
    server->options = options;
    server->task.run = run_daemon;
    server->refused.loop = loop;
    server->listener.descriptor = listener;
    server->daemon = start_daemon(server);
    if (server->daemon != NULL) {
        int descriptor = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

        if (loop_watch(loop, &server->watch, descriptor, EPOLLIN, on_daemon_ready) &&
            loop_watch(loop, &server->listener, listener, EPOLLIN, on_acceptable))
            return server;
    }
    http_server_free(server);
    error_set(error, ERROR_UNAVAILABLE, "cannot start the HTTP server");
    return NULL;
}

void http_server_stop_listening(struct http_server *server)
{
    if (server->listener.descriptor < 0)
        return;
    loop_timer_stop(server->options->loop, &server->accept_pause);
    loop_unwatch(server->options->loop, &server->listener);
    close(server->listener.descriptor);
    server->listener.descriptor = -1;
}

void http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    for (struct http_request *request = server->first; request != NULL; request = request->next) {
        if (request->is_suspended)
            tell_gone(request);
    }
    loop_unwatch(server->options->loop, &server->watch);
    if (server->daemon != NULL) {
        MHD_run(server->daemon); /* it refuses to stop while connections are suspended */
        MHD_stop_daemon(server->daemon);
    }
    http_server_stop_listening(server);
    farewell_abort(&server->refused);
    loop_cancel(&server->task);
    loop_timer_remove(server->options->loop, &server->timer);
    loop_timer_remove(server->options->loop, &server->accept_pause);
    free(server);
}
