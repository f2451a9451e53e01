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

/* Operations that share one commit at most: bounds what a failing commit takes with it, and how
 * long other processes wait for the writers' lock. */
#define DATABASE_BATCH_OPERATIONS 64

struct database;
struct driver;      /* db/engine/driver.h */
struct connection;  /* db/engine/statement.h */
struct transaction; /* db/engine/transaction.h, for db/ alone */

struct database_options {
    const char *path;
    int64_t readers; /* read connections at most */
    int64_t busy_timeout_ms;
    int64_t outbox_retention_ms; /* events older than this are pruned */
    int64_t outbox_max_rows;     /* and the oldest beyond this number */
    /* Called for each committed event, on a thread of ours, one at a time; may be NULL. */
    void (*committed)(void *context, const struct event *event);
    void *committed_context;
};

/* Never touches the file (see above): NULL with *error only without memory or threads. Copies the
 * options; borrows `services`. */
struct database *database_create_with(const struct driver *driver,
                                      const struct database_options *options,
                                      const struct services *services, struct error *error);

/* Runs what was submitted, then stops. Accepts NULL. No other call may be under way. */
void database_free(struct database *database);

/* Opens the file now and brings its schema up to date, as the first use would do. */
bool database_prepare(struct database *database, struct error *error);

/* Other limits than those of the options from now on, for commits that begin later. Any thread. */
void database_limit_outbox(struct database *database, int64_t retention_ms, int64_t max_rows);

/* An operation with its argument: what is to be changed, as database_write and its like are told.
 * Made by the function that DATABASE_OPERATION declares, so that it has the argument it needs. */
struct database_operation {
    bool (*run)(struct transaction *transaction, void *argument, struct error *error);
    void *argument; /* borrowed until it has run */
};

/* Declares the operation NAME over an argument of TYPE. Callers write NAME(&argument), for instance
 * database_write(database, message_create(&create), &error). NAME_run, which its module defines,
 * does the work: it changes the database through `transaction`, and false with *error undoes all
 * that it did. It may be run on another thread than the caller's. Nobody but operations that are
 * made of others calls it directly. */
/* clang-format off */
#define DATABASE_OPERATION(NAME, TYPE)                                                             \
    bool NAME##_run(struct transaction *transaction, TYPE *argument, struct error *error);         \
    static inline bool NAME##_run_any(struct transaction *transaction, void *argument,             \
                                      struct error *error)                                         \
    {                                                                                              \
        return NAME##_run(transaction, argument, error);                                           \
    }                                                                                              \
    static inline struct database_operation NAME(TYPE *argument)                                   \
        __attribute__((warn_unused_result));                                                       \
    static inline struct database_operation NAME(TYPE *argument)                                   \
    {                                                                                              \
        return (struct database_operation){NAME##_run_any, (void *)argument};                      \
    }                                                                                              \
    struct database_operation /* takes the semicolon */
/* clang-format on */

/* Runs it and waits for the commit. */
bool database_write(struct database *database, struct database_operation operation,
                    struct error *error);

/* The same without waiting: `completed` is called once, on the thread that calls `committed`, after
 * that of its events, or after the failure. The job is borrowed until then. It must not block. */
struct database_job {
    struct database_operation operation;
    void (*completed)(struct database_job *job);
    void *context;
    /* The result. */
    bool succeeded;
    struct error error;
    struct database_job *next; /* of the queue */
};
void database_submit(struct database *database, struct database_job *job);

/* The same for several at once: run one after the other, in one commit when nobody else's are
 * before them and there are no more than DATABASE_BATCH_OPERATIONS. */
void database_submit_all(struct database *database, struct database_job *const *jobs, size_t count);

/* A query with its argument, likewise: NAME_run reads through `connection` in one read transaction,
 * a consistent picture. */
struct database_query {
    bool (*run)(struct connection *connection, void *argument, struct error *error);
    void *argument;
};

/* clang-format off */
#define DATABASE_QUERY(NAME, TYPE)                                                                 \
    bool NAME##_run(struct connection *connection, TYPE *argument, struct error *error);           \
    static inline bool NAME##_run_any(struct connection *connection, void *argument,               \
                                      struct error *error)                                         \
    {                                                                                              \
        return NAME##_run(connection, argument, error);                                            \
    }                                                                                              \
    static inline struct database_query NAME(TYPE *argument)                                       \
        __attribute__((warn_unused_result));                                                       \
    static inline struct database_query NAME(TYPE *argument)                                       \
    {                                                                                              \
        return (struct database_query){NAME##_run_any, (void *)argument};                          \
    }                                                                                              \
    struct database_query /* takes the semicolon */
/* clang-format on */

bool database_read(struct database *database, struct database_query query, struct error *error);

/* ---- for operations that are made of others ------------------------------------------------- */

/* What queries read through, within the operation's transaction. */
struct connection *transaction_connection(struct transaction *transaction);

/* Where an operation takes the time from, that of the transaction's begin, and identifiers. Others
 * may be set for what is to look as if it had been done at another time: they are borrowed, and
 * their time is read at once. Those that were there are set again before the operation ends. */
const struct services *transaction_services(const struct transaction *transaction);
void transaction_set_services(struct transaction *transaction, const struct services *services);

/* ---- counters, for the log and metrics ------------------------------------------------------ */

/* Since creation. */
struct database_statistics {
    uint64_t commits;
    uint64_t operations;
    uint64_t failures;
};
void database_statistics(struct database *database, struct database_statistics *out);

#endif
