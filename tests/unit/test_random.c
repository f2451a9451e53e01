#include "tests/unit/unit_test.h"

#include "common/random.h"

static void a_seed_repeats(void **state)
{
    uint64_t first_seed = 42;
    uint64_t second_seed = 42;
    struct random_source first = random_seeded(&first_seed);
    struct random_source second = random_seeded(&second_seed);
    unsigned char first_bytes[61];
    unsigned char second_bytes[61];

    (void)state;
    random_fill(&first, first_bytes, sizeof(first_bytes));
    random_fill(&second, second_bytes, sizeof(second_bytes));
    assert_memory_equal(first_bytes, second_bytes, sizeof(first_bytes));
    random_fill(&second, second_bytes, sizeof(second_bytes));
    assert_memory_not_equal(first_bytes, second_bytes, sizeof(first_bytes));
}

static void seeds_differ(void **state)
{
    uint64_t first_seed = 1;
    uint64_t second_seed = 2;
    struct random_source first = random_seeded(&first_seed);
    struct random_source second = random_seeded(&second_seed);
    unsigned char first_bytes[16];
    unsigned char second_bytes[16];

    (void)state;
    random_fill(&first, first_bytes, sizeof(first_bytes));
    random_fill(&second, second_bytes, sizeof(second_bytes));
    assert_memory_not_equal(first_bytes, second_bytes, sizeof(first_bytes));
}

/* Fills exactly the bytes asked for. */
static void check_bounds(const struct random_source *source)
{
    for (size_t length = 0; length <= 40; length++) {
        unsigned char bytes[48] = {0};
        unsigned char before_and_behind[48] = {0};
        random_fill(source, bytes + 4, length);
        assert_memory_equal(bytes, before_and_behind, 4);
        assert_memory_equal(bytes + 4 + length, before_and_behind, sizeof(bytes) - 4 - length);
    }
}

static void nothing_is_written_beyond(void **state)
{
    uint64_t seed = 3;
    struct random_source seeded = random_seeded(&seed);

    (void)state;
    check_bounds(&seeded);
    check_bounds(&random_system);
}

/* Every byte of a large block is written: in 64 blocks each position is non-zero once. */
static void check_fills_everything(const struct random_source *source)
{
    static unsigned char all[100000];

    memset(all, 0, sizeof(all));
    for (int round = 0; round < 64; round++) {
        static unsigned char bytes[sizeof(all)];
        random_fill(source, bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(all); i++)
            all[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof(all); i++)
        assert_int_not_equal(all[i], 0);
}

static void every_byte_is_filled(void **state)
{
    uint64_t seed = 5;
    struct random_source seeded = random_seeded(&seed);

    (void)state;
    check_fills_everything(&seeded);
    check_fills_everything(&random_system);
}

static void the_system_s_bytes_differ(void **state)
{
    unsigned char first[32];
    unsigned char second[32];

    (void)state;
    random_fill(&random_system, first, sizeof(first));
    random_fill(&random_system, second, sizeof(second));
    assert_memory_not_equal(first, second, sizeof(first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_repeats),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(nothing_is_written_beyond),
        cmocka_unit_test(every_byte_is_filled),
        cmocka_unit_test(the_system_s_bytes_differ),
    };

    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
