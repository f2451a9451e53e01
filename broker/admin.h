/*
 * The broker's internal pages, on a listener of their own that browsers cannot reach:
 *
 *   GET /healthz   200 while the loop runs
 *   GET /readyz    200 while clients can be served, else 503
 *   GET /metrics   counters for Prometheus
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_ADMIN_H
#define MESSAGERIE_BROKER_ADMIN_H

#include "broker/broker.h"
#include "broker/transport/http.h"

/* Connections of scrapers and probes at once. */
#define ADMIN_MAX_CONNECTIONS 32

struct admin;

/* Serves on the address of the configuration. NULL with *error (English). */
struct admin *admin_create(struct loop *loop, struct broker *broker, const char *address,
                           struct error *error);

/* Accepts NULL. */
void admin_free(struct admin *admin);

#endif
