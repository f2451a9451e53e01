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

/* The client's connection is gone: it may come back. */
void recovery_writes_suspend(const struct client *client);

/* The client has said good-bye. */
void recovery_writes_close(const struct client *client);

/* The room is gone. */
void recovery_writes_forget_room(const struct client *client, const char *conversation_id);

#endif
