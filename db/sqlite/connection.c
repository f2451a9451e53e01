#include "db/engine/statement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Of a new file. A message changes a dozen pages, all of which are written to the log. */
#define PAGE_BYTES 2048
/* File systems whose magic number <linux/magic.h> does not have. */
#define CIFS_MAGIC 0xff534d42
/* SQLite's page cache of each connection, in KiB: the index pages of a busy salon stay in it. */
#define PAGE_CACHE_KIB 4096
/* A write-ahead log that grew is cut back to this when it starts over, in bytes. */
#define JOURNAL_SIZE_LIMIT_BYTES (64 * 1024 * 1024)

struct statement {
    struct connection *connection;
    sqlite3_stmt *handle; /* NULL until first used, and when preparing failed */
    enum sql_id id;
};

struct connection {
    sqlite3 *handle;
    bool is_broken;
    bool has_log;       /* write-ahead */
    bool requires_sync; /* asked for by a query */
    int log_pages;      /* in the log, as of the last commit; 0: taken */
    struct statement statements[SQL_COUNT];
};

/* Failures after which the descriptor itself is suspect. */
static bool code_breaks_connection(int code)
{
    switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return true;
    default:
        return false;
    }
}

/* `what` names a statement or step for the log. Always returns false. */
static bool fail(struct connection *connection, const char *what, struct error *error)
{
    int code = sqlite3_extended_errcode(connection->handle);

    if (code_breaks_connection(code))
        connection->is_broken = true;
    return error_unavailable(error, "database: %s (%d) in %s", sqlite3_errmsg(connection->handle),
                             code, what);
}

static int count_log_pages(void *context, sqlite3 *handle, const char *database, int pages)
{
    struct connection *connection = context;

    (void)handle;
    (void)database;
    connection->log_pages = pages;
    return SQLITE_OK;
}

/* Write-ahead logging needs shared memory between processes, which these don't have. */
static bool is_network_file(const char *path)
{
    struct statfs status;
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');

    snprintf(directory, sizeof(directory), "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    if (statfs(directory, &status) != 0)
        return false;
    switch ((unsigned long)status.f_type) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case CIFS_MAGIC:
    case FUSE_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

/* "wal" is what is asked for, but SQLite may not be able to: then the mode stays another. */
static int take_journal_mode(void *context, int count, char **values, char **names)
{
    struct connection *connection = context;

    (void)names;
    connection->has_log = count == 1 && values[0] != NULL && strcmp(values[0], "wal") == 0;
    return 0;
}

static bool read_journal_mode(struct connection *connection, struct error *error)
{
    static const char sql[] = "PRAGMA journal_mode";

    return sqlite3_exec(connection->handle, sql, take_journal_mode, connection, NULL) ==
               SQLITE_OK ||
           fail(connection, sql, error);
}

static bool set_up(struct connection *connection, const struct connection_options *options,
                   struct error *error)
{
    char pragmas[256];

    /* What a savepoint must be able to undo is kept out of temporary files (temp_store): they were
     * a third of a write's cost. */
    sqlite3_snprintf(sizeof(pragmas), pragmas,
                     "PRAGMA foreign_keys=ON; PRAGMA cache_size=-%d; PRAGMA trusted_schema=OFF;"
                     "PRAGMA temp_store=MEMORY;",
                     PAGE_CACHE_KIB);
    if (!connection_execute(connection, pragmas, error))
        return false;
    if (options->mode == CONNECTION_READ)
        return connection_execute(connection, "PRAGMA query_only=ON", error) &&
               read_journal_mode(connection, error);
    sqlite3_snprintf(sizeof(pragmas), pragmas,
                     "PRAGMA page_size=%d; PRAGMA journal_mode=%s;"
                     "PRAGMA journal_size_limit=%d; PRAGMA secure_delete=FAST;",
                     PAGE_BYTES, is_network_file(options->path) ? "DELETE" : "WAL",
                     JOURNAL_SIZE_LIMIT_BYTES);
    if (!connection_execute(connection, pragmas, error) || !read_journal_mode(connection, error))
        return false;
    /* With a log SQLite syncs at checkpoints only, and we after commits (db/engine/durability.h);
     * without one at each commit, and the folder too, or else the old journal could come back. */
    if (!connection_execute(
            connection,
            connection->has_log ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=EXTRA", error))
        return false;
    /* In the place of SQLite's own, which copies the log inside a commit. */
    sqlite3_wal_hook(connection->handle, count_log_pages, connection);
    return true;
}

/* What is set up once for SQLite as a whole. */
static void set_up_process(void)
{
    /* Statistics that nobody reads cost a lock for each allocation, which all threads share. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct connection *connection_open(const struct connection_options *options, struct error *error)
{
    /* A reader opens the file for writing too, as it may have to recover the write-ahead log that
     * a killed process left; query_only keeps it from changing anything. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    static pthread_once_t is_set_up = PTHREAD_ONCE_INIT;
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    pthread_once(&is_set_up, set_up_process);
    if (options->may_create)
        flags |= SQLITE_OPEN_CREATE;
    for (size_t id = 0; id < SQL_COUNT; id++)
        connection->statements[id] =
            (struct statement){.connection = connection, .id = (enum sql_id)id};
    if (sqlite3_open_v2(options->path, &connection->handle, flags, NULL) != SQLITE_OK) {
        fail(connection, options->path, error);
        goto failed;
    }
    sqlite3_extended_result_codes(connection->handle, 1);
    sqlite3_busy_timeout(connection->handle, (int)options->busy_timeout_ms);
    if (!set_up(connection, options, error))
        goto failed;
    return connection;
failed:
    connection_close(connection);
    return NULL;
}

void connection_close(struct connection *connection)
{
    if (connection == NULL)
        return;
    for (size_t id = 0; id < SQL_COUNT; id++)
        sqlite3_finalize(connection->statements[id].handle);
    sqlite3_close(connection->handle);
    free(connection);
}

void connection_keep_log(struct connection *connection)
{
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

bool connection_is_broken(const struct connection *connection)
{
    return connection->is_broken;
}

bool connection_in_transaction(const struct connection *connection)
{
    return sqlite3_get_autocommit(connection->handle) == 0;
}

bool connection_execute(struct connection *connection, const char *sql, struct error *error)
{
    if (sqlite3_exec(connection->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    char what[32];
    sqlite3_snprintf(sizeof(what), what, "%s", sql);
    return fail(connection, what, error);
}

bool connection_has_log(const struct connection *connection)
{
    return connection->has_log;
}

bool connection_open_log(struct connection *connection, int *descriptor, struct error *error)
{
    *descriptor = -1;
    /* A connection that has read nothing yet may not have made the log. */
    if (!connection_execute(connection, "PRAGMA user_version", error))
        return false;
    if (!connection->has_log)
        return true;
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(connection->handle, "main"));
    *descriptor = open(path, O_RDWR | O_CLOEXEC);
    return *descriptor >= 0 || error_unavailable(error, "%s: %s", path, strerror(errno));
}

void connection_require_sync(struct connection *connection)
{
    connection->requires_sync = true;
}

bool connection_takes_sync(struct connection *connection)
{
    bool is_required = connection->requires_sync;

    connection->requires_sync = false;
    return is_required;
}

int connection_take_log_pages(struct connection *connection)
{
    int pages = connection->log_pages;

    connection->log_pages = 0;
    return pages;
}

bool connection_checkpoint(struct connection *connection, struct error *error)
{
    /* A connection that has read nothing yet does not know that there is a log. */
    if (!connection_execute(connection, "PRAGMA user_version", error))
        return false;
    int code =
        sqlite3_wal_checkpoint_v2(connection->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return code == SQLITE_OK || code == SQLITE_BUSY || fail(connection, "checkpoint", error);
}

bool connection_sync_file(struct connection *connection, struct error *error)
{
    sqlite3_file *file = NULL;

    return (sqlite3_file_control(connection->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) ==
                SQLITE_OK &&
            file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK) ||
           error_unavailable(error, "the database can't be synced: %s", strerror(errno));
}

int64_t connection_changes(struct connection *connection)
{
    return sqlite3_changes64(connection->handle);
}

struct statement *statement_begin(struct connection *connection, enum sql_id id)
{
    struct statement *statement = &connection->statements[id];

    if (statement->handle == NULL)
        sqlite3_prepare_v3(connection->handle, sql_text(id), -1, SQLITE_PREPARE_PERSISTENT,
                           &statement->handle, NULL);
    return statement;
}

/* Binding to a NULL handle is SQLite's SQLITE_MISUSE and harmless; the step reports it. */
void bind_text(struct statement *statement, int parameter, const char *text)
{
    sqlite3_bind_text(statement->handle, parameter, text, -1, SQLITE_STATIC);
}

void bind_bytes(struct statement *statement, int parameter, const char *text, size_t length)
{
    sqlite3_bind_text64(statement->handle, parameter, text, length, SQLITE_STATIC, SQLITE_UTF8);
}

void bind_integer(struct statement *statement, int parameter, int64_t number)
{
    sqlite3_bind_int64(statement->handle, parameter, number);
}

void bind_null(struct statement *statement, int parameter)
{
    sqlite3_bind_null(statement->handle, parameter);
}

enum step statement_step(struct statement *statement, struct error *error)
{
    if (statement->handle == NULL) {
        fail(statement->connection, sql_name(statement->id), error);
        return STEP_FAILED;
    }
    switch (sqlite3_step(statement->handle)) {
    case SQLITE_ROW:
        return STEP_ROW;
    case SQLITE_DONE:
        return STEP_DONE;
    default:
        break;
    }
    if ((sqlite3_extended_errcode(statement->connection->handle) & 0xff) == SQLITE_CONSTRAINT)
        return STEP_CONSTRAINT;
    fail(statement->connection, sql_name(statement->id), error);
    return STEP_FAILED;
}

const char *column_text(struct statement *statement, int column)
{
    return (const char *)sqlite3_column_text(statement->handle, column);
}

void column_copy(struct statement *statement, int column, char *out, size_t size)
{
    const char *text = column_text(statement, column);

    snprintf(out, size, "%s", text != NULL ? text : "");
}

size_t column_bytes(struct statement *statement, int column)
{
    return (size_t)sqlite3_column_bytes(statement->handle, column);
}

int64_t column_integer(struct statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

bool column_is_null(struct statement *statement, int column)
{
    return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

void statement_end(struct statement *statement)
{
    if (statement->handle == NULL) /* it could not be prepared */
        return;
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
}

bool statement_run(struct statement *statement, struct error *error)
{
    enum step step = statement_step(statement, error);

    statement_end(statement);
    if (step == STEP_CONSTRAINT) {
        error_set(error, ERROR_INTERNAL, "Erreur interne");
        sqlite3_snprintf(sizeof(error->detail), error->detail, "constraint violated in %s",
                         sql_name(statement->id));
    }
    return step == STEP_DONE;
}

bool connection_run(struct connection *connection, enum sql_id id, struct error *error)
{
    return statement_run(statement_begin(connection, id), error);
}
