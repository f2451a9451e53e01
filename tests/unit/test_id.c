#include "tests/unit/unit_test.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/id.h"

static int64_t context_value(void *context)
{
    return *(int64_t *)context;
}

/* A source whose clock and randomness the test has in its hand. */
struct bench {
    int64_t now_ms;
    uint64_t seed;
    struct clock clock;
    struct random_source random;
    struct id_source ids;
};

static void begin(struct bench *bench, int64_t now_ms)
{
    *bench = (struct bench){.now_ms = now_ms, .seed = 9};
    bench->clock = (struct clock){context_value, context_value, &bench->now_ms};
    bench->random = random_seeded(&bench->seed);
    id_source_init(&bench->ids, &bench->clock, &bench->random);
}

/* Makes so many ids and asserts that each is greater than the one before, which `last` is and
 * becomes. */
static void assert_grows(struct bench *bench, int count, char last[ID_BYTES])
{
    for (int i = 0; i < count; i++) {
        char id[ID_BYTES];
        id_make(&bench->ids, id);
        assert_true(strcmp(last, id) < 0);
        memcpy(last, id, ID_BYTES);
    }
}

static void an_id_is_a_uuid_of_version_7(void **state)
{
    struct bench bench;

    (void)state;
    begin(&bench, INT64_C(0x0123456789AB));
    for (int round = 0; round < 1000; round++) {
        char id[ID_BYTES];
        id_make(&bench.ids, id);
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

static void ids_grow_with_time(void **state)
{
    struct bench bench;
    char last[ID_BYTES] = "";

    (void)state;
    begin(&bench, 0);
    for (int round = 0; round < 1000; round++) {
        bench.now_ms += 1 + round * 7919;
        assert_grows(&bench, 1, last);
    }
}

static void ids_grow_while_the_clock_stands_still(void **state)
{
    struct bench bench;
    char last[ID_BYTES] = "";

    (void)state;
    begin(&bench, INT64_C(0x0123456789AB));
    assert_grows(&bench, 0x8000, last);
    assert_memory_equal(last, "01234567-89ab-7", 15);
    /* The counter overflows into the time, which is then that of the next millisecond. */
    assert_grows(&bench, 0x10000, last);
    assert_memory_equal(last, "01234567-89ac-7", 15);
    bench.now_ms++;
    assert_grows(&bench, 10, last);
    bench.now_ms++;
    assert_grows(&bench, 10, last);
    assert_memory_equal(last, "01234567-89ad-7", 15);
}

static void ids_grow_after_the_clock_was_set_back(void **state)
{
    struct bench bench;
    char last[ID_BYTES] = "";

    (void)state;
    begin(&bench, INT64_C(0x0123456789AB));
    assert_grows(&bench, 10, last);
    bench.now_ms -= 3600000;
    assert_grows(&bench, 1000, last);
    bench.now_ms = INT64_MIN;
    assert_grows(&bench, 10, last);
    bench.now_ms = INT64_C(0x0123456789AC);
    assert_grows(&bench, 1, last);
    assert_memory_equal(last, "01234567-89ac-7", 15);
}

static void a_time_before_1970_counts_as_1970(void **state)
{
    struct bench bench;
    char id[ID_BYTES];

    (void)state;
    begin(&bench, -1);
    id_make(&bench.ids, id);
    assert_memory_equal(id, "00000000-0000-7", 15);
}

static void a_seed_repeats_its_ids(void **state)
{
    struct bench first;
    struct bench second;
    char one[ID_BYTES];
    char other[ID_BYTES];

    (void)state;
    begin(&first, INT64_C(1795504066683));
    begin(&second, INT64_C(1795504066683));
    for (int i = 0; i < 10; i++) {
        id_make(&first.ids, one);
        id_make(&second.ids, other);
        assert_string_equal(one, other);
        first.now_ms = second.now_ms += i % 2;
    }
    second.seed++;
    id_make(&first.ids, one);
    id_make(&second.ids, other);
    assert_string_not_equal(one, other);
}

enum { THREADS = 4, IDS_EACH = 20000 };

struct maker {
    struct id_source *source;
    char ids[IDS_EACH][ID_BYTES];
};

static void *make_ids(void *argument)
{
    struct maker *maker = argument;

    for (int i = 0; i < IDS_EACH; i++)
        id_make(maker->source, maker->ids[i]);
    return NULL;
}

static int compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void threads_get_growing_ids_and_no_two_alike(void **state)
{
    static struct maker makers[THREADS];
    static char all[THREADS * IDS_EACH][ID_BYTES];
    struct id_source ids;
    pthread_t threads[THREADS];

    (void)state;
    id_source_init(&ids, &clock_system, &random_system);
    for (int i = 0; i < THREADS; i++) {
        makers[i].source = &ids;
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, &makers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (int n = 1; n < IDS_EACH; n++)
            assert_true(strcmp(makers[i].ids[n - 1], makers[i].ids[n]) < 0);
        memcpy(all[i * IDS_EACH], makers[i].ids, sizeof(makers[i].ids));
    }
    qsort(all, THREADS * IDS_EACH, ID_BYTES, compare);
    for (int i = 1; i < THREADS * IDS_EACH; i++)
        assert_string_not_equal(all[i - 1], all[i]);
}

static void an_id_of_the_booking_side_is_a_short_text(void **state)
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
        cmocka_unit_test(an_id_is_a_uuid_of_version_7),
        cmocka_unit_test(ids_grow_with_time),
        cmocka_unit_test(ids_grow_while_the_clock_stands_still),
        cmocka_unit_test(ids_grow_after_the_clock_was_set_back),
        cmocka_unit_test(a_time_before_1970_counts_as_1970),
        cmocka_unit_test(a_seed_repeats_its_ids),
        cmocka_unit_test(threads_get_growing_ids_and_no_two_alike),
        cmocka_unit_test(an_id_of_the_booking_side_is_a_short_text),
    };

    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
