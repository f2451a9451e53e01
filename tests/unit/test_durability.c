/*
 * Nobody is told of a commit before it is on disk, and others are written meanwhile. The program
 * has a fdatasync of its own, for the libraries too, which can be held and told to fail.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "db/announcement.h"
#include "db/database.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/wait.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: nothing gets to the disk */
static atomic_int failures_left;
static atomic_int failure; /* errno */

/* Ours alone: SQLite's is pwrite64. */
static atomic_llong bytes_written;

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t at)
{
    ssize_t written = syscall(SYS_pwrite64, descriptor, bytes, length, at);

    atomic_fetch_add(&bytes_written, written);
    return written;
}

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
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static void fail_next(int code, int times)
{
    atomic_store(&failure, code);
    atomic_store(&failures_left, times);
}

DATABASE_OPERATION(append, const char);

bool append_run(struct transaction *transaction, const char *name, struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;

    buffer_append_text(&payload, "{}");
    bool succeeded = announce_to_user(transaction, name, "s1", NULL, NULL, &payload, error);
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
    WAIT_UNTIL(atomic_load(&completed_count) >= count, wait_a_moment());
}

static void wait_for_rows(struct fixture *fixture, int64_t count)
{
    WAIT_UNTIL(fixture_number(fixture, "SELECT COUNT(*) FROM outbox") >= count, wait_a_moment());
}

static void who_waits_for_the_disk_keeps_nobody_from_writing(void **state)
{
    struct fixture *fixture = *state;
    struct database_job jobs[] = {
        {.operation = append("one"), .completed = complete},
        {.operation = append("other"), .completed = complete},
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
        assert_string_equal(fixture->events[i].name, jobs[i].operation.argument);
    }
}

static bool write_event(struct fixture *fixture, enum error_kind *kind)
{
    struct error error;

    error_clear(&error);
    bool succeeded = database_write(fixture->database, append("event"), &error);
    *kind = error.kind;
    return succeeded;
}

static int64_t log_bytes(const struct fixture *fixture)
{
    char path[160];
    struct stat status;

    snprintf(path, sizeof(path), "%s-wal", fixture->path);
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

/* What a sync could not write the kernel takes for written: it has to be written again. */
static void after_a_sync_that_fails_the_log_is_written_again(void **state)
{
    struct fixture *fixture = *state;
    enum error_kind kind;

    fixture_forget_events(fixture);
    atomic_store(&bytes_written, 0);
    fail_next(EIO, 1);
    assert_true(write_event(fixture, &kind));
    assert_int_equal(atomic_load(&bytes_written), log_bytes(fixture));
    assert_int_equal(fixture->event_count, 1);
    atomic_store(&bytes_written, 0);
    assert_true(write_event(fixture, &kind));
    assert_int_equal(atomic_load(&bytes_written), 0);
}

static void nothing_is_written_or_handed_on_while_the_disk_fails(void **state)
{
    struct fixture *fixture = *state;
    int64_t rows = fixture_number(fixture, "SELECT COUNT(*) FROM outbox");
    struct outbox_read_after read = {.after = 0, .limit = 100};
    enum error_kind kind;
    struct error error;

    fixture_forget_events(fixture);
    fixture->log.descriptor = -1; /* it is logged, and expected */
    fail_next(EIO, 1000);
    for (int i = 0; i < 3; i++) {
        assert_false(write_event(fixture, &kind));
        assert_int_equal(kind, ERROR_UNAVAILABLE);
    }
    assert_int_equal(fixture->event_count, 0);
    /* Of the first one it is not known; the others were not tried. */
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), rows + 1);
    error_clear(&error);
    assert_false(database_read(fixture->database, outbox_read_after(&read), &error));
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    fail_next(0, 0);
    event_batch_clear(&read.batch);
    assert_true(database_read(fixture->database, outbox_read_after(&read), &error));
    assert_int_equal(event_batch_count(&read.batch), rows + 1);
    assert_true(write_event(fixture, &kind));
    assert_int_equal(fixture->event_count, 1);
    event_batch_free(&read.batch);
    fixture_verify(fixture);
}

static void a_signal_does_not_fail_a_sync(void **state)
{
    struct fixture *fixture = *state;
    enum error_kind kind;

    atomic_store(&bytes_written, 0);
    fail_next(EINTR, 3);
    assert_true(write_event(fixture, &kind));
    assert_int_equal(atomic_load(&bytes_written), 0);
    assert_int_equal(atomic_load(&failures_left), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_waits_for_the_disk_keeps_nobody_from_writing),
        TEST(after_a_sync_that_fails_the_log_is_written_again),
        TEST(nothing_is_written_or_handed_on_while_the_disk_fails),
        TEST(a_signal_does_not_fail_a_sync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
