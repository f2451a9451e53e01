/*
 * An operation that was handed in without waiting for it.
 */
#ifndef MESSAGERIE_DB_ENGINE_JOB_H
#define MESSAGERIE_DB_ENGINE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "db/engine/operation.h"

/* Operations that share one commit at most: bounds what a failing commit takes with it, and how
 * long other processes wait for the writers' lock. */
#define DATABASE_BATCH_OPERATIONS 64

struct database_job {
    struct database_operation operation;
    /* Called once, on the thread that tells of commits, after the events of its own, or after the
     * failure. It must not block. The job is the caller's again. */
    void (*completed)(struct database_job *job);
    void *context;
    /* For what nobody waits for: it comes after others, and while the database cannot be used it is
     * tried again, until database_give_up. */
    bool is_patient;
    /* The result. */
    bool succeeded;
    struct error error;
    /* The engine's. */
    struct database_job *next, *previous;
    bool is_waiting; /* may be withdrawn */
    int64_t turn;
};

#endif
