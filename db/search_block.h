/*
 * What a segment of the search index is made of (db/search_index.h): for each term the documents
 * that have it, as lines of text, the terms in the order of their bytes, so that a driver needs to
 * know texts alone, a term is found by one read, and a document is taken out exactly.
 *
 * A document of a segment has an ordinal. A line is the term and behind it either ' ' and the
 * ordinals, two characters each, or, once that is shorter, '=' and a bit for each ordinal, six to a
 * character. A block is as many lines as fit into a row that lies within a page, found by its first
 * term. A term is a folded word (common/words.h), or names whose document it is.
 *
 * For db/ alone.
 */
#ifndef MESSAGERIE_DB_SEARCH_BLOCK_H
#define MESSAGERIE_DB_SEARCH_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/id.h"
#include "common/words.h"

/* Documents of a segment: what is read once for each of them is read a thousand times for a million
 * messages; what is not indexed yet, and read at each search, is about as many. */
#define SEGMENT_DOCUMENTS_MAX 1024
#define SEGMENT_WORDS         (SEGMENT_DOCUMENTS_MAX / 64)

/* Bytes of a block, unless its only line is longer: two on a page. */
#define SEARCH_BLOCK_BYTES 1900

/* Room for a term and its NUL: that of an owner has its id percent-encoded. */
#define SEARCH_TERM_BYTES (1 + 3 * FOREIGN_ID_MAX_BYTES + 1)

/* Some documents of a segment. */
struct document_set {
    uint64_t bits[SEGMENT_WORDS];
};

static inline void document_set_add(struct document_set *set, unsigned ordinal)
{
    set->bits[ordinal / 64] |= UINT64_C(1) << (ordinal % 64);
}

static inline bool document_set_has(const struct document_set *set, unsigned ordinal)
{
    return (set->bits[ordinal / 64] >> (ordinal % 64) & 1) != 0;
}

bool document_set_is_empty(const struct document_set *set);
void document_set_intersect(struct document_set *set, const struct document_set *other);

/* ---- terms of owners ------------------------------------------------------------------------ */

/* Whose messages, and whose conversations' names and subjects. */
enum search_owner { SEARCH_OWNER_MESSAGES = '@', SEARCH_OWNER_CARDS = '#' };

void search_owner_term(enum search_owner kind, const char *user_id, char term[SEARCH_TERM_BYTES]);

static inline bool search_term_is_owner(const char *term)
{
    return *term == SEARCH_OWNER_MESSAGES || *term == SEARCH_OWNER_CARDS;
}

/* ---- reading -------------------------------------------------------------------------------- */

struct search_line {
    const char *term; /* not terminated */
    size_t term_length;
    const char *documents;
    size_t documents_length;
    bool is_bitmap;
};

/* Takes the line at *at, which moves behind it. False at the end; what is no line ends it, too. */
bool search_line_next(const char **at, struct search_line *line);

/* Adds the line's documents. */
void search_line_read(const struct search_line *line, struct document_set *set);

/* Adds the documents of the term, or of all that begin with it. False when what follows in the next
 * block may be asked for, too: there may be more of them. */
bool search_block_read(const char *block, const char *term, bool is_prefix,
                       struct document_set *set);

/* Appends the line. */
void search_line_append(struct buffer *block, const char *term, size_t term_length,
                        const struct document_set *set);

/* ---- making --------------------------------------------------------------------------------- */

struct search_builder;

/* NULL without memory. */
struct search_builder *search_builder_create(void);
void search_builder_free(struct search_builder *builder);

/* Says that the document has the term. False without memory. */
bool search_builder_add(struct search_builder *builder, const char *term, size_t length,
                        unsigned ordinal);

/* The same for all words of a text. */
bool search_builder_add_text(struct search_builder *builder, const char *text, unsigned ordinal);

/* No more is added: the next block, into the empty `block`. False when there is none. */
bool search_builder_next(struct search_builder *builder, struct buffer *block);

/* Copies the term that the block begins with. */
void search_block_first_term(const char *block, char term[SEARCH_TERM_BYTES]);

#endif
