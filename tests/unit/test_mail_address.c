#include "tests/unit/unit_test.h"

#include <stdio.h>

#include "jobs/mail_address.h"

static void check_address(const char *text, const char *expected, bool is_international)
{
    struct mail_address address;

    if (!mail_address_parse(text, &address))
        fail_msg("%s: refused", text);
    assert_string_equal(address.text, expected);
    assert_int_equal(address.is_international, is_international);
}

static void addresses_have_one_form(void **state)
{
    (void)state;
    check_address("lea@example.com", "lea@example.com", false);
    check_address("Lea.O'Neil+rdv@EXAMPLE.com", "Lea.O'Neil+rdv@example.com", false);
    check_address("root@localhost", "root@localhost", false);
    check_address("-f@example.com", "-f@example.com", false);
}

static void other_scripts_are_addresses_too(void **state)
{
    (void)state;
    check_address("lea@bücher.example", "lea@xn--bcher-kva.example", false);
    check_address("léa@exemple.fr", "léa@exemple.fr", true);
    check_address("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v", true);
    check_address("مثال@example.com", "مثال@example.com", true);
}

static void what_is_no_address_is_refused(void **state)
{
    static const char next_line[] = "l\xc2\x85@example.com";
    static const char *const texts[] = {
        "",
        "lea",
        "@example.com",
        "lea@",
        "lea@example..com",
        "lea@-example.com",
        "lea@exa mple.com",
        "lea@example.com\r\nBcc: x@y.example",
        "lea\n@example.com",
        "le a@example.com",
        "lea.@example.com",
        ".lea@example.com",
        "l..ea@example.com",
        "\"l a\"@example.com",
        "<lea@example.com>",
        "a@b@example.com",
        "a,b@example.com",
        "lea@[127.0.0.1]",
        "lea@example.com:25",
        "lea@example.com/x",
        "lea@ex%61mple.com",
        "l\xff@example.com",
        next_line,
        "l\u00a0a@example.com",
    };
    struct mail_address address;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        if (mail_address_parse(texts[i], &address))
            fail_msg("%s: taken for %s", texts[i], address.text);
}

static void an_address_is_only_so_long(void **state)
{
    char text[2048];
    struct mail_address address;

    (void)state;
    snprintf(text, sizeof(text), "%0*d@example.com", MAIL_LOCAL_PART_MAX_BYTES, 1);
    assert_true(mail_address_parse(text, &address));
    snprintf(text, sizeof(text), "%0*d@example.com", MAIL_LOCAL_PART_MAX_BYTES + 1, 1);
    assert_false(mail_address_parse(text, &address));
    snprintf(text, sizeof(text), "a@%01500d.com", 1);
    assert_false(mail_address_parse(text, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_form),
        cmocka_unit_test(other_scripts_are_addresses_too),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(an_address_is_only_so_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
