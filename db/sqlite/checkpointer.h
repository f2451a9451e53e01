/*
 * Copies SQLite's write-ahead log into the database's file (a checkpoint), in a thread of its own,
 * once it is long. All the while somebody writes: the log can start over only in a moment in which
 * all of it is copied, which with many writers never comes by itself. So there are two halves:
 *
 * - what is in the log when it begins is copied, and the file synced, beside the writers; once
 *   more, when much has come meanwhile;
 * - what came meanwhile, little, is copied under the lock on which the writers of all processes
 *   queue. The next writer starts the log over.
 *
 * Up to SQLite 3.51.2 a writer that starts the log over in the middle of a checkpoint's beginning
 * can make it skip pages (the WAL-reset bug), which loses them. Here none can: the first half goes
 * with a snapshot, a read transaction on frames of the log that are not copied yet, which keeps
 * writers from starting over; the second half with the lock. For that the snapshot is taken by a
 * writer, under the lock, right after a commit: then there are such frames.
 *
 * What was deleted is still in the log. So, CHECKPOINTER_ERASE_DELAY_MS after texts were, or when
 * the program ends before, the log is copied, however short, and emptied. Who reads of it keeps it
 * from that for as long; it is tried again every second. A program that starts empties the log,
 * too: the one before it may have been killed.
 *
 * One process at a time is at it. A checkpoint that fails does no harm: the log stays longer, and
 * the next one copies it. But when the file could not be synced, whoever asked for it, SQLite or
 * we, nobody knows what of the log is in it: then a snapshot stays, so that the log is kept, whole
 * and growing, until all programs have been stopped (all of them, and only then started again); the
 * first to come copies all of it. The log says so.
 */
#ifndef MESSAGERIE_DB_SQLITE_CHECKPOINTER_H
#define MESSAGERIE_DB_SQLITE_CHECKPOINTER_H

#include <stdbool.h>

#include "common/error.h"
#include "common/services.h"
#include "db/engine/driver.h"
#include "db/sqlite/database_file.h"
#include "db/sqlite/log_sync.h"

/* The log is copied each time when it has grown by so many pages (16 MiB): a page that many commits
 * change is copied once for all of them. */
#define CHECKPOINTER_LOG_PAGES 8000

/* Deletions within this time share the work. */
#define CHECKPOINTER_ERASE_DELAY_MS 1000
/* How often it is tried again while somebody reads of the log: at first, doubling, and at last. */
#define CHECKPOINTER_ERASE_RETRY_MS     50
#define CHECKPOINTER_ERASE_RETRY_MAX_MS 1000
/* How long a program that ends waits for who reads of the log, after it has deleted. */
#define CHECKPOINTER_CLOSE_WAIT_MS 2000

struct checkpointer;

/* For the database at `path`, whose writers lock `lock_path`. */
struct checkpointer_options {
    const char *path;
    const char *lock_path;
    const struct driver *driver;
    struct log_sync *log;
    struct database_file *file;
    const struct services *services;
};

/* Borrows all. Touches no file. NULL with *error without memory or threads. */
struct checkpointer *checkpointer_create(const struct checkpointer_options *options,
                                         struct error *error);

/* The rest is for the writer's thread. */

/* After a commit that added to the log, still under the writers' lock: how many pages it has.
 * Begins a checkpoint when it is due. */
void checkpointer_tell(struct checkpointer *checkpointer, int log_pages);

/* Texts were deleted by the commit, likewise. */
void checkpointer_tell_of_erasure(struct checkpointer *checkpointer);

/* The file was opened and there is a log: what it has may have been deleted. */
void checkpointer_tell_of_old_log(struct checkpointer *checkpointer);

/* Waits for a checkpoint that is under way, or that is due as texts were deleted, and closes the
 * file: another one may take its place. But not after a failed sync. */
void checkpointer_close(struct checkpointer *checkpointer);

/* Whether the file could not be synced: connections have to keep the log when they are closed. */
bool checkpointer_has_failed_sync(struct checkpointer *checkpointer);

/* Closed before. Accepts NULL. */
void checkpointer_free(struct checkpointer *checkpointer);

#endif
