/*
 * What common/text_file.h promises of files that editors wrote.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text_file.h"
#include "tests/unit/unit_test.h"

#define LIMIT_BYTES 5000

struct fixture {
    char path[32];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    strcpy(fixture->path, "/tmp/text-file-XXXXXX");
    int descriptor = mkstemp(fixture->path);
    assert_true(descriptor >= 0);
    close(descriptor);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->path);
    free(fixture);
    return 0;
}

static void write_file(const struct fixture *fixture, const char *bytes, size_t length)
{
    FILE *file = fopen(fixture->path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Reads the file with those bytes: its text is `expected`, or (NULL) the error ends so. */
static void check(const struct fixture *fixture, const char *bytes, size_t length,
                  const char *expected, const char *reason)
{
    struct buffer content = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    write_file(fixture, bytes, length);
    assert_int_equal(text_file_read(fixture->path, LIMIT_BYTES, &content, &error),
                     expected != NULL);
    if (expected != NULL) {
        assert_string_equal(buffer_text(&content), expected);
    } else {
        assert_non_null(reason);
        assert_int_equal(error.kind, ERROR_INVALID);
        assert_non_null(strstr(error.text, fixture->path));
        assert_non_null(strstr(error.text, reason));
    }
    buffer_free(&content);
}

#define CHECK(bytes, expected)       check(*state, bytes, sizeof(bytes) - 1, expected, NULL)
#define CHECK_REFUSED(bytes, reason) check(*state, bytes, sizeof(bytes) - 1, NULL, reason)

static void a_plain_text_stays_as_it_is(void **state)
{
    CHECK("Bonjour,\n  à demain.\n", "Bonjour,\n  à demain.\n");
    CHECK("", "");
    CHECK("\xef\xbb", "\xef\xbb");
}

static void the_mark_of_utf_8_goes_from_the_beginning_only(void **state)
{
    CHECK("\xef\xbb\xbf"
          "Bonjour",
          "Bonjour");
    CHECK("\xef\xbb\xbf", "");
    CHECK("a\xef\xbb\xbf"
          "b",
          "a\xef\xbb\xbf"
          "b");
}

static void a_line_ends_with_a_line_feed_alone(void **state)
{
    CHECK("a\r\nb\r\n", "a\nb\n");
    CHECK("\xef\xbb\xbf\r\n\r\n", "\n\n");
    CHECK("a\rb\r", "a\rb\r");
    CHECK("a\r\r\nb", "a\r\nb");
}

static void utf_16_is_named_as_what_it_is(void **state)
{
    CHECK_REFUSED("\xff\xfe"
                  "a\0",
                  "UTF-16");
    CHECK_REFUSED("\xfe\xff\0a", "UTF-16");
}

static void a_longer_file_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    char *text = malloc(2 * LIMIT_BYTES + 1);

    assert_non_null(text);
    memset(text, 'x', 2 * LIMIT_BYTES);
    text[LIMIT_BYTES] = '\0';
    check(fixture, text, LIMIT_BYTES, text, NULL);
    check(fixture, text, LIMIT_BYTES + 1, NULL, "has more than 5000 bytes");
    check(fixture, text, (size_t)2 * LIMIT_BYTES, NULL, "has more than 5000 bytes");
    free(text);
}

static void what_cannot_be_read_is_an_error_with_its_reason(void **state)
{
    struct buffer content = BUFFER_EMPTY;
    struct error error;

    (void)state;
    error_clear(&error);
    assert_false(text_file_read("/nowhere/x", LIMIT_BYTES, &content, &error));
    assert_string_equal(error.text, "/nowhere/x: cannot be read: No such file or directory");
    assert_false(text_file_read("/", LIMIT_BYTES, &content, &error));
    assert_string_equal(error.text, "/: cannot be read: Is a directory");
    buffer_free(&content);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_text_stays_as_it_is),
        TEST(the_mark_of_utf_8_goes_from_the_beginning_only),
        TEST(a_line_ends_with_a_line_feed_alone),
        TEST(utf_16_is_named_as_what_it_is),
        TEST(a_longer_file_is_refused),
        TEST(what_cannot_be_read_is_an_error_with_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
