/*
 * What operations and queries may not do ends the program: db/engine/operation.h and its like. Each
 * test does it in a child, on a database of its own.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/announcement.h"
#include "db/engine/statement.h"
#include "tests/unit/db_fixture.h"

static struct database *the_database;
static struct transaction *the_transaction;

DATABASE_OPERATION(do_nothing, void);

bool do_nothing_run(struct transaction *transaction, void *argument, struct error *error)
{
    (void)argument;
    (void)error;
    the_transaction = transaction;
    return true;
}

DATABASE_OPERATION(wait_for_another, void);

bool wait_for_another_run(struct transaction *transaction, void *argument, struct error *error)
{
    (void)transaction;
    (void)argument;
    return database_write(the_database, do_nothing(NULL), error);
}

DATABASE_OPERATION(forget_an_end, void);

bool forget_an_end_run(struct transaction *transaction, void *argument, struct error *error)
{
    (void)argument;
    (void)error;
    statement_begin(transaction_connection(transaction), SQL_OUTBOX_LAST);
    return true;
}

DATABASE_OPERATION(hide_a_failure, void);

bool hide_a_failure_run(struct transaction *transaction, void *argument, struct error *error)
{
    struct connection *connection = transaction_connection(transaction);
    struct statement *statement = statement_begin(connection, SQL_SCHEMA_VERSION_INSERT);

    (void)argument;
    bind_integer(statement, 1, 1); /* it is there */
    bind_integer(statement, 2, 1);
    statement_run(statement, error);
    return true;
}

DATABASE_OPERATION(stay_in_another_time, void);

bool stay_in_another_time_run(struct transaction *transaction, void *argument, struct error *error)
{
    static struct services services;

    (void)argument;
    (void)error;
    services = *transaction_services(transaction);
    transaction_set_services(transaction, &services);
    return true;
}

DATABASE_QUERY(forget_an_end_reading, void);

bool forget_an_end_reading_run(struct connection *connection, void *argument, struct error *error)
{
    (void)argument;
    (void)error;
    statement_begin(connection, SQL_OUTBOX_LAST);
    return true;
}

static void write_it(struct database_operation operation)
{
    struct error error;

    error_clear(&error);
    database_write(the_database, operation, &error);
}

static void wait_for_itself(void)
{
    write_it(wait_for_another(NULL));
}

static void leave_a_statement_open(void)
{
    write_it(forget_an_end(NULL));
}

static void say_that_it_succeeded(void)
{
    write_it(hide_a_failure(NULL));
}

static void keep_foreign_services(void)
{
    write_it(stay_in_another_time(NULL));
}

static void announce_after_the_commit(void)
{
    static const struct buffer nothing = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    write_it(do_nothing(NULL));
    announce_to_user(the_transaction, "late", "s1", NULL, NULL, &nothing, &error);
}

static void leave_a_query_open(void)
{
    struct error error;

    error_clear(&error);
    database_read(the_database, forget_an_end_reading(NULL), &error);
}

static void do_what_is_allowed(void)
{
    write_it(do_nothing(NULL));
}

static void open_anew(struct fixture *fixture)
{
    fixture_reopen(fixture, 86400000, 1000000);
    the_database = fixture->database;
}

/* The signal that ended a child which did this, 0 for none. It opens the database itself, as a fork
 * takes no threads along. */
static int signal_of(struct fixture *fixture, void (*act)(void))
{
    int status;

    database_free(fixture->database);
    fixture->database = NULL;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        open_anew(fixture);
        close(STDERR_FILENO);
        act();
        database_free(fixture->database);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    open_anew(fixture);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void what_is_allowed_ends_nothing(void **state)
{
    assert_int_equal(signal_of(*state, do_what_is_allowed), 0);
}

static void an_operation_does_not_wait_for_another(void **state)
{
    assert_int_equal(signal_of(*state, wait_for_itself), SIGABRT);
}

static void an_operation_ends_its_statements(void **state)
{
    assert_int_equal(signal_of(*state, leave_a_statement_open), SIGABRT);
    assert_int_equal(signal_of(*state, leave_a_query_open), SIGABRT);
}

static void an_operation_does_not_hide_a_failure(void **state)
{
    assert_int_equal(signal_of(*state, say_that_it_succeeded), SIGABRT);
}

static void an_operation_puts_back_what_it_has_set(void **state)
{
    assert_int_equal(signal_of(*state, keep_foreign_services), SIGABRT);
}

static void nothing_is_announced_outside_a_transaction(void **state)
{
    assert_int_equal(signal_of(*state, announce_after_the_commit), SIGABRT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_allowed_ends_nothing),
        TEST(an_operation_does_not_wait_for_another),
        TEST(an_operation_ends_its_statements),
        TEST(an_operation_does_not_hide_a_failure),
        TEST(an_operation_puts_back_what_it_has_set),
        TEST(nothing_is_announced_outside_a_transaction),
    };

    return cmocka_run_group_tests_name("operation", tests, NULL, NULL);
}
