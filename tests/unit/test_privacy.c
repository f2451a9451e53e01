/*
 * Erasure and export over a real file.
 */
#include <string.h>

#include "db/privacy.h"
#include "tests/unit/booking_fixture.h"

static void erasing_leaves_no_name(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_CONFIRMED, -1);
    struct person_erase erase = {.user_id = "c1"};
    struct error error;

    assert_true(suite_book(suite, &input));
    error_clear(&error);
    assert_true(database_write(suite->fixture->database, person_erase(&erase), &error));
    assert_int_equal(erase.conversations, 1);
    assert_int_equal(suite_messages_like(suite, "%Léa%"), 0);
    assert_int_equal(suite_messages_like(suite, "Bonjour [effacé],%"), 1);
    assert_int_equal(
        fixture_number(suite->fixture, "SELECT COUNT(*) FROM outbox WHERE payload LIKE '%Léa%'"),
        0);
    assert_false(database_write(suite->fixture->database, person_erase(&erase), &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    fixture_verify(suite->fixture);
}

static void rename_client(struct suite *suite, const char *first_name, const char *last_name)
{
    struct person_set set = {.user_id = "c1",
                             .fields = {.first_name = first_name, .last_name = last_name}};
    struct error error;

    error_clear(&error);
    assert_true(database_write(suite->fixture->database, person_set(&set), &error));
}

static void erasing_finds_former_names_and_spares_other_words(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = fixture_booking("a1", APPOINTMENT_CONFIRMED, -1);
    struct person_erase erase = {.user_id = "c1"};
    struct error error;

    input.prestation = "Léandre à la rose";
    assert_true(suite_book(suite, &input)); /* Bonjour Léa */
    rename_client(suite, "est", "rose");
    rename_client(suite, "Zoé", "");
    error_clear(&error);
    assert_true(database_write(suite->fixture->database, person_erase(&erase), &error));
    assert_int_equal(suite_messages_like(suite,
                                         "Bonjour [effacé], votre rendez-vous « Léandre à la "
                                         "[effacé] » chez Studio Encre [effacé] confirmé%"),
                     1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject LIKE 'RDV Léandre à la [effacé] -%'"),
                     1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM person_names"), 0);
    fixture_verify(suite->fixture);
}

static void a_subject_that_grows_by_erasing_stays_within_its_limit(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = fixture_booking("a1", APPOINTMENT_CONFIRMED, -1);
    struct person_erase erase = {.user_id = "c1"};
    struct error error;
    char prestation[PRESTATION_MAX_CHARACTERS + 1] = "";

    while (strlen(prestation) + 2 <= PRESTATION_MAX_CHARACTERS)
        strcat(prestation, "A ");
    input.prestation = prestation;
    input.client.first_name = "A";
    assert_true(suite_book(suite, &input));
    error_clear(&error);
    assert_true(database_write(suite->fixture->database, person_erase(&erase), &error));
    assert_int_equal(fixture_number(suite->fixture,
                                    "SELECT COUNT(*) FROM conversations WHERE LENGTH(subject) <="
                                    " 200 AND subject LIKE 'RDV [effacé] [effacé] %'"),
                     1);
}

static void an_export_holds_what_the_person_wrote(void **state)
{
    struct suite *suite = *state;
    const char *id = fixture_conversation(suite->fixture);
    struct buffer json = BUFFER_EMPTY;
    struct person_export request = {.user_id = "c1", .json = &json};
    struct error error;

    fixture_send(suite->fixture, id, client("c1"), "mes mots");
    fixture_send(suite->fixture, id, salon("s1"), "ceux du salon");
    error_clear(&error);
    assert_true(database_read(suite->fixture->database, person_export(&request), &error));
    assert_non_null(strstr(buffer_text(&json), "mes mots"));
    assert_null(strstr(buffer_text(&json), "ceux du salon"));
    json_object_put(fixture_parse(&json));
    buffer_free(&json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_set_up, suite_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(erasing_leaves_no_name),
        TEST(erasing_finds_former_names_and_spares_other_words),
        TEST(a_subject_that_grows_by_erasing_stays_within_its_limit),
        TEST(an_export_holds_what_the_person_wrote),
    };

    return cmocka_run_group_tests_name("privacy", tests, NULL, NULL);
}
