/*
 * What clients ask for (docs/protocol.md, "What a client sends"). The payload is checked by the
 * rules of REST, the same operation of db/ runs in the worker, and the answer goes out after its
 * commit.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_CLIENT_EVENTS_H
#define MESSAGERIE_BROKER_CLIENT_EVENTS_H

#include "broker/client.h"

/* An event; it is answered now or later. */
void client_events_handle(struct client *client, const struct socketio_event *event);

/* One whose payload cannot be read. */
void client_events_refuse(struct client *client, int64_t ack_id, const struct error *error);

#endif
