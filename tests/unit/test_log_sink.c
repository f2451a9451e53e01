/*
 * A log whose reader does not read, or has gone: nobody waits, nothing ends, and what was dropped
 * is told of.
 */
#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

#define READ_BYTES 4096

struct reader {
    int ours, theirs; /* descriptors: of who reads, and of the log */
    struct log_sink sink;
    struct log log;
};

static int set_up(void **state)
{
    struct reader *reader = calloc(1, sizeof(*reader));

    assert_non_null(reader);
    signal(SIGPIPE, SIG_IGN);
    reader->log = (struct log){
        .program = "test", .level = LOG_LEVEL_INFO, .clock = &clock_system, .sink = &reader->sink};
    *state = reader;
    return 0;
}

static int tear_down(void **state)
{
    struct reader *reader = *state;

    log_sink_close(&reader->sink);
    close(reader->theirs);
    close(reader->ours);
    free(reader);
    return 0;
}

static void use_pipe(struct reader *reader)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    reader->ours = ends[0];
    reader->theirs = ends[1];
    log_sink_open(&reader->sink, reader->theirs);
}

static void use_socket(struct reader *reader)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    reader->ours = ends[0];
    reader->theirs = ends[1];
    log_sink_open(&reader->sink, reader->theirs);
}

/* Reads what is there; how often it has that text. */
static size_t count_read(const struct reader *reader, const char *text)
{
    char bytes[READ_BYTES + 1];
    size_t count = 0;
    ssize_t length;

    assert_int_equal(fcntl(reader->ours, F_SETFL, O_NONBLOCK), 0);
    while ((length = read(reader->ours, bytes, READ_BYTES)) > 0) {
        bytes[length] = '\0';
        for (const char *found = bytes; (found = strstr(found, text)) != NULL; found++)
            count++;
    }
    return count;
}

static void check_unread(struct reader *reader)
{
    while (reader->sink.dropped == 0)
        log_info(&reader->log, "unread");
    for (int i = 1; i < 5; i++)
        log_info(&reader->log, "unread");
    assert_int_equal(reader->sink.dropped, 5);
    /* Others who write there wait as before. */
    assert_false(fcntl(reader->theirs, F_GETFL) & O_NONBLOCK);
    count_read(reader, "unread");
    log_info(&reader->log, "read");
    assert_int_equal(reader->sink.dropped, 0);
    log_info(&reader->log, "read");
    assert_int_equal(count_read(reader, " lines=5\n"), 1);
}

static void a_pipe_that_nobody_reads_costs_lines_alone(void **state)
{
    struct reader *reader = *state;

    use_pipe(reader);
    assert_int_equal(reader->sink.kind, LOG_SINK_OWN);
    check_unread(reader);
}

static void one_that_cannot_be_opened_anew_too(void **state)
{
    struct reader *reader = *state;

    use_pipe(reader);
    log_sink_close(&reader->sink);
    reader->sink = (struct log_sink){.descriptor = reader->theirs, .kind = LOG_SINK_SHARED};
    check_unread(reader);
}

static void a_socket_that_nobody_reads_costs_lines_alone(void **state)
{
    struct reader *reader = *state;

    use_socket(reader);
    assert_int_equal(reader->sink.kind, LOG_SINK_SOCKET);
    check_unread(reader);
}

static void a_reader_that_has_gone_ends_nothing(void **state)
{
    struct reader *reader = *state;
    void (*const uses[])(struct reader *) = {use_pipe, use_socket};

    for (size_t i = 0; i < ARRAY_LENGTH(uses); i++) {
        uses[i](reader);
        close(reader->ours);
        log_info(&reader->log, "unread");
        assert_int_equal(reader->sink.dropped, 1);
        log_sink_close(&reader->sink);
        close(reader->theirs);
    }
    reader->ours = reader->theirs = -1;
}

/* Its end is that of the descriptor, which others move on, too. */
static void a_file_is_written_behind_what_others_write(void **state)
{
    struct reader *reader = *state;

    reader->theirs = memfd_create("log", MFD_CLOEXEC);
    reader->ours = dup(reader->theirs);
    log_sink_open(&reader->sink, reader->theirs);
    assert_int_equal(reader->sink.kind, LOG_SINK_FILE);
    assert_int_equal(write(reader->ours, "theirs\n", 7), 7);
    log_info(&reader->log, "ours");
    assert_int_equal(write(reader->ours, "theirs\n", 7), 7);
    assert_int_equal(lseek(reader->ours, 0, SEEK_SET), 0);
    char bytes[READ_BYTES] = "";
    assert_true(read(reader->ours, bytes, sizeof(bytes) - 1) > 0);
    assert_memory_equal(bytes, "theirs\nts=", 10);
    assert_non_null(strstr(bytes, "msg=\"ours\"\ntheirs\n"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pipe_that_nobody_reads_costs_lines_alone),
        TEST(one_that_cannot_be_opened_anew_too),
        TEST(a_socket_that_nobody_reads_costs_lines_alone),
        TEST(a_reader_that_has_gone_ends_nothing),
        TEST(a_file_is_written_behind_what_others_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
