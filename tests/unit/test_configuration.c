/* common/configuration.h */
#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/configuration.h"
#include "common/container.h"
#include "tests/unit/failing_malloc.h"

#define SECRET "of the file, more than 32 bytes long"

struct counted {
    struct configuration base;
    char *made;
};

struct fixture {
    char path[64];
    struct error error;
    struct configuration *running;
};

/* ---- a kind of configuration ----------------------------------------------------------------- */

static struct counted *counted_of(struct configuration *configuration)
{
    return CONTAINER_OF(configuration, struct counted, base);
}

/* Makes the level's text; fails half-way where that is "debug". */
static bool make(struct configuration *configuration, struct error *error)
{
    struct counted *counted = counted_of(configuration);

    counted->made = strdup(configuration->config->log_level);
    if (counted->made == NULL)
        return error_out_of_memory(error);
    return strcmp(counted->made, "debug") != 0 || error_set(error, ERROR_INVALID, "no debugging");
}

static void unmake(struct configuration *configuration)
{
    free(counted_of(configuration)->made);
}

static const struct configuration_kind plain = {.bytes = sizeof(struct configuration)};
static const struct configuration_kind verifying = {.bytes = sizeof(struct configuration),
                                                    .verifies_tokens = true};
static const struct configuration_kind counting = {
    .bytes = sizeof(struct counted), .make = make, .unmake = unmake};

/* ---- set-up ---------------------------------------------------------------------------------- */

static void write_config(const struct fixture *fixture, const char *sections)
{
    FILE *file = fopen(fixture->path, "w");

    assert_non_null(file);
    fprintf(file, "[auth]\njwt_secret = " SECRET "\n%s", sections);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    strcpy(fixture->path, "/tmp/messagerie-test-XXXXXX");
    close(mkstemp(fixture->path));
    write_config(fixture, "");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    configuration_release(fixture->running);
    unlink(fixture->path);
    free(fixture);
    return 0;
}

/* ---- loading --------------------------------------------------------------------------------- */

static void a_program_gets_what_it_asks_for(void **state)
{
    struct fixture *fixture = *state;

    fixture->running = configuration_load(&plain, fixture->path, &fixture->error);
    assert_non_null(fixture->running);
    assert_null(fixture->running->verifier);
    configuration_release(fixture->running);

    fixture->running = configuration_load(&verifying, fixture->path, &fixture->error);
    assert_non_null(fixture->running);
    assert_non_null(fixture->running->verifier);
    configuration_release(fixture->running);

    fixture->running = configuration_load(&counting, fixture->path, &fixture->error);
    assert_non_null(fixture->running);
    assert_string_equal(counted_of(fixture->running)->made, "info");
}

static void what_cannot_be_made_is_told(void **state)
{
    struct fixture *fixture = *state;

    write_config(fixture, "[log]\nlevel = loud\n");
    assert_null(configuration_load(&counting, fixture->path, &fixture->error));
    assert_non_null(strstr(fixture->error.text, "level in [log] must be one of"));
    write_config(fixture, "[log]\nlevel = debug\n");
    assert_null(configuration_load(&counting, fixture->path, &fixture->error));
    assert_string_equal(fixture->error.text, "no debugging");
    write_config(fixture, "jwt_public_key_file = /nowhere/key.pem\n"
                          "jwt_public_key_algorithm = RS256\n");
    assert_null(configuration_load(&verifying, fixture->path, &fixture->error));
    assert_non_null(strstr(fixture->error.text, "/nowhere/key.pem"));
}

static void read_again_it_takes_live_keys_and_lists_the_others(void **state)
{
    struct fixture *fixture = *state;
    struct config_changes kept;

    write_config(fixture, "[fastcgi]\nthreads = 4\n[bus]\nbrokers = ipc://a, ipc://b\n");
    fixture->running = configuration_load(&counting, fixture->path, &fixture->error);
    assert_non_null(fixture->running);

    write_config(fixture, "[fastcgi]\nthreads = 5\n[bus]\nbrokers = ipc://a\n"
                          "[broker]\nmax_output_bytes = 2048\n[log]\nlevel = error\n");
    struct configuration *fresh =
        configuration_load_again(fixture->running, fixture->path, &kept, &fixture->error);
    assert_non_null(fresh);
    assert_int_equal(kept.count, 2);
    assert_string_equal(kept.keys[0]->name, "threads");
    assert_string_equal(kept.keys[1]->name, "brokers");
    assert_int_equal(fresh->config->fastcgi_threads, 4);
    assert_int_equal(fresh->config->bus_brokers.count, 2);
    assert_string_equal(fresh->config->bus_brokers.items[1], "ipc://b");
    assert_int_equal(fresh->config->broker_max_output_bytes, 2048);
    assert_string_equal(counted_of(fresh)->made, "error");
    assert_int_equal(fixture->running->config->broker_max_output_bytes, 1048576);

    /* The values that count are still those of the start. */
    write_config(fixture, "[fastcgi]\nthreads = 4\n[bus]\nbrokers = ipc://a,ipc://b\n");
    configuration_release(fixture->running);
    fixture->running = fresh;
    fresh = configuration_load_again(fixture->running, fixture->path, &kept, &fixture->error);
    assert_non_null(fresh);
    assert_int_equal(kept.count, 0);
    configuration_release(fresh);
}

static void read_again_and_bad_it_leaves_the_running_one(void **state)
{
    struct fixture *fixture = *state;
    struct config_changes kept;

    fixture->running = configuration_load(&counting, fixture->path, &fixture->error);
    assert_non_null(fixture->running);
    write_config(fixture, "[log]\nlevel = debug\n");
    assert_null(configuration_load_again(fixture->running, fixture->path, &kept, &fixture->error));
    unlink(fixture->path);
    assert_null(configuration_load_again(fixture->running, fixture->path, &kept, &fixture->error));
    assert_string_equal(counted_of(fixture->running)->made, "info");
}

/* ---- holding --------------------------------------------------------------------------------- */

static void who_has_acquired_one_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    struct configuration_holder *holder =
        configuration_holder_create(configuration_load(&counting, fixture->path, &fixture->error));

    assert_non_null(holder);
    struct configuration *before = configuration_acquire(holder);
    write_config(fixture, "[log]\nlevel = error\n");
    configuration_release(configuration_replace(
        holder, configuration_load(&counting, fixture->path, &fixture->error)));
    struct configuration *after = configuration_acquire(holder);
    configuration_holder_free(holder);
    assert_string_equal(counted_of(before)->made, "info");
    assert_string_equal(counted_of(after)->made, "error");
    configuration_release(before);
    configuration_release(after);
    configuration_release(NULL);
    configuration_holder_free(NULL);
}

#if FAILING_MALLOC_WORKS
static bool load_and_hold(void *context)
{
    struct fixture *fixture = context;
    struct configuration *configuration =
        configuration_load(&counting, fixture->path, &fixture->error);
    struct configuration_holder *holder =
        configuration != NULL ? configuration_holder_create(configuration) : NULL;

    configuration_holder_free(holder);
    return holder != NULL;
}

static void without_memory_nothing_is_left_behind(void **state)
{
    run_with_failing_malloc(load_and_hold, *state, false);
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_gets_what_it_asks_for),
        TEST(what_cannot_be_made_is_told),
        TEST(read_again_it_takes_live_keys_and_lists_the_others),
        TEST(read_again_and_bad_it_leaves_the_running_one),
        TEST(who_has_acquired_one_keeps_it),
#if FAILING_MALLOC_WORKS
        TEST(without_memory_nothing_is_left_behind),
#endif
    };

    return cmocka_run_group_tests_name("configuration", tests, NULL, NULL);
}
