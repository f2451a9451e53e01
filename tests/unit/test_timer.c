#include "tests/unit/unit_test.h"

#include <stdlib.h>

#include "broker/transport/timer.h"
#include "common/random.h"
#include "tests/unit/failing_malloc.h"

#define TIMERS 200

static void ignore(struct timer *timer)
{
    (void)timer;
}

static void a_timer_runs_between_start_and_stop(void **state)
{
    struct timer_heap heap = {0};
    struct timer timer = {0};

    (void)state;
    assert_null(timer_first(&heap));
    assert_true(timer_add(&heap, &timer, ignore));
    assert_false(timer_is_running(&timer));
    assert_null(timer_first(&heap));
    timer_stop(&heap, &timer);
    timer_start(&heap, &timer, 5);
    assert_true(timer_is_running(&timer));
    assert_ptr_equal(timer_first(&heap), &timer);
    timer_start(&heap, &timer, 7);
    assert_int_equal(timer_first(&heap)->deadline_ms, 7);
    timer_remove(&heap, &timer);
    assert_null(timer_first(&heap));
    timer_heap_free(&heap);
}

/* The nearest deadline of those that run, found the slow way. */
static int64_t nearest(const struct timer timers[TIMERS])
{
    int64_t deadline_ms = INT64_MAX;

    for (size_t i = 0; i < TIMERS; i++) {
        if (timer_is_running(&timers[i]) && timers[i].deadline_ms < deadline_ms)
            deadline_ms = timers[i].deadline_ms;
    }
    return deadline_ms;
}

/* Thousands of random starts, moves and stops: the first is always the nearest. */
static void the_nearest_deadline_is_first(void **state)
{
    struct timer_heap heap = {0};
    static struct timer timers[TIMERS];
    uint64_t seed = 42;
    struct random_source random = random_seeded(&seed);

    (void)state;
    for (size_t i = 0; i < TIMERS; i++)
        assert_true(timer_add(&heap, &timers[i], ignore));
    for (int step = 0; step < 20000; step++) {
        uint16_t numbers[3];

        random_fill(&random, numbers, sizeof(numbers));
        struct timer *timer = &timers[numbers[0] % TIMERS];
        if (numbers[1] % 3 == 0)
            timer_stop(&heap, timer);
        else
            timer_start(&heap, timer, numbers[2] % 500);
        struct timer *first = timer_first(&heap);
        assert_int_equal(first != NULL ? first->deadline_ms : INT64_MAX, nearest(timers));
    }
    /* Emptied from the top, in order. */
    int64_t last_ms = INT64_MIN;
    for (struct timer *first; (first = timer_first(&heap)) != NULL; last_ms = first->deadline_ms) {
        assert_true(first->deadline_ms >= last_ms);
        timer_stop(&heap, first);
    }
    for (size_t i = 0; i < TIMERS; i++)
        timer_remove(&heap, &timers[i]);
    timer_heap_free(&heap);
}

#if FAILING_MALLOC_WORKS
static bool add_many(void *context)
{
    struct timer_heap heap = {0};
    static struct timer timers[TIMERS];
    size_t added = 0;

    (void)context;
    while (added < TIMERS && timer_add(&heap, &timers[added], ignore))
        added++;
    /* Those that were added can be started, all of them. */
    for (size_t i = 0; i < added; i++)
        timer_start(&heap, &timers[i], (int64_t)i);
    for (size_t i = 0; i < added; i++)
        timer_remove(&heap, &timers[i]);
    timer_heap_free(&heap);
    return added == TIMERS;
}

static void adding_without_memory_leaves_the_heap_as_it_was(void **state)
{
    (void)state;
    run_with_failing_malloc(add_many, NULL, false);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_runs_between_start_and_stop),
        cmocka_unit_test(the_nearest_deadline_is_first),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(adding_without_memory_leaves_the_heap_as_it_was),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
