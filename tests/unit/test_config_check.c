/*
 * tool/config_check.h: what check-config warns of, in folders and with files made for it.
 */
#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/unix_listener.h"
#include "tests/unit/remove_folder.h"
#include "tool/config_check.h"

#define NOBODY 65534

#define PUBLIC_KEY_FILE      "MESSAGERIE_AUTH_JWT_PUBLIC_KEY_FILE"
#define DATABASE             "MESSAGERIE_DATABASE_PATH"
#define TEMPLATES            "MESSAGERIE_APPOINTMENTS_TEMPLATES"
#define CONVERSATIONS_SOCKET "MESSAGERIE_FASTCGI_CONVERSATIONS_SOCKET"
#define MESSAGES_SOCKET      "MESSAGERIE_FASTCGI_MESSAGES_SOCKET"
#define BROKERS              "MESSAGERIE_BUS_BROKERS"
#define LISTEN               "MESSAGERIE_BROKER_LISTEN"
#define INTERNAL_LISTEN      "MESSAGERIE_BROKER_INTERNAL_LISTEN"
#define BUS_ADDRESS          "MESSAGERIE_BROKER_BUS_ADDRESS"

#define SECRET "[auth]\njwt_secret = a-secret-that-is-long-enough-for-hs256\n"

struct place {
    char folder[64];
    char file[96];       /* the configuration */
    char warnings[8192]; /* of the last check, one a line */
    struct config_origins origins;
};

static char *path_in(const struct place *place, const char *name)
{
    static char paths[4][PATH_MAX];
    static size_t next;
    char *path = paths[next++ % 4];

    snprintf(path, PATH_MAX, "%s/%s", place->folder, name);
    return path;
}

static void make_file(const char *path, const char *text, mode_t mode)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(descriptor, mode), 0);
    close(descriptor);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    strcpy(place->folder, "/tmp/messagerie-check-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    assert_int_equal(chmod(place->folder, 0755), 0);
    snprintf(place->file, sizeof(place->file), "%s/messagerie.conf", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    remove_folder(place->folder);
    free(place);
    return 0;
}

static void keep(void *context, const char *text)
{
    struct place *place = context;
    size_t length = strlen(place->warnings);

    snprintf(place->warnings + length, sizeof(place->warnings) - length, "%s\n", text);
}

/* Checks a configuration in which everything is in the folder, but for these keys: variables of the
 * environment and their values, with NULL behind. */
#define warnings_of(place_, ...) warnings_with(place_, (const char *const[]){__VA_ARGS__})

static const char *warnings_with(struct place *place, const char *const *variables)
{
    char text[4096];
    struct error error;
    struct stat status;
    mode_t mode = stat(place->file, &status) == 0 ? status.st_mode & 07777 : 0600;

    snprintf(text, sizeof(text),
             SECRET "[database]\npath = %s/m.db\n"
                    "[fastcgi]\nconversations_socket = %s/c\nmessages_socket = %s/m\n"
                    "appointments_socket = %s/a\n"
                    "[bus]\nbrokers = ipc://%s/bus\n"
                    "[broker]\nlisten = unix:%s/b\ninternal_listen = 127.0.0.1:8091\n"
                    "bus_address = ipc://%s/bus\n",
             place->folder, place->folder, place->folder, place->folder, place->folder,
             place->folder, place->folder);
    make_file(place->file, text, mode);
    for (size_t i = 0; variables[i] != NULL; i += 2)
        setenv(variables[i], variables[i + 1], 1);
    error_clear(&error);
    struct config *config = config_load_to_show(place->file, &place->origins, &error);
    if (config == NULL)
        fail_msg("%s", error.text);
    place->warnings[0] = '\0';
    config_check(place->file, config, &place->origins, keep, place);
    config_free(config);
    for (size_t i = 0; variables[i] != NULL; i += 2)
        unsetenv(variables[i]);
    return place->warnings;
}

/* Asserts that the last check said both in one warning, and gave no other. */
static void only_warned(const struct place *place, const char *of, const char *reason)
{
    const char *end = strchr(place->warnings, '\n');

    if (end == NULL || end[1] != '\0' || strstr(place->warnings, of) == NULL ||
        strstr(place->warnings, reason) == NULL)
        fail_msg("expected one warning with \"%s\" and \"%s\", not: %s", of, reason,
                 place->warnings);
}

static void is_silent_when_all_is_well(void **state)
{
    struct place *place = *state;

    assert_string_equal(warnings_of(place, NULL), "");
    make_file(path_in(place, "m.db"), "", 0640);
    make_file(path_in(place, "m.db-wal"), "", 0660);
    make_file(path_in(place, "public.pem"), "-----BEGIN PUBLIC KEY-----\n", 0644);
    assert_int_equal(mkdir(path_in(place, "templates"), 0755), 0);
    assert_string_equal(warnings_of(place, PUBLIC_KEY_FILE, path_in(place, "public.pem"), TEMPLATES,
                                    path_in(place, "templates"), NULL),
                        "");
}

static void warns_of_files_that_others_can_read(void **state)
{
    static const char *const names[] = {"m.db", "m.db-wal", "m.db-shm", "m.db.lock"};
    struct place *place = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        make_file(path_in(place, names[i]), "", 0644);
        warnings_of(place, NULL);
        only_warned(place, path_in(place, names[i]), "can be read by every user");
        unlink(path_in(place, names[i]));
    }
    make_file(path_in(place, "keys.json"), "{}", 0604);
    warnings_of(place, "MESSAGERIE_AUTH_JWT_KEYS_FILE", path_in(place, "keys.json"), NULL);
    only_warned(place, "keys.json", "can be read by every user");
    make_file(path_in(place, "key.pem"), "-----BEGIN EC PRIVATE KEY-----\n", 0600);
    warnings_of(place, PUBLIC_KEY_FILE, path_in(place, "key.pem"), NULL);
    only_warned(place, "key.pem", "holds a private key");
    assert_int_equal(chmod(place->file, 0644), 0);
    warnings_of(place, NULL);
    only_warned(place, place->file, "the secret can be read by every user");
}

static void warns_of_files_that_others_can_change(void **state)
{
    struct place *place = *state;

    make_file(path_in(place, "public.pem"), "-----BEGIN PUBLIC KEY-----\n", 0646);
    warnings_of(place, PUBLIC_KEY_FILE, path_in(place, "public.pem"), NULL);
    only_warned(place, "public.pem", "can be changed by every user");
    assert_int_equal(chmod(place->folder, 0757), 0);
    warnings_of(place, NULL);
    only_warned(place, place->file, "can be changed by every user");
    assert_int_equal(chmod(place->folder, 01757), 0);
    assert_string_equal(warnings_of(place, NULL), "");
}

static void a_file_behind_a_closed_folder_is_not_open(void **state)
{
    struct place *place = *state;

    make_file(path_in(place, "m.db"), "", 0666);
    assert_int_equal(chmod(place->folder, 0750), 0);
    assert_string_equal(warnings_of(place, NULL), "");
}

static void a_link_is_what_it_leads_to(void **state)
{
    struct place *place = *state;

    make_file(path_in(place, "elsewhere"), "", 0644);
    assert_int_equal(symlink("elsewhere", path_in(place, "m.db")), 0);
    warnings_of(place, NULL);
    only_warned(place, "m.db", "can be read by every user");
}

/* The secret of the environment is in no file. */
static void a_configuration_without_a_secret_may_be_read(void **state)
{
    struct place *place = *state;

    warnings_of(place, NULL);
    assert_int_equal(chmod(place->file, 0644), 0);
    assert_string_equal(
        warnings_of(place, "JWT_SECRET", "another-secret-that-is-long-enough-for-it", NULL), "");
}

static void warns_of_folders_that_are_missing(void **state)
{
    struct place *place = *state;
    static const char *const cases[][3] = {
        {DATABASE, "database.path", ""},
        {CONVERSATIONS_SOCKET, "fastcgi.conversations_socket", ""},
        {MESSAGES_SOCKET, "fastcgi.messages_socket", ""},
        {"MESSAGERIE_FASTCGI_APPOINTMENTS_SOCKET", "fastcgi.appointments_socket", ""},
        {TEMPLATES, "appointments.templates", ""},
        {LISTEN, "broker.listen", "unix:"},
        {INTERNAL_LISTEN, "broker.internal_listen", "unix:"},
    };
    char value[PATH_MAX + 16];

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        snprintf(value, sizeof(value), "%s%s", cases[i][2], path_in(place, "missing/file"));
        warnings_of(place, cases[i][0], value, NULL);
        only_warned(place, cases[i][1], "No such file or directory");
    }
    snprintf(value, sizeof(value), "ipc://%s/bus, ipc://%s/missing/bus", place->folder,
             place->folder);
    warnings_of(place, BROKERS, value, NULL);
    only_warned(place, "bus.brokers", "No such file or directory");
    make_file(path_in(place, "a-file"), "", 0600);
    warnings_of(place, DATABASE, path_in(place, "a-file/m.db"), NULL);
    only_warned(place, "database.path", "no folder");
}

static void warns_of_what_cannot_be_written(void **state)
{
    struct place *place = *state;

    assert_int_equal(mkdir(path_in(place, "closed"), 0555), 0);
    make_file(path_in(place, "m.db"), "", 0440);
    /* Root may write everywhere. */
    bool is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(chown(place->folder, NOBODY, NOBODY), 0);
    make_file(place->file, "", 0600);
    if (is_root)
        assert_int_equal(chown(place->file, NOBODY, NOBODY), 0);
    if (is_root)
        assert_int_equal(seteuid(NOBODY), 0);
    warnings_of(place, NULL);
    only_warned(place, "m.db", "can't be written: Permission denied");
    unlink(path_in(place, "m.db"));
    warnings_of(place, DATABASE, path_in(place, "closed/m.db"), NULL);
    only_warned(place, "closed", "can't be written: Permission denied");
    warnings_of(place, MESSAGES_SOCKET, path_in(place, "closed/m"), NULL);
    only_warned(place, "fastcgi.messages_socket", "can't be written: Permission denied");
    if (is_root)
        assert_int_equal(seteuid(0), 0);
}

static void warns_of_addresses_that_make_no_sense(void **state)
{
    struct place *place = *state;
    static const char *const cases[][3] = {
        {LISTEN, "127.0.0.1:65536", "a port is"},
        {LISTEN, "127.0.0.1", "ADDRESS:PORT"},
        {LISTEN, "localhost:8090", "no numeric address"},
        {LISTEN, "127.0.0.1:0", "nobody can know"},
        {LISTEN, "192.0.2.1:8090", "can't listen on"}, /* RFC 5737: nobody's */
        {LISTEN, "unix:", "1 to 107 bytes"},
        {INTERNAL_LISTEN, "127.0.0.1:70000", "a port is"},
        {INTERNAL_LISTEN, "[2001:db8::1]:8091", "can't listen on"},
        {BROKERS, "tcp://127.0.0.1:99999", "a port is"},
    };
    char path[SOCKET_PATH_BYTES + 1];

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        warnings_of(place, cases[i][0], cases[i][1], NULL);
        if (strstr(place->warnings, cases[i][2]) == NULL)
            fail_msg("%s: %s", cases[i][1], place->warnings);
    }
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[SOCKET_PATH_BYTES] = '\0';
    warnings_of(place, MESSAGES_SOCKET, path, NULL);
    only_warned(place, "fastcgi.messages_socket", "1 to 107 bytes");
    path[SOCKET_PATH_BYTES - 1] = '\0';
    warnings_of(place, MESSAGES_SOCKET, path, NULL);
    assert_null(strstr(place->warnings, "bytes"));
}

static void warns_of_what_is_open_to_the_world(void **state)
{
    struct place *place = *state;

    warnings_of(place, INTERNAL_LISTEN, "0.0.0.0:8091", NULL);
    only_warned(place, "broker.internal_listen", "everybody");
    warnings_of(place, INTERNAL_LISTEN, "[::]:8091", NULL);
    assert_non_null(strstr(place->warnings, "broker.internal_listen"));
    warnings_of(place, BUS_ADDRESS, "tcp://*:8092", BROKERS, "tcp://*:8092", NULL);
    only_warned(place, "broker.bus_address", "everybody");
    /* Browsers may come from everywhere. */
    assert_string_equal(warnings_of(place, LISTEN, "0.0.0.0:8090", NULL), "");
}

static void warns_of_two_at_one_place(void **state)
{
    struct place *place = *state;

    warnings_of(place, LISTEN, "127.0.0.1:8091", NULL);
    only_warned(place, "broker.listen and broker.internal_listen", "only one can listen");
    warnings_of(place, MESSAGES_SOCKET, path_in(place, "c"), NULL);
    only_warned(place, "fastcgi.conversations_socket and fastcgi.messages_socket", "only one");
    assert_string_equal(warnings_of(place, MESSAGES_SOCKET, "", CONVERSATIONS_SOCKET, "", NULL),
                        ""); /* both are to inherit one */
}

static void warns_of_a_bus_that_nobody_writes_to(void **state)
{
    struct place *place = *state;
    char value[PATH_MAX + 16];

    snprintf(value, sizeof(value), "ipc://%s", path_in(place, "another"));
    warnings_of(place, BROKERS, value, NULL);
    only_warned(place, "broker.bus_address", "none of bus.brokers");
    assert_string_equal(warnings_of(place, BROKERS, "", NULL), "");
}

#define PLACE_TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(is_silent_when_all_is_well),
        PLACE_TEST(warns_of_files_that_others_can_read),
        PLACE_TEST(warns_of_files_that_others_can_change),
        PLACE_TEST(a_file_behind_a_closed_folder_is_not_open),
        PLACE_TEST(a_link_is_what_it_leads_to),
        PLACE_TEST(a_configuration_without_a_secret_may_be_read),
        PLACE_TEST(warns_of_folders_that_are_missing),
        PLACE_TEST(warns_of_what_cannot_be_written),
        PLACE_TEST(warns_of_addresses_that_make_no_sense),
        PLACE_TEST(warns_of_what_is_open_to_the_world),
        PLACE_TEST(warns_of_two_at_one_place),
        PLACE_TEST(warns_of_a_bus_that_nobody_writes_to),
    };

    return cmocka_run_group_tests_name("config_check", tests, NULL, NULL);
}
