/*
 * Reading the outbox, contacts and the broker's sessions, over a real file.
 */
#include <stdio.h>
#include <string.h>

#include "db/announcement.h"
#include "db/contact.h"
#include "db/engine/outbox_reader.h"
#include "db/engine/schema.h"
#include "db/recovery.h"
#include "tests/unit/db_fixture.h"

static bool write_it(struct fixture *fixture, struct database_operation operation)
{
    struct error error;

    error_clear(&error);
    return database_write(fixture->database, operation, &error);
}

static bool read_it(struct fixture *fixture, struct database_query query)
{
    struct error error;

    error_clear(&error);
    return database_read(fixture->database, query, &error);
}

/* ---- the feed ------------------------------------------------------------------------------ */

static void reads_the_outbox_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_read_after request = {.limit = 3};
    struct event event;

    fixture_send(fixture, fixture_conversation(fixture), salon("s1"), "Bonjour");
    assert_true(read_it(fixture, outbox_read_after(&request)));
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
    assert_true(read_it(fixture, outbox_read_after(&request)));
    assert_int_equal(event_batch_count(&request.batch), 0);
    event_batch_free(&request.batch);
}

static void an_empty_outbox_has_no_newest(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_read_after request = {.limit = 3};

    assert_true(read_it(fixture, outbox_read_after(&request)));
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
    assert_true(write_it(fixture, message_delete(&reference)));
    assert_true(read_it(fixture, outbox_read_after(&request)));
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
    assert_true(read_it(fixture, outbox_read_missed(&request)));
    assert_int_equal(event_batch_count(&request.batch), 2);
    event_batch_clear(&request.batch);
    request.limit = 100;
    assert_true(read_it(fixture, outbox_read_missed(&request)));
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
    assert_true(write_it(fixture, append_numbered(&count)));
    int64_t first = fixture->events[0].seq;
    request.after = first; /* the first one was seen */
    request.until = first + count - 4;
    assert_true(read_it(fixture, outbox_read_missed(&request)));
    assert_int_equal(event_batch_count(&request.batch), count / 3 - 2);
    for (size_t i = 0; i < event_batch_count(&request.batch); i++) {
        event_batch_at(&request.batch, i, &event);
        assert_int_equal(event.seq, first + 3 * ((int64_t)i + 1));
    }
    event_batch_clear(&request.batch);
    request.limit = OUTBOX_EPOCH_EVENTS / 2; /* more than one part has */
    assert_true(read_it(fixture, outbox_read_missed(&request)));
    assert_int_equal(event_batch_count(&request.batch), request.limit);
    event_batch_at(&request.batch, (size_t)request.limit - 1, &event);
    assert_int_equal(event.seq, first + 3 * request.limit);
    event_batch_free(&request.batch);
    buffer_free(&audiences);
}

static void tells_the_unread_total_with_its_seq(void **state)
{
    struct fixture *fixture = *state;
    struct unread_state request = {.user_id = "c1"};

    fixture_send(fixture, fixture_conversation(fixture), salon("s1"), "Bonjour");
    assert_true(read_it(fixture, unread_state(&request)));
    assert_int_equal(request.total, 1);
    assert_int_equal(request.newest, fixture->events[fixture->event_count - 1].seq);
    request.user_id = "nobody";
    assert_true(read_it(fixture, unread_state(&request)));
    assert_int_equal(request.total, 0);
}

/* ---- contacts ------------------------------------------------------------------------------ */

static void lists_contacts(void **state)
{
    struct fixture *fixture = *state;
    struct buffer ids = BUFFER_EMPTY;
    struct contact_list request = {.ids = &ids};

    fixture_conversation(fixture);
    fixture_conversation(fixture);
    request.user_id = "s1";
    assert_true(read_it(fixture, contact_list(&request)));
    assert_int_equal(ids.length, 6);
    assert_memory_equal(ids.data, "c1\0c1", 6);
    buffer_clear(&ids);
    request.user_id = "s2";
    assert_true(read_it(fixture, contact_list(&request)));
    assert_int_equal(ids.length, 0);
    buffer_free(&ids);
}

static const char *name_of(struct fixture *fixture, struct caller caller, struct buffer *name)
{
    struct typing_name request = {
        .conversation_id = fixture->conversation_id, .caller = caller, .name = name};

    buffer_clear(name);
    assert_true(read_it(fixture, typing_name(&request)));
    return buffer_text(name);
}

static void names_whoever_types(void **state)
{
    struct fixture *fixture = *state;
    struct buffer name = BUFFER_EMPTY;
    struct person_set set = {.user_id = "c1", .fields = {.last_name = "Martin"}};
    struct typing_name request = {.caller = client("c2"), .name = &name};
    struct error error;

    request.conversation_id = fixture_conversation(fixture);
    assert_string_equal(name_of(fixture, salon("s1"), &name), NAMELESS_PERSON);
    assert_string_equal(name_of(fixture, client("c1"), &name), "Léa");
    assert_true(write_it(fixture, person_set(&set)));
    assert_string_equal(name_of(fixture, client("c1"), &name), "Léa Martin");
    set = (struct person_set){.user_id = "c1", .fields = {.first_name = ""}};
    assert_true(write_it(fixture, person_set(&set)));
    assert_string_equal(name_of(fixture, client("c1"), &name), "Martin");
    set = (struct person_set){.user_id = "c1", .fields = {.salon_name = "Chez Léa"}};
    assert_true(write_it(fixture, person_set(&set)));
    assert_string_equal(name_of(fixture, client("c1"), &name), "Chez Léa");
    error_clear(&error);
    assert_false(database_read(fixture->database, typing_name(&request), &error));
    assert_int_equal(error.kind, ERROR_FORBIDDEN);
    buffer_free(&name);
}

/* ---- sessions ------------------------------------------------------------------------------ */

static void open_session(struct fixture *fixture, const char *pid, const char *user_id)
{
    struct token_claims claims = {.kind = CALLER_CLIENT, .role = "client"};
    struct buffer contacts = BUFFER_EMPTY;
    struct recovery_open request = {.pid = pid,
                                    .sid = "sid",
                                    .claims = &claims,
                                    .default_role = "client",
                                    .contacts = {.ids = &contacts}};

    snprintf(claims.user_id, sizeof(claims.user_id), "%s", user_id);
    assert_true(write_it(fixture, recovery_open(&request)));
    buffer_free(&contacts);
}

/* Joins with c1's session `pid`; gives the seq of the history. */
static int64_t join(struct fixture *fixture, const char *pid, const char *conversation)
{
    struct buffer json = BUFFER_EMPTY;
    struct conversation_join request = {
        .conversation_id = conversation, .caller = client("c1"), .pid = pid, .json = &json};

    assert_true(write_it(fixture, conversation_join(&request)));
    json_object_put(fixture_parse(&json));
    buffer_free(&json);
    return request.newest;
}

static bool recovers(struct fixture *fixture, const char *user_id, int64_t offset, int64_t *missed)
{
    struct recovery_resume request = {.pid = "p1", .user_id = user_id, .offset = offset};

    assert_true(read_it(fixture, recovery_resume(&request)));
    *missed = request.missed;
    if (request.recovered)
        assert_string_equal(request.sid, "sid");
    buffer_free(&request.audiences);
    return request.recovered;
}

static void a_session_goes_on_where_it_was(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct recovery_reference reference = {.pid = "p1"};
    int64_t missed;

    open_session(fixture, "p1", "c1");
    int64_t offset = join(fixture, "p1", conversation);
    assert_true(recovers(fixture, "c1", offset, &missed));
    assert_int_equal(missed, 0);
    fixture_send(fixture, conversation, salon("s1"), "Vous êtes là ?");
    assert_true(recovers(fixture, "c1", offset, &missed));
    assert_int_equal(missed, 2);
    assert_false(recovers(fixture, "s1", offset, &missed));
    /* The history was not received. */
    assert_false(recovers(fixture, "c1", offset - 1, &missed));
    /* An offset that was never given out. */
    assert_false(recovers(fixture, "c1", offset + 100, &missed));
    assert_true(write_it(fixture, recovery_suspend(&reference)));
    assert_true(recovers(fixture, "c1", offset, &missed));
    assert_true(write_it(fixture, recovery_close(&reference)));
    assert_false(recovers(fixture, "c1", offset, &missed));
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM session_rooms"), 0);
}

/* Nothing may have happened between what the client got last and the history that it lost. */
static void a_lost_history_is_not_recovered_from(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    int64_t missed;

    open_session(fixture, "p1", "c1");
    int64_t first = join(fixture, "p1", conversation);
    int64_t again = join(fixture, "p1", conversation);
    assert_int_equal(again, first + 1);
    assert_false(recovers(fixture, "c1", first, &missed));
    assert_true(recovers(fixture, "c1", again, &missed));
    assert_int_equal(missed, 0);
}

static void a_room_that_was_left_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct conversation_leave leave = {
        .conversation_id = conversation, .caller = client("c1"), .pid = "p1"};
    int64_t missed;

    open_session(fixture, "p1", "c1");
    int64_t offset = join(fixture, "p1", conversation);
    fixture_send(fixture, conversation, salon("s1"), "Bonjour");
    assert_true(write_it(fixture, conversation_leave(&leave)));
    assert_true(leave.marked);
    assert_true(write_it(fixture, conversation_leave(&leave)));
    assert_false(leave.marked);
    assert_true(recovers(fixture, "c1", offset, &missed));
    /* What went to the user alone: unread (1), read in the conversation, unread (0). */
    assert_int_equal(missed, 3);
    leave.caller = client("c2");
    assert_false(write_it(fixture, conversation_leave(&leave)));
}

static void who_lost_a_room_recovers_nothing(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct conversation_reference reference = {.conversation_id = conversation,
                                               .caller = salon("s1")};
    int64_t missed;

    open_session(fixture, "p1", "c1");
    int64_t offset = join(fixture, "p1", conversation);
    assert_true(write_it(fixture, conversation_delete(&reference)));
    assert_false(recovers(fixture, "c1", offset, &missed));
}

static void too_much_or_too_old_is_not_recovered(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    int64_t missed;

    open_session(fixture, "p1", "c1");
    int64_t offset = join(fixture, "p1", conversation);
    for (int i = 0; i < RECOVERY_EVENTS_MAX / 2; i++)
        fixture_send(fixture, conversation, salon("s1"), "encore");
    assert_true(recovers(fixture, "c1", offset, &missed));
    assert_int_equal(missed, RECOVERY_EVENTS_MAX);
    fixture_send(fixture, conversation, salon("s1"), "de trop");
    assert_false(recovers(fixture, "c1", offset, &missed));
    assert_true(recovers(fixture, "c1", offset + 10, &missed));
    fixture_execute(fixture, "DELETE FROM outbox WHERE seq <= 20");
    assert_false(recovers(fixture, "c1", offset + 10, &missed));
    assert_true(recovers(fixture, "c1", 20, &missed));
}

/* The user's own audience and that of a room, in so many parts of the index. */
static void add_event_in_epoch(struct fixture *fixture, int64_t epoch)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
             "INSERT INTO outbox (seq, audience, name, payload, created_at)"
             " VALUES (%lld, 'u:nobody', 'far', '', 0)",
             (long long)epoch * OUTBOX_EPOCH_EVENTS);
    fixture_execute(fixture, sql);
}

static void what_takes_too_long_to_find_is_not_recovered(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    int64_t missed;

    open_session(fixture, "p1", "c1");
    int64_t offset = join(fixture, "p1", conversation);
    fixture_send(fixture, conversation, salon("s1"), "encore");
    add_event_in_epoch(fixture, OUTBOX_LOOKS_MAX / 2 - 1);
    assert_true(recovers(fixture, "c1", offset, &missed));
    assert_int_equal(missed, 2);
    add_event_in_epoch(fixture, OUTBOX_LOOKS_MAX / 2);
    assert_false(recovers(fixture, "c1", offset, &missed));
}

static void joining_reads_what_it_marked(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct buffer json = BUFFER_EMPTY;
    struct conversation_join request = {
        .conversation_id = conversation, .caller = client("c1"), .json = &json};

    for (int i = 0; i < HISTORY_MESSAGES + 1; i++)
        fixture_send(fixture, conversation, salon("s1"), i == 0 ? "premier" : "Bonjour");
    assert_true(write_it(fixture, conversation_join(&request)));
    assert_int_equal(request.newest, fixture->events[fixture->event_count - 1].seq);
    struct json_object *tree = fixture_parse(&json);
    assert_string_equal(json_text(json_get(tree, "conversationId")), conversation);
    struct json_object *messages = json_get(tree, "messages");
    assert_int_equal(json_object_array_length(messages), HISTORY_MESSAGES);
    struct json_object *newest = json_object_array_get_idx(messages, 0);
    assert_string_equal(json_text(json_get(newest, "id")), fixture->message_id);
    for (size_t i = 0; i < HISTORY_MESSAGES; i++) {
        struct json_object *message = json_object_array_get_idx(messages, i);
        assert_true(json_object_get_boolean(json_get(message, "isRead")));
        assert_string_not_equal(json_text(json_get(message, "content")), "premier");
    }
    json_object_put(tree);
    buffer_free(&json);
    request.caller = client("c2");
    assert_false(write_it(fixture, conversation_join(&request)));
    fixture_verify(fixture);
}

static void forgotten_after_the_retention_time(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_reference reference = {.pid = "p1"};
    struct buffer ids = BUFFER_EMPTY;
    struct recovery_abandon abandon = {.user_ids = &ids};
    int64_t started_at_ms = fixture->now_ms + 1001;

    fixture_reopen(fixture, 1000, 1000);
    open_session(fixture, "p1", "c1");
    open_session(fixture, "p2", "c2");
    assert_true(write_it(fixture, recovery_suspend(&reference)));
    fixture->now_ms += 1001;
    open_session(fixture, "p3", "c2");
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM sessions WHERE pid = 'p1'"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM sessions"), 2);
    abandon.before_ms = started_at_ms; /* p3 has come since */
    assert_true(write_it(fixture, recovery_abandon(&abandon)));
    assert_int_equal(ids.length, 3);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM sessions WHERE is_connected = 1"), 1);
    abandon.before_ms = INT64_MAX;
    assert_true(write_it(fixture, recovery_abandon(&abandon)));
    assert_int_equal(ids.length, 6);
    assert_memory_equal(ids.data, "c2\0c2", 6);
    buffer_clear(&ids);
    assert_true(write_it(fixture, recovery_abandon(&abandon)));
    assert_int_equal(ids.length, 0);
    buffer_free(&ids);
}

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_the_outbox_in_order),
        FIXTURE_TEST(an_empty_outbox_has_no_newest),
        FIXTURE_TEST(a_blanked_event_keeps_its_place),
        FIXTURE_TEST(finds_what_was_missed),
        FIXTURE_TEST(finds_what_was_missed_long_ago),
        FIXTURE_TEST(tells_the_unread_total_with_its_seq),
        FIXTURE_TEST(lists_contacts),
        FIXTURE_TEST(names_whoever_types),
        FIXTURE_TEST(a_session_goes_on_where_it_was),
        FIXTURE_TEST(a_lost_history_is_not_recovered_from),
        FIXTURE_TEST(a_room_that_was_left_is_forgotten),
        FIXTURE_TEST(who_lost_a_room_recovers_nothing),
        FIXTURE_TEST(too_much_or_too_old_is_not_recovered),
        FIXTURE_TEST(what_takes_too_long_to_find_is_not_recovered),
        FIXTURE_TEST(joining_reads_what_it_marked),
        FIXTURE_TEST(forgotten_after_the_retention_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
