/*
 * The texts that appointments are told with: defaults, files, and what is refused.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/template.h"
#include "templates/defaults.h"
#include "tests/unit/booking_fixture.h"

/* Has everything told, and gives the texts and the subject. */
static void tell_everything(const struct appointment_texts *texts, struct buffer *told)
{
    static const enum appointment_status statuses[] = {
        APPOINTMENT_CONFIRMED, APPOINTMENT_RESCHEDULED, APPOINTMENT_CANCELLED,
        APPOINTMENT_COMPLETED};
    struct suite suite = {.texts = (struct appointment_texts *)texts};
    const struct appointment_input input = fixture_booking("a1", APPOINTMENT_PENDING, -1);
    struct appointment_change_input moved = {.has_start = true, .start_ms = APRIL_MS};

    assert_int_equal(fixture_set_up((void **)&suite.fixture), 0);
    assert_true(suite_book(&suite, &input));
    assert_true(suite_change(&suite, "a1", &moved));
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        const struct appointment_change_input input_of_status =
            fixture_status_change(statuses[i], -1);
        assert_true(suite_change(&suite, "a1", &input_of_status));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_set_up, suite_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_change_has_a_default_text_of_its_own),
        TEST(the_defaults_are_the_files_and_all_of_them),
        TEST(a_bad_text_is_refused_with_its_line),
    };

    return cmocka_run_group_tests_name("appointment_texts", tests, NULL, NULL);
}
