#include "db/sqlite/connection.h"

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

#include "db/sqlite/files.h"

/* Of a new file. A message changes a dozen pages, all of which are written to the log. */
#define PAGE_BYTES 2048
/* File systems whose magic number <linux/magic.h> does not have. */
#define CIFS_MAGIC 0xff534d42
/* SQLite's page cache of each connection, in KiB: the index pages of a busy salon stay in it. */
#define PAGE_CACHE_KIB 4096
/* A write-ahead log that grew is cut back to this when it starts over, in bytes. */
#define JOURNAL_SIZE_LIMIT_BYTES (64 * 1024 * 1024)
/* SQLite's WAL-index format, section 2: the first block, and in it, as numbers of four bytes, how
 * many pages the log has, and how many of them are in the file. */
#define LOG_INDEX_BYTES  32768
#define LOG_INDEX_PAGES  4
#define LOG_INDEX_COPIED 24

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

bool sqlite_connection_fail(struct sqlite_connection *connection, const char *what,
                            struct error *error)
{
    int code = sqlite3_extended_errcode(connection->handle);

    if (code_breaks_connection(code))
        connection->base.is_broken = true;
    return error_unavailable(error, "database: %s (%d) in %s", sqlite3_errmsg(connection->handle),
                             code, what);
}

static int count_log_pages(void *context, sqlite3 *handle, const char *database, int pages)
{
    struct sqlite_connection *connection = context;

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
    struct sqlite_connection *connection = context;

    (void)names;
    connection->has_log = count == 1 && values[0] != NULL && strcmp(values[0], "wal") == 0;
    connection->base.journal = connection->has_log ? "wal" : "delete";
    return 0;
}

static bool read_journal_mode(struct sqlite_connection *connection, struct error *error)
{
    static const char sql[] = "PRAGMA journal_mode";

    return sqlite3_exec(connection->handle, sql, take_journal_mode, connection, NULL) ==
               SQLITE_OK ||
           sqlite_connection_fail(connection, sql, error);
}

static bool set_up(struct sqlite_connection *connection,
                   const struct sqlite_connection_options *options, struct error *error)
{
    char pragmas[256];

    /* What a savepoint must be able to undo is kept out of temporary files (temp_store): they were
     * a third of a write's cost. */
    sqlite3_snprintf(sizeof(pragmas), pragmas,
                     "PRAGMA foreign_keys=ON; PRAGMA cache_size=-%d; PRAGMA trusted_schema=OFF;"
                     "PRAGMA temp_store=MEMORY;",
                     PAGE_CACHE_KIB);
    if (!sqlite_connection_execute(connection, pragmas, error))
        return false;
    if (options->mode == CONNECTION_READ)
        return sqlite_connection_execute(connection, "PRAGMA query_only=ON", error) &&
               read_journal_mode(connection, error);
    sqlite3_snprintf(sizeof(pragmas), pragmas,
                     "PRAGMA page_size=%d; PRAGMA journal_mode=%s;"
                     "PRAGMA journal_size_limit=%d; PRAGMA secure_delete=ON;",
                     PAGE_BYTES,
                     options->is_alone                ? "MEMORY"
                     : is_network_file(options->path) ? "DELETE"
                                                      : "WAL",
                     JOURNAL_SIZE_LIMIT_BYTES);
    if (!sqlite_connection_execute(connection, pragmas, error) ||
        !read_journal_mode(connection, error))
        return false;
    /* With a log SQLite syncs at checkpoints only, and we after commits (db/engine/durability.h);
     * without one at each commit, and the folder too, or else the old journal could come back. */
    if (!sqlite_connection_execute(
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

struct sqlite_connection *sqlite_connection_open(const struct sqlite_connection_options *options,
                                                 struct error *error)
{
    /* A reader opens the file for writing too, as it may have to recover the write-ahead log that
     * a killed process left; query_only keeps it from changing anything. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    static pthread_once_t is_set_up = PTHREAD_ONCE_INIT;
    struct sqlite_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    pthread_once(&is_set_up, set_up_process);
    /* The log takes its mode and owner from the database. */
    if (options->may_create && !file_make(options->path, DATABASE_FILE_MODE) && errno != EEXIST) {
        error_unavailable(error, "%s: %s", options->path, strerror(errno));
        free(connection);
        return NULL;
    }
    if (options->may_create) /* at the end of a link, which is there */
        flags |= SQLITE_OPEN_CREATE;
    connection->base.driver = options->driver;
    connection->mode = options->mode;
    for (size_t id = 0; id < SQL_COUNT; id++)
        connection->statements[id].base = (struct statement){
            .driver = options->driver, .connection = &connection->base, .id = (enum sql_id)id};
    if (sqlite3_open_v2(options->path, &connection->handle, flags, database_file_vfs()) !=
        SQLITE_OK) {
        sqlite_connection_fail(connection, options->path, error);
        goto failed;
    }
    database_file_watch(connection->handle, options->file);
    sqlite3_extended_result_codes(connection->handle, 1);
    sqlite3_busy_timeout(connection->handle, (int)options->busy_timeout_ms);
    if (!set_up(connection, options, error))
        goto failed;
    if (options->mode == CONNECTION_WRITE)
        files_tighten(options->path);
    return connection;
failed:
    sqlite_connection_close(connection);
    return NULL;
}

void sqlite_connection_close(struct sqlite_connection *connection)
{
    if (connection == NULL)
        return;
    for (size_t id = 0; id < SQL_COUNT; id++)
        sqlite3_finalize(connection->statements[id].handle);
    sqlite3_close(connection->handle);
    free(connection);
}

void sqlite_connection_keep_log(struct sqlite_connection *connection)
{
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

bool sqlite_connection_is_in_transaction(const struct sqlite_connection *connection)
{
    return sqlite3_get_autocommit(connection->handle) == 0;
}

bool sqlite_connection_execute(struct sqlite_connection *connection, const char *sql,
                               struct error *error)
{
    if (sqlite3_exec(connection->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    char what[32];
    sqlite3_snprintf(sizeof(what), what, "%s", sql);
    return sqlite_connection_fail(connection, what, error);
}

bool sqlite_connection_open_log(struct sqlite_connection *connection, int *descriptor,
                                struct error *error)
{
    *descriptor = -1;
    /* A connection that has read nothing yet may not have made the log. */
    if (!sqlite_connection_execute(connection, "PRAGMA user_version", error))
        return false;
    if (!connection->has_log)
        return true;
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(connection->handle, "main"));
    *descriptor = open(path, O_RDWR | O_CLOEXEC);
    return *descriptor >= 0 || error_unavailable(error, "%s: %s", path, strerror(errno));
}

int sqlite_connection_take_log_pages(struct sqlite_connection *connection)
{
    int pages = connection->log_pages;

    connection->log_pages = 0;
    return pages;
}

bool sqlite_connection_checkpoint(struct sqlite_connection *connection, struct error *error)
{
    /* A connection that has read nothing yet does not know that there is a log. */
    if (!sqlite_connection_execute(connection, "PRAGMA user_version", error))
        return false;
    int code =
        sqlite3_wal_checkpoint_v2(connection->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return code == SQLITE_OK || code == SQLITE_BUSY ||
           sqlite_connection_fail(connection, "checkpoint", error);
}

bool sqlite_connection_empty_log(struct sqlite_connection *connection, bool *is_empty,
                                 struct error *error)
{
    if (!sqlite_connection_execute(connection, "PRAGMA user_version", error))
        return false;
    int code =
        sqlite3_wal_checkpoint_v2(connection->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    *is_empty = code == SQLITE_OK;
    return *is_empty || code == SQLITE_BUSY ||
           sqlite_connection_fail(connection, "checkpoint", error);
}

static sqlite3_file *file_of(struct sqlite_connection *connection)
{
    sqlite3_file *file = NULL;

    sqlite3_file_control(connection->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file != NULL && file->pMethods != NULL ? file : NULL;
}

bool sqlite_connection_count_uncopied(struct sqlite_connection *connection, int64_t *pages,
                                      struct error *error)
{
    volatile void *index = NULL;

    if (!sqlite_connection_execute(connection, "PRAGMA user_version", error))
        return false;
    sqlite3_file *file = file_of(connection);
    if (file == NULL || file->pMethods->xShmMap(file, 0, LOG_INDEX_BYTES, 0, &index) != SQLITE_OK ||
        index == NULL)
        return error_unavailable(error, "the write-ahead log's index can't be read");
    const volatile uint32_t *numbers = index;
    *pages = (int64_t)numbers[LOG_INDEX_PAGES] - numbers[LOG_INDEX_COPIED];
    return true;
}

bool sqlite_connection_sync_file(struct sqlite_connection *connection, struct error *error)
{
    sqlite3_file *file = file_of(connection);

    return (file != NULL && file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK) ||
           error_unavailable(error, "the database can't be synced: %s", strerror(errno));
}
