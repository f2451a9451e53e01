/*
 * Searching one's own conversations: the names of the other one and the subject, and the texts of
 * messages (db/search_index.h). Who searches finds what they can read and nothing else: each hit is
 * read again, as it is shown now. Any thread.
 */
#ifndef MESSAGERIE_DB_SEARCH_H
#define MESSAGERIE_DB_SEARCH_H

#include <stdint.h>

#include "common/buffer.h"
#include "common/token.h"
#include "db/engine/operation.h"
#include "db/search_excerpt.h"

/* Hits that one can leaf through; pages beyond are empty. */
#define SEARCH_RESULTS_MAX 1000
/* Conversations, and messages, that are pending and read at a search, at most. More are pending
 * only while a large database is being indexed, or when nobody does it (plain CGI): then the newest
 * of them are searched, and the answer says so. */
#define SEARCH_PENDING_MAX 2048

/* Query over struct search: conversations first, then messages, each with the newest first. */
struct search {
    struct caller caller;
    const struct search_query *query;
    int64_t page;        /* from 1 */
    int64_t limit;       /* 1 to PAGE_LIMIT_MAX */
    struct buffer *json; /* result: {data, page, limit, hasMore, isComplete} */
};
DATABASE_QUERY(search, struct search);

#endif
