/*
 * SQLite's way to the database's file leads through here (a VFS on top of the system's), for two
 * things that it has no setting for. For db/sqlite/ alone.
 *
 * What was deleted is gone from the file. SQLite overwrites what it deletes (secure_delete), but
 * not what it moves: when rows move to another page, copies stay behind in the part of the old one
 * that is not in use, for years, also after the row is deleted. That part is zeroed here in each
 * page that is written to the file. It is so for files of up to 32 GiB (DATABASE_FILE_SCRUB_PAGES):
 * beyond, the page of a long text could be taken for one with rows.
 *
 * Whoever syncs the file, SQLite itself included, and fails, it is noted: nobody knows then what of
 * the log is in the file (db/sqlite/checkpointer.h).
 */
#ifndef MESSAGERIE_DB_SQLITE_DATABASE_FILE_H
#define MESSAGERIE_DB_SQLITE_DATABASE_FILE_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* In pages: the page of a long text begins with the number of the next one, whose first byte is 0
 * up to here; the first byte of a page with rows is not. */
#define DATABASE_FILE_SCRUB_PAGES 0x1000000

/* What is known of a file, for all connections of a store. */
struct database_file {
    atomic_bool has_failed_sync;
};

/* The name under which connections are to open their file; NULL when it could not be made. Any
 * thread. */
const char *database_file_vfs(void);

/* Whose failed syncs are noted there, which is borrowed until the connection is closed. */
void database_file_watch(sqlite3 *handle, struct database_file *file);

/* The stretch of a page's bytes that is not in use; *length is 0 when it has none, or is no page
 * with rows. `is_first`: the page begins with the file's header. */
size_t database_file_find_unused(const unsigned char *page, size_t page_bytes, bool is_first,
                                 size_t *length);

#endif
