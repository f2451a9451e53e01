/*
 * Counters in a file: what survives, what is bounded, and what is not believed.
 */
#include "tests/unit/remove_folder.h"
#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/rest_metrics.h"
#include "common/counters.h"

#define THREADS        4
#define COUNTS         10000
#define MESSAGES_FILE  "messages" COUNTERS_SUFFIX
#define FILE_MODE_BITS 07777

struct place {
    char folder[64];
    int descriptor; /* of the folder */
    struct counters_layout layout;
    struct error error;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    strcpy(place->folder, "/tmp/messagerie-counters-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    place->descriptor = open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(place->descriptor >= 0);
    counters_begin_layout(&place->layout, "messages");
    strcpy(place->layout.routes[1].method, "GET");
    strcpy(place->layout.routes[1].pattern, "/messaging/messages/:id");
    place->layout.statuses[0] = 200;
    place->layout.statuses[1] = 503;
    error_clear(&place->error);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    close(place->descriptor);
    remove_folder(place->folder);
    free(place);
    return 0;
}

static struct counters *open_counters(struct place *place)
{
    struct counters *counters = counters_open(place->folder, &place->layout, &place->error);

    if (counters == NULL)
        fail_msg("%s", error_for_log(&place->error));
    return counters;
}

static struct counters read_counters(const struct place *place)
{
    struct counters counters;

    assert_true(counters_read(place->descriptor, MESSAGES_FILE, &counters));
    return counters;
}

static void they_count_on_when_the_program_starts_again(void **state)
{
    struct place *place = *state;

    for (int i = 0; i < 3; i++) {
        struct counters *counters = open_counters(place);
        counters_count_request(counters, 1, 200, 3);
        counters_add(&counters->commits, 2);
        counters_close(counters);
    }
    struct counters found = read_counters(place);
    assert_int_equal(found.requests[1][0], 3);
    assert_int_equal(found.commits, 6);
    assert_int_equal(found.duration.sum_ms, 9);
}

static void with_other_routes_they_begin_anew_and_the_old_process_goes_on(void **state)
{
    struct place *place = *state;
    struct counters *old = open_counters(place);

    counters_count_request(old, 1, 200, 0);
    strcpy(place->layout.routes[2].method, "PUT");
    struct counters *young = open_counters(place);
    counters_count_request(old, 1, 200, 0);
    counters_count_request(young, 2, 503, 0);
    struct counters found = read_counters(place);
    assert_int_equal(found.requests[1][0], 0);
    assert_int_equal(found.requests[2][1], 1);
    counters_close(old);
    counters_close(young);
}

static void *count_many(void *argument)
{
    for (int i = 0; i < COUNTS; i++)
        counters_count_request(argument, 0, 200, 1);
    return NULL;
}

/* Each thread counts in a mapping of its own, as a process would. */
static void none_is_lost_between_threads_and_processes(void **state)
{
    struct place *place = *state;
    struct counters *counters[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        counters[i] = open_counters(place);
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, counters[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        counters_close(counters[i]);
    }
    assert_int_equal(read_counters(place).requests[0][0], THREADS * COUNTS);
    assert_int_equal(read_counters(place).duration.counts[0], THREADS * COUNTS);
}

static void the_file_is_small_and_not_for_others(void **state)
{
    struct place *place = *state;
    struct stat status;

    mode_t mask = umask(0);
    counters_close(open_counters(place));
    umask(mask);
    assert_int_equal(fstatat(place->descriptor, MESSAGES_FILE, &status, 0), 0);
    assert_int_equal(status.st_size, sizeof(struct counters));
    assert_true(status.st_size <= 8192);
    assert_int_equal(status.st_mode & FILE_MODE_BITS, 0640);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    struct place *place = *state;

    assert_null(counters_open("/nowhere", &place->layout, &place->error));
    assert_string_equal(error_for_log(&place->error),
                        "/nowhere/messages.counters: No such file or directory");
}

/* Makes MESSAGES_FILE of `length` bytes of the counters. */
static void write_file(const struct place *place, const struct counters *counters, size_t length)
{
    int descriptor =
        openat(place->descriptor, MESSAGES_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, counters, length), length);
    assert_int_equal(close(descriptor), 0);
}

static void what_is_no_file_of_ours_is_not_read_and_replaced(void **state)
{
    struct place *place = *state;
    const struct counters good = {.layout = place->layout};
    struct counters bad[4];
    struct counters found;

    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        bad[i] = good;
    bad[0].layout.version[0] = 'x';
    memset(bad[1].layout.program, 'x', sizeof(bad[1].layout.program));
    strcpy(bad[2].layout.routes[1].pattern, "\"} 1\n");
    strcpy(bad[3].layout.routes[0].method, "\\");
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        write_file(place, &bad[i], sizeof(bad[i]));
        assert_false(counters_read(place->descriptor, MESSAGES_FILE, &found));
        counters_close(open_counters(place));
        assert_true(counters_read(place->descriptor, MESSAGES_FILE, &found));
    }
    write_file(place, &good, sizeof(good) - 1);
    assert_false(counters_read(place->descriptor, MESSAGES_FILE, &found));
    counters_close(open_counters(place));
    assert_int_equal(unlinkat(place->descriptor, MESSAGES_FILE, 0), 0);
    assert_int_equal(symlinkat("/dev/zero", place->descriptor, MESSAGES_FILE), 0);
    assert_false(counters_read(place->descriptor, MESSAGES_FILE, &found));
    assert_null(counters_open(place->folder, &place->layout, &place->error));
}

static void they_are_told_to_prometheus(void **state)
{
    struct place *place = *state;
    struct buffer page = BUFFER_EMPTY;

    rest_metrics_write("", &page);
    rest_metrics_write("/nowhere", &page);
    rest_metrics_write(place->folder, &page);
    assert_int_equal(page.length, 0);
    struct counters *counters = open_counters(place);
    counters_count_request(counters, 0, 503, 0);
    counters_count_request(counters, 1, 200, 7);
    counters_count_request(counters, 1, 200, 100000);
    counters_add(&counters->failures, 4);
    counters_close(counters);
    rest_metrics_write(place->folder, &page);
    static const char *const lines[] = {
        "# TYPE messagerie_rest_requests_total counter",
        "requests_total{program=\"messages\",method=\"\",route=\"\",status=\"503\"} 1",
        "method=\"GET\",route=\"/messaging/messages/:id\",status=\"200\"} 2",
        "messagerie_rest_request_seconds_bucket{program=\"messages\",le=\"0.005\"} 1",
        "messagerie_rest_request_seconds_bucket{program=\"messages\",le=\"0.01\"} 2",
        "messagerie_rest_request_seconds_bucket{program=\"messages\",le=\"+Inf\"} 3",
        "messagerie_rest_request_seconds_sum{program=\"messages\"} 100.007",
        "messagerie_rest_request_seconds_count{program=\"messages\"} 3",
        "messagerie_rest_database_commits_total{program=\"messages\"} 0",
        "messagerie_rest_database_failures_total{program=\"messages\"} 4",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        char line[256];
        snprintf(line, sizeof(line), "%s\n", lines[i]);
        if (strstr(buffer_text(&page), line) == NULL)
            fail_msg("no %s in %s", lines[i], buffer_text(&page));
    }
    buffer_free(&page);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_count_on_when_the_program_starts_again),
        TEST(with_other_routes_they_begin_anew_and_the_old_process_goes_on),
        TEST(none_is_lost_between_threads_and_processes),
        TEST(the_file_is_small_and_not_for_others),
        TEST(a_folder_that_is_not_there_is_told),
        TEST(what_is_no_file_of_ours_is_not_read_and_replaced),
        TEST(they_are_told_to_prometheus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
