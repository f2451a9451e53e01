/*
 * What leaves the search index (db/search_index.h): the documents of what is gone, and the words
 * that a message has no more. Segments are rewritten where they have them, so that not a word stays
 * in a file. For db/ alone.
 */
#ifndef MESSAGERIE_DB_SEARCH_REMOVAL_H
#define MESSAGERIE_DB_SEARCH_REMOVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "db/slice.h"

/* What is looked for together in a segment. */
#define SEARCH_REMOVAL_DOCUMENTS 256

/* A document, of a conversation that is known. */
struct search_stale {
    int64_t position; /* 0: both cards */
    int64_t created_at;
};

/* Notes it; what segments before `segment` have of it has left them. */
bool search_removal_add(struct connection *connection, int64_t segment, const char *conversation_id,
                        const struct search_stale *stale, struct error *error);

/* What there is room for. *has_more: there was something to do. */
bool search_removal_go_on(struct slice *slice, bool *has_more, struct error *error);

#endif
