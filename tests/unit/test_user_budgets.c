/*
 * How much each user may do.
 */
#include "tests/unit/unit_test.h"

#include <pthread.h>
#include <stdio.h>

#include "common/user_budgets.h"

#define BURST      10
#define PER_SECOND 2
#define USERS      (USER_BUDGETS_SETS * USER_BUDGETS_WAYS)

static int set_up(void **state)
{
    *state = user_budgets_create();
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    user_budgets_free(*state);
    return 0;
}

static bool take(struct user_budgets *budgets, const char *user_id, int64_t now_ms)
{
    int64_t retry_after_s = 0;
    bool is_taken = user_budgets_take(budgets, user_id, now_ms, BURST, PER_SECOND, &retry_after_s);

    assert_true(is_taken ? retry_after_s == 0 : retry_after_s >= 1);
    return is_taken;
}

static void use_up(struct user_budgets *budgets, const char *user_id, int64_t now_ms)
{
    for (int i = 0; i < BURST; i++)
        assert_true(take(budgets, user_id, now_ms));
    assert_false(take(budgets, user_id, now_ms));
}

static void each_user_has_one_of_their_own(void **state)
{
    struct user_budgets *budgets = *state;

    use_up(budgets, "one", 1000);
    use_up(budgets, "other", 1000);
    assert_true(take(budgets, "one", 1500));
    assert_false(take(budgets, "one", 1500));
    assert_true(take(budgets, "on", 1500));
}

/* Ten times as many users as there is room for, each of whom does something once. */
static void who_has_used_theirs_up_is_forgotten_last(void **state)
{
    struct user_budgets *budgets = *state;
    char user_id[16];

    use_up(budgets, "busy", 1000);
    for (int i = 0; i < 10 * USERS; i++) {
        snprintf(user_id, sizeof(user_id), "u%d", i);
        assert_true(take(budgets, user_id, 1000));
    }
    assert_false(take(budgets, "busy", 1000));
}

static void a_limit_that_was_changed_counts_at_once(void **state)
{
    struct user_budgets *budgets = *state;
    int64_t retry_after_s = 0;

    assert_true(user_budgets_take(budgets, "one", 1000, 100, 1, &retry_after_s));
    for (int i = 0; i < 3; i++)
        assert_true(user_budgets_take(budgets, "one", 1000, 3, 1, &retry_after_s));
    assert_false(user_budgets_take(budgets, "one", 1000, 3, 1, &retry_after_s));
    assert_int_equal(retry_after_s, 1);
}

struct taker {
    struct user_budgets *budgets;
    int taken;
};

/* Times go back and forth, as those of threads do. */
static void *take_many(void *context)
{
    struct taker *taker = context;
    int64_t retry_after_s;

    for (int i = 0; i < 20000; i++)
        taker->taken +=
            user_budgets_take(taker->budgets, "one", 1000 + i % 2, 5000, 1, &retry_after_s);
    return NULL;
}

static void threads_share_it(void **state)
{
    struct taker takers[4] = {{*state, 0}, {*state, 0}, {*state, 0}, {*state, 0}};
    pthread_t threads[4];
    int taken = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        taken += takers[i].taken;
    }
    assert_int_equal(taken, 5000);
}

#define BUDGETS_TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUDGETS_TEST(each_user_has_one_of_their_own),
        BUDGETS_TEST(who_has_used_theirs_up_is_forgotten_last),
        BUDGETS_TEST(a_limit_that_was_changed_counts_at_once),
        BUDGETS_TEST(threads_share_it),
    };

    return cmocka_run_group_tests_name("user_budgets", tests, NULL, NULL);
}
