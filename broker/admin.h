/*
 * The broker's internal pages, on a listener of their own that browsers cannot reach:
 *
 *   GET /healthz   200 while the loop runs
 *   GET /readyz    200 while clients can be served, else 503 with a line for each reason
 *   GET /metrics   counters for Prometheus, those of the REST programs too
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_ADMIN_H
#define MESSAGERIE_BROKER_ADMIN_H

#include "broker/broker.h"
#include "broker/transport/http.h"
#include "common/buffer.h"

/* Connections of scrapers and probes at once. */
#define ADMIN_MAX_CONNECTIONS 32

struct admin;

/* What is borrowed outlives it. */
struct admin_options {
    struct loop *loop;
    struct broker *broker;
    const char *address;        /* of the configuration */
    const char *metrics_folder; /* of the REST programs' counters; "": nowhere */
    /* Appends a line for each reason that the broker does not know of, why clients can't be served.
     */
    void (*append_problems)(void *owner, struct buffer *problems);
    void *owner;
};

/* NULL with *error (English). Copies the options. */
struct admin *admin_create(const struct admin_options *options, struct error *error);

/* Accepts NULL. */
void admin_free(struct admin *admin);

#endif
