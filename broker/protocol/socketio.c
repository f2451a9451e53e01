#include "broker/protocol/socketio.h"

#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/container.h"
#include "common/json_writer.h"

/* A namespace's name and query, as the client sends them. */
#define NAME_MAX_BYTES 256
/* What stands before a payload: type, number of attachments, name, query, id. */
#define HEADER_MAX_BYTES (2 * NAME_MAX_BYTES + 32)

/* A connection is made when Engine.IO asks whether it may be, and buried when its session is over;
 * its sockets may live on for a while, see socketio_socket.c. */

struct socketio_server {
    const struct socketio_options *options;
    struct socketio_connection_options connections;
    struct engineio_options engineio_options; /* with our callbacks */
    struct engineio_server *engineio;
};

/* A packet whose attachments are still coming in. */
struct binary_packet {
    struct buffer bytes;
    struct socketio_bundle bundle;
    unsigned expected_parts;
};

static struct socketio_server *server_of(const struct socketio_connection *connection)
{
    return CONTAINER_OF(connection->options, struct socketio_server, connections);
}

/* ---- packets from the client --------------------------------------------------------------- */

static void binary_free(struct socketio_connection *connection)
{
    if (connection->binary == NULL)
        return;
    buffer_free(&connection->binary->bytes);
    free(connection->binary);
    connection->binary = NULL;
}

static void close_as_malformed(struct socketio_connection *connection)
{
    socketio_connection_close(connection, SOCKETIO_PARSE_ERROR, FAREWELL_UNSAID);
}

static const struct socketio_namespace *find_name_space(const struct socketio_server *server,
                                                        const char *name)
{
    for (size_t i = 0; server->options->namespaces[i] != NULL; i++) {
        if (strcmp(server->options->namespaces[i]->name, name) == 0)
            return server->options->namespaces[i];
    }
    return NULL;
}

/* Copies text[0..length) with a NUL behind it. False when it is too long or holds one. */
static bool copy_name(const char *text, size_t length, char out[NAME_MAX_BYTES])
{
    if (length >= NAME_MAX_BYTES || memchr(text, '\0', length) != NULL)
        return false;
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

static void handle_connect(struct socketio_connection *connection,
                           const struct socketio_packet *packet)
{
    char name[NAME_MAX_BYTES], query[NAME_MAX_BYTES];
    struct json_object *auth;
    struct error error;

    if (!copy_name(packet->name_space, packet->name_space_length, name) ||
        !copy_name(packet->query, packet->query_length, query)) {
        close_as_malformed(connection);
        return;
    }
    const struct socketio_namespace *name_space = find_name_space(server_of(connection), name);
    switch (socketio_payload_read(packet, &connection->options->payload, &auth, &error)) {
    case SOCKETIO_PAYLOAD_MALFORMED:
        close_as_malformed(connection);
        return;
    case SOCKETIO_PAYLOAD_REFUSED:
        socketio_connection_refuse(connection, name, error.text, NULL);
        socketio_connection_count_refusal(connection);
        return;
    case SOCKETIO_PAYLOAD_GOOD:
        break;
    }
    /* A refusal and not the end: other namespaces of the connection go on. */
    if (name_space == NULL) {
        socketio_connection_refuse(connection, name, "Invalid namespace", NULL);
        socketio_connection_count_refusal(connection);
    } else if (!socketio_socket_create(connection, name_space, auth, query))
        socketio_connection_close(connection, SOCKETIO_FORCED_CLOSE, FAREWELL_INTERNAL_ERROR);
    json_object_put(auth);
}

/* An event. One that is too large is handed on without its payload: it may have to wait. */
static void route_event(struct socketio_connection *connection, struct socketio_socket *socket,
                        const struct socketio_packet *packet, const struct socketio_bundle *bundle)
{
    size_t header_length = (size_t)(packet->payload - bundle->bytes);
    struct socketio_bundle header = {.bytes = bundle->bytes,
                                     .parts = 1,
                                     .ends = {(uint32_t)header_length},
                                     .is_too_large = true};

    if (header_length > HEADER_MAX_BYTES)
        close_as_malformed(connection);
    else if (bundle->is_too_large || bundle->ends[bundle->parts - 1] - header_length >
                                         connection->options->payload.max_bytes)
        socketio_socket_event(socket, &header);
    else
        socketio_socket_event(socket, bundle);
}

/* A whole packet. */
static void route_packet(struct socketio_connection *connection,
                         const struct socketio_packet *packet, const struct socketio_bundle *bundle)
{
    struct socketio_socket *socket = socketio_socket_find(connection, packet);

    if (packet->type == SOCKETIO_CONNECT && socket == NULL) {
        handle_connect(connection, packet);
        return;
    }
    if (socket == NULL || !socketio_socket_is_accepted(socket)) {
        close_as_malformed(connection);
        return;
    }
    switch (packet->type) {
    case SOCKETIO_EVENT:
    case SOCKETIO_BINARY_EVENT:
        route_event(connection, socket, packet, bundle);
        break;
    case SOCKETIO_ACK:
    case SOCKETIO_BINARY_ACK:
        if (!bundle->is_too_large) /* else it counts as one that did not come */
            socketio_socket_ack(socket, packet);
        break;
    case SOCKETIO_DISCONNECT:
        if (packet->payload_length > 0)
            close_as_malformed(connection);
        else
            socketio_socket_detach(socket, SOCKETIO_CLIENT_DISCONNECT);
        break;
    case SOCKETIO_CONNECT:
    case SOCKETIO_CONNECT_ERROR:
        close_as_malformed(connection);
        break;
    }
}

/* Appends what has arrived of a binary packet; of one that is too large only the header stays. */
static bool binary_append(struct socketio_connection *connection, const char *bytes, size_t length)
{
    struct binary_packet *binary = connection->binary;
    size_t limit = HEADER_MAX_BYTES + connection->options->payload.max_bytes;

    if (length > limit - binary->bytes.length)
        binary->bundle.is_too_large = true;
    if (binary->bundle.is_too_large && binary->bundle.parts == 0)
        length = length < HEADER_MAX_BYTES ? length : HEADER_MAX_BYTES;
    if (!binary->bundle.is_too_large || binary->bundle.parts == 0)
        buffer_append(&binary->bytes, bytes, length);
    binary->bundle.ends[binary->bundle.parts++] = (uint32_t)binary->bytes.length;
    return !binary->bytes.failed;
}

static void handle_text(struct socketio_connection *connection, const char *bytes, size_t length)
{
    struct socketio_bundle bundle = {.bytes = bytes, .parts = 1, .ends = {(uint32_t)length}};
    struct socketio_packet packet;

    if (connection->binary != NULL || !socketio_packet_parse(bytes, length, &packet)) {
        close_as_malformed(connection);
        return;
    }
    if (connection->speaking_sockets == 0 && packet.attachments > 0) {
        close_as_malformed(connection);
        return;
    }
    if (packet.attachments == 0) {
        route_packet(connection, &packet, &bundle);
        return;
    }
    connection->binary = calloc(1, sizeof(*connection->binary));
    if (connection->binary == NULL || !binary_append(connection, bytes, length)) {
        socketio_connection_close(connection, SOCKETIO_FORCED_CLOSE, FAREWELL_INTERNAL_ERROR);
        return;
    }
    connection->binary->expected_parts = 1 + packet.attachments;
}

static void handle_binary(struct socketio_connection *connection, const char *bytes, size_t length)
{
    struct binary_packet *binary = connection->binary;
    struct socketio_packet packet;

    if (binary == NULL || !binary_append(connection, bytes, length)) {
        close_as_malformed(connection);
        return;
    }
    if (binary->bundle.parts < binary->expected_parts)
        return;
    /* Complete, and no longer the connection's: callbacks may end it. */
    connection->binary = NULL;
    binary->bundle.bytes = binary->bytes.data;
    if (socketio_packet_parse(binary->bytes.data, binary->bundle.ends[0], &packet))
        route_packet(connection, &packet, &binary->bundle);
    buffer_free(&binary->bytes);
    free(binary);
}

/* Whether that may come from a client that has not shown a token yet. */
static bool is_modest(bool is_text, size_t length)
{
    return is_text && length <= SOCKETIO_ANONYMOUS_MAX_BYTES;
}

static void on_session_message(void *user, bool is_text, const char *bytes, size_t length)
{
    struct socketio_connection *connection = user;

    if (connection->speaking_sockets == 0 && !is_modest(is_text, length))
        close_as_malformed(connection);
    else if (is_text)
        handle_text(connection, bytes, length);
    else
        handle_binary(connection, bytes, length);
}

/* ---- sessions ------------------------------------------------------------------------------ */

static bool on_origin(void *owner, const char *origin, const char *host)
{
    const struct socketio_options *options = ((struct socketio_server *)owner)->options;

    return options->is_origin_allowed(options->application, origin, host);
}

static void on_origin_refused(void *owner, const char *origin, const char *host)
{
    const struct socketio_options *options = ((struct socketio_server *)owner)->options;

    if (options->on_origin_refused != NULL)
        options->on_origin_refused(options->application, origin, host);
}

/* The connection is made with the verdict, and not when the session opens: it is what the session's
 * callbacks are given, and the session may end before it has opened. */
static struct engineio_verdict on_session_handshake(void *owner,
                                                    const struct engineio_handshake *handshake)
{
    struct socketio_server *server = owner;
    const struct socketio_options *options = server->options;
    struct engineio_verdict verdict = options->on_handshake(options->application, handshake);

    if (verdict.status != 0)
        return verdict;
    struct socketio_connection *connection =
        socketio_connection_create(&server->connections, verdict.user);
    if (connection == NULL) {
        options->on_close(options->application, verdict.user);
        return (struct engineio_verdict){503, "Mémoire insuffisante, réessayez plus tard", NULL};
    }
    verdict.user = connection;
    return verdict;
}

static void on_session_open(void *user, struct engineio_session *session)
{
    struct socketio_connection *connection = user;
    const struct socketio_options *options = server_of(connection)->options;

    socketio_connection_open(connection, session);
    if (options->on_open != NULL)
        options->on_open(options->application, connection->user, connection);
}

static void on_session_drain(void *user)
{
    socketio_sockets_drained(user);
}

static void on_session_close(void *user, enum engineio_end end, bool was_open)
{
    struct socketio_connection *connection = user;
    const struct socketio_options *options = server_of(connection)->options;

    (void)was_open;
    socketio_connection_end(connection, end);
    binary_free(connection);
    while (connection->first != NULL)
        socketio_socket_detach(connection->first, connection->reason);
    options->on_close(options->application, connection->user);
    socketio_connection_bury(connection);
}

/* ---- the server ---------------------------------------------------------------------------- */

struct socketio_server *socketio_server_create(const struct socketio_options *options)
{
    struct socketio_server *server = calloc(1, sizeof(*server));

    if (server == NULL)
        return NULL;
    server->options = options;
    server->connections = (struct socketio_connection_options){
        .loop = options->session.loop,
        .max_payload_bytes = options->session.max_payload_bytes,
        .connect_timeout_ms = options->connect_timeout_ms,
        .payload = options->payload};
    server->engineio_options = (struct engineio_options){.session = options->session,
                                                         .is_origin_allowed = on_origin,
                                                         .on_origin_refused = on_origin_refused,
                                                         .origin_refusal = options->origin_refusal,
                                                         .on_handshake = on_session_handshake,
                                                         .owner = server};
    server->engineio_options.session.on_open = on_session_open;
    server->engineio_options.session.on_message = on_session_message;
    server->engineio_options.session.on_drain = on_session_drain;
    server->engineio_options.session.on_close = on_session_close;
    server->engineio = engineio_server_create(&server->engineio_options);
    if (server->engineio == NULL) {
        free(server);
        return NULL;
    }
    return server;
}

void socketio_server_free(struct socketio_server *server)
{
    if (server == NULL)
        return;
    engineio_server_free(server->engineio);
    free(server);
}

void socketio_limit_connect_time(struct socketio_server *server, int64_t connect_timeout_ms)
{
    server->connections.connect_timeout_ms = connect_timeout_ms;
}

struct engineio_server *socketio_engineio(struct socketio_server *server)
{
    return server->engineio;
}
