#include "broker/rooms.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/container.h"

struct user *rooms_find_user(const struct rooms *rooms, const char *id)
{
    struct table_entry *entry = table_find(&rooms->users, id);

    return entry != NULL ? CONTAINER_OF(entry, struct user, entry) : NULL;
}

struct room *rooms_find_room(const struct rooms *rooms, const char *id)
{
    struct table_entry *entry = table_find(&rooms->rooms, id);

    return entry != NULL ? CONTAINER_OF(entry, struct room, entry) : NULL;
}

struct user *rooms_take_user(struct rooms *rooms, const char *id)
{
    struct user *user = rooms_find_user(rooms, id);
    size_t size = strlen(id) + 1;

    if (user != NULL)
        return user;
    user = calloc(1, sizeof(*user) + size);
    if (user == NULL)
        return NULL;
    memcpy(user->id, id, size);
    user->entry.key = user->id;
    if (table_add(&rooms->users, &user->entry))
        return user;
    free(user);
    return NULL;
}

struct room *rooms_take_room(struct rooms *rooms, const char *id)
{
    struct room *room = rooms_find_room(rooms, id);
    size_t size = strlen(id) + 1;

    if (room != NULL || size > sizeof(room->id))
        return room;
    room = calloc(1, sizeof(*room));
    if (room == NULL)
        return NULL;
    memcpy(room->id, id, size);
    room->entry.key = room->id;
    if (table_add(&rooms->rooms, &room->entry))
        return room;
    free(room);
    return NULL;
}

void rooms_name_user(struct user *user, const char *name)
{
    if (user->name != NULL && strcmp(user->name, name) == 0)
        return;
    char *copy = strdup(name);
    if (copy == NULL)
        return;
    free(user->name);
    user->name = copy;
}

/* Users and rooms are dropped by whoever lets go of them, and not by a count of references: that
 * they are needed stands in their own fields, which cannot fall out of step with it. */
void rooms_drop_user(struct rooms *rooms, struct user *user)
{
    if (user->first != NULL || user->absence != NULL)
        return;
    table_remove(&rooms->users, &user->entry);
    free(user->name);
    free(user);
}

void rooms_drop_room(struct rooms *rooms, struct room *room)
{
    if (room->first != NULL || room->typists != NULL)
        return;
    table_remove(&rooms->rooms, &room->entry);
    free(room);
}

void rooms_add_occupant(struct occupant *occupant)
{
    struct user *user = occupant->user;

    occupant->next_of_user = user->first;
    user->first = occupant;
    user->socket_count++;
}

void rooms_remove_occupant(struct rooms *rooms, struct occupant *occupant)
{
    struct user *user = occupant->user;
    struct occupant **link = &user->first;

    ASSERT(occupant->memberships == NULL);
    while (*link != occupant)
        link = &(*link)->next_of_user;
    *link = occupant->next_of_user;
    user->socket_count--;
    occupant->user = NULL;
    rooms_drop_user(rooms, user);
}

void rooms_visit(const struct rooms *rooms, void (*visit)(struct occupant *occupant, void *context),
                 void *context)
{
    const struct table *users = &rooms->users;

    for (size_t i = 0; i < users->bucket_count; i++)
        for (struct table_entry *entry = users->buckets[i]; entry != NULL; entry = entry->next)
            for (struct occupant *one = CONTAINER_OF(entry, struct user, entry)->first; one != NULL;
                 one = one->next_of_user)
                visit(one, context);
}

/* Walked from the socket, which has a few rooms, and not from the room. */
struct membership *rooms_find_membership(const struct occupant *occupant, const char *room_id)
{
    struct membership *membership = occupant->memberships;

    while (membership != NULL && strcmp(membership->room->id, room_id) != 0)
        membership = membership->next_of_occupant;
    return membership;
}

struct membership *rooms_join(struct rooms *rooms, struct occupant *occupant, const char *room_id)
{
    struct room *room = rooms_take_room(rooms, room_id);

    if (room == NULL)
        return NULL;
    struct membership *membership = calloc(1, sizeof(*membership));
    if (membership == NULL) {
        rooms_drop_room(rooms, room);
        return NULL;
    }
    /* In front: the order of a room's members means nothing, and finding an end would be a walk. */
    *membership = (struct membership){.room = room,
                                      .occupant = occupant,
                                      .next_in_room = room->first,
                                      .next_of_occupant = occupant->memberships,
                                      .is_pending = true};
    room->first = membership;
    occupant->memberships = membership;
    occupant->room_count++;
    rooms->memberships++;
    return membership;
}

void rooms_leave(struct rooms *rooms, struct membership *membership)
{
    struct membership **link = &membership->room->first;
    struct occupant *occupant = membership->occupant;

    while (*link != membership)
        link = &(*link)->next_in_room;
    *link = membership->next_in_room;
    link = &occupant->memberships;
    while (*link != membership)
        link = &(*link)->next_of_occupant;
    *link = membership->next_of_occupant;
    occupant->room_count--;
    rooms->memberships--;
    rooms_drop_room(rooms, membership->room);
    free(membership);
}

void rooms_leave_all(struct rooms *rooms, struct occupant *occupant)
{
    struct membership *membership = occupant->memberships;

    while (membership != NULL) {
        struct membership *next = membership->next_of_occupant;
        rooms_leave(rooms, membership);
        membership = next;
    }
}

void rooms_free(struct rooms *rooms)
{
    table_free(&rooms->users);
    table_free(&rooms->rooms);
}
