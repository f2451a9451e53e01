/*
 * Nobody is told of a commit before it is on disk, and others are written meanwhile. The program
 * has a fdatasync of its own, for the libraries too, which can be held and told to fail.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "db/durability.h"
#include "db/outbox.h"
#include "tests/unit/db_fixture.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: nothing gets to the disk */
static atomic_int failures_left;
static atomic_int failure; /* errno */

int fdatasync(int descriptor)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    if (atomic_load(&failures_left) > 0) {
        atomic_fetch_sub(&failures_left, 1);
        errno = atomic_load(&failure);
        return -1;
    }
    return (int)syscall(SYS_fdatasync, descriptor);
}

static void fail_next(int code, int times)
{
    atomic_store(&failure, code);
    atomic_store(&failures_left, times);
}

static bool append(struct transaction *transaction, void *argument, struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;

    buffer_append_text(&payload, "{}");
    bool succeeded =
        outbox_append_for_user(transaction, argument, "s1", NULL, NULL, &payload, error);
    buffer_free(&payload);
    return succeeded;
}

/* What was completed, in this order. */
static struct database_job *completed[8];
static atomic_int completed_count;

static void complete(struct database_job *job)
{
    int count = atomic_load(&completed_count); /* all are completed on one thread */

    completed[count] = job;
    atomic_store(&completed_count, count + 1);
}

static void wait_for_completed(int count)
{
    while (atomic_load(&completed_count) < count)
        usleep(1000);
}

static void wait_for_rows(struct fixture *fixture, int64_t count)
{
    while (fixture_number(fixture, "SELECT COUNT(*) FROM outbox") < count)
        usleep(1000);
}

static void who_waits_for_the_disk_keeps_nobody_from_writing(void **state)
{
    struct fixture *fixture = *state;
    static char one[] = "one";
    static char other[] = "other";
    struct database_job jobs[] = {
        {.operation = append, .argument = one, .completed = complete},
        {.operation = append, .argument = other, .completed = complete},
    };
    int64_t rows = fixture_number(fixture, "SELECT COUNT(*) FROM outbox");

    fixture_forget_events(fixture);
    atomic_store(&completed_count, 0);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 2; i++) {
        database_submit(fixture->database, &jobs[i]);
        wait_for_rows(fixture, rows + i + 1); /* both are committed, and others see them */
    }
    assert_int_equal(atomic_load(&completed_count), 0);
    assert_int_equal(fixture->event_count, 0);
    pthread_mutex_unlock(&gate);
    wait_for_completed(2);
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(completed[i], &jobs[i]);
        assert_true(jobs[i].succeeded);
        assert_string_equal(fixture->events[i].name, jobs[i].argument);
    }
}

static void a_sync_that_fails_is_told_and_got_over(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "event";
    struct error error;

    fixture_forget_events(fixture);
    fixture->log.descriptor = -1; /* it is logged, and expected */
    error_clear(&error);
    fail_next(EIO, 1);
    assert_false(database_write(fixture->database, append, name, &error));
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "synced"));
    assert_int_equal(fixture->event_count, 0);
    error_clear(&error);
    assert_true(database_write(fixture->database, append, name, &error));
    assert_int_equal(fixture->event_count, 1);
    fixture_verify(fixture);
}

static void a_signal_does_not_fail_a_sync(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "event";
    struct error error;

    error_clear(&error);
    fail_next(EINTR, 3);
    assert_true(database_write(fixture->database, append, name, &error));
    assert_int_equal(atomic_load(&failures_left), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_waits_for_the_disk_keeps_nobody_from_writing),
        TEST(a_sync_that_fails_is_told_and_got_over),
        TEST(a_signal_does_not_fail_a_sync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
