/*
 * Whether clients can be served, found out when somebody asks: the database is written and read,
 * the disk under it is looked at. What is found holds for READINESS_FRESH_MS, so that nobody makes
 * the database work by asking.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_READINESS_H
#define MESSAGERIE_BROKER_READINESS_H

#include "broker/parts.h"
#include "common/buffer.h"

#define READINESS_FRESH_MS 200
/* How long the database may take to answer. A writer that waits for others' locks as long as
 * database.busy_timeout_ms is not ready. */
#define READINESS_TIMEOUT_MS 2000
/* Less room than that on the disk is none. */
#define READINESS_FREE_BYTES (256 * 1024)

struct readiness;

/* Borrowed until on_known or readiness_forget. */
struct readiness_waiter {
    /* `problems`: a line for each, valid during the call; empty when there is none. */
    void (*on_known)(struct readiness_waiter *waiter, const struct buffer *problems);
    struct readiness_waiter *next;
};

/* NULL without memory. */
struct readiness *readiness_create(struct broker_parts *parts);

/* Whoever waits is forgotten. The worker must be gone. Accepts NULL. */
void readiness_free(struct readiness *readiness);

/* Calls waiter->on_known, at once if what was found is still fresh. */
void readiness_ask(struct readiness *readiness, struct readiness_waiter *waiter);

/* It is not called any more. */
void readiness_forget(struct readiness *readiness, struct readiness_waiter *waiter);

#endif
