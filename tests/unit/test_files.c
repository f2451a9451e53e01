/*
 * db/sqlite/files.h: who may read the database's files, and whose they are, seen from the outside.
 */
#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/engine/driver.h"
#include "db/sqlite/files.h"
#include "db/sqlite/sqlite_driver.h"
#include "tests/unit/remove_folder.h"

#define NOBODY 65534

static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};

struct place {
    char folder[64];
    char path[96];
    mode_t umask;
    struct log log;
    struct services services;
    struct store *store;
    struct connection *writer;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    strcpy(place->folder, "/tmp/messagerie-files-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof(place->path), "%s/test.db", place->folder);
    place->umask = umask(0);
    place->log = (struct log){"test", LOG_LEVEL_ERROR, STDERR_FILENO, &clock_system, NULL};
    place->services =
        (struct services){.log = &place->log, .clock = &clock_system, .random = &random_system};
    *state = place;
    return 0;
}

static void close_database(struct place *place)
{
    if (place->store == NULL)
        return;
    place->store->driver->close(place->writer);
    place->store->driver->destroy(place->store);
    place->store = NULL;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    close_database(place);
    umask(place->umask);
    remove_folder(place->folder);
    free(place);
    return 0;
}

/* Opens it for writing, which makes it, its log and its lock. */
static void open_database(struct place *place, const char *path)
{
    const struct store_options options = {.path = path, .busy_timeout_ms = 5000};
    struct error error;

    error_clear(&error);
    place->store = sqlite_driver.create(&options, &place->services, &error);
    assert_non_null(place->store);
    place->writer = sqlite_driver.open(place->store, CONNECTION_WRITE, true, &error);
    if (place->writer == NULL)
        fail_msg("%s", error.detail);
}

static struct stat status_of(const struct place *place, const char *suffix)
{
    struct stat status;
    char path[128];

    snprintf(path, sizeof(path), "%s%s", place->path, suffix);
    assert_int_equal(lstat(path, &status), 0);
    return status;
}

static void all_have_mode(const struct place *place, mode_t mode)
{
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++)
        assert_int_equal(status_of(place, suffixes[i]).st_mode & 07777, mode);
}

static void nobody_else_can_read_what_is_made_whatever_the_umask(void **state)
{
    static const mode_t cases[][2] = {{0, 0640}, {022, 0640}, {027, 0640}, {077, 0600}};
    struct place *place = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        umask(cases[i][0]);
        snprintf(place->path, sizeof(place->path), "%s/%zu.db", place->folder, i);
        open_database(place, place->path);
        all_have_mode(place, cases[i][1]);
        close_database(place);
    }
}

static void what_is_too_open_is_closed_when_it_is_opened(void **state)
{
    struct place *place = *state;
    char path[128];

    open_database(place, place->path);
    struct stat made = status_of(place, "-wal");
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        assert_int_equal(chmod(path, i % 2 == 0 ? 0644 : 0666), 0);
    }
    /* Another process, while the first has it open: the log is the one that there is. */
    struct place other = *place;
    open_database(&other, place->path);
    all_have_mode(place, 0640);
    assert_int_equal(status_of(place, "-wal").st_ino, made.st_ino);
    close_database(&other);
}

static void what_is_narrower_stays_so(void **state)
{
    struct place *place = *state;

    close(open(place->path, O_WRONLY | O_CREAT, 0600));
    open_database(place, place->path);
    for (size_t i = 0; i < 3; i++) /* the log is as the database */
        assert_int_equal(status_of(place, suffixes[i]).st_mode & 07777, 0600);
}

static void what_is_somebody_elses_stays_as_it_is(void **state)
{
    struct place *place = *state;

    if (geteuid() != 0)
        skip();
    close(open(place->path, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(chown(place->path, NOBODY, NOBODY), 0);
    assert_int_equal(chmod(place->path, 0644), 0);
    open_database(place, place->path);
    assert_int_equal(status_of(place, "").st_mode & 07777, 0644);
}

static void what_root_makes_in_somebodys_folder_is_theirs(void **state)
{
    struct place *place = *state;
    const struct store_options options = {.path = place->path, .busy_timeout_ms = 5000};
    struct error error;
    char copy[128];

    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(place->folder, NOBODY, NOBODY), 0);
    open_database(place, place->path);
    snprintf(copy, sizeof(copy), "%s.copy", place->path);
    error_clear(&error);
    if (!sqlite_driver.backup(&options, copy, &error))
        fail_msg("%s", error.detail);
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        assert_int_equal(status_of(place, suffixes[i]).st_uid, NOBODY);
        assert_int_equal(status_of(place, suffixes[i]).st_gid, NOBODY);
    }
    assert_int_equal(status_of(place, ".copy").st_uid, NOBODY);
    assert_int_equal(status_of(place, ".copy").st_mode & 07777, 0600);
    close_database(place);

    /* They can go on with it. */
    assert_int_equal(seteuid(NOBODY), 0);
    open_database(place, place->path);
    close_database(place);
    assert_int_equal(seteuid(0), 0);
}

static void a_second_name_of_a_file_of_roots_is_not_given_away(void **state)
{
    struct place *place = *state;
    char secret[128], lock[128];
    struct stat status;

    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(place->folder, NOBODY, NOBODY), 0);
    snprintf(secret, sizeof(secret), "%s/secret", place->folder);
    close(open(secret, O_WRONLY | O_CREAT, 0600));
    snprintf(lock, sizeof(lock), "%s.lock", place->path);
    assert_int_equal(link(secret, lock), 0);
    open_database(place, place->path);
    assert_int_equal(stat(secret, &status), 0);
    assert_int_equal(status.st_uid, 0);
}

static void a_database_has_one_lock_by_whatever_name(void **state)
{
    struct place *place = *state;
    char link_path[128], link_lock[144];

    open_database(place, place->path);
    close_database(place);
    assert_int_equal(unlink(strcat(strcpy(link_lock, place->path), ".lock")), 0);
    snprintf(link_path, sizeof(link_path), "%s/by-another-name", place->folder);
    snprintf(link_lock, sizeof(link_lock), "%s.lock", link_path);
    assert_int_equal(symlink(place->path, link_path), 0);
    open_database(place, link_path);
    assert_int_equal(status_of(place, ".lock").st_mode & 07777, 0640);
    assert_int_equal(access(link_lock, F_OK), -1);
}

#define PLACE_TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(nobody_else_can_read_what_is_made_whatever_the_umask),
        PLACE_TEST(what_is_too_open_is_closed_when_it_is_opened),
        PLACE_TEST(what_is_narrower_stays_so),
        PLACE_TEST(what_is_somebody_elses_stays_as_it_is),
        PLACE_TEST(what_root_makes_in_somebodys_folder_is_theirs),
        PLACE_TEST(a_second_name_of_a_file_of_roots_is_not_given_away),
        PLACE_TEST(a_database_has_one_lock_by_whatever_name),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
