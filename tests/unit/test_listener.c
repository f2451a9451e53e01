/*
 * fcgi/listener.h: sockets of our own and inherited ones.
 */
#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/listener.h"
#include "tests/unit/fastcgi_client.h"

struct place {
    char directory[64];
    char path[96];
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    strcpy(place->directory, "/tmp/messagerie-listener-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->path, sizeof(place->path), "%s/test.sock", place->directory);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    unlink(place->path);
    assert_int_equal(rmdir(place->directory), 0); /* nothing else was left there */
    free(place);
    return 0;
}

static struct listeners open_fine(const char *path)
{
    struct listeners listeners;
    struct error error;

    error_clear(&error);
    assert_true(listeners_open(path, &listeners, &error));
    return listeners;
}

/* Asserts that it can't be opened, and that the reason says so. */
static void open_refused(const char *path, const char *reason)
{
    struct listeners listeners;
    struct error error;

    error_clear(&error);
    assert_false(listeners_open(path, &listeners, &error));
    assert_non_null(strstr(error.text, reason));
    assert_int_equal(listeners.count, 0);
}

static bool path_exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static void opens_a_socket_of_its_own(void **state)
{
    struct place *place = *state;
    struct stat status;
    mode_t previous = umask(0);
    struct listeners listeners = open_fine(place->path);

    assert_int_equal(umask(previous), 0); /* left as it was */
    assert_int_equal(listeners.count, 1);
    assert_int_equal(stat(place->path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 07777, 0660);
    assert_true(fcntl(listeners.descriptors[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(listeners.descriptors[0], F_GETFD) & FD_CLOEXEC);
    int client = client_connect(place->path);
    int accepted = accept(listeners.descriptors[0], NULL, NULL);
    assert_true(accepted >= 0);
    close(accepted);
    close(client);
    listeners_close(&listeners);
    assert_false(path_exists(place->path));
}

static void opens_a_relative_path(void **state)
{
    struct place *place = *state;
    char *previous = getcwd(NULL, 0);

    assert_non_null(previous);
    assert_int_equal(chdir(place->directory), 0);
    struct listeners listeners = open_fine("test.sock");
    assert_true(path_exists(place->path));
    listeners_close(&listeners);
    assert_false(path_exists(place->path));
    assert_int_equal(chdir(previous), 0);
    free(previous);
}

static void refuses_a_path_in_use(void **state)
{
    struct place *place = *state;
    struct listeners listeners = open_fine(place->path);

    open_refused(place->path, "another program is listening");
    assert_true(path_exists(place->path));
    listeners_close(&listeners);
}

/* What a killed process leaves behind: a socket file that nobody listens on. */
static void replaces_what_a_dead_program_left(void **state)
{
    struct place *place = *state;
    struct listeners dead = open_fine(place->path);

    close(dead.descriptors[0]);
    assert_true(path_exists(place->path));
    struct listeners listeners = open_fine(place->path);
    close(client_connect(place->path));
    listeners_close(&listeners);
}

static void refuses_what_is_no_socket(void **state)
{
    struct place *place = *state;
    int descriptor = open(place->path, O_WRONLY | O_CREAT, 0600);

    assert_true(descriptor >= 0);
    close(descriptor);
    open_refused(place->path, "is no socket");
    assert_true(path_exists(place->path));
}

static void refuses_a_missing_directory(void **state)
{
    struct place *place = *state;
    char path[160];

    snprintf(path, sizeof(path), "%s/missing/test.sock", place->directory);
    open_refused(path, "missing");
}

static void limits_the_path(void **state)
{
    char path[SOCKET_PATH_BYTES + 1];

    (void)state;
    open_refused("", "1 to 107 bytes");
    memset(path, 'x', sizeof(path));
    path[SOCKET_PATH_BYTES] = '\0';
    open_refused(path, "1 to 107 bytes");
}

/* Another process has replaced the path while we ran: it is theirs. */
static void leaves_the_path_of_somebody_else(void **state)
{
    struct place *place = *state;
    struct listeners ours = open_fine(place->path);

    assert_int_equal(unlink(place->path), 0);
    struct listeners theirs = open_fine(place->path);
    listeners_close(&ours);
    assert_true(path_exists(place->path));
    listeners_close(&theirs);
    assert_false(path_exists(place->path));
}

/* ---- inherited, each in a process of its own ------------------------------------------------- */

static int make_listener(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, path);
    assert_true(descriptor >= 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(descriptor, 8), 0);
    return descriptor;
}

/* Runs `body` in a child; asserts that it returns true. */
static void in_child(bool (*body)(const char *path), const char *path)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(body(path) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool opens(const char *path, struct listeners *listeners)
{
    struct error error;

    error_clear(&error);
    return listeners_open(path, listeners, &error);
}

static void announce(const char *pid, const char *count)
{
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
}

static void announce_to_self(const char *count)
{
    char pid[24];

    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    announce(pid, count);
}

static bool takes_two_of_systemd(const char *path)
{
    struct listeners listeners;
    char other[128];

    snprintf(other, sizeof(other), "%s.2", path);
    int first = make_listener(path), second = make_listener(other);
    unlink(other);
    int spare = fcntl(second, F_DUPFD, 20);
    dup2(first, LISTEN_FDS_START);
    dup2(spare, LISTEN_FDS_START + 1);
    announce_to_self("2");
    return listeners_are_inherited() && opens("/nonexistent/x", &listeners) &&
           listeners.count == 2 && listeners.descriptors[0] == LISTEN_FDS_START &&
           listeners.descriptors[1] == LISTEN_FDS_START + 1 && listeners.own.path[0] == '\0' &&
           getenv("LISTEN_FDS") == NULL && (fcntl(LISTEN_FDS_START, F_GETFD) & FD_CLOEXEC) != 0;
}

static bool refuses_another_kind_of_descriptor(const char *path)
{
    struct listeners listeners;

    dup2(open("/dev/null", O_RDONLY), LISTEN_FDS_START);
    announce_to_self("1");
    return !opens(path, &listeners);
}

static bool refuses_nonsense(const char *path)
{
    static const char *const counts[] = {"0", "-1", "x", "1x", "17", ""};
    struct listeners listeners;

    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        announce_to_self(counts[i]);
        if (opens(path, &listeners))
            return false;
    }
    return true;
}

static bool ignores_what_is_meant_for_another(const char *path)
{
    struct listeners listeners;

    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    announce("1", "1");
    return !listeners_are_inherited() && opens(path, &listeners) &&
           strcmp(listeners.own.path, path) == 0;
}

static bool takes_descriptor_0(const char *path)
{
    struct listeners listeners;

    dup2(make_listener(path), STDIN_FILENO);
    bool is_taken = listeners_are_inherited() && opens("/nonexistent/x", &listeners) &&
                    listeners.count == 1 && listeners.descriptors[0] == STDIN_FILENO;
    listeners_close(&listeners);
    return is_taken && path_exists(path); /* not ours to remove */
}

static bool takes_no_connected_descriptor_0(const char *path)
{
    struct listeners listeners;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return false;
    dup2(pair[0], STDIN_FILENO);
    return !listeners_are_inherited() && opens(path, &listeners) && listeners.own.path[0] != '\0';
}

static void inherits_from_systemd(void **state)
{
    in_child(takes_two_of_systemd, ((struct place *)*state)->path);
}

static void checks_what_systemd_says(void **state)
{
    const char *path = ((struct place *)*state)->path;

    in_child(refuses_another_kind_of_descriptor, path);
    in_child(refuses_nonsense, path);
    in_child(ignores_what_is_meant_for_another, path);
}

static void inherits_descriptor_0(void **state)
{
    in_child(takes_descriptor_0, ((struct place *)*state)->path);
}

static void is_not_misled_by_descriptor_0(void **state)
{
    in_child(takes_no_connected_descriptor_0, ((struct place *)*state)->path);
}

#define PLACE_TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(opens_a_socket_of_its_own), PLACE_TEST(opens_a_relative_path),
        PLACE_TEST(refuses_a_path_in_use),     PLACE_TEST(replaces_what_a_dead_program_left),
        PLACE_TEST(refuses_what_is_no_socket), PLACE_TEST(refuses_a_missing_directory),
        cmocka_unit_test(limits_the_path),     PLACE_TEST(leaves_the_path_of_somebody_else),
        PLACE_TEST(inherits_from_systemd),     PLACE_TEST(checks_what_systemd_says),
        PLACE_TEST(inherits_descriptor_0),     PLACE_TEST(is_not_misled_by_descriptor_0),
    };

    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
