#include "tests/unit/unit_test.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "broker/transport/loop.h"
#include "common/container.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/failing_malloc.h"

static struct broker_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

/* ---- descriptors --------------------------------------------------------------------------- */

struct watched {
    struct loop_watch watch;
    int calls;
    uint32_t events;
    struct watched *to_unwatch; /* by the callback */
};

static void on_ready(struct loop_watch *watch, uint32_t events)
{
    struct watched *watched = CONTAINER_OF(watch, struct watched, watch);

    watched->calls++;
    watched->events = events;
    if (watched->to_unwatch != NULL)
        loop_unwatch(fixture.loop, &watched->to_unwatch->watch);
}

static void readiness_is_told_as_long_as_it_lasts(void **state)
{
    struct watched watched = {0};
    int pair[2];

    (void)state;
    fixture_socket_pair(pair);
    assert_true(loop_watch(fixture.loop, &watched.watch, pair[0], EPOLLIN, on_ready));
    fixture_turn(&fixture);
    assert_int_equal(watched.calls, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    fixture_turn(&fixture);
    fixture_turn(&fixture);
    assert_int_equal(watched.calls, 2);
    assert_int_equal(watched.events, EPOLLIN);

    loop_rewatch(fixture.loop, &watched.watch, EPOLLOUT);
    fixture_turn(&fixture);
    assert_int_equal(watched.events, EPOLLOUT);
    loop_rewatch(fixture.loop, &watched.watch, EPOLLERR);
    fixture_turn(&fixture);
    assert_int_equal(watched.calls, 3);

    loop_rewatch(fixture.loop, &watched.watch, EPOLLIN);
    loop_unwatch(fixture.loop, &watched.watch);
    loop_unwatch(fixture.loop, &watched.watch);
    fixture_turn(&fixture);
    assert_int_equal(watched.calls, 3);
    close(pair[0]);
    close(pair[1]);
}

static void a_bad_descriptor_is_not_watched(void **state)
{
    struct watched watched = {0};

    (void)state;
    assert_false(loop_watch(fixture.loop, &watched.watch, -1, EPOLLIN, on_ready));
    loop_unwatch(fixture.loop, &watched.watch); /* as if it had never been watched */
}

/* Both are ready in the same turn: whichever comes first ends the other, whose callback then must
 * not come although the turn has it among its events. */
static void what_was_unwatched_is_not_called_in_the_same_turn(void **state)
{
    struct watched first = {0}, second = {0};
    int pair[2];

    (void)state;
    fixture_socket_pair(pair);
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_true(loop_watch(fixture.loop, &first.watch, pair[0], EPOLLIN, on_ready));
    assert_true(loop_watch(fixture.loop, &second.watch, pair[1], EPOLLIN, on_ready));
    first.to_unwatch = &second;
    second.to_unwatch = &first;
    fixture_turn(&fixture);
    assert_int_equal(first.calls + second.calls, 1);
    loop_unwatch(fixture.loop, &first.watch);
    loop_unwatch(fixture.loop, &second.watch);
    close(pair[0]);
    close(pair[1]);
}

/* ---- timers -------------------------------------------------------------------------------- */

struct timed {
    struct timer timer;
    int calls;
    int64_t at_ms;
    int64_t again_ms; /* restarts itself with that delay; -1: does not */
};

static void on_timeout(struct timer *timer)
{
    struct timed *timed = CONTAINER_OF(timer, struct timed, timer);

    assert_false(timer_is_running(timer));
    timed->calls++;
    timed->at_ms = loop_now_ms(fixture.loop);
    if (timed->again_ms >= 0)
        loop_timer_start(fixture.loop, timer, timed->again_ms);
}

static void add_timed(struct timed *timed, int64_t delay_ms, int64_t again_ms)
{
    *timed = (struct timed){.again_ms = again_ms};
    assert_true(loop_timer_add(fixture.loop, &timed->timer, on_timeout));
    loop_timer_start(fixture.loop, &timed->timer, delay_ms);
}

static void a_timer_calls_once_when_it_is_due(void **state)
{
    struct timed soon, later, stopped;
    int64_t start_ms = fixture.now_ms;

    (void)state;
    add_timed(&later, 20, -1);
    add_timed(&soon, 10, -1);
    add_timed(&stopped, 10, -1);
    fixture_pass(&fixture, 9);
    assert_int_equal(soon.calls, 0);
    loop_timer_stop(fixture.loop, &stopped.timer);
    fixture_pass(&fixture, 1);
    assert_int_equal(soon.calls, 1);
    assert_int_equal(soon.at_ms, start_ms + 10);
    assert_int_equal(later.calls, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(soon.calls, 1);
    assert_int_equal(later.calls, 1);
    assert_int_equal(stopped.calls, 0);
    loop_timer_remove(fixture.loop, &soon.timer);
    loop_timer_remove(fixture.loop, &later.timer);
    loop_timer_remove(fixture.loop, &stopped.timer);
}

/* One that restarts itself without delay gets one call a turn, and does not hold up the loop. */
static void a_timer_without_delay_waits_for_the_next_turn(void **state)
{
    struct timed timed;

    (void)state;
    add_timed(&timed, 0, 0);
    for (int turns = 1; turns <= 3; turns++) {
        fixture_turn(&fixture);
        assert_int_equal(timed.calls, turns);
    }
    loop_timer_remove(fixture.loop, &timed.timer);
}

/* ---- deferred work ------------------------------------------------------------------------- */

struct deferred {
    struct loop_task task;
    char name;
    struct deferred *then; /* deferred by it */
};

static char order[64];

static void run(struct loop_task *task)
{
    struct deferred *deferred = CONTAINER_OF(task, struct deferred, task);

    if (strlen(order) + 1 < sizeof(order))
        strncat(order, &deferred->name, 1);
    if (deferred->then != NULL)
        loop_defer(fixture.loop, &deferred->then->task);
}

static void tasks_run_in_order_at_the_end_of_the_turn(void **state)
{
    struct deferred a = {.task.run = run, .name = 'a'}, b = {.task.run = run, .name = 'b'},
                    c = {.task.run = run, .name = 'c', .then = &a},
                    d = {.task.run = run, .name = 'd'};

    (void)state;
    order[0] = '\0';
    loop_defer(fixture.loop, &c.task);
    loop_defer(fixture.loop, &d.task);
    loop_defer(fixture.loop, &b.task);
    loop_defer(fixture.loop, &c.task); /* it waits already */
    loop_cancel(&d.task);
    loop_cancel(&d.task);
    fixture_turn(&fixture);
    assert_string_equal(order, "cba");
    fixture_turn(&fixture);
    assert_string_equal(order, "cba");
}

/* A task that defers itself for ever leaves room for the rest of the loop. */
static void tasks_that_defer_themselves_leave_turns_an_end(void **state)
{
    struct deferred a = {.task.run = run, .name = 'a', .then = &a};

    (void)state;
    order[0] = '\0';
    loop_defer(fixture.loop, &a.task);
    fixture_turn(&fixture);
    assert_int_equal(strlen(order), LOOP_TASK_ROUNDS);
    loop_cancel(&a.task);
}

static void put_off_again(struct loop_task *task)
{
    run(task);
    loop_put_off(fixture.loop, task);
}

static void what_is_put_off_runs_in_the_next_turn(void **state)
{
    struct deferred a = {.task.run = put_off_again, .name = 'a'},
                    b = {.task.run = run, .name = 'b'};

    (void)state;
    order[0] = '\0';
    loop_defer(fixture.loop, &a.task);
    fixture_turn(&fixture);
    assert_string_equal(order, "a");
    loop_put_off(fixture.loop, &b.task);
    loop_defer(fixture.loop, &b.task);        /* it waits already */
    assert_true(loop_turn(fixture.loop, -1)); /* which does not wait */
    assert_string_equal(order, "aab");
    loop_cancel(&a.task);
    fixture_turn(&fixture);
    assert_string_equal(order, "aab");
}

static void a_share_is_for_one_turn(void **state)
{
    struct loop_share share = {0};

    (void)state;
    for (int turns = 0; turns < 3; turns++) {
        for (int i = 0; i < LOOP_SHARE; i++) {
            assert_true(loop_share_is_left(fixture.loop, &share));
            assert_true(loop_share_take(fixture.loop, &share));
        }
        assert_false(loop_share_is_left(fixture.loop, &share));
        assert_false(loop_share_take(fixture.loop, &share));
        fixture_turn(&fixture);
    }
}

static void cancel_other(struct loop_task *task)
{
    loop_cancel(&CONTAINER_OF(task, struct deferred, task)->then->task);
}

static void a_task_may_cancel_the_next_one(void **state)
{
    struct deferred b = {.task.run = run, .name = 'b'};
    struct deferred a = {.task.run = cancel_other, .then = &b};

    (void)state;
    order[0] = '\0';
    loop_defer(fixture.loop, &a.task);
    loop_defer(fixture.loop, &b.task);
    fixture_turn(&fixture);
    assert_string_equal(order, "");
}

/* ---- other threads, waiting, stopping ------------------------------------------------------ */

struct signalled {
    struct loop_wakeup wakeup;
    int calls;
};

static void on_wakeup(struct loop_wakeup *wakeup)
{
    CONTAINER_OF(wakeup, struct signalled, wakeup)->calls++;
}

static void *signal_from_thread(void *context)
{
    for (int i = 0; i < 1000; i++)
        loop_wakeup_signal(context);
    return NULL;
}

static void another_thread_wakes_the_loop(void **state)
{
    struct signalled signalled = {0};
    struct error error;
    pthread_t thread;

    (void)state;
    assert_true(loop_wakeup_open(fixture.loop, &signalled.wakeup, on_wakeup, &error));
    fixture_turn(&fixture);
    assert_int_equal(signalled.calls, 0);
    assert_int_equal(pthread_create(&thread, NULL, signal_from_thread, &signalled.wakeup), 0);
    /* Waits without limit: only the signal ends it. */
    assert_true(loop_turn(fixture.loop, -1));
    assert_true(signalled.calls > 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fixture_turn(&fixture);
    int calls = signalled.calls;
    assert_in_range(calls, 1, 1000);
    fixture_turn(&fixture);
    assert_int_equal(signalled.calls, calls);
    loop_wakeup_close(&signalled.wakeup);
}

static void stop(struct loop_task *task)
{
    (void)task;
    loop_stop(fixture.loop);
}

static void a_loop_that_was_stopped_returns(void **state)
{
    struct loop_task task = {.run = stop};

    (void)state;
    loop_defer(fixture.loop, &task);
    assert_true(loop_run(fixture.loop));
    loop_stop(fixture.loop);
    assert_true(loop_run(fixture.loop));
}

static double cpu_seconds(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A loop with a descriptor and a timer far away waits, it does not spin: one turn lasts until
 * something happens, and costs no CPU meanwhile. */
static void an_idle_loop_sleeps(void **state)
{
    struct watched watched = {0};
    struct timed far;
    int pair[2];

    (void)state;
    fixture_socket_pair(pair);
    assert_true(loop_watch(fixture.loop, &watched.watch, pair[0], EPOLLIN, on_ready));
    add_timed(&far, 60000, -1);
    double before = cpu_seconds();
    assert_true(loop_turn(fixture.loop, 300));
    assert_true(cpu_seconds() - before < 0.15);
    assert_int_equal(watched.calls + far.calls, 0);
    loop_timer_remove(fixture.loop, &far.timer);
    loop_unwatch(fixture.loop, &watched.watch);
    close(pair[0]);
    close(pair[1]);
}

#if FAILING_MALLOC_WORKS
static bool create(void *context)
{
    struct error error;
    struct loop *loop = loop_create(context, &error);

    loop_free(loop);
    return loop != NULL;
}

static void a_loop_without_memory_is_none(void **state)
{
    (void)state;
    run_with_failing_malloc(create, &fixture.services, false);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readiness_is_told_as_long_as_it_lasts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_descriptor_is_not_watched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_unwatched_is_not_called_in_the_same_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_timer_calls_once_when_it_is_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_without_delay_waits_for_the_next_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tasks_run_in_order_at_the_end_of_the_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tasks_that_defer_themselves_leave_turns_an_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_put_off_runs_in_the_next_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_share_is_for_one_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_may_cancel_the_next_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_thread_wakes_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_loop_that_was_stopped_returns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_loop_sleeps, set_up, tear_down),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test_setup_teardown(a_loop_without_memory_is_none, set_up, tear_down),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
