/*
 * db/engine/statement.h: what only a programmer can get wrong ends the program, with every driver.
 */
#include "tests/unit/unit_test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/engine/statement.h"
#include "db/sqlite/sqlite_driver.h"

static struct connection *open_empty(void)
{
    const struct store_options options = {.path = ":memory:"};
    struct error error;

    error_clear(&error);
    struct connection *connection = sqlite_driver.open_alone(&options, &error);
    assert_non_null(connection);
    return connection;
}

static void begin_twice(struct connection *connection)
{
    statement_begin(connection, SQL_SCHEMA_TABLE_EXISTS);
    statement_begin(connection, SQL_SCHEMA_TABLE_EXISTS);
}

static void end_twice(struct connection *connection)
{
    struct statement *statement = statement_begin(connection, SQL_SCHEMA_TABLE_EXISTS);

    statement_end(statement);
    statement_end(statement);
}

static void step_after_the_end(struct connection *connection)
{
    struct statement *statement = statement_begin(connection, SQL_SCHEMA_TABLE_EXISTS);
    struct error error;

    statement_end(statement);
    statement_step(statement, &error);
}

static void fail_once(struct connection *connection)
{
    struct error error;

    error_clear(&error);
    assert_false(connection_run(connection, SQL_SCHEMA_VERSION_INSERT, &error)); /* no such table */
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "SQL_SCHEMA_VERSION_INSERT"));
}

static void go_on_after_a_failure(struct connection *connection)
{
    struct error error;

    fail_once(connection);
    connection_run(connection, SQL_SCHEMA_VERSION_INSERT, &error);
}

static void roll_back_after_a_failure(struct connection *connection)
{
    fail_once(connection);
    connection_roll_back(connection);
    fail_once(connection);
}

/* The signal that ended a child which did this, 0 for none. */
static int signal_of(void (*act)(struct connection *connection))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct connection *connection = open_empty();
        close(STDERR_FILENO);
        act(connection);
        connection->driver->close(connection);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_statement_is_not_begun_within_itself(void **state)
{
    (void)state;
    assert_int_equal(signal_of(begin_twice), SIGABRT);
}

static void a_statement_ends_once(void **state)
{
    (void)state;
    assert_int_equal(signal_of(end_twice), SIGABRT);
    assert_int_equal(signal_of(step_after_the_end), SIGABRT);
}

static void nothing_goes_on_after_a_failure_but_what_takes_back(void **state)
{
    (void)state;
    assert_int_equal(signal_of(go_on_after_a_failure), SIGABRT);
    assert_int_equal(signal_of(roll_back_after_a_failure), 0);
}

static void whether_a_sync_is_required_is_told_once(void **state)
{
    struct connection *connection = open_empty();

    (void)state;
    assert_false(connection_takes_sync(connection));
    connection_require_sync(connection);
    assert_true(connection_takes_sync(connection));
    assert_false(connection_takes_sync(connection));
    connection->driver->close(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_is_not_begun_within_itself),
        cmocka_unit_test(a_statement_ends_once),
        cmocka_unit_test(nothing_goes_on_after_a_failure_but_what_takes_back),
        cmocka_unit_test(whether_a_sync_is_required_is_told_once),
    };

    return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}
