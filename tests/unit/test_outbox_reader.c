/*
 * Reading the outbox: all of it in order, or what somebody has missed.
 */
#include <string.h>

#include "db/announcement.h"
#include "db/engine/schema.h"
#include "tests/unit/db_fixture.h"

static void reads_the_outbox_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_read_after request = {.limit = 3};
    struct event event;

    fixture_send(fixture, fixture_conversation(fixture), salon("s1"), "Bonjour");
    assert_int_equal(fixture_read(fixture, outbox_read_after(&request)), ERROR_NONE);
    assert_int_equal(request.newest, fixture->events[fixture->event_count - 1].seq);
    assert_int_equal(event_batch_count(&request.batch), 3);
    for (size_t i = 0; i < 3; i++) {
        event_batch_at(&request.batch, i, &event);
        assert_int_equal(event.seq, i + 1);
        assert_string_equal(event.audience, fixture->events[i].audience);
        assert_string_equal(event.name, fixture->events[i].name);
        assert_int_equal(event.payload_length, strlen(fixture->events[i].payload));
        assert_string_equal(event.payload, fixture->events[i].payload);
    }
    event_batch_clear(&request.batch);
    request.after = request.newest;
    assert_int_equal(fixture_read(fixture, outbox_read_after(&request)), ERROR_NONE);
    assert_int_equal(event_batch_count(&request.batch), 0);
    event_batch_free(&request.batch);
}

static void an_empty_outbox_has_no_newest(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_read_after request = {.limit = 3};

    assert_int_equal(fixture_read(fixture, outbox_read_after(&request)), ERROR_NONE);
    assert_int_equal(request.newest, 0);
    assert_int_equal(event_batch_count(&request.batch), 0);
}

static void a_blanked_event_keeps_its_place(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct message_reference reference = {.caller = salon("s1")};
    struct outbox_read_after request = {.limit = 100};
    struct event event;
    size_t blanked = 0;

    reference.message_id = fixture_send(fixture, conversation, salon("s1"), "à oublier");
    assert_int_equal(fixture_write(fixture, message_delete(&reference)), ERROR_NONE);
    assert_int_equal(fixture_read(fixture, outbox_read_after(&request)), ERROR_NONE);
    assert_int_equal(event_batch_count(&request.batch), request.newest);
    for (size_t i = 0; i < event_batch_count(&request.batch); i++) {
        event_batch_at(&request.batch, i, &event);
        assert_int_equal(event.seq, i + 1);
        assert_null(strstr(event.payload, "oublier"));
        blanked += event.payload_length == 0;
    }
    assert_int_equal(blanked, 1);
    event_batch_free(&request.batch);
}

static void finds_what_was_missed(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct buffer audiences = BUFFER_EMPTY;
    struct outbox_read_missed request = {.audiences = &audiences, .limit = 2};
    char room[EVENT_AUDIENCE_BYTES];
    struct event event;
    int64_t previous = 0;

    fixture_forget_events(fixture);
    fixture_send(fixture, conversation, salon("s1"), "un");    /* to the room and to c1 */
    fixture_send(fixture, conversation, client("c1"), "deux"); /* to the room and to s1 */
    request.after = fixture->events[0].seq - 1;
    request.until = fixture->events[fixture->event_count - 1].seq;
    event_audience_room(conversation, room);
    buffer_append(&audiences, "u:c1", 5);
    buffer_append(&audiences, room, strlen(room) + 1);
    assert_int_equal(fixture_read(fixture, outbox_read_missed(&request)), ERROR_NONE);
    assert_int_equal(event_batch_count(&request.batch), 2);
    event_batch_clear(&request.batch);
    request.limit = 100;
    assert_int_equal(fixture_read(fixture, outbox_read_missed(&request)), ERROR_NONE);
    assert_int_equal(event_batch_count(&request.batch), 3);
    for (size_t i = 0; i < 3; i++) {
        event_batch_at(&request.batch, i, &event);
        assert_true(event.seq > previous && event.seq <= request.until);
        assert_string_not_equal(event.audience, "u:s1");
        previous = event.seq;
    }
    event_batch_free(&request.batch);
    buffer_free(&audiences);
}

DATABASE_OPERATION(append_numbered, const int64_t);

bool append_numbered_run(struct transaction *transaction, const int64_t *count, struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    bool succeeded = true;

    buffer_append_text(&payload, "{}");
    for (int64_t i = 0; succeeded && i < *count; i++) /* every third one is for c1 */
        succeeded = announce_to_user(transaction, "numbered", i % 3 == 0 ? "c1" : "s1", NULL, NULL,
                                     &payload, error);
    buffer_free(&payload);
    return succeeded;
}

/* The index has a part for every so many events. */
static void finds_what_was_missed_long_ago(void **state)
{
    struct fixture *fixture = *state;
    int64_t count = 3 * OUTBOX_EPOCH_EVENTS;
    struct buffer audiences = BUFFER_EMPTY;
    struct outbox_read_missed request = {.audiences = &audiences, .limit = count};
    struct event event;

    buffer_append(&audiences, "u:c1", 5);
    buffer_append(&audiences, "u:c2", 5);
    fixture_forget_events(fixture);
    assert_int_equal(fixture_write(fixture, append_numbered(&count)), ERROR_NONE);
    int64_t first = fixture->events[0].seq;
    request.after = first; /* the first one was seen */
    request.until = first + count - 4;
    assert_int_equal(fixture_read(fixture, outbox_read_missed(&request)), ERROR_NONE);
    assert_int_equal(event_batch_count(&request.batch), count / 3 - 2);
    for (size_t i = 0; i < event_batch_count(&request.batch); i++) {
        event_batch_at(&request.batch, i, &event);
        assert_int_equal(event.seq, first + 3 * ((int64_t)i + 1));
    }
    event_batch_clear(&request.batch);
    request.limit = OUTBOX_EPOCH_EVENTS / 2; /* more than one part has */
    assert_int_equal(fixture_read(fixture, outbox_read_missed(&request)), ERROR_NONE);
    assert_int_equal(event_batch_count(&request.batch), request.limit);
    event_batch_at(&request.batch, (size_t)request.limit - 1, &event);
    assert_int_equal(event.seq, first + 3 * request.limit);
    event_batch_free(&request.batch);
    buffer_free(&audiences);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_the_outbox_in_order),       TEST(an_empty_outbox_has_no_newest),
        TEST(a_blanked_event_keeps_its_place), TEST(finds_what_was_missed),
        TEST(finds_what_was_missed_long_ago),
    };

    return cmocka_run_group_tests_name("outbox_reader", tests, NULL, NULL);
}
