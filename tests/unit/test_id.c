#include "tests/unit/unit_test.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/id.h"

static int64_t context_value(void *context)
{
    return *(int64_t *)context;
}

static void test_is_uuid_version_7(void **state)
{
    int64_t now = INT64_C(0x0123456789AB);
    const struct clock clock = {context_value, context_value, &now};

    (void)state;
    for (int round = 0; round < 1000; round++) {
        char id[ID_BYTES];
        id_make(&clock, &random_system, id);
        assert_int_equal(strlen(id), ID_BYTES - 1);
        for (size_t i = 0; i < ID_BYTES - 1; i++) {
            if (i == 8 || i == 13 || i == 18 || i == 23)
                assert_int_equal(id[i], '-');
            else
                assert_true(isxdigit((unsigned char)id[i]) && !isupper((unsigned char)id[i]));
        }
        assert_memory_equal(id, "01234567-89ab-7", 15);
        assert_non_null(strchr("89ab", id[19]));
    }
}

static void test_grows_with_time(void **state)
{
    int64_t now = 0;
    const struct clock clock = {context_value, context_value, &now};
    char before[ID_BYTES];
    char after[ID_BYTES];

    (void)state;
    id_make(&clock, &random_system, before);
    for (int round = 0; round < 1000; round++) {
        now += 1 + round * 7919;
        id_make(&clock, &random_system, after);
        assert_true(strcmp(before, after) < 0);
        memcpy(before, after, sizeof(before));
    }
}

static void test_time_before_1970(void **state)
{
    int64_t now = -1;
    const struct clock clock = {context_value, context_value, &now};
    char id[ID_BYTES];

    (void)state;
    id_make(&clock, &random_system, id);
    assert_memory_equal(id, "00000000-0000-7", 15);
}

static void test_repeats_from_seed(void **state)
{
    int64_t now = INT64_C(1795504066683);
    const struct clock clock = {context_value, context_value, &now};
    uint64_t first_seed = 9;
    uint64_t second_seed = 9;
    struct random_source first_source = random_seeded(&first_seed);
    struct random_source second_source = random_seeded(&second_seed);
    char first[ID_BYTES];
    char second[ID_BYTES];

    (void)state;
    id_make(&clock, &first_source, first);
    id_make(&clock, &second_source, second);
    assert_string_equal(first, second);
    id_make(&clock, &second_source, second);
    assert_string_not_equal(first, second);
}

static int compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void test_no_two_alike(void **state)
{
    enum { COUNT = 20000 };
    static char ids[COUNT][ID_BYTES];

    (void)state;
    for (int i = 0; i < COUNT; i++)
        id_make(&clock_system, &random_system, ids[i]);
    qsort(ids, COUNT, ID_BYTES, compare);
    for (int i = 1; i < COUNT; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

static void test_foreign_id(void **state)
{
    char longest[FOREIGN_ID_MAX_BYTES + 2];

    (void)state;
    assert_true(foreign_id_is_valid("1"));
    assert_true(foreign_id_is_valid("clx9 é/ü:%2F'\""));
    assert_true(foreign_id_is_valid(" "));
    assert_false(foreign_id_is_valid(""));
    assert_false(foreign_id_is_valid("a\nb"));
    assert_false(foreign_id_is_valid("a\tb"));
    assert_false(foreign_id_is_valid("a\x7f"));
    assert_false(foreign_id_is_valid("a\xc2\x85")); /* U+0085 */
    assert_true(foreign_id_is_valid("a\xc2\xa0"));  /* U+00A0 */
    assert_false(foreign_id_is_valid("a\xff"));
    assert_false(foreign_id_is_valid("a\xc3"));

    memset(longest, 'x', sizeof(longest));
    longest[FOREIGN_ID_MAX_BYTES] = '\0';
    assert_true(foreign_id_is_valid(longest));
    longest[FOREIGN_ID_MAX_BYTES] = 'x';
    longest[FOREIGN_ID_MAX_BYTES + 1] = '\0';
    assert_false(foreign_id_is_valid(longest));
    /* The limit is one of bytes: 62 and a two-byte letter fit, 63 and one do not. */
    memcpy(longest + 62, "\xc3\xa9", 3);
    assert_true(foreign_id_is_valid(longest));
    memcpy(longest + 62, "x\xc3\xa9", 4 - 1);
    longest[65] = '\0';
    assert_false(foreign_id_is_valid(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_uuid_version_7), cmocka_unit_test(test_grows_with_time),
        cmocka_unit_test(test_time_before_1970),  cmocka_unit_test(test_repeats_from_seed),
        cmocka_unit_test(test_no_two_alike),      cmocka_unit_test(test_foreign_id),
    };

    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
