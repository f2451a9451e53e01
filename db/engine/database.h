/*
 * The database of one process: a writer thread with group commit, a thread that makes commits
 * durable and completes them (db/engine/durability.h), and a few read connections.
 *
 * A write operation runs inside a transaction that it shares with others (a savepoint each); it is
 * acknowledged, with true, only when the commit is on disk. Then, and in the order of commits, the
 * events that operations appended to the outbox are handed to `committed`.
 *
 * When the file can't be used (disk full, read-only, corrupt, of a newer version) operations fail
 * with ERROR_UNAVAILABLE, nothing is half-done, and each later call tries again, so that the
 * service recovers when the cause goes away. The log tells when it begins and when it is over. Only
 * when the disk fails to sync a commit it is not known whether the operation will have been done.
 *
 * Any thread may call; operations and queries must not call database_write or database_read.
 */
#ifndef MESSAGERIE_DB_ENGINE_DATABASE_H
#define MESSAGERIE_DB_ENGINE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/event.h"
#include "common/services.h"
#include "db/engine/job.h"
#include "db/engine/operation.h"

/* How long whoever reads, or is on the way in, waits for others who write. */
#define DATABASE_PATIENCE_MS 300

struct database;
struct driver; /* db/engine/driver.h */

struct database_options {
    const char *path;
    int64_t readers; /* read connections at most */
    int64_t busy_timeout_ms;
    int64_t outbox_retention_ms; /* events older than this are pruned */
    int64_t outbox_max_rows;     /* and the oldest beyond this number */
    /* Called for each committed event, on a thread of ours, one at a time; may be NULL. */
    void (*committed)(void *context, const struct event *event);
    void *committed_context;
    /* What is done behind, in short slices, while nobody wants to write: called within a
     * transaction of its own, like an operation, soon after one that has left something to do, when
     * the database was opened, and now and then, as another process may have left something; then
     * again for as long as it says that there is more. May be NULL. */
    bool (*chore)(struct transaction *transaction, bool *has_more, struct error *error);
};

/* Never touches the file (see above): NULL with *error only without memory or threads. Copies the
 * options; borrows `services`. */
struct database *database_create_with(const struct driver *driver,
                                      const struct database_options *options,
                                      const struct services *services, struct error *error);

/* Runs what was submitted, gives up what is tried again, then stops. Accepts NULL. No other call
 * may be under way. */
void database_free(struct database *database);

/* Opens the file now and brings its schema up to date, as the first use would do. Waits for others
 * who write only if the schema is old. */
bool database_prepare(struct database *database, struct error *error);

/* Other limits than those of the options from now on, for commits that begin later. */
void database_limit_outbox(struct database *database, int64_t retention_ms, int64_t max_rows);

/* Runs it and waits for the commit. */
bool database_write(struct database *database, struct database_operation operation,
                    struct error *error);

/* The same for what can be done without: when others have been writing for DATABASE_PATIENCE_MS it
 * is taken back before it has begun, ERROR_UNAVAILABLE. */
bool database_write_soon(struct database *database, struct database_operation operation,
                         struct error *error);

/* The same without waiting: the job (db/engine/job.h) is borrowed until it is completed. */
void database_submit(struct database *database, struct database_job *job);

/* Several at once: they are run one after the other, in one commit when nobody else's are before
 * them and there are no more than DATABASE_BATCH_OPERATIONS. */
void database_submit_all(struct database *database, struct database_job *const *jobs, size_t count);

/* Takes back a job that has not begun: it is not completed, and the caller's again. False when it
 * has begun; it will be completed. */
bool database_withdraw(struct database *database, struct database_job *job);

/* The end is near: jobs that wait to be tried again are completed, as failed, and none is tried
 * again from now on. */
void database_give_up(struct database *database);

/* What is left of DATABASE_PATIENCE_MS: 0 when others, of whichever process, have been writing for
 * so long that nobody can say when a job will begin. */
int64_t database_patience_ms(struct database *database);

/* Runs the query and waits for it. */
bool database_read(struct database *database, struct database_query query, struct error *error);

/* ---- counters, for the log and metrics ----------------------------------------------------- */

/* Since creation. */
struct database_statistics {
    uint64_t commits;
    uint64_t operations;
    uint64_t failures;
};
void database_statistics(struct database *database, struct database_statistics *out);

#endif
