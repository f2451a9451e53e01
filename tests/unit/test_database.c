/*
 * The writer, the outbox, conversations and messages over a real file.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/announcement.h"
#include "db/engine/schema.h"
#include "db/maintenance.h"
#include "db/message_reading.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/log_reader.h"
#include "tests/unit/wait.h"

static enum error_kind write_kind(struct fixture *fixture, struct database_operation operation)
{
    struct error error;

    error_clear(&error);
    bool succeeded = database_write(fixture->database, operation, &error);
    assert_true(succeeded == (error.kind == ERROR_NONE));
    return error.kind;
}

static enum error_kind read_kind(struct fixture *fixture, struct database_query query)
{
    struct error error;

    error_clear(&error);
    bool succeeded = database_read(fixture->database, query, &error);
    assert_true(succeeded == (error.kind == ERROR_NONE));
    return error.kind;
}

static int64_t unread_of(struct fixture *fixture, struct caller caller)
{
    struct buffer json = BUFFER_EMPTY;
    struct unread_summary request = {.caller = caller, .json = &json};
    int64_t total;

    assert_int_equal(read_kind(fixture, unread_total(&request)), ERROR_NONE);
    struct json_object *tree = fixture_parse(&json);
    assert_true(json_integer(json_get(tree, "totalUnread"), &total));
    json_object_put(tree);
    buffer_free(&json);
    return total;
}

/* ---- conversations ------------------------------------------------------------------------- */

static void creates_a_conversation(void **state)
{
    struct fixture *fixture = *state;
    const struct conversation_input input = {
        .client_user_id = "c1", .subject = "Tatouage", .first_message = "Bonjour Léa"};
    struct buffer json = BUFFER_EMPTY;
    struct conversation_create request = {
        .caller = salon("s1"), .input = &input, .config = &fixture->config, .json = &json};

    assert_int_equal(write_kind(fixture, conversation_create(&request)), ERROR_NONE);
    assert_false(request.existed);
    struct json_object *tree = fixture_parse(&json);
    assert_string_equal(json_text(json_get(tree, "salonId")), "s1");
    assert_string_equal(json_text(json_get(tree, "subject")), "Tatouage");
    assert_string_equal(json_text(json_get(json_get(tree, "lastMessage"), "type")), "SYSTEM");
    json_object_put(tree);
    buffer_free(&json);
    assert_int_equal(unread_of(fixture, client("c1")), 1);
    assert_int_equal(unread_of(fixture, salon("s1")), 0);
    assert_int_equal(fixture_count_events(fixture, "conversation-created"), 2);
    assert_int_equal(fixture_count_events(fixture, "new-message"), 1);
    fixture_verify(fixture);
}

static void refuses_whom_it_should(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    struct conversation_input input = {.client_user_id = "c1"};
    struct conversation_create request = {
        .input = &input, .config = &fixture->config, .json = &json};

    request.caller = client("c1");
    assert_int_equal(write_kind(fixture, conversation_create(&request)), ERROR_FORBIDDEN);
    request.caller = salon("s1");
    input.client_user_id = "nobody";
    assert_int_equal(write_kind(fixture, conversation_create(&request)), ERROR_NOT_FOUND);
    input.client_user_id = "s2";
    assert_int_equal(write_kind(fixture, conversation_create(&request)), ERROR_INVALID);
    input.client_user_id = "c1";
    input.appointment_id = "unknown";
    assert_int_equal(write_kind(fixture, conversation_create(&request)), ERROR_NOT_FOUND);
    fixture_execute(fixture, "INSERT INTO appointments (id, salon_id, client_user_id, created_at) "
                             "VALUES ('a1', 's2', 'c1', 0)");
    input.appointment_id = "a1";
    assert_int_equal(write_kind(fixture, conversation_create(&request)), ERROR_NOT_FOUND);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM conversations"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), 0);
    buffer_free(&json);
}

static void an_appointment_has_one_conversation(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    const struct conversation_input input = {.client_user_id = "c1", .appointment_id = "a1"};
    struct conversation_create request = {
        .caller = salon("s1"), .input = &input, .config = &fixture->config, .json = &json};

    fixture_execute(fixture, "INSERT INTO appointments (id, salon_id, client_user_id, created_at) "
                             "VALUES ('a1', 's1', 'c1', 0)");
    assert_int_equal(write_kind(fixture, conversation_create(&request)), ERROR_NONE);
    assert_false(request.existed);
    buffer_clear(&json);
    assert_int_equal(write_kind(fixture, conversation_create(&request)), ERROR_NONE);
    assert_true(request.existed);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM conversations"), 1);
    buffer_free(&json);
}

static void a_new_message_revives_an_archived_conversation(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference request = {.conversation_id = id, .caller = client("c1")};

    assert_int_equal(write_kind(fixture, conversation_toggle_archived(&request)), ERROR_FORBIDDEN);
    request.caller = salon("s1");
    assert_int_equal(write_kind(fixture, conversation_toggle_archived(&request)), ERROR_NONE);
    assert_int_equal(fixture_number(fixture, "SELECT archived_count FROM users WHERE id = 'c1'"),
                     1);
    fixture_forget_events(fixture);
    fixture_send(fixture, id, client("c1"), "Vous êtes là ?");
    assert_int_equal(fixture_number(fixture, "SELECT active_count FROM users WHERE id = 's1'"), 1);
    assert_int_equal(fixture_count_events(fixture, "conversation-updated"), 2);
    fixture_verify(fixture);
}

static void deleting_a_conversation_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference request = {.conversation_id = id, .caller = client("c1")};

    fixture_send(fixture, id, client("c1"), "secret");
    for (int i = 0; i < OUTBOX_EPOCH_EVENTS; i++) /* two events each: the index has a new part */
        fixture_send(fixture, id, client("c1"), "rien");
    fixture_send(fixture, id, salon("s1"), "secret");
    assert_int_equal(write_kind(fixture, conversation_delete(&request)), ERROR_FORBIDDEN);
    request.caller = salon("s1");
    assert_int_equal(write_kind(fixture, conversation_delete(&request)), ERROR_NONE);
    assert_int_equal(unread_of(fixture, client("c1")), 0);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM messages"), 0);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE payload LIKE '%secret%'"), 0);
    assert_int_equal(fixture_count_events(fixture, "conversation-deleted"), 2);
    assert_int_equal(write_kind(fixture, conversation_delete(&request)), ERROR_NOT_FOUND);
    fixture_verify(fixture);
}

/* ---- messages ------------------------------------------------------------------------------ */

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
    assert_int_equal(write_kind(fixture, message_create(&request)), ERROR_NONE);
    struct json_object *tree = fixture_parse(&json);
    assert_true(json_object_get_boolean(json_get(tree, "isRead")));
    assert_non_null(json_get(tree, "readAt"));
    json_object_put(tree);
    buffer_free(&json);
    assert_string_equal(fixture->events[0].name, "conversation-unread-updated");
    assert_string_equal(fixture->events[1].name, "new-message");
    assert_int_equal(unread_of(fixture, salon("s1")), 0);
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

    assert_int_equal(write_kind(fixture, message_create(&request)), ERROR_NONE);
    assert_false(request.existed);
    fixture_forget_events(fixture);
    request.json = &second;
    assert_int_equal(write_kind(fixture, message_create(&request)), ERROR_NONE);
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
    assert_int_equal(write_kind(fixture, conversation_mark_read(&request)), ERROR_NONE);
    assert_int_equal(fixture_count_events(fixture, "message-read"), READ_EVENTS_MAX);
    assert_non_null(
        strstr(fixture_event(fixture, "message-read", READ_EVENTS_MAX - 1)->payload, last));
    assert_int_equal(fixture_count_events(fixture, "conversation-unread-updated"), 1);
    assert_string_equal(fixture_event(fixture, "unread-count-updated", 0)->audience, "u:s1");
    assert_string_equal(fixture_event(fixture, "unread-count-updated", 1)->audience, "u:c1");
    assert_int_equal(unread_of(fixture, salon("s1")), 0);
    fixture_forget_events(fixture);
    assert_int_equal(write_kind(fixture, conversation_mark_read(&request)), ERROR_NONE);
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
    assert_int_equal(write_kind(fixture, message_mark_read(&message)), ERROR_NONE);
    assert_true(message.marked);
    assert_int_equal(first_unread_of_salon(fixture), 2);
    assert_int_equal(unread_of(fixture, salon("s1")), 2);
    fixture_verify(fixture);
    fixture_forget_events(fixture);
    assert_int_equal(write_kind(fixture, conversation_mark_read(&conversation)), ERROR_NONE);
    assert_int_equal(fixture_count_events(fixture, "message-read"), 2);
    assert_int_equal(unread_of(fixture, salon("s1")), 0);
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

    assert_int_equal(write_kind(fixture, message_delete(&request)), ERROR_FORBIDDEN);
    request.caller = client("c2");
    assert_int_equal(write_kind(fixture, message_delete(&request)), ERROR_FORBIDDEN);
    request.caller = client("c1");
    fixture_forget_events(fixture);
    assert_int_equal(write_kind(fixture, message_delete(&request)), ERROR_NONE);
    assert_int_equal(unread_of(fixture, salon("s1")), 1);
    assert_int_equal(fixture_count_events(fixture, "message-deleted"), 1);
    assert_int_equal(fixture_count_events(fixture, "conversation-updated"), 2);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE payload LIKE '%regrets%'"), 0);
    assert_int_equal(write_kind(fixture, message_delete(&request)), ERROR_NOT_FOUND);
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
    assert_int_equal(write_kind(fixture, conversation_toggle_archived(&archive)), ERROR_NONE);
    fixture_send(fixture, id, client("c1"), "le suivant");
    assert_int_equal(write_kind(fixture, conversation_toggle_archived(&archive)), ERROR_NONE);
    fixture_forget_events(fixture);
    assert_int_equal(write_kind(fixture, message_delete(&request)), ERROR_NONE);
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

    assert_int_equal(write_kind(fixture, message_mark_read(&request)), ERROR_NONE);
    assert_int_equal(unread_of(fixture, salon("s1")), 1);
    buffer_clear(&json);
    request.caller = salon("s1");
    assert_int_equal(write_kind(fixture, message_mark_read(&request)), ERROR_NONE);
    assert_int_equal(unread_of(fixture, salon("s1")), 0);
    buffer_free(&json);
    fixture_verify(fixture);
}

/* ---- pages --------------------------------------------------------------------------------- */

/* Reads the page and compares its contents with the model: `live` are the numbers of the messages
 * that are there, oldest first. */
static void check_page(struct fixture *fixture, const char *id, const int *live, int live_count,
                       int64_t page, int64_t limit)
{
    struct buffer json = BUFFER_EMPTY;
    struct message_page request = {
        .conversation_id = id, .caller = client("c1"), .page = page, .limit = limit, .json = &json};
    int64_t total;

    assert_int_equal(read_kind(fixture, message_page(&request)), ERROR_NONE);
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
    assert_int_equal(write_kind(fixture, message_delete(&request)), ERROR_NONE);
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
    assert_int_equal(read_kind(fixture, message_page(&request)), ERROR_NONE);
    assert_true(request.needs_marking);
    assert_int_equal(json.length, 0);
    assert_int_equal(write_kind(fixture, message_mark_page(&request)), ERROR_NONE);
    assert_int_equal(unread_of(fixture, salon("s1")), 3);
    request.may_mark = false;
    assert_int_equal(read_kind(fixture, message_page(&request)), ERROR_NONE);
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
        assert_int_equal(read_kind(fixture, message_page(&request)), ERROR_NONE);
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

/* ---- the directory ------------------------------------------------------------------------- */

static void apply_claims(struct fixture *fixture, const struct token_claims *claims,
                         bool expect_write)
{
    struct person_claims request = {
        .claims = claims, .default_role = "client", .now_ms = fixture->now_ms};

    assert_int_equal(read_kind(fixture, person_claims_need_write(&request)), ERROR_NONE);
    assert_int_equal(request.must_write, expect_write);
    assert_int_equal(write_kind(fixture, person_take_claims(&request)), ERROR_NONE);
}

static void claims_fill_what_the_booking_side_left_open(void **state)
{
    struct fixture *fixture = *state;
    struct token_claims claims = {.user_id = "c1",
                                  .role = "client",
                                  .kind = CALLER_CLIENT,
                                  .issued_at_ms = fixture->now_ms - 1000,
                                  .first_name = "Autre",
                                  .email = "lea@example.org"};

    apply_claims(fixture, &claims, true);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM users WHERE id = 'c1'"
                                             " AND first_name = 'Léa'"
                                             " AND email = 'lea@example.org'"),
                     1);
    apply_claims(fixture, &claims, false);
    strcpy(claims.email, "autre@example.org");
    apply_claims(fixture, &claims, false); /* not newer */
    claims.issued_at_ms += 1;
    apply_claims(fixture, &claims, true);
    strcpy(claims.image, "javascript:alert(1)");
    claims.issued_at_ms += 1;
    apply_claims(fixture, &claims, false); /* no image that a page could run */
    strcpy(claims.user_id, "c9");
    apply_claims(fixture, &claims, true);
    fixture_execute(fixture, "UPDATE users SET erased_at = 1 WHERE id = 'c9'");
    claims.issued_at_ms = fixture->now_ms;
    strcpy(claims.email, "x@example.org");
    apply_claims(fixture, &claims, false); /* erased for good */
}

/* ---- the writer ---------------------------------------------------------------------------- */

enum { PRODUCERS = 16, MESSAGES_EACH = 25 };

struct producer {
    struct fixture *fixture;
    const char *conversation_id;
};

static void *produce(void *argument)
{
    const struct producer *producer = argument;
    const struct message_input input = {.content = "Bonjour", .type = MESSAGE_TEXT};
    intptr_t failures = 0;

    for (int i = 0; i < MESSAGES_EACH; i++) {
        struct buffer json = BUFFER_EMPTY;
        struct message_create request = {.conversation_id = producer->conversation_id,
                                         .caller = client("c1"),
                                         .input = &input,
                                         .config = &producer->fixture->config,
                                         .json = &json};
        struct error error;
        error_clear(&error);
        if (i % 5 == 4) /* one that fails in the middle of a batch, after others have written */
            request.caller = client("c2");
        bool succeeded =
            database_write(producer->fixture->database, message_create(&request), &error);
        if (succeeded != (i % 5 != 4))
            failures++;
        buffer_free(&json);
    }
    return (void *)failures;
}

static void many_writers_keep_their_results(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer = {.fixture = fixture,
                                .conversation_id = fixture_conversation(fixture)};
    pthread_t threads[PRODUCERS];

    fixture_forget_events(fixture);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producer), 0);
    for (int i = 0; i < PRODUCERS; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM messages"),
                     PRODUCERS * MESSAGES_EACH * 4 / 5);
    for (size_t i = 1; i < fixture->event_count; i++)
        assert_int_equal(fixture->events[i].seq, fixture->events[i - 1].seq + 1);
    fixture_verify(fixture);
}

static void count_completed(struct database_job *job)
{
    atomic_fetch_add((atomic_int *)job->context, 1);
}

static void what_is_submitted_together_shares_a_commit(void **state)
{
    struct fixture *fixture = *state;
    struct conversation_reference request = {.conversation_id = fixture_conversation(fixture),
                                             .caller = salon("s1")};
    struct database_job jobs[8];
    struct database_job *all[ARRAY_LENGTH(jobs)];
    struct database_statistics before;
    struct database_statistics after;
    atomic_int completed = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(jobs); i++) {
        jobs[i] = (struct database_job){.operation = conversation_toggle_archived(&request),
                                        .completed = count_completed,
                                        .context = &completed};
        all[i] = &jobs[i];
    }
    database_statistics(fixture->database, &before);
    database_submit_all(fixture->database, all, ARRAY_LENGTH(all));
    WAIT_UNTIL(atomic_load(&completed) == ARRAY_LENGTH(all), wait_a_moment());
    for (size_t i = 0; i < ARRAY_LENGTH(jobs); i++)
        assert_true(jobs[i].succeeded);
    database_statistics(fixture->database, &after);
    assert_int_equal(after.operations - before.operations, ARRAY_LENGTH(all));
    assert_int_equal(after.commits - before.commits, 1);
}

static void the_outbox_is_pruned_by_number(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    fixture_reopen(fixture, 86400000, 100);
    for (int i = 0; i < 600; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    int64_t rows = fixture_number(fixture, "SELECT COUNT(*) FROM outbox");
    assert_in_range(rows, 100, 100 + 256);
    assert_int_equal(fixture_number(fixture, "SELECT MAX(seq) FROM outbox"), 2 + 600 * 2);
}

static void the_limits_of_the_outbox_may_change_while_it_is_used(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    for (int i = 0; i < 300; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), 2 + 300 * 2);
    database_limit_outbox(fixture->database, 86400000, 100);
    for (int i = 0; i < 300; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_in_range(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), 100, 100 + 256);
}

static void the_outbox_is_pruned_by_age_but_keeps_its_number(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    fixture_reopen(fixture, 1000, 1000000);
    for (int i = 0; i < 200; i++) {
        fixture->now_ms += 100;
        fixture_send(fixture, id, client("c1"), "Bonjour");
    }
    assert_in_range(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), 1, 300);
    assert_int_equal(fixture_number(fixture, "SELECT MAX(seq) FROM outbox"), 2 + 200 * 2);
}

/* Who comes back finds all that followed what they saw last, or is told that it is gone. */
static void the_outbox_has_no_holes_after_the_clock_was_set_back(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    fixture_reopen(fixture, 1000, 1000000);
    fixture->now_ms += 100000;
    for (int i = 0; i < 100; i++)
        fixture_send(fixture, id, client("c1"), "demain");
    fixture->now_ms -= 100000;
    for (int i = 0; i < 200; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    fixture->now_ms += 2000;
    for (int i = 0; i < 200; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_int_equal(
        fixture_number(fixture, "SELECT MAX(seq) - MIN(seq) + 1 - COUNT(*) FROM outbox"), 0);
    assert_true(fixture_number(fixture, "SELECT MIN(seq) FROM outbox") <= 3);
    fixture->now_ms += 200000;
    for (int i = 0; i < 600; i++)
        fixture_send(fixture, id, client("c1"), "Bonjour");
    assert_true(fixture_number(fixture, "SELECT MIN(seq) FROM outbox") > 1000);
}

static void a_newer_schema_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    struct unread_summary request = {.caller = client("c1"), .json = &json};
    struct error error;

    fixture_execute(fixture, "INSERT INTO schema_migrations VALUES (999, 0)");
    fixture->log.descriptor = -1; /* the refusal is logged, and expected */
    fixture_reopen(fixture, 86400000, 1000000);
    error_clear(&error);
    assert_false(database_prepare(fixture->database, &error));
    assert_int_equal(error.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "upgrade"));
    assert_int_equal(read_kind(fixture, unread_total(&request)), ERROR_UNAVAILABLE);
    fixture_execute(fixture, "DELETE FROM schema_migrations WHERE version = 999");
    assert_int_equal(read_kind(fixture, unread_total(&request)), ERROR_NONE);
    buffer_free(&json);
}

DATABASE_OPERATION(append_a_mebibyte, const struct buffer);

bool append_a_mebibyte_run(struct transaction *transaction, const struct buffer *payload,
                           struct error *error)
{
    return announce_to_user(transaction, "large", "s1", NULL, NULL, payload, error);
}

/* While one writes without a pause. */
static void the_log_starts_over(void **state)
{
    enum { COMMITS = 150, MEBIBYTES_MAX = 75 };
    static char mebibyte[1024 * 1024];
    struct fixture *fixture = *state;
    struct buffer payload = BUFFER_EMPTY;
    char log_path[160];
    struct stat status;

    memset(mebibyte, 'x', sizeof(mebibyte));
    buffer_append(&payload, mebibyte, sizeof(mebibyte));
    for (int i = 0; i < COMMITS; i++)
        assert_int_equal(write_kind(fixture, append_a_mebibyte(&payload)), ERROR_NONE);
    snprintf(log_path, sizeof(log_path), "%s-wal", fixture->path);
    assert_int_equal(stat(log_path, &status), 0);
    assert_in_range(status.st_size, 0, MEBIBYTES_MAX * sizeof(mebibyte));
    buffer_free(&payload);
}

static void a_file_that_is_gone_is_not_made_again(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference request = {.conversation_id = id, .caller = salon("s1")};
    char away[160];

    fixture_execute(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    fixture->log.descriptor = -1;
    snprintf(away, sizeof(away), "%s.away", fixture->path);
    assert_int_equal(rename(fixture->path, away), 0);
    assert_int_equal(write_kind(fixture, conversation_toggle_archived(&request)),
                     ERROR_UNAVAILABLE);
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_int_equal(rename(away, fixture->path), 0);
    assert_int_equal(write_kind(fixture, conversation_toggle_archived(&request)), ERROR_NONE);
}

/* As on a full disk, where what reads succeeds and what writes does not. */
static void a_database_that_comes_and_goes_is_two_lines_a_second(void **state)
{
    enum { TIMES = 5 };
    struct fixture *fixture = *state;
    char away[160];
    int log = memfd_create("log", MFD_CLOEXEC);

    fixture->log.descriptor = log;
    fixture->log.level = LOG_LEVEL_INFO;
    snprintf(away, sizeof(away), "%s.away", fixture->path);
    for (size_t second = 1; second <= 2; second++) {
        for (int i = 0; i < TIMES; i++) {
            struct person_set request = {.user_id = "c3", .fields = {.role = "client"}};
            assert_int_equal(rename(fixture->path, away), 0);
            assert_int_equal(write_kind(fixture, person_set(&request)), ERROR_UNAVAILABLE);
            assert_int_equal(rename(away, fixture->path), 0);
            assert_int_equal(write_kind(fixture, person_set(&request)), ERROR_NONE);
        }
        assert_int_equal(count_in_log(log, "the database cannot be used"), second);
        assert_int_equal(count_in_log(log, "the database can be used again"), second);
        fixture->now_ms += LOG_LIMIT_MS;
    }
    assert_int_equal(count_in_log(log, "left_out=4"), 2);
    close(log);
}

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
        TEST(creates_a_conversation),
        TEST(refuses_whom_it_should),
        TEST(an_appointment_has_one_conversation),
        TEST(a_new_message_revives_an_archived_conversation),
        TEST(deleting_a_conversation_leaves_nothing),
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
        TEST(claims_fill_what_the_booking_side_left_open),
        TEST(many_writers_keep_their_results),
        TEST(what_is_submitted_together_shares_a_commit),
        TEST(the_outbox_is_pruned_by_number),
        TEST(the_limits_of_the_outbox_may_change_while_it_is_used),
        TEST(the_outbox_is_pruned_by_age_but_keeps_its_number),
        TEST(the_outbox_has_no_holes_after_the_clock_was_set_back),
        TEST(a_newer_schema_is_refused),
        TEST(the_log_starts_over),
        TEST(a_file_that_is_gone_is_not_made_again),
        TEST(a_database_that_comes_and_goes_is_two_lines_a_second),
        TEST(a_backup_is_complete),
        TEST(verify_finds_a_wrong_counter),
        TEST(verify_finds_a_conversation_out_of_order),
        TEST(verify_finds_an_unread_message_that_nobody_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
