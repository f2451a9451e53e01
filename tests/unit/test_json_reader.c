#include "tests/unit/unit_test.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buffer.h"
#include "common/json_reader.h"
#include "tests/unit/failing_malloc.h"

/* Reads a copy that ends where its memory ends, so that a sanitizer sees one byte too far. */
static struct json_object *read_bytes(const char *bytes, size_t length, struct error *error)
{
    char *copy = malloc(length > 0 ? length : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    error_clear(error);
    struct json_object *value = json_read(copy, length, error);
    free(copy);
    if (value == NULL) {
        bool is_large = error->kind == ERROR_TOO_LARGE;
        assert_true(is_large || error->kind == ERROR_INVALID);
        assert_memory_equal(error->text, is_large ? "JSON trop gra" : "JSON invalide", 13);
    } else {
        assert_int_equal(error->kind, ERROR_NONE);
    }
    return value;
}

static bool accepts(const char *text)
{
    struct error error;
    struct json_object *value = read_bytes(text, strlen(text), &error);
    bool is_accepted = value != NULL;

    json_object_put(value);
    return is_accepted;
}

static void json_is_accepted(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "[[],{}]",
        " \t\r\n{ \"a\" : 1 , \"b\" : [ 1 , 2 ] } \n",
        "\"text\"",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "0.5e0",
        "123456789",
        "[null,true,false]",
        "{\"\":1}",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "[{\"a\":1},{\"a\":1}]",
        "{\"a\":null}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
        "\"é 😀 \x7f\"",
        "1e400",
        "99999999999999999999",
        "-99999999999999999999",
        "\"\\ud83d\\ude00\"",
        "\"\\uFFFF\\uD7FF\\uE000\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        if (!accepts(texts[i]))
            fail_msg("refused: %s", texts[i]);
    }
}

static void what_is_not_json_is_refused(void **state)
{
    static const char *const texts[] = {
        /* nothing, or more than one value */
        "",
        " ",
        "\n",
        "[1]x",
        "[1]]",
        "[1] [2]",
        "{}{}",
        "1 2",
        "\"a\" \"b\"",
        "[1],",
        "null",
        " null ",
        "true false",
        /* commas, colons, brackets */
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[,]",
        "[1,,2]",
        "[1 2]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":}",
        "{\"a\" 1}",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\"::1}",
        "{\"a\":1:2}",
        "[1:2]",
        ":",
        ",",
        "[1}",
        "{\"a\":1]",
        "{1:2}",
        "{null:1}",
        "{[]:1}",
        "{\"a\"}",
        "[\"a\":1]",
        /* numbers */
        "01",
        "-01",
        "00",
        "1.",
        "-1.",
        "1.e5",
        ".5",
        "-.5",
        "+1",
        "-",
        "--1",
        "1e",
        "1e+",
        "1e-",
        "1e5.5",
        "1.5.5",
        "1-",
        "1-2",
        "0x10",
        "1f",
        "1_000",
        "1,5",
        "[01]",
        "[-]",
        "[1.]",
        "{\"a\":01}",
        "[1e]",
        "1e1e1",
        "0e",
        "- 1",
        "1 .5",
        "٣",
        /* words */
        "nul",
        "nulll",
        "True",
        "TRUE",
        "tru",
        "truex",
        "fals",
        "falsehood",
        "[trueFalse]",
        "NaN",
        "nan",
        "-NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "-inf",
        "[NaN]",
        "[Infinity]",
        "[-Infinity]",
        "undefined",
        "yes",
        "[True]",
        "{\"a\":None}",
        /* quotes and comments */
        "'a'",
        "{'a':1}",
        "{a:1}",
        "[a]",
        "`a`",
        "/*c*/1",
        "1/*c*/",
        "//x\n1",
        "1//x",
        "#x\n1",
        "[1,/*c*/2]",
        "{\"a\":1}//x",
        /* strings */
        "\"",
        "\"abc",
        "\"abc\\",
        "\"abc\\\"",
        "\"\\x41\"",
        "\"\\'\"",
        "\"\\0\"",
        "\"\\a\"",
        "\"\\v\"",
        "\"\\u\"",
        "\"\\u1\"",
        "\"\\u12\"",
        "\"\\u123\"",
        "\"\\u123g\"",
        "\"\\u12",
        "\"\\U00e9\"",
        "\"\t\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\x1f\"",
        "{\"a\nb\":1}",
        /* NUL and surrogates */
        "\"\\u0000\"",
        "{\"\\u0000\":1}",
        "\"a\\u0000b\"",
        "\"\\ud800\"",
        "\"\\udbff\"",
        "\"\\udc00\"",
        "\"\\udfff\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud83d\\\"",
        "\"\\ud83d\\u\"",
        "\"\\ud83d\\ude0\"",
        "\"\\ud83d\\ude00\\ude00\"",
        "{\"\\ud800\":1}",
        /* UTF-8 */
        "\"\x80\"",
        "\"\xc3\"",
        "\"\xc3(\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xff\"",
        "{\"\xff\":1}",
        "\xef\xbb\xbf{}",
        "[\xc2\xa0]",
        "\xe2\x80\xa8[]",
        "é",
        "\"\xf0\x9f\x98",
        /* other blanks */
        "[\f1]",
        "[\v1]",
        "[\b1]",
        "\x7f[]",
        "\xc2\x85[]",
        /* keys given twice */
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "[{\"x\":{\"a\":1,\"a\":{\"b\":1}}}]",
        "{\"a\":{\"b\":1,\"c\":2},\"a\":null}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\":1,\"\":2}",
        "{\"é\":1,\"\\u00e9\":2}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        if (accepts(texts[i]))
            fail_msg("accepted: %s", texts[i]);
    }
}

static void a_raw_nul_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } texts[] = {
        {"\0", 1},  {"{}\0", 3},         {"\0{}", 3},  {"\"a\0b\"", 5}, {"[1\0]", 4},
        {"1\0", 2}, {"{\"a\0b\":1}", 9}, {"tru\0", 4}, {"1\0002", 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct error error;
        assert_null(read_bytes(texts[i].bytes, texts[i].length, &error));
    }
}

/* Every beginning of a document is refused, but for a number at the top. */
static void every_beginning_of_a_document_is_refused(void **state)
{
    static const char text[] = "{\"content\":\"é \\u00e9 \\ud83d\\ude00\",\"list\":[1.5e3,true,"
                               "false,null,{}],\"n\":-12}";

    (void)state;
    assert_true(accepts(text));
    for (size_t length = 0; length < strlen(text); length++) {
        struct error error;
        assert_null(read_bytes(text, length, &error));
    }
}

static char *nested(size_t depth, const char *opening, const char *middle, const char *closing)
{
    char *text = calloc(1, depth * (strlen(opening) + strlen(closing)) + strlen(middle) + 1);

    assert_non_null(text);
    for (size_t i = 0; i < depth; i++)
        strcat(text, opening);
    strcat(text, middle);
    for (size_t i = 0; i < depth; i++)
        strcat(text, closing);
    return text;
}

static void check_nesting(size_t depth, const char *opening, const char *middle,
                          const char *closing)
{
    char *text = nested(depth, opening, middle, closing);
    struct error error;
    struct json_object *value = read_bytes(text, strlen(text), &error);

    assert_int_equal(value != NULL, depth <= JSON_MAX_DEPTH);
    if (value == NULL)
        assert_string_equal(error.text, "JSON invalide : plus de 32 niveaux d'imbrication");
    json_object_put(value);
    free(text);
}

static void nesting_has_a_limit(void **state)
{
    static const size_t depths[] = {
        1, JSON_MAX_DEPTH - 1, JSON_MAX_DEPTH, JSON_MAX_DEPTH + 1, 1000, 5000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(depths); i++) {
        check_nesting(depths[i], "[", "", "]");
        check_nesting(depths[i], "[", "1", "]");
        check_nesting(depths[i], "{\"a\":", "1", "}");
        check_nesting(depths[i], "{\"a\":", "\"\"", "}");
        if (depths[i] > JSON_MAX_DEPTH)
            check_nesting(depths[i], "[", "", "");
    }
}

static void an_error_names_the_place(void **state)
{
    struct error error;

    (void)state;
    assert_null(read_bytes("[1,\"a\x01\"]", 8, &error));
    assert_string_equal(error.text, "JSON invalide à l'octet 5");
    assert_null(read_bytes("{\"a\":1,\"a\":2}", 13, &error));
    assert_string_equal(error.text, "JSON invalide : une clé est donnée deux fois");
}

static void texts_come_out_as_they_are_meant(void **state)
{
    static const char text[] =
        "{\"a\":\"é \\u00e9 \\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t\",\"n\":1,\"z\":null,"
        "\"o\":{\"a\":\"in\"},\"l\":[\"x\"]}";
    struct error error;
    struct json_object *object = read_bytes(text, strlen(text), &error);

    (void)state;
    assert_non_null(object);
    assert_string_equal(json_text(json_get(object, "a")), "é é 😀 \"\\/\b\f\n\r\t");
    assert_string_equal(json_text(json_get(json_get(object, "o"), "a")), "in");
    assert_null(json_text(json_get(object, "n")));
    assert_null(json_text(json_get(object, "o")));
    assert_null(json_text(json_get(object, "l")));
    assert_null(json_text(NULL));
    assert_null(json_get(object, "z"));
    assert_null(json_get(object, "absent"));
    assert_null(json_get(json_get(object, "a"), "a"));
    assert_null(json_get(json_get(object, "l"), "a"));
    assert_null(json_get(NULL, "a"));
    json_object_put(object);
}

static void integers_are_exact(void **state)
{
    static const struct {
        const char *text;
        int64_t number;
    } numbers[] = {
        {"0", 0},
        {"-0", 0},
        {"-0.0", 0},
        {"1", 1},
        {"-17", -17},
        {"1.0", 1},
        {"1e2", 100},
        {"12.5e1", 125},
        {"1E+2", 100},
        {"100e-2", 1},
        {"9007199254740991", JSON_INTEGER_MAX},
        {"-9007199254740991", -JSON_INTEGER_MAX},
        {"9007199254740991.0", JSON_INTEGER_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        struct error error;
        struct json_object *value = read_bytes(numbers[i].text, strlen(numbers[i].text), &error);
        int64_t number = 42;
        if (!json_integer(value, &number))
            fail_msg("refused: %s", numbers[i].text);
        assert_int_equal(number, numbers[i].number);
        json_object_put(value);
    }
}

static void other_numbers_are_no_integers(void **state)
{
    static const char *const texts[] = {
        "1.5",
        "0.1",
        "-1e-1",
        "1e400",
        "-1e400",
        "1e308",
        "99999999999999999999",
        "-99999999999999999999",
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993.0",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e19",
        "true",
        "false",
        "\"1\"",
        "\"\"",
        "[]",
        "[1]",
        "{}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct error error;
        struct json_object *value = read_bytes(texts[i], strlen(texts[i]), &error);
        int64_t number = 42;
        assert_non_null(value);
        if (json_integer(value, &number))
            fail_msg("accepted: %s", texts[i]);
        assert_int_equal(number, 42);
        json_object_put(value);
    }
    int64_t number = 42;
    assert_false(json_integer(NULL, &number));
    assert_int_equal(number, 42);
}

/* ---- limits ---- */

static char *text_of(const char *opening, const char *unit, size_t count, const char *closing)
{
    struct buffer text = BUFFER_EMPTY;

    buffer_append_text(&text, opening);
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(&text, i > 0 ? "," : "");
        buffer_append_text(&text, unit);
    }
    buffer_append_text(&text, closing);
    assert_non_null(buffer_text(&text));
    return text.data;
}

static void check_count(const char *opening, const char *unit, size_t count, const char *closing,
                        bool is_right)
{
    char *text = text_of(opening, unit, count, closing);
    struct error error;
    struct json_object *value = read_bytes(text, strlen(text), &error);

    assert_int_equal(value != NULL, is_right);
    if (!is_right)
        assert_string_equal(error.text, "JSON trop grand : plus de 1000 valeurs");
    json_object_put(value);
    value = json_read_own(text, strlen(text), &error);
    assert_non_null(value);
    json_object_put(value);
    free(text);
}

static void the_number_of_values_has_a_limit(void **state)
{
    static const char *const scalars[] = {"0", "0.5", "null", "true", "\"\"", "{}", "[]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(scalars); i++) {
        check_count("[", scalars[i], JSON_MAX_VALUES - 1, "]", true);
        check_count("[", scalars[i], JSON_MAX_VALUES, "]", false);
        check_count("[", scalars[i], 100000, "]", false);
    }
    check_count("[", "[{}]", (JSON_MAX_VALUES - 1) / 2, "]", true);
    check_count("[", "[{}]", JSON_MAX_VALUES / 2, "]", false);
    check_count("{\"a\":[", "{\"a\":1}", JSON_MAX_VALUES / 2 - 1, "]}", true);
    check_count("{\"a\":[", "{\"a\":1}", JSON_MAX_VALUES / 2, "]}", false);
}

/* A text with that many bytes of content between what stands around it. */
static char *long_text(const char *opening, char content, size_t count, const char *closing)
{
    char *text = malloc(strlen(opening) + count + strlen(closing) + 1);

    assert_non_null(text);
    char *end = stpcpy(text, opening);
    memset(end, content, count);
    strcpy(end + count, closing);
    return text;
}

static void check_text_bytes(const char *opening, char content, size_t count, const char *closing,
                             bool is_right)
{
    char *text = long_text(opening, content, count, closing);
    struct error error;
    struct json_object *value = read_bytes(text, strlen(text), &error);

    assert_int_equal(value != NULL, is_right);
    if (!is_right)
        assert_string_equal(error.text, "JSON trop grand : plus de 262144 octets de texte");
    json_object_put(value);
    error_clear(&error);
    value = json_read_own(text, strlen(text), &error);
    assert_non_null(value);
    json_object_put(value);
    free(text);
}

static void the_bytes_of_text_have_a_limit(void **state)
{
    (void)state;
    check_text_bytes("\"", 'x', JSON_MAX_TEXT_BYTES, "\"", true);
    check_text_bytes("\"", 'x', JSON_MAX_TEXT_BYTES + 1, "\"", false);
    check_text_bytes("[\"abc\",\"", 'x', JSON_MAX_TEXT_BYTES - 3, "\"]", true);
    check_text_bytes("[\"abc\",\"", 'x', JSON_MAX_TEXT_BYTES - 2, "\"]", false);
    check_text_bytes("{\"", 'x', JSON_MAX_TEXT_BYTES, "\":0}", true);
    check_text_bytes("{\"", 'x', JSON_MAX_TEXT_BYTES + 1, "\":0}", false);
    check_text_bytes("0.", '1', JSON_MAX_TEXT_BYTES - 2, "", true); /* which keeps its text */
    check_text_bytes("0.", '1', JSON_MAX_TEXT_BYTES - 1, "", false);
}

#if FAILING_MALLOC_WORKS
static void check_tree(char *text)
{
    struct error error;
    struct mallinfo2 before = mallinfo2();
    struct json_object *value = json_read(text, strlen(text), &error);
    struct mallinfo2 after = mallinfo2();

    assert_non_null(value);
    size_t bytes = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    if (bytes > JSON_MAX_TREE_BYTES)
        fail_msg("%zu bytes for %.40s", bytes, text);
    json_object_put(value);
    free(text);
}

/* The worst that fits: most values, most text, both. */
static void the_worst_tree_that_fits_has_its_memory(void **state)
{
    static const struct {
        const char *text;
        size_t values;
    } units[] = {
        {"{}", 1},
        {"[]", 1},
        {"0", 1},
        {"0.5", 1},
        {"null", 1},
        {"\"\"", 1},
        {"[0]", 2},
        {"{\"\":0}", 2},
        {"[[[[[[[[0]]]]]]]]", 9},
        {"{\"a\":{\"a\":{\"a\":{}}}}", 4},
    };
    struct buffer members = BUFFER_EMPTY;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
        check_tree(text_of("[", units[i].text, (JSON_MAX_VALUES - 1) / units[i].values, "]"));
    check_tree(long_text("\"", 'x', JSON_MAX_TEXT_BYTES, "\""));
    check_tree(long_text("{\"", 'x', JSON_MAX_TEXT_BYTES, "\":0}"));
    for (int i = 0; i < JSON_MAX_VALUES - 1; i++)
        buffer_append_format(&members, "%s\"%0250d\":{}", i > 0 ? "," : "{", i);
    buffer_append_text(&members, "}");
    assert_non_null(buffer_text(&members));
    check_tree(members.data);
}
#endif

/* ---- members ---- */

static const char *const kept[] = {"a", "b", NULL};

static struct json_object *read_kept(const char *text, struct error *error)
{
    char *copy = strdup(text);

    assert_non_null(copy);
    error_clear(error);
    struct json_object *value = json_read_members(copy, strlen(copy), kept, error);
    free(copy);
    return value;
}

static void members_that_nobody_reads_are_left_out(void **state)
{
    static const struct {
        const char *text;
        const char *left;
    } texts[] = {
        {"{\"a\":1,\"x\":2,\"b\":[3]}", "{\"a\":1,\"b\":[3]}"},
        {"{\"x\":{\"a\":1}}", "{}"},
        {"[{\"x\":1,\"a\":{\"y\":[],\"b\":null}},7]", "[{\"a\":{\"b\":null}},7]"},
        {"{\"x\" : { } , \"y\" :[ ] , \"z\": [ { } , [ ] , \"t\\n\" , -1.5e3 ] , \"a\":true }",
         "{\"a\":true}"},
        {"{\"x\":1,\"x\":2,\"y\":{\"a\":1,\"a\":2}}", "{}"}, /* twice, but who cares */
        {"{\"x\":{\"u\":{\"v\":{\"w\":[1,2,{\"a\":null}]}}},\"a\":1}", "{\"a\":1}"},
        {"{\"\\u0061\":1}", "{\"a\":1}"},
        {"{\"A\":1,\"ab\":2,\"\":3}", "{}"},
        {"{}", "{}"},
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct json_object *value = read_kept(texts[i].text, &error);
        if (value == NULL)
            fail_msg("%s: %s", texts[i].text, error.text);
        assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
                            texts[i].left);
        json_object_put(value);
    }
}

/* What is left out is JSON, too. */
static void what_is_left_out_is_checked_too(void **state)
{
    static const char *const values[] = {
        "",
        "x",
        "1x",
        "01",
        "+1",
        ".5",
        "1.",
        "tru",
        "truex",
        "nul",
        "'a'",
        "\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"\xff\"",
        "\"\n\"",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "}",
        "{]",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "[[]",
        "{\"a\":{}",
        "[]]",
        "{}}",
        "1,2",
        "NaN",
        "\"a\"\"b\"",
    };
    struct error error;
    char text[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        snprintf(text, sizeof(text), "{\"x\":%s}", values[i]);
        assert_null(read_kept(text, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
        snprintf(text, sizeof(text), "{\"x\":[{\"y\":%s}]}", values[i]);
        assert_null(read_kept(text, &error));
    }
    assert_null(read_kept("{\"a\":1,\"a\":2}", &error));
    strcpy(text, "{\"x\":[1,{\"y\":[\"z\",-1.5e3],\"a\":{}},true,null],\"a\":1}");
    for (size_t length = strlen(text) - 1; length > 0; length--) {
        text[length] = '\0';
        assert_null(read_kept(text, &error));
    }
}

static void what_is_left_out_does_not_count(void **state)
{
    struct error error;
    char *text = text_of("{\"a\":1,\"x\":[", "{\"y\":[0]}", 10000, "]}");
    struct json_object *value = read_kept(text, &error);

    (void)state;
    assert_non_null(value);
    assert_int_equal(json_object_object_length(value), 1);
    json_object_put(value);
    free(text);
    text = long_text("{\"a\":1,\"x\":\"", 'x', 2 * JSON_MAX_TEXT_BYTES, "\"}");
    value = read_kept(text, &error);
    assert_non_null(value);
    json_object_put(value);
    free(text);
    text = text_of("{\"a\":[", "0", JSON_MAX_VALUES, "]}");
    assert_null(read_kept(text, &error));
    assert_int_equal(error.kind, ERROR_TOO_LARGE);
    free(text);
}

static void the_depth_of_what_is_left_out_counts(void **state)
{
    struct error error;

    (void)state;
    for (size_t depth = JSON_MAX_DEPTH - 2; depth <= JSON_MAX_DEPTH + 1; depth++) {
        struct buffer text = BUFFER_EMPTY;
        buffer_append_text(&text, "{\"x\":");
        for (size_t i = 1; i < depth; i++)
            buffer_append_text(&text, i % 2 == 0 ? "[" : "{\"y\":");
        buffer_append_text(&text, "1");
        for (size_t i = depth - 1; i > 0; i--)
            buffer_append_text(&text, i % 2 == 0 ? "]" : "}");
        buffer_append_text(&text, "}");
        struct json_object *value = read_kept(buffer_text(&text), &error);
        assert_int_equal(value != NULL, depth <= JSON_MAX_DEPTH);
        if (value == NULL)
            assert_string_equal(error.text, "JSON invalide : plus de 32 niveaux d'imbrication");
        json_object_put(value);
        buffer_free(&text);
    }
}

static void what_is_well_formed_is_told(void **state)
{
    static const char *const right[] = {
        "null",         " 1 ",      "\"\\u0000\"",       "\"\\ud800\"",
        "\"\\udc00x\"", "\"\xff\"", "{\"a\":1,\"a\":2}", "[]",
    };
    static const char *const wrong[] = {
        "",        " ",           "[",      "{",   "{\"a\"}", "[1,]", "nul",
        "\"\\x\"", "\"\\u00g0\"", "\"\t\"", "'a'", "1 2",     "[]x",
    };
    char *deep = malloc(200001);

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(right); i++)
        if (!json_is_well_formed(right[i], strlen(right[i])))
            fail_msg("refused: %s", right[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        if (json_is_well_formed(wrong[i], strlen(wrong[i])))
            fail_msg("taken: %s", wrong[i]);
    assert_false(json_is_well_formed("\"\0\"", 3));
    assert_non_null(deep);
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    assert_true(json_is_well_formed(deep, 200000));
    assert_false(json_is_well_formed(deep, 199999));
    assert_false(json_is_well_formed(deep, 100000));
    free(deep);
}

/* What is read can be written again: nothing that no JSON parser takes, such as Infinity. */
static void what_was_read_can_be_written_again(void **state)
{
    static const char text[] =
        "[1,-2,1.50,1e400,-1E+2,99999999999999999999,\"\\\"é\",{\"a\":null}]";
    struct error error;
    struct json_object *value = read_bytes(text, strlen(text), &error);

    (void)state;
    assert_non_null(value);
    assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), text);
    json_object_put(value);
}

static void an_object_may_have_many_members(void **state)
{
    const int count = 20000;
    char *text = malloc((size_t)count * 16 + 2);
    size_t length = 0;
    struct error error;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < count; i++)
        length += (size_t)sprintf(text + length, "%c\"k%d\":%d", i == 0 ? '{' : ',', i, i);
    text[length++] = '}';
    struct json_object *value = json_read_own(text, length, &error);
    assert_non_null(value);
    assert_int_equal(json_object_object_length(value), count);
    json_object_put(value);
    free(text);
}

#if FAILING_MALLOC_WORKS
/* Long enough that each of json-c's own stores has to grow. */
static const char large[] =
    "{\"content\":\"0123456789012345678901234567890123456789012345678901234567890123456789\","
    "\"a\":1,\"b\":2.5,\"c\":true,\"d\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
    "23,24,25,26,27,28,29,30,31,32,33,34,35],\"e\":{},\"f\":\"\\u00e9\",\"g\":1,\"h\":1,\"i\":1,"
    "\"j\":1,"
    "\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1,\"r\":\"s\"}";

static bool read_small(void *context)
{
    static const char text[] = "[{\"a\":[1,2.5,true,null,99999999999999999999],\"b\":{\"c\":\"d\","
                               "\"x\":[[{\"y\":\"z\"}]]}}]";
    static const char *const members[] = {"a", "b", "c", NULL};
    struct error error;

    (void)context;
    error_clear(&error);
    struct json_object *value = json_read_members(text, strlen(text), members, &error);
    if (value == NULL)
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    return json_object_put(value) == 1;
}

static bool read_large(void *context)
{
    struct error error;

    (void)context;
    error_clear(&error);
    struct json_object *value = json_read(large, strlen(large), &error);
    if (value == NULL) {
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
        return false;
    }
    assert_int_equal(json_object_object_length(value), 19);
    assert_int_equal(strlen(json_text(json_get(value, "content"))), 70);
    assert_int_equal(json_object_array_length(json_get(value, "d")), 35);
    for (size_t i = 0; i < 35; i++)
        assert_int_equal(json_object_get_int(json_object_array_get_idx(json_get(value, "d"), i)),
                         i + 1);
    assert_true(json_object_get_double(json_get(value, "b")) == 2.5);
    assert_string_equal(json_text(json_get(value, "r")), "s");
    json_object_put(value);
    return true;
}

static void without_memory_nothing_is_read(void **state)
{
    (void)state;
    /* json-c 0.16 loses a key when the table of an object cannot grow. */
    run_with_failing_malloc(read_large, NULL, true);
    run_with_failing_malloc(read_small, NULL, false);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_accepted),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(a_raw_nul_is_refused),
        cmocka_unit_test(every_beginning_of_a_document_is_refused),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(an_error_names_the_place),
        cmocka_unit_test(texts_come_out_as_they_are_meant),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(other_numbers_are_no_integers),
        cmocka_unit_test(the_number_of_values_has_a_limit),
        cmocka_unit_test(the_bytes_of_text_have_a_limit),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(the_worst_tree_that_fits_has_its_memory),
#endif
        cmocka_unit_test(members_that_nobody_reads_are_left_out),
        cmocka_unit_test(what_is_left_out_is_checked_too),
        cmocka_unit_test(what_is_left_out_does_not_count),
        cmocka_unit_test(the_depth_of_what_is_left_out_counts),
        cmocka_unit_test(what_is_well_formed_is_told),
        cmocka_unit_test(what_was_read_can_be_written_again),
        cmocka_unit_test(an_object_may_have_many_members),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(without_memory_nothing_is_read),
#endif
    };

    return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
