/*
 * db/read_marks.h: what was shown while nobody could write.
 */
#include <stdio.h>
#include <stdlib.h>

#include "db/read_marks.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/wait.h"

struct reading {
    struct fixture *fixture;
    struct read_marks *marks;
    char id[ID_BYTES];
};

static int set_up(void **state)
{
    struct reading *reading = calloc(1, sizeof(*reading));

    assert_non_null(reading);
    fixture_set_up((void **)&reading->fixture);
    reading->marks = read_marks_create(reading->fixture->database);
    assert_non_null(reading->marks);
    snprintf(reading->id, sizeof(reading->id), "%s", fixture_conversation(reading->fixture));
    *state = reading;
    return 0;
}

static int tear_down(void **state)
{
    struct reading *reading = *state;
    int result = fixture_tear_down((void **)&reading->fixture);

    read_marks_free(reading->marks);
    free(reading);
    return result;
}

static void send(struct reading *reading, int count)
{
    for (int i = 0; i < count; i++)
        fixture_send(reading->fixture, reading->id, salon("s1"), "Bonjour");
}

static void show(struct reading *reading, const char *reader_id, int64_t first, int64_t last)
{
    const struct shown_messages shown = {
        .conversation_id = reading->id, .reader_id = reader_id, .first = first, .last = last};

    read_marks_add(reading->marks, &shown);
}

/* What was added before is written before; and who is answered finds the events told. */
static void await_marks(struct reading *reading)
{
    struct conversation_reference again = {.conversation_id = reading->id, .caller = salon("s1")};

    send(reading, 1);
    show(reading, "c1", INT64_MAX / 2, INT64_MAX / 2);
    show(reading, "s1", 1, INT64_MAX / 2);
    fixture_send(reading->fixture, reading->id, client("c1"), "fini");
    show(reading, "s1", 1, INT64_MAX / 2 + 1);
    WAIT_UNTIL(fixture_unread(reading->fixture, salon("s1")) == 0, wait_a_moment());
    assert_int_equal(fixture_write(reading->fixture, conversation_mark_read(&again)), ERROR_NONE);
}

static void what_was_shown_is_marked_and_told(void **state)
{
    struct reading *reading = *state;

    send(reading, 5);
    show(reading, "c1", 2, 4);
    WAIT_UNTIL(fixture_unread(reading->fixture, client("c1")) == 2, wait_a_moment());
    assert_int_equal(fixture_number(reading->fixture,
                                    "SELECT SUM(position) FROM messages WHERE read_at IS NULL"),
                     1 + 5);
    await_marks(reading);
    assert_int_equal(fixture_count_events(reading->fixture, "message-read"), 3 + 1);
    fixture_verify(reading->fixture);
}

static void as_soon_as_the_others_are_done(void **state)
{
    struct reading *reading = *state;

    send(reading, 2);
    void *lock = fixture_lock(reading->fixture);
    show(reading, "c1", 1, 2);
    assert_int_equal(fixture_unread(reading->fixture, client("c1")), 2);
    fixture_unlock(lock);
    WAIT_UNTIL(fixture_unread(reading->fixture, client("c1")) == 0, wait_a_moment());
}

static void nothing_is_marked_for_others_or_of_nothing(void **state)
{
    struct reading *reading = *state;

    send(reading, 2);
    show(reading, "c2", 1, 2);
    show(reading, "s1", 1, 2);
    show(reading, "c1", 2, 1);
    show(reading, "somebody whose name is longer than any name may be, by far, and more", 1, 2);
    await_marks(reading);
    assert_int_equal(fixture_unread(reading->fixture, client("c1")), 3);
}

static void of_one_reader_so_many_are_remembered(void **state)
{
    enum { MORE = 20 };
    struct reading *reading = *state;

    send(reading, READ_MARKS_OF_READER_MAX + MORE);
    void *lock = fixture_lock(reading->fixture);
    for (int i = 0; i < 3; i++)
        show(reading, "c1", 1, 1); /* once, however often */
    for (int64_t i = 2; i <= READ_MARKS_OF_READER_MAX + MORE; i++)
        show(reading, "c1", i, i);
    fixture_unlock(lock);
    WAIT_UNTIL(fixture_unread(reading->fixture, client("c1")) == MORE, wait_a_moment());
    await_marks(reading);
    assert_int_equal(fixture_unread(reading->fixture, client("c1")), MORE + 1);
    fixture_verify(reading->fixture);
}

static void no_more_than_so_many_are_remembered(void **state)
{
    struct reading *reading = *state;
    char reader_id[32];

    send(reading, 2);
    void *lock = fixture_lock(reading->fixture);
    show(reading, "c1", 1, 1);
    for (int i = 1; i < READ_MARKS_MAX; i++) {
        snprintf(reader_id, sizeof(reader_id), "u%d", i / READ_MARKS_OF_READER_MAX);
        show(reading, reader_id, i, i);
    }
    show(reading, "c1", 2, 2);
    fixture_unlock(lock);
    WAIT_UNTIL(fixture_unread(reading->fixture, client("c1")) == 1, wait_a_moment());
    await_marks(reading);
    assert_int_equal(fixture_unread(reading->fixture, client("c1")), 2);
    fixture_verify(reading->fixture);
}

static void what_is_left_at_the_end_is_forgotten(void **state)
{
    struct reading *reading = *state;
    char away[160];

    send(reading, 1);
    reading->fixture->log.descriptor = -1;
    snprintf(away, sizeof(away), "%s.away", reading->fixture->path);
    assert_int_equal(rename(reading->fixture->path, away), 0);
    show(reading, "c1", 1, 1);
    database_free(reading->fixture->database);
    reading->fixture->database = NULL;
    assert_int_equal(rename(away, reading->fixture->path), 0);
    assert_int_equal(
        fixture_number(reading->fixture, "SELECT COUNT(*) FROM messages WHERE read_at IS NULL"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_shown_is_marked_and_told),
        TEST(as_soon_as_the_others_are_done),
        TEST(nothing_is_marked_for_others_or_of_nothing),
        TEST(of_one_reader_so_many_are_remembered),
        TEST(no_more_than_so_many_are_remembered),
        TEST(what_is_left_at_the_end_is_forgotten),
    };

    return cmocka_run_group_tests_name("read_marks", tests, NULL, NULL);
}
