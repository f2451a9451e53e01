/*
 * One connection of SQLite's, with its prepared statements: how the file is opened and set up, and
 * what only SQLite has (its write-ahead log). For db/sqlite/ alone; a connection belongs to one
 * thread at a time.
 */
#ifndef MESSAGERIE_DB_SQLITE_CONNECTION_H
#define MESSAGERIE_DB_SQLITE_CONNECTION_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/container.h"
#include "common/error.h"
#include "db/engine/driver.h"
#include "db/sqlite/database_file.h"

struct sqlite_statement {
    struct statement base;
    sqlite3_stmt *handle; /* NULL until first used, and when preparing failed */
};

struct sqlite_connection {
    struct connection base;
    sqlite3 *handle;
    enum connection_mode mode;
    bool has_log;  /* write-ahead: commits are durable once that is synced */
    int log_pages; /* in the log, as of the last commit; 0: taken */
    struct sqlite_statement statements[SQL_COUNT];
};

struct sqlite_connection_options {
    const char *path;
    enum connection_mode mode;
    int64_t busy_timeout_ms;
    bool may_create; /* a writer makes the file when it is missing */
    bool is_alone;   /* nobody else uses it, and should we be killed it is of no use: no log */
    struct database_file *file; /* where failed syncs of it are noted; NULL: nowhere */
    const struct driver *driver;
};

/* Opens the file with foreign keys on, a writer also with a write-ahead log: its commits are
 * durable once that is synced. What is deleted is overwritten (db/sqlite/database_file.h). On a
 * network's file system, where a log is unsafe, there is none, and commits are durable at once.
 * NULL with ERROR_UNAVAILABLE and the reason as detail. */
struct sqlite_connection *sqlite_connection_open(const struct sqlite_connection_options *options,
                                                 struct error *error);

/* Accepts NULL. Finalizes all statements. */
void sqlite_connection_close(struct sqlite_connection *connection);

/* Leaves the log as it is when this one is closed as the last: whoever comes next copies all of it.
 */
void sqlite_connection_keep_log(struct sqlite_connection *connection);

bool sqlite_connection_is_in_transaction(const struct sqlite_connection *connection);

/* Runs SQL text that has no parameters and no rows (schema and pragmas). */
bool sqlite_connection_execute(struct sqlite_connection *connection, const char *sql,
                               struct error *error);

/* Tells what SQLite says of the last failure, of which `what` names the statement or step; some
 * break the connection. Always false. */
bool sqlite_connection_fail(struct sqlite_connection *connection, const char *what,
                            struct error *error);

/* Opens the log for db/sqlite/log_sync.h; *descriptor is the caller's to close, -1 when there is
 * none. */
bool sqlite_connection_open_log(struct sqlite_connection *connection, int *descriptor,
                                struct error *error);

/* Pages in the write-ahead log after the connection's last commit; 0 when none has added to it
 * since the last call. */
int sqlite_connection_take_log_pages(struct sqlite_connection *connection);

/* Copies as much of the write-ahead log into the file as readers of old pages allow, waiting for
 * nobody: nothing, and no failure, when another connection is at it. Outside a transaction. */
bool sqlite_connection_checkpoint(struct sqlite_connection *connection, struct error *error);

/* Copies all of the log into the file and empties it, waiting for who reads of it as long as the
 * connection waits for locks. *is_empty is false, and that is no failure, when they read on. */
bool sqlite_connection_empty_log(struct sqlite_connection *connection, bool *is_empty,
                                 struct error *error);

/* How many pages of the log are not in the file. True for as long as nobody writes. */
bool sqlite_connection_count_uncopied(struct sqlite_connection *connection, int64_t *pages,
                                      struct error *error);

/* Puts on disk what checkpoints have copied into the file. Its own descriptor of the file is used:
 * closing another one would give up the locks that all connections of the process have on it. */
bool sqlite_connection_sync_file(struct sqlite_connection *connection, struct error *error);

static inline struct sqlite_connection *sqlite_connection_of(struct connection *connection)
{
    return CONTAINER_OF(connection, struct sqlite_connection, base);
}

#endif
