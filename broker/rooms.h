/*
 * Who is there: users with their sockets, and rooms (conversations) with the sockets that have
 * joined them. In memory, found by id, and gone when nobody needs them.
 *
 * A socket is known here as an occupant, which is a part of the client (broker/client.h); what else
 * a client is, is not known here.
 *
 * A socket that is about to join is in the room as a pending member: events of the room are kept
 * for it (broker/client.h), but to others it is not there yet.
 *
 * A room has the two participants' sockets, a user their tabs: lists are short, and walked.
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_ROOMS_H
#define MESSAGERIE_BROKER_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/transport/table.h"
#include "common/id.h"

struct typist;

/* Someone who has sockets, or had one until a moment ago. */
struct user {
    struct table_entry entry;
    struct occupant *first; /* linked by next_of_user */
    uint32_t socket_count;
    uint32_t online_count;   /* of its sockets that are let in, and not away */
    struct absence *absence; /* while others still take the user for online, else NULL */
    uint64_t pass;           /* the last walk over contacts that has met it */
    char *name;              /* what others call them, or NULL while that is not known */
    char id[];
};

struct room {
    struct table_entry entry;
    struct membership *first; /* linked by next_in_room */
    struct typist *typists;   /* who is writing there, see broker/typing.h */
    char id[ID_BYTES];
};

/* A socket of a user. */
struct occupant {
    struct user *user;
    struct occupant *next_of_user;
    struct membership *memberships; /* linked by next_of_occupant */
    uint16_t room_count;
};

struct membership {
    struct room *room;
    struct occupant *occupant;
    struct membership *next_in_room;
    struct membership *next_of_occupant;
    int64_t shown_seq; /* what the room had until then it has been shown as history */
    bool is_pending;
};

/* All zero is empty. */
struct rooms {
    struct table users;
    struct table rooms;
    size_t memberships;
};

/* NULL when there is none. */
struct user *rooms_find_user(const struct rooms *rooms, const char *id);
struct room *rooms_find_room(const struct rooms *rooms, const char *id);

/* Finds or makes it; NULL without memory, and for a room also when the id is too long for one.
 * What nobody uses in the end goes by rooms_drop_…. */
struct user *rooms_take_user(struct rooms *rooms, const char *id);
struct room *rooms_take_room(struct rooms *rooms, const char *id);

/* Others call the user so. Without memory it stays as it was. */
void rooms_name_user(struct user *user, const char *name);

/* Frees it when it has neither sockets nor anything else of those that this header names. */
void rooms_drop_user(struct rooms *rooms, struct user *user);
void rooms_drop_room(struct rooms *rooms, struct room *room);

/* Makes it one of its user's (occupant->user), or takes it out. It must have left all rooms. */
void rooms_add_occupant(struct occupant *occupant);
void rooms_remove_occupant(struct rooms *rooms, struct occupant *occupant);

/* All occupants there are; `visit` neither adds nor removes any. */
void rooms_visit(const struct rooms *rooms, void (*visit)(struct occupant *occupant, void *context),
                 void *context);

/* Its membership in the room, or NULL. */
struct membership *rooms_find_membership(const struct occupant *occupant, const char *room_id);

/* Adds one that is pending. NULL without memory, or when the id is too long for a room's. */
struct membership *rooms_join(struct rooms *rooms, struct occupant *occupant, const char *room_id);
void rooms_leave(struct rooms *rooms, struct membership *membership);

/* Leaves all rooms. */
void rooms_leave_all(struct rooms *rooms, struct occupant *occupant);

/* Frees the tables; everybody must have left. */
void rooms_free(struct rooms *rooms);

#endif
