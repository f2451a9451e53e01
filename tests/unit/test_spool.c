/*
 * The booking back-end's directory, over a real one and a real database.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/privacy.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/log_reader.h"
#include "tests/unit/remove_folder.h"
#include "tool/spool.h"
#include "tool/spool_order.h"

#define NOBODY 65534

struct suite {
    struct fixture *fixture;
    struct appointment_texts *texts;
    char directory[96];
    struct spool_options options;
    struct spool *spool;
};

/* ---- files ---- */

static const char *path_of(const struct suite *suite, const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", suite->directory, name);
    return path;
}

/* As the booking back-end does: under another name, then renamed. */
static void spool_bytes(const struct suite *suite, const char *name, const char *bytes,
                        size_t length)
{
    char temporary[512];
    snprintf(temporary, sizeof(temporary), "%s/.new", suite->directory);
    FILE *file = fopen(temporary, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(temporary, path_of(suite, name)), 0);
}

static void spool_text(const struct suite *suite, const char *name, const char *text)
{
    spool_bytes(suite, name, text, strlen(text));
}

static void spool_booking(const struct suite *suite, const char *name, const char *id)
{
    char json[512];

    snprintf(json, sizeof(json),
             "{\"appointmentId\":\"%s\",\"salonId\":\"s1\",\"clientUserId\":\"c1\","
             "\"prestation\":\"Tatouage\",\"start\":\"2026-03-12T14:30:00+01:00\","
             "\"status\":\"PENDING\",\"version\":1}",
             id);
    spool_text(suite, name, json);
}

static void spool_change(const struct suite *suite, const char *name, const char *id,
                         const char *status, int version)
{
    char json[256];

    snprintf(json, sizeof(json), "{\"appointmentId\":\"%s\",\"status\":\"%s\",\"version\":%d}", id,
             status, version);
    spool_text(suite, name, json);
}

static bool is_there(const struct suite *suite, const char *name)
{
    struct stat status;

    return lstat(path_of(suite, name), &status) == 0;
}

/* Asserts that the file was put aside, with a reason that says so. */
static void check_refused(const struct suite *suite, const char *name, const char *reason)
{
    char aside[300];
    char text[ERROR_TEXT_BYTES + 1] = "";

    assert_false(is_there(suite, name));
    snprintf(aside, sizeof(aside), "bad/%s", name);
    assert_true(is_there(suite, aside));
    snprintf(aside, sizeof(aside), "bad/%s.reason", name);
    FILE *file = fopen(path_of(suite, aside), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    if (strstr(text, reason) == NULL)
        print_error("%s: %s\n", name, text);
    assert_non_null(strstr(text, reason));
}

/* ---- set-up ---- */

static void open_spool(struct suite *suite)
{
    struct error error;

    error_clear(&error);
    suite->options.database = suite->fixture->database;
    suite->spool = spool_open(&suite->options, &error);
    if (suite->spool == NULL)
        print_error("%s\n", error.detail);
    assert_non_null(suite->spool);
}

static int set_up(void **state)
{
    struct suite *suite = calloc(1, sizeof(*suite));

    assert_non_null(suite);
    assert_int_equal(fixture_set_up((void **)&suite->fixture), 0);
    /* Refused files are no news here. */
    suite->fixture->log.descriptor = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(suite->fixture->log.descriptor >= 0);
    suite->texts = fixture_texts();
    snprintf(suite->directory, sizeof(suite->directory), "%s/spool", suite->fixture->directory);
    assert_int_equal(mkdir(suite->directory, 0700), 0);
    suite->options = (struct spool_options){.directory = suite->directory,
                                            .texts = suite->texts,
                                            .config = &suite->fixture->config,
                                            .services = &suite->fixture->services,
                                            .signals = -1};
    open_spool(suite);
    *state = suite;
    return 0;
}

static int tear_down(void **state)
{
    struct suite *suite = *state;

    spool_close(suite->spool);
    appointment_texts_free(suite->texts);
    remove_folder(suite->directory);
    close(suite->fixture->log.descriptor);
    int result = fixture_tear_down((void **)&suite->fixture);
    free(suite);
    return result;
}

/* Applies what is there, which must succeed. */
static uint64_t commits(const struct suite *suite)
{
    struct database_statistics statistics;

    database_statistics(suite->fixture->database, &statistics);
    return statistics.commits;
}

static void apply(struct suite *suite, int64_t applied, int64_t refused)
{
    struct spool_result result;
    struct error error;

    error_clear(&error);
    bool succeeded = spool_apply(suite->spool, &result, &error);
    if (!succeeded)
        print_error("%s\n", error.detail);
    assert_true(succeeded);
    assert_int_equal(result.applied, applied);
    assert_int_equal(result.refused, refused);
}

static int64_t number(const struct suite *suite, const char *sql)
{
    return fixture_number(suite->fixture, sql);
}

/* ---- tests ---- */

static void files_are_applied_in_the_order_of_their_names(void **state)
{
    struct suite *suite = *state;

    spool_change(suite, "3.json", "a1", "CANCELLED", 3);
    spool_change(suite, "2.json", "a1", "CONFIRMED", 2);
    spool_booking(suite, "1.json", "a1");
    spool_change(suite, "10.json", "a1", "COMPLETED", 4); /* before 2.json, and known as early */
    apply(suite, 4, 0);
    assert_false(is_there(suite, "1.json"));
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM conversations"), 1);
    /* 1, 10, 2, 3: version 4 was applied before 2 and 3, which were old then. */
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM messages"), 2);
    assert_int_equal(number(suite, "SELECT version FROM appointments"), 4);
    fixture_verify(suite->fixture);
}

static void names_of_unfinished_files_are_left_alone(void **state)
{
    struct suite *suite = *state;
    static const char *const names[] = {
        ".hidden",  ".1.json",     "1.json.tmp", ".tmp",    "1.json.part", "1.json.filepart",
        "1.json~",  ".1.json.swp", "1.json.swp", "1.json.", "1.JSON.bak",  "1",
        "#1.json#", "json",        "1.json4",    "1.xml",   "1.json ",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        spool_booking(suite, names[i], "a1");
    assert_int_equal(mkdir(path_of(suite, "folder"), 0700), 0);
    assert_int_equal(symlink("/etc/passwd", path_of(suite, "link")), 0);
    assert_int_equal(mkfifo(path_of(suite, "pipe"), 0600), 0);
    apply(suite, 0, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        assert_true(is_there(suite, names[i]));
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM appointments"), 0);
}

static void what_is_called_like_a_file_and_is_none_goes_aside(void **state)
{
    struct suite *suite = *state;

    spool_text(suite, "x.data", "{}");
    assert_int_equal(mkdir(path_of(suite, "1.json"), 0700), 0);
    assert_int_equal(symlink("x.data", path_of(suite, "2.json")), 0);
    assert_int_equal(symlink("/nowhere", path_of(suite, "3.json")), 0);
    assert_int_equal(mkfifo(path_of(suite, "4.json"), 0600), 0);
    spool_booking(suite, "5.json", "a1");
    apply(suite, 1, 4);
    for (int i = 1; i <= 4; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d.json", i);
        check_refused(suite, name, "pas un fichier");
    }
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM appointments"), 1);
}

/* Applies, and asserts how many files are passed over. */
static void apply_past(struct suite *suite, int64_t applied, int64_t passed_over)
{
    struct spool_result result;
    struct error error;

    error_clear(&error);
    if (!spool_apply(suite->spool, &result, &error))
        fail_msg("%s", error_for_log(&error));
    assert_int_equal(result.applied, applied);
    assert_int_equal(result.refused, 0);
    assert_int_equal(result.passed_over, passed_over);
}

static void a_file_that_cannot_be_moved_keeps_back_no_other(void **state)
{
    struct suite *suite = *state;
    int log = memfd_create("log", MFD_CLOEXEC);

    suite->fixture->log.level = LOG_LEVEL_WARNING;
    spool_close(suite->spool);
    assert_int_equal(rmdir(path_of(suite, "bad")), 0);
    spool_text(suite, "bad", "a file");
    assert_true(dup2(log, suite->fixture->log.descriptor) >= 0);
    open_spool(suite);
    assert_int_equal(count_in_log(log, "files that are refused will stay"), 1);
    spool_text(suite, "1.json", "nonsense");
    spool_booking(suite, "2.json", "a1");
    spool_text(suite, "3.json", "nonsense");
    apply_past(suite, 1, 2);
    assert_true(is_there(suite, "1.json"));
    assert_false(is_there(suite, "2.json"));
    assert_int_equal(count_in_log(log, "passed over\" files=2 first=1.json reason="), 1);
    apply_past(suite, 0, 2);
    assert_int_equal(count_in_log(log, "passed over"), 1);
    suite->fixture->now_ms += SPOOL_WARNING_MS;
    apply_past(suite, 0, 2);
    assert_int_equal(count_in_log(log, "passed over"), 2);
    assert_int_equal(unlink(path_of(suite, "bad")), 0);
    apply(suite, 0, 2);
    check_refused(suite, "1.json", "");
    close(log);
}

/* As somebody who owns neither the files nor the folder, which is sticky. */
static void without_rights_to_some_files_the_others_are_applied_once(void **state)
{
    struct suite *suite = *state;

    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(suite->fixture->directory, 0755), 0);
    assert_int_equal(chmod(suite->directory, 01777), 0);
    spool_booking(suite, "1.json", "a1");
    spool_booking(suite, "2.json", "a2");
    assert_int_equal(chmod(path_of(suite, "1.json"), 0600), 0);
    assert_int_equal(chmod(path_of(suite, "2.json"), 0644), 0);
    uint64_t before = commits(suite);
    assert_int_equal(seteuid(NOBODY), 0);
    apply_past(suite, 1, 2);
    apply_past(suite, 0, 2);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(commits(suite) - before, 1);
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM appointments"), 1);
    spool_change(suite, "2.json", "a2", "CONFIRMED", 2); /* another file of this name */
    apply(suite, 2, 0);
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM appointments"), 2);
    assert_int_equal(number(suite, "SELECT MAX(version) FROM appointments"), 2);
}

/* A change without version: only its place tells when it was. */
static void spool_plain_change(const struct suite *suite, const char *name, const char *id,
                               const char *status)
{
    char json[256];

    snprintf(json, sizeof(json), "{\"appointmentId\":\"%s\",\"status\":\"%s\"}", id, status);
    spool_text(suite, name, json);
}

static void reopen(struct suite *suite)
{
    spool_close(suite->spool);
    open_spool(suite);
}

static int64_t appointments_in(const struct suite *suite, const char *id, const char *status)
{
    char sql[128];

    snprintf(sql, sizeof(sql),
             "SELECT COUNT(*) FROM appointments WHERE id = '%s' AND status = '%s'", id, status);
    return number(suite, sql);
}

/* As somebody who can write to the folder, and may not read some files of it. */
static void what_could_not_be_read_does_not_undo_what_is_newer(void **state)
{
    struct suite *suite = *state;

    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(suite->fixture->directory, 0755), 0);
    assert_int_equal(chown(suite->directory, NOBODY, (gid_t)-1), 0);
    spool_booking(suite, "0.json", "a1");
    spool_booking(suite, "00.json", "a2");
    apply(suite, 2, 0);
    spool_plain_change(suite, "1.json", "a1", "CONFIRMED");
    spool_plain_change(suite, "2.json", "a2", "CONFIRMED");
    spool_change(suite, "3.json", "a1", "COMPLETED", 5);
    assert_int_equal(chmod(path_of(suite, "1.json"), 0), 0);
    assert_int_equal(chmod(path_of(suite, "2.json"), 0), 0);
    assert_int_equal(chmod(path_of(suite, "3.json"), 0), 0);
    spool_plain_change(suite, "4.json", "a1", "CANCELLED");
    assert_int_equal(chmod(path_of(suite, "4.json"), 0644), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    apply_past(suite, 1, 3);
    assert_int_equal(seteuid(0), 0);
    assert_true(is_there(suite, SPOOL_ORDER_NAME));
    reopen(suite);
    apply(suite, 2, 1);
    check_refused(suite, "1.json", "plus récent du même rendez-vous");
    assert_int_equal(appointments_in(suite, "a2", "CONFIRMED"), 1);
    /* The version says that it is newer, whatever the names say. */
    assert_int_equal(appointments_in(suite, "a1", "COMPLETED"), 1);
    assert_false(is_there(suite, SPOOL_ORDER_NAME));
    spool_plain_change(suite, "1.json", "a1", "CANCELLED");
    apply(suite, 1, 0);
}

static void what_was_applied_and_stays_does_not_undo_what_is_newer(void **state)
{
    struct suite *suite = *state;

    if (geteuid() != 0)
        skip();
    spool_booking(suite, "0.json", "a1");
    apply(suite, 1, 0);
    assert_int_equal(chmod(suite->fixture->directory, 0755), 0);
    assert_int_equal(chmod(suite->directory, 01777), 0);
    spool_plain_change(suite, "1.json", "a1", "CONFIRMED");
    spool_plain_change(suite, "2.json", "a1", "CANCELLED");
    assert_int_equal(chmod(path_of(suite, "1.json"), 0644), 0);
    assert_int_equal(chmod(path_of(suite, "2.json"), 0644), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    apply_past(suite, 2, 2);
    assert_int_equal(seteuid(0), 0);
    reopen(suite);
    apply(suite, 1, 1);
    check_refused(suite, "1.json", "plus récent du même rendez-vous");
    assert_int_equal(appointments_in(suite, "a1", "CANCELLED"), 1);
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM messages"), 3);
}

/* Takes all that the system gives to one user. */
static void without_notifications_it_looks(void **state)
{
    enum { MOST = 4096 };
    struct suite *suite = *state;
    static int taken[MOST];
    int count = 0;
    int log = memfd_create("log", MFD_CLOEXEC);

    suite->fixture->log.level = LOG_LEVEL_WARNING;
    spool_close(suite->spool);
    while (count < MOST && (taken[count] = inotify_init1(IN_CLOEXEC)) >= 0)
        count++;
    assert_true(count < MOST);
    assert_true(dup2(log, suite->fixture->log.descriptor) >= 0);
    open_spool(suite);
    while (count > 0)
        close(taken[--count]);
    assert_int_equal(count_in_log(log, "level=warning"), 1);
    assert_int_equal(spool_descriptor(suite->spool), -1);
    spool_booking(suite, "1.json", "a1");
    apply(suite, 1, 0);
    close(log);
}

static int64_t erase(struct suite *suite, const char *user_id)
{
    struct person_erase request = {.user_id = user_id};
    struct spool_result result;
    struct error error;

    error_clear(&error);
    /* What is in the folder was written before. */
    suite->fixture->now_ms = clock_wall_ms(&clock_system) + 1000;
    assert_true(database_write(suite->fixture->database, person_erase(&request), &error));
    assert_true(spool_apply(suite->spool, &result, &error));
    return result.erased;
}

static void what_was_put_aside_goes_with_who_is_named_in_it(void **state)
{
    struct suite *suite = *state;

    spool_booking(suite, "1.json", "a1");
    apply(suite, 1, 0);
    spool_text(suite, "2.json", "{\"appointmentId\":\"a2\",\"clientUserId\":\"c1\"}");
    spool_text(suite, "3.json", "{\"appointmentId\":\"a3\",\"clientUserId\":\"c2\"}");
    spool_text(suite, "4.json", "{\"appointmentId\":\"a1\",\"status\":\"LATER\"}");
    apply(suite, 0, 3);
    assert_int_equal(erase(suite, "c1"), 2);
    assert_false(is_there(suite, "bad/2.json") || is_there(suite, "bad/2.json.reason"));
    assert_false(is_there(suite, "bad/4.json") || is_there(suite, "bad/4.json.reason"));
    assert_true(is_there(suite, "bad/3.json") && is_there(suite, "bad/3.json.reason"));
}

static void what_may_name_anybody_goes_when_anybody_is_erased(void **state)
{
    struct suite *suite = *state;

    spool_text(suite, "1.json", "{\"appointmentId\":\"a1\",\"client\":{\"firstName\":\"Zo");
    spool_text(suite, "2.json", "{\"appointmentId\":\"unknown\",\"status\":\"LATER\"}");
    apply(suite, 0, 2);
    spool_text(suite, "bad/alone.reason", "of a file that is gone");
    assert_int_equal(erase(suite, "c2"), 2);
    assert_false(is_there(suite, "bad/1.json") || is_there(suite, "bad/1.json.reason"));
    assert_false(is_there(suite, "bad/2.json") || is_there(suite, "bad/2.json.reason"));
    assert_false(is_there(suite, "bad/alone.reason"));
}

static void what_was_put_aside_after_the_erasure_stays(void **state)
{
    struct suite *suite = *state;

    suite->fixture->now_ms = clock_wall_ms(&clock_system) - 1000;
    struct person_erase request = {.user_id = "c1"};
    assert_int_equal(fixture_write(suite->fixture, person_erase(&request)), ERROR_NONE);
    spool_text(suite, "1.json", "{\"appointmentId\":\"a2\",\"clientUserId\":\"c1\"}");
    spool_text(suite, "2.json", "{");
    apply(suite, 0, 2);
    spool_close(suite->spool);
    open_spool(suite); /* which looks once more */
    apply(suite, 0, 0);
    assert_true(is_there(suite, "bad/1.json") && is_there(suite, "bad/2.json"));
}

static void bad_files_go_aside_with_their_reason(void **state)
{
    struct suite *suite = *state;

    spool_text(suite, "1.json", "");
    spool_text(suite, "2.json", "{\"appointmentId\":");
    spool_text(suite, "3.json", "[]");
    spool_text(suite, "4.json", "{\"status\":\"CONFIRMED\"}");
    spool_text(suite, "5.json", "{\"appointmentId\":\"a1\",\"salonId\":\"s1\"}");
    spool_text(suite, "6.json", "{\"appointmentId\":\"a1\",\"status\":\"PENDING\"}");
    spool_bytes(suite, "7.json", "{\"appointmentId\":\"a\0b\"}", 23);
    spool_booking(suite, "8.json", "a1");
    apply(suite, 1, 7);
    check_refused(suite, "1.json", "");
    check_refused(suite, "2.json", "");
    check_refused(suite, "3.json", "appointmentId: ");
    check_refused(suite, "4.json", "appointmentId: ");
    check_refused(suite, "5.json", "clientUserId: ");
    check_refused(suite, "5.json", "prestation: ");
    check_refused(suite, "6.json", "status: ");
    check_refused(suite, "7.json", "");
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM conversations"), 1);
    apply(suite, 0, 0);
}

static void what_an_editor_adds_to_a_file_changes_nothing(void **state)
{
    struct suite *suite = *state;

    spool_booking(suite, "1.json", "a1");
    spool_text(
        suite, "2.json",
        "\xef\xbb\xbf{\"appointmentId\":\"a1\",\r\n\"status\":\"CONFIRMED\",\"version\":2}\r\n");
    spool_bytes(suite, "3.json", "\xff\xfe{\0}\0", 6);
    apply(suite, 2, 1);
    check_refused(suite, "3.json", "UTF-16");
    assert_int_equal(number(suite, "SELECT version FROM appointments"), 2);
}

static void a_booking_of_other_people_goes_aside(void **state)
{
    struct suite *suite = *state;

    spool_booking(suite, "1.json", "a1");
    spool_text(suite, "2.json",
               "{\"appointmentId\":\"a1\",\"salonId\":\"s2\",\"clientUserId\":\"c1\","
               "\"prestation\":\"T\",\"start\":\"2026-03-12T14:30:00Z\",\"status\":\"PENDING\"}");
    apply(suite, 1, 1);
    check_refused(suite, "2.json", "appointmentId: ");
}

/* A body of exactly that many bytes: the padding is in a member that nobody knows. */
static void spool_sized(const struct suite *suite, const char *name, size_t size)
{
    static const char head[] =
        "{\"appointmentId\":\"a1\",\"version\":2,\"status\":\"CONFIRMED\",\"padding\":\"";
    char *bytes = malloc(size);

    assert_non_null(bytes);
    memset(bytes, 'x', size);
    memcpy(bytes, head, sizeof(head) - 1);
    bytes[size - 2] = '"';
    bytes[size - 1] = '}';
    spool_bytes(suite, name, bytes, size);
    free(bytes);
}

static void a_file_that_is_too_large_goes_aside(void **state)
{
    struct suite *suite = *state;

    spool_sized(suite, "1.json", INPUT_MAX_BYTES);
    spool_sized(suite, "2.json", INPUT_MAX_BYTES + 1);
    apply(suite, 1, 1);
    check_refused(suite, "2.json", "262144");
}

static void the_longest_name_can_be_refused(void **state)
{
    struct suite *suite = *state;
    char name[256];
    char aside[300];

    memset(name, 'n', 255);
    strcpy(name + 250, ".json");
    spool_text(suite, name, "{}");
    apply(suite, 0, 1);
    assert_false(is_there(suite, name));
    snprintf(aside, sizeof(aside), "bad/%s", name);
    assert_true(is_there(suite, aside));
    /* Its reason has the longest name that a file can have, too. */
    snprintf(aside, sizeof(aside), "bad/%.248s.reason", name);
    assert_true(is_there(suite, aside));
}

/* What a kill between the commit and the removal of the file leaves behind. */
static void a_file_that_is_applied_twice_changes_nothing(void **state)
{
    struct suite *suite = *state;
    static const char count[] =
        "SELECT (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM messages)"
        " + (SELECT COUNT(*) FROM appointment_changes) + (SELECT SUM(updated_at) FROM "
        "appointments)";

    spool_change(suite, "0.json", "early", "CONFIRMED", 2);
    spool_text(suite, "1.json", "{\"appointmentId\":\"early\",\"status\":\"CANCELLED\"}");
    spool_booking(suite, "2.json", "a1");
    spool_change(suite, "3.json", "a1", "CONFIRMED", 2);
    spool_text(suite, "4.json", "{\"appointmentId\":\"a1\",\"start\":\"2026-04-02T07:00:00Z\"}");
    apply(suite, 5, 0);
    int64_t before = number(suite, count);
    suite->fixture->now_ms += 1000;
    spool_text(suite, "1.json", "{\"appointmentId\":\"early\",\"status\":\"CANCELLED\"}");
    apply(suite, 1, 0);
    spool_change(suite, "0.json", "early", "CONFIRMED", 2);
    spool_booking(suite, "2.json", "a1");
    spool_change(suite, "3.json", "a1", "CONFIRMED", 2);
    spool_text(suite, "4.json", "{\"appointmentId\":\"a1\",\"start\":\"2026-04-02T07:00:00Z\"}");
    apply(suite, 4, 0);
    assert_int_equal(number(suite, count), before);
}

static void many_files_share_a_commit(void **state)
{
    struct suite *suite = *state;
    uint64_t before = commits(suite);
    char name[16], id[16];

    for (int i = 0; i < 3 * SPOOL_BATCH_FILES; i++) {
        snprintf(name, sizeof(name), "%04d.json", i);
        snprintf(id, sizeof(id), "a%d", i);
        spool_booking(suite, name, id);
    }
    apply(suite, 3 * SPOOL_BATCH_FILES, 0);
    assert_int_equal(commits(suite) - before, 3);
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM conversations"), 3 * SPOOL_BATCH_FILES);
    fixture_verify(suite->fixture);
}

static void large_files_share_a_commit_with_few(void **state)
{
    struct suite *suite = *state;
    uint64_t before = commits(suite);

    for (size_t i = 0; i <= SPOOL_BATCH_BYTES / INPUT_MAX_BYTES; i++) {
        char name[] = {(char)('a' + i), '.', 'j', 's', 'o', 'n', '\0'};
        spool_sized(suite, name, INPUT_MAX_BYTES);
    }
    apply(suite, SPOOL_BATCH_BYTES / INPUT_MAX_BYTES + 1, 0);
    assert_int_equal(commits(suite) - before, 2);
}

static void a_bad_file_keeps_back_no_other_of_its_commit(void **state)
{
    struct suite *suite = *state;
    uint64_t before = commits(suite);

    spool_booking(suite, "1.json", "a1");
    spool_text(suite, "2.json", "{");
    spool_text(suite, "3.json", /* found to be bad by the database alone */
               "{\"appointmentId\":\"a1\",\"salonId\":\"s2\",\"clientUserId\":\"c1\","
               "\"prestation\":\"T\",\"start\":\"2026-03-12T14:30:00Z\",\"status\":\"PENDING\"}");
    spool_change(suite, "4.json", "a1", "CONFIRMED", 2);
    apply(suite, 2, 2);
    check_refused(suite, "2.json", "");
    check_refused(suite, "3.json", "appointmentId: ");
    assert_int_equal(number(suite, "SELECT version FROM appointments"), 2);
    assert_int_equal(commits(suite) - before, 1);
}

static void die(void *context, const struct event *event)
{
    (void)context;
    (void)event;
    _exit(EXIT_FAILURE);
}

/* Another process, which opens the spool and dies when its first news are committed. True when it
 * came to the end. */
static bool apply_until_killed(struct suite *suite)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct database_options options = {.path = suite->fixture->path,
                                           .readers = 1,
                                           .outbox_retention_ms = 86400000,
                                           .outbox_max_rows = 1000000,
                                           .committed = die};
        struct spool_result result;
        struct error error;
        suite->options.database = database_create(&options, &suite->fixture->services, &error);
        struct spool *spool = spool_open(&suite->options, &error);
        _exit(spool != NULL && spool_apply(spool, &result, &error) ? EXIT_SUCCESS : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 2);
    return WEXITSTATUS(status) == EXIT_SUCCESS;
}

static void spool_unversioned(const struct suite *suite, const char *name, const char *id,
                              const char *status)
{
    char json[256];

    snprintf(json, sizeof(json), "{\"appointmentId\":\"%s\",\"status\":\"%s\"}", id, status);
    spool_text(suite, name, json);
}

static void a_kill_after_each_commit_tells_nothing_twice(void **state)
{
    struct suite *suite = *state;
    int kills = 0;

    spool_booking(suite, "01.json", "a1");
    spool_booking(suite, "02.json", "a2");
    spool_unversioned(suite, "03.json", "a1", "CONFIRMED");
    spool_text(suite, "04.json", "{");
    spool_change(suite, "05.json", "a2", "CONFIRMED", 2);
    spool_unversioned(suite, "06.json", "a1", "CANCELLED");
    spool_unversioned(suite, "07.json", "a1", "CONFIRMED");
    spool_change(suite, "08.json", "a2", "CANCELLED", 3);
    spool_unversioned(suite, "09.json", "a2", "COMPLETED");
    spool_change(suite, "10.json", "a2", "CONFIRMED", 4);
    database_free(suite->fixture->database);
    suite->fixture->database = NULL;
    spool_close(suite->spool);
    while (!apply_until_killed(suite))
        kills++;
    fixture_reopen(suite->fixture, 86400000, 1000000);
    open_spool(suite);
    apply(suite, 0, 0);
    /* 1 to 5; 6; 7 to 9; 10 */
    assert_int_equal(kills, 4);
    check_refused(suite, "04.json", "");
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM messages JOIN conversations c"
                                   " ON c.id = conversation_id WHERE appointment_id = 'a1'"),
                     4);
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM messages JOIN conversations c"
                                   " ON c.id = conversation_id WHERE appointment_id = 'a2'"),
                     5);
    fixture_verify(suite->fixture);
}

static void without_the_database_everything_waits_in_order(void **state)
{
    struct suite *suite = *state;
    struct spool_result result;
    struct error error;
    char away[160];

    spool_booking(suite, "1.json", "a1");
    spool_text(suite, "2.json", "not JSON");
    spool_change(suite, "3.json", "a1", "CONFIRMED", 2);
    snprintf(away, sizeof(away), "%s.away", suite->fixture->path);
    database_free(suite->fixture->database);
    assert_int_equal(rename(suite->fixture->path, away), 0);
    assert_int_equal(mkdir(suite->fixture->path, 0700), 0);
    spool_close(suite->spool);
    suite->fixture->database = NULL;
    fixture_reopen(suite->fixture, 86400000, 1000000);
    open_spool(suite);
    for (int i = 0; i < 2; i++) {
        error_clear(&error);
        assert_false(spool_apply(suite->spool, &result, &error));
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
        assert_true(error.detail[0] != '\0');
        assert_int_equal(result.applied + result.refused, 0);
    }
    assert_true(is_there(suite, "1.json") && is_there(suite, "2.json") &&
                is_there(suite, "3.json"));
    assert_int_equal(rmdir(suite->fixture->path), 0);
    assert_int_equal(rename(away, suite->fixture->path), 0);
    apply(suite, 2, 1);
    assert_int_equal(number(suite, "SELECT COUNT(*) FROM messages"), 2);
}

static void a_second_process_is_refused(void **state)
{
    struct suite *suite = *state;
    struct error error;

    error_clear(&error);
    assert_null(spool_open(&suite->options, &error));
    assert_non_null(strstr(error.detail, "another process"));
    spool_close(suite->spool);
    open_spool(suite);
}

static void a_directory_that_is_missing_is_refused(void **state)
{
    struct suite *suite = *state;
    struct spool_options options = suite->options;
    struct error error;

    error_clear(&error);
    options.directory = "/nonexistent";
    assert_null(spool_open(&options, &error));
    assert_non_null(strstr(error.detail, "/nonexistent"));
}

static void no_further_commit_is_begun_after_the_end(void **state)
{
    struct suite *suite = *state;
    int end = eventfd(1, EFD_CLOEXEC);

    assert_true(end >= 0);
    spool_booking(suite, "1.json", "a1");
    spool_close(suite->spool);
    suite->options.signals = end;
    open_spool(suite);
    apply(suite, 0, 0);
    assert_true(is_there(suite, "1.json"));
    close(end);
}

/* Whether the descriptor tells of something now. */
static bool tells(const struct suite *suite)
{
    struct timeval now = {0};
    fd_set descriptors;
    int descriptor = spool_descriptor(suite->spool);

    FD_ZERO(&descriptors);
    FD_SET(descriptor, &descriptors);
    return select(descriptor + 1, &descriptors, NULL, NULL, &now) == 1;
}

static void the_descriptor_tells_of_a_file(void **state)
{
    struct suite *suite = *state;

    assert_false(tells(suite));
    spool_booking(suite, "1.json", "a1");
    assert_true(tells(suite));
    apply(suite, 1, 0);
    assert_false(tells(suite));
}

static void what_root_makes_in_somebodys_directory_is_theirs(void **state)
{
    static const char *const names[] = {".lock", "bad", "bad/1.json.reason"};
    struct suite *suite = *state;
    struct stat status;

    if (geteuid() != 0)
        skip();
    spool_close(suite->spool);
    unlink(path_of(suite, ".lock"));
    assert_int_equal(rmdir(path_of(suite, "bad")), 0);
    assert_int_equal(chown(suite->directory, NOBODY, NOBODY), 0);
    open_spool(suite);
    spool_text(suite, "1.json", "{}");
    apply(suite, 0, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        assert_int_equal(stat(path_of(suite, names[i]), &status), 0);
        assert_int_equal(status.st_uid, NOBODY);
    }
}

static void a_link_at_the_place_of_a_reason_is_not_followed(void **state)
{
    struct suite *suite = *state;
    struct stat status;

    spool_text(suite, "mine.tmp", "of somebody else");
    assert_int_equal(symlink("../mine.tmp", path_of(suite, "bad/1.json.reason")), 0);
    spool_text(suite, "1.json", "{}");
    apply(suite, 0, 1);
    check_refused(suite, "1.json", "appointmentId: ");
    assert_int_equal(stat(path_of(suite, "mine.tmp"), &status), 0);
    assert_int_equal(status.st_size, strlen("of somebody else"));
}

static void a_flood_of_bad_files_is_one_line(void **state)
{
    enum { FLOOD = 50 };
    struct suite *suite = *state;
    int log = memfd_create("log", MFD_CLOEXEC);
    char name[32];

    suite->fixture->log.level = LOG_LEVEL_WARNING;
    assert_true(dup2(log, suite->fixture->log.descriptor) >= 0);
    for (int i = 0; i < FLOOD; i++) {
        snprintf(name, sizeof(name), "%d.json", i);
        spool_text(suite, name, "{}");
    }
    apply(suite, 0, FLOOD);
    assert_int_equal(count_in_log(log, "a spooled file is refused"), 1);
    close(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_applied_in_the_order_of_their_names),
        TEST(names_of_unfinished_files_are_left_alone),
        TEST(what_is_called_like_a_file_and_is_none_goes_aside),
        TEST(a_file_that_cannot_be_moved_keeps_back_no_other),
        TEST(without_rights_to_some_files_the_others_are_applied_once),
        TEST(what_could_not_be_read_does_not_undo_what_is_newer),
        TEST(what_was_applied_and_stays_does_not_undo_what_is_newer),
        TEST(without_notifications_it_looks),
        TEST(bad_files_go_aside_with_their_reason),
        TEST(what_was_put_aside_goes_with_who_is_named_in_it),
        TEST(what_may_name_anybody_goes_when_anybody_is_erased),
        TEST(what_was_put_aside_after_the_erasure_stays),
        TEST(what_an_editor_adds_to_a_file_changes_nothing),
        TEST(a_booking_of_other_people_goes_aside),
        TEST(a_file_that_is_too_large_goes_aside),
        TEST(the_longest_name_can_be_refused),
        TEST(a_file_that_is_applied_twice_changes_nothing),
        TEST(many_files_share_a_commit),
        TEST(large_files_share_a_commit_with_few),
        TEST(a_bad_file_keeps_back_no_other_of_its_commit),
        TEST(a_kill_after_each_commit_tells_nothing_twice),
        TEST(without_the_database_everything_waits_in_order),
        TEST(a_second_process_is_refused),
        TEST(a_directory_that_is_missing_is_refused),
        TEST(no_further_commit_is_begun_after_the_end),
        TEST(the_descriptor_tells_of_a_file),
        TEST(what_root_makes_in_somebodys_directory_is_theirs),
        TEST(a_link_at_the_place_of_a_reason_is_not_followed),
        TEST(a_flood_of_bad_files_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
