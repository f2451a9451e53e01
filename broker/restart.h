/*
 * After a restart: who was online when the last broker ended. They have some time to come back
 * before others are told that they are gone (broker/presence.h); and their recoveries no longer
 * count as connected.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_RESTART_H
#define MESSAGERIE_BROKER_RESTART_H

#include "broker/parts.h"

struct restart;

/* Begins to find out, and goes on until the database could be written. NULL without memory: nobody
 * is then told of anybody who does not come back. */
struct restart *restart_begin(struct broker_parts *parts);

/* The worker must be gone. Accepts NULL. */
void restart_free(struct restart *restart);

#endif
