/*
 * Tells the operator when the database cannot be used, and when it can again. Any thread.
 */
#ifndef MESSAGERIE_DB_ENGINE_OUTAGE_H
#define MESSAGERIE_DB_ENGINE_OUTAGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/services.h"

struct outage {
    const struct services *services;
    const char *path;     /* for the log */
    pthread_mutex_t lock; /* over all that follows */
    bool lasts;
    uint64_t failures;
    struct log_limit failing, recovering; /* lines of the log */
};

/* Borrows both. */
void outage_init(struct outage *outage, const struct services *services, const char *path);
void outage_destroy(struct outage *outage);

/* Something failed, for the reason in error->detail. */
void outage_failed(struct outage *outage, const struct error *error);

/* Something was committed. */
void outage_succeeded(struct outage *outage);

/* Since the beginning. */
uint64_t outage_failures(struct outage *outage);

#endif
