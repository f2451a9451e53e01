/*
 * Request targets, percent-encoding, queries (fcgi/uri.h) and routes (fcgi/router.h).
 */
#include "tests/unit/unit_test.h"

#include "fcgi/router.h"

static struct text_span span(const char *text)
{
    return (struct text_span){text, strlen(text)};
}

static void assert_span(struct text_span actual, const char *expected)
{
    assert_int_equal(actual.length, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.length);
}

/* ---- targets -------------------------------------------------------------------------------- */

static void splits_targets(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/", "/", ""},
        {"/a/b", "/a/b", ""},
        {"/a?x=1", "/a", "x=1"},
        {"/a?", "/a", ""},
        {"/a?x=1?y=2", "/a", "x=1?y=2"},
        {"/a?x#y", "/a", "x"},
        {"/a#y?x", "/a", ""},
        {"*", "*", ""},
        {"//a//b", "//a//b", ""},
        {"http://host/a?x", "/a", "x"},
        {"HTTPS://host:8080/a", "/a", ""},
        {"http://host", "/", ""},
        {"http://host?x", "/", "x"},
        {"http://host#f", "/", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct uri_target target;
        assert_true(uri_split(cases[i].target, &target));
        assert_span(target.path, cases[i].path);
        assert_span(target.query, cases[i].query);
    }
}

static void refuses_other_targets(void **state)
{
    static const char *const targets[] = {"",        "a",  "?x",           "#",
                                          "host:80", "**", "ftp://host/a", " /a"};
    struct uri_target target;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(targets); i++)
        assert_false(uri_split(targets[i], &target));
}

/* ---- percent-encoding ----------------------------------------------------------------------- */

static void decodes(void **state)
{
    static const struct {
        const char *encoded;
        bool plus_is_space;
        enum uri_decode_result result;
        const char *decoded;
    } cases[] = {
        {"", false, URI_DECODED, ""},
        {"abc", false, URI_DECODED, "abc"},
        {"%41%4a%4A", false, URI_DECODED, "AJJ"},
        {"a+b%2B", false, URI_DECODED, "a+b+"},
        {"a+b%2B", true, URI_DECODED, "a b+"},
        {"%C3%A9", false, URI_DECODED, "é"},
        {"é", false, URI_DECODED, "é"},
        {"%25%34%31", false, URI_DECODED, "%41"}, /* once, not twice */
        {"%2F", false, URI_DECODED, "/"},
        {"%", false, URI_MALFORMED, NULL},
        {"%4", false, URI_MALFORMED, NULL},
        {"a%", false, URI_MALFORMED, NULL},
        {"%zz", false, URI_MALFORMED, NULL},
        {"%4g", false, URI_MALFORMED, NULL},
        {"%-1", false, URI_MALFORMED, NULL},
        {"% 1", false, URI_MALFORMED, NULL},
        {"%00", false, URI_MALFORMED, NULL},
        {"a%00b", false, URI_MALFORMED, NULL},
        {"%E9", false, URI_MALFORMED, NULL},       /* Latin-1 */
        {"%C0%AF", false, URI_MALFORMED, NULL},    /* an overlong slash */
        {"%ED%A0%80", false, URI_MALFORMED, NULL}, /* a surrogate */
        {"%F4%90%80%80", false, URI_MALFORMED, NULL},
        {"\xff", false, URI_MALFORMED, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char out[16];
        size_t length = 99;
        assert_int_equal(
            uri_decode(span(cases[i].encoded), cases[i].plus_is_space, out, sizeof(out), &length),
            cases[i].result);
        if (cases[i].result != URI_DECODED)
            continue;
        assert_string_equal(out, cases[i].decoded);
        assert_int_equal(length, strlen(cases[i].decoded));
    }
}

static void keeps_to_its_capacity(void **state)
{
    char out[4];
    size_t length;

    (void)state;
    assert_int_equal(uri_decode(span("abc"), false, out, 4, &length), URI_DECODED);
    assert_int_equal(uri_decode(span("%61%62%63"), false, out, 4, &length), URI_DECODED);
    assert_int_equal(uri_decode(span("abcd"), false, out, 4, &length), URI_TOO_LONG);
    assert_int_equal(uri_decode(span(""), false, out, 1, &length), URI_DECODED);
    assert_int_equal(uri_decode(span(""), false, out, 0, &length), URI_TOO_LONG);
}

static void reads_no_byte_behind_the_text(void **state)
{
    char out[8];
    size_t length;

    (void)state;
    assert_int_equal(uri_decode((struct text_span){"a%41", 2}, false, out, sizeof(out), &length),
                     URI_MALFORMED);
    assert_int_equal(uri_decode((struct text_span){"a%41", 3}, false, out, sizeof(out), &length),
                     URI_MALFORMED);
}

/* ---- queries -------------------------------------------------------------------------------- */

static void finds_query_parameters(void **state)
{
    static const struct {
        const char *query;
        enum uri_query_result result;
        const char *value;
    } cases[] = {
        {"", URI_QUERY_ABSENT, NULL},
        {"page=2", URI_QUERY_FOUND, "2"},
        {"a=1&page=2&b=3", URI_QUERY_FOUND, "2"},
        {"page", URI_QUERY_FOUND, ""},
        {"page=", URI_QUERY_FOUND, ""},
        {"page=&x", URI_QUERY_FOUND, ""},
        {"&&page=2&&", URI_QUERY_FOUND, "2"},
        {"page=1=2", URI_QUERY_FOUND, "1=2"},
        {"page=a+b", URI_QUERY_FOUND, "a b"},
        {"p%61ge=%32", URI_QUERY_FOUND, "2"},
        {"pages=2", URI_QUERY_ABSENT, NULL},
        {"Page=2", URI_QUERY_ABSENT, NULL},
        {"xpage=2", URI_QUERY_ABSENT, NULL},
        {"page%00=2", URI_QUERY_ABSENT, NULL},
        {"=2", URI_QUERY_ABSENT, NULL},
        {"%zz=1&page=2", URI_QUERY_FOUND, "2"},
        {"x=%zz&page=2", URI_QUERY_FOUND, "2"},
        {"averyveryveryveryveryverylongname=1&page=2", URI_QUERY_FOUND, "2"},
        {"page=1&page=2", URI_QUERY_REPEATED, NULL},
        {"page=1&p%61ge=1", URI_QUERY_REPEATED, NULL},
        {"page=%zz", URI_QUERY_MALFORMED, NULL},
        {"page=%00", URI_QUERY_MALFORMED, NULL},
        {"page=%e9", URI_QUERY_MALFORMED, NULL},
        {"page=1234567", URI_QUERY_FOUND, "1234567"},
        {"page=12345678", URI_QUERY_MALFORMED, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char out[8] = "";
        assert_int_equal(uri_query_find(span(cases[i].query), "page", out, sizeof(out)),
                         cases[i].result);
        if (cases[i].value != NULL)
            assert_string_equal(out, cases[i].value);
    }
}

/* ---- routes --------------------------------------------------------------------------------- */

static bool handler_stub(struct exchange *exchange, struct error *error)
{
    (void)exchange;
    (void)error;
    return true;
}

static const struct route routes[] = {
    {METHOD_POST, "/things", handler_stub},
    {METHOD_GET, "/things", handler_stub},
    {METHOD_GET, "/things/special", handler_stub},
    {METHOD_GET, "/things/:id", handler_stub},
    {METHOD_PATCH, "/things/:id", handler_stub},
    {METHOD_DELETE, "/things/:id/parts/:part", handler_stub},
};
static const struct router router = {routes, ARRAY_LENGTH(routes)};

static void finds_routes(void **state)
{
    static const struct {
        enum method method;
        const char *path;
        size_t route;
        const char *first, *second;
    } cases[] = {
        {METHOD_POST, "/things", 0, NULL, NULL},
        {METHOD_GET, "/things", 1, NULL, NULL},
        {METHOD_HEAD, "/things", 1, NULL, NULL},
        {METHOD_GET, "/things/", 1, NULL, NULL},
        {METHOD_GET, "/thin%67s", 1, NULL, NULL},
        {METHOD_GET, "/things/special", 2, NULL, NULL},
        {METHOD_GET, "/things/special/", 2, NULL, NULL},
        {METHOD_PATCH, "/things/special", 4, "special", NULL},
        {METHOD_GET, "/things/42", 3, "42", NULL},
        {METHOD_GET, "/things/specials", 3, "specials", NULL},
        {METHOD_GET, "/things/specia", 3, "specia", NULL},
        {METHOD_GET, "/things/a%20b", 3, "a b", NULL},
        {METHOD_GET, "/things/a+b", 3, "a+b", NULL},
        {METHOD_GET, "/things/%C3%A9", 3, "é", NULL},
        {METHOD_GET, "/things/...", 3, "...", NULL},
        {METHOD_GET, "/things/:id", 3, ":id", NULL},
        {METHOD_GET, "/things/a;b=c", 3, "a;b=c", NULL},
        {METHOD_GET, "/things/a%3Fb", 3, "a?b", NULL},
        {METHOD_GET, "/things/2026%2f42", 3, "2026/42", NULL}, /* an id of the booking back-end */
        {METHOD_DELETE, "/things/1/parts/2", 5, "1", "2"},
        {METHOD_DELETE, "/things/1/parts/2/", 5, "1", "2"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct route_match match;
        assert_int_equal(router_find(&router, cases[i].method, span(cases[i].path), &match),
                         ROUTE_FOUND);
        assert_ptr_equal(match.route, &routes[cases[i].route]);
        if (cases[i].first != NULL)
            assert_string_equal(match.parameters[0], cases[i].first);
        if (cases[i].second != NULL)
            assert_string_equal(match.parameters[1], cases[i].second);
    }
}

static void refuses_other_paths(void **state)
{
    static const struct {
        const char *path;
        enum route_result result;
    } cases[] = {
        {"", ROUTE_UNKNOWN},
        {"/", ROUTE_UNKNOWN},
        {"*", ROUTE_UNKNOWN},
        {"things", ROUTE_UNKNOWN},
        {"/thing", ROUTE_UNKNOWN},
        {"/thingss", ROUTE_UNKNOWN},
        {"/Things", ROUTE_UNKNOWN},
        {"//things", ROUTE_UNKNOWN},
        {"/things//", ROUTE_UNKNOWN},
        {"/things//special", ROUTE_UNKNOWN},
        {"/things/./special", ROUTE_UNKNOWN},
        {"/things/../things", ROUTE_UNKNOWN},
        {"/things/..", ROUTE_UNKNOWN},
        {"/things/.", ROUTE_UNKNOWN},
        {"/things/%2e%2E", ROUTE_UNKNOWN},
        {"/things/.%2e", ROUTE_UNKNOWN},
        {"/things%2F42", ROUTE_UNKNOWN},
        {"/things/1/2", ROUTE_UNKNOWN},
        {"/things/1/parts", ROUTE_UNKNOWN},
        {"/things/1/parts/2/3", ROUTE_UNKNOWN},
        {"/1/2/3/4/5/6/7/8/9", ROUTE_UNKNOWN},
        {"/things/%", ROUTE_MALFORMED},
        {"/things/%4", ROUTE_MALFORMED},
        {"/things/%4/x", ROUTE_MALFORMED}, /* the digits may not come from the next segment */
        {"/things/%zz", ROUTE_MALFORMED},
        {"/things/%00", ROUTE_MALFORMED},
        {"/things/42%00", ROUTE_MALFORMED},
        {"/things/%E9", ROUTE_MALFORMED},
        {"/things/%C0%AE%C0%AE", ROUTE_MALFORMED},
        {"/other/../%zz", ROUTE_MALFORMED},
        {"/1/2/3/4/5/6/7/8/%zz", ROUTE_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct route_match match;
        assert_int_equal(router_find(&router, METHOD_GET, span(cases[i].path), &match),
                         cases[i].result);
        assert_int_equal(match.allowed, 0);
    }
}

static void tells_the_allowed_methods(void **state)
{
    static const struct {
        enum method method;
        const char *path, *allow;
    } cases[] = {
        {METHOD_PUT, "/things", "GET, HEAD, POST, OPTIONS"},
        {METHOD_OTHER, "/things", "GET, HEAD, POST, OPTIONS"},
        {METHOD_DELETE, "/things/", "GET, HEAD, POST, OPTIONS"},
        {METHOD_POST, "/things/special", "GET, HEAD, PATCH, OPTIONS"},
        {METHOD_GET, "/things/1/parts/2", "DELETE, OPTIONS"},
        {METHOD_HEAD, "/things/1/parts/2", "DELETE, OPTIONS"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct route_match match;
        char allow[ALLOW_BYTES];
        assert_int_equal(router_find(&router, cases[i].method, span(cases[i].path), &match),
                         ROUTE_METHOD);
        router_allow_text(match.allowed, allow);
        assert_string_equal(allow, cases[i].allow);
    }
}

static void fits_all_methods_into_allow(void **state)
{
    char allow[ALLOW_BYTES];

    (void)state;
    router_allow_text((1U << METHOD_OTHER) - 1, allow);
    assert_string_equal(allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

/* A path of exactly the limit is decoded in full; one byte more is no route. */
static void limits_the_path(void **state)
{
    static const char prefix[] = "/things/";
    char path[PATH_MAX_BYTES + 2];
    struct route_match match;

    (void)state;
    memset(path, 'x', sizeof(path));
    memcpy(path, prefix, strlen(prefix));
    path[PATH_MAX_BYTES] = '\0';
    assert_int_equal(router_find(&router, METHOD_GET, span(path), &match), ROUTE_FOUND);
    assert_int_equal(strlen(match.parameters[0]), PATH_MAX_BYTES - strlen(prefix));
    path[PATH_MAX_BYTES] = 'x';
    path[PATH_MAX_BYTES + 1] = '\0';
    assert_int_equal(router_find(&router, METHOD_GET, span(path), &match), ROUTE_UNKNOWN);
}

static void parses_methods(void **state)
{
    (void)state;
    assert_int_equal(method_parse("GET"), METHOD_GET);
    assert_int_equal(method_parse("HEAD"), METHOD_HEAD);
    assert_int_equal(method_parse("POST"), METHOD_POST);
    assert_int_equal(method_parse("PUT"), METHOD_PUT);
    assert_int_equal(method_parse("PATCH"), METHOD_PATCH);
    assert_int_equal(method_parse("DELETE"), METHOD_DELETE);
    assert_int_equal(method_parse("OPTIONS"), METHOD_OPTIONS);
    assert_int_equal(method_parse("get"), METHOD_OTHER);
    assert_int_equal(method_parse("TRACE"), METHOD_OTHER);
    assert_int_equal(method_parse(""), METHOD_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_targets),
        cmocka_unit_test(refuses_other_targets),
        cmocka_unit_test(decodes),
        cmocka_unit_test(keeps_to_its_capacity),
        cmocka_unit_test(reads_no_byte_behind_the_text),
        cmocka_unit_test(finds_query_parameters),
        cmocka_unit_test(finds_routes),
        cmocka_unit_test(refuses_other_paths),
        cmocka_unit_test(tells_the_allowed_methods),
        cmocka_unit_test(fits_all_methods_into_allow),
        cmocka_unit_test(limits_the_path),
        cmocka_unit_test(parses_methods),
    };

    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
