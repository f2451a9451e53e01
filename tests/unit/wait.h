/*
 * Waiting for something to become true: the only way in which these tests wait. They count neither
 * turns nor milliseconds, which a machine that is faster or busier passes differently.
 */
#ifndef MESSAGERIE_TESTS_WAIT_H
#define MESSAGERIE_TESTS_WAIT_H

#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/unit_test.h"

/* Longer than anything takes on a machine that has much else to do. */
#define WAIT_LIMIT_MS 60000

/* Does `step` until the condition holds; fails after WAIT_LIMIT_MS, with `complaint` if given. */
#define WAIT_UNTIL(condition, step)                                                                \
    WAIT_UNTIL_OR(condition, step, fail_msg("never happened: %s", #condition))
#define WAIT_UNTIL_OR(condition, step, complaint)                                                  \
    do {                                                                                           \
        const int64_t deadline_ = clock_monotonic_ms(&clock_system) + WAIT_LIMIT_MS;               \
        while (!(condition)) {                                                                     \
            if (clock_monotonic_ms(&clock_system) > deadline_)                                     \
                complaint; /* NOLINT(bugprone-macro-parentheses): a statement */                   \
            step;                                                                                  \
        }                                                                                          \
    } while (0)

/* A step, where it is another thread or process that makes the condition true. */
static inline void wait_a_moment(void)
{
    usleep(1000);
}

#endif
