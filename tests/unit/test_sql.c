/*
 * Every statement is valid against the newest schema, and those that run for a request find their
 * rows by an index, in order: nothing that a client asks for costs more as the tables grow.
 */
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "db/engine/sql.h"
#include "tests/unit/db_fixture.h"

/* These read everything, which is their purpose; or, for an erasure or an export, the outbox or the
 * broker's sessions: those are the newest day's, and an index would cost every message or connect.
 */
static bool may_scan(enum sql_id id)
{
    return id == SQL_SCHEMA_TABLE_EXISTS || id == SQL_PERSON_LIST || id == SQL_RECOVERIES_OF_USER ||
           id == SQL_RECOVERIES_DELETE_OF_USER || (id >= SQL_TOTALS && id < SQL_COUNT);
}

/* Reading the oldest or newest row, or the first of what is to be done, stops at once; a time line,
 * or the search of what was there before it, has one row; and of the search index there is a
 * segment for a thousand messages. */
static bool may_scan_little(enum sql_id id)
{
    static const enum sql_id ids[] = {
        SQL_OUTBOX_FIRST,        SQL_OUTBOX_LAST,         SQL_TIMELINE,
        SQL_DELETION_NEXT,       SQL_ERASURE_NEXT,        SQL_SEARCH_SEGMENTS,
        SQL_SEARCH_SEGMENT_NEXT, SQL_SEARCH_STALE_FIRST,  SQL_SEARCH_RENAMED_NEXT,
        SQL_SEARCH_BACKLOG,      SQL_SEARCH_BACKLOG_MOVE, SQL_SEARCH_BACKLOG_END,
    };

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void check_plan(sqlite3 *shell, enum sql_id id)
{
    char sql[4096];
    sqlite3_stmt *plan;

    snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sql_text(id, SQL_DIALECT_SQLITE));
    assert_int_equal(sqlite3_prepare_v2(shell, sql, -1, &plan, NULL), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);
        /* A subquery's result is bounded by its own LIMIT. */
        bool scans = strncmp(detail, "SCAN ", 5) == 0 && !may_scan_little(id) &&
                     strstr(detail, "newest") == NULL && strstr(detail, "CONSTANT ROW") == NULL;
        /* All that a person is in, for an export or before an erasure changes it; and the few
         * salons, or conversations, of a client. */
        bool may_sort = id == SQL_MESSAGES_UNREAD || id == SQL_ERASURE_CONVERSATIONS ||
                        id == SQL_PERSON_CONVERSATIONS || id == SQL_EXPORT_APPOINTMENTS ||
                        id == SQL_APPOINTMENT_SALONS || id == SQL_CONVERSATION_UNUSED;
        bool sorts = strstr(detail, "TEMP B-TREE") != NULL && !may_sort;
        if (scans || sorts)
            print_error("%s: %s\n", sql_name(id), detail);
        assert_false(scans || sorts);
    }
    sqlite3_finalize(plan);
}

static void every_statement_is_valid_and_indexed(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *shell;

    assert_int_equal(sqlite3_open(fixture->path, &shell), SQLITE_OK);
    for (int id = 0; id < SQL_COUNT; id++) {
        sqlite3_stmt *statement;
        if (sqlite3_prepare_v2(shell, sql_text(id, SQL_DIALECT_SQLITE), -1, &statement, NULL) !=
            SQLITE_OK)
            print_error("%s: %s\n", sql_name(id), sqlite3_errmsg(shell));
        assert_non_null(statement);
        sqlite3_finalize(statement);
        if (!may_scan(id))
            check_plan(shell, id);
    }
    sqlite3_close(shell);
}

/* $1, $2 … are counted by first appearance in SQLite and by their number in PostgreSQL: both are
 * the same only when they first appear in order. */
static void parameters_first_appear_in_order(void **state)
{
    (void)state;
    for (int id = 0; id < SQL_COUNT; id++) {
        int highest = 0;
        for (const char *at = strchr(sql_text(id, SQL_DIALECT_SQLITE), '$'); at != NULL;
             at = strchr(at + 1, '$')) {
            int number;
            assert_int_equal(sscanf(at, "$%d", &number), 1);
            if (number > highest + 1)
                print_error("%s: $%d before $%d\n", sql_name(id), number, highest + 1);
            assert_true(number <= highest + 1);
            if (number == highest + 1)
                highest = number;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_statement_is_valid_and_indexed, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test(parameters_first_appear_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
