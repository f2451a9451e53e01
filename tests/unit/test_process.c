/* common/process.h: a small program in a process of its own, its output in a file. */
#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/process.h"
#include "tests/unit/wait.h"

#define SECRET     "of the file, more than 32 bytes long"
#define OUTPUT_MAX 16384
#define WORDS_MAX  4

struct fixture {
    char config_path[64];
    char output_path[64];
    char output[OUTPUT_MAX];
    rlim_t descriptors, descriptors_max; /* the limits with which the program starts, if any */
    pid_t child;                         /* 0 when there is none */
};

/* ---- the program ----------------------------------------------------------------------------- */

static void on_reload(void *owner, const struct configuration *configuration)
{
    const struct process *process = *(struct process **)owner;

    log_info(&process->log, "works by",
             LOG_NUMBER("rooms", configuration->config->broker_max_rooms_per_socket),
             LOG_NUMBER("threads", configuration->config->fastcgi_threads));
    log_debug(&process->log, "only when debugging");
}

static bool run(struct process *process, void *owner, struct error *error)
{
    const char *greeting = process_option(process, "greeting");
    struct rlimit limit;

    *(struct process **)owner = process;
    if (process_option(process, "fail") != NULL)
        return error_unavailable(error, "as it was told");
    getrlimit(RLIMIT_NOFILE, &limit);
    process_tell_ready(process, LOG_TEXT("greeting", greeting),
                       LOG_NUMBER("descriptors", (int64_t)limit.rlim_cur));
    process_wait(process);
    if (greeting != NULL && strcmp(greeting, "then fail") == 0)
        return error_unavailable(error, "in the end");
    return true;
}

static const struct process_option options[] = {
    {"greeting", "TEXT", "what it says\nwhen it is ready"}, {"fail", NULL, "can't start"}, {0}};
static const struct configuration_kind kind = {.bytes = sizeof(struct configuration),
                                               .verifies_tokens = true};
static const struct program program = {
    .name = "small",
    .file = "messagerie-small",
    .purpose = "Does nothing.",
    .options = options,
    .configuration = &kind,
    .uses_local_time = true,
    .connections_key = "fastcgi.max_connections",
    .further_descriptors = 3,
    .run = run,
    .on_reload = on_reload,
};

/* ---- set-up ---------------------------------------------------------------------------------- */

static void write_config(const struct fixture *fixture, const char *sections)
{
    FILE *file = fopen(fixture->config_path, "w");

    assert_non_null(file);
    fprintf(file, "[auth]\njwt_secret = " SECRET "\n[appointments]\ntime_zone = UTC\n%s", sections);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    strcpy(fixture->config_path, "/tmp/messagerie-test-XXXXXX");
    close(mkstemp(fixture->config_path));
    strcpy(fixture->output_path, "/tmp/messagerie-test-XXXXXX");
    close(mkstemp(fixture->output_path));
    write_config(fixture, "");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->child != 0) {
        kill(fixture->child, SIGKILL);
        waitpid(fixture->child, NULL, 0);
    }
    unlink(fixture->config_path);
    unlink(fixture->output_path);
    free(fixture);
    return 0;
}

/* `maximum` 0: it stays. */
static void limit_descriptors(rlim_t count, rlim_t maximum)
{
    struct rlimit limit;

    if (count == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = count;
    if (maximum > 0)
        limit.rlim_max = maximum;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Starts it with these words, up to a NULL, behind --config. */
static void start(struct fixture *fixture, const char *const *words)
{
    char *arguments[WORDS_MAX + 4] = {"small", "--config", fixture->config_path};
    struct process *process = NULL;
    int count = 3;

    assert_int_equal(truncate(fixture->output_path, 0), 0);
    for (; *words != NULL; words++)
        arguments[count++] = (char *)*words;
    fixture->child = fork();
    assert_true(fixture->child >= 0);
    if (fixture->child != 0)
        return;
    limit_descriptors(fixture->descriptors, fixture->descriptors_max);
    int output = open(fixture->output_path, O_WRONLY | O_APPEND);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    int exit_code = process_main(&program, &process, count, arguments);
    fflush(stdout);
    _exit(exit_code);
}

#define START(fixture_, ...) start((fixture_), (const char *const[]){__VA_ARGS__, NULL})

static const char *read_output(struct fixture *fixture)
{
    FILE *file = fopen(fixture->output_path, "r");

    assert_non_null(file);
    fixture->output[fread(fixture->output, 1, OUTPUT_MAX - 1, file)] = '\0';
    fclose(file);
    return fixture->output;
}

/* Waits until it has written `text`. */
static void await(struct fixture *fixture, const char *text)
{
    WAIT_UNTIL_OR(strstr(read_output(fixture), text) != NULL, wait_a_moment(),
                  fail_msg("waited in vain for \"%s\" in:\n%s", text, fixture->output));
}

/* Its exit code, once it has ended. */
static int exit_code(struct fixture *fixture)
{
    int status;

    assert_int_equal(waitpid(fixture->child, &status, 0), fixture->child);
    fixture->child = 0;
    assert_true(WIFEXITED(status));
    read_output(fixture);
    return WEXITSTATUS(status);
}

static void assert_has(const struct fixture *fixture, const char *text)
{
    if (strstr(fixture->output, text) == NULL)
        fail_msg("no \"%s\" in:\n%s", text, fixture->output);
}

/* ---- options --------------------------------------------------------------------------------- */

static void help_shows_the_options_of_the_table(void **state)
{
    struct fixture *fixture = *state;

    START(fixture, "--help");
    assert_int_equal(exit_code(fixture), 0);
    assert_has(fixture, "Usage: messagerie-small [OPTION]...\nDoes nothing.\n\n  --config FILE   ");
    assert_has(fixture, "\n  --greeting TEXT what it says\n                  when it is ready\n"
                        "  --fail          can't start\n"
                        "  --check         check the configuration and exit\n");
    START(fixture, "--version");
    assert_int_equal(exit_code(fixture), 0);
    assert_string_equal(fixture->output, "messagerie-small (messagerie) " PACKAGE_VERSION "\n");
}

static void what_is_no_option_is_refused(void **state)
{
    struct fixture *fixture = *state;

    START(fixture, "--greet-me");
    assert_int_equal(exit_code(fixture), 1);
    START(fixture, "--fail=x");
    assert_int_equal(exit_code(fixture), 1);
    START(fixture, "--greeting");
    assert_int_equal(exit_code(fixture), 1);
    START(fixture, "word");
    assert_int_equal(exit_code(fixture), 1);
    assert_string_equal(fixture->output, "messagerie-small: unexpected argument word\n");
}

static void check_tells_whether_it_could_start(void **state)
{
    struct fixture *fixture = *state;

    START(fixture, "--check");
    assert_int_equal(exit_code(fixture), 0);
    assert_has(fixture, ": the configuration is fine\n");
    write_config(fixture, "[log]\nlevel = loud\n");
    START(fixture, "--check");
    assert_int_equal(exit_code(fixture), 1);
    assert_has(fixture, "level=error program=small msg=\"can't start\" reason=");
}

static void an_unknown_time_zone_is_told_at_the_start(void **state)
{
    struct fixture *fixture = *state;

    setenv("MESSAGERIE_APPOINTMENTS_TIME_ZONE", "Atlantis/Capital", 1);
    START(fixture, "--check");
    unsetenv("MESSAGERIE_APPOINTMENTS_TIME_ZONE");
    assert_int_equal(exit_code(fixture), 1);
    assert_has(fixture, "Atlantis/Capital");
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static void told_to_end_it_ends_well(void **state)
{
    struct fixture *fixture = *state;
    static const int signals[] = {SIGTERM, SIGINT};

    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
        START(fixture, "--greeting", "hello");
        await(fixture, "msg=\"ready\" greeting=hello ");
        kill(fixture->child, signals[i]);
        assert_int_equal(exit_code(fixture), 0);
        assert_has(fixture, "level=info program=small msg=\"stopped\"\n");
    }
}

static void a_failure_is_told_with_its_reason(void **state)
{
    struct fixture *fixture = *state;

    START(fixture, "--fail");
    assert_int_equal(exit_code(fixture), 1);
    assert_has(fixture,
               "level=error program=small msg=\"can't start\" reason=\"as it was told\"\n");
    START(fixture, "--greeting", "then fail");
    await(fixture, "ready");
    kill(fixture->child, SIGTERM);
    assert_int_equal(exit_code(fixture), 1);
    assert_has(fixture, "level=error program=small msg=\"failed\" reason=\"in the end\"\n");
}

static void a_short_secret_is_advised_against(void **state)
{
    struct fixture *fixture = *state;

    setenv("MESSAGERIE_AUTH_JWT_SECRET", "geheim", 1);
    START(fixture, "--check");
    unsetenv("MESSAGERIE_AUTH_JWT_SECRET");
    assert_int_equal(exit_code(fixture), 0);
    assert_has(fixture, "level=warning program=small msg=\"the secret (JWT_SECRET)");
}

static void the_limit_of_descriptors_follows_its_key(void **state)
{
    struct fixture *fixture = *state;

    fixture->descriptors = 64;
    write_config(fixture, "[fastcgi]\nmax_connections = 100\n");
    START(fixture, "--greeting", "");
    await(fixture, "ready");
    assert_has(fixture, " descriptors=359\n"); /* 100 + 3 + PROCESS_RESERVED_DESCRIPTORS */
    kill(fixture->child, SIGTERM);
    assert_int_equal(exit_code(fixture), 0);

    fixture->descriptors_max = 128;
    START(fixture, "--greeting", "");
    await(fixture, "ready");
    assert_has(fixture, "msg=\"fewer descriptors than fastcgi.max_connections needs\"");
    kill(fixture->child, SIGTERM);
    assert_int_equal(exit_code(fixture), 0);
}

/* ---- reading the configuration again --------------------------------------------------------- */

static void live_keys_apply_and_fixed_ones_are_named(void **state)
{
    struct fixture *fixture = *state;

    write_config(fixture, "[fastcgi]\nthreads = 4\n");
    START(fixture, "--greeting", "");
    await(fixture, "ready");
    write_config(fixture, "[fastcgi]\nthreads = 5\n[broker]\nmax_rooms_per_socket = 7\n"
                          "listen = 127.0.0.1:1\n[log]\nlevel = debug\n");
    kill(fixture->child, SIGHUP);
    await(fixture, "configuration read again");
    assert_has(fixture, "msg=\"works by\" rooms=7 threads=4\n");
    assert_has(fixture, "only when debugging");
    assert_has(fixture,
               "level=warning program=small msg=\"this change of the configuration needs a "
               "restart\" key=fastcgi.threads\n");
    assert_has(fixture, " key=broker.listen\n");
    assert_null(strstr(fixture->output, "key=broker.max_rooms_per_socket"));
    assert_null(strstr(fixture->output, "key=log.level"));
    kill(fixture->child, SIGTERM);
    assert_int_equal(exit_code(fixture), 0);
}

static void a_bad_configuration_changes_nothing(void **state)
{
    struct fixture *fixture = *state;

    START(fixture, "--greeting", "");
    await(fixture, "ready");
    write_config(fixture, "[broker]\nmax_rooms_per_socket = many\n");
    kill(fixture->child, SIGHUP);
    await(fixture, "the configuration is bad, keeping the old one");
    assert_null(strstr(fixture->output, "works by"));
    write_config(fixture, "[broker]\nmax_rooms_per_socket = 8\n");
    kill(fixture->child, SIGHUP);
    await(fixture, "msg=\"works by\" rooms=8");
    kill(fixture->child, SIGTERM);
    assert_int_equal(exit_code(fixture), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help_shows_the_options_of_the_table),
        TEST(what_is_no_option_is_refused),
        TEST(check_tells_whether_it_could_start),
        TEST(an_unknown_time_zone_is_told_at_the_start),
        TEST(told_to_end_it_ends_well),
        TEST(a_failure_is_told_with_its_reason),
        TEST(a_short_secret_is_advised_against),
        TEST(the_limit_of_descriptors_follows_its_key),
        TEST(live_keys_apply_and_fixed_ones_are_named),
        TEST(a_bad_configuration_changes_nothing),
    };

    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
