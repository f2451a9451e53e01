#include "broker/metrics.h"

#include "broker/exposition.h"

/* The names' beginning, which callers leave out. */
#define PREFIX "messagerie_broker_"

#define write_counter(out, name, help, value) write_value(out, PREFIX name, "counter", help, value)
#define write_gauge(out, name, help, value)   write_value(out, PREFIX name, "gauge", help, value)

static void write_value(struct buffer *out, const char *name, const char *type, const char *help,
                        uint64_t value)
{
    exposition_head(out, name, type, help);
    exposition_value(out, name, "", value);
}

static void write_histogram(struct buffer *out, const char *name, const char *help,
                            const struct histogram *histogram)
{
    exposition_head(out, name, "histogram", help);
    exposition_histogram(out, name, "", histogram);
}

static void write_gauges(const struct metrics_gauges *gauges, struct buffer *out)
{
    exposition_head(out, PREFIX "connections", "gauge",
                    "Clients that are connected, by transport.");
    exposition_value(out, PREFIX "connections", "transport=\"polling\"",
                     gauges->polling_connections);
    exposition_value(out, PREFIX "connections", "transport=\"websocket\"",
                     gauges->websocket_connections);
    write_gauge(out, "users", "Users with sockets, or lately.", gauges->users);
    write_gauge(out, "rooms", "Conversations that somebody has joined.", gauges->rooms);
    write_gauge(out, "memberships", "Sockets in rooms.", gauges->memberships);
    write_gauge(out, "anonymous_connections", "Clients that are connected and show no user.",
                gauges->anonymous_connections);
    write_counter(out, "anonymous_evicted_total", "Of those, that had to make room for another.",
                  gauges->anonymous_evicted);
    write_gauge(out, "queued_bytes", "Bytes that wait for clients to read.", gauges->queued_bytes);
    write_gauge(out, "pending_requests", "Database requests under way.", gauges->pending_requests);
    write_counter(out, "feed_events_total", "Committed events that were handed on.",
                  gauges->feed_delivered);
    write_counter(out, "feed_healed_total", "Of those, read from the outbox.", gauges->feed_healed);
    write_counter(out, "feed_skipped_total", "Events pruned before they were delivered.",
                  gauges->feed_skipped);
    write_counter(out, "database_commits_total", "Transactions of this process.",
                  gauges->database_commits);
    write_counter(out, "database_operations_total", "Operations in them.",
                  gauges->database_operations);
    write_counter(out, "database_failures_total", "Times that the database could not be used.",
                  gauges->database_failures);
}

void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges,
                   struct buffer *out)
{
    write_gauges(gauges, out);
    write_counter(out, "events_in_total", "Events from clients.", metrics->events_in);
    write_counter(out, "events_out_total", "Events to clients.", metrics->events_out);
    write_counter(out, "events_refused_total",
                  "Events from clients that were answered by an error.", metrics->events_refused);
    write_counter(out, "connects_total", "Sockets that were let in.", metrics->connects);
    write_counter(out, "connects_refused_total", "Connections and sockets that were refused.",
                  metrics->connects_refused);
    write_counter(out, "origins_refused_total", "Requests of pages that may not connect.",
                  metrics->origins_refused);
    write_counter(out, "recoveries_total", "Sockets that went on where they were.",
                  metrics->recoveries);
    write_counter(out, "recoveries_failed_total", "Sockets that wanted to and could not.",
                  metrics->recoveries_failed);
    write_counter(out, "slow_consumers_total", "Sockets cut off because they did not read.",
                  metrics->slow_consumers);
    write_counter(out, "lags_total", "Times a socket took events more slowly than they came.",
                  metrics->lags);
    write_counter(out, "tokens_expired_total", "Sockets closed at the end of their token.",
                  metrics->tokens_expired);
    write_counter(out, "rate_limited_total", "Events refused because there were too many.",
                  metrics->rate_limited);
    write_counter(out, "bus_events_total", "Events that came over the bus.", metrics->bus_events);
    write_counter(out, "bus_malformed_total", "Messages on the bus that are no event.",
                  metrics->bus_malformed);
    write_histogram(out, PREFIX "commit_seconds", "From a client's event to its commit.",
                    &metrics->commit);
    write_histogram(out, PREFIX "delivery_seconds", "From an event's arrival to its fan-out.",
                    &metrics->delivery);
}
