/*
 * What is written of a client's recovery (db/recovery.h) without anybody waiting for it. Who has
 * none, is not written of. Without memory nothing is: the recovery stays as it was, and is pruned
 * one day.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_RECOVERY_WRITES_H
#define MESSAGERIE_BROKER_RECOVERY_WRITES_H

#include "broker/client.h"

/* The client is shown what cannot be remembered now (db/recovery.h): it goes on without a recovery.
 * False without memory: it must not be shown then. */
bool recovery_writes_give_up(struct client *client);

/* Whether that one was given up and is still to be deleted: it must not be gone on with. */
bool recovery_writes_are_given_up(const struct broker_parts *parts, const char *pid);

/* The client's connection is gone: it may come back. */
void recovery_writes_suspend(const struct client *client);

/* The client has said good-bye. */
void recovery_writes_close(const struct client *client);

/* The room is gone. */
void recovery_writes_forget_room(const struct client *client, const char *conversation_id);

#endif
