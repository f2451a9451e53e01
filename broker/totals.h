/*
 * The total of unread messages, told once more. The front-ends lower their badge by one at each
 * message-read, whoever reads, and some do it in a later task: after the total that follows. So
 * whoever got one of those events is told the total again when no more of them have come for
 * TOTALS_DELAY_MS, and at the latest TOTALS_LATEST_MS after the first.
 *
 * It is no event of the outbox, and has no offset: it is missed by nobody. Everything belongs to
 * the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_TOTALS_H
#define MESSAGERIE_BROKER_TOTALS_H

#include "broker/client.h"

#define TOTALS_DELAY_MS  150
#define TOTALS_LATEST_MS 1000

struct totals;

/* NULL without memory. */
struct totals *totals_create(struct broker_parts *parts);

/* The clients and the worker must be gone. Accepts NULL. */
void totals_free(struct totals *totals);

/* Whether an event of that name makes pages change their badge. */
bool totals_are_moved_by(const char *event_name);

/* The client has been sent such an event. */
void totals_tell_again(struct client *client);

/* The client is about to go. */
void totals_forget(struct client *client);

#endif
