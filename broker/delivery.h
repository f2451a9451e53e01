/*
 * Who gets an event: the sockets of the user, or those that have joined the room, that it is
 * addressed to. It is encoded once for all of them. What else follows from it is follow_up.h's.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_DELIVERY_H
#define MESSAGERIE_BROKER_DELIVERY_H

#include "broker/parts.h"
#include "common/event.h"

/* Delivers an event of the feed, which has waited so long since it arrived here. */
void delivery_deliver(struct broker_parts *parts, const struct event *event, int64_t waited_ms);

#endif
