/*
 * fcgi/gate.h with real threads: how many are inside at a time, and that nobody waits for ever.
 */
#include "tests/unit/unit_test.h"

#include <sched.h>

#include "fcgi/gate.h"

#define THREADS 8

/* What the threads of a test share. */
struct crowd {
    struct gate gate;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t inside, most_inside, outside;
    bool may_go_on;
};

static void init_crowd(struct crowd *crowd, size_t limit)
{
    memset(crowd, 0, sizeof(*crowd));
    gate_init(&crowd->gate, limit);
    pthread_mutex_init(&crowd->lock, NULL);
    pthread_cond_init(&crowd->changed, NULL);
}

static void destroy_crowd(struct crowd *crowd)
{
    gate_destroy(&crowd->gate);
    pthread_cond_destroy(&crowd->changed);
    pthread_mutex_destroy(&crowd->lock);
}

static void count(struct crowd *crowd, size_t *number, size_t difference)
{
    pthread_mutex_lock(&crowd->lock);
    *number += difference;
    if (crowd->inside > crowd->most_inside)
        crowd->most_inside = crowd->inside;
    pthread_cond_broadcast(&crowd->changed);
    pthread_mutex_unlock(&crowd->lock);
}

static void wait_until(struct crowd *crowd, const size_t *number, size_t value)
{
    pthread_mutex_lock(&crowd->lock);
    while (*number != value)
        pthread_cond_wait(&crowd->changed, &crowd->lock);
    pthread_mutex_unlock(&crowd->lock);
}

static void run_threads(struct crowd *crowd, void *(*body)(void *), pthread_t threads[THREADS])
{
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, crowd), 0);
}

static void join_threads(pthread_t threads[THREADS])
{
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void *enter_often(void *context)
{
    struct crowd *crowd = context;

    for (int i = 0; i < 500; i++) {
        gate_enter(&crowd->gate);
        count(crowd, &crowd->inside, 1);
        sched_yield();
        count(crowd, &crowd->inside, (size_t)-1);
        gate_leave(&crowd->gate);
    }
    return NULL;
}

static void lets_in_no_more_than_its_limit(void **state)
{
    pthread_t threads[THREADS];
    struct crowd crowd;

    (void)state;
    init_crowd(&crowd, 2);
    run_threads(&crowd, enter_often, threads);
    join_threads(threads);
    assert_in_range(crowd.most_inside, 1, 2);
    assert_int_equal(crowd.gate.inside, 0);
    destroy_crowd(&crowd);
}

static void *wait_outside(void *context)
{
    struct crowd *crowd = context;

    gate_enter(&crowd->gate);
    gate_step_out(&crowd->gate);
    pthread_mutex_lock(&crowd->lock);
    crowd->outside++;
    pthread_cond_broadcast(&crowd->changed);
    while (!crowd->may_go_on)
        pthread_cond_wait(&crowd->changed, &crowd->lock);
    pthread_mutex_unlock(&crowd->lock);
    gate_step_in(&crowd->gate);
    gate_give_way(&crowd->gate);
    gate_leave(&crowd->gate);
    return NULL;
}

/* With a limit of one, all get in one after the other, since each waits outside. */
static void lets_another_in_for_one_that_steps_out(void **state)
{
    pthread_t threads[THREADS];
    struct crowd crowd;

    (void)state;
    init_crowd(&crowd, 1);
    run_threads(&crowd, wait_outside, threads);
    wait_until(&crowd, &crowd.outside, THREADS);
    pthread_mutex_lock(&crowd.lock);
    crowd.may_go_on = true;
    pthread_cond_broadcast(&crowd.changed);
    pthread_mutex_unlock(&crowd.lock);
    join_threads(threads);
    assert_int_equal(crowd.gate.inside, 0);
    assert_int_equal(crowd.gate.waiting, 0);
    destroy_crowd(&crowd);
}

/* Back from outside at once, all are inside; giving way brings them back to the limit. */
static void gives_way_when_crowded(void **state)
{
    struct crowd crowd;

    (void)state;
    init_crowd(&crowd, 1);
    gate_enter(&crowd.gate);
    gate_give_way(&crowd.gate); /* alone: does not wait */
    assert_int_equal(crowd.gate.inside, 1);
    gate_leave(&crowd.gate);
    destroy_crowd(&crowd);
}

static void *enter_once(void *context)
{
    struct crowd *crowd = context;

    gate_enter(&crowd->gate);
    count(crowd, &crowd->inside, 1);
    return NULL;
}

static void lets_everybody_in_when_open(void **state)
{
    pthread_t threads[THREADS];
    struct crowd crowd;

    (void)state;
    init_crowd(&crowd, 1);
    run_threads(&crowd, enter_once, threads);
    wait_until(&crowd, &crowd.inside, 1);
    gate_open(&crowd.gate);
    join_threads(threads);
    assert_int_equal(crowd.inside, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        gate_leave(&crowd.gate);
    destroy_crowd(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_in_no_more_than_its_limit),
        cmocka_unit_test(lets_another_in_for_one_that_steps_out),
        cmocka_unit_test(gives_way_when_crowded),
        cmocka_unit_test(lets_everybody_in_when_open),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
