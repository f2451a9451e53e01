/*
 * The messaging layer: what our events mean, on top of Socket.IO. It lets clients in, runs what
 * they send through the same operations of db/ as the REST programs, and hands committed events to
 * the sockets that they are for (docs/protocol.md, "Sockets").
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_BROKER_H
#define MESSAGERIE_BROKER_BROKER_H

#include <stdbool.h>

#include "broker/feed.h"
#include "broker/metrics.h"
#include "broker/transport/http.h"
#include "broker/worker.h"
#include "common/configuration.h"
#include "common/event.h"

/* Engine.IO's times and sizes, as docs/protocol.md has them. */
#define MESSAGING_PING_INTERVAL_MS   25000
#define MESSAGING_PING_TIMEOUT_MS    20000
#define MESSAGING_UPGRADE_TIMEOUT_MS 10000
#define MESSAGING_MAX_PAYLOAD_BYTES  1000000

struct messaging;

/* Borrows the configuration, whose kind verifies tokens, until it is given another. NULL with
 * *error (English). */
struct messaging *messaging_create(struct loop *loop, const struct configuration *configuration,
                                   struct error *error);

/* Ends all connections without a word, finishes what is under way in the database, and closes it.
 * Accepts NULL. */
void messaging_free(struct messaging *messaging);

/* Reads who was online when the broker ended; opens the database. Once, before requests come. */
void messaging_start(struct messaging *messaging);

/* A request of a browser, in every method. */
void messaging_handle(struct messaging *messaging, struct http_request *request);

/* An event from the bus. */
void messaging_accept(struct messaging *messaging, const struct event *event);

/* From now on nobody is let in and nothing is remembered about who leaves: clients come back to
 * the next broker, which still finds them connected. */
void messaging_stop(struct messaging *messaging);

/* Tells up to `limit` clients to go; returns how many there were. */
size_t messaging_close_some(struct messaging *messaging, size_t limit);

/* Clients there are. */
size_t messaging_connections(const struct messaging *messaging);

/* Works by another configuration from now on, also for those who are connected. Nobody keeps
 * pointers into one longer than a callback, but with a reference of their own, so the one before
 * may be gone when this returns. */
void messaging_use_configuration(struct messaging *messaging,
                                 const struct configuration *configuration);

/* Counters; `metrics` may be added to. */
struct metrics *messaging_metrics(struct messaging *messaging);
void messaging_gauges(struct messaging *messaging, struct metrics_gauges *gauges);

/* Whether clients can be served: the database can be used, and nobody has said stop. */
bool messaging_is_ready(const struct messaging *messaging);

#endif
