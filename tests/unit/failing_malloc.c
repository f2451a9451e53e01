#include "tests/unit/failing_malloc.h"

#include "tests/unit/unit_test.h"

#if FAILING_MALLOC_WORKS

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* glibc's own, under the names that it keeps for programs that replace malloc. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* The allocation of this thread that fails, counted down; 0: none. */
static _Thread_local long countdown;
static _Thread_local bool has_failed;

/* Blocks of all threads. */
static atomic_long live_blocks;

static bool must_fail(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

static void *count_block(void *memory)
{
    if (memory != NULL)
        atomic_fetch_add(&live_blocks, 1);
    return memory;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

void *malloc(size_t size)
{
    return must_fail() ? NULL : count_block(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : count_block(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (memory == NULL)
        return malloc(size);
    return must_fail() ? NULL : __libc_realloc(memory, size);
}

void free(void *memory)
{
    if (memory != NULL)
        atomic_fetch_sub(&live_blocks, 1);
    __libc_free(memory);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* One run over all allocations. What libraries keep for the next time is there after the first. */
static void run_over_all(bool (*attempt)(void *context), void *context, bool may_leak)
{
    bool succeeded = false;
    long nth = 0;

    do {
        long blocks_before = atomic_load(&live_blocks);
        has_failed = false;
        countdown = ++nth;
        succeeded = attempt(context);
        countdown = 0;
        if (!may_leak)
            assert_int_equal(atomic_load(&live_blocks), blocks_before);
    } while (has_failed);
    assert_true(succeeded);
    assert_true(nth > 1);
}

void run_with_failing_malloc(bool (*attempt)(void *context), void *context, bool may_leak)
{
    run_over_all(attempt, context, true);
    run_over_all(attempt, context, may_leak);
}

#else

void run_with_failing_malloc(bool (*attempt)(void *context), void *context, bool may_leak)
{
    (void)attempt;
    (void)context;
    (void)may_leak;
    fail_msg("no malloc of ours under a sanitizer");
}

#endif
