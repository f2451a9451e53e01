/*
 * Messages over a real file: their events and counters, marking read, deleting, pages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/message_reading.h"
#include "tests/unit/db_fixture.h"

static void a_message_is_counted_and_announced_in_order(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    char room[EVENT_AUDIENCE_BYTES];

    fixture_forget_events(fixture);
    fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_int_equal(fixture->event_count, 2);
    event_audience_room(id, room);
    assert_string_equal(fixture->events[0].name, "new-message");
    assert_string_equal(fixture->events[0].audience, room);
    assert_string_equal(fixture->events[1].name, "unread-count-updated");
    assert_string_equal(fixture->events[1].audience, "u:s1");
    assert_string_equal(fixture->events[1].payload, "{\"totalUnread\":1}");
    assert_int_equal(fixture->events[1].seq, fixture->events[0].seq + 1);
    fixture_verify(fixture);
}

static void a_message_to_someone_present_is_read_at_once(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    const struct message_input input = {.content = "Bonjour", .type = MESSAGE_TEXT};
    struct buffer json = BUFFER_EMPTY;
    struct message_create request = {.conversation_id = id,
                                     .caller = client("c1"),
                                     .input = &input,
                                     .config = &fixture->config,
                                     .recipient_is_present = true,
                                     .json = &json};

    fixture_forget_events(fixture);
    assert_int_equal(fixture_write(fixture, message_create(&request)), ERROR_NONE);
    struct json_object *tree = fixture_parse(&json);
    assert_true(json_object_get_boolean(json_get(tree, "isRead")));
    assert_non_null(json_get(tree, "readAt"));
    json_object_put(tree);
    buffer_free(&json);
    assert_string_equal(fixture->events[0].name, "conversation-unread-updated");
    assert_string_equal(fixture->events[1].name, "new-message");
    assert_int_equal(fixture_unread(fixture, salon("s1")), 0);
    fixture_verify(fixture);
}

static void a_retry_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    const struct message_input input = {
        .content = "Bonjour", .type = MESSAGE_TEXT, .client_message_id = "k1"};
    struct buffer first = BUFFER_EMPTY;
    struct buffer second = BUFFER_EMPTY;
    struct message_create request = {.conversation_id = id,
                                     .caller = client("c1"),
                                     .input = &input,
                                     .config = &fixture->config,
                                     .json = &first};

    assert_int_equal(fixture_write(fixture, message_create(&request)), ERROR_NONE);
    assert_false(request.existed);
    fixture_forget_events(fixture);
    request.json = &second;
    assert_int_equal(fixture_write(fixture, message_create(&request)), ERROR_NONE);
    assert_true(request.existed);
    assert_string_equal(buffer_text(&first), buffer_text(&second));
    assert_int_equal(fixture->event_count, 0);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM messages"), 1);
    buffer_free(&first);
    buffer_free(&second);
}

static void marking_read_tells_both_sides(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference request = {.conversation_id = id, .caller = salon("s1")};

    for (int i = 0; i < READ_EVENTS_MAX + 50; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    const char *last = fixture_send(fixture, id, client("c1"), "le dernier");
    fixture_forget_events(fixture);
    assert_int_equal(fixture_write(fixture, conversation_mark_read(&request)), ERROR_NONE);
    assert_int_equal(fixture_count_events(fixture, "message-read"), READ_EVENTS_MAX);
    assert_non_null(
        strstr(fixture_event(fixture, "message-read", READ_EVENTS_MAX - 1)->payload, last));
    assert_int_equal(fixture_count_events(fixture, "conversation-unread-updated"), 1);
    assert_string_equal(fixture_event(fixture, "unread-count-updated", 0)->audience, "u:s1");
    assert_string_equal(fixture_event(fixture, "unread-count-updated", 1)->audience, "u:c1");
    assert_int_equal(fixture_unread(fixture, salon("s1")), 0);
    fixture_forget_events(fixture);
    assert_int_equal(fixture_write(fixture, conversation_mark_read(&request)), ERROR_NONE);
    assert_int_equal(fixture->event_count, 0);
    fixture_verify(fixture);
}

static int64_t first_unread_of_salon(struct fixture *fixture)
{
    return fixture_number(fixture, "SELECT unread_from FROM participants WHERE user_id = 's1'");
}

static void what_is_unread_is_found_again(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct buffer json = BUFFER_EMPTY;
    struct message_reference message = {.caller = salon("s1"), .json = &json};
    struct conversation_reference conversation = {.conversation_id = id, .caller = salon("s1")};
    char third[ID_BYTES];

    fixture_send(fixture, id, salon("s1"), "un");
    fixture_send(fixture, id, client("c1"), "deux");
    assert_int_equal(first_unread_of_salon(fixture), 2);
    snprintf(third, sizeof(third), "%s", fixture_send(fixture, id, client("c1"), "trois"));
    fixture_send(fixture, id, client("c1"), "quatre");
    message.message_id = third;
    assert_int_equal(fixture_write(fixture, message_mark_read(&message)), ERROR_NONE);
    assert_true(message.marked);
    assert_int_equal(first_unread_of_salon(fixture), 2);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 2);
    fixture_verify(fixture);
    fixture_forget_events(fixture);
    assert_int_equal(fixture_write(fixture, conversation_mark_read(&conversation)), ERROR_NONE);
    assert_int_equal(fixture_count_events(fixture, "message-read"), 2);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 0);
    fixture_send(fixture, id, client("c1"), "cinq");
    assert_int_equal(first_unread_of_salon(fixture), 5);
    fixture_verify(fixture);
    buffer_free(&json);
}

static void only_the_author_deletes_a_message(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    fixture_send(fixture, id, client("c1"), "le premier");
    const char *message = fixture_send(fixture, id, client("c1"), "regrets");
    struct message_reference request = {.message_id = message, .caller = salon("s1")};

    assert_int_equal(fixture_write(fixture, message_delete(&request)), ERROR_FORBIDDEN);
    request.caller = client("c2");
    assert_int_equal(fixture_write(fixture, message_delete(&request)), ERROR_FORBIDDEN);
    request.caller = client("c1");
    fixture_forget_events(fixture);
    assert_int_equal(fixture_write(fixture, message_delete(&request)), ERROR_NONE);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 1);
    assert_int_equal(fixture_count_events(fixture, "message-deleted"), 1);
    assert_int_equal(fixture_count_events(fixture, "conversation-updated"), 2);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE payload LIKE '%regrets%'"), 0);
    assert_int_equal(fixture_write(fixture, message_delete(&request)), ERROR_NOT_FOUND);
    fixture_verify(fixture);
}

/* An update that has the message in it is blanked with it, and says more than that. */
static void a_deletion_makes_up_for_the_updates_that_it_blanks(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference archive = {.conversation_id = id, .caller = salon("s1")};
    char message[ID_BYTES];
    struct message_reference request = {.message_id = message, .caller = client("c1")};

    memcpy(message, fixture_send(fixture, id, client("c1"), "regrets"), sizeof(message));
    assert_int_equal(fixture_write(fixture, conversation_toggle_archived(&archive)), ERROR_NONE);
    fixture_send(fixture, id, client("c1"), "le suivant");
    assert_int_equal(fixture_write(fixture, conversation_toggle_archived(&archive)), ERROR_NONE);
    fixture_forget_events(fixture);
    assert_int_equal(fixture_write(fixture, message_delete(&request)), ERROR_NONE);
    for (size_t i = 0; i < 2; i++) {
        const struct fixture_event *event = fixture_event(fixture, "conversation-updated", i);
        assert_non_null(event);
        assert_non_null(strstr(event->payload, "\"status\":\"ARCHIVED\""));
        assert_non_null(strstr(event->payload, "le suivant"));
        if (strcmp(event->audience, "user:s1") == 0)
            assert_non_null(strstr(event->payload, "\"unreadCount\":1"));
    }
    fixture_verify(fixture);
}

static void an_author_cannot_mark_their_own_message(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    const char *message = fixture_send(fixture, id, client("c1"), "Bonjour");
    struct buffer json = BUFFER_EMPTY;
    struct message_reference request = {
        .message_id = message, .caller = client("c1"), .json = &json};

    assert_int_equal(fixture_write(fixture, message_mark_read(&request)), ERROR_NONE);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 1);
    buffer_clear(&json);
    request.caller = salon("s1");
    assert_int_equal(fixture_write(fixture, message_mark_read(&request)), ERROR_NONE);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 0);
    buffer_free(&json);
    fixture_verify(fixture);
}

/* Reads the page and compares its contents with the model: `live` are the numbers of the messages
 * that are there, oldest first. */
static void check_page(struct fixture *fixture, const char *id, const int *live, int live_count,
                       int64_t page, int64_t limit)
{
    struct buffer json = BUFFER_EMPTY;
    struct message_page request = {
        .conversation_id = id, .caller = client("c1"), .page = page, .limit = limit, .json = &json};
    int64_t total;

    assert_int_equal(fixture_read(fixture, message_page(&request)), ERROR_NONE);
    struct json_object *tree = fixture_parse(&json);
    assert_true(json_integer(json_get(tree, "total"), &total));
    assert_int_equal(total, live_count);
    struct json_object *data = json_get(tree, "data");
    int64_t skip = (page - 1) * limit;
    int64_t expected = live_count - skip < limit ? live_count - skip : limit;
    if (expected < 0)
        expected = 0;
    assert_int_equal(json_object_array_length(data), expected);
    for (int64_t i = 0; i < expected; i++) {
        struct json_object *message = json_object_array_get_idx(data, (size_t)i);
        assert_int_equal(atoi(json_text(json_get(message, "content"))),
                         live[live_count - 1 - skip - i]);
    }
    assert_int_equal(json_object_get_boolean(json_get(tree, "hasMore")),
                     skip + expected < live_count && expected > 0);
    json_object_put(tree);
    buffer_free(&json);
}

/* More messages than the second level of blocks holds (64 x 64), inserted by SQL for speed. */
enum { MODEL_MESSAGES = 4500 };

static void fill_conversation(struct fixture *fixture, const char *id)
{
    char sql[1024];

    snprintf(sql, sizeof(sql),
             "BEGIN;"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO messages (conversation_id, position, id, sender_id, type, content,"
             " created_at, read_at) SELECT '%s', i, 'm' || i, 'c1', 'TEXT', '' || i, i, 1 FROM n;"
             "UPDATE conversations SET message_count = %d, last_position = %d WHERE id = '%s';"
             "COMMIT;",
             MODEL_MESSAGES, id, MODEL_MESSAGES, MODEL_MESSAGES, id);
    fixture_execute(fixture, sql);
}

static void delete_message(struct fixture *fixture, int number)
{
    char message_id[ID_BYTES];
    struct message_reference request = {.message_id = message_id, .caller = client("c1")};

    snprintf(message_id, sizeof(message_id), "m%d", number);
    assert_int_equal(fixture_write(fixture, message_delete(&request)), ERROR_NONE);
    fixture_forget_events(fixture);
}

static void pages_stay_exact_after_deletions(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    static int live[MODEL_MESSAGES];
    int live_count = MODEL_MESSAGES;
    uint64_t seed = 42;
    struct random_source random = random_seeded(&seed);

    fill_conversation(fixture, id);
    for (int i = 0; i < MODEL_MESSAGES; i++)
        live[i] = i + 1;
    check_page(fixture, id, live, live_count, 1, 50);
    check_page(fixture, id, live, live_count, 90, 50);
    for (int round = 0; round < 700; round++) {
        uint32_t pick;
        random_fill(&random, &pick, sizeof(pick));
        /* Mostly anywhere; sometimes the newest, sometimes a run that empties a block. */
        int index = round % 3 == 0   ? live_count - 1
                    : round % 3 == 1 ? (live_count > 1000 ? 1000 : 0)
                                     : (int)(pick % (uint32_t)live_count);
        delete_message(fixture, live[index]);
        memmove(&live[index], &live[index + 1], (size_t)(live_count - index - 1) * sizeof(live[0]));
        live_count--;
        if (round % 10 == 0) {
            int64_t limit = 1 + pick % 100;
            check_page(fixture, id, live, live_count, 1, limit);
            check_page(fixture, id, live, live_count, 1 + live_count / (2 * limit), limit);
            check_page(fixture, id, live, live_count, 1 + live_count / limit, limit);
            check_page(fixture, id, live, live_count, 2 + live_count / limit, limit);
        }
    }
    fixture_verify(fixture);
}

static void a_page_is_marked_before_it_is_shown(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct buffer json = BUFFER_EMPTY;
    struct message_page request = {.conversation_id = id,
                                   .caller = salon("s1"),
                                   .page = 1,
                                   .limit = 2,
                                   .may_mark = true,
                                   .json = &json};

    for (int i = 0; i < 5; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_int_equal(fixture_read(fixture, message_page(&request)), ERROR_NONE);
    assert_true(request.needs_marking);
    assert_int_equal(json.length, 0);
    assert_int_equal(fixture_write(fixture, message_mark_page(&request)), ERROR_NONE);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 3);
    request.may_mark = false;
    assert_int_equal(fixture_read(fixture, message_page(&request)), ERROR_NONE);
    assert_null(strstr(buffer_text(&json), "\"isRead\":false"));
    buffer_free(&json);
    fixture_verify(fixture);
}

static void a_cursor_walks_the_whole_conversation(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct buffer json = BUFFER_EMPTY;
    struct message_page request = {
        .conversation_id = id, .caller = client("c1"), .page = 1, .limit = 3, .json = &json};
    int seen = 0;

    for (int i = 0; i < 10; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    for (bool more = true; more;) {
        assert_int_equal(fixture_read(fixture, message_page(&request)), ERROR_NONE);
        struct json_object *tree = fixture_parse(&json);
        seen += (int)json_object_array_length(json_get(tree, "data"));
        const char *cursor = json_text(json_get(tree, "nextCursor"));
        more = json_object_get_boolean(json_get(tree, "hasMore"));
        assert_true(more == (cursor != NULL));
        request.before = more ? atoll(cursor) : 0;
        json_object_put(tree);
    }
    assert_int_equal(seen, 10);
    buffer_free(&json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_counted_and_announced_in_order),
        TEST(a_message_to_someone_present_is_read_at_once),
        TEST(a_retry_writes_nothing),
        TEST(marking_read_tells_both_sides),
        TEST(what_is_unread_is_found_again),
        TEST(only_the_author_deletes_a_message),
        TEST(a_deletion_makes_up_for_the_updates_that_it_blanks),
        TEST(an_author_cannot_mark_their_own_message),
        TEST(pages_stay_exact_after_deletions),
        TEST(a_page_is_marked_before_it_is_shown),
        TEST(a_cursor_walks_the_whole_conversation),
    };

    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
