/*
 * Database work off the loop. Writes go to the database's writer thread, reads to a few threads
 * of the worker's own; what they find comes back on the loop's thread, through one queue: the
 * events of a commit before the results of its operations, and commits in their order.
 *
 * A request belongs to the caller, and is borrowed from worker_write or worker_read until on_done.
 * Nobody can cancel it: whoever has lost interest waits for on_done and frees it.
 * Everything is called on the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_WORKER_H
#define MESSAGERIE_BROKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/transport/loop.h"
#include "common/error.h"
#include "common/event.h"
#include "db/database.h"

#define WORKER_READERS_MAX 16

struct worker;

/* All zero at first; when it is done it may be used again. */
struct worker_request {
    /* Set by the caller. */
    struct database_operation operation; /* for worker_write */
    struct database_query query;         /* for worker_read */
    void (*on_done)(struct worker_request *request);
    /* For worker_write: taken back when others, in whichever process, write for
     * DATABASE_PATIENCE_MS. It is then done, and has not run. */
    bool is_impatient;
    /* For worker_write: tried again until the database can be used (db/engine/job.h). */
    bool is_patient;
    /* The result. */
    bool succeeded;          /* else job.error tells why */
    bool is_withdrawn;       /* taken back, and so not succeeded */
    int64_t waited_ms;       /* from the call to on_done */
    struct database_job job; /* the rest of it, and what follows, is the worker's own */
    struct worker *worker;
    struct worker_request *next;
    struct worker_request *next_impatient, *previous_impatient;
    bool is_listed; /* as impatient */
    int64_t started_ms;
    bool is_under_way;
};

struct worker_options {
    struct loop *loop;
    struct database_options database; /* its `committed` is left out */
    int64_t readers;                  /* threads, 1 to WORKER_READERS_MAX */
    /* A committed event of an operation of ours; its texts are valid during the call. */
    void (*on_event)(void *owner, const struct event *event);
    void *owner;
};

/* NULL with *error. Borrows what the options point to. */
struct worker *worker_create(const struct worker_options *options, struct error *error);

/* Gives up what is tried again, waits for all other requests, calls their on_done, and closes the
 * database. Accepts NULL. */
void worker_free(struct worker *worker);

/* Runs an operation, see database_submit; not before the end of the loop's turn. */
void worker_write(struct worker *worker, struct worker_request *request);

/* Runs a query, see database_read. */
void worker_read(struct worker *worker, struct worker_request *request);

/* Requests that are not done. */
size_t worker_pending(const struct worker *worker);

/* For what is done before the loop runs, and for its counters. */
struct database *worker_database(struct worker *worker);

#endif
