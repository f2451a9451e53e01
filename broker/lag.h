/*
 * A client that takes events more slowly than they come: a thread on a bad link, a burst of long
 * messages. It is not cut off. What it has been sent goes out, what comes meanwhile stays in the
 * outbox, and is read from there, a page at a time, until the client has all. Its own events wait
 * for so long.
 *
 * One that takes nothing at all is stuck, and cut off (broker/catch_up.h).
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_LAG_H
#define MESSAGERIE_BROKER_LAG_H

#include "broker/client.h"

/* The client lags from now on (client->is_lagging): looks after it until it has caught up. For
 * struct broker_parts; may come within any delivery. Without memory the client is cut off, and
 * recovers. */
void lag_begin(struct client *client);

/* Forgets about a client that is not let in after all. */
void lag_cancel(struct client *client);

#endif
