#include "broker/protocol/socketio_socket.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/buffer.h"
#include "common/container.h"
#include "common/json_writer.h"

/*
 * A socket is CONNECTING, ACCEPTED, LEAVING, ENDED, in this order; who is refused skips the two in
 * the middle. It may be taken off its connection at any time, but three things keep it where it is:
 * an on_connect without answer, a pause, and a callback for it that is running. Whenever one of
 * these is over, settle_socket takes what is next: an event that waited, or the end. So events are
 * handled one after the other, and on_disconnect comes after the last, without anybody's counting
 * who still looks at the socket.
 */
enum state {
    STATE_CONNECTING, /* on_connect is not answered yet */
    STATE_ACCEPTED,
    STATE_LEAVING, /* off its connection; on_disconnect is due */
    STATE_ENDED,   /* buried */
};

/* An event that waits is kept as it came, and parsed when its turn has come: a tree of JSON is many
 * times as large as its text, and the limits of the queue are those of texts. */
struct waiting {
    struct waiting *next;
    struct socketio_bundle bundle; /* its bytes are behind */
};

struct queue {
    struct waiting *first, *last;
    size_t count, bytes;
};

/* An acknowledgement that we wait for. */
struct expected_ack {
    struct expected_ack *next;
    struct socketio_socket *socket;
    struct timer timer;
    int64_t id;
    void (*on_ack)(void *context, struct json_object *arguments);
    void *context;
};

struct socketio_socket {
    struct loop_remains remains;
    struct loop *loop;
    struct socketio_connection *connection; /* NULL once it is off */
    struct socketio_socket *next;           /* of the connection */
    const struct socketio_namespace *name_space;
    const struct socketio_payload_rules *payload_rules;
    void *user;
    struct queue *queue; /* NULL while nothing waits */
    struct expected_ack *acks;
    uint32_t next_ack_id;
    uint8_t state;
    uint8_t reason;
    uint8_t callbacks; /* that are running for it */
    uint8_t pauses;    /* not resumed yet */
    bool is_full : 1;  /* counted in connection->full_sockets */
    bool wants_drain : 1;
    bool is_draining : 1;
};

struct json_object *socketio_argument(const struct socketio_event *event, size_t index)
{
    size_t length = json_object_array_length(event->arguments);

    return index + 1 < length ? json_object_array_get_idx(event->arguments, index + 1) : NULL;
}

/* ---- events that wait ---------------------------------------------------------------------- */

static bool enqueue(struct socketio_socket *socket, const struct socketio_bundle *bundle)
{
    size_t length = bundle->ends[bundle->parts - 1];
    struct waiting *waiting = malloc(sizeof(*waiting) + length);

    if (socket->queue == NULL)
        socket->queue = calloc(1, sizeof(*socket->queue));
    if (waiting == NULL || socket->queue == NULL) {
        free(waiting);
        return false;
    }
    struct queue *queue = socket->queue;
    memcpy(waiting + 1, bundle->bytes, length);
    waiting->bundle = *bundle;
    waiting->bundle.bytes = (const char *)(waiting + 1);
    waiting->next = NULL;
    if (queue->last != NULL)
        queue->last->next = waiting;
    else
        queue->first = waiting;
    queue->last = waiting;
    queue->count++;
    queue->bytes += length;
    return true;
}

/* The first one, to be freed by the caller; NULL when nothing waits. */
static struct waiting *dequeue(struct socketio_socket *socket)
{
    struct queue *queue = socket->queue;

    if (queue == NULL)
        return NULL;
    struct waiting *waiting = queue->first;
    if (waiting != NULL) {
        queue->first = waiting->next;
        queue->count--;
        queue->bytes -= waiting->bundle.ends[waiting->bundle.parts - 1];
    }
    if (queue->first == NULL) {
        free(queue);
        socket->queue = NULL;
    }
    return waiting;
}

static void queue_clear(struct socketio_socket *socket)
{
    struct waiting *waiting;

    while ((waiting = dequeue(socket)) != NULL)
        free(waiting);
}

/* Stops reading from the connection while one of its queues is full, and goes on when it has become
 * half empty. Half and not one less: a client that goes on sending would be stopped and let go on
 * with each of its events, a system call each time. */
static void update_full(struct socketio_socket *socket)
{
    struct socketio_connection *connection = socket->connection;
    const struct queue *queue = socket->queue;

    if (connection == NULL)
        return;
    if (!socket->is_full && queue != NULL &&
        (queue->count >= SOCKETIO_QUEUE_MAX_PACKETS || queue->bytes >= SOCKETIO_QUEUE_MAX_BYTES)) {
        socket->is_full = true;
        socketio_connection_add_full(connection);
    } else if (socket->is_full &&
               (queue == NULL || (queue->count <= SOCKETIO_QUEUE_MAX_PACKETS / 2 &&
                                  queue->bytes <= SOCKETIO_QUEUE_MAX_BYTES / 2))) {
        socket->is_full = false;
        socketio_connection_remove_full(connection);
    }
}

/* ---- one event after the other ------------------------------------------------------------- */

static void handle_event(struct socketio_socket *socket, const struct socketio_bundle *bundle)
{
    const struct socketio_namespace *name_space = socket->name_space;
    struct socketio_attachment attachments[SOCKETIO_ATTACHMENTS_MAX];
    struct socketio_packet packet;
    struct json_object *tree = NULL;
    struct error error;
    enum socketio_payload_result result = SOCKETIO_PAYLOAD_MALFORMED;

    for (unsigned i = 1; i < bundle->parts; i++) {
        attachments[i - 1].bytes = bundle->bytes + bundle->ends[i - 1];
        attachments[i - 1].length = bundle->ends[i] - bundle->ends[i - 1];
    }
    if (socketio_packet_parse(bundle->bytes, bundle->ends[0], &packet))
        result = bundle->is_too_large
                     ? socketio_payload_refuse_length(socket->payload_rules, &error)
                     : socketio_payload_read(&packet, socket->payload_rules, &tree, &error);
    if (result == SOCKETIO_PAYLOAD_MALFORMED) {
        /* What stands behind it is of somebody who does not speak the protocol. */
        queue_clear(socket);
        if (socket->connection != NULL)
            socketio_connection_close(socket->connection, SOCKETIO_PARSE_ERROR, FAREWELL_UNSAID);
    } else if (result == SOCKETIO_PAYLOAD_REFUSED) {
        name_space->on_refused_event(name_space->application, socket, packet.id, &error);
    } else {
        struct json_object *name = json_object_array_get_idx(tree, 0);
        const struct socketio_event event = {json_object_get_string(name), tree, packet.id,
                                             attachments, bundle->parts - 1};

        name_space->on_event(name_space->application, socket, &event);
    }
    json_object_put(tree);
}

/* Its last callback comes or is over; code up the stack may still look at it. */
static void bury_socket(struct socketio_socket *socket)
{
    ASSERT(socket->state != STATE_ENDED);
    socket->state = STATE_ENDED;
    queue_clear(socket);
    loop_bury(socket->loop, &socket->remains);
}

/* What became possible when nothing is running for the socket any more: its next events, or its
 * end. */
static void settle_socket(struct socketio_socket *socket)
{
    struct waiting *waiting;

    while (socket->callbacks == 0 && socket->pauses == 0 && (waiting = dequeue(socket)) != NULL) {
        socket->callbacks++;
        handle_event(socket, &waiting->bundle);
        socket->callbacks--;
        free(waiting);
        update_full(socket);
    }
    if (socket->callbacks == 0 && socket->pauses == 0 && socket->state == STATE_LEAVING) {
        const struct socketio_namespace *name_space = socket->name_space;

        bury_socket(socket);
        name_space->on_disconnect(name_space->application, socket,
                                  (enum socketio_reason)socket->reason);
    }
}

/* Callbacks are counted: within one, the application may disconnect the socket or send to it, and
 * that must not call back again before the first has returned, nor free the socket. */
static void enter(struct socketio_socket *socket)
{
    socket->callbacks++;
}

static void leave(struct socketio_socket *socket)
{
    socket->callbacks--;
    settle_socket(socket);
}

void socketio_pause(struct socketio_socket *socket)
{
    ASSERT(socket->state != STATE_ENDED);
    ASSERT(socket->pauses < UINT8_MAX);
    socket->pauses++;
}

void socketio_resume(struct socketio_socket *socket)
{
    ASSERT(socket->state != STATE_ENDED);
    ASSERT(socket->pauses > 0);
    socket->pauses--;
    settle_socket(socket);
}

void socketio_socket_event(struct socketio_socket *socket, const struct socketio_bundle *bundle)
{
    if (socket->callbacks == 0 && socket->pauses == 0 && socket->queue == NULL) {
        enter(socket);
        handle_event(socket, bundle);
        leave(socket);
    } else if (enqueue(socket, bundle)) {
        update_full(socket);
    } else {
        socketio_connection_close(socket->connection, SOCKETIO_FORCED_CLOSE,
                                  FAREWELL_INTERNAL_ERROR);
    }
}

/* ---- acknowledgements of what we sent ------------------------------------------------------ */

/* Where in the socket's list it is linked, or the list's end. A list, and not a table:
 * SOCKETIO_ACKS_MAX is small, and most sockets never wait for any. */
static struct expected_ack **find_ack(struct socketio_socket *socket, int64_t id)
{
    struct expected_ack **link = &socket->acks;

    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

/* Takes it off the list and calls back. */
static void finish_ack(struct expected_ack **link, struct json_object *arguments)
{
    struct expected_ack *ack = *link;

    *link = ack->next;
    loop_timer_remove(ack->socket->loop, &ack->timer);
    ack->on_ack(ack->context, arguments);
    free(ack);
}

static void on_ack_timeout(struct timer *timer)
{
    struct expected_ack *ack = CONTAINER_OF(timer, struct expected_ack, timer);
    struct socketio_socket *socket = ack->socket;

    enter(socket);
    finish_ack(find_ack(socket, ack->id), NULL);
    leave(socket);
}

void socketio_socket_ack(struct socketio_socket *socket, const struct socketio_packet *packet)
{
    struct expected_ack **link = find_ack(socket, packet->id);
    struct json_object *arguments;
    struct error error;

    if (socketio_payload_read(packet, socket->payload_rules, &arguments, &error) ==
        SOCKETIO_PAYLOAD_MALFORMED) {
        socketio_connection_close(socket->connection, SOCKETIO_PARSE_ERROR, FAREWELL_UNSAID);
        return;
    }
    if (*link != NULL) { /* else it came too late, or twice */
        enter(socket);
        finish_ack(link, arguments);
        leave(socket);
    }
    json_object_put(arguments);
}

/* ---- beginning and end --------------------------------------------------------------------- */

struct socketio_socket *socketio_socket_find(const struct socketio_connection *connection,
                                             const struct socketio_packet *packet)
{
    struct socketio_socket *socket = connection->first;

    while (socket != NULL &&
           (strlen(socket->name_space->name) != packet->name_space_length ||
            memcmp(socket->name_space->name, packet->name_space, packet->name_space_length) != 0))
        socket = socket->next;
    return socket;
}

bool socketio_socket_create(struct socketio_connection *connection,
                            const struct socketio_namespace *name_space, struct json_object *auth,
                            const char *query)
{
    struct socketio_socket *socket = calloc(1, sizeof(*socket));

    if (socket == NULL)
        return false;
    socket->loop = connection->options->loop;
    socket->connection = connection;
    socket->name_space = name_space;
    socket->payload_rules = &connection->options->payload;
    socket->next = connection->first;
    connection->first = socket;
    enter(socket);
    name_space->on_connect(name_space->application, socket, auth, query);
    leave(socket);
    return true;
}

bool socketio_socket_is_accepted(const struct socketio_socket *socket)
{
    return socket->state == STATE_ACCEPTED;
}

static void unlink_socket(struct socketio_socket *socket)
{
    struct socketio_connection *connection = socket->connection;
    struct socketio_socket **link = &connection->first;

    while (*link != socket)
        link = &(*link)->next;
    *link = socket->next;
    socket->connection = NULL;
    if (socket->is_full)
        socketio_connection_remove_full(connection);
}

void socketio_socket_detach(struct socketio_socket *socket, enum socketio_reason reason)
{
    struct socketio_connection *connection = socket->connection;

    enter(socket);
    unlink_socket(socket);
    if (socket->state == STATE_ACCEPTED) {
        socket->state = STATE_LEAVING;
        socket->reason = (uint8_t)reason;
        socketio_connection_remove_accepted(connection, socket->name_space->is_quiet);
    }
    while (socket->acks != NULL)
        finish_ack(&socket->acks, NULL);
    leave(socket);
}

/* Ends one that was not let in. */
static void dismiss_socket(struct socketio_socket *socket)
{
    if (socket->connection != NULL)
        unlink_socket(socket);
    bury_socket(socket);
}

static struct block *encode_connect(const struct socketio_socket *socket, const char *sid,
                                    const char *pid)
{
    const struct socketio_header header = {SOCKETIO_CONNECT, 0, socket->name_space->name,
                                           SOCKETIO_NO_ID};
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;
    struct block *packet = NULL;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "sid", sid);
    json_member_text(&writer, "pid", pid);
    json_end_object(&writer);
    if (!payload.failed)
        packet = socketio_encode(&header, payload.data, payload.length);
    buffer_free(&payload);
    return packet;
}

bool socketio_accept(struct socketio_socket *socket, const char *sid, const char *pid)
{
    ASSERT(socket->state == STATE_CONNECTING);
    if (socket->connection == NULL) {
        dismiss_socket(socket);
        return false;
    }
    struct block *packet = encode_connect(socket, sid, pid);
    socket->state = STATE_ACCEPTED;
    socketio_send(socket, packet);
    block_release(packet);
    socketio_connection_add_accepted(socket->connection, socket->name_space->is_quiet);
    return true;
}

void socketio_hand_over(struct socketio_socket *socket, const struct socketio_namespace *name_space)
{
    ASSERT(socket->state == STATE_CONNECTING);
    ASSERT(strcmp(socket->name_space->name, name_space->name) == 0);
    socket->name_space = name_space;
}

void socketio_refuse(struct socketio_socket *socket, const char *message, const char *data)
{
    ASSERT(socket->state == STATE_CONNECTING);
    struct socketio_connection *connection = socket->connection;

    if (connection != NULL)
        socketio_connection_refuse(connection, socket->name_space->name, message, data);
    dismiss_socket(socket);
    if (connection != NULL)
        socketio_connection_count_refusal(connection);
}

void socketio_disconnect(struct socketio_socket *socket)
{
    const struct socketio_header header = {SOCKETIO_DISCONNECT, 0, socket->name_space->name,
                                           SOCKETIO_NO_ID};

    if (!socketio_is_connected(socket))
        return;
    struct block *packet = socketio_encode(&header, NULL, 0);
    socketio_send(socket, packet);
    block_release(packet);
    /* The application wants it ended: the events that wait would be answered to nobody. */
    queue_clear(socket);
    socketio_socket_detach(socket, SOCKETIO_SERVER_DISCONNECT);
}

void socketio_close(struct socketio_socket *socket, enum farewell_reason reason)
{
    if (socket->connection != NULL)
        socketio_connection_close(socket->connection, SOCKETIO_FORCED_CLOSE, reason);
}

/* ---- what it is ---------------------------------------------------------------------------- */

void socketio_set_user(struct socketio_socket *socket, void *user)
{
    socket->user = user;
}

void *socketio_user(const struct socketio_socket *socket)
{
    return socket->user;
}

void *socketio_connection_user(const struct socketio_socket *socket)
{
    return socket->connection != NULL ? socket->connection->user : NULL;
}

bool socketio_is_connected(const struct socketio_socket *socket)
{
    return socket->connection != NULL && socket->connection->session != NULL &&
           socket->state == STATE_ACCEPTED;
}

/* ---- sending ------------------------------------------------------------------------------- */

void socketio_send(struct socketio_socket *socket, struct block *packet)
{
    if (socketio_is_connected(socket))
        engineio_send(socket->connection->session, packet);
}

size_t socketio_queued(const struct socketio_socket *socket)
{
    return socketio_is_connected(socket) ? engineio_queued(socket->connection->session) : 0;
}

void socketio_want_drain(struct socketio_socket *socket)
{
    if (!socketio_is_connected(socket))
        return;
    socket->wants_drain = true;
    engineio_want_drain(socket->connection->session);
}

void socketio_sockets_drained(struct socketio_connection *connection)
{
    struct socketio_socket *socket;

    /* Those that ask again meanwhile are for the next time. */
    for (socket = connection->first; socket != NULL; socket = socket->next) {
        socket->is_draining = socket->wants_drain;
        socket->wants_drain = false;
    }
    for (socket = connection->first; socket != NULL;) {
        if (!socket->is_draining) {
            socket = socket->next;
            continue;
        }
        socket->is_draining = false;
        enter(socket);
        socket->name_space->on_drain(socket->name_space->application, socket);
        leave(socket);
        socket = connection->first; /* the callback may have ended any of them */
    }
}

/* Sends a packet of ours, as text or with attachments behind it. */
static void send_arguments(struct socketio_socket *socket, struct socketio_header *header,
                           const char *name, const char *arguments, size_t length,
                           const struct socketio_attachment *attachments, size_t attachment_count)
{
    if (!socketio_is_connected(socket))
        return;
    header->name_space = socket->name_space->name;
    header->attachments = (unsigned)attachment_count;
    struct block *packet = socketio_encode_arguments(header, name, arguments, length);
    socketio_send(socket, packet);
    block_release(packet);
    for (size_t i = 0; i < attachment_count; i++) {
        packet = engineio_packet_encode_binary(attachments[i].bytes, attachments[i].length);
        socketio_send(socket, packet);
        block_release(packet);
    }
}

void socketio_emit_binary(struct socketio_socket *socket, const char *name, const char *arguments,
                          size_t length, const struct socketio_attachment *attachments,
                          size_t attachment_count)
{
    struct socketio_header header = {.type = attachment_count > 0 ? SOCKETIO_BINARY_EVENT
                                                                  : SOCKETIO_EVENT,
                                     .id = SOCKETIO_NO_ID};

    send_arguments(socket, &header, name, arguments, length, attachments, attachment_count);
}

void socketio_emit(struct socketio_socket *socket, const char *name, const char *arguments,
                   size_t length)
{
    socketio_emit_binary(socket, name, arguments, length, NULL, 0);
}

void socketio_ack_binary(struct socketio_socket *socket, int64_t ack_id, const char *arguments,
                         size_t length, const struct socketio_attachment *attachments,
                         size_t attachment_count)
{
    struct socketio_header header = {
        .type = attachment_count > 0 ? SOCKETIO_BINARY_ACK : SOCKETIO_ACK, .id = ack_id};

    if (ack_id != SOCKETIO_NO_ID)
        send_arguments(socket, &header, NULL, arguments, length, attachments, attachment_count);
}

void socketio_ack(struct socketio_socket *socket, int64_t ack_id, const char *arguments,
                  size_t length)
{
    socketio_ack_binary(socket, ack_id, arguments, length, NULL, 0);
}

static size_t count_acks(const struct socketio_socket *socket)
{
    size_t count = 0;

    for (const struct expected_ack *ack = socket->acks; ack != NULL; ack = ack->next)
        count++;
    return count;
}

bool socketio_emit_with_ack(struct socketio_socket *socket, const char *name, const char *arguments,
                            size_t length, int64_t timeout_ms,
                            void (*on_ack)(void *context, struct json_object *arguments),
                            void *context)
{
    if (!socketio_is_connected(socket) || count_acks(socket) >= SOCKETIO_ACKS_MAX)
        return false;
    struct loop *loop = socket->loop;
    struct expected_ack *ack = calloc(1, sizeof(*ack));
    if (ack == NULL || !loop_timer_add(loop, &ack->timer, on_ack_timeout)) {
        free(ack);
        return false;
    }
    ack->socket = socket;
    ack->id = socket->next_ack_id++;
    ack->on_ack = on_ack;
    ack->context = context;
    ack->next = socket->acks;
    socket->acks = ack;
    loop_timer_start(loop, &ack->timer, timeout_ms);

    struct socketio_header header = {.type = SOCKETIO_EVENT, .id = ack->id};
    send_arguments(socket, &header, name, arguments, length, NULL, 0);
    return true;
}
