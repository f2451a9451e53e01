/*
 * What those parts of the broker that deal with clients work with. broker.c makes it; a part gets
 * it when it is created, or through a client. There are no functions here: a part includes the
 * headers of what it calls, which always stands below it:
 *
 *   broker                                     puts all of it together
 *   admission, client_events, delivery, readiness, restart, withdrawal
 *   lag
 *   catch_up, action                           one step of a client's life, asynchronously
 *   follow_up, recovery_writes
 *   presence, totals, typing
 *   client
 *   rooms, feed, worker, metrics, connections, silent
 *
 * Upwards there are only callbacks.
 */
#ifndef MESSAGERIE_BROKER_PARTS_H
#define MESSAGERIE_BROKER_PARTS_H

#include <stdbool.h>

#include "broker/metrics.h"
#include "broker/rooms.h"
#include "common/log.h"

struct client;
struct configuration;
struct feed;
struct loop;
struct presence;
struct read_marks;
struct recovery_write;
struct socketio_server;
struct totals;
struct typing;
struct user_budgets;
struct worker;

struct broker_parts {
    struct loop *loop;
    const struct configuration *configuration; /* the present one, see broker_use_configuration */
    struct metrics metrics;
    struct rooms rooms;
    struct worker *worker;
    struct read_marks *marks;
    struct recovery_write *given_up; /* see broker/recovery_writes.h */
    struct feed *feed;
    struct presence *presence;
    struct totals *totals;
    struct typing *typing;
    struct user_budgets *events; /* that users send, by all their sockets */
    struct socketio_server *socketio;
    void (*on_lag)(struct client *client); /* it lags from now on; may come within any delivery */
    struct log_limit event_failures, undelivered, slow, origins; /* lines of the log */
    bool is_stopping;                                            /* see broker_stop */
};

#endif
