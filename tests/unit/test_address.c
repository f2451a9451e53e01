/*
 * What common/address.h promises: one text for each client, networks as configuration names them.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "common/address.h"
#include "tests/unit/unit_test.h"

static void every_spelling_of_an_address_has_one_text(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"203.0.113.8", "203.0.113.8"},
        {"203.0.113.8:1001", "203.0.113.8"},
        {"\"203.0.113.8\"", "203.0.113.8"},
        {"::ffff:203.0.113.8", "203.0.113.8"},
        {"::FFFF:cb00:7108", "203.0.113.8"},
        {"[::ffff:203.0.113.8]:443", "203.0.113.8"},
        {"2001:db8:1:2::1", "2001:db8:1:2::/64"},
        {"2001:DB8:1:2:ffff:0:0:1", "2001:db8:1:2::/64"},
        {"[2001:db8:1:2::9]", "2001:db8:1:2::/64"},
        {"\"[2001:0db8:0001:0002::9]:80\"", "2001:db8:1:2::/64"},
        {"fe80::1%eth0", "fe80::/64"},
        {"::1", "::/64"},
    };
    char out[ADDRESS_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_true(address_normalize(cases[i].text, strlen(cases[i].text), out));
        assert_string_equal(out, cases[i].expected);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "unknown",
        "_hidden",
        "203.0.113",
        "203.0.113.256",
        "::g",
        "[",
        "\"",
        "\"\"",
        "1.2.3.4 5",
        "2001:db8::1::2",
        "00000000000000000000000000000000000000000000000000000000000000001"};
    char out[ADDRESS_BYTES] = "untouched";

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_false(address_normalize(texts[i], strlen(texts[i]), out));
    assert_string_equal(out, "untouched");
}

static void the_last_entry_of_a_forwarded_list_counts(void **state)
{
    char out[ADDRESS_BYTES];

    (void)state;
    assert_true(address_of_forwarded("198.51.100.1, 203.0.113.8", out));
    assert_string_equal(out, "203.0.113.8");
    assert_true(address_of_forwarded("unknown,\t203.0.113.9:5 ", out));
    assert_string_equal(out, "203.0.113.9");
    assert_false(address_of_forwarded("203.0.113.8, unknown", out));
    assert_false(address_of_forwarded("203.0.113.8,", out));
    assert_false(address_of_forwarded("", out));
}

static bool contains(const char *network_text, int family, const char *text)
{
    struct address_network network;
    uint8_t bytes[16];

    assert_true(address_network_parse(network_text, &network));
    if (family != AF_UNIX)
        assert_int_equal(inet_pton(family, text, bytes), 1);
    return address_network_contains(&network, family, bytes);
}

static void a_network_contains_its_addresses(void **state)
{
    (void)state;
    assert_true(contains("127.0.0.0/8", AF_INET, "127.255.0.1"));
    assert_false(contains("127.0.0.0/8", AF_INET, "128.0.0.1"));
    assert_true(contains("10.1.2.3", AF_INET, "10.1.2.3"));
    assert_false(contains("10.1.2.3", AF_INET, "10.1.2.4"));
    assert_true(contains("10.0.0.0/9", AF_INET, "10.127.0.0"));
    assert_false(contains("10.0.0.0/9", AF_INET, "10.128.0.0"));
    assert_true(contains("0.0.0.0/0", AF_INET, "203.0.113.1"));
    assert_true(contains("127.0.0.0/8", AF_INET6, "::ffff:127.0.0.1"));
    assert_true(contains("::1", AF_INET6, "::1"));
    assert_false(contains("::1", AF_INET6, "::2"));
    assert_true(contains("2001:db8::/33", AF_INET6, "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", AF_INET6, "2001:db8:8000::1"));
    assert_false(contains("::1", AF_INET, "127.0.0.1"));
    assert_true(contains("unix", AF_UNIX, NULL));
    assert_false(contains("unix", AF_INET, "127.0.0.1"));
    assert_false(contains("0.0.0.0/0", AF_UNIX, NULL));
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const texts[] = {
        "",       "localhost",   "10.0.0.0/33", "10.0.0.0/",   "10.0.0/8",
        "::/129", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/+8", "unix:/run/x"};
    struct address_network network;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_false(address_network_parse(texts[i], &network));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_an_address_has_one_text),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(the_last_entry_of_a_forwarded_list_counts),
        cmocka_unit_test(a_network_contains_its_addresses),
        cmocka_unit_test(what_is_no_network_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
