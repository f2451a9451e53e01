#include "db/sqlite/database_file.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/container.h"

#define VFS_NAME "messagerie"
/* Ours among the commands to a file, of which SQLite keeps the small numbers. */
#define COMMAND_WATCH 0x6d736731

/* SQLite's file format, section 1.6: a page with rows begins with a byte for its kind, behind the
 * file's header if it is the first; then numbers of two bytes. */
#define FILE_HEADER_BYTES       100
#define KIND_INTERIOR_INDEX     2
#define KIND_INTERIOR_TABLE     5
#define KIND_LEAF_INDEX         10
#define KIND_LEAF_TABLE         13
#define LEAF_HEADER_BYTES       8
#define INTERIOR_HEADER_BYTES   12
#define HEADER_FREE_BLOCK       1
#define HEADER_CELLS            3
#define HEADER_CONTENT          5
#define PAGE_BYTES_MIN          512
#define PAGE_BYTES_MAX          65536
#define LARGEST_ROOT_PAGE       52 /* in the file's header: not 0 with auto_vacuum */
#define LARGEST_ROOT_PAGE_BYTES 4

/* The system's file comes behind it. */
struct watched_file {
    sqlite3_file base;
    sqlite3_file *real;
    struct database_file *file; /* NULL: nobody's */
    unsigned char *scratch;     /* of PAGE_BYTES_MAX, once it is needed */
};

static struct watched_file *watched(sqlite3_file *base)
{
    return CONTAINER_OF(base, struct watched_file, base);
}

/* ---- pages --------------------------------------------------------------------------------- */

static size_t read_number(const unsigned char *bytes)
{
    return (size_t)bytes[0] << 8 | bytes[1];
}

static size_t header_bytes(unsigned char kind)
{
    switch (kind) {
    case KIND_LEAF_INDEX:
    case KIND_LEAF_TABLE:
        return LEAF_HEADER_BYTES;
    case KIND_INTERIOR_INDEX:
    case KIND_INTERIOR_TABLE:
        return INTERIOR_HEADER_BYTES;
    default:
        return 0;
    }
}

size_t database_file_find_unused(const unsigned char *page, size_t page_bytes, bool is_first,
                                 size_t *length)
{
    size_t at = is_first ? FILE_HEADER_BYTES : 0;
    size_t header = header_bytes(page[at]);
    size_t free_block = read_number(page + at + HEADER_FREE_BLOCK);
    size_t begin = at + header + 2 * read_number(page + at + HEADER_CELLS);
    size_t end = read_number(page + at + HEADER_CONTENT);

    *length = 0;
    if (end == 0)
        end = PAGE_BYTES_MAX;
    if (header == 0 || end > page_bytes || begin > end || (free_block != 0 && free_block < end))
        return 0;
    *length = end - begin;
    return begin;
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

static bool is_page(int length, sqlite3_int64 at)
{
    return length >= PAGE_BYTES_MIN && length <= PAGE_BYTES_MAX && (length & (length - 1)) == 0 &&
           at % length == 0;
}

/* With auto_vacuum, which we never set, there are pages of another kind that look like these. */
static bool may_scrub(struct watched_file *watched, int page_bytes)
{
    static const unsigned char none[LARGEST_ROOT_PAGE_BYTES];
    unsigned char largest_root[LARGEST_ROOT_PAGE_BYTES];
    sqlite3_int64 size;

    if (watched->real->pMethods->xFileSize(watched->real, &size) != SQLITE_OK ||
        size / page_bytes >= DATABASE_FILE_SCRUB_PAGES)
        return false;
    return size == 0 ||
           (watched->real->pMethods->xRead(watched->real, largest_root, sizeof(largest_root),
                                           LARGEST_ROOT_PAGE) == SQLITE_OK &&
            memcmp(largest_root, none, sizeof(none)) == 0);
}

/* SQLite has its own copy of the page, which stays as it is: so this is done once more each time
 * that it is written, and a copy of the file's page never has more than the file. */
static const void *scrub(struct watched_file *watched, const void *page, int length,
                         sqlite3_int64 at)
{
    size_t unused;
    size_t begin = database_file_find_unused(page, (size_t)length, at == 0, &unused);

    if (is_zero((const unsigned char *)page + begin, unused) || !may_scrub(watched, length))
        return page;
    if (watched->scratch == NULL)
        watched->scratch = malloc(PAGE_BYTES_MAX);
    if (watched->scratch == NULL)
        return NULL;
    memcpy(watched->scratch, page, (size_t)length);
    memset(watched->scratch + begin, 0, unused);
    return watched->scratch;
}

/* ---- a file -------------------------------------------------------------------------------- */

static int write_file(sqlite3_file *base, const void *bytes, int length, sqlite3_int64 at)
{
    struct watched_file *file = watched(base);
    const void *scrubbed = is_page(length, at) ? scrub(file, bytes, length, at) : bytes;

    if (scrubbed == NULL)
        return SQLITE_IOERR_NOMEM;
    return file->real->pMethods->xWrite(file->real, scrubbed, length, at);
}

static int sync_file(sqlite3_file *base, int flags)
{
    struct watched_file *file = watched(base);
    int code = file->real->pMethods->xSync(file->real, flags);

    if (code != SQLITE_OK && file->file != NULL)
        atomic_store(&file->file->has_failed_sync, true);
    return code;
}

static int control_file(sqlite3_file *base, int command, void *argument)
{
    struct watched_file *file = watched(base);

    if (command != COMMAND_WATCH)
        return file->real->pMethods->xFileControl(file->real, command, argument);
    file->file = argument;
    return SQLITE_OK;
}

static int close_file(sqlite3_file *base)
{
    struct watched_file *file = watched(base);

    free(file->scratch);
    return file->real->pMethods->xClose(file->real);
}

/* The rest is the system's. */

static int read_file(sqlite3_file *base, void *bytes, int length, sqlite3_int64 at)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xRead(real, bytes, length, at);
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xTruncate(real, size);
}

static int size_file(sqlite3_file *base, sqlite3_int64 *size)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xFileSize(real, size);
}

static int lock_file(sqlite3_file *base, int level)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xLock(real, level);
}

static int unlock_file(sqlite3_file *base, int level)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xUnlock(real, level);
}

static int check_lock(sqlite3_file *base, int *is_reserved)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xCheckReservedLock(real, is_reserved);
}

static int sector_bytes(sqlite3_file *base)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xSectorSize(real);
}

static int device_kind(sqlite3_file *base)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xDeviceCharacteristics(real);
}

static int map_shared(sqlite3_file *base, int region, int size, int may_extend,
                      void volatile **memory)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xShmMap(real, region, size, may_extend, memory);
}

static int lock_shared(sqlite3_file *base, int first, int count, int flags)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xShmLock(real, first, count, flags);
}

static void order_shared(sqlite3_file *base)
{
    sqlite3_file *real = watched(base)->real;
    real->pMethods->xShmBarrier(real);
}

static int unmap_shared(sqlite3_file *base, int must_delete)
{
    sqlite3_file *real = watched(base)->real;
    return real->pMethods->xShmUnmap(real, must_delete);
}

/* Version 2: without version 3's mapping of the file itself, which nobody has set. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_bytes,
    .xDeviceCharacteristics = device_kind,
    .xShmMap = map_shared,
    .xShmLock = lock_shared,
    .xShmBarrier = order_shared,
    .xShmUnmap = unmap_shared,
};

/* ---- the VFS ------------------------------------------------------------------------------- */

/* Made once for the process, and SQLite's from then on. */
static sqlite3_vfs vfs;
static sqlite3_vfs *system_vfs;

/* Logs, journals and temporary files go to the system as they are. */
static int open_file(sqlite3_vfs *unused, const char *path, sqlite3_file *base, int flags,
                     int *flags_taken)
{
    (void)unused;
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0)
        return system_vfs->xOpen(system_vfs, path, base, flags, flags_taken);
    struct watched_file *file = watched(base);
    *file = (struct watched_file){.real = (sqlite3_file *)(file + 1)};
    int code = system_vfs->xOpen(system_vfs, path, file->real, flags, flags_taken);
    /* Without its methods a file counts as not opened, and is not closed. */
    base->pMethods = file->real->pMethods != NULL ? &methods : NULL;
    return code;
}

static void make_vfs(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    if (system_vfs == NULL)
        return;
    vfs = *system_vfs;
    vfs.pNext = NULL;
    vfs.zName = VFS_NAME;
    vfs.szOsFile = (int)sizeof(struct watched_file) + system_vfs->szOsFile;
    vfs.xOpen = open_file;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        system_vfs = NULL;
}

const char *database_file_vfs(void)
{
    static pthread_once_t is_made = PTHREAD_ONCE_INIT;

    pthread_once(&is_made, make_vfs);
    return system_vfs != NULL ? VFS_NAME : NULL;
}

void database_file_watch(sqlite3 *handle, struct database_file *file)
{
    sqlite3_file_control(handle, "main", COMMAND_WATCH, file);
}
