/*
 * common/listen_address.h: where somebody listens, and how far that can be seen.
 */
#include "tests/unit/unit_test.h"

#include <string.h>

#include "common/listen_address.h"

static struct listen_address parse(const char *text)
{
    struct listen_address address;
    struct error error;

    error_clear(&error);
    assert_true(listen_address_parse(text, &address, &error));
    return address;
}

static void a_path_is_what_stands_behind_unix(void **state)
{
    static const char text[] = "unix:/run/messagerie/broker.sock";

    (void)state;
    struct listen_address address = parse(text);
    assert_string_equal(address.path, "/run/messagerie/broker.sock");
    assert_int_equal(listen_address_port(&address), 0);
    assert_int_equal(listen_address_reach(&address), LISTEN_MACHINE);
}

static void an_address_has_a_port(void **state)
{
    static const struct {
        const char *text;
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:8091", 8091}, {"0.0.0.0:0", 0}, {"[::1]:65535", 65535},
        {"::1:80", 80},           {"[::]:1", 1},    {"127.0.0.1:00080", 80},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct listen_address address = parse(cases[i].text);
        assert_null(address.path);
        assert_int_equal(listen_address_port(&address), cases[i].port);
    }
}

static void what_is_no_address_is_refused_with_the_reason(void **state)
{
    static const char *const cases[][2] = {
        {"", "ADDRESS:PORT"},
        {"8091", "ADDRESS:PORT"},
        {":8091", "ADDRESS:PORT"},
        {"/run/messagerie/broker.sock", "ADDRESS:PORT"},
        {"127.0.0.1:", "a port is"},
        {"127.0.0.1:65536", "a port is"},
        {"127.0.0.1:70000", "a port is"},
        {"127.0.0.1:99999999999999999999", "a port is"},
        {"127.0.0.1:-1", "a port is"},
        {"127.0.0.1: 80", "a port is"},
        {"127.0.0.1:http", "a port is"},
        {"localhost:8091", "\"localhost\" is no numeric address"},
        {"127.1:8091", "no numeric address"},
        {"256.0.0.1:8091", "no numeric address"},
        {"[::1:8091", "no numeric address"},
        {"[]:8091", "ADDRESS:PORT"},
        {"*:8091", "no numeric address"},
    };
    struct listen_address address;
    struct error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        error_clear(&error);
        assert_false(listen_address_parse(cases[i][0], &address, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
        assert_non_null(strstr(error.text, cases[i][1]));
    }
}

static void tells_how_far_one_is_seen(void **state)
{
    static const struct {
        const char *text;
        enum listen_reach reach;
    } cases[] = {
        {"127.0.0.1:1", LISTEN_MACHINE},
        {"127.255.255.255:1", LISTEN_MACHINE},
        {"[::1]:1", LISTEN_MACHINE},
        {"[::ffff:127.0.0.1]:1", LISTEN_MACHINE},
        {"10.1.2.3:1", LISTEN_NETWORK},
        {"172.16.0.1:1", LISTEN_NETWORK},
        {"172.31.255.255:1", LISTEN_NETWORK},
        {"192.168.0.1:1", LISTEN_NETWORK},
        {"169.254.1.1:1", LISTEN_NETWORK},
        {"[fd00::1]:1", LISTEN_NETWORK},
        {"[fe80::1]:1", LISTEN_NETWORK},
        {"[::ffff:10.0.0.1]:1", LISTEN_NETWORK},
        {"0.0.0.0:1", LISTEN_WORLD},
        {"[::]:1", LISTEN_WORLD},
        {"172.15.0.1:1", LISTEN_WORLD},
        {"172.32.0.1:1", LISTEN_WORLD},
        {"192.0.2.1:1", LISTEN_WORLD},
        {"[2001:db8::1]:1", LISTEN_WORLD},
        {"[::ffff:192.0.2.1]:1", LISTEN_WORLD},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct listen_address address = parse(cases[i].text);
        assert_int_equal(listen_address_reach(&address), cases[i].reach);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_what_stands_behind_unix),
        cmocka_unit_test(an_address_has_a_port),
        cmocka_unit_test(what_is_no_address_is_refused_with_the_reason),
        cmocka_unit_test(tells_how_far_one_is_seen),
    };

    return cmocka_run_group_tests_name("listen_address", tests, NULL, NULL);
}
