/*
 * Appointments, erasure and export over a real file.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/template.h"
#include "db/appointment.h"
#include "db/appointment_early.h"
#include "db/privacy.h"
#include "templates/defaults.h"
#include "tests/unit/db_fixture.h"

/* 12 March 2026, 14:30 in Paris, winter time; and 2 April, 9:00, summer time. */
#define MARCH_MS 1773322200000
#define APRIL_MS 1775113200000

struct suite {
    struct fixture *fixture;
    struct appointment_texts *texts;
};

static int set_up(void **state)
{
    struct suite *suite = calloc(1, sizeof(*suite));

    assert_non_null(suite);
    assert_int_equal(fixture_set_up((void **)&suite->fixture), 0);
    suite->texts = fixture_texts();
    *state = suite;
    return 0;
}

static int tear_down(void **state)
{
    struct suite *suite = *state;
    int result = fixture_tear_down((void **)&suite->fixture);

    appointment_texts_free(suite->texts);
    free(suite);
    return result;
}

static struct appointment_input booking(const char *id, enum appointment_status status,
                                        int64_t version)
{
    return (struct appointment_input){
        .appointment_id = id,
        .salon_id = "s1",
        .client_user_id = "c1",
        .prestation = "Tatouage",
        .state = {.has_start = true,
                  .start_ms = MARCH_MS,
                  .has_status = true,
                  .status = status,
                  .has_version = version >= 0,
                  .version = version},
        .salon = {.salon_name = "Studio Encre"},
    };
}

/* True when it opened a conversation. */
static bool book(struct suite *suite, const struct appointment_input *input)
{
    struct buffer json = BUFFER_EMPTY;
    struct appointment_create request = {
        .input = input, .texts = suite->texts, .config = &suite->fixture->config, .json = &json};
    struct error error;

    error_clear(&error);
    bool succeeded = database_write(suite->fixture->database, appointment_create(&request), &error);
    if (!succeeded)
        print_error("%s %s\n", error.text, error.detail);
    assert_true(succeeded);
    json_object_put(fixture_parse(&json));
    buffer_free(&json);
    return !request.existed;
}

/* True when the appointment was known. */
static bool change(struct suite *suite, const char *id,
                   const struct appointment_change_input *input)
{
    struct buffer json = BUFFER_EMPTY;
    struct appointment_change request = {
        .appointment_id = id, .input = input, .texts = suite->texts, .json = &json};
    struct error error;

    error_clear(&error);
    assert_true(database_write(suite->fixture->database, appointment_change(&request), &error));
    assert_true(request.is_early == (json.length == 0));
    buffer_free(&json);
    return !request.is_early;
}

static struct appointment_change_input status_change(enum appointment_status status,
                                                     int64_t version)
{
    return (struct appointment_change_input){
        .has_status = true, .status = status, .has_version = version >= 0, .version = version};
}

static int64_t messages_like(struct suite *suite, const char *pattern)
{
    char sql[256];

    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM messages WHERE content LIKE '%s'", pattern);
    return fixture_number(suite->fixture, sql);
}

static void a_booking_opens_its_conversation(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = booking("a1", APPOINTMENT_CONFIRMED, -1);

    assert_true(book(suite, &input));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject = 'RDV Tatouage - 12/03/2026'"
                                                    " AND appointment_id = 'a1'"),
                     1);
    assert_int_equal(messages_like(suite, "Bonjour Léa, votre rendez-vous « Tatouage » chez Studio "
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
    struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 3);

    assert_true(book(suite, &input));
    fixture_forget_events(suite->fixture);
    /* Repeated late, it also brings names of then. */
    input.salon.salon_name = "Ancien nom";
    input.prestation = "Ancienne prestation";
    int64_t updated = fixture_number(suite->fixture, "SELECT MAX(updated_at) FROM users");
    suite->fixture->now_ms += 1000;
    assert_false(book(suite, &input));
    assert_int_equal(suite->fixture->event_count, 0);
    assert_int_equal(fixture_number(suite->fixture, "SELECT MAX(updated_at) FROM users"), updated);
}

static void versions_decide_what_is_news(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input moved = {
        .has_start = true, .start_ms = APRIL_MS, .has_version = true, .version = 3};
    struct appointment_change_input confirmed = status_change(APPOINTMENT_CONFIRMED, 2);
    struct appointment_change_input cancelled = status_change(APPOINTMENT_CANCELLED, 4);

    assert_true(book(suite, &input));
    assert_true(change(suite, "a1", &moved));
    assert_true(change(suite, "a1", &confirmed)); /* older: ignored */
    assert_true(change(suite, "a1", &moved));     /* known */
    assert_true(change(suite, "a1", &cancelled));
    assert_int_equal(messages_like(suite, "%"), 3);
    assert_int_equal(messages_like(suite, "%déplacé au jeudi 2 avril 2026 à 9\u00a0h\u00a000%"), 1);
    assert_int_equal(messages_like(suite, "%annulé%"), 1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject = 'RDV Tatouage - 02/04/2026'"),
                     1);
    fixture_verify(suite->fixture);
}

static void a_newer_booking_changes_all_of_it(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);

    assert_true(book(suite, &input));
    input.prestation = "Piercing";
    input.salon.salon_name = "Studio Nouveau";
    input.state.version = 2;
    assert_false(book(suite, &input));
    assert_int_equal(messages_like(suite, "%"), 1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject = 'RDV Piercing - 12/03/2026'"),
                     1);
    input.state.version = 3;
    input.state.status = APPOINTMENT_CONFIRMED;
    assert_false(book(suite, &input));
    assert_int_equal(messages_like(suite, "%« Piercing » chez Studio Nouveau est confirmé%"), 1);
    fixture_verify(suite->fixture);
}

static void a_confirmation_for_another_date_is_told_as_one(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input confirmed = status_change(APPOINTMENT_CONFIRMED, 2);

    assert_true(book(suite, &input));
    confirmed.has_start = true;
    confirmed.start_ms = APRIL_MS;
    assert_true(change(suite, "a1", &confirmed));
    assert_int_equal(messages_like(suite, "%confirmé pour le jeudi 2 avril 2026%"), 1);
    assert_int_equal(messages_like(suite, "%"), 2);
}

static void a_subject_keeps_its_date_however_long_the_service(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input moved = {.has_start = true, .start_ms = APRIL_MS};
    char prestation[2 * PRESTATION_MAX_CHARACTERS + 1] = "";

    for (int i = 0; i < PRESTATION_MAX_CHARACTERS; i++)
        strcat(prestation, "é");
    input.prestation = prestation;
    assert_true(book(suite, &input));
    assert_int_equal(fixture_number(suite->fixture,
                                    "SELECT COUNT(*) FROM conversations WHERE LENGTH(subject) ="
                                    " 200 AND subject LIKE 'RDV é%é… - 12/03/2026'"),
                     1);
    assert_true(change(suite, "a1", &moved));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject LIKE 'RDV é%é… - 02/04/2026'"),
                     1);
}

static void both_sides_are_told_with_their_counts(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = booking("a1", APPOINTMENT_CONFIRMED, -1);

    assert_true(book(suite, &input));
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
    const struct appointment_input input = booking("a1", APPOINTMENT_CONFIRMED, -1);
    struct appointment_change_input confirmed = status_change(APPOINTMENT_CONFIRMED, -1);
    struct appointment_change_input completed = status_change(APPOINTMENT_COMPLETED, -1);

    assert_true(book(suite, &input));
    fixture_forget_events(suite->fixture);
    assert_true(change(suite, "a1", &confirmed));
    assert_int_equal(suite->fixture->event_count, 0);
    assert_true(change(suite, "a1", &completed));
    assert_true(change(suite, "a1", &completed));
    assert_int_equal(messages_like(suite, "%merci de votre visite%"), 1);
}

static void a_change_before_its_booking_is_kept(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input cancelled = status_change(APPOINTMENT_CANCELLED, 3);
    struct appointment_change_input confirmed = status_change(APPOINTMENT_CONFIRMED, 2);

    assert_false(change(suite, "a1", &cancelled));
    assert_false(change(suite, "a1", &confirmed));
    assert_false(change(suite, "a1", &cancelled)); /* twice */
    assert_true(book(suite, &input));
    assert_int_equal(messages_like(suite, "%"), 3);
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
    struct appointment_change_input versioned = status_change(APPOINTMENT_CONFIRMED, 2);
    struct appointment_change_input cancelled = status_change(APPOINTMENT_CANCELLED, -1);
    struct appointment_change_input moved = {.has_start = true, .start_ms = APRIL_MS};
    static const char count[] = "SELECT COUNT(*) FROM appointment_changes";

    for (int i = 0; i < 2; i++)
        assert_false(change(suite, "a1", &versioned));
    assert_int_equal(fixture_number(suite->fixture, count), 1);
    for (int i = 0; i < 2; i++)
        assert_false(change(suite, "a1", &cancelled));
    assert_int_equal(fixture_number(suite->fixture, count), 2);
    for (int i = 0; i < 2; i++)
        assert_false(change(suite, "a1", &moved));
    assert_int_equal(fixture_number(suite->fixture, count), 3);
    /* Not the last one: without a version this is news. */
    assert_false(change(suite, "a1", &cancelled));
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
        assert_false(change(suite, "a1", &input));
    error_clear(&error);
    assert_false(database_write(suite->fixture->database, appointment_change(&request), &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void a_booking_of_other_people_is_refused(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);
    struct buffer json = BUFFER_EMPTY;
    struct appointment_create request = {
        .input = &input, .texts = suite->texts, .config = &suite->fixture->config, .json = &json};
    struct error error;

    assert_true(book(suite, &input));
    input.client_user_id = "c2";
    error_clear(&error);
    assert_false(database_write(suite->fixture->database, appointment_create(&request), &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void a_client_is_no_salon(void **state)
{
    struct suite *suite = *state;
    struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);
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
    struct appointment_input input = booking("a1", APPOINTMENT_PENDING, -1);

    input.client_user_id = "c9";
    input.client = (struct person_input){.first_name = "Zoé", .email = "zoe@example.org"};
    assert_true(book(suite, &input));
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
    const struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);
    struct appointment_change_input confirmed = status_change(APPOINTMENT_CONFIRMED, 2);
    struct appointment_change_input cancelled = status_change(APPOINTMENT_CANCELLED, 3);
    struct buffer json = BUFFER_EMPTY;
    struct appointment_change known = {
        .appointment_id = "a1", .input = &confirmed, .texts = suite->texts, .json = &json};
    struct error error;

    assert_true(book(suite, &input));
    assert_true(change(suite, "a1", &confirmed));
    delete_conversation(suite);
    error_clear(&error);
    assert_true(database_write(suite->fixture->database, appointment_change(&known), &error));
    assert_int_equal(json.length, 0);
    assert_false(known.is_early);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations"), 0);
    assert_true(change(suite, "a1", &cancelled));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations"), 1);
    assert_int_equal(messages_like(suite, "%annulé%"), 1);
    fixture_verify(suite->fixture);
}

static void an_appointment_that_is_told_again_has_its_conversation(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = booking("a1", APPOINTMENT_PENDING, 1);

    assert_true(book(suite, &input));
    delete_conversation(suite);
    assert_true(book(suite, &input));
    assert_false(book(suite, &input));
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations"), 1);
    fixture_verify(suite->fixture);
}

static void erasing_leaves_no_name(void **state)
{
    struct suite *suite = *state;
    const struct appointment_input input = booking("a1", APPOINTMENT_CONFIRMED, -1);
    struct person_erase erase = {.user_id = "c1"};
    struct error error;

    assert_true(book(suite, &input));
    error_clear(&error);
    assert_true(database_write(suite->fixture->database, person_erase(&erase), &error));
    assert_int_equal(erase.conversations, 1);
    assert_int_equal(messages_like(suite, "%Léa%"), 0);
    assert_int_equal(messages_like(suite, "Bonjour [effacé],%"), 1);
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
    struct appointment_input input = booking("a1", APPOINTMENT_CONFIRMED, -1);
    struct person_erase erase = {.user_id = "c1"};
    struct error error;

    input.prestation = "Léandre à la rose";
    assert_true(book(suite, &input)); /* Bonjour Léa */
    rename_client(suite, "est", "rose");
    rename_client(suite, "Zoé", "");
    error_clear(&error);
    assert_true(database_write(suite->fixture->database, person_erase(&erase), &error));
    assert_int_equal(messages_like(suite, "Bonjour [effacé], votre rendez-vous « Léandre à la "
                                          "[effacé] » chez Studio Encre [effacé] confirmé%"),
                     1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                                    " subject LIKE 'RDV Léandre à la [effacé] -%'"),
                     1);
    assert_int_equal(fixture_number(suite->fixture, "SELECT COUNT(*) FROM person_names"), 0);
    fixture_verify(suite->fixture);
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

/* Has everything told, and gives the texts and the subject. */
static void tell_everything(const struct appointment_texts *texts, struct buffer *told)
{
    static const enum appointment_status statuses[] = {
        APPOINTMENT_CONFIRMED, APPOINTMENT_RESCHEDULED, APPOINTMENT_CANCELLED,
        APPOINTMENT_COMPLETED};
    struct suite suite = {.texts = (struct appointment_texts *)texts};
    const struct appointment_input input = booking("a1", APPOINTMENT_PENDING, -1);
    struct appointment_change_input moved = {.has_start = true, .start_ms = APRIL_MS};

    assert_int_equal(fixture_set_up((void **)&suite.fixture), 0);
    assert_true(book(&suite, &input));
    assert_true(change(&suite, "a1", &moved));
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        const struct appointment_change_input input_of_status = status_change(statuses[i], -1);
        assert_true(change(&suite, "a1", &input_of_status));
    }
    for (size_t i = 0; i < suite.fixture->event_count; i++) {
        const char *content = strstr(suite.fixture->events[i].payload, "\"content\":\"");
        const char *subject = strstr(suite.fixture->events[i].payload, "\"subject\":\"");
        if (content != NULL)
            buffer_append(told, content, strcspn(content + 11, "\"") + 11);
        if (subject != NULL)
            buffer_append(told, subject, strcspn(subject + 11, "\"") + 11);
    }
    assert_int_equal(fixture_tear_down((void **)&suite.fixture), 0);
}

static void every_change_has_a_default_text_of_its_own(void **state)
{
    struct suite *suite = *state;
    struct buffer told = BUFFER_EMPTY;
    static const char *const words[] = {"attente de confirmation",
                                        "est déplacé au jeudi",
                                        "est confirmé",
                                        "est reporté",
                                        "est annulé",
                                        "merci de votre visite"};

    tell_everything(suite->texts, &told);
    const char *rest = buffer_text(&told);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        rest = strstr(rest, words[i]);
        assert_non_null(rest);
    }
    assert_non_null(strstr(buffer_text(&told), "\"subject\":\"RDV Tatouage - "));
    buffer_free(&told);
}

/* Whether the file has that text and nothing else. */
static bool holds(const char *directory, const char *file, const char *text)
{
    char path[600], content[TEMPLATE_MAX_BYTES + 1];

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return false;
    content[fread(content, 1, sizeof(content) - 1, stream)] = '\0';
    fclose(stream);
    return strcmp(content, text) == 0;
}

static int is_text(const struct dirent *entry)
{
    return strstr(entry->d_name, ".txt") != NULL;
}

static void the_defaults_are_the_files_and_all_of_them(void **state)
{
    const char *source = getenv("srcdir"); /* set by `make check` */
    struct dirent **entries;
    char directory[512];

    (void)state;
    snprintf(directory, sizeof(directory), "%s/templates", source != NULL ? source : ".");
    int texts = scandir(directory, &entries, is_text, alphasort);
    assert_true(texts > 0);
    for (int i = 0; i < texts; i++)
        free(entries[i]);
    free(entries);
    for (const struct template_default *one = template_defaults; one->file != NULL; one++) {
        if (!holds(directory, one->file, one->text))
            fail_msg("%s/%s holds not \"%s\"", directory, one->file, one->text);
        texts--;
    }
    assert_int_equal(texts, 0);
}

static void a_bad_text_is_refused_with_its_line(void **state)
{
    struct suite *suite = *state;
    char path[128];
    struct error error;

    snprintf(path, sizeof(path), "%s/completed.txt", suite->fixture->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("Merci {prenom},\nà bientôt chez {boutique} !\n", file);
    fclose(file);
    error_clear(&error);
    assert_null(appointment_texts_load(suite->fixture->directory, &error));
    assert_non_null(strstr(error.text, "completed.txt:2: unknown variable {boutique}"));
    unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_booking_opens_its_conversation),
        TEST(a_repeated_booking_writes_nothing),
        TEST(versions_decide_what_is_news),
        TEST(a_newer_booking_changes_all_of_it),
        TEST(a_confirmation_for_another_date_is_told_as_one),
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
        TEST(erasing_leaves_no_name),
        TEST(erasing_finds_former_names_and_spares_other_words),
        TEST(an_export_holds_what_the_person_wrote),
        TEST(every_change_has_a_default_text_of_its_own),
        TEST(the_defaults_are_the_files_and_all_of_them),
        TEST(a_bad_text_is_refused_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
