#include "tests/unit/unit_test.h"

#include "broker/transport/query.h"

static void a_value_is_found_decoded_or_malformed(void **state)
{
    static const struct {
        const char *query, *value;
        enum query_result result;
    } cases[] = {
        {"sid=abc", "abc", QUERY_FOUND},
        {"EIO=4&transport=polling&sid=abc", "abc", QUERY_FOUND},
        {"sid=abc&t=1", "abc", QUERY_FOUND},
        {"sid=", "", QUERY_FOUND},
        {"sid=a=b", "a=b", QUERY_FOUND},
        {"sid=a&sid=b", "b", QUERY_FOUND},
        {"sid=a+b%20c", "a b c", QUERY_FOUND},
        {"sid=%C3%a9%2F", "é/", QUERY_FOUND},
        {"&&sid=x&&", "x", QUERY_FOUND},
        {"sid=12345678901", "12345678901", QUERY_FOUND},
        {"sid=123456789012", "", QUERY_MALFORMED},
        {"sid=%00", "", QUERY_MALFORMED},
        {"sid=%", "", QUERY_MALFORMED},
        {"sid=%4", "", QUERY_MALFORMED},
        {"sid=%4g", "", QUERY_MALFORMED},
        {"sid=%g4", "", QUERY_MALFORMED},
        {"sid=ok%4&x=1", "", QUERY_MALFORMED},
        {"", "", QUERY_ABSENT},
        {"sid", "", QUERY_ABSENT},
        {"sids=1", "", QUERY_ABSENT},
        {"xsid=1", "", QUERY_ABSENT},
        {"x=sid=1", "", QUERY_ABSENT},
        {"SID=1", "", QUERY_ABSENT},
        {NULL, "", QUERY_ABSENT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char value[12] = "unchanged";

        assert_int_equal(query_value(cases[i].query, "sid", value, sizeof(value)), cases[i].result);
        assert_string_equal(value, cases[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_value_is_found_decoded_or_malformed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
