/*
 * The two halves of a checkpoint, beside writers. The program has a fdatasync of its own, for the
 * libraries too: what syncs the database's file, the end of the first half, can be held or told to
 * fail. So has it fcntl: who claims a checkpoint can be held.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db/announcement.h"
#include "db/sqlite/checkpointer.h"
#include "db/sqlite/writers_lock.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/wait.h"

#define EVENT_BYTES     200000
#define EVENTS_TILL_DUE (CHECKPOINTER_LOG_PAGES * 2048 / EVENT_BYTES + 1)

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: the file is not synced */
static atomic_int waiting;
static atomic_int failures_left;
static pthread_mutex_t claim_gate = PTHREAD_MUTEX_INITIALIZER; /* held: so is who claims one */
static atomic_bool are_claims_held;
static atomic_int claims; /* that were held */

static bool is_database(int descriptor)
{
    static const char name[] = "/test.db";
    char of_process[64];
    char target[256] = "";

    snprintf(of_process, sizeof(of_process), "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(of_process, target, sizeof(target) - 1);
    return length > (ssize_t)strlen(name) && strcmp(target + length - strlen(name), name) == 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fdatasync(int descriptor)
{
    if (is_database(descriptor)) {
        atomic_fetch_add(&waiting, 1);
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
        if (atomic_load(&failures_left) > 0) {
            atomic_fetch_sub(&failures_left, 1);
            errno = EIO;
            return -1;
        }
    }
    return (int)syscall(SYS_fdatasync, descriptor);
}

/* See db/sqlite/writers_lock.c. */
static bool is_claim(int command, const struct flock *lock)
{
    enum { BYTE_CHECKPOINT = 2 };

    return command == F_OFD_SETLK && lock->l_type == F_WRLCK && lock->l_start == BYTE_CHECKPOINT;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fcntl(int descriptor, int command, ...)
{
    va_list arguments;

    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (is_claim(command, argument) && atomic_load(&are_claims_held)) {
        atomic_fetch_add(&claims, 1);
        pthread_mutex_lock(&claim_gate);
        pthread_mutex_unlock(&claim_gate);
    }
    return (int)syscall(SYS_fcntl, descriptor, command, argument);
}

DATABASE_OPERATION(append_large, const struct buffer);

bool append_large_run(struct transaction *transaction, const struct buffer *payload,
                      struct error *error)
{
    return announce_to_user(transaction, "large", "s1", NULL, NULL, payload, error);
}

static void write_events(struct fixture *fixture, int count)
{
    static char bytes[EVENT_BYTES];
    struct buffer payload = BUFFER_EMPTY;
    struct error error;

    memset(bytes, 'x', sizeof(bytes));
    buffer_append(&payload, bytes, sizeof(bytes));
    error_clear(&error);
    for (int i = 0; i < count; i++)
        assert_true(database_write(fixture->database, append_large(&payload), &error));
    buffer_free(&payload);
}

static void delete_texts(struct fixture *fixture)
{
    struct person_set request = {.user_id = "c1", .fields = {.first_name = "Zoé"}};

    assert_int_equal(fixture_write(fixture, person_set(&request)), ERROR_NONE);
}

static int open_lock(const struct fixture *fixture)
{
    char path[160];
    struct error error;

    error_clear(&error);
    snprintf(path, sizeof(path), "%s.lock", fixture->path);
    int descriptor = writers_lock_open(path, &error);
    assert_true(descriptor >= 0);
    return descriptor;
}

static int open_log(const struct fixture *fixture)
{
    char path[160];

    snprintf(path, sizeof(path), "%s-wal", fixture->path);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    return descriptor;
}

/* How often the log has started over: a number in its header (SQLite's file format, section 4.1).
 */
static uint32_t log_number(const struct fixture *fixture)
{
    unsigned char bytes[4];
    int descriptor = open_log(fixture);

    assert_int_equal(pread(descriptor, bytes, sizeof(bytes), 12), sizeof(bytes));
    close(descriptor);
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void wait_for(atomic_int *number)
{
    WAIT_UNTIL(atomic_load(number) != 0, wait_a_moment());
}

static void one_writes_beside_the_first_half(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = log_number(fixture);

    atomic_store(&waiting, 0);
    pthread_mutex_lock(&gate);
    write_events(fixture, EVENTS_TILL_DUE);
    wait_for(&waiting);
    write_events(fixture, 5);
    assert_int_equal(log_number(fixture), number);
    pthread_mutex_unlock(&gate);
    for (int count = 0; log_number(fixture) == number; count++) {
        assert_true(count < 10 * EVENTS_TILL_DUE);
        write_events(fixture, 1);
    }
    fixture_verify(fixture);
}

/* As another process would. */
static void copy_all(const struct fixture *fixture, int lock)
{
    sqlite3 *shell;
    struct error error;
    int pages;
    int copied;

    error_clear(&error);
    assert_int_equal(sqlite3_open(fixture->path, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "PRAGMA user_version", NULL, NULL, NULL), SQLITE_OK);
    assert_true(writers_lock_take(lock, &error));
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(shell, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied),
        SQLITE_OK);
    writers_lock_give_back(lock);
    assert_int_equal(copied, pages);
    sqlite3_close(shell);
}

/* A snapshot would keep nobody from starting the log over, as everything is copied. */
static void none_begins_after_a_commit_that_added_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    int other = open_lock(fixture);

    assert_true(writers_lock_try_checkpoint(other));
    write_events(fixture, EVENTS_TILL_DUE); /* due, but somebody else is at it */
    copy_all(fixture, other);
    writers_lock_end_checkpoint(other);
    pthread_mutex_lock(&gate);
    error_clear(&error);
    assert_true(database_prepare(fixture->database, &error));
    assert_true(writers_lock_try_checkpoint(other));
    pthread_mutex_unlock(&gate);
    close(other);
}

/* After a failed sync nobody knows what of the log has come into the file: all of it is there when
 * the database has been closed, and comes from there when it is opened. */
static void check_log_is_kept(struct fixture *fixture, uint32_t number, int written)
{
    struct stat status;

    write_events(fixture, 2 * EVENTS_TILL_DUE);
    assert_int_equal(log_number(fixture), number);
    int log = open_log(fixture);
    assert_int_equal(fstat(log, &status), 0);
    close(log);
    assert_true(status.st_size > 3 * EVENTS_TILL_DUE * EVENT_BYTES);
    database_free(fixture->database);
    fixture->database = NULL;
    close(open_log(fixture)); /* it is still there */
    fixture_reopen(fixture, 86400000, 1000000);
    write_events(fixture, 1);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE length(payload) > 100000"),
        written + 2 * EVENTS_TILL_DUE + 1);
    fixture_verify(fixture);
}

static void the_log_is_kept_when_the_file_could_not_be_synced(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = log_number(fixture);
    sqlite3 *reader;

    fixture->log.descriptor = -1; /* it is logged, and expected */
    atomic_store(&waiting, 0);
    atomic_store(&failures_left, 1);
    write_events(fixture, 10);
    /* Someone who reads keeps SQLite from copying all of it, and so from syncing the file itself.
     */
    assert_int_equal(sqlite3_open(fixture->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT COUNT(*) FROM outbox", NULL, NULL, NULL),
                     SQLITE_OK);
    write_events(fixture, EVENTS_TILL_DUE);
    wait_for(&waiting);
    sqlite3_close(reader);
    check_log_is_kept(fixture, number, 10 + EVENTS_TILL_DUE);
}

/* It does when it has copied all of the log: nobody has written since the checkpoint began. */
static void the_log_is_kept_when_sqlite_could_not_sync_the_file(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = log_number(fixture);
    int other = open_lock(fixture);

    fixture->log.descriptor = -1;
    assert_true(writers_lock_try_checkpoint(other));
    write_events(fixture, EVENTS_TILL_DUE); /* due, but somebody else is at it */
    close(other);
    atomic_store(&waiting, 0);
    atomic_store(&failures_left, 1);
    write_events(fixture, 1);
    wait_for(&waiting);
    check_log_is_kept(fixture, number, EVENTS_TILL_DUE + 1);
}

/* In the second half, when what was deleted is to go from the log. */
static void the_log_is_kept_when_emptying_it_could_not_sync_the_file(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = log_number(fixture);

    fixture->log.descriptor = -1;
    write_events(fixture, EVENTS_TILL_DUE / 2);
    atomic_store(&waiting, 0);
    atomic_store(&failures_left, 1);
    delete_texts(fixture);
    wait_for(&waiting);
    write_events(fixture, EVENTS_TILL_DUE);
    check_log_is_kept(fixture, number, EVENTS_TILL_DUE / 2 + EVENTS_TILL_DUE);
}

/* The log is due, and has texts that were deleted; nobody has claimed a checkpoint. */
static void leave_a_due_log_with_deleted_texts(struct fixture *fixture)
{
    int other = open_lock(fixture);

    assert_true(writers_lock_try_checkpoint(other));
    write_events(fixture, EVENTS_TILL_DUE);
    delete_texts(fixture);
    close(other);
}

static bool is_log_empty(const struct fixture *fixture)
{
    struct stat status;
    int log = open_log(fixture);

    assert_int_equal(fstat(log, &status), 0);
    close(log);
    return status.st_size == 0;
}

static void tell_completed(struct database_job *job)
{
    atomic_store((atomic_int *)job->context, 1);
}

/* Both use the same connections. */
static void the_log_is_not_emptied_while_a_writer_begins_a_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    struct buffer payload = BUFFER_EMPTY;
    atomic_int completed = 0;
    struct database_job job = {
        .operation = append_large(&payload), .completed = tell_completed, .context = &completed};

    buffer_append_text(&payload, "{}");
    leave_a_due_log_with_deleted_texts(fixture);
    const int64_t due_ms = clock_monotonic_ms(&clock_system) + CHECKPOINTER_ERASE_DELAY_MS;
    pthread_mutex_lock(&claim_gate);
    atomic_store(&claims, 0);
    atomic_store(&are_claims_held, true);
    database_submit(fixture->database, &job);
    wait_for(&claims);
    /* Long enough to see one that should not come; it is not waited for. */
    WAIT_UNTIL(atomic_load(&claims) > 1 || clock_monotonic_ms(&clock_system) > due_ms + 100,
               wait_a_moment());
    int seen = atomic_load(&claims);
    atomic_store(&are_claims_held, false);
    pthread_mutex_unlock(&claim_gate);
    wait_for(&completed);
    assert_true(job.succeeded);
    assert_int_equal(seen, 1);
    WAIT_UNTIL(is_log_empty(fixture), wait_a_moment());
    buffer_free(&payload);
    fixture_verify(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_writes_beside_the_first_half),
        TEST(none_begins_after_a_commit_that_added_nothing),
        TEST(the_log_is_kept_when_the_file_could_not_be_synced),
        TEST(the_log_is_kept_when_sqlite_could_not_sync_the_file),
        TEST(the_log_is_kept_when_emptying_it_could_not_sync_the_file),
        TEST(the_log_is_not_emptied_while_a_writer_begins_a_checkpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
