/*
 * Who is online, told to those who share a conversation with them and to nobody else: once per
 * user and not per socket. A user whose last socket is gone stays online for
 * PRESENCE_GRACE_MS, so that a page that is loaded anew, or a network that fails for a moment, is
 * not told; after a restart of the broker those who were online have PRESENCE_RESTART_MS to come
 * back.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PRESENCE_H
#define MESSAGERIE_BROKER_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/client.h"
#include "broker/worker.h"
#include "common/buffer.h"

#define PRESENCE_GRACE_MS   5000
#define PRESENCE_RESTART_MS 10000
/* Most contacts that a connecting socket is told are online. */
#define PRESENCE_CONTACTS_MAX 500

struct presence;

/* NULL without memory. Borrows all three. */
struct presence *presence_create(struct loop *loop, struct worker *worker, struct rooms *rooms);

/* Before the rooms are freed; the worker must be gone. Accepts NULL. */
void presence_free(struct presence *presence);

/* The client has been let in: it is told which of its user's contacts (NUL-terminated ids one
 * after the other) are online, and they are told of the user, unless they have been. `name` is what
 * they call the user. */
void presence_connected(struct presence *presence, struct client *client,
                        const struct buffer *contacts, const char *name);

/* The client says whether somebody is there: a user all of whose sockets are away is told to others
 * as one whose last socket is gone. */
void presence_set_away(struct presence *presence, struct client *client, bool is_away);

/* The client is about to go. */
void presence_disconnected(struct presence *presence, struct client *client);

/* These users (id and name of each, as struct recovery_abandon has them) were online when the
 * broker ended. */
void presence_restore(struct presence *presence, const struct buffer *people);

#endif
