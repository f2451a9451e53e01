/*
 * Databases of earlier schema versions, each as a dump in tests/unit/schemas/: they are migrated
 * with what is in them, also when the program is killed meanwhile. When a migration is added, the
 * version that it starts from gets its dump.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "db/engine/schema.h"
#include "tests/unit/db_fixture.h"

/* What the dumps have. */
#define FIRST     "019f0000-0000-7000-8000-000000000001"
#define SECOND    "019f0000-0000-7000-8000-000000000002"
#define THIRD     "019f0000-0000-7000-8000-000000000003"
#define NEWEST_MS 1790000002000

static void load(struct fixture *fixture, int64_t version)
{
    static char dump[65536];
    char path[sizeof(SCHEMAS) + 32];

    snprintf(path, sizeof(path), SCHEMAS "/%lld.sql", (long long)version);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(dump, 1, sizeof(dump) - 1, file);
    assert_true(feof(file));
    fclose(file);
    dump[length] = '\0';
    fixture_load(fixture, dump);
    assert_int_equal(fixture_number(fixture, "SELECT MAX(version) FROM schema_migrations"),
                     version);
}

static void prepare(struct fixture *fixture)
{
    struct error error;

    error_clear(&error);
    assert_true(database_prepare(fixture->database, &error));
    assert_int_equal(fixture_number(fixture, "SELECT MAX(version) FROM schema_migrations"),
                     schema_version_newest);
    fixture_verify(fixture);
}

static void assert_list(struct fixture *fixture, const char *expected)
{
    struct buffer listed = BUFFER_EMPTY;

    fixture_list(fixture, salon("s1"), 1, 10, &listed);
    assert_string_equal(buffer_text(&listed), expected);
    buffer_free(&listed);
}

static void mark_read(struct fixture *fixture, const char *conversation_id)
{
    struct conversation_reference request = {.conversation_id = conversation_id,
                                             .caller = salon("s1")};
    struct error error;

    error_clear(&error);
    assert_true(database_write(fixture->database, conversation_mark_read(&request), &error));
}

static void delete_message(struct fixture *fixture, const char *message_id)
{
    struct message_reference request = {.message_id = message_id, .caller = client("c1")};
    struct error error;

    error_clear(&error);
    assert_true(database_write(fixture->database, message_delete(&request), &error));
}

static void assert_works(struct fixture *fixture)
{
    char message_id[ID_BYTES];

    fixture->now_ms = NEWEST_MS; /* the millisecond of what came last before */
    assert_list(fixture, SECOND "\n" FIRST "\n" THIRD "\n");
    memcpy(message_id, fixture_send(fixture, FIRST, client("c1"), "Encore moi"), ID_BYTES);
    assert_list(fixture, FIRST "\n" SECOND "\n" THIRD "\n");
    assert_int_equal(fixture_number(fixture, "SELECT unread_total FROM users WHERE id = 's1'"), 3);
    fixture_verify(fixture);
    delete_message(fixture, message_id);
    assert_list(fixture, SECOND "\n" FIRST "\n" THIRD "\n");
    mark_read(fixture, FIRST);
    assert_int_equal(fixture_number(fixture, "SELECT unread_total FROM users WHERE id = 's1'"), 0);
    fixture_verify(fixture);
}

static void every_earlier_schema_is_migrated_with_what_is_in_it(void **state)
{
    struct fixture *fixture = *state;

    for (int64_t version = 1; version < schema_version_newest; version++) {
        load(fixture, version);
        prepare(fixture);
        assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM messages"), 4);
        assert_int_equal(fixture_number(fixture, "SELECT MAX(seq) FROM outbox"), 42);
        assert_works(fixture);
    }
}

/* Enough rows that a migration takes a while. */
#define ADD_CONVERSATIONS                                                                          \
    "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"       \
    " INSERT INTO conversations (id, salon_id, client_user_id, status, created_at, updated_at,"    \
    " last_message_at) SELECT 'x' || i, 's1', 'c1', 'ACTIVE', 0, 0, 0 FROM n;"                     \
    "INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at)"       \
    " SELECT salon_id, id, 1, status, 0 FROM conversations WHERE id LIKE 'x%';"                    \
    "INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at)"       \
    " SELECT client_user_id, id, 0, status, 0 FROM conversations WHERE id LIKE 'x%';"              \
    "UPDATE users SET active_count = active_count + 20000; COMMIT"

/* Migrates in another process, which is killed after so long unless it was faster, which is told.
 */
static bool migrate_for(const struct fixture *fixture, long patience_us)
{
    const struct database_options options = {.path = fixture->path, .busy_timeout_ms = 5000};
    const struct timespec patience = {.tv_sec = patience_us / 1000000,
                                      .tv_nsec = patience_us % 1000000 * 1000};
    int status;

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error error;
        error_clear(&error);
        struct database *database = database_create(&options, &fixture->services, &error);
        _exit(database != NULL && database_prepare(database, &error) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    nanosleep(&patience, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == EXIT_SUCCESS);
    return WIFEXITED(status);
}

static void a_migration_that_is_killed_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    int kills = 0;

    load(fixture, 1);
    fixture_execute(fixture, ADD_CONVERSATIONS);
    database_free(fixture->database); /* no thread of ours is there to be forked */
    fixture->database = NULL;
    for (long patience_us = 100; !migrate_for(fixture, patience_us); patience_us += patience_us / 4)
        kills++;
    assert_int_not_equal(kills, 0);
    fixture_reopen(fixture, 86400000, 1000000);
    prepare(fixture);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM participants"), 40006);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_earlier_schema_is_migrated_with_what_is_in_it),
        TEST(a_migration_that_is_killed_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
