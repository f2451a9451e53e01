/*
 * What the broker must still know of its sockets after it was killed, or after they were away.
 */
#include <stdio.h>

#include "db/announcement.h"
#include "db/engine/outbox_reader.h"
#include "db/engine/schema.h"
#include "db/recovery.h"
#include "tests/unit/db_fixture.h"

#define MAX_AWAY 3

static void open_recovery(struct fixture *fixture, const char *pid, const char *user_id)
{
    struct token_claims claims = {.kind = CALLER_CLIENT, .role = "client"};
    struct buffer contacts = BUFFER_EMPTY;
    struct buffer name = BUFFER_EMPTY;
    struct recovery_open request = {.pid = pid,
                                    .sid = "sid",
                                    .claims = &claims,
                                    .default_role = "client",
                                    .max_away = MAX_AWAY,
                                    .contacts = {.ids = &contacts},
                                    .name = &name};

    snprintf(claims.user_id, sizeof(claims.user_id), "%s", user_id);
    assert_int_equal(fixture_write(fixture, recovery_open(&request)), ERROR_NONE);
    if (strcmp(user_id, "c1") == 0)
        assert_string_equal(buffer_text(&name), "Léa");
    assert_true(name.length > 0);
    buffer_free(&contacts);
    buffer_free(&name);
}

/* Joins with c1's session `pid`; gives the seq of the history. */
static int64_t join(struct fixture *fixture, const char *pid, const char *conversation)
{
    struct buffer json = BUFFER_EMPTY;
    struct conversation_join request = {
        .conversation_id = conversation, .caller = client("c1"), .pid = pid, .json = &json};

    assert_int_equal(fixture_write(fixture, conversation_join(&request)), ERROR_NONE);
    json_object_put(fixture_parse(&json));
    buffer_free(&json);
    return request.newest;
}

static bool recovers(struct fixture *fixture, const char *user_id, int64_t offset, int64_t *missed)
{
    struct outbox_read_after outbox = {.after = INT64_MAX};
    struct recovery_resume request = {
        .pid = "p1", .user_id = user_id, .timeline = outbox.timeline, .offset = offset};

    assert_int_equal(fixture_read(fixture, outbox_read_after(&outbox)), ERROR_NONE);
    assert_int_equal(fixture_read(fixture, recovery_resume(&request)), ERROR_NONE);
    *missed = request.missed;
    if (request.recovered)
        assert_string_equal(request.sid, "sid");
    buffer_free(&request.audiences);
    return request.recovered;
}

static void the_offset_of_another_time_line_is_not_gone_on_with(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct recovery_resume request = {.pid = "p1", .user_id = "c1", .timeline = "00000000"};

    open_recovery(fixture, "p1", "c1");
    request.offset = join(fixture, "p1", conversation);
    fixture_execute(fixture, "UPDATE timeline SET name = '00000000'");
    assert_int_equal(fixture_read(fixture, recovery_resume(&request)), ERROR_NONE);
    assert_true(request.recovered);
    fixture_execute(fixture, "UPDATE timeline SET name = '00000001'");
    assert_int_equal(fixture_read(fixture, recovery_resume(&request)), ERROR_NONE);
    assert_false(request.recovered);
    buffer_free(&request.audiences);
}

static void a_socket_goes_on_where_it_was(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct recovery_reference reference = {.pid = "p1"};
    int64_t missed;

    open_recovery(fixture, "p1", "c1");
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
    assert_int_equal(fixture_write(fixture, recovery_suspend(&reference)), ERROR_NONE);
    assert_true(recovers(fixture, "c1", offset, &missed));
    assert_int_equal(fixture_write(fixture, recovery_close(&reference)), ERROR_NONE);
    assert_false(recovers(fixture, "c1", offset, &missed));
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM session_rooms"), 0);
}

/* Nothing may have happened between what the client got last and the history that it lost. */
static void a_lost_history_is_not_recovered_from(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    int64_t missed;

    open_recovery(fixture, "p1", "c1");
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

    open_recovery(fixture, "p1", "c1");
    int64_t offset = join(fixture, "p1", conversation);
    fixture_send(fixture, conversation, salon("s1"), "Bonjour");
    assert_int_equal(fixture_write(fixture, conversation_leave(&leave)), ERROR_NONE);
    assert_true(leave.marked);
    assert_int_equal(fixture_write(fixture, conversation_leave(&leave)), ERROR_NONE);
    assert_false(leave.marked);
    assert_true(recovers(fixture, "c1", offset, &missed));
    /* What went to the user alone: unread (1), read in the conversation, unread (0). */
    assert_int_equal(missed, 3);
    leave.caller = client("c2");
    assert_int_not_equal(fixture_write(fixture, conversation_leave(&leave)), ERROR_NONE);
}

static void who_lost_a_room_recovers_nothing(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct conversation_reference reference = {.conversation_id = conversation,
                                               .caller = salon("s1")};
    int64_t missed;

    open_recovery(fixture, "p1", "c1");
    int64_t offset = join(fixture, "p1", conversation);
    assert_int_equal(fixture_write(fixture, conversation_delete(&reference)), ERROR_NONE);
    assert_false(recovers(fixture, "c1", offset, &missed));
}

static void too_much_or_too_old_is_not_recovered(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    int64_t missed;

    open_recovery(fixture, "p1", "c1");
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

    open_recovery(fixture, "p1", "c1");
    int64_t offset = join(fixture, "p1", conversation);
    fixture_send(fixture, conversation, salon("s1"), "encore");
    add_event_in_epoch(fixture, OUTBOX_LOOKS_MAX / 2 - 1);
    assert_true(recovers(fixture, "c1", offset, &missed));
    assert_int_equal(missed, 2);
    add_event_in_epoch(fixture, OUTBOX_LOOKS_MAX / 2);
    assert_false(recovers(fixture, "c1", offset, &missed));
}

static void forgotten_after_the_retention_time(void **state)
{
    struct fixture *fixture = *state;
    struct recovery_reference reference = {.pid = "p1"};
    static const char tom[] = "c2\0Tom";
    struct buffer people = BUFFER_EMPTY;
    struct recovery_abandon abandon = {.people = &people};
    int64_t started_at_ms = fixture->now_ms + 1001;

    fixture_reopen(fixture, 1000, 1000);
    open_recovery(fixture, "p1", "c1");
    open_recovery(fixture, "p2", "c2");
    assert_int_equal(fixture_write(fixture, recovery_suspend(&reference)), ERROR_NONE);
    fixture->now_ms += 1001;
    open_recovery(fixture, "p3", "c2");
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM sessions WHERE pid = 'p1'"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM sessions"), 2);
    abandon.before_ms = started_at_ms; /* p3 has come since */
    assert_int_equal(fixture_write(fixture, recovery_abandon(&abandon)), ERROR_NONE);
    assert_int_equal(people.length, sizeof(tom));
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM sessions WHERE is_connected = 1"), 1);
    abandon.before_ms = INT64_MAX;
    assert_int_equal(fixture_write(fixture, recovery_abandon(&abandon)), ERROR_NONE);
    assert_int_equal(people.length, 2 * sizeof(tom));
    assert_memory_equal(people.data, tom, sizeof(tom));
    assert_memory_equal(people.data + sizeof(tom), tom, sizeof(tom));
    buffer_clear(&people);
    assert_int_equal(fixture_write(fixture, recovery_abandon(&abandon)), ERROR_NONE);
    assert_int_equal(people.length, 0);
    buffer_free(&people);
}

static void suspend(struct fixture *fixture, const char *pid)
{
    struct recovery_reference reference = {.pid = pid};

    assert_int_equal(fixture_write(fixture, recovery_suspend(&reference)), ERROR_NONE);
}

/* As a client that is cut off each time; another user comes and goes meanwhile. */
static void a_user_has_so_many_that_are_away_and_the_oldest_go(void **state)
{
    struct fixture *fixture = *state;
    char pid[16];

    open_recovery(fixture, "other", "s1");
    open_recovery(fixture, "open", "c1");
    suspend(fixture, "other");
    for (int i = 0; i < 10; i++) {
        fixture->now_ms++;
        snprintf(pid, sizeof(pid), "p%d", i);
        open_recovery(fixture, pid, "c1");
        suspend(fixture, pid);
        assert_in_range(
            fixture_number(fixture, "SELECT COUNT(*) FROM sessions WHERE user_id = 'c1'"), 1,
            MAX_AWAY + 2);
    }
    open_recovery(fixture, "last", "c1");
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM sessions WHERE pid IN"
                                             " ('other', 'open', 'p7', 'p8', 'p9', 'last')"),
                     6);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM sessions"), 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_socket_goes_on_where_it_was),
        TEST(the_offset_of_another_time_line_is_not_gone_on_with),
        TEST(a_lost_history_is_not_recovered_from),
        TEST(a_room_that_was_left_is_forgotten),
        TEST(who_lost_a_room_recovers_nothing),
        TEST(too_much_or_too_old_is_not_recovered),
        TEST(what_takes_too_long_to_find_is_not_recovered),
        TEST(forgotten_after_the_retention_time),
        TEST(a_user_has_so_many_that_are_away_and_the_oldest_go),
    };

    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
