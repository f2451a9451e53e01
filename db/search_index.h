/*
 * The search index, and how it follows what is written.
 *
 * Documents are the messages and, two for each conversation, its cards (db/search_document.h). They
 * are indexed behind, a thousand at a time, in a segment: each of its terms with the documents that
 * have it, as lines of text (db/search_block.h). A segment is written once, sorted, where the table
 * ends, and never merged with another: that is what makes a message cheap, which a row for each of
 * its words, each in a page of its own, would not be. Whose a document is, is a term like another.
 * What is not indexed yet is read by whoever searches (db/search.h).
 *
 * SQLite's FTS5 does it otherwise: it keeps the words of what was deleted until it merges, and its
 * lists are of all people's messages, through which a word that half of them have must be looked
 * for.
 *
 * Triggers note what is to be done (db/engine/schema.c), whichever statement was the cause: what is
 * new is pending; what is gone, or has another text, is stale and leaves its segment exactly, so
 * that its words are in no file (db/search_removal.h); of who is called otherwise the cards are
 * indexed anew. It is done by whichever program has a writer that is idle, as large deletions are
 * (db/deletion.h), and is noted in the database.
 *
 * For db/ alone.
 */
#ifndef MESSAGERIE_DB_SEARCH_INDEX_H
#define MESSAGERIE_DB_SEARCH_INDEX_H

#include <stdbool.h>

#include "common/error.h"
#include "db/slice.h"

/* Pending documents from which on a segment is made. */
#define SEARCH_PENDING_MIN 512

/* Bytes of text, beyond which a segment takes no more documents: what a slice can do. */
#define SEARCH_SEGMENT_TEXT_BYTES (512 * 1024)

/* Events after which it is asked how much is pending: a message has two or three. */
#define SEARCH_LOOK_EVENTS 2048

/* Conversations that become pending at once of those that were there before the index. */
#define SEARCH_BACKLOG_CONVERSATIONS 128

/* What there is room for of what is to be done. *has_more: there is, or may be, more. */
bool search_index_go_on(struct slice *slice, bool *has_more, struct error *error);

/* To be told of each message, with the newest seq from before it. */
void search_index_tell(struct transaction *transaction, int64_t seq_before);

#endif
