#include "db/search_excerpt.h"

#include <stdint.h>
#include <string.h>

#include "common/grapheme.h"

#define ELLIPSIS "…"

bool search_query_parse(const char *text, struct search_query *query)
{
    struct words words = words_of(text);
    struct word word;

    query->count = 0;
    while (words_next(&words, &word)) {
        if (query->count == SEARCH_WORDS_MAX)
            return false;
        query->words[query->count++] = word;
    }
    return query->count > 0;
}

/* The bits of the query's words that this one is. */
static unsigned matched_by(const struct search_query *query, const struct word *word)
{
    unsigned matched = 0;

    for (size_t i = 0; i < query->count; i++) {
        const struct word *wanted = &query->words[i];
        bool is_prefix = i == query->count - 1;
        if ((is_prefix ? word->length >= wanted->length : word->length == wanted->length) &&
            memcmp(word->text, wanted->text, wanted->length) == 0)
            matched |= 1U << i;
    }
    return matched;
}

bool search_query_matches(const struct search_query *query, const char *text)
{
    struct words words = words_of(text);
    unsigned missing = (1U << query->count) - 1;
    struct word word;

    while (missing != 0 && words_next(&words, &word))
        missing &= ~matched_by(query, &word);
    return missing == 0;
}

/* ---- the excerpt --------------------------------------------------------------------------- */

static bool is_first_byte(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

static size_t go_back(const char *text, size_t at, size_t characters)
{
    while (at > 0 && characters > 0)
        if (is_first_byte(text[--at]))
            characters--;
    return at;
}

/* Where the excerpt begins: with a word, not far before the first hit. */
static size_t find_begin(const struct search_query *query, const char *text)
{
    struct words words = words_of(text);
    struct word word;
    size_t hit = 0;

    while (words_next(&words, &word))
        if (matched_by(query, &word) != 0) {
            hit = word.begin;
            break;
        }
    size_t earliest = go_back(text, hit, SEARCH_BEFORE_CHARACTERS);
    if (earliest == 0)
        return 0;
    words = words_of(text);
    while (words_next(&words, &word))
        if (word.begin >= earliest)
            return word.begin;
    return hit;
}

/* Code units of UTF-16, as a page counts. */
static int64_t units_of(const char *text, size_t length)
{
    int64_t units = 0;

    for (size_t i = 0; i < length; i++)
        if (is_first_byte(text[i]))
            units += (unsigned char)text[i] >= 0xf0 ? 2 : 1;
    return units;
}

static void write_highlights(const struct search_query *query, const char *excerpt, int64_t shift,
                             struct json_writer *writer)
{
    struct words words = words_of(excerpt);
    struct word word;

    json_write_key(writer, "highlights");
    json_begin_array(writer);
    while (words_next(&words, &word)) {
        if (matched_by(query, &word) == 0)
            continue;
        int64_t begin = shift + units_of(excerpt, word.begin);
        json_begin_object(writer);
        json_member_integer(writer, "start", begin);
        json_member_integer(writer, "end",
                            begin + units_of(excerpt + word.begin, word.end - word.begin));
        json_end_object(writer);
    }
    json_end_array(writer);
}

/* Line ends and other controls are blanks: an excerpt is one line. */
static void append_line(struct buffer *line, const char *text, size_t length)
{
    size_t begin = line->length;

    buffer_append(line, text, length);
    for (size_t i = begin; i < line->length; i++)
        if ((unsigned char)line->data[i] < 0x20)
            line->data[i] = ' ';
}

void search_excerpt_write(const struct search_query *query, const char *text,
                          struct json_writer *writer, struct buffer *scratch)
{
    size_t begin = find_begin(query, text);
    size_t length = grapheme_prefix_bytes(text + begin, SEARCH_EXCERPT_CHARACTERS);
    bool is_cut = text[begin + length] != '\0';

    buffer_clear(scratch);
    buffer_append_text(scratch, begin > 0 ? ELLIPSIS : "");
    size_t shift = scratch->length;
    append_line(scratch, text + begin, length);
    buffer_append_text(scratch, is_cut ? ELLIPSIS : "");
    const char *excerpt = buffer_text(scratch);
    if (excerpt == NULL) {
        writer->out->failed = true;
        return;
    }
    json_member_text(writer, "excerpt", excerpt);
    write_highlights(query, excerpt + shift, units_of(excerpt, shift), writer);
}
