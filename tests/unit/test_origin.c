/*
 * The canonical form of origins, and who is allowed by it.
 */
#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/origin.h"

static void each_has_one_form(void **state)
{
    static const char *const forms[][2] = {
        {"https://salon.example", "https://salon.example"},
        {"HTTPS://Salon.EXAMPLE", "https://salon.example"},
        {"https://salon.example:443", "https://salon.example"},
        {"https://salon.example:0443", "https://salon.example"},
        {"https://salon.example:", "https://salon.example"},
        {"http://salon.example:80", "http://salon.example"},
        {"http://salon.example:443", "http://salon.example:443"},
        {"https://salon.example:80", "https://salon.example:80"},
        {"http://localhost:3000", "http://localhost:3000"},
        {"https://salon.example.", "https://salon.example."},
        {"https://un_deux.example", "https://un_deux.example"},
        {"https://Café.example", "https://xn--caf-dma.example"},
        {"https://CAFÉ.example", "https://xn--caf-dma.example"},
        {"https://cafe\xCC\x81.example", "https://xn--caf-dma.example"},
        {"https://xn--CAF-dma.example", "https://xn--caf-dma.example"},
        {"https://straße.example", "https://xn--strae-oqa.example"},
        {"https://salon。example", "https://salon.example"},
        {"http://[::1]:80", "http://[::1]"},
        {"http://[0:0:0:0:0:0:0:1]", "http://[::1]"},
        {"http://[2001:DB8::0:1]:8080", "http://[2001:db8::1]:8080"},
        {"http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]"},
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
        {"http://127.1", "http://127.0.0.1"},
        {"http://0x7f.1", "http://127.0.0.1"},
        {"capacitor://localhost", "capacitor://localhost"},
        {"Ionic://LocalHost", "ionic://localhost"},
        {"chrome-extension://abcdefgh", "chrome-extension://abcdefgh"},
        {"app://localhost:80", "app://localhost:80"},
        {"file://", "file://"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        char out[ORIGIN_BYTES];
        const char *reason = origin_parse(forms[i][0], strlen(forms[i][0]), out);
        if (reason != NULL)
            fail_msg("%s: %s", forms[i][0], reason);
        assert_string_equal(out, forms[i][1]);
    }
}

static void what_is_none_is_told_why(void **state)
{
    static const char *const wrong[][2] = {
        {"", "it has no scheme, such as https://"},
        {"null", "it has no scheme, such as https://"},
        {"salon.example", "it has no scheme, such as https://"},
        {"://salon.example", "it has no scheme, such as https://"},
        {"1a://salon.example", "its scheme is none"},
        {"a b://salon.example", "its scheme is none"},
        {"https ://salon.example", "its scheme is none"},
        {"ftp://salon.example", "pages have no such scheme"},
        {"wss://salon.example", "pages have no such scheme"},
        {"*", "a pattern is no origin, each is listed by itself"},
        {"https://*.salon.example", "a pattern is no origin, each is listed by itself"},
        {"https://salon@example", "it has the name of a user"},
        {"https://", "it has no host"},
        {"https://:443", "it has no host"},
        {"capacitor://", "it has no host"},
        {"https://a b", "its host has a character that none has"},
        {"https://a/", "its host has a character that none has"},
        {"https://a%2e", "its host has a character that none has"},
        {"https://a\r\nb", "its host has a character that none has"},
        {"https://a:0", "its port is no number from 1 to 65535"},
        {"https://a:65536", "its port is no number from 1 to 65535"},
        {"https://a:99999999999999999999", "its port is no number from 1 to 65535"},
        {"https://a:8a", "its port is no number from 1 to 65535"},
        {"https://a:1:2", "its port is no number from 1 to 65535"},
        {"https://::1", "its port is no number from 1 to 65535"},
        {"https://[::1", "what stands in brackets is no IPv6 address"},
        {"https://[::1]x", "what stands in brackets is no IPv6 address"},
        {"https://[127.0.0.1]", "what stands in brackets is no IPv6 address"},
        {"https://[]", "what stands in brackets is no IPv6 address"},
        {"https://[fe80::1%eth0]", "what stands in brackets is no IPv6 address"},
        {"https://1.2.3.256", "its host is no address"},
        {"https://\xC3", "its host is no name of a domain"},
        {"https://é\xE2\x80\xA8.example", "its host is no name of a domain"},
        {"app://é", "its host is no name of a domain"},
    };
    char out[ORIGIN_BYTES];
    char longest[400];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        const char *reason = origin_parse(wrong[i][0], strlen(wrong[i][0]), out);
        if (reason == NULL)
            fail_msg("%s became %s", wrong[i][0], out);
        assert_string_equal(reason, wrong[i][1]);
    }
    snprintf(longest, sizeof(longest), "https://%0256d", 0);
    assert_string_equal(origin_parse(longest, strlen(longest), out), "its host is too long");
    snprintf(longest, sizeof(longest), "a%0300dhttps://a", 0);
    assert_string_equal(origin_parse(longest, strlen(longest), out), "its scheme is none");
    assert_string_equal(origin_parse("https://a\0b", 11, out),
                        "its host has a character that none has");
}

static void a_path_of_a_url_is_left_out(void **state)
{
    char out[ORIGIN_BYTES];

    (void)state;
    assert_null(origin_of_url("https://salon.example/app?x#y", out));
    assert_string_equal(out, "https://salon.example");
    assert_null(origin_of_url("https://salon.example?x://y", out));
    assert_string_equal(out, "https://salon.example");
    assert_null(origin_of_url("file:///app/index.html", out));
    assert_string_equal(out, "file://");
    assert_non_null(origin_of_url("/app", out));
}

static void a_page_is_of_its_host_whatever_the_port_is_written_like(void **state)
{
    static const char *const same[][2] = {
        {"https://salon.example", "salon.example"},
        {"http://salon.example", "salon.example"},
        {"https://salon.example", "salon.example:443"},
        {"http://salon.example", "salon.example:80"},
        {"https://salon.example:443", "salon.example"},
        {"http://[::1]", "[::1]:80"},
        {"https://salon.example", "SALON.example"},
        {"http://API.example:81", "api.example:81"},
    };
    static const char *const others[][2] = {
        {"https://salon.example", "salon.example:444"},
        {"http://salon.example", "salon.example:443"},
        {"https://salon.example", "salon.example:80"},
        {"https://salon.example", "other.example:443"},
        {"https://salon.example", "salon.example.:443"},
        {"https://salon.example", "salon.example/"},
        {"https://salon.example", "user@salon.example"},
        {"https://salon.example", ""},
        {"https://", ""},
        {"null", "null"},
        {"capacitor://localhost", "localhost"},
        {"httpx://localhost", "localhost"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(same); i++)
        if (!origin_is_of_host(same[i][0], same[i][1]))
            fail_msg("%s is of %s", same[i][0], same[i][1]);
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        if (origin_is_of_host(others[i][0], others[i][1]))
            fail_msg("%s is not of %s", others[i][0], others[i][1]);
    assert_false(origin_is_of_host("https://salon.example", NULL));
    assert_true(origin_is_of_host("https://salon.example", " salon.example:443 , inner:8080"));
    assert_false(origin_is_of_host("http://inner:8080", "salon.example, inner:8080"));
    assert_false(origin_is_of_host("https://salon.example", ", salon.example"));
}

static void those_that_are_configured_are_allowed_in_any_form(void **state)
{
    struct config config = {.http_public_url = "https://chat.example:8443"};

    (void)state;
    config.http_frontend_url.count = 2;
    config.http_frontend_url.items[0] = (char[]){"https://xn--caf-dma.example"};
    config.http_frontend_url.items[1] = (char[]){"capacitor://localhost"};
    static const char *const good[] = {"https://xn--caf-dma.example", "https://café.example:443",
                                       "HTTPS://CAFÉ.example",        "capacitor://localhost",
                                       "https://chat.example:8443",   "https://CHAT.example:8443"};
    static const char *const bad[] = {"http://café.example",
                                      "https://café.example:444",
                                      "https://café.example.evil",
                                      "https://localhost",
                                      "https://chat.example",
                                      "null",
                                      "",
                                      "https://café.example/"};
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_true(origin_is_configured(&config, good[i]));
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(origin_is_configured(&config, bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_one_form),
        cmocka_unit_test(what_is_none_is_told_why),
        cmocka_unit_test(a_path_of_a_url_is_left_out),
        cmocka_unit_test(a_page_is_of_its_host_whatever_the_port_is_written_like),
        cmocka_unit_test(those_that_are_configured_are_allowed_in_any_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
