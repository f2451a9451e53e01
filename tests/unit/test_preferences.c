/*
 * Preferences and mutes over a real file.
 */
#include "db/preferences.h"

#include <string.h>

#include "db/privacy.h"
#include "tests/unit/db_fixture.h"

/* Valid until the next call. */
static const char *preferences_of(struct fixture *fixture, const char *user_id)
{
    static struct buffer json;
    struct preferences_find find = {.user_id = user_id, .json = &json};

    buffer_clear(&json);
    assert_int_equal(fixture_read(fixture, preferences_find(&find)), ERROR_NONE);
    return buffer_text(&json);
}

static enum error_kind change(struct fixture *fixture, const char *user_id,
                              struct preferences_input input)
{
    struct buffer json = BUFFER_EMPTY;
    struct preferences_change request = {.user_id = user_id, .input = &input, .json = &json};
    enum error_kind kind = fixture_write(fixture, preferences_change(&request));

    if (kind == ERROR_NONE)
        assert_string_equal(buffer_text(&json), preferences_of(fixture, user_id));
    buffer_free(&json);
    return kind;
}

static enum error_kind mute(struct fixture *fixture, const char *user_id, const char *id)
{
    struct conversation_mute request = {.user_id = user_id, .conversation_id = id};

    return fixture_write(fixture, conversation_mute(&request));
}

static enum error_kind unmute(struct fixture *fixture, const char *user_id, const char *id)
{
    struct conversation_mute request = {.user_id = user_id, .conversation_id = id};

    return fixture_write(fixture, conversation_unmute(&request));
}

static int64_t count_rows(struct fixture *fixture)
{
    return fixture_number(fixture, "SELECT COUNT(*) FROM notification_preferences");
}

static void who_has_never_chosen_has_the_defaults_and_no_row(void **state)
{
    struct fixture *fixture = *state;

    fixture_execute(fixture, "UPDATE users SET created_at = 1790000000000 WHERE id = 'c1'");
    assert_string_equal(
        preferences_of(fixture, "c1"),
        "{\"id\":\"c1\",\"userId\":\"c1\",\"emailNotificationsEnabled\":true,"
        "\"emailFrequency\":\"IMMEDIATE\",\"mutedConversations\":[],"
        "\"createdAt\":\"2026-09-21T14:13:20.000Z\",\"updatedAt\":\"2026-09-21T14:13:20.000Z\"}");
    assert_int_equal(change(fixture, "c1", (struct preferences_input){0}), ERROR_NONE);
    assert_int_equal(change(fixture, "c1",
                            (struct preferences_input){.has_emails_enabled = true,
                                                       .emails_enabled = true,
                                                       .has_frequency = true,
                                                       .frequency = EMAIL_IMMEDIATE}),
                     ERROR_NONE);
    assert_int_equal(count_rows(fixture), 0);
}

static void what_is_not_named_stays(void **state)
{
    struct fixture *fixture = *state;

    fixture->now_ms = 1790000000000;
    assert_int_equal(
        change(fixture, "c1",
               (struct preferences_input){.has_frequency = true, .frequency = EMAIL_DAILY}),
        ERROR_NONE);
    assert_int_equal(change(fixture, "c1", (struct preferences_input){.has_emails_enabled = true}),
                     ERROR_NONE);
    assert_non_null(strstr(preferences_of(fixture, "c1"),
                           "\"emailNotificationsEnabled\":false,\"emailFrequency\":\"DAILY\""));
    assert_non_null(
        strstr(preferences_of(fixture, "c1"), "\"updatedAt\":\"2026-09-21T14:13:20.000Z\""));
    assert_non_null(strstr(preferences_of(fixture, "s1"),
                           "\"emailNotificationsEnabled\":true,\"emailFrequency\":\"IMMEDIATE\""));
}

static void one_mutes_what_one_is_in_for_oneself_alone(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    assert_int_equal(mute(fixture, "c1", id), ERROR_NONE);
    assert_int_equal(mute(fixture, "c1", id), ERROR_NONE);
    assert_non_null(strstr(preferences_of(fixture, "c1"), id));
    assert_null(strstr(preferences_of(fixture, "s1"), id));
    assert_int_equal(mute(fixture, "c2", id), ERROR_NOT_FOUND);
    assert_int_equal(mute(fixture, "c1", "none"), ERROR_NOT_FOUND);
    assert_int_equal(count_rows(fixture), 1);
    assert_int_equal(unmute(fixture, "s1", id), ERROR_NONE);
    assert_int_equal(unmute(fixture, "c2", id), ERROR_NONE);
    assert_int_equal(unmute(fixture, "nobody", id), ERROR_NONE);
    assert_non_null(strstr(preferences_of(fixture, "c1"), id));
    assert_int_equal(unmute(fixture, "c1", id), ERROR_NONE);
    assert_null(strstr(preferences_of(fixture, "c1"), id));
    assert_int_equal(count_rows(fixture), 1);
    fixture_verify(fixture);
}

static void what_is_deleted_is_muted_no_more(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference request = {.conversation_id = id, .caller = salon("s1")};

    assert_int_equal(mute(fixture, "c1", id), ERROR_NONE);
    assert_int_equal(fixture_write(fixture, conversation_delete(&request)), ERROR_NONE);
    assert_non_null(strstr(preferences_of(fixture, "c1"), "\"mutedConversations\":[]"));
    assert_int_equal(mute(fixture, "c1", id), ERROR_NOT_FOUND);
}

/* As many conversations as are muted at most, all of them muted by c1. */
#define ADD_MUTED                                                                                  \
    "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"        \
    " INSERT INTO conversations (id, salon_id, client_user_id, status, created_at, updated_at,"    \
    " last_message_at) SELECT 'x' || i, 's1', 'c1', 'ACTIVE', 0, 0, 0 FROM n;"                     \
    "INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at,"       \
    " is_muted) SELECT client_user_id, id, 0, status, 0, 1 FROM conversations"                     \
    " WHERE id LIKE 'x%'; COMMIT"

static void so_many_are_muted_at_most(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);

    assert_int_equal(MUTED_CONVERSATIONS_MAX, 1000);
    fixture_execute(fixture, ADD_MUTED);
    assert_int_equal(mute(fixture, "c1", id), ERROR_INVALID);
    assert_int_equal(mute(fixture, "c1", "x7"), ERROR_NONE);
    assert_int_equal(unmute(fixture, "c1", "x7"), ERROR_NONE);
    assert_int_equal(mute(fixture, "c1", id), ERROR_NONE);
}

static void who_is_erased_or_unknown_has_none(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct person_erase erase = {.user_id = "c1"};
    struct buffer json = BUFFER_EMPTY;
    struct preferences_find find = {.user_id = "c1", .json = &json};

    assert_int_equal(mute(fixture, "c1", id), ERROR_NONE);
    assert_int_equal(fixture_write(fixture, person_erase(&erase)), ERROR_NONE);
    assert_int_equal(count_rows(fixture), 0);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM participants WHERE is_muted = 1"), 0);
    assert_int_equal(fixture_read(fixture, preferences_find(&find)), ERROR_NOT_FOUND);
    assert_int_equal(mute(fixture, "c1", id), ERROR_NOT_FOUND);
    assert_int_equal(change(fixture, "nobody", (struct preferences_input){0}), ERROR_NOT_FOUND);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM participants WHERE is_muted = 1"), 0);
    buffer_free(&json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_has_never_chosen_has_the_defaults_and_no_row),
        TEST(what_is_not_named_stays),
        TEST(one_mutes_what_one_is_in_for_oneself_alone),
        TEST(what_is_deleted_is_muted_no_more),
        TEST(so_many_are_muted_at_most),
        TEST(who_is_erased_or_unknown_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
