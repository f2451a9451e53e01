/*
 * The write-ahead log's way to the disk, for all threads of a process.
 *
 * What the disk could not take Linux tells each open descriptor once, and then holds for written:
 * a second sync that succeeds proves nothing. After a failure the whole log is therefore written
 * again, from what the kernel's cache has of it, with nobody writing, and synced; until that
 * succeeds nothing counts as durable. The descriptor stays open for as long as the file is in use,
 * so that it also hears of what other processes have written; one thread at a time asks it.
 *
 * Not covered: that the cache has lost what the disk did not take before it is written again, and a
 * process that opens the log after another one has heard of an error, and died of it.
 *
 * Any thread may call; open and close only when no batch is under way.
 */
#ifndef MESSAGERIE_DB_SQLITE_LOG_SYNC_H
#define MESSAGERIE_DB_SQLITE_LOG_SYNC_H

#include <stdbool.h>

#include "common/error.h"
#include "db/engine/driver.h"

struct log_sync;

/* For the database at `path`, whose writers lock `lock_path`; borrows both. NULL with *error
 * without memory. */
struct log_sync *log_sync_create(const char *path, const char *lock_path,
                                 const struct driver *driver, struct error *error);

/* Takes over a descriptor for reading and writing; -1: there is no log, as each commit is durable
 * by itself. */
void log_sync_open(struct log_sync *log, int descriptor);

/* Nothing is durable until it is open again. */
void log_sync_close(struct log_sync *log);

/* Puts on disk what was committed before the call. False with *error, ERROR_UNAVAILABLE, when it is
 * not known to be there. Takes the writers' lock after a failure: not for whoever has it. */
bool log_sync_run(struct log_sync *log, struct error *error);

/* Whether the last one failed: what is written now would not be durable either. */
bool log_sync_is_suspect(struct log_sync *log);

/* Accepts NULL. */
void log_sync_free(struct log_sync *log);

#endif
