/* common/file.h */
#include "tests/unit/unit_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/unit/failing_malloc.h"

#define LONG_BYTES 40000

static char path[] = "/tmp/messagerie-test-XXXXXX";

static void write_bytes(size_t count)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (size_t i = 0; i < count; i++)
        fputc('a' + (int)(i % 26), file);
    assert_int_equal(fclose(file), 0);
}

static void check_read(size_t bytes, size_t max_bytes, size_t expected)
{
    struct buffer content = BUFFER_EMPTY;

    write_bytes(bytes);
    buffer_append_text(&content, "0");
    assert_true(file_read_path(path, max_bytes, &content));
    assert_int_equal(content.length, 1 + expected);
    for (size_t i = 0; i < expected; i++)
        assert_int_equal(content.data[1 + i], 'a' + (int)(i % 26));
    buffer_free(&content);
}

static void a_file_is_read_to_its_end(void **state)
{
    (void)state;
    check_read(0, 10, 0);
    check_read(9, 10, 9);
    check_read(10, 10, 10);
    check_read(LONG_BYTES, LONG_BYTES, LONG_BYTES);
}

static void of_one_that_is_too_long_there_is_one_byte_too_many(void **state)
{
    (void)state;
    check_read(11, 10, 11);
    check_read(LONG_BYTES, 10, 11);
    check_read(LONG_BYTES, 20000, 20001);
    check_read(1, 0, 1);
}

static void what_cannot_be_read_is_told_by_errno(void **state)
{
    struct buffer content = BUFFER_EMPTY;

    (void)state;
    assert_false(file_read_path("/nowhere/at/all", 10, &content));
    assert_int_equal(errno, ENOENT);
    assert_false(file_read_path("/", 10, &content));
    assert_int_equal(errno, EISDIR);
    assert_false(file_read(-1, 10, &content));
    assert_int_equal(errno, EBADF);
    buffer_free(&content);
}

static void a_pipe_is_read_until_its_other_end_is_closed(void **state)
{
    struct buffer content = BUFFER_EMPTY;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    assert_true(file_read(ends[0], 10, &content));
    assert_string_equal(buffer_text(&content), "abc");
    close(ends[0]);
    buffer_free(&content);
}

#if FAILING_MALLOC_WORKS
static bool read_long(void *context)
{
    struct buffer content = BUFFER_EMPTY;

    (void)context;
    bool is_read = file_read_path(path, LONG_BYTES, &content);
    if (!is_read)
        assert_int_equal(errno, ENOMEM);
    buffer_free(&content);
    return is_read;
}

static void without_memory_nothing_is_read(void **state)
{
    (void)state;
    write_bytes(LONG_BYTES);
    run_with_failing_malloc(read_long, NULL, false);
}
#endif

static int make_file(void **state)
{
    int descriptor = mkstemp(path);

    (void)state;
    return descriptor >= 0 ? close(descriptor) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_to_its_end),
        cmocka_unit_test(of_one_that_is_too_long_there_is_one_byte_too_many),
        cmocka_unit_test(what_cannot_be_read_is_told_by_errno),
        cmocka_unit_test(a_pipe_is_read_until_its_other_end_is_closed),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(without_memory_nothing_is_read),
#endif
    };

    return cmocka_run_group_tests_name("file", tests, make_file, remove_file);
}
