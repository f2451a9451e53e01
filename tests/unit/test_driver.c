/*
 * What db/engine/driver.h promises, asked of each driver that there is: another one is a line in
 * `candidates` below. Nothing here knows which database it talks to, but through the driver.
 */
#include "tests/unit/unit_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "db/engine/migration.h"
#include "db/engine/schema.h"
#include "db/engine/statement.h"
#include "db/sqlite/sqlite_driver.h"

struct bench {
    const struct driver *driver;
    char directory[64];
    char path[96];
    struct log log;
    struct services services;
    struct store *store;
    struct connection *writer, *reader;
};

static struct store *make_store(struct bench *bench)
{
    const struct store_options options = {.path = bench->path, .busy_timeout_ms = 5000};
    struct error error;

    error_clear(&error);
    struct store *store = bench->driver->create(&options, &bench->services, &error);
    assert_non_null(store);
    return store;
}

static struct connection *open_one(struct store *store, enum connection_mode mode, bool may_create)
{
    struct error error;

    error_clear(&error);
    struct connection *connection = store->driver->open(store, mode, may_create, &error);
    assert_non_null(connection);
    assert_ptr_equal(connection->driver, store->driver);
    assert_ptr_equal(connection->store, store);
    assert_false(connection->is_broken);
    assert_true(strlen(connection->journal) > 0);
    return connection;
}

static void migrate(struct bench *bench)
{
    struct error error;

    error_clear(&error);
    assert_true(bench->driver->lock(bench->writer, &error));
    assert_true(migration_run(bench->writer, &bench->services, &error));
    bench->driver->unlock(bench->writer);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    bench->driver = *state;
    strcpy(bench->directory, "/tmp/messagerie-driver-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    snprintf(bench->path, sizeof(bench->path), "%s/test.db", bench->directory);
    bench->log = (struct log){.program = "test",
                              .level = LOG_LEVEL_ERROR,
                              .descriptor = STDERR_FILENO,
                              .clock = &clock_system};
    bench->services =
        (struct services){.log = &bench->log, .clock = &clock_system, .random = &random_system};
    bench->store = make_store(bench);
    bench->writer = open_one(bench->store, CONNECTION_WRITE, true);
    migrate(bench);
    bench->reader = open_one(bench->store, CONNECTION_READ, false);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".copy"};
    struct bench *bench = *state;
    char path[128];

    bench->driver->close(bench->reader);
    bench->driver->close(bench->writer);
    bench->driver->destroy(bench->store);
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        snprintf(path, sizeof(path), "%s%s", bench->path, suffixes[i]);
        unlink(path);
    }
    rmdir(bench->directory);
    free(bench);
    return 0;
}

static void run(struct connection *connection, enum sql_id id)
{
    struct error error;

    error_clear(&error);
    assert_true(connection_run(connection, id, &error));
}

static bool insert(struct connection *connection, const char *id, const char *first_name,
                   int64_t number, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PERSON_INSERT);

    error_clear(error);
    bind_text(statement, 1, "client");
    bind_text(statement, 2, first_name);
    for (int parameter = 3; parameter <= 6; parameter++)
        bind_null(statement, parameter);
    bind_integer(statement, 7, 0);
    bind_integer(statement, 8, number);
    bind_integer(statement, 9, 1790000000000);
    bind_text(statement, 10, id);
    return statement_run(statement, error);
}

static void add(struct connection *connection, const char *id)
{
    struct error error;

    assert_true(insert(connection, id, "Léa", 0, &error));
}

/* The number of people that the connection sees. */
static int count(struct connection *connection)
{
    struct statement *statement = statement_begin(connection, SQL_PERSON_LIST);
    struct error error;
    enum step step;
    int people = 0;

    error_clear(&error);
    while ((step = statement_step(statement, &error)) == STEP_ROW)
        people++;
    assert_int_equal(step, STEP_DONE);
    statement_end(statement);
    return people;
}

static void a_missing_database_is_made_only_when_it_may_be(void **state)
{
    struct bench *bench = *state;
    char path[sizeof(bench->path)];
    struct error error;

    strcpy(path, bench->path);
    snprintf(bench->path, sizeof(bench->path), "%s/other.db", bench->directory);
    struct store *store = make_store(bench);
    error_clear(&error);
    assert_null(bench->driver->open(store, CONNECTION_READ, false, &error));
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    assert_true(strlen(error.detail) > 0);
    error_clear(&error);
    assert_null(bench->driver->open(store, CONNECTION_WRITE, false, &error));
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    assert_true(strlen(error.detail) > 0);
    bench->driver->destroy(store);
    unlink(strcat(bench->path, ".lock"));
    strcpy(bench->path, path);
}

static void what_was_stored_is_read_as_it_was(void **state)
{
    static const char *const names[] = {"", "Zoé 🙂", "a'b\"c\\d\n", NULL};
    static const int64_t numbers[] = {0, -1, INT64_MAX, INT64_MIN};
    struct bench *bench = *state;
    struct error error;

    run(bench->writer, SQL_BEGIN_WRITE);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        assert_true(insert(bench->writer, (const char[]){(char)('a' + i), '\0'}, names[i],
                           numbers[i], &error));
    run(bench->writer, SQL_COMMIT);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        struct statement *statement = statement_begin(bench->reader, SQL_PERSON_FIND);
        bind_bytes(statement, 1, &"abcdef"[i], 1);
        assert_int_equal(statement_step(statement, &error), STEP_ROW);
        assert_int_equal(column_is_null(statement, 1), names[i] == NULL);
        if (names[i] == NULL)
            assert_null(column_text(statement, 1));
        else
            assert_string_equal(column_text(statement, 1), names[i]);
        assert_int_equal(column_bytes(statement, 1), names[i] != NULL ? strlen(names[i]) : 0);
        assert_true(column_integer(statement, 7) == numbers[i]);
        assert_true(column_is_null(statement, 8));
        assert_int_equal(statement_step(statement, &error), STEP_DONE);
        statement_end(statement);
    }
}

static void a_copy_of_a_column_is_cut_where_it_ends(void **state)
{
    struct bench *bench = *state;
    char out[4];
    struct error error;

    assert_true(insert(bench->writer, "a", "abcdef", 0, &error));
    struct statement *statement = statement_begin(bench->reader, SQL_PERSON_FIND);
    bind_text(statement, 1, "a");
    assert_int_equal(statement_step(statement, &error), STEP_ROW);
    column_copy(statement, 1, out, sizeof(out));
    assert_string_equal(out, "abc");
    column_copy(statement, 2, out, sizeof(out));
    assert_string_equal(out, "");
    statement_end(statement);
}

/* Statements may be nested, and a row's texts stay while others run. */
static void a_row_outlives_what_runs_beside_it(void **state)
{
    struct bench *bench = *state;
    struct error error;

    run(bench->writer, SQL_BEGIN_WRITE);
    add(bench->writer, "a");
    struct statement *outer = statement_begin(bench->writer, SQL_PERSON_FIND);
    bind_text(outer, 1, "a");
    assert_int_equal(statement_step(outer, &error), STEP_ROW);
    const char *role = column_text(outer, 0);
    const char *name = column_text(outer, 1);
    for (char id[] = "b"; id[0] <= 'z'; id[0]++)
        add(bench->writer, id);
    assert_int_equal(count(bench->writer), 26);
    assert_string_equal(role, "client");
    assert_string_equal(name, "Léa");
    assert_string_equal(column_text(outer, 1), "Léa");
    statement_end(outer);
    run(bench->writer, SQL_COMMIT);
}

static void a_row_may_be_changed_while_it_is_read(void **state)
{
    struct bench *bench = *state;
    struct error error;

    run(bench->writer, SQL_BEGIN_WRITE);
    add(bench->writer, "a");
    struct statement *row = statement_begin(bench->writer, SQL_PERSON_FIND);
    bind_text(row, 1, "a");
    assert_int_equal(statement_step(row, &error), STEP_ROW);
    struct statement *update = statement_begin(bench->writer, SQL_PERSON_UPDATE);
    bind_text(update, 1, column_text(row, 0));
    bind_text(update, 2, "Another name, which is longer than the one before");
    for (int parameter = 3; parameter <= 6; parameter++)
        bind_null(update, parameter);
    for (int parameter = 7; parameter <= 9; parameter++)
        bind_integer(update, parameter, 1);
    bind_text(update, 10, "a");
    assert_true(statement_run(update, &error));
    statement_end(row);
    run(bench->writer, SQL_COMMIT);
    assert_int_equal(count(bench->reader), 1);
}

static void changes_are_counted(void **state)
{
    struct bench *bench = *state;
    struct error error;
    int64_t changes = -1;

    run(bench->writer, SQL_BEGIN_WRITE);
    add(bench->writer, "a");
    for (int expected = 1; expected >= 0; expected--) {
        struct statement *erase = statement_begin(bench->writer, SQL_ERASE_PERSON);
        bind_integer(erase, 1, 1790000000000);
        bind_text(erase, 2, "a");
        assert_true(statement_run_counting(erase, &changes, &error));
        assert_int_equal(changes, expected);
    }
    run(bench->writer, SQL_COMMIT);
}

static void a_statement_that_returns_rows_has_done_its_work_with_the_first(void **state)
{
    struct bench *bench = *state;
    struct error error;

    run(bench->writer, SQL_BEGIN_WRITE);
    add(bench->writer, "a");
    for (int64_t total = 3; total <= 6; total += 3) {
        struct statement *statement = statement_begin(bench->writer, SQL_PERSON_ADD_UNREAD);
        bind_integer(statement, 1, 3);
        bind_text(statement, 2, "a");
        assert_int_equal(statement_step(statement, &error), STEP_ROW);
        assert_int_equal(column_integer(statement, 0), total);
        statement_end(statement);
    }
    run(bench->writer, SQL_COMMIT);
}

static void a_failure_takes_back_to_the_savepoint(void **state)
{
    struct bench *bench = *state;
    struct error error;

    run(bench->writer, SQL_BEGIN_WRITE);
    run(bench->writer, SQL_SAVEPOINT);
    add(bench->writer, "a");
    run(bench->writer, SQL_SAVEPOINT_RELEASE);
    run(bench->writer, SQL_SAVEPOINT);
    add(bench->writer, "b");
    /* It may be told of only when the savepoint is released. */
    bool succeeded = insert(bench->writer, "a", NULL, 0, &error) &&
                     connection_run(bench->writer, SQL_SAVEPOINT_RELEASE, &error);
    assert_false(succeeded);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_true(strlen(error.detail) > 0);
    assert_true(bench->driver->is_in_transaction(bench->writer));
    run(bench->writer, SQL_SAVEPOINT_ROLLBACK);
    run(bench->writer, SQL_SAVEPOINT_RELEASE);
    run(bench->writer, SQL_SAVEPOINT);
    add(bench->writer, "c");
    run(bench->writer, SQL_SAVEPOINT_RELEASE);
    run(bench->writer, SQL_COMMIT);
    assert_int_equal(count(bench->reader), 2);
    assert_false(bench->writer->is_broken);
}

static void a_reference_to_what_is_missing_fails(void **state)
{
    struct bench *bench = *state;
    struct error error;

    run(bench->writer, SQL_BEGIN_WRITE);
    run(bench->writer, SQL_SAVEPOINT);
    struct statement *statement = statement_begin(bench->writer, SQL_APPOINTMENT_INSERT);
    error_clear(&error);
    for (int parameter = 1; parameter <= 4; parameter++)
        bind_integer(statement, parameter, 1);
    for (int parameter = 5; parameter <= 8; parameter++)
        bind_text(statement, parameter, "nobody");
    bool succeeded = statement_run(statement, &error) &&
                     connection_run(bench->writer, SQL_SAVEPOINT_RELEASE, &error);
    assert_false(succeeded);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    connection_roll_back(bench->writer);
}

static void what_is_asked_of_one_row_or_column_ends_the_statement(void **state)
{
    struct bench *bench = *state;
    struct buffer names = BUFFER_EMPTY;
    struct error error;
    bool has_row;
    int64_t number;

    error_clear(&error);
    assert_true(
        statement_has_row(statement_begin(bench->reader, SQL_OUTBOX_FIRST), &has_row, &error));
    assert_false(has_row);
    assert_true(statement_read_number(statement_begin(bench->reader, SQL_OUTBOX_FIRST), 7, &number,
                                      &error));
    assert_int_equal(number, 7);
    assert_true(
        statement_has_row(statement_begin(bench->reader, SQL_SCHEMA_VERSION), &has_row, &error));
    assert_true(has_row);
    assert_true(statement_read_number(statement_begin(bench->reader, SQL_SCHEMA_VERSION), 0,
                                      &number, &error));
    assert_int_equal(number, schema_version_newest);
    add(bench->writer, "a");
    add(bench->writer, "b");
    assert_true(statement_append_texts(statement_begin(bench->reader, SQL_PERSON_LIST), "> ",
                                       &names, &error));
    assert_int_equal(names.length, sizeof("> client\0> client"));
    assert_memory_equal(names.data, "> client\0> client", names.length);
    buffer_free(&names);
    assert_int_equal(bench->reader->begun_statements, 0);
}

static void what_is_rolled_back_is_gone(void **state)
{
    struct bench *bench = *state;

    assert_false(bench->driver->is_in_transaction(bench->writer));
    run(bench->writer, SQL_BEGIN_WRITE);
    assert_true(bench->driver->is_in_transaction(bench->writer));
    add(bench->writer, "a");
    connection_roll_back(bench->writer);
    assert_false(bench->driver->is_in_transaction(bench->writer));
    connection_roll_back(bench->writer); /* nothing is open: nothing happens */
    assert_int_equal(count(bench->reader), 0);
}

static void a_reader_sees_one_picture_of_what_is_committed(void **state)
{
    struct bench *bench = *state;

    run(bench->writer, SQL_BEGIN_WRITE);
    add(bench->writer, "a");
    assert_int_equal(count(bench->reader), 0);
    run(bench->writer, SQL_COMMIT);
    run(bench->reader, SQL_BEGIN_READ);
    assert_int_equal(count(bench->reader), 1);
    add(bench->writer, "b");
    assert_int_equal(count(bench->reader), 1);
    run(bench->reader, SQL_COMMIT);
    assert_int_equal(count(bench->reader), 2);
}

static void what_is_committed_can_be_made_durable(void **state)
{
    struct bench *bench = *state;
    struct error error;

    add(bench->writer, "a");
    assert_true(bench->driver->sync(bench->store, &error));
    assert_true(bench->driver->sync(bench->store, &error)); /* with nothing new */
    assert_true(bench->driver->is_current(bench->writer));
}

/* ---- writers of several processes ---------------------------------------------------------- */

struct rival {
    struct bench *bench;
    struct store *store;
    struct connection *writer;
    pthread_t thread;
};

static atomic_int owner;
static atomic_int met;

static void *lock_and_look(void *argument)
{
    struct rival *rival = argument;
    struct error error;

    for (int i = 0; i < 50; i++) {
        error_clear(&error);
        if (!rival->bench->driver->lock(rival->writer, &error))
            return NULL;
        bool succeeded = connection_run(rival->writer, SQL_BEGIN_WRITE, &error);
        if (atomic_exchange(&owner, 1) != 0)
            atomic_fetch_add(&met, 1);
        atomic_store(&owner, 0);
        connection_roll_back(rival->writer);
        rival->bench->driver->unlock(rival->writer);
        if (!succeeded)
            return NULL;
    }
    return rival;
}

/* Each with a store of its own, as another process has. */
static void writers_keep_each_other_out(void **state)
{
    struct bench *bench = *state;
    struct rival rivals[3];

    atomic_store(&owner, 0);
    atomic_store(&met, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rivals); i++) {
        rivals[i].bench = bench;
        rivals[i].store = make_store(bench);
        rivals[i].writer = open_one(rivals[i].store, CONNECTION_WRITE, false);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(rivals); i++)
        assert_int_equal(pthread_create(&rivals[i].thread, NULL, lock_and_look, &rivals[i]), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rivals); i++) {
        void *result;
        assert_int_equal(pthread_join(rivals[i].thread, &result), 0);
        assert_non_null(result);
        bench->driver->close(rivals[i].writer);
        bench->driver->destroy(rivals[i].store);
    }
    assert_int_equal(atomic_load(&met), 0);
}

/* ---- the administrator's ------------------------------------------------------------------- */

static void a_sound_database_has_no_findings(void **state)
{
    struct bench *bench = *state;
    const struct store_options options = {.path = bench->path, .busy_timeout_ms = 5000};
    struct buffer findings = BUFFER_EMPTY;
    struct error error;

    add(bench->writer, "a");
    error_clear(&error);
    struct connection *connection = bench->driver->open_alone(&options, &error);
    assert_non_null(connection);
    run(connection, SQL_BEGIN_READ);
    assert_true(bench->driver->check(connection, &findings, &error));
    assert_int_equal(findings.length, 0);
    run(connection, SQL_COMMIT);
    bench->driver->close(connection);
    buffer_free(&findings);
}

static void a_backup_has_all_that_is_committed(void **state)
{
    struct bench *bench = *state;
    const struct store_options options = {.path = bench->path, .busy_timeout_ms = 5000};
    struct store_options copy = options;
    char target[128];
    struct error error;

    snprintf(target, sizeof(target), "%s.copy", bench->path);
    copy.path = target;
    run(bench->writer, SQL_BEGIN_WRITE);
    add(bench->writer, "a");
    run(bench->writer, SQL_COMMIT);
    error_clear(&error);
    assert_true(bench->driver->backup(&options, target, &error));
    assert_false(bench->driver->backup(&options, target, &error)); /* never over another one */
    add(bench->writer, "b");
    error_clear(&error);
    struct connection *connection = bench->driver->open_alone(&copy, &error);
    assert_non_null(connection);
    assert_int_equal(count(connection), 1);
    bench->driver->close(connection);
}

#define DRIVER_TEST(driver, test)                                                                  \
    {                                                                                              \
#driver ": " #test, test, set_up, tear_down, (void *)&(driver)                             \
    }
#define DRIVER_TESTS(driver)                                                                       \
    DRIVER_TEST(driver, a_missing_database_is_made_only_when_it_may_be),                           \
        DRIVER_TEST(driver, what_was_stored_is_read_as_it_was),                                    \
        DRIVER_TEST(driver, a_copy_of_a_column_is_cut_where_it_ends),                              \
        DRIVER_TEST(driver, a_row_outlives_what_runs_beside_it),                                   \
        DRIVER_TEST(driver, a_row_may_be_changed_while_it_is_read),                                \
        DRIVER_TEST(driver, changes_are_counted),                                                  \
        DRIVER_TEST(driver, a_statement_that_returns_rows_has_done_its_work_with_the_first),       \
        DRIVER_TEST(driver, a_failure_takes_back_to_the_savepoint),                                \
        DRIVER_TEST(driver, a_reference_to_what_is_missing_fails),                                 \
        DRIVER_TEST(driver, what_is_asked_of_one_row_or_column_ends_the_statement),                \
        DRIVER_TEST(driver, what_is_rolled_back_is_gone),                                          \
        DRIVER_TEST(driver, a_reader_sees_one_picture_of_what_is_committed),                       \
        DRIVER_TEST(driver, what_is_committed_can_be_made_durable),                                \
        DRIVER_TEST(driver, writers_keep_each_other_out),                                          \
        DRIVER_TEST(driver, a_sound_database_has_no_findings),                                     \
        DRIVER_TEST(driver, a_backup_has_all_that_is_committed)

int main(void)
{
    const struct CMUnitTest candidates[] = {
        DRIVER_TESTS(sqlite_driver),
    };

    return cmocka_run_group_tests_name("driver", candidates, NULL, NULL);
}
