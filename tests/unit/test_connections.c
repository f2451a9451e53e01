/*
 * The limits of connections, in all and from an address.
 */
#include "tests/unit/unit_test.h"

#include "broker/connections.h"

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
    config.broker_max_connections = 2;
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

static void one_address_does_not_take_the_place_of_others(void **state)
{
    struct connections connections = {0};
    void *users[3];

    (void)state;
    config.broker_max_connections = 100;
    config.broker_max_connections_per_address = 2;
    users[0] = take(&connections, "192.0.2.1");
    users[1] = take(&connections, "192.0.2.1");
    check_refused(&connections, "192.0.2.1", "Trop de connexions de cette adresse");
    users[2] = take(&connections, "192.0.2.2");
    for (int i = 0; i < 3; i++)
        connections_drop(&connections, users[i]);
    connections_free(&connections); /* nothing is kept of addresses that are gone */
}

static void a_limit_that_is_set_later_counts_who_is_there(void **state)
{
    struct connections connections = {0};
    void *users[2];

    (void)state;
    config.broker_max_connections = 100;
    config.broker_max_connections_per_address = 0;
    users[0] = take(&connections, "192.0.2.1");
    users[1] = take(&connections, "192.0.2.1");
    config.broker_max_connections_per_address = 2;
    check_refused(&connections, "192.0.2.1", "Trop de connexions de cette adresse");
    connections_drop(&connections, users[0]);
    users[0] = take(&connections, "192.0.2.1");
    connections_drop(&connections, users[0]);
    connections_drop(&connections, users[1]);
    connections_free(&connections);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_more_than_all_is_refused),
        cmocka_unit_test(one_address_does_not_take_the_place_of_others),
        cmocka_unit_test(a_limit_that_is_set_later_counts_who_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
