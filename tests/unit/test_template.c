#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/local_time.h"
#include "common/template.h"

static const char *const known[] = {"prenom", "salon"};

static struct template *parse(const char *text, struct error *error)
{
    error_clear(error);
    return template_parse("test.txt", text, strlen(text), known, ARRAY_LENGTH(known), error);
}

static void check_render(const char *text, const char *first_name, const char *expected)
{
    const struct template_variable values[] = {{"prenom", first_name}, {"salon", "Encre"}};
    struct buffer out = BUFFER_EMPTY;
    struct error error;
    struct template *template = parse(text, &error);

    assert_non_null(template);
    template_render(template, values, &out);
    assert_string_equal(buffer_text(&out), expected);
    buffer_free(&out);
    template_free(template);
}

static void variables_are_replaced(void **state)
{
    (void)state;
    check_render("Bonjour {prenom}, chez {salon}.\n\n", "Léa", "Bonjour Léa, chez Encre.");
    check_render("{prenom}{salon}", "Léa", "LéaEncre");
    check_render("rien", NULL, "rien");
    check_render("deux\nlignes {salon}", NULL, "deux\nlignes Encre");
}

static void an_empty_variable_takes_its_blank_along(void **state)
{
    (void)state;
    check_render("Bonjour {prenom}, chez {salon}.", NULL, "Bonjour, chez Encre.");
    check_render("{prenom} bonjour", "", " bonjour");
}

static void a_doubled_brace_is_a_brace(void **state)
{
    (void)state;
    check_render("{{prenom} {prenom} }", "Léa", "{prenom} Léa }");
}

static void check_refused(const char *text, const char *expected)
{
    struct error error;

    assert_null(parse(text, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    if (strstr(error.text, expected) == NULL)
        print_error("%s\n", error.text);
    assert_non_null(strstr(error.text, expected));
}

static void mistakes_are_refused_with_their_line(void **state)
{
    (void)state;
    check_refused("Bonjour\n{nom}", "test.txt:2: unknown variable {nom}");
    check_refused("Bonjour {prenom", "test.txt:1: a brace is not closed");
    check_refused("Bonjour {prenom\n}", "test.txt:1: a brace is not closed");
    check_refused("{", "test.txt:1: a brace is not closed");
    check_refused("   \n", "empty");
    check_refused("\xff", "not valid UTF-8");
}

static void a_file_is_read_up_to_its_limit(void **state)
{
    char path[] = "/tmp/messagerie-template-XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = fdopen(descriptor, "w");
    struct error error;

    (void)state;
    assert_non_null(file);
    for (int i = 0; i < TEMPLATE_MAX_BYTES; i++)
        fputc('x', file);
    fflush(file);
    error_clear(&error);
    struct template *template = template_load(path, known, ARRAY_LENGTH(known), &error);
    assert_non_null(template);
    template_free(template);
    fputc('x', file);
    fclose(file);
    assert_null(template_load(path, known, ARRAY_LENGTH(known), &error));
    unlink(path);
    assert_null(template_load(path, known, ARRAY_LENGTH(known), &error));
}

static void check_time(int64_t wall_ms, const char *date, const char *short_date, const char *hour)
{
    char text[LOCAL_TIME_TEXT_BYTES];

    local_time_long_date(wall_ms, text);
    assert_string_equal(text, date);
    local_time_short_date(wall_ms, text);
    assert_string_equal(text, short_date);
    local_time_hour(wall_ms, text);
    assert_string_equal(text, hour);
}

/* Daylight saving began on 29 March 2026 and ended on 25 October 2026, both at 01:00 UTC. */
static void dates_follow_daylight_saving(void **state)
{
    struct error error;

    (void)state;
    error_clear(&error);
    assert_true(local_time_use_zone("Europe/Paris", &error));
    check_time(1774745999000, "dimanche 29 mars 2026", "29/03/2026", "1\u00a0h\u00a059");
    check_time(1774746000000, "dimanche 29 mars 2026", "29/03/2026", "3\u00a0h\u00a000");
    check_time(1792889999000, "dimanche 25 octobre 2026", "25/10/2026", "2\u00a0h\u00a059");
    check_time(1792890000000, "dimanche 25 octobre 2026", "25/10/2026", "2\u00a0h\u00a000");
    check_time(1769900400000, "dimanche 1er février 2026", "01/02/2026", "0\u00a0h\u00a000");
    assert_true(local_time_use_zone("America/Cayenne", &error));
    check_time(1774746000000, "samedi 28 mars 2026", "28/03/2026", "22\u00a0h\u00a000");
}

static void an_unknown_zone_is_refused(void **state)
{
    struct error error;

    (void)state;
    error_clear(&error);
    assert_false(local_time_use_zone("Europe/Pariss", &error));
    assert_non_null(strstr(error.text, "Europe/Pariss"));
    assert_false(local_time_use_zone("", &error));
    assert_false(local_time_use_zone("../passwd", &error));
    assert_false(local_time_use_zone("/etc/passwd", &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_replaced),
        cmocka_unit_test(an_empty_variable_takes_its_blank_along),
        cmocka_unit_test(a_doubled_brace_is_a_brace),
        cmocka_unit_test(mistakes_are_refused_with_their_line),
        cmocka_unit_test(a_file_is_read_up_to_its_limit),
        cmocka_unit_test(dates_follow_daylight_saving),
        cmocka_unit_test(an_unknown_zone_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
