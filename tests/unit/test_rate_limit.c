/*
 * How many events a client may send.
 */
#include "tests/unit/unit_test.h"

#include "common/rate_limit.h"

#define BURST      10
#define PER_SECOND 4

static bool take(struct rate_limit *limit, int64_t now_ms)
{
    int64_t retry_after_s = 0;
    bool is_taken = rate_limit_take(limit, now_ms, BURST, PER_SECOND, &retry_after_s);

    assert_true(is_taken ? retry_after_s == 0 : retry_after_s >= 1);
    return is_taken;
}

static void take_all(struct rate_limit *limit, int64_t now_ms, int count)
{
    for (int i = 0; i < count; i++)
        assert_true(take(limit, now_ms));
    assert_false(take(limit, now_ms));
}

static void a_burst_may_come_at_once(void **state)
{
    struct rate_limit limit;

    (void)state;
    rate_limit_init(&limit, 1000, BURST);
    take_all(&limit, 1000, BURST);
}

static void time_brings_as_many_as_are_allowed(void **state)
{
    struct rate_limit limit;

    (void)state;
    rate_limit_init(&limit, 1000, BURST);
    take_all(&limit, 1000, BURST);
    assert_false(take(&limit, 1249));
    assert_true(take(&limit, 1250));
    take_all(&limit, 2250, PER_SECOND);
    /* Also a millisecond at a time: what is refused costs nothing. */
    for (int64_t now_ms = 2251; now_ms < 2500; now_ms++)
        assert_false(take(&limit, now_ms));
    assert_true(take(&limit, 2500));
}

static void a_quiet_time_brings_no_more_than_a_burst(void **state)
{
    struct rate_limit limit;

    (void)state;
    rate_limit_init(&limit, 1000, BURST);
    take_all(&limit, INT64_MAX / 2, BURST);
}

static void who_has_to_wait_is_told_how_long(void **state)
{
    struct rate_limit limit;
    int64_t retry_after_s = 0;

    (void)state;
    rate_limit_init(&limit, 0, 1);
    assert_true(rate_limit_take(&limit, 0, 1, 1, &retry_after_s));
    assert_false(rate_limit_take(&limit, 0, 1, 1, &retry_after_s));
    assert_int_equal(retry_after_s, 1);
    assert_false(rate_limit_take(&limit, 999, 1, 1, &retry_after_s));
    assert_int_equal(retry_after_s, 1);
    assert_true(rate_limit_take(&limit, 1000, 1, 1, &retry_after_s));
}

static void another_limit_counts_from_the_next_event_on(void **state)
{
    struct rate_limit limit;
    int64_t retry_after_s = 0;

    (void)state;
    rate_limit_init(&limit, 0, BURST);
    for (int i = 0; i < 2; i++)
        assert_true(rate_limit_take(&limit, 0, 2, 1, &retry_after_s));
    assert_false(rate_limit_take(&limit, 0, 2, 1, &retry_after_s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_may_come_at_once),
        cmocka_unit_test(time_brings_as_many_as_are_allowed),
        cmocka_unit_test(a_quiet_time_brings_no_more_than_a_burst),
        cmocka_unit_test(who_has_to_wait_is_told_how_long),
        cmocka_unit_test(another_limit_counts_from_the_next_event_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
