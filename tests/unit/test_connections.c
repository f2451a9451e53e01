/*
 * The limits of connections, in all and from an address.
 */
#include "tests/unit/log_reader.h"
#include "tests/unit/unit_test.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "broker/connections.h"
#include "common/clock.h"
#include "common/token.h"

static struct config config;

static void *take(struct connections *connections, const char *address)
{
    struct engineio_verdict verdict = connections_take(connections, &config, address);

    assert_int_equal(verdict.status, 0);
    return verdict.user;
}

static void check_refused(struct connections *connections, const char *address, const char *message)
{
    size_t count = connections->count;
    struct engineio_verdict verdict = connections_take(connections, &config, address);

    assert_int_equal(verdict.status, 503);
    assert_string_equal(verdict.message, message);
    assert_int_equal(connections->count, count);
}

static void one_more_than_all_is_refused(void **state)
{
    struct connections connections = {0};
    void *users[2];

    (void)state;
    config.broker_max_connections = 1;
    config.broker_max_anonymous_connections = 1;
    config.broker_max_anonymous_per_address = 100;
    config.broker_max_connections_per_address = 0;
    users[0] = take(&connections, "192.0.2.1");
    users[1] = take(&connections, "192.0.2.1");
    check_refused(&connections, "192.0.2.2", "Trop de connexions");
    connections_drop(&connections, users[0]);
    users[0] = take(&connections, "192.0.2.2");
    connections_drop(&connections, users[0]);
    connections_drop(&connections, users[1]);
    assert_int_equal(connections.count, 0);
    connections_free(&connections);
}

static void one_address_is_refused_a_few_times_in_a_row_alone(void **state)
{
    struct connections connections = {0};
    void *users[3];

    (void)state;
    config.broker_max_connections = 100;
    config.broker_max_connections_per_address = 1;
    users[0] = take(&connections, "192.0.2.1");
    for (int i = 0; i < ADDRESS_REFUSALS_IN_A_ROW; i++)
        check_refused(&connections, "192.0.2.1", "Trop de connexions de cette adresse");
    users[1] = take(&connections, "192.0.2.2");
    users[2] = take(&connections, "192.0.2.1");
    check_refused(&connections, "192.0.2.1", "Trop de connexions de cette adresse");
    for (int i = 0; i < 3; i++)
        connections_drop(&connections, users[i]);
    config.broker_max_connections_per_address = 0;
    connections_free(&connections); /* nothing is kept of addresses that are gone */
}

static void users_have_places_that_no_stranger_takes(void **state)
{
    struct connections connections = {0};
    void *users[4];

    (void)state;
    config.broker_max_connections = 2;
    config.broker_max_anonymous_connections = 2;
    config.broker_max_connections_per_address = 0;
    for (int i = 0; i < 4; i++)
        users[i] = take(&connections, "192.0.2.1");
    check_refused(&connections, "192.0.2.2", "Trop de connexions"); /* none of them is open yet */
    assert_true(connections_admit(&connections, &config, users[0]));
    assert_true(connections_admit(&connections, &config, users[1]));
    assert_true(connections_admit(&connections, &config, users[1]));
    assert_false(connections_admit(&connections, &config, users[2]));
    assert_int_equal(connections.anonymous, 2);
    connections_dismiss(&connections, users[0]);
    assert_true(connections_admit(&connections, &config, users[2]));
    for (int i = 0; i < 4; i++)
        connections_drop(&connections, users[i]);
    connections_free(&connections);
}

static void check_token(struct connections *connections, const char *header, const char *expected)
{
    void *user = take(connections, "192.0.2.1");

    connections_keep_token(user, header);
    if (expected != NULL)
        assert_string_equal(connections_token(user), expected);
    else
        assert_null(connections_token(user));
    connections_drop(connections, user);
}

static void the_token_of_the_handshake_is_kept(void **state)
{
    struct connections connections = {0};
    char header[TOKEN_MAX_BYTES + 16] = "Bearer ";

    (void)state;
    config.broker_max_connections = 100;
    check_token(&connections, NULL, NULL);
    check_token(&connections, "", NULL);
    check_token(&connections, "Bearer ", NULL);
    check_token(&connections, "a.b.c", "a.b.c");
    check_token(&connections, "bearer   a.b.c", "a.b.c");
    check_token(&connections, "Basic YTpi", NULL);
    memset(header + 7, 'x', TOKEN_MAX_BYTES);
    check_token(&connections, header, header + 7);
    header[7 + TOKEN_MAX_BYTES] = 'x';
    check_token(&connections, header, NULL);
    connections_free(&connections);
}

/* Tells of `count` connections from one address, and one from another in every `rare`. */
static size_t told_of(int count, int rare)
{
    struct connections connections = {0};
    int descriptor = memfd_create("log", MFD_CLOEXEC);
    const struct log log = {"test", LOG_LEVEL_WARNING, descriptor, &clock_system, NULL};
    void **users = calloc((size_t)count, sizeof(*users));

    assert_non_null(users);
    connections.log = &log;
    for (int i = 0; i < count; i++)
        users[i] = take(&connections, i % rare == rare - 1 ? "192.0.2.2" : "192.0.2.1");
    for (int i = 0; i < count; i++)
        connections_drop(&connections, users[i]);
    free(users);
    connections_free(&connections);
    size_t told = count_in_log(descriptor, "nearly all clients come from one address");
    assert_int_equal(count_in_log(descriptor, "address=192.0.2.1"), told);
    close(descriptor);
    return told;
}

static void that_nearly_all_come_from_one_address_is_told_once(void **state)
{
    (void)state;
    config.broker_max_connections = 1000;
    config.broker_max_anonymous_connections = 1000;
    config.broker_max_anonymous_per_address = 1000;
    assert_int_equal(told_of(CONNECTIONS_CROWD - 1, 1000), 0);
    assert_int_equal(told_of(CONNECTIONS_CROWD, 1000), 1);
    assert_int_equal(told_of(500, 1000), 1);
    assert_int_equal(told_of(500, 25), 1);
    assert_int_equal(told_of(500, 15), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_more_than_all_is_refused),
        cmocka_unit_test(one_address_is_refused_a_few_times_in_a_row_alone),
        cmocka_unit_test(users_have_places_that_no_stranger_takes),
        cmocka_unit_test(the_token_of_the_handshake_is_kept),
        cmocka_unit_test(that_nearly_all_come_from_one_address_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
