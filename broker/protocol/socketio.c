#include "broker/protocol/socketio.h"

#include <stdlib.h>
#include <string.h>

#include "broker/protocol/socketio_private.h"
#include "broker/transport/frame.h"
#include "common/buffer.h"
#include "common/container.h"
#include "common/json_writer.h"

/* A namespace's name and query, as the client sends them. */
#define NAME_MAX_BYTES 256

/* The time that a client has to join a namespace. */
struct connect_wait {
    struct socketio_connection *connection;
    struct timer timer;
};

struct binary_packet {
    struct buffer bytes;
    struct socketio_bundle bundle;
    unsigned expected_parts;
};

struct loop *socketio_loop(const struct socketio_server *server)
{
    return server->transport.loop;
}

const char *socketio_reason_name(enum socketio_reason reason)
{
    static const char *const names[] = {
        [SOCKETIO_CLIENT_DISCONNECT] = "client namespace disconnect",
        [SOCKETIO_SERVER_DISCONNECT] = "server namespace disconnect",
        [SOCKETIO_TRANSPORT_CLOSE] = "transport close",
        [SOCKETIO_TRANSPORT_ERROR] = "transport error",
        [SOCKETIO_PARSE_ERROR] = "parse error",
        [SOCKETIO_PING_TIMEOUT] = "ping timeout",
        [SOCKETIO_SLOW] = "slow consumer",
        [SOCKETIO_FORCED_CLOSE] = "forced server close",
    };

    return names[reason];
}

/* ---- Connections ---- */

static void binary_free(struct socketio_connection *connection)
{
    if (!connection->binary)
        return;
    buffer_free(&connection->binary->bytes);
    free(connection->binary);
    connection->binary = NULL;
}

static void wait_stop(struct socketio_connection *connection)
{
    if (!connection->wait)
        return;
    loop_timer_remove(socketio_loop(connection->server), &connection->wait->timer);
    free(connection->wait);
    connection->wait = NULL;
}

static void on_connect_timeout(struct timer *timer)
{
    socketio_connection_close(CONTAINER_OF(timer, struct connect_wait, timer)->connection,
                              SOCKETIO_FORCED_CLOSE, FRAME_CLOSE_NO_STATUS);
}

static bool wait_start(struct socketio_connection *connection)
{
    struct socketio_server *server = connection->server;
    struct connect_wait *wait = calloc(1, sizeof(*wait));

    if (!wait || !loop_timer_add(socketio_loop(server), &wait->timer, on_connect_timeout)) {
        free(wait);
        return false;
    }
    wait->connection = connection;
    connection->wait = wait;
    loop_timer_start(socketio_loop(server), &wait->timer, server->settings->connect_timeout_ms);
    return true;
}

void socketio_connection_update_wait(struct socketio_connection *connection)
{
    if (connection->is_over)
        return;
    if (socketio_has_accepted(connection))
        wait_stop(connection);
    else if (!connection->wait && !wait_start(connection))
        socketio_connection_close(connection, SOCKETIO_FORCED_CLOSE, FRAME_CLOSE_INTERNAL_ERROR);
}

void socketio_connection_close(struct socketio_connection *connection, enum socketio_reason reason,
                               uint16_t code)
{
    if (connection->is_over)
        return;
    if (!connection->has_reason) {
        connection->has_reason = true;
        connection->reason = reason;
    }
    engineio_close(connection->session, code);
}

/* ---- Packets from the client ---- */

static void malformed(struct socketio_connection *connection)
{
    socketio_connection_close(connection, SOCKETIO_PARSE_ERROR, FRAME_CLOSE_NO_STATUS);
}

static const struct socketio_namespace *find_name_space(const struct socketio_server *server,
                                                        const char *name)
{
    for (size_t i = 0; server->settings->namespaces[i]; i++) {
        if (strcmp(server->settings->namespaces[i]->name, name) == 0)
            return server->settings->namespaces[i];
    }
    return NULL;
}

void socketio_send_connect_error(struct socketio_connection *connection, const char *name,
                                 const char *message, const char *data)
{
    const struct socketio_header header = {SOCKETIO_CONNECT_ERROR, 0, name, SOCKETIO_NO_ID};
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;
    struct block *packet = NULL;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "message", message);
    if (data) {
        json_write_key(&writer, "data");
        json_write_raw(&writer, data, strlen(data));
    }
    json_end_object(&writer);
    if (!payload.failed)
        packet = socketio_encode(&header, payload.data, payload.length);
    engineio_send(connection->session, packet);
    block_release(packet);
    buffer_free(&payload);
}

/* Copies text[0..length) with a NUL behind it. False when it is too long or holds one. */
static bool copy_text(const char *text, size_t length, char out[NAME_MAX_BYTES])
{
    if (length >= NAME_MAX_BYTES || memchr(text, '\0', length))
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

    if (!copy_text(packet->name_space, packet->name_space_length, name) ||
        !copy_text(packet->query, packet->query_length, query)) {
        malformed(connection);
        return;
    }
    const struct socketio_namespace *name_space = find_name_space(connection->server, name);
    switch (socketio_payload_read(packet, &auth, &error)) {
    case SOCKETIO_PAYLOAD_MALFORMED:
        malformed(connection);
        return;
    case SOCKETIO_PAYLOAD_REFUSED:
        socketio_send_connect_error(connection, name, error.text, NULL);
        return;
    case SOCKETIO_PAYLOAD_GOOD:
        break;
    }
    if (!name_space)
        socketio_send_connect_error(connection, name, "Invalid namespace", NULL);
    else if (!socketio_socket_create(connection, name_space, auth, query))
        socketio_connection_close(connection, SOCKETIO_FORCED_CLOSE, FRAME_CLOSE_INTERNAL_ERROR);
    json_object_put(auth);
}

/* A whole packet. */
static void route(struct socketio_connection *connection, const struct socketio_packet *packet,
                  const struct socketio_bundle *bundle)
{
    struct socketio_socket *socket = socketio_socket_find(connection, packet);

    if (packet->type == SOCKETIO_CONNECT && !socket) {
        handle_connect(connection, packet);
        return;
    }
    if (!socket || !socketio_socket_is_accepted(socket)) {
        malformed(connection);
        return;
    }
    switch (packet->type) {
    case SOCKETIO_EVENT:
    case SOCKETIO_BINARY_EVENT:
        socketio_socket_event(socket, bundle);
        break;
    case SOCKETIO_ACK:
    case SOCKETIO_BINARY_ACK:
        socketio_socket_ack(socket, packet);
        break;
    case SOCKETIO_DISCONNECT:
        if (packet->payload_length > 0)
            malformed(connection);
        else
            socketio_socket_detach(socket, SOCKETIO_CLIENT_DISCONNECT);
        break;
    case SOCKETIO_CONNECT:
    case SOCKETIO_CONNECT_ERROR:
        malformed(connection);
        break;
    }
}

/* Appends what has arrived of a binary packet, up to what one message may have. */
static bool binary_append(struct socketio_connection *connection, const char *bytes, size_t length)
{
    struct binary_packet *binary = connection->binary;

    if (length > connection->server->transport.max_payload_bytes - binary->bytes.length)
        return false;
    buffer_append(&binary->bytes, bytes, length);
    binary->bundle.ends[binary->bundle.parts++] = (uint32_t)binary->bytes.length;
    return !binary->bytes.failed;
}

static void handle_text(struct socketio_connection *connection, const char *bytes, size_t length)
{
    struct socketio_bundle bundle = {.bytes = bytes, .parts = 1, .ends = {(uint32_t)length}};
    struct socketio_packet packet;

    if (connection->binary || !socketio_packet_parse(bytes, length, &packet)) {
        malformed(connection);
        return;
    }
    if (packet.attachments == 0) {
        route(connection, &packet, &bundle);
        return;
    }
    connection->binary = calloc(1, sizeof(*connection->binary));
    if (!connection->binary || !binary_append(connection, bytes, length)) {
        socketio_connection_close(connection, SOCKETIO_FORCED_CLOSE, FRAME_CLOSE_INTERNAL_ERROR);
        return;
    }
    connection->binary->expected_parts = 1 + packet.attachments;
}

static void handle_binary(struct socketio_connection *connection, const char *bytes, size_t length)
{
    struct binary_packet *binary = connection->binary;
    struct socketio_packet packet;

    if (!binary || !binary_append(connection, bytes, length)) {
        malformed(connection);
        return;
    }
    if (binary->bundle.parts < binary->expected_parts)
        return;
    /* Complete, and no longer the connection's: callbacks may end it. */
    connection->binary = NULL;
    binary->bundle.bytes = binary->bytes.data;
    if (socketio_packet_parse(binary->bytes.data, binary->bundle.ends[0], &packet))
        route(connection, &packet, &binary->bundle);
    buffer_free(&binary->bytes);
    free(binary);
}

static void on_message(void *user, bool is_text, const char *bytes, size_t length)
{
    struct socketio_connection *connection = user;

    if (is_text)
        handle_text(connection, bytes, length);
    else
        handle_binary(connection, bytes, length);
}

/* ---- Sessions ---- */

static bool is_origin_allowed(void *owner, const char *origin, const char *host)
{
    const struct socketio_settings *settings = ((struct socketio_server *)owner)->settings;

    return settings->is_origin_allowed(settings->application, origin, host);
}

static struct engineio_verdict on_handshake(void *owner, const struct engineio_handshake *handshake)
{
    struct socketio_server *server = owner;
    const struct socketio_settings *settings = server->settings;
    struct engineio_verdict verdict = settings->on_handshake(settings->application, handshake);

    if (verdict.status != 0)
        return verdict;
    struct socketio_connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        settings->on_close(settings->application, verdict.user);
        return (struct engineio_verdict){503, "Mémoire insuffisante, réessayez plus tard", NULL};
    }
    connection->server = server;
    connection->user = verdict.user;
    verdict.user = connection;
    return verdict;
}

static void on_open(void *user, struct engineio_session *session)
{
    struct socketio_connection *connection = user;

    connection->session = session;
    socketio_connection_update_wait(connection);
}

static void on_drain(void *user)
{
    socketio_sockets_drained(user);
}

static enum socketio_reason reason_of(const struct socketio_connection *connection,
                                      enum engineio_end end)
{
    static const enum socketio_reason reasons[] = {
        [ENGINEIO_END_TRANSPORT_CLOSE] = SOCKETIO_TRANSPORT_CLOSE,
        [ENGINEIO_END_TRANSPORT_ERROR] = SOCKETIO_TRANSPORT_ERROR,
        [ENGINEIO_END_PARSE_ERROR] = SOCKETIO_PARSE_ERROR,
        [ENGINEIO_END_PING_TIMEOUT] = SOCKETIO_PING_TIMEOUT,
        [ENGINEIO_END_SLOW] = SOCKETIO_SLOW,
        [ENGINEIO_END_FORCED] = SOCKETIO_FORCED_CLOSE,
    };

    return connection->has_reason ? connection->reason : reasons[end];
}

static void on_close(void *user, enum engineio_end end, bool was_open)
{
    struct socketio_connection *connection = user;
    const struct socketio_settings *settings = connection->server->settings;

    (void)was_open;
    connection->is_over = true;
    connection->session = NULL;
    wait_stop(connection);
    binary_free(connection);
    while (connection->first)
        socketio_socket_detach(connection->first, reason_of(connection, end));
    settings->on_close(settings->application, connection->user);
    connection->next = connection->server->dead_connections;
    connection->server->dead_connections = connection;
    loop_defer(socketio_loop(connection->server), &connection->server->burial);
}

/* ---- The server ---- */

static void free_dead(struct socketio_server *server)
{
    socketio_sockets_free_dead(server);
    while (server->dead_connections) {
        struct socketio_connection *connection = server->dead_connections;

        server->dead_connections = connection->next;
        free(connection);
    }
}

static void run_burial(struct loop_task *task)
{
    free_dead(CONTAINER_OF(task, struct socketio_server, burial));
}

struct socketio_server *socketio_server_create(const struct socketio_settings *settings)
{
    struct socketio_server *server = calloc(1, sizeof(*server));

    if (!server)
        return NULL;
    server->settings = settings;
    server->burial.run = run_burial;
    server->transport = settings->transport;
    server->transport.owner = server;
    server->transport.is_origin_allowed = is_origin_allowed;
    server->transport.on_handshake = on_handshake;
    server->transport.on_open = on_open;
    server->transport.on_message = on_message;
    server->transport.on_drain = on_drain;
    server->transport.on_close = on_close;
    server->engineio = engineio_server_create(&server->transport);
    if (!server->engineio) {
        free(server);
        return NULL;
    }
    return server;
}

void socketio_server_free(struct socketio_server *server)
{
    if (!server)
        return;
    engineio_server_free(server->engineio);
    loop_cancel(&server->burial);
    free_dead(server);
    free(server);
}

struct engineio_server *socketio_engineio(struct socketio_server *server)
{
    return server->engineio;
}
