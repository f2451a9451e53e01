#include "tests/unit/unit_test.h"

#include <stdlib.h>

#include <json-c/json_tokener.h>

#include "common/clock.h"
#include "common/json_writer.h"
#include "tests/unit/failing_malloc.h"

struct fixture {
    struct buffer out;
    struct json_writer writer;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (fixture == NULL)
        return -1;
    json_writer_init(&fixture->writer, &fixture->out);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    buffer_free(&fixture->out);
    free(fixture);
    return 0;
}

static void commas_stand_where_they_belong(void **state)
{
    struct fixture *fixture = *state;
    struct json_writer *writer = &fixture->writer;

    json_begin_object(writer);
    json_write_key(writer, "empty");
    json_begin_array(writer);
    json_end_array(writer);
    json_write_key(writer, "array");
    json_begin_array(writer);
    json_write_integer(writer, 1);
    json_begin_object(writer);
    json_end_object(writer);
    json_begin_array(writer);
    json_write_boolean(writer, true);
    json_write_text(writer, "x");
    json_end_array(writer);
    json_write_raw(writer, "{\"raw\":1}", 9);
    json_write_boolean(writer, false);
    json_end_array(writer);
    json_member_text(writer, "last", "y");
    json_end_object(writer);
    assert_string_equal(buffer_text(&fixture->out),
                        "{\"empty\":[],\"array\":[1,{},[true,\"x\"],{\"raw\":1},false],"
                        "\"last\":\"y\"}");
}

static void members_have_a_key_and_a_value(void **state)
{
    struct fixture *fixture = *state;
    struct json_writer *writer = &fixture->writer;

    json_begin_object(writer);
    json_member_text(writer, "none", NULL);
    json_member_text(writer, "text", "");
    json_member_text(writer, "none", NULL);
    json_member_integer(writer, "number", -5);
    json_member_boolean(writer, "yes", true);
    json_member_time(writer, "time", INT64_C(1795504066683));
    json_end_object(writer);
    assert_string_equal(buffer_text(&fixture->out), "{\"text\":\"\",\"number\":-5,\"yes\":true,"
                                                    "\"time\":\"2026-11-24T07:07:46.683Z\"}");
}

static void every_integer_is_written(void **state)
{
    struct fixture *fixture = *state;

    json_begin_array(&fixture->writer);
    json_write_integer(&fixture->writer, 0);
    json_write_integer(&fixture->writer, 10);
    json_write_integer(&fixture->writer, -1);
    json_write_integer(&fixture->writer, INT64_MAX);
    json_write_integer(&fixture->writer, INT64_MIN);
    json_end_array(&fixture->writer);
    assert_string_equal(buffer_text(&fixture->out),
                        "[0,10,-1,9223372036854775807,-9223372036854775808]");
}

static void what_json_escapes_is_escaped(void **state)
{
    struct fixture *fixture = *state;

    json_write_text(&fixture->writer, "\" \\ / \b \f \n \r \t \x01 \x1f \x7f é 😀 \xe2\x80\xa8");
    assert_string_equal(buffer_text(&fixture->out),
                        "\"\\\" \\\\ / \\b \\f \\n \\r \\t \\u0001 \\u001f \x7f é 😀 "
                        "\xe2\x80\xa8\"");
}

/* Each byte at each place of texts of all lengths that are searched in different ways, by bytes,
 * words and blocks: json-c reads it back. */
static void check_each_place(struct fixture *fixture, size_t length)
{
    for (int byte = 1; byte < 0x80; byte++) {
        for (size_t at = 0; at < length; at++) {
            char text[64];
            memset(text, 'a', sizeof(text));
            text[at] = (char)byte;
            text[length] = '\0';
            buffer_clear(&fixture->out);
            json_writer_init(&fixture->writer, &fixture->out);
            json_write_text(&fixture->writer, text);
            const char *json = buffer_text(&fixture->out);
            for (const char *c = json; *c != '\0'; c++)
                assert_true((unsigned char)*c >= 0x20);
            struct json_object *value = json_tokener_parse(json);
            assert_string_equal(json_object_get_string(value), text);
            json_object_put(value);
        }
    }
}

static void each_byte_is_escaped_at_each_place(void **state)
{
    static const size_t lengths[] = {1, 7, 8, 13, 16, 20, 32, 41};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        check_each_place(*state, lengths[i]);
}

static void a_key_is_escaped(void **state)
{
    struct fixture *fixture = *state;

    json_begin_object(&fixture->writer);
    json_write_key(&fixture->writer, "a\"b\n");
    json_write_integer(&fixture->writer, 1);
    json_end_object(&fixture->writer);
    assert_string_equal(buffer_text(&fixture->out), "{\"a\\\"b\\n\":1}");
}

#if FAILING_MALLOC_WORKS
static bool write_all(void *context)
{
    struct buffer out = BUFFER_EMPTY;
    struct json_writer writer;

    (void)context;
    json_writer_init(&writer, &out);
    json_begin_array(&writer);
    for (int i = 0; i < 200; i++) {
        json_begin_object(&writer);
        json_member_text(&writer, "text", "with \"quotes\"");
        json_member_time(&writer, "time", 0);
        json_end_object(&writer);
    }
    json_end_array(&writer);
    bool is_whole = !out.failed;
    if (is_whole)
        assert_int_equal(out.length, 200 * strlen("{\"text\":\"with \\\"quotes\\\"\",\"time\":"
                                                  "\"1970-01-01T00:00:00.000Z\"},") +
                                         1);
    buffer_free(&out);
    return is_whole;
}

static void without_memory_the_buffer_has_failed(void **state)
{
    (void)state;
    run_with_failing_malloc(write_all, NULL, false);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commas_stand_where_they_belong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(members_have_a_key_and_a_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_integer_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_json_escapes_is_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_byte_is_escaped_at_each_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_is_escaped, set_up, tear_down),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(without_memory_the_buffer_has_failed),
#endif
    };

    return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
