#include "broker/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/parts.h"

/* Decimal digits of a seq and NUL. */
#define OFFSET_BYTES 24

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

void client_fail(struct client *client)
{
    client->is_failing = true;
    loop_timer_start(client->messaging->loop, &client->expiry, 0);
}

/* ---- sending ------------------------------------------------------------------------------- */

bool client_is_reachable(const struct client *client)
{
    return !client->is_failing && socketio_is_connected(client->socket);
}

void client_send(struct client *client, struct block *packet)
{
    if (client->is_failing)
        return;
    if (packet == NULL) {
        client_fail(client);
        return;
    }
    client->messaging->metrics.events_out++;
    socketio_send(client->socket, packet);
}

void client_emit(struct client *client, const char *name, const char *payload, size_t length)
{
    struct block *packet = socketio_encode_event(MESSAGING_NAMESPACE, name, payload, length, NULL);

    client_send(client, packet);
    block_release(packet);
}

void client_emit_at(struct client *client, int64_t seq, const char *name, const char *payload,
                    size_t length)
{
    char offset[OFFSET_BYTES];

    snprintf(offset, sizeof(offset), "%" PRId64, seq);
    struct block *packet =
        socketio_encode_event(MESSAGING_NAMESPACE, name, payload, length, offset);
    client_send(client, packet);
    block_release(packet);
    client->position = seq;
}

struct block *client_encode(const struct event *event)
{
    char offset[OFFSET_BYTES];

    snprintf(offset, sizeof(offset), "%" PRId64, event->seq);
    return socketio_encode_event(MESSAGING_NAMESPACE, event->name, event->payload,
                                 event->payload_length, offset);
}

static void send_event(struct client *client, int64_t seq, struct block *packet)
{
    if (seq <= client->position)
        return;
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

/* A socket that would have to keep more than its output may hold is closed, like one that does not
 * read. */
static void keep(struct client *client, int64_t seq, struct block *packet,
                 const struct membership *membership)
{
    struct hold *hold = client->hold;
    struct held *held = malloc(sizeof(*held));

    if (held == NULL ||
        hold->bytes + packet->length >
            (size_t)client->messaging->configuration->config->broker_max_output_bytes) {
        free(held);
        client_fail(client);
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
        keep(client, seq, packet, membership);
    else
        send_event(client, seq, packet);
}

/* What becomes of what is taken out of a hold. */
enum fate { FORGET, SEND_JOINED, SEND };

static bool is_sent(const struct held *held, enum fate fate)
{
    return fate == SEND || (fate == SEND_JOINED && held->membership == NULL);
}

/* Takes out all that came through `membership`, or if that is NULL all up to `seq`. */
static void take_out(struct client *client, int64_t seq, const struct membership *membership,
                     enum fate fate)
{
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
        if (is_sent(held, fate))
            send_event(client, held->seq, held->packet);
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

void client_drop_held(struct client *client)
{
    end_hold(client, FORGET);
}
