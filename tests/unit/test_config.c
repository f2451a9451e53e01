#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"
#include "tests/unit/failing_malloc.h"

#define SECRET "0123456789abcdef"

/* A directory with a file "x.conf", and an environment of ours. */
struct fixture {
    char directory[64];
    char path[128];
    struct error error;
    struct config *config;
};

/* All of it but what cmocka looks at before each line that it prints. */
static bool clear_environment(void)
{
    static const char name[] = "CMOCKA_MESSAGE_OUTPUT";
    char kept[16];

    snprintf(kept, sizeof(kept), "%s", getenv(name) != NULL ? getenv(name) : "STDOUT");
    return clearenv() == 0 && setenv(name, kept, 1) == 0;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (fixture == NULL)
        return -1;
    *state = fixture;
    strcpy(fixture->directory, "/tmp/messagerie-config-XXXXXX");
    if (mkdtemp(fixture->directory) == NULL || !clear_environment())
        return -1;
    snprintf(fixture->path, sizeof(fixture->path), "%s/x.conf", fixture->directory);
    return setenv("JWT_SECRET", SECRET, 1);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    config_free(fixture->config);
    unlink(fixture->path);
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

static void write_bytes(struct fixture *fixture, const char *bytes, size_t length)
{
    FILE *file = fopen(fixture->path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Loads a file with this content. */
static struct config *load(struct fixture *fixture, const char *content)
{
    write_bytes(fixture, content, strlen(content));
    config_free(fixture->config);
    fixture->config = config_load(fixture->path, &fixture->error);
    assert_int_equal(fixture->config == NULL, fixture->error.kind != ERROR_NONE);
    return fixture->config;
}

/* Loading fails with "<path>" and the rest of the sentence. */
static void check_refused(struct fixture *fixture, const char *content, const char *rest)
{
    char expected[ERROR_TEXT_BYTES];

    if (load(fixture, content) != NULL)
        fail_msg("accepted: %s", content);
    snprintf(expected, sizeof(expected), "%s%s", fixture->path, rest);
    assert_string_equal(fixture->error.text, expected);
}

/* ---- values ---- */

static void without_a_file_each_key_has_its_default(void **state)
{
    struct fixture *fixture = *state;
    const struct config *config = load(fixture, "");

    assert_non_null(config);
    assert_int_equal(config->server_port, 8080);
    assert_string_equal(config->auth_jwt_secret, SECRET);
    assert_string_equal(config->auth_jwt_secret_previous, "");
    assert_string_equal(config->auth_jwt_keys_file, "");
    assert_string_equal(config->auth_jwt_public_key_file, "");
    assert_string_equal(config->auth_jwt_public_key_algorithm, "");
    assert_true(config->auth_require_expiry);
    assert_int_equal(config->auth_clock_leeway_s, 30);
    assert_int_equal(config->auth_salon_roles.count, 4);
    assert_string_equal(config->auth_salon_roles.items[0], "salon");
    assert_string_equal(config->auth_salon_roles.items[3], "user_tatoueur");
    assert_int_equal(config->auth_client_roles.count, 1);
    assert_string_equal(config->auth_client_roles.items[0], "client");
    assert_int_equal(config->http_frontend_url.count, 0);
    assert_non_null(strstr(config->database_path, "/lib/messagerie/messagerie.db"));
    assert_int_equal(config->database_readers, 8);
    assert_int_equal(config->database_busy_timeout_ms, 5000);
    assert_int_equal(config->database_outbox_retention_s, 86400);
    assert_int_equal(config->database_outbox_max_rows, 1000000);
    assert_int_equal(config->fastcgi_threads, 32);
    assert_int_equal(config->fastcgi_max_connections, 1024);
    assert_int_equal(config->fastcgi_io_timeout_ms, 10000);
    assert_int_equal(config->fastcgi_writes_per_second, 20);
    assert_int_equal(config->fastcgi_write_burst, 1000);
    assert_int_equal(config->fastcgi_reads_per_second, 500);
    assert_int_equal(config->fastcgi_read_burst, 5000);
    assert_non_null(strstr(config->fastcgi_conversations_socket, "/messagerie/conv"));
    assert_non_null(strstr(config->fastcgi_messages_socket, "/messagerie/messages"));
    assert_false(config->messaging_clients_may_open);
    assert_string_equal(config->mail_url, "");
    assert_string_equal(config->mail_starttls, "auto");
    assert_int_equal(config->mail_timeout_s, 60);
    assert_string_equal(config->mail_excerpt, "short");
    assert_non_null(strstr(config->mail_templates, "/templates/mail"));
    assert_int_equal(config->bus_brokers.count, 1);
    assert_memory_equal(config->bus_brokers.items[0], "ipc:///", 7);
    assert_string_equal(config->http_public_url, "");
    assert_true(strstr(config->metrics_folder, "/messagerie") != NULL);
    assert_string_equal(config->log_level, "info");
}

static void a_file_sets_what_it_names(void **state)
{
    struct fixture *fixture = *state;
    const struct config *config = load(fixture, "\xef\xbb\xbf; a comment\n"
                                                "# another\n"
                                                "\n"
                                                "[server]\r\n"
                                                "port=81\r\n"
                                                "  [auth]  ; comment\n"
                                                "jwt_secret = of the file, 16 bytes\n"
                                                "\trequire_expiry = off\n"
                                                "    salon_roles =  a ,, b c , \n"
                                                "client_roles =\n"
                                                "[log] # comment\n"
                                                "level = debug ; comment\n"
                                                "[fastcgi]\n"
                                                "threads: 4\n"
                                                "[bus]\n"
                                                "brokers = ipc:///a,tcp://127.0.0.1:5");

    assert_non_null(config);
    assert_int_equal(config->server_port, 81);
    assert_string_equal(config->auth_jwt_secret, SECRET); /* the environment weighs more */
    assert_false(config->auth_require_expiry);
    assert_int_equal(config->auth_salon_roles.count, 2);
    assert_string_equal(config->auth_salon_roles.items[0], "a");
    assert_string_equal(config->auth_salon_roles.items[1], "b c");
    assert_int_equal(config->auth_client_roles.count, 0);
    assert_string_equal(config->log_level, "debug");
    assert_int_equal(config->fastcgi_threads, 4);
    assert_int_equal(config->bus_brokers.count, 2);
    assert_string_equal(config->bus_brokers.items[1], "tcp://127.0.0.1:5");
    unsetenv("JWT_SECRET");
    config = load(fixture, "[auth]\njwt_secret = of the file, 16 bytes\n");
    assert_non_null(config);
    assert_string_equal(config->auth_jwt_secret, "of the file, 16 bytes");
}

static void an_integer_is_whole_and_in_its_range(void **state)
{
    static const char *const wrong[] = {"0",   "1025", "-1",  "abc",  "",
                                        "4x",  "4.0",  "1e2", "0x10", "99999999999999999999",
                                        "4 5", "#4"};
    struct fixture *fixture = *state;
    char content[200];
    char rest[200];

    assert_int_equal(load(fixture, "[fastcgi]\nthreads = 1\n")->fastcgi_threads, 1);
    assert_int_equal(load(fixture, "[fastcgi]\nthreads = 1024\n")->fastcgi_threads, 1024);
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        snprintf(content, sizeof(content), "[fastcgi]\n\nthreads = %s\n", wrong[i]);
        snprintf(rest, sizeof(rest),
                 ":3: threads in [fastcgi] must be a whole number from 1 to 1024 threads, not "
                 "\"%s\"",
                 wrong[i]);
        check_refused(fixture, content, rest);
    }
    check_refused(fixture, "[database]\nbusy_timeout_ms = 600001\n",
                  ":2: busy_timeout_ms in [database] must be a whole number from 0 to 600000 ms, "
                  "not \"600001\"");
}

/* Of every integer key both ends of its range are taken, and nothing beyond. */
static void both_ends_of_every_range_are_taken_and_nothing_beyond(void **state)
{
    struct fixture *fixture = *state;
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        if (keys[i].type != CONFIG_INTEGER)
            continue;
        const struct {
            int64_t value;
            bool is_right;
        } values[] = {{keys[i].minimum - 1, false},
                      {keys[i].minimum, true},
                      {keys[i].maximum, true},
                      {keys[i].maximum + 1, false}};
        for (size_t value = 0; value < ARRAY_LENGTH(values); value++) {
            char content[200];
            snprintf(content, sizeof(content), "[%s]\n%s = %lld\n", keys[i].section, keys[i].name,
                     (long long)values[value].value);
            assert_int_equal(load(fixture, content) != NULL, values[value].is_right);
        }
    }
}

static void a_boolean_has_four_words_for_each_value(void **state)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    static const char *const wrong[] = {"", "True", "2", "maybe", "true,yes"};
    struct fixture *fixture = *state;
    char content[100];
    char rest[200];

    for (size_t i = 0; i < ARRAY_LENGTH(yes); i++) {
        snprintf(content, sizeof(content), "[auth]\nrequire_expiry = %s\n", yes[i]);
        assert_true(load(fixture, content)->auth_require_expiry);
        snprintf(content, sizeof(content), "[auth]\nrequire_expiry = %s\n", no[i]);
        assert_false(load(fixture, content)->auth_require_expiry);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        snprintf(content, sizeof(content), "[auth]\nrequire_expiry = %s\n", wrong[i]);
        snprintf(rest, sizeof(rest),
                 ":2: require_expiry in [auth] must be true or false, not \"%s\"", wrong[i]);
        check_refused(fixture, content, rest);
    }
}

static void a_choice_is_one_of_its_words(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(load(fixture, "[log]\nlevel = warning\n")->log_level, "warning");
    check_refused(fixture, "[log]\nlevel = warn\n",
                  ":2: level in [log] must be one of error,warning,info,debug, not \"warn\"");
    check_refused(fixture, "[log]\nlevel = error,warning\n",
                  ":2: level in [log] must be one of error,warning,info,debug, not "
                  "\"error,warning\"");
    check_refused(fixture, "[log]\nlevel =\n", ":2: level in [log] must not be empty");
}

static void a_text_has_a_longest(void **state)
{
    struct fixture *fixture = *state;
    char content[CONFIG_TEXT_BYTES + 100];

    snprintf(content, sizeof(content), "[database]\npath = /%0*d\n", CONFIG_TEXT_BYTES - 2, 0);
    const struct config *config = load(fixture, content);
    assert_non_null(config);
    assert_int_equal(config->database_path[CONFIG_TEXT_BYTES - 2], '0');
    assert_int_equal(config->database_path[CONFIG_TEXT_BYTES - 1], '\0');
    snprintf(content, sizeof(content), "[database]\npath = /%0*d\n", CONFIG_TEXT_BYTES - 1, 0);
    check_refused(fixture, content, ":2: path in [database] must have at most 511 bytes");
    check_refused(fixture, "[database]\npath =\n", ":2: path in [database] must not be empty");
}

static void a_list_has_a_longest_and_most_entries(void **state)
{
    static const char wrong[] = ":2: brokers in [bus] must have at most 16 entries and 2047 bytes";
    struct fixture *fixture = *state;
    char content[3000];

    assert_non_null(load(fixture, "[bus]\nbrokers = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,,\n"));
    assert_int_equal(fixture->config->bus_brokers.count, CONFIG_LIST_MAX);
    check_refused(fixture, "[bus]\nbrokers = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n", wrong);
    snprintf(content, sizeof(content), "[bus]\nbrokers = %02047d\n", 0);
    assert_non_null(load(fixture, content));
    assert_int_equal(strlen(fixture->config->bus_brokers.items[0]), 2047);
    snprintf(content, sizeof(content), "[bus]\nbrokers = %02048d\n", 0);
    check_refused(fixture, content, wrong);
}

/* ---- mistakes in the file ---- */

static void an_unknown_name_is_told_with_the_nearest(void **state)
{
    struct fixture *fixture = *state;

    check_refused(fixture, "# c\n\n[fastcgi]\nthread = 4\n",
                  ":4: unknown key \"thread\" in [fastcgi]; did you mean \"threads\"?");
    check_refused(fixture, "[database]\nbusy_timeout = 4\n",
                  ":2: unknown key \"busy_timeout\" in [database]; did you mean "
                  "\"busy_timeout_ms\"?");
    check_refused(fixture, "[server]\nthreads = 4\n",
                  ":2: unknown key \"threads\" in [server]; did you mean \"threads\" in "
                  "[fastcgi]?");
    check_refused(fixture, "[fastcgi]\nThreads = 4\n",
                  ":2: unknown key \"Threads\" in [fastcgi]; did you mean \"threads\"?");
    check_refused(fixture, "[fastcg]\nthreads = 4\n",
                  ":1: unknown section [fastcg]; did you mean [fastcgi]?");
    check_refused(fixture, "[log]\n[databse]\n",
                  ":2: unknown section [databse]; did you mean [database]?");
    check_refused(fixture, "threads = 4\n", ":1: key \"threads\" stands before any [section]");
    check_refused(fixture, "[]\nthreads = 4\n", ":1: unknown section []; did you mean [bus]?");
    check_refused(fixture, "[fastcgi]\n = 4\n",
                  ":2: unknown key \"\" in [fastcgi]; did you mean \"threads\"?");
}

static void a_key_is_set_once(void **state)
{
    struct fixture *fixture = *state;

    check_refused(fixture, "[fastcgi]\nthreads = 4\nthreads = 5\n",
                  ":3: threads in [fastcgi] is set a second time");
    check_refused(fixture, "[fastcgi]\nthreads = 4\n[log]\n[fastcgi]\nthreads = 4\n",
                  ":5: threads in [fastcgi] is set a second time");
    assert_non_null(load(fixture, "[fastcgi]\nthreads = 4\n[log]\n[fastcgi]\nio_timeout_ms = 4\n"));
}

static void a_line_that_says_nothing_is_told(void **state)
{
    static const char wrong[] = ":2: expected \"key = value\" or \"[section]\"";
    struct fixture *fixture = *state;

    check_refused(fixture, "[fastcgi]\nthreads\n", wrong);
    check_refused(fixture, "[log]\n[fastcgi\nthreads = 4\n", wrong);
    check_refused(fixture, "[fastcgi]\nthreads\n[nosuch]\n", wrong);
    check_refused(fixture, "[fastcgi]\nthreads\nnosuch = 1\n", wrong);
    check_refused(fixture, "[fastcgi]\nnosuch = 1\nthreads\n",
                  ":2: unknown key \"nosuch\" in [fastcgi]; did you mean \"threads\"?");
    check_refused(fixture, "[fastcgi] threads = 4\n", ":1: unexpected text behind the section");
}

static void an_indented_line_is_a_line(void **state)
{
    struct fixture *fixture = *state;

    check_refused(fixture, "[bus]\nbrokers = ipc:///a,\n  ipc:///b\n[log]\nlevel = info\n",
                  ":3: unknown key \"ipc\" in [bus]; did you mean \"brokers\"?");
}

static void a_line_has_a_longest(void **state)
{
    struct fixture *fixture = *state;
    static char content[2 * CONFIG_LINE_MAX_BYTES];

    snprintf(content, sizeof(content), "[log]\n#%0*d\nlevel = debug\n", CONFIG_LINE_MAX_BYTES - 1,
             0);
    assert_non_null(load(fixture, content));
    assert_string_equal(fixture->config->log_level, "debug");
    snprintf(content, sizeof(content), "[log]\n#%0*d\nlevel = debug\n", CONFIG_LINE_MAX_BYTES, 0);
    check_refused(fixture, content, ":2: the line is longer than 4096 bytes");
    snprintf(content, sizeof(content), "[log]\n%0*d", CONFIG_LINE_MAX_BYTES + 1, 0);
    check_refused(fixture, content, ":2: the line is longer than 4096 bytes");
    snprintf(content, sizeof(content), "[log]\nlevel = debug%*s\n", CONFIG_LINE_MAX_BYTES - 13, "");
    assert_non_null(load(fixture, content));
}

static void a_line_holds_no_nul(void **state)
{
    struct fixture *fixture = *state;
    char expected[200];

    write_bytes(fixture, "[log]\nlevel = info\0debug\n", 25);
    assert_null(config_load(fixture->path, &fixture->error));
    snprintf(expected, sizeof(expected), "%s:2: the line holds a NUL", fixture->path);
    assert_string_equal(fixture->error.text, expected);
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    struct fixture *fixture = *state;
    char expected[200];

    assert_null(config_load(fixture->path, &fixture->error));
    snprintf(expected, sizeof(expected), "%s: cannot be opened: No such file or directory",
             fixture->path);
    assert_string_equal(fixture->error.text, expected);
    assert_null(config_load(fixture->directory, &fixture->error));
    snprintf(expected, sizeof(expected), "%s: cannot be read: Is a directory", fixture->directory);
    assert_string_equal(fixture->error.text, expected);
}

/* ---- the environment ---- */

static void the_environment_weighs_more_than_the_file(void **state)
{
    struct fixture *fixture = *state;
    static const char content[] = "[fastcgi]\nthreads = 4\n[bus]\nbrokers = ipc:///a\n";

    setenv("MESSAGERIE_FASTCGI_THREADS", "5", 1);
    setenv("MESSAGERIE_BUS_BROKERS", "ipc:///b, ipc:///c", 1);
    assert_non_null(load(fixture, content));
    assert_int_equal(fixture->config->fastcgi_threads, 5);
    assert_int_equal(fixture->config->bus_brokers.count, 2);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
    struct fixture *fixture = *state;
    static const char content[] = "[fastcgi]\nthreads = 4\n[bus]\nbrokers = ipc:///a\n";

    setenv("MESSAGERIE_FASTCGI_THREADS", "", 1);
    setenv("MESSAGERIE_BUS_BROKERS", "", 1);
    setenv("MESSAGERIE_LOG_LEVEL", "", 1);
    setenv("PORT", "", 1);
    setenv("MESSAGERIE_AUTH_JWT_SECRET", "", 1); /* JWT_SECRET has one */
    assert_non_null(load(fixture, content));
    assert_int_equal(fixture->config->fastcgi_threads, 4);
    assert_int_equal(fixture->config->bus_brokers.count, 1);
    assert_string_equal(fixture->config->log_level, "info");
    assert_int_equal(fixture->config->server_port, 8080);
    assert_string_equal(fixture->config->auth_jwt_secret, SECRET);
    setenv("JWT_SECRET", "", 1);
    assert_null(load(fixture, content));
    assert_non_null(load(fixture, "[auth]\njwt_secret = " SECRET "\n"));
}

static void the_names_of_the_old_service_are_understood(void **state)
{
    struct fixture *fixture = *state;

    setenv("FRONTEND_URL", "https://a.example, https://b.example", 1);
    setenv("PORT", "81", 1);
    assert_non_null(load(fixture, "[server]\nport = 80\n"));
    assert_int_equal(fixture->config->server_port, 81);
    assert_int_equal(fixture->config->http_frontend_url.count, 2);
    assert_string_equal(fixture->config->http_frontend_url.items[1], "https://b.example");
    setenv("MESSAGERIE_SERVER_PORT", "82", 1);
    setenv("MESSAGERIE_AUTH_JWT_SECRET", "another secret of bytes", 1);
    setenv("PORT", "not looked at", 1);
    assert_non_null(load(fixture, "[server]\nport = 80\n"));
    assert_int_equal(fixture->config->server_port, 82);
    assert_string_equal(fixture->config->auth_jwt_secret, "another secret of bytes");
}

static void check_environment_refused(struct fixture *fixture, const char *expected)
{
    assert_null(load(fixture, ""));
    assert_string_equal(fixture->error.text, expected);
}

static void a_wrong_variable_is_told_by_its_name(void **state)
{
    struct fixture *fixture = *state;

    setenv("MESSAGERIE_FASTCGI_THREADS", "many", 1);
    check_environment_refused(fixture, "MESSAGERIE_FASTCGI_THREADS: threads in [fastcgi] must be "
                                       "a whole number from 1 to 1024 threads, not \"many\"");
    unsetenv("MESSAGERIE_FASTCGI_THREADS");
    setenv("PORT", "0x50", 1);
    check_environment_refused(
        fixture, "PORT: port in [server] must be a whole number from 1 to 65535, not \"0x50\"");
}

static void an_unknown_variable_is_told_with_the_nearest(void **state)
{
    struct fixture *fixture = *state;

    setenv("MESSAGERIE_CONFIG", "/nowhere", 1); /* a path is given */
    setenv("MESSAGERIE_OTHER_THREAD", "1", 1);
    setenv("MESSAGERIE_", "1", 1);
    setenv("MESSAGERIE_FASTCGI", "1", 1);
    setenv("MESSAGERIE_LOGLEVEL", "1", 1);
    setenv("MESSAGERIE_NOSECTION_URL", "1", 1);
    assert_non_null(load(fixture, ""));
    setenv("MESSAGERIE_FASTCGI_THREAD", "1", 1);
    check_environment_refused(fixture, "MESSAGERIE_FASTCGI_THREAD: unknown variable; did you mean "
                                       "MESSAGERIE_FASTCGI_THREADS?");
    unsetenv("MESSAGERIE_FASTCGI_THREAD");
    setenv("MESSAGERIE_LOG_", "1", 1);
    check_environment_refused(
        fixture, "MESSAGERIE_LOG_: unknown variable; did you mean MESSAGERIE_LOG_LEVEL?");
}

static void a_variable_names_the_file(void **state)
{
    struct fixture *fixture = *state;

    write_bytes(fixture, "[server]\nport = 77\n", 19);
    setenv("MESSAGERIE_CONFIG", fixture->path, 1);
    assert_string_equal(config_path(NULL), fixture->path);
    assert_string_equal(config_path("/given"), "/given");
    fixture->config = config_load(NULL, &fixture->error);
    assert_non_null(fixture->config);
    assert_int_equal(fixture->config->server_port, 77);

    setenv("MESSAGERIE_CONFIG", "/nowhere/x.conf", 1);
    assert_null(config_load(NULL, &fixture->error));
    assert_string_equal(fixture->error.text,
                        "/nowhere/x.conf: cannot be opened: No such file or directory");
    setenv("MESSAGERIE_CONFIG", "", 1);
    assert_string_equal(config_path(NULL), SYSCONFDIR "/messagerie/messagerie.conf");
}

/* The file that nobody named need not be there. */
static void the_file_that_nobody_named_need_not_be_there(void **state)
{
    struct fixture *fixture = *state;
    bool is_missing = access(config_path(NULL), F_OK) != 0;

    fixture->config = config_load(NULL, &fixture->error);
    if (is_missing)
        assert_non_null(fixture->config);
    else
        assert_true(fixture->config != NULL || strncmp(fixture->error.text, config_path(NULL),
                                                       strlen(config_path(NULL))) == 0);
}

/* ---- the whole ---- */

static void without_a_way_to_verify_tokens_it_is_refused(void **state)
{
    struct fixture *fixture = *state;

    setenv("JWT_SECRET", "0123456789012345678901234567890", 1); /* 31 bytes */
    assert_non_null(load(fixture, ""));
    assert_non_null(strstr(config_advice(fixture->config), "RFC 7518"));
    setenv("JWT_SECRET", "01234567890123456789012345678901", 1);
    assert_non_null(load(fixture, ""));
    assert_null(config_advice(fixture->config));
    setenv("JWT_SECRET_PREVIOUS", "short", 1);
    assert_non_null(load(fixture, ""));
    assert_string_equal(fixture->config->auth_jwt_secret_previous, "short");
    assert_non_null(config_advice(fixture->config));
    unsetenv("JWT_SECRET_PREVIOUS");
    unsetenv("JWT_SECRET");
    static const char none[] =
        ": no way to verify tokens: set JWT_SECRET in the environment or jwt_secret in [auth] to "
        "the secret of the booking back-end (`openssl rand -hex 32` makes a good one), or "
        "jwt_public_key_file or jwt_keys_file in [auth]";
    check_refused(fixture, "", none);
    check_refused(fixture, "[auth]\njwt_secret =\n", none);
    setenv("JWT_SECRET", "", 1);
    check_refused(fixture, "", none);
}

static void clients_that_would_all_count_as_one_address_are_refused(void **state)
{
    static const char *const good[] = {
        "listen = unix:/run/b\n",
        "listen = unix:/run/b\ntrusted_proxies = 192.0.2.0/24, unix\n",
        "listen = 127.0.0.1:80\ntrusted_proxies = 127.0.0.1\n",
        "listen = [::1]:80\ntrusted_proxies = ::/0\n",
        "listen = 0.0.0.0:80\ntrusted_proxies =\n",
        "listen = 192.0.2.1:80\ntrust_forwarded_for = false\n",
        "listen = nowhere\n", /* which is told by who listens there */
    };
    struct fixture *fixture = *state;
    char content[256];

    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        snprintf(content, sizeof(content), "[broker]\n%s", good[i]);
        assert_non_null(load(fixture, content));
    }
    check_refused(
        fixture, "[broker]\nlisten = unix:/run/b\ntrusted_proxies = 127.0.0.1\n",
        ": [broker] listen = unix:/run/b needs unix among trusted_proxies: only web servers "
        "of this machine can come there, and all clients would count as one address");
    check_refused(
        fixture, "[broker]\ntrusted_proxies = unix\nlisten = 127.1.2.3:80\n",
        ": [broker] listen = 127.1.2.3:80 needs 127.0.0.0/8 among trusted_proxies: only web "
        "servers of this machine can come there, and all clients would count as one "
        "address");
    check_refused(
        fixture, "[broker]\ntrusted_proxies = 127.0.0.1\nlisten = [::1]:80\n",
        ": [broker] listen = [::1]:80 needs ::1 among trusted_proxies: only web servers of "
        "this machine can come there, and all clients would count as one address");
    check_refused(
        fixture, "[broker]\nlisten = unix:/run/b\ntrust_forwarded_for = false\n",
        ": [broker] listen = unix:/run/b needs trust_forwarded_for = true: only web servers "
        "of this machine can come there, and all clients would count as one address");
}

static void a_public_key_goes_with_its_algorithm(void **state)
{
    struct fixture *fixture = *state;

    unsetenv("JWT_SECRET");
    assert_non_null(load(fixture, "[auth]\njwt_public_key_file = /k.pem\n"
                                  "jwt_public_key_algorithm = ES256\n"));
    assert_string_equal(fixture->config->auth_jwt_public_key_algorithm, "ES256");
    check_refused(fixture, "[auth]\njwt_public_key_file = /k.pem\n",
                  ": jwt_public_key_file in [auth] needs jwt_public_key_algorithm = RS256 or "
                  "ES256");
    check_refused(fixture, "[auth]\njwt_public_key_algorithm = RS256\n",
                  ": jwt_public_key_algorithm in [auth] needs jwt_public_key_file");
    check_refused(fixture,
                  "[auth]\njwt_public_key_file = /k.pem\njwt_public_key_algorithm = HS256\n",
                  ":3: jwt_public_key_algorithm in [auth] must be one of RS256,ES256, not "
                  "\"HS256\"");
}

/* Browsers send an origin without path, in lower case. */
static void origins_are_reduced_to_what_browsers_send(void **state)
{
    struct fixture *fixture = *state;
    struct config *config = load(fixture, "[http]\nfrontend_url = https://Salon.example/, "
                                          "http://localhost:3000/app?x, https://Café.example, "
                                          "http://un.example:80, capacitor://localhost\n"
                                          "public_url = https://Chat.example:443/messagerie/\n");

    assert_non_null(config);
    assert_true(config_list_contains(&config->http_frontend_url, "https://salon.example"));
    assert_true(config_list_contains(&config->http_frontend_url, "http://localhost:3000"));
    assert_true(config_list_contains(&config->http_frontend_url, "https://xn--caf-dma.example"));
    assert_true(config_list_contains(&config->http_frontend_url, "http://un.example"));
    assert_true(config_list_contains(&config->http_frontend_url, "capacitor://localhost"));
    assert_string_equal(config->http_public_url, "https://chat.example");
    static const char *const wrong[][2] = {
        {"*", "a pattern is no origin, each is listed by itself"},
        {"salon.example", "it has no scheme, such as https://"},
        {"ftp://salon.example", "pages have no such scheme"},
        {"https://", "it has no host"},
        {"https://*.example", "a pattern is no origin, each is listed by itself"},
        {"https://salon.example:port", "its port is no number from 1 to 65535"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        for (size_t k = 0; k < 2; k++) {
            const char *key = k == 0 ? "frontend_url" : "public_url";
            char content[128];
            char expected[256];
            snprintf(content, sizeof(content), "[http]\n%s = %s\n", key, wrong[i][0]);
            snprintf(expected, sizeof(expected),
                     ":2: %s in [http] must have origins such as https://salon.example, not "
                     "\"%s\": %s",
                     key, wrong[i][0], wrong[i][1]);
            check_refused(fixture, content, expected);
        }
    }
}

/* The sentence about a secret never shows it. */
static void a_secret_is_not_told_in_a_sentence(void **state)
{
    struct fixture *fixture = *state;
    char content[CONFIG_TEXT_BYTES + 100];

    setenv("JWT_SECRET", "geheim", 1);
    assert_non_null(load(fixture, ""));
    assert_null(strstr(config_advice(fixture->config), "geheim"));
    snprintf(content, sizeof(content), "[auth]\njwt_secret = geheim%0*d\n", CONFIG_TEXT_BYTES, 0);
    assert_null(load(fixture, content));
    assert_null(strstr(fixture->error.text, "geheim"));
}

/* ---- what is shown ---- */

static const char *value_of(const struct config *config, const char *section, const char *name)
{
    static struct buffer out;
    size_t count;
    const struct config_key *keys = config_keys(&count);

    buffer_free(&out);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
            config_append_value(config, &keys[i], &out);
    }
    return buffer_text(&out);
}

static void values_are_written_as_in_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct config *config = load(fixture, "[fastcgi]\nthreads = 4\n[auth]\nrequire_expiry = no\n"
                                          "salon_roles = a,b\n");

    assert_string_equal(value_of(config, "fastcgi", "threads"), "4");
    assert_string_equal(value_of(config, "auth", "require_expiry"), "false");
    assert_string_equal(value_of(config, "auth", "salon_roles"), "a, b");
    assert_string_equal(value_of(config, "http", "frontend_url"), "");
    assert_string_equal(value_of(config, "log", "level"), "info");
    assert_string_equal(value_of(config, "auth", "jwt_secret"), SECRET);
}

static const char *origin_of(const struct config_origins *origins, const char *name)
{
    size_t count;

    return origins->texts[config_find_key(name) - config_keys(&count)];
}

static void values_are_shown_with_their_origin(void **state)
{
    struct fixture *fixture = *state;
    static const char content[] =
        "\xef\xbb\xbf[fastcgi]\r\n\n threads : 4 ; few\n[server]\nport=81\n";
    static struct config_origins origins;
    char expected[sizeof(fixture->path) + 8];

    unsetenv("JWT_SECRET");
    setenv("PORT", "82", 1);
    setenv("MESSAGERIE_LOG_LEVEL", "debug", 1);
    write_bytes(fixture, content, strlen(content));
    fixture->config = config_load_to_show(fixture->path, &origins, &fixture->error);
    assert_non_null(fixture->config); /* without a way to verify tokens */
    snprintf(expected, sizeof(expected), "%s:3", fixture->path);
    assert_string_equal(origin_of(&origins, "fastcgi.threads"), expected);
    assert_string_equal(value_of(fixture->config, "fastcgi", "threads"), "4");
    assert_string_equal(origin_of(&origins, "server.port"), "PORT");
    assert_string_equal(value_of(fixture->config, "server", "port"), "82");
    assert_string_equal(origin_of(&origins, "log.level"), "MESSAGERIE_LOG_LEVEL");
    assert_string_equal(origin_of(&origins, "auth.jwt_secret"), "default");
    assert_null(config_load("/dev/null", &fixture->error));
    setenv("PORT", "82 or so", 1);
    assert_null(config_load_to_show(fixture->path, &origins, &fixture->error));
}

static void a_key_has_one_name_and_others_are_near_it(void **state)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        char name[CONFIG_KEY_NAME_BYTES];
        config_key_name(&keys[i], name);
        assert_ptr_equal(config_find_key(name), &keys[i]);
        assert_ptr_equal(config_nearest_key(name), &keys[i]);
    }
    static const char *const unknown[] = {"",        ".",       "threads", "fastcgi.thread",
                                          "fastcgi", "fastcgi."};
    for (size_t i = 0; i < ARRAY_LENGTH(unknown); i++)
        assert_null(config_find_key(unknown[i]));
    assert_string_equal(config_nearest_key("threads")->name, "threads");
    assert_string_equal(config_nearest_key("fastcgi.thread")->name, "threads");
    assert_string_equal(config_nearest_key("brokr.listen")->section, "broker");
    assert_non_null(config_nearest_key(""));
}

/* Changes the key's value in `config`, whatever its type. */
static void change_value(struct config *config, const struct config_key *key)
{
    void *field = (char *)config + key->offset;

    switch (key->type) {
    case CONFIG_TEXT:
        strcat(field, "x");
        break;
    case CONFIG_LIST:
        *(struct config_list *)field = (struct config_list){.count = 1};
        ((struct config_list *)field)->items[0] = ((struct config_list *)field)->storage;
        break;
    case CONFIG_INTEGER:
        ++*(int64_t *)field;
        break;
    case CONFIG_BOOLEAN:
        *(bool *)field = !*(bool *)field;
        break;
    }
}

static void of_every_key_a_change_is_seen_and_kept_out_where_it_is_fixed(void **state)
{
    struct fixture *fixture = *state;
    size_t count;
    const struct config_key *keys = config_keys(&count);
    struct config_changes kept;

    const struct config *running = load(fixture, "");
    assert_non_null(running);
    for (size_t i = 0; i < count; i++) {
        struct config *fresh = config_load(fixture->path, &fixture->error);
        assert_non_null(fresh);
        assert_true(config_values_are_equal(&keys[i], running, fresh));
        change_value(fresh, &keys[i]);
        for (size_t other = 0; other < count; other++)
            assert_int_equal(config_values_are_equal(&keys[other], running, fresh), other != i);
        config_keep_fixed(fresh, running, &kept);
        assert_int_equal(kept.count, keys[i].is_live ? 0 : 1);
        assert_int_equal(config_values_are_equal(&keys[i], running, fresh), !keys[i].is_live);
        if (!keys[i].is_live)
            assert_ptr_equal(kept.keys[0], &keys[i]);
        config_free(fresh);
    }
}

static void a_value_that_is_written_differently_is_the_same(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"auth.require_expiry", "auth.salon_roles", "server.port"};

    write_bytes(fixture, "[auth]\nrequire_expiry = yes\nsalon_roles = a, b,\n", 46);
    struct config *other = config_load(fixture->path, &fixture->error);
    assert_non_null(other);
    assert_non_null(load(fixture, "[auth]\nrequire_expiry = on\nsalon_roles=a,b\n"
                                  "[server]\nport = 08080\n"));
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        assert_true(config_values_are_equal(config_find_key(names[i]), fixture->config, other));
    config_free(other);
}

static char *sample(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    assert_true(config_write_sample(out));
    assert_int_equal(fclose(out), 0);
    return text;
}

static void check_is_default(struct fixture *fixture, const struct config *config)
{
    struct config *defaults = config_load("/dev/null", &fixture->error);
    struct buffer expected = BUFFER_EMPTY;
    struct buffer actual = BUFFER_EMPTY;
    size_t count;
    const struct config_key *keys = config_keys(&count);

    assert_non_null(defaults);
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&expected);
        buffer_clear(&actual);
        config_append_value(defaults, &keys[i], &expected);
        config_append_value(config, &keys[i], &actual);
        assert_string_equal(buffer_text(&actual), buffer_text(&expected));
    }
    buffer_free(&expected);
    buffer_free(&actual);
    config_free(defaults);
}

/* The sample changes nothing, neither as it is nor with all keys made active. */
static void the_sample_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    size_t count;
    const struct config_key *keys = config_keys(&count);
    char *text = sample();
    char *active = calloc(1, strlen(text) + 1);

    assert_non_null(load(fixture, text));
    check_is_default(fixture, fixture->config);

    assert_non_null(active);
    size_t length = 0;
    for (const char *at = text; *at != '\0'; at++) {
        bool is_key = *at == '#' && (at == text || at[-1] == '\n') && at[1] != ' ';
        if (!is_key)
            active[length++] = *at;
    }
    setenv("MESSAGERIE_AUTH_JWT_SECRET", SECRET, 1);
    assert_non_null(load(fixture, active));
    check_is_default(fixture, fixture->config);
    for (size_t i = 0; i < count; i++) {
        char line[CONFIG_TEXT_BYTES];
        char variable[CONFIG_VARIABLE_BYTES];
        snprintf(line, sizeof(line), "\n%s =", keys[i].name);
        assert_non_null(strstr(active, line));
        config_key_variable(&keys[i], variable);
        assert_non_null(strstr(active, variable));
        assert_non_null(strstr(active, keys[i].help));
    }
    free(active);
    free(text);
}

static void a_sample_on_a_full_disk_fails(void **state)
{
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    assert_false(config_write_sample(full));
    fclose(full);
}

/* What the other functions rely on. */
static void the_table_is_sound(void **state)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        char variable[CONFIG_VARIABLE_BYTES];
        config_key_variable(&keys[i], variable);
        assert_true(strlen(variable) < CONFIG_VARIABLE_BYTES - 1);
        assert_true(keys[i].offset < sizeof(struct config));
        assert_non_null(keys[i].help);
        for (size_t other = 0; other < i; other++) {
            assert_int_not_equal(keys[i].offset, keys[other].offset);
            assert_false(strcmp(keys[i].section, keys[other].section) == 0 &&
                         strcmp(keys[i].name, keys[other].name) == 0);
            if (strcmp(keys[i].section, keys[other].section) == 0)
                assert_string_equal(keys[i].section, keys[i - 1].section);
        }
    }
    assert_string_equal(keys[0].section, "server");
}

static void a_copied_list_stands_alone(void **state)
{
    struct fixture *fixture = *state;
    struct config_list copy;

    assert_non_null(load(fixture, "[bus]\nbrokers = a, b\n"));
    config_list_copy(&copy, &fixture->config->bus_brokers);
    config_free(fixture->config);
    fixture->config = NULL;
    assert_int_equal(copy.count, 2);
    assert_string_equal(copy.items[0], "a");
    assert_true(config_list_contains(&copy, "b"));
    assert_false(config_list_contains(&copy, "B"));
    assert_false(config_list_contains(&copy, ""));
}

#if FAILING_MALLOC_WORKS
static bool load_again(void *context)
{
    struct fixture *fixture = context;
    struct config *config = config_load(fixture->path, &fixture->error);

    if (config == NULL)
        assert_true(fixture->error.text[0] != '\0');
    else
        assert_int_equal(config->fastcgi_threads, 4);
    config_free(config);
    return config != NULL;
}

static void without_memory_nothing_is_loaded(void **state)
{
    struct fixture *fixture = *state;

    write_bytes(fixture, "[fastcgi]\nthreads = 4\n", 22);
    run_with_failing_malloc(load_again, fixture, false);
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_file_each_key_has_its_default),
        TEST(a_file_sets_what_it_names),
        TEST(an_integer_is_whole_and_in_its_range),
        TEST(both_ends_of_every_range_are_taken_and_nothing_beyond),
        TEST(a_boolean_has_four_words_for_each_value),
        TEST(a_choice_is_one_of_its_words),
        TEST(a_text_has_a_longest),
        TEST(a_list_has_a_longest_and_most_entries),
        TEST(an_unknown_name_is_told_with_the_nearest),
        TEST(a_key_is_set_once),
        TEST(a_line_that_says_nothing_is_told),
        TEST(an_indented_line_is_a_line),
        TEST(a_line_has_a_longest),
        TEST(a_line_holds_no_nul),
        TEST(a_file_that_cannot_be_read_is_told),
        TEST(the_environment_weighs_more_than_the_file),
        TEST(an_empty_variable_counts_as_not_set),
        TEST(the_names_of_the_old_service_are_understood),
        TEST(a_wrong_variable_is_told_by_its_name),
        TEST(an_unknown_variable_is_told_with_the_nearest),
        TEST(a_variable_names_the_file),
        TEST(the_file_that_nobody_named_need_not_be_there),
        TEST(without_a_way_to_verify_tokens_it_is_refused),
        TEST(clients_that_would_all_count_as_one_address_are_refused),
        TEST(a_public_key_goes_with_its_algorithm),
        TEST(origins_are_reduced_to_what_browsers_send),
        TEST(a_secret_is_not_told_in_a_sentence),
        TEST(values_are_written_as_in_the_file),
        TEST(values_are_shown_with_their_origin),
        TEST(of_every_key_a_change_is_seen_and_kept_out_where_it_is_fixed),
        TEST(a_value_that_is_written_differently_is_the_same),
        TEST(a_key_has_one_name_and_others_are_near_it),
        TEST(the_sample_changes_nothing),
        TEST(a_sample_on_a_full_disk_fails),
        TEST(the_table_is_sound),
        TEST(a_copied_list_stands_alone),
#if FAILING_MALLOC_WORKS
        TEST(without_memory_nothing_is_loaded),
#endif
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
