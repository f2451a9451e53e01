#include "db/log_file.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A log. The file of the file system below stands behind it in the memory that SQLite gives. */
struct log_file {
    sqlite3_file base;
    char *pending; /* NULL until something is written, or without memory: nothing is collected */
    size_t length;
    sqlite3_int64 offset; /* in the file, of what is pending */
};

/* The file system that SQLite is given: the default one's functions, but for opening. */
struct log_system {
    sqlite3_vfs base;
    sqlite3_vfs *real;
};

static sqlite3_file *real_file(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((struct log_file *)(void *)file + 1);
}

static int write_real(sqlite3_file *file, const void *data, size_t length, sqlite3_int64 offset)
{
    sqlite3_file *real = real_file(file);

    return real->pMethods->xWrite(real, data, (int)length, offset);
}

/* Writes what is pending. What could not be written is SQLite's to write again: it knows that the
 * transaction failed. */
static int flush(sqlite3_file *file)
{
    struct log_file *log = (struct log_file *)(void *)file;
    size_t length = log->length;

    log->length = 0;
    return length == 0 ? SQLITE_OK : write_real(file, log->pending, length, log->offset);
}

static int close_log(sqlite3_file *file)
{
    struct log_file *log = (struct log_file *)(void *)file;
    sqlite3_file *real = real_file(file);
    int flushed = flush(file);
    int closed = real->pMethods->xClose(real);

    free(log->pending);
    log->pending = NULL;
    return flushed != SQLITE_OK ? flushed : closed;
}

static int read_log(sqlite3_file *file, void *out, int length, sqlite3_int64 offset)
{
    sqlite3_file *real = real_file(file);
    int flushed = flush(file);

    return flushed != SQLITE_OK ? flushed : real->pMethods->xRead(real, out, length, offset);
}

static int write_log(sqlite3_file *file, const void *data, int length, sqlite3_int64 offset)
{
    struct log_file *log = (struct log_file *)(void *)file;
    size_t size = (size_t)length;

    if (log->pending == NULL)
        log->pending = malloc(LOG_FILE_PENDING_BYTES);
    bool follows = offset == log->offset + (sqlite3_int64)log->length;
    if (!follows || log->length + size > LOG_FILE_PENDING_BYTES) {
        int flushed = flush(file);
        if (flushed != SQLITE_OK)
            return flushed;
    }
    if (log->pending == NULL || size > LOG_FILE_PENDING_BYTES)
        return write_real(file, data, size, offset);
    if (log->length == 0)
        log->offset = offset;
    memcpy(log->pending + log->length, data, size);
    log->length += size;
    return SQLITE_OK;
}

static int truncate_log(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *real = real_file(file);
    int flushed = flush(file);

    return flushed != SQLITE_OK ? flushed : real->pMethods->xTruncate(real, size);
}

static int sync_log(sqlite3_file *file, int flags)
{
    sqlite3_file *real = real_file(file);
    int flushed = flush(file);

    return flushed != SQLITE_OK ? flushed : real->pMethods->xSync(real, flags);
}

static int size_of_log(sqlite3_file *file, sqlite3_int64 *size)
{
    sqlite3_file *real = real_file(file);
    int flushed = flush(file);

    return flushed != SQLITE_OK ? flushed : real->pMethods->xFileSize(real, size);
}

static int lock_log(sqlite3_file *file, int level)
{
    sqlite3_file *real = real_file(file);

    return real->pMethods->xLock(real, level);
}

static int unlock_log(sqlite3_file *file, int level)
{
    sqlite3_file *real = real_file(file);

    return real->pMethods->xUnlock(real, level);
}

static int is_log_reserved(sqlite3_file *file, int *out)
{
    sqlite3_file *real = real_file(file);

    return real->pMethods->xCheckReservedLock(real, out);
}

static int control_log(sqlite3_file *file, int operation, void *argument)
{
    sqlite3_file *real = real_file(file);

    return real->pMethods->xFileControl(real, operation, argument);
}

static int sector_size_of_log(sqlite3_file *file)
{
    sqlite3_file *real = real_file(file);

    return real->pMethods->xSectorSize(real);
}

static int characteristics_of_log(sqlite3_file *file)
{
    sqlite3_file *real = real_file(file);

    return real->pMethods->xDeviceCharacteristics(real);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* without shared memory and mapping, which are the database file's */
    .xClose = close_log,
    .xRead = read_log,
    .xWrite = write_log,
    .xTruncate = truncate_log,
    .xSync = sync_log,
    .xFileSize = size_of_log,
    .xLock = lock_log,
    .xUnlock = unlock_log,
    .xCheckReservedLock = is_log_reserved,
    .xFileControl = control_log,
    .xSectorSize = sector_size_of_log,
    .xDeviceCharacteristics = characteristics_of_log,
};

static int open_file(sqlite3_vfs *system, const char *name, sqlite3_file *file, int flags, int *out)
{
    sqlite3_vfs *real = ((struct log_system *)(void *)system)->real;
    struct log_file *log = (struct log_file *)(void *)file;

    if ((flags & SQLITE_OPEN_WAL) == 0)
        return real->xOpen(real, name, file, flags, out);
    *log = (struct log_file){.base.pMethods = NULL};
    int result = real->xOpen(real, name, real_file(file), flags, out);
    if (result == SQLITE_OK)
        log->base.pMethods = &log_methods;
    return result;
}

const char *log_file_register(void)
{
    /* SQLite's list of file systems, which refers to this, is itself one for the process. */
    static struct log_system system;
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);

    if (real == NULL)
        return NULL;
    system.real = real;
    system.base = *real;
    system.base.zName = "messagerie";
    system.base.szOsFile = real->szOsFile + (int)sizeof(struct log_file);
    system.base.xOpen = open_file;
    return sqlite3_vfs_register(&system.base, 0) == SQLITE_OK ? system.base.zName : NULL;
}
