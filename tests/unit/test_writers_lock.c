/*
 * The lock that writers of several processes share: a descriptor each, as in different processes.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/sqlite/writers_lock.h"

static char directory[] = "/tmp/writers-lock-XXXXXX";
static char path[64];

static int open_lock(void)
{
    struct error error;
    int descriptor;

    error_clear(&error);
    descriptor = writers_lock_open(path, &error);
    assert_true(descriptor >= 0);
    return descriptor;
}

static void take(int descriptor)
{
    struct error error;

    error_clear(&error);
    assert_true(writers_lock_take(descriptor, &error));
}

/* Whether somebody has a lock of the kind that the first byte stands for: a place in the queue. */
static bool is_awaited(int descriptor)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};

    assert_int_equal(fcntl(descriptor, F_OFD_GETLK, &lock), 0);
    return lock.l_type != F_UNLCK;
}

struct other {
    pthread_t thread;
    int descriptor;
    int *turns; /* atomic: a sanitizer knows nothing of this lock */
    int turn;
};

static void *wait_for_turn(void *context)
{
    struct other *other = context;

    take(other->descriptor);
    other->turn = __atomic_fetch_add(other->turns, 1, __ATOMIC_SEQ_CST);
    writers_lock_give_back(other->descriptor);
    return NULL;
}

static void who_waits_comes_before_who_had_it(void **state)
{
    int turns = 0;
    int probe = open_lock();
    int descriptor = open_lock();
    struct other other = {.descriptor = open_lock(), .turns = &turns};

    (void)state;
    for (int round = 0; round < 100; round++) {
        take(descriptor);
        assert_int_equal(pthread_create(&other.thread, NULL, wait_for_turn, &other), 0);
        while (!is_awaited(probe))
            sched_yield();
        writers_lock_give_back(descriptor);
        take(descriptor);
        int turn = __atomic_fetch_add(&turns, 1, __ATOMIC_SEQ_CST);
        writers_lock_give_back(descriptor);
        pthread_join(other.thread, NULL);
        assert_true(other.turn < turn);
    }
    close(probe);
    close(descriptor);
    close(other.descriptor);
}

static void who_dies_gives_it_back(void **state)
{
    int one = open_lock();
    int other = open_lock();

    (void)state;
    take(one);
    close(one); /* as the kernel does for a process that ends */
    take(other);
    close(other);
}

static void one_at_a_time_copies_the_log(void **state)
{
    int one = open_lock();
    int other = open_lock();

    (void)state;
    assert_true(writers_lock_try_checkpoint(one));
    assert_false(writers_lock_try_checkpoint(other));
    take(other); /* who writes does not wait for it */
    writers_lock_give_back(other);
    writers_lock_end_checkpoint(one);
    assert_true(writers_lock_try_checkpoint(other));
    close(other);
    assert_true(writers_lock_try_checkpoint(one));
    close(one);
}

static void a_folder_that_is_missing_is_told(void **state)
{
    struct error error;

    (void)state;
    error_clear(&error);
    assert_int_equal(writers_lock_open("/nowhere/messagerie.db.lock", &error), -1);
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "/nowhere/messagerie.db.lock"));
}

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/lock", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_comes_before_who_had_it),
        cmocka_unit_test(who_dies_gives_it_back),
        cmocka_unit_test(one_at_a_time_copies_the_log),
        cmocka_unit_test(a_folder_that_is_missing_is_told),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
