#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

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
        assert_int_equal(error->kind, ERROR_INVALID);
        assert_memory_equal(error->text, "JSON invalide", 13);
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

static void test_accepts(void **state)
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

static void test_refuses(void **state)
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

static void test_raw_nul(void **state)
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
static void test_truncated(void **state)
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

static void test_nesting(void **state)
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

static void test_error_names_the_place(void **state)
{
    struct error error;

    (void)state;
    assert_null(read_bytes("[1,\"a\x01\"]", 8, &error));
    assert_string_equal(error.text, "JSON invalide à l'octet 5");
    assert_null(read_bytes("{\"a\":1,\"a\":2}", 13, &error));
    assert_string_equal(error.text, "JSON invalide : une clé est donnée deux fois");
}

static void test_texts(void **state)
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

static void test_integers(void **state)
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

static void test_no_integers(void **state)
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

/* A document of one MiB, the longest that a request may have. */
static void test_large_text(void **state)
{
    const size_t length = 1048576;
    char *text = malloc(length);
    struct error error;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', length);
    text[0] = '[';
    text[1] = '"';
    text[length - 2] = '"';
    text[length - 1] = ']';
    struct json_object *value = read_bytes(text, length, &error);
    assert_non_null(value);
    assert_int_equal(strlen(json_text(json_object_array_get_idx(value, 0))), length - 4);
    json_object_put(value);
    memset(text, '[', length);
    assert_null(read_bytes(text, length, &error));
    free(text);
}

/* What is read can be written again: nothing that no JSON parser takes, such as Infinity. */
static void test_tree_can_be_written(void **state)
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

static void test_many_members(void **state)
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
    struct json_object *value = read_bytes(text, length, &error);
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
    static const char text[] =
        "[{\"a\":[1,2.5,true,null,99999999999999999999],\"b\":{\"c\":\"d\"}}]";
    struct error error;

    (void)context;
    error_clear(&error);
    struct json_object *value = json_read(text, strlen(text), &error);
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

static void test_out_of_memory(void **state)
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
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_raw_nul),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_error_names_the_place),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_no_integers),
        cmocka_unit_test(test_large_text),
        cmocka_unit_test(test_tree_can_be_written),
        cmocka_unit_test(test_many_members),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(test_out_of_memory),
#endif
    };

    return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
