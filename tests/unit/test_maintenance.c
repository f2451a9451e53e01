/*
 * What the administration tool does with a database as a whole.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db/database.h"
#include "db/maintenance.h"
#include "db/probe.h"
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

/* ---- restoring ----------------------------------------------------------------------------- */

static const char *path_with(const struct fixture *fixture, const char *suffix)
{
    static char path[4][200];
    static int next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof(path[next]), "%s%s", fixture->path, suffix);
    return path[next];
}

static void back_up(struct fixture *fixture)
{
    struct error error;

    error_clear(&error);
    unlink(path_with(fixture, ".backup"));
    assert_true(database_backup(fixture->path, path_with(fixture, ".backup"), &error));
}

static bool restore(struct fixture *fixture, const char *source, struct error *error)
{
    error_clear(error);
    bool succeeded = database_restore(fixture->path, source, error);
    assert_int_not_equal(access(path_with(fixture, ".restoring"), F_OK), 0);
    return succeeded;
}

static void close_database(struct fixture *fixture)
{
    database_free(fixture->database);
    fixture->database = NULL;
}

static void read_text(const char *path, const char *sql, char text[64])
{
    sqlite3 *shell;
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_open(path, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(shell, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(text, 64, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(shell);
}

static void a_backup_has_no_sockets_and_is_restored_as_a_time_line_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    char before[64], after[64], count[64];
    struct stat status;
    struct error error;

    fixture_send(fixture, fixture_conversation(fixture), client("c1"), "Bonjour");
    fixture_execute(fixture, "INSERT INTO sessions VALUES ('p1', 's', 'c1', 1, 0);"
                             "INSERT INTO session_rooms VALUES ('p1', 'c', 1)");
    back_up(fixture);
    read_text(path_with(fixture, ".backup"),
              "SELECT (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM session_rooms)",
              count);
    assert_string_equal(count, "0");
    fixture_send(fixture, fixture_conversation(fixture), client("c1"), "Plus tard");
    read_text(fixture->path, "SELECT name FROM timeline", before);
    close_database(fixture);
    if (!restore(fixture, path_with(fixture, ".backup"), &error))
        fail_msg("%s", error.detail);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    fixture_reopen(fixture, 86400000, 1000000);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 1);
    read_text(fixture->path, "SELECT name FROM timeline", after);
    assert_string_not_equal(before, after);
    fixture_verify(fixture);
    read_text(path_with(fixture, ".before-restore"), "SELECT COUNT(*) FROM messages", count);
    assert_string_equal(count, "2");
    unlink(path_with(fixture, ".before-restore"));
}

static void a_database_in_use_is_not_restored(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    back_up(fixture);
    assert_false(restore(fixture, path_with(fixture, ".backup"), &error));
    assert_non_null(strstr(error.detail, "programs use it"));
    fixture_verify(fixture);
}

static void assert_refused(struct fixture *fixture, const char *source, const char *reason)
{
    char before[64], after[64];
    struct error error;

    read_text(fixture->path, "SELECT name FROM timeline", before);
    assert_false(restore(fixture, source, &error));
    if (strstr(error.detail, reason) == NULL)
        print_error("%s\n", error.detail);
    assert_non_null(strstr(error.detail, reason));
    read_text(fixture->path, "SELECT name FROM timeline", after);
    assert_string_equal(before, after);
    assert_int_not_equal(access(path_with(fixture, ".before-restore"), F_OK), 0);
    fixture_verify(fixture);
}

static void change_backup(struct fixture *fixture, const char *sql)
{
    sqlite3 *shell;

    assert_int_equal(sqlite3_open(path_with(fixture, ".backup"), &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(shell);
}

static void what_is_no_backup_of_ours_is_not_restored(void **state)
{
    struct fixture *fixture = *state;
    char backup[160];

    snprintf(backup, sizeof(backup), "%s", path_with(fixture, ".backup"));
    back_up(fixture);
    close_database(fixture);
    assert_refused(fixture, "/nonexistent", "/nonexistent: ");
    assert_refused(fixture, "/tmp", "it is no file");
    assert_refused(fixture, fixture->path, "it is the database itself");
    assert_refused(fixture, "/bin/true", "it is no backup of messagerie");
    change_backup(fixture, "INSERT INTO schema_migrations VALUES (1000, 0)");
    assert_refused(fixture, backup, "upgrade messagerie");
    change_backup(fixture, "DELETE FROM schema_migrations WHERE version = 1000;"
                           "INSERT INTO participants (user_id, conversation_id, is_salon, status,"
                           " last_message_at) VALUES ('nobody', 'none', 1, 'ACTIVE', 0)");
    assert_refused(fixture, backup, "it is damaged: ");
    change_backup(fixture, "DROP TABLE schema_migrations");
    assert_refused(fixture, backup, "it is no backup of messagerie");
}

/* A log of the database that was there would be taken for the new one's. */
static void nothing_of_the_database_before_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    char text[64];

    back_up(fixture);
    close_database(fixture);
    FILE *log = fopen(path_with(fixture, "-wal"), "w");
    assert_non_null(log);
    fputs("a log that nobody can read", log);
    fclose(log);
    assert_true(restore(fixture, path_with(fixture, ".backup"), &error));
    assert_int_not_equal(access(path_with(fixture, "-wal"), F_OK), 0);
    read_text(fixture->path, "SELECT COUNT(*) FROM users", text);
    assert_string_equal(text, "4");
    fixture_verify(fixture);
    unlink(path_with(fixture, ".before-restore"));
    unlink(path_with(fixture, ".before-restore-wal"));
}

/* Whoever has it open keeps committed rows in the log. */
static void what_somebody_else_has_open_is_not_replaced(void **state)
{
    struct fixture *fixture = *state;
    char count[64];
    sqlite3 *shell;

    back_up(fixture);
    assert_int_equal(sqlite3_open(fixture->path, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "BEGIN; SELECT COUNT(*) FROM users", NULL, NULL, NULL),
                     SQLITE_OK);
    fixture_send(fixture, fixture_conversation(fixture), client("c1"), "Plus tard");
    close_database(fixture);
    assert_refused(fixture, path_with(fixture, ".backup"), "somebody has it open");
    sqlite3_close(shell);
    read_text(fixture->path, "SELECT COUNT(*) FROM messages WHERE content = 'Plus tard'", count);
    assert_string_equal(count, "1");
}

/* A program whose database can't be opened for a while still uses it. */
static void what_a_program_waits_for_is_not_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct probe probe = {0};
    struct error error;
    char away[200];

    back_up(fixture);
    snprintf(away, sizeof(away), "%s", path_with(fixture, ".away"));
    assert_int_equal(rename(fixture->path, away), 0);
    error_clear(&error);
    fixture->log.level = LOG_LEVEL_ERROR;
    assert_false(database_write(fixture->database, probe_write(&probe), &error));
    assert_false(restore(fixture, path_with(fixture, ".backup"), &error));
    assert_non_null(strstr(error.detail, "programs use it"));
    assert_int_equal(rename(away, fixture->path), 0);
    close_database(fixture);
    assert_true(restore(fixture, path_with(fixture, ".backup"), &error));
    unlink(path_with(fixture, ".before-restore"));
    unlink(path_with(fixture, ".before-restore-wal"));
}

/* Also not the one that an earlier restore has put there, which may be the only copy. */
static void what_is_aside_outlives_a_restore_that_fails(void **state)
{
    struct fixture *fixture = *state;
    char aside[160], blocked[176], count[64];
    struct error error;

    snprintf(aside, sizeof(aside), "%s", path_with(fixture, ".before-restore"));
    snprintf(blocked, sizeof(blocked), "%s.new", aside);
    back_up(fixture);
    close_database(fixture);
    assert_true(restore(fixture, path_with(fixture, ".backup"), &error));
    assert_false(restore(fixture, aside, &error));
    assert_non_null(strstr(error.detail, "rename it first"));
    assert_int_equal(mkdir(blocked, 0755), 0);
    assert_false(restore(fixture, path_with(fixture, ".backup"), &error));
    assert_int_equal(rmdir(blocked), 0);
    read_text(aside, "SELECT COUNT(*) FROM users", count);
    assert_string_equal(count, "4");
    fixture_verify(fixture);
    unlink(aside);
}

static void without_room_nothing_changes(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before, small;
    char text[64];
    struct error error;

    back_up(fixture);
    close_database(fixture);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool succeeded = restore(fixture, path_with(fixture, ".backup"), &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(succeeded);
    assert_int_not_equal(access(path_with(fixture, ".before-restore"), F_OK), 0);
    read_text(fixture->path, "SELECT COUNT(*) FROM users", text);
    assert_string_equal(text, "4");
    fixture_verify(fixture);
}

/* The programs run as who owns the folder. */
static void what_root_restores_is_whose_the_folder_is(void **state)
{
    enum { NOBODY = 65534 };
    struct fixture *fixture = *state;
    struct stat status;
    struct error error;

    if (geteuid() != 0)
        skip();
    back_up(fixture);
    close_database(fixture);
    assert_int_equal(chown(fixture->directory, NOBODY, NOBODY), 0);
    assert_int_equal(chown(path_with(fixture, ".lock"), NOBODY, NOBODY), 0);
    assert_true(restore(fixture, path_with(fixture, ".backup"), &error));
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_uid, NOBODY);
    assert_int_equal(status.st_gid, NOBODY);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(seteuid(NOBODY), 0);
    fixture_reopen(fixture, 86400000, 1000000);
    fixture_send(fixture, fixture_conversation(fixture), client("c1"), "Bonjour");
    fixture_verify(fixture);
    close_database(fixture);
    assert_int_equal(seteuid(0), 0);
    unlink(path_with(fixture, ".before-restore"));
}

static void a_restore_that_was_killed_is_done_anew(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    back_up(fixture);
    close_database(fixture);
    FILE *half = fopen(path_with(fixture, ".restoring"), "w");
    assert_non_null(half);
    fputs("half", half);
    fclose(half);
    assert_true(restore(fixture, path_with(fixture, ".backup"), &error));
    fixture_verify(fixture);
    unlink(path_with(fixture, ".before-restore"));
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
        TEST(a_backup_has_no_sockets_and_is_restored_as_a_time_line_of_its_own),
        TEST(a_database_in_use_is_not_restored),
        TEST(what_is_no_backup_of_ours_is_not_restored),
        TEST(nothing_of_the_database_before_comes_back),
        TEST(what_somebody_else_has_open_is_not_replaced),
        TEST(what_a_program_waits_for_is_not_replaced),
        TEST(what_is_aside_outlives_a_restore_that_fails),
        TEST(without_room_nothing_changes),
        TEST(what_root_restores_is_whose_the_folder_is),
        TEST(a_restore_that_was_killed_is_done_anew),
        TEST(verify_finds_a_wrong_counter),
        TEST(verify_finds_a_conversation_out_of_order),
        TEST(verify_finds_an_unread_message_that_nobody_would),
    };

    return cmocka_run_group_tests_name("maintenance", tests, NULL, NULL);
}
