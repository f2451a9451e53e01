/*
 * What the engine asks of a database management system, and a driver answers: db/sqlite/ does for
 * SQLite. One driver is a table of functions, struct driver; the engine and all that stands on it
 * know no other way to the data. Another one is a folder beside db/sqlite/; a dialect (dialect.h)
 * with the texts that differ (sql.c, schema.c); a choice in db/database.c; and a line in
 * tests/unit/test_driver.c, which asks for all that is promised here.
 *
 * A store is the database as one process sees it. Of its connections one writes and some read; each
 * belongs to one thread at a time. What is common to all drivers stands at the beginning of the
 * driver's own structs: struct store, connection and statement.
 *
 * What the engine relies on, and what it does not:
 *
 * - A failure is told by false, or STEP_FAILED, with *error: ERROR_UNAVAILABLE and the reason as
 *   its detail, or ERROR_INTERNAL for what only a mistake of ours can cause (a key that exists
 *   already, a reference to what is missing). A driver never tries again by itself what might have
 *   been done.
 * - After a failure a transaction takes no more statements than the one that ends it, or that goes
 *   back to the savepoint: a driver may have lost it all. Nobody goes on after a failure, so that
 *   no statement needs to be undone alone.
 * - A statement without rows may be sent along with a later one: run tells of its failure at the
 *   latest when a row or a number of changes is asked for, or the savepoint is released.
 * - Rows are read one by one while other statements run, or have all been read at the first step:
 *   nobody may rely on seeing, or on not seeing, what was changed since then. The texts of a row
 *   stay what they are until the next step or the end.
 * - Texts of SQL come from db/engine/sql.h, by the driver's dialect. The transaction's own
 *   (SQL_BEGIN_READ to SQL_SAVEPOINT_ROLLBACK) are run like all others; a driver that must do more
 *   than run them knows them by their numbers.
 * - A commit need not be durable: sync makes it so. Where it is by itself, sync does nothing. But a
 *   power failure that takes one commit away takes all later ones, too.
 * - What a transaction deletes is overwritten where the data is kept. When it has deleted texts of
 *   people (has_erased is set from then until unlock), the driver sees to it that they are soon
 *   gone from wherever else it has copies of them, such as a log.
 * - Writers of all processes need not keep each other out: lock does. Where they do, or where the
 *   beginning of a transaction sees to it, lock does nothing.
 */
#ifndef MESSAGERIE_DB_ENGINE_DRIVER_H
#define MESSAGERIE_DB_ENGINE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/services.h"
#include "db/engine/sql.h"

enum connection_mode { CONNECTION_READ, CONNECTION_WRITE };

enum step { STEP_ROW, STEP_DONE, STEP_FAILED };

struct store_options {
    const char *path; /* where the database is, in the driver's words */
    int64_t busy_timeout_ms;
};

struct store {
    const struct driver *driver;
};

struct connection {
    const struct driver *driver;
    /* Set by the driver. */
    struct store *store; /* NULL: outside of any */
    const char *journal; /* how commits get to the disk, one word for the log */
    bool is_broken;      /* to be closed, and another to be opened: this one will fail for ever */
    /* The engine's (db/engine/statement.c). */
    bool has_failed; /* a statement has, and the transaction was not ended or taken back since */
    bool requires_sync;
    bool has_erased; /* see below */
    int begun_statements;
};

struct statement {
    const struct driver *driver;
    struct connection *connection;
    enum sql_id id;
    bool is_begun; /* the engine's */
};

struct driver {
    enum sql_dialect dialect;

    /* ---- the store: any thread, but create and destroy
     * ------------------------------------------- */

    /* Touches no file and no server: NULL with *error only without memory or threads. Copies the
     * options; borrows `services`. */
    struct store *(*create)(const struct store_options *options, const struct services *services,
                            struct error *error);

    /* All its connections are closed. */
    void (*destroy)(struct store *store);

    /* Puts on disk what was committed before the call. After a failure nobody knows whether it will
     * be there. */
    bool (*sync)(struct store *store, struct error *error);

    /* ---- connections
     * ----------------------------------------------------------------------------- */

    /* NULL with ERROR_UNAVAILABLE. `may_create`: a database that is missing is made. Of those for
     * writing one is open at a time, and as long as one is sync works. */
    struct connection *(*open)(struct store *store, enum connection_mode mode, bool may_create,
                               struct error *error);
    void (*close)(struct connection *connection);

    /* Whether it still leads to the database: another one may have been put in its place. */
    bool (*is_current)(const struct connection *connection);

    /* Waits until no other process writes, and keeps them out until unlock. Not within a
     * transaction. Fails also when what would be committed now could not be made durable. */
    bool (*lock)(struct connection *connection, struct error *error);
    void (*unlock)(struct connection *connection);

    /* Some failures end a transaction by themselves. */
    bool (*is_in_transaction)(const struct connection *connection);

    /* Runs text of the schema: several statements without parameters and rows. */
    bool (*execute)(struct connection *connection, const char *sql, struct error *error);

    /* ---- statements
     * ------------------------------------------------------------------------------ */

    /* The connection's statement of that number, nothing bound, prepared now or later. Never NULL:
     * what is wrong with it is told by the step. */
    struct statement *(*prepare)(struct connection *connection, enum sql_id id);

    /* Parameters count from 1. The bytes are UTF-8, borrowed until reset; NULL binds NULL. */
    void (*bind_text)(struct statement *statement, int parameter, const char *text, size_t length);
    void (*bind_integer)(struct statement *statement, int parameter, int64_t number);

    enum step (*step)(struct statement *statement, struct error *error);

    /* The whole of a statement without rows. `changes` (may be NULL) is the number of rows that it
     * has inserted, updated or deleted. */
    bool (*run)(struct statement *statement, int64_t *changes, struct error *error);

    /* Forgets rows and parameters; makes no statement fail that has not failed before. */
    void (*reset)(struct statement *statement);

    /* Columns of the present row count from 0. A text ends with a NUL behind its bytes; it is NULL,
     * of 0 bytes, when the column is NULL. */
    const char *(*text)(struct statement *statement, int column);
    size_t (*bytes)(struct statement *statement, int column);
    int64_t (*integer)(struct statement *statement, int column);
    bool (*is_null)(struct statement *statement, int column);

    /* ---- the administrator's
     * --------------------------------------------------------------------- */

    /* A connection for reading that changes nothing, outside of any store. */
    struct connection *(*open_alone)(const struct store_options *options, struct error *error);

    /* Within its transaction: appends a line for each thing that is wrong with how the data is
     * kept, and with references between rows. False when that could not be found out. */
    bool (*check)(struct connection *connection, struct buffer *findings, struct error *error);

    /* Copies the database, without the broker's sockets, while it is being written to, into the new
     * file `target`, consistent, complete and for nobody else to read; removes it on failure. */
    bool (*backup)(const struct store_options *options, const char *target, struct error *error);

    /* Puts such a copy in the place of the database, which nobody uses (else ERROR_UNAVAILABLE),
     * and the one that was there aside. All of it or nothing, also when it is killed. */
    bool (*restore)(const struct store_options *options, const char *source, struct error *error);
};

#endif
