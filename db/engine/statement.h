/*
 * The thin statement layer: a connection to the database and its prepared statements. Everything
 * in db/ goes through it, so that another database needs another statement.c, not another db/.
 * Which statements exist is one table, db/engine/sql.h.
 *
 * A connection belongs to one thread at a time. A statement is prepared when it is first used and
 * kept; it is reset by statement_end, which every statement_begin needs, also after a failure.
 */
#ifndef MESSAGERIE_DB_ENGINE_STATEMENT_H
#define MESSAGERIE_DB_ENGINE_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "db/engine/sql.h"

struct connection;
struct statement;

enum connection_mode { CONNECTION_READ, CONNECTION_WRITE };

struct connection_options {
    const char *path;
    enum connection_mode mode;
    int64_t busy_timeout_ms;
    bool may_create; /* a writer makes the file when it is missing */
};

/* Opens the file with foreign keys on, a writer also with a write-ahead log: its commits are
 * durable once that is synced. On a network's file system, where a log is unsafe, there is none,
 * and commits are durable at once. NULL with ERROR_UNAVAILABLE and the reason as detail. */
struct connection *connection_open(const struct connection_options *options, struct error *error);

/* Accepts NULL. Finalizes all statements. */
void connection_close(struct connection *connection);

/* Leaves the log as it is when this one is closed as the last: whoever comes next copies all of it.
 */
void connection_keep_log(struct connection *connection);

/* After a failure that the file caused (input/output, corruption, read-only, gone) the connection
 * is broken: close it and open another, which works once the cause is gone. */
bool connection_is_broken(const struct connection *connection);

/* Whether a transaction is open: some failures (disk full) end it by themselves. */
bool connection_in_transaction(const struct connection *connection);

/* Runs SQL text that has no parameters and no rows (schema, pragmas, BEGIN and its like). */
bool connection_execute(struct connection *connection, const char *sql, struct error *error);

/* Takes statement `id`, ready for binding. Never NULL: what fails is reported by the next step. */
struct statement *statement_begin(struct connection *connection, enum sql_id id);

/* Parameters count from 1. A text is borrowed until statement_end; NULL binds NULL. */
void bind_text(struct statement *statement, int parameter, const char *text);
void bind_bytes(struct statement *statement, int parameter, const char *text, size_t length);
void bind_integer(struct statement *statement, int parameter, int64_t number);
void bind_null(struct statement *statement, int parameter);

enum step {
    STEP_ROW,
    STEP_DONE,
    STEP_CONSTRAINT, /* a key exists already, or a reference is missing: a result, no failure */
    STEP_FAILED,     /* ERROR_UNAVAILABLE with the reason as detail */
};

enum step statement_step(struct statement *statement, struct error *error);

/* Columns of the present row count from 0. A text is borrowed until the next step or end; NULL
 * when the column is NULL. */
const char *column_text(struct statement *statement, int column);
/* Copies a text that fits where validation let it through; NULL becomes "", a longer text is cut.
 */
void column_copy(struct statement *statement, int column, char *out, size_t size);
size_t column_bytes(struct statement *statement, int column);
int64_t column_integer(struct statement *statement, int column);
bool column_is_null(struct statement *statement, int column);

void statement_end(struct statement *statement);

/* For statements without rows: step once, end. A constraint that is hit is ERROR_INTERNAL here. */
bool statement_run(struct statement *statement, struct error *error);

/* Whether commits go to a write-ahead log, and are durable once that is synced. */
bool connection_has_log(const struct connection *connection);

/* Opens the log for db/sqlite/log_sync.h; *descriptor is the caller's to close, -1 when there is
 * none. */
bool connection_open_log(struct connection *connection, int *descriptor, struct error *error);

/* A query says that what it has read must be on disk before its caller hears of it; whether one has
 * said so since the last call. */
void connection_require_sync(struct connection *connection);
bool connection_takes_sync(struct connection *connection);

/* statement_run for one without parameters. */
bool connection_run(struct connection *connection, enum sql_id id, struct error *error);

/* Pages in the write-ahead log after the connection's last commit; 0 when none has added to it
 * since the last call. */
int connection_take_log_pages(struct connection *connection);

/* Copies as much of the write-ahead log into the file as readers of old pages allow, waiting for
 * nobody: nothing, and no failure, when another connection is at it. Outside a transaction. */
bool connection_checkpoint(struct connection *connection, struct error *error);

/* Puts on disk what checkpoints have copied into the file. Its own descriptor of the file is used:
 * closing another one would give up the locks that all connections of the process have on it. */
bool connection_sync_file(struct connection *connection, struct error *error);

/* Rows that the last insert, update or delete of this connection touched. */
int64_t connection_changes(struct connection *connection);

#endif
