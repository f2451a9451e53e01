/*
 * What somebody looks for, and the part of a text where it stands. Any thread.
 */
#ifndef MESSAGERIE_DB_SEARCH_EXCERPT_H
#define MESSAGERIE_DB_SEARCH_EXCERPT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json_writer.h"
#include "common/words.h"

/* Words of a query at most, and its characters (code points). */
#define SEARCH_WORDS_MAX            8
#define SEARCH_QUERY_MAX_CHARACTERS 200

/* Characters of an excerpt at most, the … at its ends not counted, and of those what stands before
 * the first hit at most. */
#define SEARCH_EXCERPT_CHARACTERS 160
#define SEARCH_BEFORE_CHARACTERS  40

/* The last one is the beginning of a word, the others are whole. Nothing but letters and digits
 * says anything: there is no syntax. */
struct search_query {
    struct word words[SEARCH_WORDS_MAX];
    size_t count;
};

/* False when there is no word in it, count 0, or too many, count SEARCH_WORDS_MAX. */
bool search_query_parse(const char *text, struct search_query *query);

/* Whether the text has all words. */
bool search_query_matches(const struct search_query *query, const char *text);

/* Writes the members `excerpt` and `highlights` of a text that matches. */
void search_excerpt_write(const struct search_query *query, const char *text,
                          struct json_writer *writer, struct buffer *scratch);

#endif
