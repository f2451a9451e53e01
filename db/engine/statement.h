/*
 * Statements: what db/ runs on a connection, whichever driver is behind it (db/engine/driver.h).
 * Which ones there are is one table, db/engine/sql.h.
 *
 * A connection belongs to one thread at a time. A statement is prepared when it is first used, and
 * kept. Each statement_begin needs its end, by statement_end or statement_run, also after a
 * failure; until then the same statement must not be begun again. Once one has failed no other may
 * be run in the same operation or query, which has to fail, too.
 */
#ifndef MESSAGERIE_DB_ENGINE_STATEMENT_H
#define MESSAGERIE_DB_ENGINE_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "db/engine/driver.h"

/* Takes statement `id`, ready for binding. Never NULL: what fails is reported by the next step. */
struct statement *statement_begin(struct connection *connection, enum sql_id id);

/* STEP_FAILED with *error as in db/engine/driver.h. */
enum step statement_step(struct statement *statement, struct error *error);

void statement_end(struct statement *statement);

/* For statements without rows: runs it and ends it. */
bool statement_run(struct statement *statement, struct error *error);

/* The same; *changes is the number of rows that it has inserted, updated or deleted. */
bool statement_run_counting(struct statement *statement, int64_t *changes, struct error *error);

/* For those of which no more is asked than whether there is a row: steps once and ends it. */
bool statement_has_row(struct statement *statement, bool *has_row, struct error *error);

/* For those of which only the first column of the first row is asked for: `absent` when there is
 * none. Steps once and ends it. */
bool statement_read_number(struct statement *statement, int64_t absent, int64_t *number,
                           struct error *error);

/* Appends the first column of all rows, each behind `prefix` and with its NUL, and ends it. */
bool statement_append_texts(struct statement *statement, const char *prefix, struct buffer *texts,
                            struct error *error);

/* statement_run for one without parameters. */
bool connection_run(struct connection *connection, enum sql_id id, struct error *error);

/* Ends the transaction that is open, if any, and undoes what was done in it. */
void connection_roll_back(struct connection *connection);

/* A query says that what it has read must be on disk before its caller hears of it; whether one has
 * said so since the last call. */
void connection_require_sync(struct connection *connection);
bool connection_takes_sync(struct connection *connection);

/* ---- parameters count from 1 --------------------------------------------------------------- */

/* Texts are borrowed until the statement's end; NULL binds NULL. */
static inline void bind_bytes(struct statement *statement, int parameter, const char *text,
                              size_t length)
{
    statement->driver->bind_text(statement, parameter, text, length);
}

static inline void bind_text(struct statement *statement, int parameter, const char *text)
{
    bind_bytes(statement, parameter, text, text != NULL ? strlen(text) : 0);
}

static inline void bind_null(struct statement *statement, int parameter)
{
    bind_bytes(statement, parameter, NULL, 0);
}

static inline void bind_integer(struct statement *statement, int parameter, int64_t number)
{
    statement->driver->bind_integer(statement, parameter, number);
}

/* ---- columns of the present row count from 0 ----------------------------------------------- */

/* Borrowed until the next step or end, with a NUL behind it; NULL when the column is NULL. */
static inline const char *column_text(struct statement *statement, int column)
{
    return statement->driver->text(statement, column);
}

/* The length of that text. */
static inline size_t column_bytes(struct statement *statement, int column)
{
    return statement->driver->bytes(statement, column);
}

static inline int64_t column_integer(struct statement *statement, int column)
{
    return statement->driver->integer(statement, column);
}

static inline bool column_is_null(struct statement *statement, int column)
{
    return statement->driver->is_null(statement, column);
}

/* Copies a text that fits where validation let it through; NULL becomes "", a longer text is cut.
 */
void column_copy(struct statement *statement, int column, char *out, size_t size);

#endif
