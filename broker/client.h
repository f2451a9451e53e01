/*
 * One socket of a user, from its CONNECT packet to its end, and the order in which it gets events.
 *
 * While something is read for the socket that events must not overtake (its history, its missed
 * events, a count), they are held: what the feed delivers is kept, and sent when the answer is
 * there. The answer is a picture of the database at one seq: what is older and in it is dropped,
 * the rest follows it.
 *
 * A client that takes events more slowly than they come is not cut off: it lags. From then on what
 * comes is left in the outbox, and read from there once it has taken what waits (broker/lag.h).
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_CLIENT_H
#define MESSAGERIE_BROKER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/parts.h"
#include "broker/protocol/socketio.h"
#include "broker/rooms.h"
#include "common/container.h"
#include "common/event.h"
#include "common/token.h"
#include "db/database.h"

/* The namespace that all clients are in. */
#define CLIENT_NAMESPACE "/messaging"

/* The events that wait for one client. */
struct hold;

/* What belongs to a client while it is to be told its total again; broker/totals.c makes, lists and
 * frees it. */
struct total_wait {
    struct client *client;
    struct total_wait *next, *previous;
    int64_t since_ms, due_ms; /* the loop's time, as all of them */
    int64_t released_ms;      /* when something that was held was sent last; 0: not meanwhile */
};

/* An id, "-" and the time line that it is of (db/engine/outbox_reader.h). */
#define CLIENT_PID_BYTES (ENGINEIO_ID_BYTES + TIMELINE_BYTES)

/* There may be tens of thousands, nearly all of them idle. */
struct client {
    struct occupant occupant;
    struct broker_parts *parts;
    struct socketio_socket *socket;
    struct hold *hold;            /* NULL while events go straight to the socket */
    struct timer expiry;          /* of its token */
    int64_t expires_at_ms;        /* wall time; 0: never */
    struct token_fingerprint key; /* of its token */
    int64_t position;             /* the newest seq that it was sent or needs no more */
    struct total_wait *total;     /* NULL while it need not be */
    struct lag *lag;              /* while it catches up, else NULL */
    bool is_lagging : 1;          /* it has not been sent all up to now, and is sent no more */
    bool has_action : 1;          /* see broker/action.h */
    bool is_failing : 1;          /* to be closed in another turn */
    bool is_erased : 1;           /* to be disconnected in another turn: the person is */
    bool is_online : 1;           /* let in */
    bool is_away : 1;             /* it has said that nobody is there: broker/presence.h */
    bool is_total_read : 1;       /* its total is being read */
    uint8_t kind;                 /* enum caller_kind */
    char pid[CLIENT_PID_BYTES];   /* of its recovery, "" without one */
};

/* All occupants of rooms are clients. */
static inline struct client *client_of(struct occupant *occupant)
{
    return CONTAINER_OF(occupant, struct client, occupant);
}

/* One for a socket whose token holds these claims: among its user's, with events held. NULL without
 * memory. */
struct client *client_create(struct broker_parts *parts, struct socketio_socket *socket,
                             const struct token_claims *claims);

/* It must have left its rooms. */
void client_free(struct client *client);

/* Who asks, for an operation; lives as long as the client. */
struct caller client_caller(const struct client *client);

/* Whether what is sent to it goes out. A client whose connection is gone stays in its rooms until
 * what it asked for is answered. */
bool client_is_reachable(const struct client *client);

/* ---- its end ------------------------------------------------------------------------------- */

/* These end it in another turn of the loop: whoever walks over clients may call them. */

/* Closes the transport. What the client misses it recovers when it comes back; so that it does, it
 * is sent nothing any more, as each event has a newer offset than what it misses. */
void client_fail(struct client *client);

/* Disconnects it for good: its person was erased. */
void client_erase(struct client *client);

/* From now on it is told, and closed, when its token expires. */
void client_start_expiry(struct client *client);

/* Its token expires after that time, unless it does before. */
void client_expire_in(struct client *client, int64_t ms);

/* ---- sending ------------------------------------------------------------------------------- */

/* The packet of an event that is not in the outbox; `payload` is one JSON value. NULL without
 * memory, and when the buffer has failed. */
struct block *client_encode_passing(const char *name, const struct buffer *payload);

/* The packet of an event of the outbox, with its seq as offset. NULL without memory. */
struct block *client_encode(const struct broker_parts *parts, const struct event *event);

/* Sends a packet that has no place among the events of the outbox. NULL (no memory) closes the
 * socket. */
void client_send(struct client *client, struct block *packet);

/* The same to all of the room who have joined it, but not to that user's (NULL: to everybody). */
void client_send_to_room(const struct room *room, const struct user *but, struct block *packet);

/* The same, of client_encode_passing. */
void client_emit(struct client *client, const char *name, const struct buffer *payload);

/* One that is a picture of the database at `seq`, which becomes the client's offset; but not that
 * of one that lags, which still has to get what is older. */
void client_emit_at(struct client *client, int64_t seq, const char *name,
                    const struct buffer *payload);

/* The user's total of unread messages, read at that seq. */
void client_emit_unread(struct client *client, int64_t seq, int64_t total);

/* The same with no place among the events: `total` is no older than the newest that it was sent. */
void client_emit_total(struct client *client, int64_t total);

/* The event with that seq, encoded; `membership` is the client's in the room that it came through,
 * or NULL. Kept or dropped when it has to be. */
void client_deliver(struct client *client, int64_t seq, struct block *packet,
                    const struct membership *membership);

/* ---- holding ------------------------------------------------------------------------------- */

/* Holds events from now on. False without memory; true also when it does already. */
bool client_hold(struct client *client);

/* Sends what is held up to `seq`, but what came through a pending membership. */
void client_release_until(struct client *client, int64_t seq);

/* Forgets what is held up to `seq`, which the client has in another form. */
void client_forget_until(struct client *client, int64_t seq);

/* Forgets what is held from this pending membership, which comes to nothing. */
void client_forget_room(struct client *client, const struct membership *membership);

/* Sends all that is held and ends the hold. */
void client_release(struct client *client);

#endif
