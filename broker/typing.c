#include "broker/typing.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/container.h"
#include "common/json_writer.h"

/* A user who writes in a room. */
struct typist {
    struct typing *typing;
    struct room *room;
    struct client *client; /* the socket that wrote last */
    struct typist *next_in_room;
    struct typist *next, *previous; /* of all */
    struct timer expiry;
};

/* Listed by room, to be found and told there, and all together, for a client that leaves: a client
 * is not asked which rooms it types in, as few type at any moment. */
struct typing {
    struct loop *loop;
    struct rooms *rooms;
    struct typist *first;
};

/* ---- telling ------------------------------------------------------------------------------- */

/* Tells the others in the room. `user_name` NULL: has stopped. */
static void tell_others(const struct room *room, const struct user *user, const char *user_name)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "conversationId", room->id);
    json_member_text(&writer, "userId", user->id);
    json_member_text(&writer, "userName", user_name);
    json_end_object(&writer);
    struct block *packet =
        client_encode_passing(user_name != NULL ? "user-typing" : "user-stopped-typing", &payload);
    if (packet != NULL) /* else nobody is told: typing is a hint */
        client_send_to_room(room, user, packet);
    block_release(packet);
    buffer_free(&payload);
}

/* ---- typists ------------------------------------------------------------------------------- */

static struct typist *find_typist(struct typing *typing, const char *user_id, const char *room_id)
{
    const struct room *room = rooms_find_room(typing->rooms, room_id);
    struct typist *typist = room != NULL ? room->typists : NULL;

    while (typist != NULL && strcmp(typist->client->occupant.user->id, user_id) != 0)
        typist = typist->next_in_room;
    return typist;
}

static void remove_typist(struct typist *typist)
{
    struct typing *typing = typist->typing;
    struct room *room = typist->room;
    struct typist **link = &room->typists;

    while (*link != typist)
        link = &(*link)->next_in_room;
    *link = typist->next_in_room;
    if (typist->previous != NULL)
        typist->previous->next = typist->next;
    else
        typing->first = typist->next;
    if (typist->next != NULL)
        typist->next->previous = typist->previous;
    loop_timer_remove(typing->loop, &typist->expiry);
    free(typist);
    rooms_drop_room(typing->rooms, room);
}

static void end_typist(struct typist *typist)
{
    tell_others(typist->room, typist->client->occupant.user, NULL);
    remove_typist(typist);
}

static void on_typing_expiry(struct timer *timer)
{
    end_typist(CONTAINER_OF(timer, struct typist, expiry));
}

/* NULL without memory: nobody is told then. */
static struct typist *add_typist(struct typing *typing, struct client *client, const char *room_id)
{
    struct room *room = rooms_take_room(typing->rooms, room_id);

    if (room == NULL)
        return NULL;
    struct typist *typist = calloc(1, sizeof(*typist));
    if (typist == NULL || !loop_timer_add(typing->loop, &typist->expiry, on_typing_expiry)) {
        free(typist);
        rooms_drop_room(typing->rooms, room);
        return NULL;
    }
    typist->typing = typing;
    typist->room = room;
    typist->next_in_room = room->typists;
    room->typists = typist;
    typist->next = typing->first;
    if (typing->first != NULL)
        typing->first->previous = typist;
    typing->first = typist;
    typist->client = client;
    return typist;
}

/* ---- what happens -------------------------------------------------------------------------- */

void typing_start(struct typing *typing, struct client *client, const char *room_id,
                  const char *name)
{
    struct typist *typist = find_typist(typing, client->occupant.user->id, room_id);

    if (typist == NULL)
        typist = add_typist(typing, client, room_id);
    if (typist == NULL)
        return;
    /* Of several tabs the one that wrote last counts: if another one leaves the room, the user
     * still writes. */
    typist->client = client;
    loop_timer_start(typing->loop, &typist->expiry, TYPING_MS);
    tell_others(typist->room, client->occupant.user, name);
}

void typing_stop(struct typing *typing, const struct client *client, const char *room_id)
{
    struct typist *typist = find_typist(typing, client->occupant.user->id, room_id);
    const struct room *room = rooms_find_room(typing->rooms, room_id);

    if (typist != NULL)
        end_typist(typist);
    else if (room != NULL)
        tell_others(room, client->occupant.user, NULL);
}

void typing_end(struct typing *typing, const char *user_id, const char *room_id)
{
    struct typist *typist = find_typist(typing, user_id, room_id);

    if (typist != NULL)
        end_typist(typist);
}

void typing_leave(struct typing *typing, const struct client *client, const char *room_id)
{
    struct typist *typist = typing->first;

    while (typist != NULL) {
        struct typist *next = typist->next;
        if (typist->client == client && (room_id == NULL || strcmp(typist->room->id, room_id) == 0))
            end_typist(typist);
        typist = next;
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

struct typing *typing_create(struct loop *loop, struct rooms *rooms)
{
    struct typing *typing = calloc(1, sizeof(*typing));

    if (typing != NULL)
        *typing = (struct typing){.loop = loop, .rooms = rooms};
    return typing;
}

void typing_free(struct typing *typing)
{
    ASSERT(typing == NULL || typing->first == NULL);
    free(typing);
}
