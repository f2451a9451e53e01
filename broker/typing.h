/*
 * Who is writing in which conversation. It is told to the other users' sockets in the room, and
 * ends when the page says so, with the user's message, when the socket that wrote leaves the room
 * or disconnects, or after TYPING_MS without renewal: pages tell the first key only, so it is long.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_TYPING_H
#define MESSAGERIE_BROKER_TYPING_H

#include "broker/client.h"

#define TYPING_MS 60000

struct typing;

/* NULL without memory. Borrows both. */
struct typing *typing_create(struct loop *loop, struct rooms *rooms);

/* Nobody may be typing any more. Accepts NULL. */
void typing_free(struct typing *typing);

/* The client writes in that room, or goes on; tells the others. `name` is the user's, length bytes
 * of UTF-8 and a NUL. */
void typing_start(struct typing *typing, struct client *client, const char *room_id,
                  const char *name);

/* The client says that it has stopped in that room; tells the others in any case. */
void typing_stop(struct typing *typing, const struct client *client, const char *room_id);

/* The user has sent a message to that room; tells the others if they take the user for writing. */
void typing_end(struct typing *typing, const char *user_id, const char *room_id);

/* The client leaves that room (NULL: all of them). */
void typing_leave(struct typing *typing, const struct client *client, const char *room_id);

#endif
