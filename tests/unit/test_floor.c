/*
 * Linked from all objects of one floor and the libraries below it alone, once for each floor
 * (tests/unit/unit.mk): a call upwards leaves a symbol that is missing, and there is no program.
 */
#include "tests/unit/unit_test.h"

static void nothing_on_this_floor_calls_a_higher_one(void **state)
{
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_on_this_floor_calls_a_higher_one),
    };

    return cmocka_run_group_tests_name("floor", tests, NULL, NULL);
}
