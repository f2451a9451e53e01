/*
 * What only a mistake in the broker can cause ends it where it is made (common/assert.h).
 */
#include "tests/unit/unit_test.h"

#include <pthread.h>

#include "broker/transport/loop.h"
#include "broker/transport/table.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/programmer_error.h"

static void on_ready(struct loop_watch *watch, uint32_t events)
{
    (void)watch;
    (void)events;
}

static void on_timeout(struct timer *timer)
{
    (void)timer;
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void start_a_timer_that_was_removed(void)
{
    struct broker_fixture fixture;
    struct timer timer = {0};

    fixture_open(&fixture);
    loop_timer_add(fixture.loop, &timer, on_timeout);
    loop_timer_remove(fixture.loop, &timer);
    loop_timer_start(fixture.loop, &timer, 1);
}

static void add_a_timer_twice(void)
{
    struct timer_heap heap = {0};
    struct timer timer = {0};

    timer_add(&heap, &timer, on_timeout);
    timer_add(&heap, &timer, on_timeout);
}

static void watch_twice(void)
{
    struct broker_fixture fixture;
    struct loop_watch watch = {0};

    fixture_open(&fixture);
    loop_watch(fixture.loop, &watch, 0, EPOLLIN, on_ready);
    watch.events = EPOLLIN; /* even if the system would not watch that descriptor */
    loop_watch(fixture.loop, &watch, 1, EPOLLIN, on_ready);
}

static void leave_a_timer_behind(void)
{
    struct broker_fixture fixture;
    struct timer timer = {0};

    fixture_open(&fixture);
    loop_timer_add(fixture.loop, &timer, on_timeout);
    fixture_close(&fixture);
}

static void *defer_elsewhere(void *loop)
{
    static struct loop_task task;

    loop_defer(loop, &task);
    return NULL;
}

static void defer_on_another_thread(void)
{
    struct broker_fixture fixture;
    pthread_t thread;

    fixture_open(&fixture);
    pthread_create(&thread, NULL, defer_elsewhere, fixture.loop);
    pthread_join(thread, NULL);
}

static void take_out_of_a_table_what_is_not_there(void)
{
    struct table table = {0};
    struct table_entry one = {.key = "one"}, other = {.key = "one"};

    table_add(&table, &one);
    table_remove(&table, &other);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void a_timer_is_added_once_and_started_while_it_is(void **state)
{
    (void)state;
    assert_aborts(start_a_timer_that_was_removed, "timer->on_timeout != NULL");
    assert_aborts(add_a_timer_twice, "timer->on_timeout == NULL");
}

static void a_watch_watches_one_descriptor(void **state)
{
    (void)state;
    assert_aborts(watch_twice, "watch->events == 0");
}

static void nothing_is_left_when_a_loop_ends(void **state)
{
    (void)state;
    assert_aborts(leave_a_timer_behind, "heap->added == 0");
}

static void a_loop_belongs_to_its_thread(void **state)
{
    (void)state;
    assert_aborts(defer_on_another_thread, "loop_is_here(loop)");
}

static void only_what_is_in_a_table_is_taken_out(void **state)
{
    (void)state;
    assert_aborts(take_out_of_a_table_what_is_not_there, "*link != NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_is_added_once_and_started_while_it_is),
        cmocka_unit_test(a_watch_watches_one_descriptor),
        cmocka_unit_test(nothing_is_left_when_a_loop_ends),
        cmocka_unit_test(a_loop_belongs_to_its_thread),
        cmocka_unit_test(only_what_is_in_a_table_is_taken_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
