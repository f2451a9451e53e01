/*
 * What was shown while nobody could write: it is marked read as soon as somebody can, with all that
 * follows from that. Reading so never waits for those who write.
 *
 * At most READ_MARKS_MAX are remembered, of one reader READ_MARKS_OF_READER_MAX, in memory alone,
 * and the same one once: what is beyond, or is left when the process ends, stays unread until it is
 * read again. Any thread.
 */
#ifndef MESSAGERIE_DB_READ_MARKS_H
#define MESSAGERIE_DB_READ_MARKS_H

#include <stdint.h>

#include "db/database.h"

#define READ_MARKS_MAX           1024
#define READ_MARKS_OF_READER_MAX 64

struct read_marks;

/* Messages that somebody has been shown. */
struct shown_messages {
    const char *conversation_id;
    const char *reader_id;
    int64_t first, last; /* positions */
};

/* NULL without memory. Borrows the database. */
struct read_marks *read_marks_create(struct database *database);

/* The database must be gone: it ends what is under way. Accepts NULL. */
void read_marks_free(struct read_marks *marks);

/* Nothing happens, ever, when there are too many, without memory, or when the reader takes no part
 * in the conversation (any more). */
void read_marks_add(struct read_marks *marks, const struct shown_messages *shown);

#endif
