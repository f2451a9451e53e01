#include "tests/unit/unit_test.h"

#include <stdlib.h>

#include "common/base64url.h"

/* ---- helpers ---- */

/* Decodes a copy without anything behind it into as much room as the header asks for, so that a
 * sanitizer sees one byte too far. */
static bool decodes(const char *text, unsigned char **bytes, size_t *length)
{
    size_t text_length = strlen(text);
    char *copy = malloc(text_length > 0 ? text_length : 1);

    *bytes = malloc(BASE64URL_ROOM(text_length));
    assert_non_null(copy);
    assert_non_null(*bytes);
    for (size_t i = 0; i < text_length; i++)
        copy[i] = text[i];
    bool is_good = base64url_decode(copy, text_length, *bytes, length);
    free(copy);
    return is_good;
}

/* ---- tests ---- */

/* RFC 4648 section 10, and what the two alphabets differ in. */
static void the_vectors_of_the_standard_come_out_both_ways(void **state)
{
    static const struct {
        const char *bytes;
        const char *text;
    } vectors[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
        struct buffer out = BUFFER_EMPTY;
        unsigned char *bytes;
        size_t length;
        buffer_append_text(&out, "x");
        base64url_append(&out, vectors[i].bytes, strlen(vectors[i].bytes));
        assert_string_equal(buffer_text(&out) + 1, vectors[i].text);
        buffer_free(&out);
        assert_true(decodes(vectors[i].text, &bytes, &length));
        assert_int_equal(length, strlen(vectors[i].bytes));
        assert_memory_equal(bytes, vectors[i].bytes, length);
        free(bytes);
    }
}

static void every_length_comes_back(void **state)
{
    unsigned char bytes[100];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 83);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        struct buffer text = BUFFER_EMPTY;
        unsigned char *decoded;
        size_t decoded_length;
        base64url_append(&text, bytes, length);
        assert_true(decodes(buffer_text(&text), &decoded, &decoded_length));
        assert_int_equal(decoded_length, length);
        assert_memory_equal(decoded, bytes, length);
        free(decoded);
        buffer_free(&text);
    }
}

static void anything_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "Z",     "Zm9vY", "Zg==",   "Zm8=",   "=", "Zm9v=", "Zm9v====", "+/+/", " Zm9v",
        "Zm9v ", "Zm 9v", "Zm\n9v", "Zm9v\n", "é", "Zm9v.", "Zh", /* bits behind the byte */
        "Zm9",   "-_-",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        unsigned char *bytes;
        size_t length;
        if (decodes(texts[i], &bytes, &length))
            fail_msg("decoded: %s", texts[i]);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_standard_come_out_both_ways),
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(anything_else_is_refused),
    };

    return cmocka_run_group_tests_name("base64url", tests, NULL, NULL);
}
