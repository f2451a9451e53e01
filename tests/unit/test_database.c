/*
 * The engine over a real file: the writer, the outbox, and what becomes of the file.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db/announcement.h"
#include "db/engine/schema.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/log_reader.h"
#include "tests/unit/wait.h"

enum { PRODUCERS = 16, MESSAGES_EACH = 25 };

struct producer {
    struct fixture *fixture;
    const char *conversation_id;
};

static void *produce(void *argument)
{
    const struct producer *producer = argument;
    const struct message_input input = {.content = "Bonjour", .type = MESSAGE_TEXT};
    intptr_t failures = 0;

    for (int i = 0; i < MESSAGES_EACH; i++) {
        struct buffer json = BUFFER_EMPTY;
        struct message_create request = {.conversation_id = producer->conversation_id,
                                         .caller = client("c1"),
                                         .input = &input,
                                         .config = &producer->fixture->config,
                                         .json = &json};
        struct error error;
        error_clear(&error);
        if (i % 5 == 4) /* one that fails in the middle of a batch, after others have written */
            request.caller = client("c2");
        bool succeeded =
            database_write(producer->fixture->database, message_create(&request), &error);
        if (succeeded != (i % 5 != 4))
            failures++;
        buffer_free(&json);
    }
    return (void *)failures;
}

static void many_writers_keep_their_results(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer = {.fixture = fixture,
                                .conversation_id = fixture_conversation(fixture)};
    pthread_t threads[PRODUCERS];

    fixture_forget_events(fixture);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producer), 0);
    for (int i = 0; i < PRODUCERS; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM messages"),
                     PRODUCERS * MESSAGES_EACH * 4 / 5);
    for (size_t i = 1; i < fixture->event_count; i++)
        assert_int_equal(fixture->events[i].seq, fixture->events[i - 1].seq + 1);
    fixture_verify(fixture);
}

static void count_completed(struct database_job *job)
{
    atomic_fetch_add((atomic_int *)job->context, 1);
}

static void what_is_submitted_together_shares_a_commit(void **state)
{
    struct fixture *fixture = *state;
    struct conversation_reference request = {.conversation_id = fixture_conversation(fixture),
                                             .caller = salon("s1")};
    struct database_job jobs[8];
    struct database_job *all[ARRAY_LENGTH(jobs)];
    struct database_statistics before;
    struct database_statistics after;
    atomic_int completed = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(jobs); i++) {
        jobs[i] = (struct database_job){.operation = conversation_toggle_archived(&request),
                                        .completed = count_completed,
                                        .context = &completed};
        all[i] = &jobs[i];
    }
    database_statistics(fixture->database, &before);
    database_submit_all(fixture->database, all, ARRAY_LENGTH(all));
    WAIT_UNTIL(atomic_load(&completed) == ARRAY_LENGTH(all), wait_a_moment());
    for (size_t i = 0; i < ARRAY_LENGTH(jobs); i++)
        assert_true(jobs[i].succeeded);
    database_statistics(fixture->database, &after);
    assert_int_equal(after.operations - before.operations, ARRAY_LENGTH(all));
    assert_int_equal(after.commits - before.commits, 1);
}

static void the_outbox_is_pruned_by_number(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    fixture_reopen(fixture, 86400000, 100);
    for (int i = 0; i < 600; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    int64_t rows = fixture_number(fixture, "SELECT COUNT(*) FROM outbox");
    assert_in_range(rows, 100, 100 + 256);
    assert_int_equal(fixture_number(fixture, "SELECT MAX(seq) FROM outbox"), 2 + 600 * 2);
}

static void the_limits_of_the_outbox_may_change_while_it_is_used(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    for (int i = 0; i < 300; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), 2 + 300 * 2);
    database_limit_outbox(fixture->database, 86400000, 100);
    for (int i = 0; i < 300; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_in_range(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), 100, 100 + 256);
}

static void the_outbox_is_pruned_by_age_but_keeps_its_number(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    fixture_reopen(fixture, 1000, 1000000);
    for (int i = 0; i < 200; i++) {
        fixture->now_ms += 100;
        fixture_send(fixture, id, client("c1"), "Bonjour");
    }
    assert_in_range(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), 1, 300);
    assert_int_equal(fixture_number(fixture, "SELECT MAX(seq) FROM outbox"), 2 + 200 * 2);
}

/* Who comes back finds all that followed what they saw last, or is told that it is gone. */
static void the_outbox_has_no_holes_after_the_clock_was_set_back(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    fixture_reopen(fixture, 1000, 1000000);
    fixture->now_ms += 100000;
    for (int i = 0; i < 100; i++)
        fixture_send(fixture, id, client("c1"), "demain");
    fixture->now_ms -= 100000;
    for (int i = 0; i < 200; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    fixture->now_ms += 2000;
    for (int i = 0; i < 200; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_int_equal(
        fixture_number(fixture, "SELECT MAX(seq) - MIN(seq) + 1 - COUNT(*) FROM outbox"), 0);
    assert_true(fixture_number(fixture, "SELECT MIN(seq) FROM outbox") <= 3);
    fixture->now_ms += 200000;
    for (int i = 0; i < 600; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_true(fixture_number(fixture, "SELECT MIN(seq) FROM outbox") > 1000);
}

static void a_newer_schema_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    struct unread_summary request = {.caller = client("c1"), .json = &json};
    struct error error;

    fixture_execute(fixture, "INSERT INTO schema_migrations VALUES (999, 0)");
    fixture->log.descriptor = -1; /* the refusal is logged, and expected */
    fixture_reopen(fixture, 86400000, 1000000);
    error_clear(&error);
    assert_false(database_prepare(fixture->database, &error));
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "upgrade"));
    assert_int_equal(fixture_read(fixture, unread_total(&request)), ERROR_UNAVAILABLE);
    fixture_execute(fixture, "DELETE FROM schema_migrations WHERE version = 999");
    assert_int_equal(fixture_read(fixture, unread_total(&request)), ERROR_NONE);
    buffer_free(&json);
}

DATABASE_OPERATION(append_a_mebibyte, const struct buffer);

bool append_a_mebibyte_run(struct transaction *transaction, const struct buffer *payload,
                           struct error *error)
{
    return announce_to_user(transaction, "large", "s1", NULL, NULL, payload, error);
}

/* While one writes without a pause. */
static void the_log_starts_over(void **state)
{
    enum { COMMITS = 150, MEBIBYTES_MAX = 75 };
    static char mebibyte[1024 * 1024];
    struct fixture *fixture = *state;
    struct buffer payload = BUFFER_EMPTY;
    char log_path[160];
    struct stat status;

    memset(mebibyte, 'x', sizeof(mebibyte));
    buffer_append(&payload, mebibyte, sizeof(mebibyte));
    for (int i = 0; i < COMMITS; i++)
        assert_int_equal(fixture_write(fixture, append_a_mebibyte(&payload)), ERROR_NONE);
    snprintf(log_path, sizeof(log_path), "%s-wal", fixture->path);
    assert_int_equal(stat(log_path, &status), 0);
    assert_in_range(status.st_size, 0, MEBIBYTES_MAX * sizeof(mebibyte));
    buffer_free(&payload);
}

static void a_file_that_is_gone_is_not_made_again(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference request = {.conversation_id = id, .caller = salon("s1")};
    char away[160];

    fixture_execute(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    fixture->log.descriptor = -1;
    snprintf(away, sizeof(away), "%s.away", fixture->path);
    assert_int_equal(rename(fixture->path, away), 0);
    assert_int_equal(fixture_write(fixture, conversation_toggle_archived(&request)),
                     ERROR_UNAVAILABLE);
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_int_equal(rename(away, fixture->path), 0);
    assert_int_equal(fixture_write(fixture, conversation_toggle_archived(&request)), ERROR_NONE);
}

/* As on a full disk, where what reads succeeds and what writes does not. */
static void a_database_that_comes_and_goes_is_two_lines_a_second(void **state)
{
    enum { TIMES = 5 };
    struct fixture *fixture = *state;
    char away[160];
    int log = memfd_create("log", MFD_CLOEXEC);

    fixture->log.descriptor = log;
    fixture->log.level = LOG_LEVEL_INFO;
    snprintf(away, sizeof(away), "%s.away", fixture->path);
    for (size_t second = 1; second <= 2; second++) {
        for (int i = 0; i < TIMES; i++) {
            struct person_set request = {.user_id = "c3", .fields = {.role = "client"}};
            assert_int_equal(rename(fixture->path, away), 0);
            assert_int_equal(fixture_write(fixture, person_set(&request)), ERROR_UNAVAILABLE);
            assert_int_equal(rename(away, fixture->path), 0);
            assert_int_equal(fixture_write(fixture, person_set(&request)), ERROR_NONE);
        }
        assert_int_equal(count_in_log(log, "the database cannot be used"), second);
        assert_int_equal(count_in_log(log, "the database can be used again"), second);
        fixture->now_ms += LOG_LIMIT_MS;
    }
    assert_int_equal(count_in_log(log, "left_out=4"), 2);
    close(log);
}

/* ---- others who write ---------------------------------------------------------------------- */

static void a_job_that_has_not_begun_is_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct conversation_reference request = {.conversation_id = fixture_conversation(fixture),
                                             .caller = salon("s1")};
    atomic_int completed = 0;
    struct database_job jobs[3];
    struct database_job *all[ARRAY_LENGTH(jobs)];
    void *lock = fixture_lock(fixture);

    for (size_t i = 0; i < ARRAY_LENGTH(jobs); i++) {
        jobs[i] = (struct database_job){.operation = conversation_toggle_archived(&request),
                                        .completed = count_completed,
                                        .context = &completed};
        all[i] = &jobs[i];
    }
    database_submit_all(fixture->database, all, ARRAY_LENGTH(all));
    assert_true(database_withdraw(fixture->database, &jobs[0]));
    assert_true(database_withdraw(fixture->database, &jobs[2]));
    assert_false(database_withdraw(fixture->database, &jobs[2]));
    fixture_unlock(lock);
    WAIT_UNTIL(atomic_load(&completed) == 1, wait_a_moment());
    assert_true(jobs[1].succeeded);
    assert_false(database_withdraw(fixture->database, &jobs[1]));
    assert_int_equal(fixture_write(fixture, conversation_toggle_archived(&request)), ERROR_NONE);
    assert_int_equal(atomic_load(&completed), 1);
}

/* From both ends and out of the middle; what is left is done in its order, once each. */
static void many_are_taken_back_in_any_order(void **state)
{
    enum { JOBS = 300 };
    static struct database_job jobs[JOBS];
    struct fixture *fixture = *state;
    struct conversation_reference request = {.conversation_id = fixture_conversation(fixture),
                                             .caller = salon("s1")};
    atomic_int completed = 0;
    struct database_job *all[JOBS];
    void *lock = fixture_lock(fixture);

    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct database_job){.operation = conversation_toggle_archived(&request),
                                        .completed = count_completed,
                                        .context = &completed};
        all[i] = &jobs[i];
    }
    database_submit_all(fixture->database, all, JOBS);
    for (size_t i = JOBS; i > JOBS - 100; i--)
        assert_true(database_withdraw(fixture->database, &jobs[i - 1]));
    for (size_t i = 0; i < JOBS - 100; i += 2)
        assert_true(database_withdraw(fixture->database, &jobs[i]));
    fixture_unlock(lock);
    WAIT_UNTIL(atomic_load(&completed) == 100, wait_a_moment());
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].succeeded, i < JOBS - 100 && i % 2 == 1);
    assert_int_equal(fixture_write(fixture, conversation_toggle_archived(&request)), ERROR_NONE);
    assert_int_equal(atomic_load(&completed), 100);
}

/* The one that is to be waited for makes the writer wait. */
static void what_can_be_done_without_is_not_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct conversation_reference request = {.conversation_id = fixture_conversation(fixture),
                                             .caller = salon("s1")};
    atomic_int completed = 0;
    struct database_job job = {.operation = conversation_toggle_archived(&request),
                               .completed = count_completed,
                               .context = &completed};
    struct error error;
    void *lock = fixture_lock(fixture);

    assert_int_equal(database_patience_ms(fixture->database), DATABASE_PATIENCE_MS);
    database_submit(fixture->database, &job);
    WAIT_UNTIL(database_patience_ms(fixture->database) == 0, fixture->now_ms++);
    error_clear(&error);
    assert_false(database_write_soon(fixture->database, conversation_mark_read(&request), &error));
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    fixture_unlock(lock);
    WAIT_UNTIL(atomic_load(&completed) == 1, wait_a_moment());
    assert_true(job.succeeded);
    assert_int_equal(database_patience_ms(fixture->database), DATABASE_PATIENCE_MS);
    error_clear(&error);
    assert_true(database_write_soon(fixture->database, conversation_mark_read(&request), &error));
}

static void who_opens_it_to_read_waits_for_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    struct unread_summary request = {.caller = client("c1"), .json = &json};

    fixture_reopen(fixture, 86400000, 1000000);
    void *lock = fixture_lock(fixture);
    assert_int_equal(fixture_read(fixture, unread_total(&request)), ERROR_NONE);
    fixture_unlock(lock);
    buffer_free(&json);
}

static struct database_job patient_job(struct conversation_reference *request,
                                       atomic_int *completed)
{
    return (struct database_job){.operation = conversation_toggle_archived(request),
                                 .completed = count_completed,
                                 .context = completed,
                                 .is_patient = true};
}

static void a_patient_job_is_done_when_it_can_be(void **state)
{
    struct fixture *fixture = *state;
    struct conversation_reference request = {.conversation_id = fixture_conversation(fixture),
                                             .caller = salon("s1")};
    atomic_int completed = 0;
    struct database_job job = patient_job(&request, &completed);
    char away[160];

    fixture->log.descriptor = -1;
    fixture_execute(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    snprintf(away, sizeof(away), "%s.away", fixture->path);
    assert_int_equal(rename(fixture->path, away), 0);
    database_submit(fixture->database, &job);
    assert_int_equal(fixture_write(fixture, conversation_mark_read(&request)), ERROR_UNAVAILABLE);
    assert_int_equal(atomic_load(&completed), 0);
    assert_int_equal(rename(away, fixture->path), 0);
    WAIT_UNTIL(atomic_load(&completed) == 1, wait_a_moment());
    assert_true(job.succeeded);
}

static void a_patient_job_is_given_up_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct conversation_reference request = {.conversation_id = fixture_conversation(fixture),
                                             .caller = salon("s1")};
    atomic_int completed = 0;
    struct database_job jobs[] = {patient_job(&request, &completed),
                                  patient_job(&request, &completed)};
    char away[160];

    fixture->log.descriptor = -1;
    snprintf(away, sizeof(away), "%s.away", fixture->path);
    assert_int_equal(rename(fixture->path, away), 0);
    database_submit(fixture->database, &jobs[0]);
    assert_int_equal(fixture_write(fixture, conversation_mark_read(&request)), ERROR_UNAVAILABLE);
    database_give_up(fixture->database);
    WAIT_UNTIL(atomic_load(&completed) == 1, wait_a_moment());
    assert_false(jobs[0].succeeded);
    database_submit(fixture->database, &jobs[1]);
    WAIT_UNTIL(atomic_load(&completed) == 2, wait_a_moment());
    assert_false(jobs[1].succeeded);
    assert_int_equal(rename(away, fixture->path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many_writers_keep_their_results),
        TEST(what_is_submitted_together_shares_a_commit),
        TEST(the_outbox_is_pruned_by_number),
        TEST(the_limits_of_the_outbox_may_change_while_it_is_used),
        TEST(the_outbox_is_pruned_by_age_but_keeps_its_number),
        TEST(the_outbox_has_no_holes_after_the_clock_was_set_back),
        TEST(a_newer_schema_is_refused),
        TEST(the_log_starts_over),
        TEST(a_file_that_is_gone_is_not_made_again),
        TEST(a_database_that_comes_and_goes_is_two_lines_a_second),
        TEST(a_job_that_has_not_begun_is_taken_back),
        TEST(many_are_taken_back_in_any_order),
        TEST(what_can_be_done_without_is_not_waited_for),
        TEST(who_opens_it_to_read_waits_for_nobody),
        TEST(a_patient_job_is_done_when_it_can_be),
        TEST(a_patient_job_is_given_up_at_the_end),
    };

    return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
