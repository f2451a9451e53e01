/*
 * What the administration tool does with a database as a whole.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/maintenance.h"
#include "tests/unit/db_fixture.h"

static void a_backup_is_complete(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    char target[160];
    struct error error;
    struct buffer findings = BUFFER_EMPTY;

    fixture_send(fixture, id, client("c1"), "Bonjour");
    snprintf(target, sizeof(target), "%s.backup", fixture->path);
    error_clear(&error);
    assert_true(database_backup(fixture->path, target, &error));
    assert_true(database_verify(target, &findings, &error));
    assert_int_equal(findings.length, 0);
    assert_false(database_backup(fixture->path, target, &error)); /* never over another file */
    assert_int_equal(access(target, F_OK), 0);
    buffer_free(&findings);
}

static void verify_finds_a_wrong_counter(void **state)
{
    struct fixture *fixture = *state;
    struct buffer findings = BUFFER_EMPTY;
    struct error error;

    fixture_execute(fixture, "UPDATE users SET unread_total = 7 WHERE id = 'c1'");
    error_clear(&error);
    assert_true(database_verify(fixture->path, &findings, &error));
    assert_non_null(strstr(buffer_text(&findings), "unread total is wrong for user: c1"));
    buffer_free(&findings);
}

static void verify_finds_a_conversation_out_of_order(void **state)
{
    struct fixture *fixture = *state;
    struct buffer findings = BUFFER_EMPTY;
    struct error error;

    fixture_send(fixture, fixture_conversation(fixture), client("c1"), "Bonjour");
    fixture_execute(fixture, "UPDATE conversations SET last_message_seq = 1;"
                             "UPDATE participants SET last_message_seq = 1");
    error_clear(&error);
    assert_true(database_verify(fixture->path, &findings, &error));
    assert_non_null(strstr(buffer_text(&findings), "order in the list"));
    buffer_free(&findings);
}

static void verify_finds_an_unread_message_that_nobody_would(void **state)
{
    struct fixture *fixture = *state;
    struct buffer findings = BUFFER_EMPTY;
    struct error error;

    fixture_send(fixture, fixture_conversation(fixture), client("c1"), "Bonjour");
    fixture_execute(fixture, "UPDATE participants SET unread_from = 2 WHERE user_id = 's1'");
    error_clear(&error);
    assert_true(database_verify(fixture->path, &findings, &error));
    assert_non_null(strstr(buffer_text(&findings), "before the first unread in conversation"));
    buffer_free(&findings);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_backup_is_complete),
        TEST(verify_finds_a_wrong_counter),
        TEST(verify_finds_a_conversation_out_of_order),
        TEST(verify_finds_an_unread_message_that_nobody_would),
    };

    return cmocka_run_group_tests_name("maintenance", tests, NULL, NULL);
}
