/*
 * Makes commits durable, and only then has them told: a thread of its own has the driver sync, once
 * for all batches committed since it last did, while the writer already runs the next ones.
 *
 * A sync that is a part of the commit, as databases do it by themselves, comes under the writers'
 * lock: nobody, in no process, can write while the disk works. Here a commit is visible before it
 * is on disk. That is safe for three reasons. Nobody is answered, and no event is published, before
 * the sync. What a later commit has built upon is never lost without it (db/engine/driver.h). And
 * the broker, which hands on what it has read of the outbox, asks for a sync (outbox_read_after). A
 * page of messages that is read meanwhile may show one that a power failure then takes away: its
 * sender was never told that it was sent.
 *
 * Batches are completed in the order of their commits. The writer's thread is the only caller.
 */
#ifndef MESSAGERIE_DB_ENGINE_DURABILITY_H
#define MESSAGERIE_DB_ENGINE_DURABILITY_H

#include <stdbool.h>

#include "common/error.h"
#include "common/event_batch.h"
#include "db/engine/driver.h"
#include "db/engine/job.h"

/* Batches between the begin of their transaction and their completion: one that the writer runs,
 * and one that is being synced. With more, commits would only become smaller. */
#define DURABILITY_BATCHES 2

/* What one transaction has done. */
struct commit_batch {
    struct database_job *jobs;
    struct event_batch events; /* to be told of */
    bool committed;
    struct error error; /* why it is not committed, or not durable */
    struct commit_batch *next;
};

struct durability;

/* `complete` is called on the thread once for each batch: `committed` tells whether it is on disk.
 * After a failed sync it is not known whether it is; `error` says that it failed. Borrows `store`.
 * NULL with *error without memory or threads. */
struct durability *durability_create(struct store *store,
                                     void (*complete)(void *context, struct commit_batch *batch),
                                     void *context, struct error *error);

/* Waits for a batch that is not in use. Its buffers are empty. */
struct commit_batch *durability_take(struct durability *durability);

/* Hands over a batch that was taken, to be synced and completed. */
void durability_submit(struct durability *durability, struct commit_batch *batch);

/* Gives back one that was taken and is not needed. */
void durability_give_back(struct durability *durability, struct commit_batch *batch);

/* Waits until all that were submitted are completed: before the connection is closed. */
void durability_drain(struct durability *durability);

/* Whether this is the thread that completes. */
bool durability_is_this_thread(const struct durability *durability);

/* Completes what was submitted. Accepts NULL. */
void durability_free(struct durability *durability);

#endif
