/*
 * What somebody looks for, and a text in which it may stand.
 */
#include <string.h>

#include "common/utf8.h"
#include "db/search_block.h"
#include "db/search_excerpt.h"
#include "tests/fuzz/fuzz.h"

static void check_words(const char *text)
{
    struct words words = words_of(text);
    struct word word;
    size_t end = 0;

    while (words_next(&words, &word)) {
        FUZZ_CHECK(word.length > 0 && word.length <= WORD_MAX_BYTES);
        FUZZ_CHECK(strlen(word.text) == word.length);
        FUZZ_CHECK(utf8_is_valid(word.text, word.length));
        FUZZ_CHECK(word.text[strcspn(word.text, " =@#\n")] == '\0');
        FUZZ_CHECK(word.begin >= end && word.begin < word.end && word.end <= strlen(text));
        end = word.end;
    }
}

static void check_excerpt(const struct search_query *query, const char *text)
{
    struct buffer json = BUFFER_EMPTY, scratch = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &json);
    json_begin_object(&writer);
    search_excerpt_write(query, text, &writer, &scratch);
    json_end_object(&writer);
    FUZZ_CHECK(utf8_is_valid(json.data, json.length));
    buffer_free(&json);
    buffer_free(&scratch);
}

/* The first line is the query; what is behind it is the text, and a block of an index. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct search_query query;
    struct document_set set = {0};
    char *text = malloc(size + 1);

    FUZZ_CHECK(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (utf8_is_valid(text, strlen(text))) {
        char *rest = strchr(text, '\n');
        if (rest != NULL)
            *rest++ = '\0';
        check_words(text);
        if (search_query_parse(text, &query) && rest != NULL) {
            check_words(rest);
            search_block_read(rest, query.words[0].text, true, &set);
            if (search_query_matches(&query, rest))
                check_excerpt(&query, rest);
        }
    }
    free(text);
    return 0;
}
