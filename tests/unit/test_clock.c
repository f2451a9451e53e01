#include "tests/unit/unit_test.h"

#include <time.h>

#include "common/clock.h"

static const struct {
    int64_t wall_ms;
    const char *text;
} pairs[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {INT64_C(1795504066683), "2026-11-24T07:07:46.683Z"},
    {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
    {INT64_C(951868799999), "2000-02-29T23:59:59.999Z"},
    {INT64_C(-2203891200001), "1900-02-28T23:59:59.999Z"},
    {INT64_C(-2203891200000), "1900-03-01T00:00:00.000Z"},
    {INT64_C(1735689599999), "2024-12-31T23:59:59.999Z"},
    {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
    {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
    {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
};

static void a_time_is_written_with_milliseconds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        char text[TIMESTAMP_BYTES];
        timestamp_format(pairs[i].wall_ms, text);
        assert_string_equal(text, pairs[i].text);
    }
}

static void what_was_written_is_read_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        int64_t wall_ms = 42;
        assert_true(timestamp_parse(pairs[i].text, &wall_ms));
        assert_int_equal(wall_ms, pairs[i].wall_ms);
    }
}

/* Every day of a 400-year cycle against the C library. */
static void every_day_of_400_years_is_the_library_s(void **state)
{
    const int64_t ms_per_day = 86400000;

    (void)state;
    for (int64_t day = -400 * 366; day < 400 * 366; day++) {
        char text[TIMESTAMP_BYTES];
        char expected[TIMESTAMP_BYTES];
        struct tm parts;
        time_t seconds = (time_t)(day * 86400);
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_int_equal(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000Z", &parts),
                         TIMESTAMP_BYTES - 1);
        timestamp_format(day * ms_per_day, text);
        assert_string_equal(text, expected);
        int64_t wall_ms = 0;
        assert_true(timestamp_parse(text, &wall_ms));
        assert_int_equal(wall_ms, day * ms_per_day);
    }
}

static void other_years_are_clamped(void **state)
{
    char text[TIMESTAMP_BYTES];

    (void)state;
    timestamp_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    timestamp_format(INT64_C(253402300800000), text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    timestamp_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void other_forms_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } forms[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.12Z", 120},
        {"1970-01-01T00:00:00.1239999Z", 123},
        {"1970-01-01T02:00:00+02:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-01T00:00:00.250-00:00", 250},
        {"1970-01-01T23:59:00+23:59", 0},
        {"2024-02-29T12:00:00+01:00", INT64_C(1709204400000)},
        {"1970-01-01T00:00Z", 0},
        {"1970-01-01T01:00+01:00", 0},
        {"1970-01-01T01:00:00+0100", 0},
        {"1970-01-01T01:00:00+01", 0},
        {"1969-12-31T23:00:00,500-01", 500},
        {"1970-01-01 00:00:00.000001+00", 0},
        {"1970-01-01T01:00+01:00[Europe/Paris]", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        int64_t wall_ms = 42;
        assert_true(timestamp_parse(forms[i].text, &wall_ms));
        assert_int_equal(wall_ms, forms[i].wall_ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "2026",
        "2026-11-24",
        "2026-11-24T07:07:46",
        "2026-11-24T07:07",
        "2026-11-24T07Z",
        "2026-11-24T07:7Z",
        "2026-11-24T07:07:Z",
        "2026-11-24T07:07:46.Z",
        "2026-11-24T07:07:46,Z",
        "2026-11-24T07:07:46+020",
        "2026-11-24T07:07:46+02:",
        "2026-11-24T07:07:46+02:0",
        "2026-11-24T07:07:46+02000",
        "2026-11-24T07:07:46Z[",
        "2026-11-24T07:07:46Z[]",
        "2026-11-24T07:07:46Z[Europe/Paris]x",
        "2026-11-24T07:07:46[Europe/Paris]",
        "2026-W48-2",
        "1795504066",
        "2026-11-24T07:07:46.683Zx",
        " 2026-11-24T07:07:46.683Z",
        "2026-00-24T07:07:46Z",
        "2026-13-24T07:07:46Z",
        "2026-11-00T07:07:46Z",
        "2026-11-31T07:07:46Z",
        "2026-02-29T07:07:46Z",
        "1900-02-29T07:07:46Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T07:60:00Z",
        "2026-11-24T07:07:60Z",
        "2026-11-24T07:07:46+24:00",
        "2026-11-24T07:07:46+02:60",
        "2026-11-24T07:07:46+2:00",
        "02026-11-24T07:07:46Z",
        "+026-11-24T07:07:46Z",
        "2026-1-24T07:07:46Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        int64_t wall_ms = 42;
        if (timestamp_parse(texts[i], &wall_ms))
            fail_msg("accepted: %s", texts[i]);
        assert_int_equal(wall_ms, 42);
    }
}

static void the_system_s_clock_goes_on(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = clock_wall_ms(&clock_system);
    int64_t after = ((int64_t)time(NULL) + 1) * 1000;
    assert_true(now >= before && now <= after);

    int64_t first = clock_monotonic_ms(&clock_system);
    int64_t second = clock_monotonic_ms(&clock_system);
    assert_true(second >= first);
}

static int64_t context_value(void *context)
{
    return *(int64_t *)context;
}

static void a_test_sets_the_time(void **state)
{
    int64_t now = 17;
    const struct clock clock = {context_value, context_value, &now};

    (void)state;
    assert_int_equal(clock_wall_ms(&clock), 17);
    now = 18;
    assert_int_equal(clock_monotonic_ms(&clock), 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_with_milliseconds),
        cmocka_unit_test(what_was_written_is_read_again),
        cmocka_unit_test(every_day_of_400_years_is_the_library_s),
        cmocka_unit_test(other_years_are_clamped),
        cmocka_unit_test(other_forms_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(the_system_s_clock_goes_on),
        cmocka_unit_test(a_test_sets_the_time),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
