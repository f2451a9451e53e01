#include "tests/unit/unit_test.h"

#include "common/buffer.h"
#include "tests/unit/failing_malloc.h"

static void an_empty_buffer_has_an_empty_text(void **state)
{
    struct buffer buffer = BUFFER_EMPTY;

    (void)state;
    assert_null(buffer.data);
    buffer_append(&buffer, NULL, 0);
    assert_null(buffer.data);
    assert_string_equal(buffer_text(&buffer), "");
    assert_int_equal(buffer.length, 0);
    buffer_free(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
}

static void it_grows_byte_by_byte(void **state)
{
    struct buffer buffer = BUFFER_EMPTY;

    (void)state;
    for (int i = 0; i < 100000; i++)
        buffer_append(&buffer, (char[]){(char)(i % 127)}, 1);
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buffer.data[i], i % 127);
    buffer_free(&buffer);
}

static void it_keeps_nul_bytes(void **state)
{
    struct buffer buffer = BUFFER_EMPTY;

    (void)state;
    buffer_append(&buffer, "a\0b", 3);
    buffer_append_text(&buffer, "c");
    assert_int_equal(buffer.length, 4);
    assert_memory_equal(buffer_text(&buffer), "a\0bc", 5);
    buffer_free(&buffer);
}

/* A format whose result ends just before, at and behind the end of the memory at hand. */
static void a_format_may_end_at_the_end_of_the_memory(void **state)
{
    (void)state;
    for (size_t free_bytes = 0; free_bytes < 12; free_bytes++) {
        struct buffer buffer = BUFFER_EMPTY;
        buffer_append(&buffer, "x", 1);
        while (buffer.capacity - buffer.length > free_bytes)
            buffer_append(&buffer, "x", 1);
        size_t before = buffer.length;
        buffer_append_format(&buffer, "%s-%d", "abc", 12345);
        assert_int_equal(buffer.length, before + 9);
        assert_string_equal(buffer_text(&buffer) + before, "abc-12345");
        buffer_free(&buffer);
    }
}

static void a_format_may_be_longer_than_the_memory(void **state)
{
    struct buffer buffer = BUFFER_EMPTY;

    (void)state;
    buffer_append_format(&buffer, "%5000d|%s", 7, "end");
    assert_int_equal(buffer.length, 5004);
    assert_string_equal(buffer_text(&buffer) + 4999, "7|end");
    buffer_free(&buffer);
}

static void a_failure_stays_until_it_is_cleared(void **state)
{
    struct buffer buffer = BUFFER_EMPTY;

    (void)state;
    buffer_append_text(&buffer, "kept");
    assert_false(buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    buffer_append_text(&buffer, "lost");
    buffer_append_format(&buffer, "%d", 1);
    assert_false(buffer_reserve(&buffer, 1));
    assert_null(buffer_text(&buffer));
    assert_int_equal(buffer.length, 4);

    buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
    buffer_append_text(&buffer, "new");
    assert_string_equal(buffer_text(&buffer), "new");
    buffer_free(&buffer);
}

static void a_cleared_buffer_keeps_its_memory(void **state)
{
    struct buffer buffer = BUFFER_EMPTY;

    (void)state;
    buffer_reserve(&buffer, 5000);
    char *data = buffer.data;
    buffer_append_text(&buffer, "text");
    buffer_clear(&buffer);
    assert_ptr_equal(buffer.data, data);
    assert_true(buffer.capacity >= 5000);
    buffer_free(&buffer);
}

#if FAILING_MALLOC_WORKS
static bool fill(void *context)
{
    struct buffer buffer = BUFFER_EMPTY;

    (void)context;
    for (int i = 0; i < 1000; i++)
        buffer_append_format(&buffer, "%03d", i);
    bool is_whole = buffer_text(&buffer) != NULL;
    if (is_whole) {
        assert_int_equal(buffer.length, 3000);
        assert_string_equal(buffer.data + 2997, "999");
    } else {
        assert_true(buffer.failed);
    }
    buffer_free(&buffer);
    return is_whole;
}

static void without_memory_it_has_failed(void **state)
{
    (void)state;
    run_with_failing_malloc(fill, NULL, false);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_has_an_empty_text),
        cmocka_unit_test(it_grows_byte_by_byte),
        cmocka_unit_test(it_keeps_nul_bytes),
        cmocka_unit_test(a_format_may_end_at_the_end_of_the_memory),
        cmocka_unit_test(a_format_may_be_longer_than_the_memory),
        cmocka_unit_test(a_failure_stays_until_it_is_cleared),
        cmocka_unit_test(a_cleared_buffer_keeps_its_memory),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(without_memory_it_has_failed),
#endif
    };

    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
