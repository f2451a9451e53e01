/*
 * Copies SQLite's write-ahead log into the database's file (a checkpoint), in a thread of its own:
 * neither commits nor those whose messages they hold wait for it.
 *
 * It goes on beside the writers, and when they pause, the log starts over. When they never do, it
 * grows long; then the rest of it, which was added meanwhile, is copied under the lock on which the
 * writers of all processes queue, so that it can start over. Processes need not agree on who does it: SQLite lets one
 * at a time, and the others try again when the log has grown by as much once more.
 *
 * A checkpoint that fails does no harm: the log stays longer, and the next one copies it.
 */
#ifndef MESSAGERIE_DB_CHECKPOINTER_H
#define MESSAGERIE_DB_CHECKPOINTER_H

#include "common/error.h"
#include "common/services.h"

/* It is copied each time when it has grown by so many pages (16 MiB): a page that many commits
 * change is copied once for all of them. */
#define CHECKPOINTER_LOG_PAGES 8000
/* Long is a log of so many pages (64 MiB). */
#define CHECKPOINTER_LONG_LOG_PAGES 32000

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
