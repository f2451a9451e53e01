/*
 * Deleting what is large. A conversation with many messages is gone for everybody with one commit,
 * which hides it: its participants are deleted, and what was told of it counts as blank. Its rows,
 * and the events, go behind, a slice at a time, so that nobody waits long; done by whichever
 * program has a writer that is idle (db/engine/writer.h), and by `messagerie maintain`. Who is
 * killed in between leaves the rest to the next one: what is to be done stands in the database.
 *
 * For db/ alone, but for the operation.
 */
#ifndef MESSAGERIE_DB_DELETION_H
#define MESSAGERIE_DB_DELETION_H

#include <stdbool.h>

#include "common/error.h"
#include "db/conversation_row.h"
#include "db/engine/operation.h"

/* A conversation with more messages goes in slices; others at once, in some milliseconds. */
#define DELETION_AT_ONCE_MESSAGES 256

/* Rows that go in one step of a slice (db/slice.h). */
#define DELETION_STEP_ROWS 32

/* Operation over struct deletion_slice: one slice of what there is to do, if anything,
 * also of erasures (db/erasure.h) and of the search
 * index (db/search_index.h). */
struct deletion_slice {
    bool has_more; /* result: there is, or may be, more to do */
};
DATABASE_OPERATION(deletion_slice, struct deletion_slice);

bool deletion_is_large(const struct conversation *conversation);

/* Hides it; what is unread in it was taken off the totals. */
bool deletion_begin(struct transaction *transaction, const struct conversation *conversation,
                    struct error *error);

#endif
