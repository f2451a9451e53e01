/*
 * The broker as a whole, behind its HTTP server and its bus: it lets clients in, runs what they
 * send through the same operations of db/ as the REST programs, and hands committed events to the
 * sockets that they are for (docs/protocol.md, "Sockets").
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_BROKER_H
#define MESSAGERIE_BROKER_BROKER_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/metrics.h"
#include "broker/transport/http.h"
#include "broker/transport/loop.h"
#include "common/configuration.h"
#include "common/event.h"

/* Engine.IO's times and sizes, as docs/protocol.md has them. */
#define BROKER_PING_INTERVAL_MS   25000
#define BROKER_PING_TIMEOUT_MS    20000
#define BROKER_UPGRADE_TIMEOUT_MS 10000
#define BROKER_MAX_PAYLOAD_BYTES  1000000

struct broker;
struct readiness;

/* Borrows the configuration, whose kind verifies tokens, until it is given another. NULL with
 * *error (English). */
struct broker *broker_create(struct loop *loop, const struct configuration *configuration,
                             struct error *error);

/* Ends all connections without a word, finishes what is under way in the database, and closes it.
 * Turns the loop meanwhile. Accepts NULL. */
void broker_free(struct broker *broker);

/* Reads who was online when the last broker ended; opens the database. Once, before requests come.
 */
void broker_start(struct broker *broker);

/* A request of a browser for Engine.IO's path, in every method. */
void broker_handle(struct broker *broker, struct http_request *request);

/* How long its body may be, see struct http_options. */
size_t broker_max_body(const struct broker *broker, const struct http_request *request);

/* An event from the bus; its texts are valid during the call. */
void broker_accept(struct broker *broker, const struct event *event);

/* From now on nobody is let in and nothing is remembered about who leaves: clients come back to
 * the next broker, which still finds them connected. */
void broker_stop(struct broker *broker);

/* Tells up to `limit` clients to go; returns how many there were. */
size_t broker_close_some(struct broker *broker, size_t limit);

/* Connections there are, of clients that have been let in and of others. */
size_t broker_connections(const struct broker *broker);

/* Works by another configuration from now on, also for those who are connected. Nobody keeps
 * pointers into one longer than a callback, but with a reference of their own, so the one before
 * may be gone when this returns. */
void broker_use_configuration(struct broker *broker, const struct configuration *configuration);

/* Counters; `metrics` may be added to. */
struct metrics *broker_metrics(struct broker *broker);
void broker_gauges(struct broker *broker, struct metrics_gauges *gauges);

/* By which one asks whether clients can be served (broker/readiness.h); the broker's. */
struct readiness *broker_readiness(struct broker *broker);

#endif
