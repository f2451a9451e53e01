/*
 * What the broker itself does because of an event, after it has been delivered:
 *
 *   new-message            the sender no longer writes; who has the conversation open has read it
 *   conversation-deleted   the user's sockets leave it
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_FOLLOW_UP_H
#define MESSAGERIE_BROKER_FOLLOW_UP_H

#include "broker/client.h"
#include "common/event.h"

/* Once for an event, when all who are there have it. */
void follow_up(struct broker_parts *parts, const struct event *event);

/* Once for each client that had missed the event, when it has it. */
void follow_up_missed(struct client *client, const struct event *event);

#endif
