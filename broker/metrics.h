/*
 * The broker's counters, and their text (broker/exposition.h).
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_METRICS_H
#define MESSAGERIE_BROKER_METRICS_H

#include <stdint.h>

#include "common/buffer.h"
#include "common/histogram.h"

struct metrics {
    uint64_t events_in;  /* that clients have sent */
    uint64_t events_out; /* that were sent to clients, each client counted */
    uint64_t events_refused;
    uint64_t connects;
    uint64_t connects_refused;
    uint64_t origins_refused; /* requests of pages that may not connect */
    uint64_t recoveries;
    uint64_t recoveries_failed; /* asked for, and not possible */
    uint64_t slow_consumers;    /* cut off because they did not read */
    uint64_t lags;              /* times that a client has fallen behind, and was caught up */
    uint64_t tokens_expired;
    uint64_t rate_limited;
    uint64_t bus_events;
    uint64_t bus_malformed;
    struct histogram commit;   /* from a client's event to its commit */
    struct histogram delivery; /* from an event's arrival to its fan-out */
};

/* What is counted elsewhere, at this moment. */
struct metrics_gauges {
    uint64_t polling_connections;
    uint64_t websocket_connections;
    uint64_t users;
    uint64_t rooms;
    uint64_t memberships;
    uint64_t anonymous_connections; /* without a user */
    uint64_t anonymous_evicted;     /* of those, that had to make room for another */
    uint64_t queued_bytes;
    uint64_t pending_requests;
    uint64_t feed_delivered;
    uint64_t feed_healed;
    uint64_t feed_skipped;
    uint64_t database_commits;
    uint64_t database_operations;
    uint64_t database_failures;
};

/* Appends the whole page. */
void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges,
                   struct buffer *out);

#endif
