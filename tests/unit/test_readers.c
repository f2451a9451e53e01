/*
 * db/engine/readers.h, with connections of a real database.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "db/engine/readers.h"
#include "db/sqlite/sqlite_driver.h"
#include "tests/unit/db_fixture.h"

#define READERS 2

struct bench {
    struct fixture *fixture;
    struct store *store;
    struct readers *readers;
};

static int set_up(void **state)
{
    static struct bench bench;
    void *fixture;
    struct error error;

    if (fixture_set_up(&fixture) != 0)
        return -1;
    bench.fixture = fixture;
    const struct store_options options = {.path = bench.fixture->path, .busy_timeout_ms = 5000};
    error_clear(&error);
    bench.store = sqlite_driver.create(&options, &bench.fixture->services, &error);
    assert_non_null(bench.store);
    bench.readers = readers_create(bench.store, READERS);
    assert_non_null(bench.readers);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    void *fixture = bench->fixture;

    readers_free(bench->readers);
    sqlite_driver.destroy(bench->store);
    return fixture_tear_down(&fixture);
}

static struct reader *take(struct bench *bench)
{
    struct error error;

    error_clear(&error);
    struct reader *reader = readers_take(bench->readers, &error);
    assert_non_null(reader);
    return reader;
}

static void nobody_may_read_before_a_writer_has_opened_it(void **state)
{
    struct bench *bench = *state;

    assert_false(readers_may_begin(bench->readers));
    readers_renew(bench->readers);
    assert_true(readers_may_begin(bench->readers));
}

static void the_one_given_back_last_is_taken_first(void **state)
{
    struct bench *bench = *state;
    struct reader *first = take(bench);
    struct reader *second = take(bench);

    assert_ptr_not_equal(first, second);
    readers_give_back(bench->readers, second);
    readers_give_back(bench->readers, first);
    assert_ptr_equal(take(bench), first);
    assert_ptr_equal(take(bench), second);
    readers_give_back(bench->readers, first);
    readers_give_back(bench->readers, second);
}

static sem_t asks;

static void *take_one_more(void *argument)
{
    sem_post(&asks);
    return take(argument);
}

static void who_comes_when_all_are_taken_waits_for_one(void **state)
{
    struct bench *bench = *state;
    struct reader *first = take(bench);
    struct reader *second = take(bench);
    pthread_t thread;
    void *taken;

    sem_init(&asks, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, take_one_more, bench), 0);
    sem_wait(&asks);
    readers_give_back(bench->readers, second);
    assert_int_equal(pthread_join(thread, &taken), 0);
    assert_ptr_equal(taken, second);
    readers_give_back(bench->readers, second);
    readers_give_back(bench->readers, first);
    sem_destroy(&asks);
}

static void those_of_an_earlier_database_are_used_no_longer(void **state)
{
    struct bench *bench = *state;
    struct reader *kept = take(bench);
    struct reader *idle = take(bench);
    uint64_t generation = kept->generation;

    readers_give_back(bench->readers, idle);
    readers_renew(bench->readers);
    assert_false(kept->connection->is_broken); /* it is read from to the end */
    struct reader *fresh = take(bench);
    assert_int_equal(fresh->generation, generation + 1);
    readers_give_back(bench->readers, fresh);
    readers_give_back(bench->readers, kept);
    fresh = take(bench); /* in the place of the one that was kept */
    assert_int_equal(fresh->generation, generation + 1);
    readers_give_back(bench->readers, fresh);
}

static void one_that_is_broken_makes_place_for_another(void **state)
{
    struct bench *bench = *state;

    for (int i = 0; i < READERS + 1; i++) {
        struct reader *reader = take(bench);
        assert_false(reader->connection->is_broken);
        reader->connection->is_broken = true;
        readers_give_back(bench->readers, reader);
    }
}

static void one_that_cannot_be_opened_takes_no_place(void **state)
{
    struct bench *bench = *state;
    char moved[160];
    struct error error;

    snprintf(moved, sizeof(moved), "%s.moved", bench->fixture->path);
    assert_int_equal(rename(bench->fixture->path, moved), 0);
    for (int i = 0; i < READERS + 1; i++) {
        error_clear(&error);
        assert_null(readers_take(bench->readers, &error));
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    }
    assert_int_equal(rename(moved, bench->fixture->path), 0);
    readers_give_back(bench->readers, take(bench));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_may_read_before_a_writer_has_opened_it),
        TEST(the_one_given_back_last_is_taken_first),
        TEST(who_comes_when_all_are_taken_waits_for_one),
        TEST(those_of_an_earlier_database_are_used_no_longer),
        TEST(one_that_is_broken_makes_place_for_another),
        TEST(one_that_cannot_be_opened_takes_no_place),
    };

    return cmocka_run_group_tests_name("readers", tests, NULL, NULL);
}
