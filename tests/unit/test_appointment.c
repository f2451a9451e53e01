/*
 * Appointments over a real file: repeated, changed, late, early and of others.
 */
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"
#include "db/appointment_early.h"
#include "tests/unit/booking_fixture.h"

static void a_booking_opens_its_conversation(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_CONFIRMED, -1);

    assert_true(suite_book(suite, &input));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject = 'RDV Tatouage - 12/03/2026'"
                                                    " AND appointment_id = 'a1'"),
                     1);
    assert_int_equal(suite_messages_like(suite,
                                         "Bonjour Léa, votre rendez-vous « Tatouage » chez Studio "
                                         "Encre est confirmé pour le jeudi 12 mars 2026 à "
                                         "14\u00a0h\u00a030.%"),
                     1);
    assert_int_equal(fixture_count_events(suite->fixture, "conversation-created"), 2);
    assert_int_equal(
        fixture_number(suite->fixture, "SELECT unread_total FROM users WHERE id = 'c1'"), 1);
    fixture_verify(suite->fixture);
}

static void a_repeated_booking_writes_nothing(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 3);

    assert_true(suite_book(suite, &input));
    fixture_forget_events(suite->fixture);
    /* Repeated late, it also brings names of then. */
    input.salon.salon_name = "Ancien nom";
    input.prestation = "Ancienne prestation";
    int64_t updated = fixture_number(suite->fixture, "SELECT MAX(updated_at) FROM users");
    suite->fixture->now_ms += 1000;
    assert_false(suite_book(suite, &input));
    assert_int_equal(suite->fixture->event_count, 0);
    assert_int_equal(fixture_number(suite->fixture, "SELECT MAX(updated_at) FROM users"), updated);
}

static void versions_decide_what_is_news(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input moved = {
        .has_start = true, .start_ms = APRIL_MS, .has_version = true, .version = 3};
    struct appointment_change_input confirmed = fixture_status_change(APPOINTMENT_CONFIRMED, 2);
    struct appointment_change_input cancelled = fixture_status_change(APPOINTMENT_CANCELLED, 4);

    assert_true(suite_book(suite, &input));
    assert_true(suite_change(suite, "a1", &moved));
    assert_true(suite_change(suite, "a1", &confirmed)); /* older: ignored */
    assert_true(suite_change(suite, "a1", &moved));     /* known */
    assert_true(suite_change(suite, "a1", &cancelled));
    assert_int_equal(suite_messages_like(suite, "%"), 3);
    assert_int_equal(
        suite_messages_like(suite, "%déplacé au jeudi 2 avril 2026 à 9\u00a0h\u00a000%"), 1);
    assert_int_equal(suite_messages_like(suite, "%annulé%"), 1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject = 'RDV Tatouage - 02/04/2026'"),
                     1);
    fixture_verify(suite->fixture);
}

static void a_newer_booking_changes_all_of_it(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);

    assert_true(suite_book(suite, &input));
    input.prestation = "Piercing";
    input.salon.salon_name = "Studio Nouveau";
    input.state.version = 2;
    assert_false(suite_book(suite, &input));
    assert_int_equal(suite_messages_like(suite, "%"), 1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject = 'RDV Piercing - 12/03/2026'"),
                     1);
    input.state.version = 3;
    input.state.status = APPOINTMENT_CONFIRMED;
    assert_false(suite_book(suite, &input));
    assert_int_equal(suite_messages_like(suite, "%« Piercing » chez Studio Nouveau est confirmé%"),
                     1);
    fixture_verify(suite->fixture);
}

static void a_confirmation_for_another_date_is_told_as_one(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input confirmed = fixture_status_change(APPOINTMENT_CONFIRMED, 2);

    assert_true(suite_book(suite, &input));
    confirmed.has_start = true;
    confirmed.start_ms = APRIL_MS;
    assert_true(suite_change(suite, "a1", &confirmed));
    assert_int_equal(suite_messages_like(suite, "%confirmé pour le jeudi 2 avril 2026%"), 1);
    assert_int_equal(suite_messages_like(suite, "%"), 2);
}

static void a_subject_keeps_its_date_however_long_the_service(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input moved = {.has_start = true, .start_ms = APRIL_MS};
    char prestation[2 * PRESTATION_MAX_CHARACTERS + 1] = "";

    for (int i = 0; i < PRESTATION_MAX_CHARACTERS; i++)
        strcat(prestation, "é");
    input.prestation = prestation;
    assert_true(suite_book(suite, &input));
    assert_int_equal(fixture_number(suite->fixture,
                                    "SELECT COUNT(*) FROM conversations WHERE LENGTH(subject) ="
                                    " 200 AND subject LIKE 'RDV é%é… - 12/03/2026'"),
                     1);
    assert_true(suite_change(suite, "a1", &moved));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject LIKE 'RDV é%é… - 02/04/2026'"),
                     1);
}

static void a_long_service_is_shortened_by_whole_graphemes(void **state)
{
    static const char *const graphemes[] = {"👨‍👩‍👧‍👦", "🇫🇷", "e\u0301",
                                            "\u0915\u094D\u0937"};
    struct suite *suite = *state;

    for (size_t i = 0; i < sizeof(graphemes) / sizeof(graphemes[0]); i++) {
        char id[8], sql[256], prestation[4 * PRESTATION_MAX_CHARACTERS + 1] = "", rest[2048];
        snprintf(id, sizeof(id), "g%zu", i);
        /* One character ahead, so that a cut by characters would fall into one of them. */
        for (int ahead = (int)i % 2; ahead >= 0; ahead--)
            strcat(prestation, "x");
        while (utf8_count(prestation) + utf8_count(graphemes[i]) <= PRESTATION_MAX_CHARACTERS)
            strcat(prestation, graphemes[i]);
        struct appointment_input input = fixture_booking(id, APPOINTMENT_PENDING, 1);
        input.prestation = prestation;
        assert_true(suite_book(suite, &input));
        snprintf(sql, sizeof(sql),
                 "SELECT LENGTH(REPLACE(subject, '%s', '')) FROM conversations WHERE"
                 " appointment_id = '%s'",
                 graphemes[i], id);
        snprintf(rest, sizeof(rest), "RDV x%s… - 12/03/2026", i % 2 == 1 ? "x" : "");
        assert_int_equal(fixture_number(suite->fixture, sql), utf8_count(rest));
    }
}

static void both_sides_are_told_with_their_counts(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_CONFIRMED, -1);

    assert_true(suite_book(suite, &input));
    assert_int_equal(fixture_count_events(suite->fixture, "unread-count-updated"), 2);
    assert_string_equal(fixture_event(suite->fixture, "unread-count-updated", 0)->payload,
                        "{\"totalUnread\":1}");
    assert_string_equal(fixture_event(suite->fixture, "unread-count-updated", 1)->payload,
                        "{\"totalUnread\":0}");
    assert_string_equal(fixture_event(suite->fixture, "unread-count-updated", 1)->audience, "u:s1");
}

static void without_version_a_change_to_the_present_state_writes_nothing(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_CONFIRMED, -1);
    struct appointment_change_input confirmed = fixture_status_change(APPOINTMENT_CONFIRMED, -1);
    struct appointment_change_input completed = fixture_status_change(APPOINTMENT_COMPLETED, -1);

    assert_true(suite_book(suite, &input));
    fixture_forget_events(suite->fixture);
    assert_true(suite_change(suite, "a1", &confirmed));
    assert_int_equal(suite->fixture->event_count, 0);
    assert_true(suite_change(suite, "a1", &completed));
    assert_true(suite_change(suite, "a1", &completed));
    assert_int_equal(suite_messages_like(suite, "%merci de votre visite%"), 1);
}

static void a_change_before_its_booking_is_kept(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input cancelled = fixture_status_change(APPOINTMENT_CANCELLED, 3);
    struct appointment_change_input confirmed = fixture_status_change(APPOINTMENT_CONFIRMED, 2);

    assert_false(suite_change(suite, "a1", &cancelled));
    assert_false(suite_change(suite, "a1", &confirmed));
    assert_false(suite_change(suite, "a1", &cancelled)); /* twice */
    assert_true(suite_book(suite, &input));
    assert_int_equal(suite_messages_like(suite, "%"), 3);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM messages WHERE"
                                                    " position = 2 AND content LIKE '%confirmé%'"),
                     1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM appointment_changes"), 0);
    assert_int_equal(fixture_number(suite->fixture, "SELECT version FROM appointments"), 3);
    fixture_verify(suite->fixture);
}

static void an_early_change_that_is_known_is_not_kept_again(void **state)
{
    struct suite *suite = *state;
    struct appointment_change_input versioned = fixture_status_change(APPOINTMENT_CONFIRMED, 2);
    struct appointment_change_input cancelled = fixture_status_change(APPOINTMENT_CANCELLED, -1);
    struct appointment_change_input moved = {.has_start = true, .start_ms = APRIL_MS};
    static const char count[] = "SELECT COUNT(*) FROM appointment_changes";

    for (int i = 0; i < 2; i++)
        assert_false(suite_change(suite, "a1", &versioned));
    assert_int_equal(fixture_number(suite->fixture, count), 1);
    for (int i = 0; i < 2; i++)
        assert_false(suite_change(suite, "a1", &cancelled));
    assert_int_equal(fixture_number(suite->fixture, count), 2);
    for (int i = 0; i < 2; i++)
        assert_false(suite_change(suite, "a1", &moved));
    assert_int_equal(fixture_number(suite->fixture, count), 3);
    /* Not the last one: without a version this is news. */
    assert_false(suite_change(suite, "a1", &cancelled));
    assert_int_equal(fixture_number(suite->fixture, count), 4);
}

static void early_changes_are_bounded(void **state)
{
    struct suite *suite = *state;
    struct appointment_change_input input = {.has_version = true};
    struct buffer json = BUFFER_EMPTY;
    struct appointment_change request = {
        .appointment_id = "a1", .input = &input, .texts = suite->texts, .json = &json};
    struct error error;

    for (input.version = 0; input.version < EARLY_CHANGES_MAX; input.version++)
        assert_false(suite_change(suite, "a1", &input));
    error_clear(&error);
    assert_false(database_write(suite->fixture->database, appointment_change(&request), &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void a_booking_of_other_people_is_refused(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);
    struct buffer json = BUFFER_EMPTY;
    struct appointment_create request = {
        .input = &input, .texts = suite->texts, .config = &suite->fixture->config, .json = &json};
    struct error error;

    assert_true(suite_book(suite, &input));
    input.client_user_id = "c2";
    error_clear(&error);
    assert_false(database_write(suite->fixture->database, appointment_create(&request), &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void a_client_is_no_salon(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);
    struct buffer json = BUFFER_EMPTY;
    struct appointment_create request = {
        .input = &input, .texts = suite->texts, .config = &suite->fixture->config, .json = &json};
    struct error error;

    input.salon_id = "c2";
    error_clear(&error);
    assert_false(database_write(suite->fixture->database, appointment_create(&request), &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM appointments"), 0);
}

static void new_people_are_made_with_their_names(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, -1);

    input.client_user_id = "c9";
    input.client = (struct person_input){.first_name = "Zoé", .email = "zoe@example.org"};
    assert_true(suite_book(suite, &input));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM users WHERE id = 'c9'"
                                                    " AND role = 'client' AND first_name = 'Zoé'"),
                     1);
}

static void delete_conversation(struct suite *suite)
{
    const char *room = fixture_event(suite->fixture, "new-message", 0)->audience;
    char id[ID_BYTES];
    struct conversation_reference request = {.conversation_id = id, .caller = salon("s1")};
    struct error error;

    snprintf(id, sizeof(id), "%s", room + 2);
    error_clear(&error);
    assert_true(database_write(suite->fixture->database, conversation_delete(&request), &error));
}

static void a_deleted_conversation_comes_back_with_news_alone(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input confirmed = fixture_status_change(APPOINTMENT_CONFIRMED, 2);
    struct appointment_change_input cancelled = fixture_status_change(APPOINTMENT_CANCELLED, 3);
    struct buffer json = BUFFER_EMPTY;
    struct appointment_change known = {
        .appointment_id = "a1", .input = &confirmed, .texts = suite->texts, .json = &json};
    struct error error;

    assert_true(suite_book(suite, &input));
    assert_true(suite_change(suite, "a1", &confirmed));
    delete_conversation(suite);
    error_clear(&error);
    assert_true(database_write(suite->fixture->database, appointment_change(&known), &error));
    assert_int_equal(json.length, 0);
    assert_false(known.is_early);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations"), 0);
    assert_true(suite_change(suite, "a1", &cancelled));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations"), 1);
    assert_int_equal(suite_messages_like(suite, "%annulé%"), 1);
    fixture_verify(suite->fixture);
}

static void an_appointment_that_is_told_again_has_its_conversation(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, 1);

    assert_true(suite_book(suite, &input));
    delete_conversation(suite);
    assert_true(suite_book(suite, &input));
    assert_false(suite_book(suite, &input));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations"), 1);
    fixture_verify(suite->fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_set_up, suite_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_booking_opens_its_conversation),
        TEST(a_repeated_booking_writes_nothing),
        TEST(versions_decide_what_is_news),
        TEST(a_newer_booking_changes_all_of_it),
        TEST(a_confirmation_for_another_date_is_told_as_one),
        TEST(a_long_service_is_shortened_by_whole_graphemes),
        TEST(a_subject_keeps_its_date_however_long_the_service),
        TEST(both_sides_are_told_with_their_counts),
        TEST(without_version_a_change_to_the_present_state_writes_nothing),
        TEST(a_change_before_its_booking_is_kept),
        TEST(an_early_change_that_is_known_is_not_kept_again),
        TEST(early_changes_are_bounded),
        TEST(a_booking_of_other_people_is_refused),
        TEST(a_client_is_no_salon),
        TEST(new_people_are_made_with_their_names),
        TEST(a_deleted_conversation_comes_back_with_news_alone),
        TEST(an_appointment_that_is_told_again_has_its_conversation),
    };

    return cmocka_run_group_tests_name("appointment", tests, NULL, NULL);
}
