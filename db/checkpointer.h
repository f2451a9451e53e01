/*
 * Copies SQLite's write-ahead log into the database's file (a checkpoint), in a thread of its own,
 * once it is long.
 *
 * It does so under the lock on which the writers of all processes queue. SQLite would let it go on
 * beside them, but then the log could not start over for as long as somebody writes; and up to
 * SQLite 3.51.2 a writer that starts the log over in the middle of a checkpoint's beginning can
 * make it skip pages (the WAL-reset bug), which loses them.
 *
 * Each process looks after the log; who comes second finds nothing to copy. A checkpoint that fails
 * does no harm: the log stays longer, and the next one copies it.
 */
#ifndef MESSAGERIE_DB_CHECKPOINTER_H
#define MESSAGERIE_DB_CHECKPOINTER_H

#include "common/error.h"
#include "common/services.h"

/* It is copied each time when it has grown by so many pages (16 MiB): a page that many commits
 * change is copied once for all of them. */
#define CHECKPOINTER_LOG_PAGES 8000

struct checkpointer;

/* For the database at `path`, whose writers lock `lock_path`; borrows all three. Touches no file
 * before it is told of a long log. NULL with *error without memory or threads. */
struct checkpointer *checkpointer_create(const char *path, const char *lock_path,
                                         const struct services *services, struct error *error);

/* How many pages the log has after a commit. From one thread. */
void checkpointer_tell(struct checkpointer *checkpointer, int log_pages);

/* Waits for a checkpoint that is under way. Accepts NULL. */
void checkpointer_free(struct checkpointer *checkpointer);

#endif
