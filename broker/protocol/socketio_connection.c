#include "broker/protocol/socketio_connection.h"

#include <stdlib.h>
#include <string.h>

#include "broker/protocol/socketio_packet.h"
#include "common/assert.h"
#include "common/buffer.h"
#include "common/container.h"
#include "common/json_writer.h"

/* The time that a client has to join a namespace. Not in the connection itself: it is over within
 * milliseconds, and there may be ten thousands of connections. */
struct connect_wait {
    struct socketio_connection *connection;
    struct timer timer;
};

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

/* ---- waiting for a namespace --------------------------------------------------------------- */

static void wait_stop(struct socketio_connection *connection)
{
    if (connection->wait == NULL)
        return;
    loop_timer_remove(connection->options->loop, &connection->wait->timer);
    free(connection->wait);
    connection->wait = NULL;
}

static void on_connect_timeout(struct timer *timer)
{
    socketio_connection_close(CONTAINER_OF(timer, struct connect_wait, timer)->connection,
                              SOCKETIO_FORCED_CLOSE, FAREWELL_UNSAID);
}

/* A client for which there is no memory to limit its time has none. */
static void wait_start(struct socketio_connection *connection)
{
    const struct socketio_connection_options *options = connection->options;
    struct connect_wait *wait = calloc(1, sizeof(*wait));

    if (wait == NULL || !loop_timer_add(options->loop, &wait->timer, on_connect_timeout)) {
        free(wait);
        socketio_connection_close(connection, SOCKETIO_FORCED_CLOSE, FAREWELL_INTERNAL_ERROR);
        return;
    }
    wait->connection = connection;
    connection->wait = wait;
    loop_timer_start(options->loop, &wait->timer, options->connect_timeout_ms);
}

void socketio_connection_add_accepted(struct socketio_connection *connection, bool is_quiet)
{
    if (connection->accepted_sockets++ == 0)
        wait_stop(connection);
    if (is_quiet || connection->speaking_sockets++ > 0)
        return;
    connection->refusals = 0;
    engineio_limit_messages(connection->session, connection->options->max_payload_bytes);
}

void socketio_connection_remove_accepted(struct socketio_connection *connection, bool is_quiet)
{
    ASSERT(connection->accepted_sockets > 0);
    ASSERT(is_quiet || connection->speaking_sockets > 0);
    bool was_last = --connection->accepted_sockets == 0;
    bool is_silenced = !is_quiet && --connection->speaking_sockets == 0;
    if (connection->is_over)
        return;
    if (is_silenced)
        engineio_limit_messages(connection->session, SOCKETIO_ANONYMOUS_MAX_BYTES);
    if (was_last)
        wait_start(connection);
}

/* ---- reading ------------------------------------------------------------------------------- */

void socketio_connection_add_full(struct socketio_connection *connection)
{
    if (connection->full_sockets++ == 0 && connection->session != NULL)
        engineio_pause(connection->session);
}

void socketio_connection_remove_full(struct socketio_connection *connection)
{
    ASSERT(connection->full_sockets > 0);
    if (--connection->full_sockets == 0 && connection->session != NULL)
        engineio_resume(connection->session);
}

/* ---- sending ------------------------------------------------------------------------------- */

void socketio_connection_refuse(struct socketio_connection *connection, const char *name_space,
                                const char *message, const char *data)
{
    const struct socketio_header header = {SOCKETIO_CONNECT_ERROR, 0, name_space, SOCKETIO_NO_ID};
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;
    struct block *packet = NULL;

    if (connection->session == NULL)
        return;
    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "message", message);
    if (data != NULL) {
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

void socketio_connection_count_refusal(struct socketio_connection *connection)
{
    if (connection->speaking_sockets == 0 && ++connection->refusals >= SOCKETIO_REFUSALS_MAX)
        socketio_connection_close(connection, SOCKETIO_FORCED_CLOSE, FAREWELL_NORMAL);
}

/* ---- beginning and end --------------------------------------------------------------------- */

struct socketio_connection *
socketio_connection_create(const struct socketio_connection_options *options, void *user)
{
    struct socketio_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        return NULL;
    connection->options = options;
    connection->user = user;
    return connection;
}

void socketio_connection_open(struct socketio_connection *connection,
                              struct engineio_session *session)
{
    connection->session = session;
    engineio_limit_messages(session, SOCKETIO_ANONYMOUS_MAX_BYTES);
    wait_start(connection);
}

void socketio_connection_close(struct socketio_connection *connection, enum socketio_reason reason,
                               enum farewell_reason farewell)
{
    if (connection->is_over)
        return;
    /* What follows from the first reason (the transport breaks, say) is not why it ended. */
    if (!connection->has_reason) {
        connection->has_reason = true;
        connection->reason = reason;
    }
    engineio_close(connection->session, farewell);
}

void socketio_connection_abort(struct socketio_connection *connection)
{
    ASSERT(connection->session != NULL);
    connection->has_reason = true;
    connection->reason = SOCKETIO_FORCED_CLOSE;
    engineio_abort(connection->session);
}

void socketio_connection_end(struct socketio_connection *connection, enum engineio_end end)
{
    static const enum socketio_reason reasons[] = {
        [ENGINEIO_END_TRANSPORT_CLOSE] = SOCKETIO_TRANSPORT_CLOSE,
        [ENGINEIO_END_TRANSPORT_ERROR] = SOCKETIO_TRANSPORT_ERROR,
        [ENGINEIO_END_PARSE_ERROR] = SOCKETIO_PARSE_ERROR,
        [ENGINEIO_END_PING_TIMEOUT] = SOCKETIO_PING_TIMEOUT,
        [ENGINEIO_END_SLOW] = SOCKETIO_SLOW,
        [ENGINEIO_END_FORCED] = SOCKETIO_FORCED_CLOSE,
    };

    ASSERT(!connection->is_over);
    connection->is_over = true;
    connection->session = NULL;
    wait_stop(connection);
    if (!connection->has_reason)
        connection->reason = reasons[end];
}

void socketio_connection_bury(struct socketio_connection *connection)
{
    ASSERT(connection->is_over && connection->first == NULL);
    loop_bury(connection->options->loop, &connection->remains);
}
