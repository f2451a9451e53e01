#include "broker/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/feed.h"
#include "broker/silent.h"
#include "common/assert.h"
#include "common/configuration.h"
#include "common/json_writer.h"

/* Decimal digits of a seq and NUL. */
/* A number, "-" and the time line. */
#define OFFSET_BYTES (24 + TIMELINE_BYTES)
/* A long wait for the end of a token is cut into pieces, because the wall clock may be set. */
#define EXPIRY_CHECK_MS 60000

/*
 * What a client sees is in the order of seqs: `position` never goes back, and an event that is not
 * newer is not sent. A picture of the database (a history, a count) stands at the seq at which it
 * was read. Until it is there, events are held; then those up to its seq are dropped, or sent
 * before it where they are not in it, and the later ones follow. So it does not matter how long
 * reading takes, nor what is committed meanwhile.
 */

struct held {
    struct held *next;
    int64_t seq;
    struct block *packet;
    const struct membership *membership; /* the pending one that it came through, or NULL */
};

struct hold {
    struct held *first, *last;
    size_t bytes;
};

struct caller client_caller(const struct client *client)
{
    return (struct caller){
        .user_id = client->occupant.user->id, .role = "", .kind = (enum caller_kind)client->kind};
}

bool client_is_reachable(const struct client *client)
{
    return !client->is_failing && socketio_is_connected(client->socket);
}

/* ---- its end ------------------------------------------------------------------------------- */

static int64_t wall_ms(const struct client *client)
{
    return clock_wall_ms(loop_services(client->parts->loop)->clock);
}

void client_start_expiry(struct client *client)
{
    int64_t left_ms = client->expires_at_ms - wall_ms(client);

    /* The timer may already be to end the client, for another reason. */
    if (client->expires_at_ms == 0 || client->is_failing || client->is_erased)
        return;
    if (left_ms > EXPIRY_CHECK_MS)
        left_ms = EXPIRY_CHECK_MS;
    loop_timer_start(client->parts->loop, &client->expiry, left_ms > 0 ? left_ms : 0);
}

/* One on its way in is told when it is in. */
void client_expire_in(struct client *client, int64_t ms)
{
    int64_t at_ms = wall_ms(client) + ms;

    if (client->expires_at_ms != 0 && client->expires_at_ms <= at_ms)
        return;
    client->expires_at_ms = at_ms;
    if (socketio_is_connected(client->socket))
        client_start_expiry(client);
}

/* By the timer of its token, which every client has, and which fires in another turn: closing a
 * socket frees the client, and the caller may be walking over all clients of a room. */
void client_fail(struct client *client)
{
    client->is_failing = true;
    loop_timer_start(client->parts->loop, &client->expiry, 0);
}

void client_erase(struct client *client)
{
    client->is_erased = true;
    loop_timer_start(client->parts->loop, &client->expiry, 0);
}

/* The event by which a client is told why it is sent away. */
static void emit_farewell(struct client *client, const char *message, const char *code)
{
    struct buffer payload = BUFFER_EMPTY;

    silent_write_reason(&(struct silent_reason){message, code}, &payload);
    client_emit(client, "error", &payload);
    buffer_free(&payload);
}

static void expire_client(struct client *client)
{
    client->parts->metrics.tokens_expired++;
    emit_farewell(client, "Votre session a expiré", "token_expired");
    socketio_close(client->socket, FAREWELL_NORMAL);
}

/* An unmodified page does not come back by itself after a DISCONNECT packet. Who has not been let
 * in yet can't be sent one. */
static void end_erased(struct client *client)
{
    if (!socketio_is_connected(client->socket)) {
        socketio_close(client->socket, FAREWELL_NORMAL);
        return;
    }
    emit_farewell(client, "Votre compte a été supprimé", "user_erased");
    socketio_disconnect(client->socket);
}

static void on_client_expiry(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, expiry);

    if (client->is_erased)
        end_erased(client);
    else if (client->is_failing)
        socketio_close(client->socket, FAREWELL_INTERNAL_ERROR);
    else if (client->expires_at_ms <= wall_ms(client))
        expire_client(client);
    else
        client_start_expiry(client);
}

/* ---- sending ------------------------------------------------------------------------------- */

struct block *client_encode_passing(const char *name, const struct buffer *payload)
{
    if (payload->failed)
        return NULL;
    return socketio_encode_event(CLIENT_NAMESPACE, name, payload->data, payload->length, NULL);
}

static struct block *encode_at(const struct broker_parts *parts, int64_t seq, const char *name,
                               const char *payload, size_t length)
{
    char offset[OFFSET_BYTES];

    snprintf(offset, sizeof(offset), "%" PRId64 "-%s", seq, feed_timeline(parts->feed));
    return socketio_encode_event(CLIENT_NAMESPACE, name, payload, length, offset);
}

struct block *client_encode(const struct broker_parts *parts, const struct event *event)
{
    return encode_at(parts, event->seq, event->name, event->payload, event->payload_length);
}

void client_send(struct client *client, struct block *packet)
{
    if (client->is_failing)
        return;
    if (packet == NULL) {
        client_fail(client);
        return;
    }
    client->parts->metrics.events_out++;
    socketio_send(client->socket, packet);
}

void client_send_to_room(const struct room *room, const struct user *but, struct block *packet)
{
    const struct membership *one = room->first;

    for (; one != NULL; one = one->next_in_room)
        if (!one->is_pending && one->occupant->user != but)
            client_send(client_of(one->occupant), packet);
}

void client_emit(struct client *client, const char *name, const struct buffer *payload)
{
    struct block *packet = client_encode_passing(name, payload);

    client_send(client, packet);
    block_release(packet);
}

void client_emit_at(struct client *client, int64_t seq, const char *name,
                    const struct buffer *payload)
{
    if (client->is_lagging) {
        client_emit(client, name, payload);
        return;
    }
    struct block *packet =
        payload->failed ? NULL
                        : encode_at(client->parts, seq, name, payload->data, payload->length);
    client_send(client, packet);
    block_release(packet);
    client->position = seq;
}

static void write_total(struct buffer *payload, int64_t total)
{
    struct json_writer writer;

    json_writer_init(&writer, payload);
    json_begin_object(&writer);
    json_member_integer(&writer, "totalUnread", total);
    json_end_object(&writer);
}

void client_emit_unread(struct client *client, int64_t seq, int64_t total)
{
    struct buffer payload = BUFFER_EMPTY;

    write_total(&payload, total);
    client_emit_at(client, seq, "unread-count-updated", &payload);
    buffer_free(&payload);
}

void client_emit_total(struct client *client, int64_t total)
{
    struct buffer payload = BUFFER_EMPTY;

    write_total(&payload, total);
    client_emit(client, "unread-count-updated", &payload);
    buffer_free(&payload);
}

static size_t max_output(const struct client *client)
{
    return (size_t)client->parts->configuration->config->broker_max_output_bytes;
}

/* Nothing is lost: it is in the outbox. Of the memory of a thousand sockets that read slowly
 * together this makes one page each. */
static void begin_lagging(struct client *client)
{
    if (client->is_lagging || client->is_failing)
        return;
    client->is_lagging = true;
    client->parts->on_lag(client);
}

/* What is not newer was in a picture that it got (its history, say), or among what it had
 * missed. */
static void send_in_order(struct client *client, int64_t seq, struct block *packet)
{
    if (seq <= client->position || client->is_lagging)
        return;
    size_t queued = socketio_queued(client->socket);
    if (queued > 0 && queued + packet->length > max_output(client)) {
        begin_lagging(client);
        return;
    }
    client->position = seq;
    client_send(client, packet);
}

/* ---- holding ------------------------------------------------------------------------------- */

bool client_hold(struct client *client)
{
    if (client->hold == NULL)
        client->hold = calloc(1, sizeof(*client->hold));
    return client->hold != NULL;
}

/* What would be more than an output may hold is left in the outbox. */
static void hold_event(struct client *client, int64_t seq, struct block *packet,
                       const struct membership *membership)
{
    struct hold *hold = client->hold;
    struct held *held = NULL;

    if (client->is_lagging)
        return;
    if (hold->bytes + packet->length <= max_output(client))
        held = malloc(sizeof(*held));
    if (held == NULL) {
        begin_lagging(client);
        return;
    }
    bool is_pending = membership != NULL && membership->is_pending;
    *held = (struct held){.seq = seq,
                          .packet = block_reference(packet),
                          .membership = is_pending ? membership : NULL};
    if (hold->first == NULL)
        hold->first = held;
    else
        hold->last->next = held;
    hold->last = held;
    hold->bytes += packet->length;
}

void client_deliver(struct client *client, int64_t seq, struct block *packet,
                    const struct membership *membership)
{
    if (client->hold != NULL)
        hold_event(client, seq, packet, membership);
    else
        send_in_order(client, seq, packet);
}

/* What becomes of what is taken out of a hold. SEND_JOINED: as SEND, but what came through a
 * membership that is pending is forgotten. */
enum fate { FORGET, SEND_JOINED, SEND };

static bool is_sent(const struct held *held, enum fate fate)
{
    return fate == SEND || (fate == SEND_JOINED && held->membership == NULL);
}

/* Takes out all that came through `membership`, or if that is NULL all up to `seq`. */
static void take_out(struct client *client, int64_t seq, const struct membership *membership,
                     enum fate fate)
{
    ASSERT(client->hold != NULL);
    struct hold *hold = client->hold;
    struct held **link = &hold->first;
    struct held *last = NULL;

    while (*link != NULL) {
        struct held *held = *link;
        if (membership != NULL ? held->membership != membership : held->seq > seq) {
            last = held;
            link = &held->next;
            continue;
        }
        *link = held->next;
        if (is_sent(held, fate)) {
            if (client->total != NULL)
                client->total->released_ms = loop_now_ms(client->parts->loop);
            send_in_order(client, held->seq, held->packet);
        }
        hold->bytes -= held->packet->length;
        block_release(held->packet);
        free(held);
    }
    hold->last = last;
}

void client_release_until(struct client *client, int64_t seq)
{
    take_out(client, seq, NULL, SEND_JOINED);
}

void client_forget_until(struct client *client, int64_t seq)
{
    take_out(client, seq, NULL, FORGET);
}

void client_forget_room(struct client *client, const struct membership *membership)
{
    take_out(client, 0, membership, FORGET);
}

static void end_hold(struct client *client, enum fate fate)
{
    if (client->hold == NULL)
        return;
    take_out(client, INT64_MAX, NULL, fate);
    free(client->hold);
    client->hold = NULL;
}

void client_release(struct client *client)
{
    end_hold(client, SEND);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct client *client_create(struct broker_parts *parts, struct socketio_socket *socket,
                             const struct token_claims *claims)
{
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL || !loop_timer_add(parts->loop, &client->expiry, on_client_expiry)) {
        free(client);
        return NULL;
    }
    client->occupant.user = rooms_take_user(&parts->rooms, claims->user_id);
    if (client->occupant.user == NULL || !client_hold(client)) {
        if (client->occupant.user != NULL)
            rooms_drop_user(&parts->rooms, client->occupant.user);
        loop_timer_remove(parts->loop, &client->expiry);
        free(client);
        return NULL;
    }
    client->parts = parts;
    client->socket = socket;
    client->kind = (uint8_t)claims->kind;
    client->expires_at_ms = claims->expires_at_ms;
    client->key = claims->key;
    rooms_add_occupant(&client->occupant);
    return client;
}

void client_free(struct client *client)
{
    struct broker_parts *parts = client->parts;

    ASSERT(!client->is_online);
    ASSERT(client->lag == NULL);
    loop_timer_remove(parts->loop, &client->expiry);
    end_hold(client, FORGET);
    rooms_remove_occupant(&parts->rooms, &client->occupant);
    free(client);
}
