/*
 * What is remembered of files that were passed over, on a real disk.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/remove_folder.h"
#include "tests/unit/unit_test.h"
#include "tool/spool_order.h"

struct suite {
    char folder[64];
    int directory;
    struct spool_order *order;
};

static void open_order(struct suite *suite)
{
    struct error error;

    error_clear(&error);
    suite->order = spool_order_open(suite->directory, &error);
    assert_non_null(suite->order);
}

static int set_up(void **state)
{
    struct suite *suite = calloc(1, sizeof(*suite));

    assert_non_null(suite);
    snprintf(suite->folder, sizeof(suite->folder), "/tmp/test_spool_order.XXXXXX");
    assert_non_null(mkdtemp(suite->folder));
    suite->directory = open(suite->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    open_order(suite);
    *state = suite;
    return 0;
}

static int tear_down(void **state)
{
    struct suite *suite = *state;

    spool_order_close(suite->order);
    close(suite->directory);
    remove_folder(suite->folder);
    free(suite);
    return 0;
}

static void save(struct suite *suite)
{
    struct error error;

    error_clear(&error);
    assert_true(spool_order_save(suite->order, &error));
}

static void end(struct suite *suite)
{
    struct error error;

    error_clear(&error);
    assert_true(spool_order_end(suite->order, &error));
}

static void restart(struct suite *suite)
{
    save(suite);
    spool_order_close(suite->order);
    open_order(suite);
}

static bool is_on_disk(const struct suite *suite)
{
    return faccessat(suite->directory, SPOOL_ORDER_NAME, F_OK, 0) == 0;
}

static bool is_late(const struct suite *suite, const char *name, const char *appointment_id)
{
    return spool_order_is_late(suite->order, name, appointment_id);
}

static void only_who_was_passed_by_a_change_of_its_appointment_is_late(void **state)
{
    struct suite *suite = *state;

    spool_order_change(suite->order, "1", "a1"); /* past nobody */
    spool_order_pass(suite->order, "2");
    spool_order_change(suite->order, "1", "a2");
    spool_order_change(suite->order, "3", "a3");
    spool_order_pass(suite->order, "4");
    for (int round = 0; round < 2; round++) {
        assert_false(is_late(suite, "2", "a1"));
        assert_false(is_late(suite, "2", "a2"));
        assert_true(is_late(suite, "2", "a3"));
        assert_false(is_late(suite, "0", "a3")); /* was not passed over */
        assert_false(is_late(suite, "4", "a3"));
        restart(suite);
    }
}

static void all_is_forgotten_with_the_last_file(void **state)
{
    struct suite *suite = *state;

    spool_order_pass(suite->order, "1");
    spool_order_pass(suite->order, "2");
    spool_order_change(suite->order, "3", "a1");
    end(suite);
    spool_order_pass(suite->order, "2");
    end(suite);
    assert_false(is_late(suite, "1", "a1"));
    assert_true(is_late(suite, "2", "a1"));
    assert_true(is_on_disk(suite));
    end(suite);
    assert_false(is_on_disk(suite));
    spool_order_pass(suite->order, "2");
    assert_false(is_late(suite, "2", "a1"));
}

static void without_room_each_counts_as_remembered(void **state)
{
    struct suite *suite = *state;
    char text[32];

    for (int i = 0; i < SPOOL_ORDER_FILES; i++) {
        snprintf(text, sizeof(text), "1-%d", i);
        spool_order_pass(suite->order, text);
    }
    for (int i = 0; i < SPOOL_ORDER_APPOINTMENTS; i++) {
        snprintf(text, sizeof(text), "a%d", i);
        spool_order_change(suite->order, "2", text);
    }
    assert_false(is_late(suite, "1-x", "a1"));
    assert_false(is_late(suite, "1-1", "b1"));
    spool_order_pass(suite->order, "1-x");
    spool_order_change(suite->order, "3", "b1");
    for (int round = 0; round < 2; round++) {
        assert_true(is_late(suite, "1-x", "a1"));
        assert_true(is_late(suite, "1-1", "b1"));
        assert_true(is_late(suite, "1-1", "any"));
        assert_true(is_late(suite, "0", "any"));
        assert_false(is_late(suite, "4", "any"));
        restart(suite);
    }
    end(suite);
    assert_false(is_late(suite, "1-x", "b1"));
    assert_false(is_on_disk(suite));
}

static void nonsense_on_disk_counts_as_nothing(void **state)
{
    struct suite *suite = *state;
    static const char *const contents[] = {"x", "p", "pname", "cid", "c\0\0x", "C"};

    for (size_t i = 0; i < ARRAY_LENGTH(contents); i++) {
        int file = openat(suite->directory, SPOOL_ORDER_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dprintf(file, "%s", contents[i]);
        close(file);
        spool_order_close(suite->order);
        open_order(suite);
        assert_false(is_late(suite, "name", "id"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_who_was_passed_by_a_change_of_its_appointment_is_late),
        TEST(all_is_forgotten_with_the_last_file),
        TEST(without_room_each_counts_as_remembered),
        TEST(nonsense_on_disk_counts_as_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
