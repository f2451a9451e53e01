#include "tests/unit/booking_fixture.h"

#include <stdio.h>
#include <stdlib.h>

int suite_set_up(void **state)
{
    struct suite *suite = calloc(1, sizeof(*suite));

    assert_non_null(suite);
    assert_int_equal(fixture_set_up((void **)&suite->fixture), 0);
    suite->texts = fixture_texts();
    *state = suite;
    return 0;
}

int suite_tear_down(void **state)
{
    struct suite *suite = *state;
    int result = fixture_tear_down((void **)&suite->fixture);

    appointment_texts_free(suite->texts);
    free(suite);
    return result;
}

struct appointment_input fixture_booking(const char *id, enum appointment_status status,
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

struct appointment_change_input fixture_status_change(enum appointment_status status,
                                                      int64_t version)
{
    return (struct appointment_change_input){
        .has_status = true, .status = status, .has_version = version >= 0, .version = version};
}

bool suite_book(struct suite *suite, const struct appointment_input *input)
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

bool suite_change(struct suite *suite, const char *id, const struct appointment_change_input *input)
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

int64_t suite_messages_like(struct suite *suite, const char *pattern)
{
    char sql[256];

    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM messages WHERE content LIKE '%s'", pattern);
    return fixture_number(suite->fixture, sql);
}
