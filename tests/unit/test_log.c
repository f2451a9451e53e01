#include "tests/unit/unit_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

static int64_t fixed_time(void *context)
{
    (void)context;
    return INT64_C(1795504066683);
}

static const struct clock fixed_clock = {fixed_time, fixed_time, NULL};

#define HEAD "ts=2026-11-24T07:07:46.683Z level=info program=test msg="

/* A log into a packet socket: each write(2) is one packet. */
struct fixture {
    int ends[2];
    struct log log;
    char line[2 * LOG_LINE_BYTES];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (fixture == NULL)
        return -1;
    *state = fixture;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fixture->ends) != 0)
        return -1;
    fixture->log = (struct log){"test", LOG_LEVEL_INFO, fixture->ends[1], &fixed_clock, NULL};
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    close(fixture->ends[0]);
    close(fixture->ends[1]);
    free(fixture);
    return 0;
}

/* The one packet that waits; NULL when there is none. */
static const char *written(struct fixture *fixture)
{
    ssize_t length = recv(fixture->ends[0], fixture->line, sizeof(fixture->line) - 1, MSG_DONTWAIT);

    if (length < 0)
        return NULL;
    fixture->line[length] = '\0';
    return fixture->line;
}

static void a_line_is_logfmt(void **state)
{
    struct fixture *fixture = *state;

    log_info(&fixture->log, "listening", LOG_TEXT("socket", "/run/x.sock"),
             LOG_NUMBER("threads", 4), LOG_NUMBER("least", INT64_MIN));
    assert_string_equal(written(fixture), HEAD "\"listening\" socket=/run/x.sock threads=4 "
                                               "least=-9223372036854775808\n");
    assert_null(written(fixture));
}

static void a_line_needs_no_fields(void **state)
{
    struct fixture *fixture = *state;

    log_info(&fixture->log, "ready");
    assert_string_equal(written(fixture), HEAD "\"ready\"\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    struct fixture *fixture = *state;

    for (size_t least = 0; least < ARRAY_LENGTH(names); least++) {
        assert_true(log_level_parse(names[least], &fixture->log.level));
        assert_int_equal(fixture->log.level, least);
        for (size_t level = 0; level < ARRAY_LENGTH(names); level++) {
            log_write(&fixture->log, (enum log_level)level, "x", NULL, 0);
            const char *line = written(fixture);
            assert_int_equal(line != NULL, level <= least);
            if (line != NULL)
                assert_non_null(strstr(line, names[level]));
        }
    }
    enum log_level level = LOG_LEVEL_INFO;
    assert_false(log_level_parse("INFO", &level));
    assert_false(log_level_parse("", &level));
    assert_false(log_level_parse("information", &level));
    assert_int_equal(level, LOG_LEVEL_INFO);
}

static void each_level_has_its_call(void **state)
{
    struct fixture *fixture = *state;

    fixture->log.level = LOG_LEVEL_DEBUG;
    log_error(&fixture->log, "x");
    assert_non_null(strstr(written(fixture), "level=error"));
    log_warning(&fixture->log, "x");
    assert_non_null(strstr(written(fixture), "level=warning"));
    log_info(&fixture->log, "x");
    assert_non_null(strstr(written(fixture), "level=info"));
    log_debug(&fixture->log, "x");
    assert_non_null(strstr(written(fixture), "level=debug"));
}

static void values_are_quoted_where_they_must(void **state)
{
    static const struct {
        const char *value;
        const char *expected;
    } values[] = {
        {"plain-/._:1", "plain-/._:1"},
        {"", "\"\""},
        {NULL, "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"a\nb\rc\td", "\"a\\nb\\rc\\td\""},
        {"\x01\x1b[31m\x7f", "\"\\x01\\x1b[31m\\x7f\""},
        {"é 😀", "\"é 😀\""},
        {"\xc2\x9b"
         "31m",
         "\"\\xc2\\x9b31m\""}, /* U+009B: what terminals take for an escape */
        {"\xc2\xa0", "\"\xc2\xa0\""},
        {"\xff\xc3", "\"\\xff\\xc3\""},
        {"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""},
        {"x level=error msg=\"forged\"", "\"x level=error msg=\\\"forged\\\"\""},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        char expected[LOG_LINE_BYTES];
        log_info(&fixture->log, "m", LOG_TEXT("v", values[i].value), LOG_NUMBER("n", 1));
        snprintf(expected, sizeof(expected), HEAD "\"m\" v=%s n=1\n", values[i].expected);
        assert_string_equal(written(fixture), expected);
    }
}

static void a_message_is_escaped(void **state)
{
    struct fixture *fixture = *state;

    log_info(&fixture->log, "a \"b\"\nc");
    assert_string_equal(written(fixture), HEAD "\"a \\\"b\\\"\\nc\"\n");
}

/* Quotes that are not escaped come in pairs, and the only line feed is the last byte. */
static void check_is_one_line(const char *line)
{
    bool is_inside = false;

    assert_true(strlen(line) <= LOG_LINE_BYTES);
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    for (; *line != '\0'; line++) {
        if (*line == '\\')
            line++;
        else if (*line == '"')
            is_inside = !is_inside;
    }
    assert_false(is_inside);
}

/* Whatever stands where the line ends: it is cut between characters, quotes closed. */
static void a_long_line_is_cut_between_characters(void **state)
{
    static const char *const units[] = {"x", "é", "\"", "\x01", "\xff", "😀", " ", "\xc2\x85"};
    struct fixture *fixture = *state;

    for (size_t unit = 0; unit < ARRAY_LENGTH(units); unit++) {
        for (size_t before = LOG_LINE_BYTES - 150; before < LOG_LINE_BYTES + 10; before++) {
            char value[LOG_LINE_BYTES + 200];
            size_t unit_length = strlen(units[unit]);
            memset(value, 'x', before);
            for (size_t at = before; at < before + 80; at += unit_length)
                memcpy(value + at, units[unit], unit_length + 1);
            log_info(&fixture->log, "m", LOG_TEXT("v", value), LOG_NUMBER("behind", 1));
            check_is_one_line(written(fixture));
            assert_null(written(fixture));
        }
    }
}

static void fields_that_do_not_fit_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    char value[LOG_LINE_BYTES];

    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    log_info(&fixture->log, value, LOG_TEXT("key", "value"));
    const char *line = written(fixture);
    assert_int_equal(strlen(line), LOG_LINE_BYTES);
    assert_null(strstr(line, "key"));
    check_is_one_line(line);

    /* The whole line fits to the byte, one more does not. */
    size_t room = LOG_LINE_BYTES - strlen(HEAD "\"m\" v=\n");
    value[room] = '\0';
    log_info(&fixture->log, "m", LOG_TEXT("v", value));
    line = written(fixture);
    assert_int_equal(strlen(line), LOG_LINE_BYTES);
    assert_non_null(strstr(line, " v=x"));
    value[room] = 'x';
    value[room + 1] = '\0';
    log_info(&fixture->log, "m", LOG_TEXT("v", value));
    line = written(fixture);
    assert_int_equal(strlen(line), LOG_LINE_BYTES);
    assert_non_null(strstr(line, " v=\"x"));
    check_is_one_line(line);
}

/* A clock that the test sets. */
static int64_t set_time(void *context)
{
    return *(int64_t *)context;
}

#define REFUSED(limit_) log_limited(log, limit_, LOG_LEVEL_WARNING, "refused", LOG_TEXT("why", "x"))

static void a_limited_line_is_written_once_a_second(void **state)
{
    struct fixture *fixture = *state;
    struct log *log = &fixture->log;
    struct log_limit limit = {0};
    struct log_limit other = {0};
    int64_t now_ms = 0;
    const struct clock clock = {set_time, set_time, &now_ms};
    static const char head[] = "ts=1970-01-01T00:00:00.000Z level=warning program=test msg=";

    log->clock = &clock;
    REFUSED(&limit);
    assert_non_null(written(fixture));
    assert_memory_equal(fixture->line, head, sizeof(head) - 1);
    assert_string_equal(fixture->line + sizeof(head) - 1, "\"refused\" why=x\n");
    now_ms = LOG_LIMIT_MS - 1;
    for (int i = 0; i < 3; i++)
        REFUSED(&limit);
    assert_null(written(fixture));
    REFUSED(&other); /* has a second of its own */
    assert_non_null(written(fixture));
    now_ms = LOG_LIMIT_MS;
    REFUSED(&limit);
    assert_non_null(written(fixture));
    assert_non_null(strstr(fixture->line, " msg=\"refused\" left_out=3 why=x\n"));
    REFUSED(&limit);
    now_ms = 10 * LOG_LIMIT_MS;
    REFUSED(&limit);
    assert_non_null(written(fixture));
    assert_non_null(strstr(fixture->line, " left_out=1 "));
    now_ms = 11 * LOG_LIMIT_MS;
    REFUSED(&limit);
    assert_non_null(written(fixture));
    assert_null(strstr(fixture->line, "left_out"));
    assert_null(written(fixture));
}

/* What is below the level is no line that was left out. */
static void what_is_below_the_level_was_not_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct log_limit limit = {0};

    for (int i = 0; i < 2; i++)
        log_limited(&fixture->log, &limit, LOG_LEVEL_DEBUG, "no fields");
    assert_null(written(fixture));
    log_limited(&fixture->log, &limit, LOG_LEVEL_INFO, "no fields");
    assert_string_equal(written(fixture), HEAD "\"no fields\"\n");
}

static void errno_is_kept(void **state)
{
    struct fixture *fixture = *state;

    errno = E2BIG;
    fixture->log.descriptor = -1;
    log_info(&fixture->log, "nowhere to go");
    assert_int_equal(errno, E2BIG);
}

static void on_signal(int signal)
{
    (void)signal;
}

struct interrupted {
    const struct log *log;
    int descriptor;
};

static void *write_one(void *context)
{
    struct interrupted *interrupted = context;

    log_info(interrupted->log, "after the wait");
    close(interrupted->descriptor);
    return NULL;
}

/* write(2) on a full pipe is broken off by a signal: the line arrives whole all the same. */
static void a_line_arrives_whole_after_a_signal(void **state)
{
    struct fixture *fixture = *state;
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    int ends[2];
    pthread_t thread;

    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    char filler[4096] = {0};
    size_t filled = 0;
    for (ssize_t got; (got = write(ends[1], filler, sizeof(filler))) > 0;)
        filled += (size_t)got;
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);

    fixture->log.descriptor = ends[1];
    struct interrupted interrupted = {&fixture->log, ends[1]};
    assert_int_equal(pthread_create(&thread, NULL, write_one, &interrupted), 0);
    for (int i = 0; i < 50; i++) {
        pthread_kill(thread, SIGUSR1);
        poll(NULL, 0, 1); /* gives the thread a turn; nothing depends on how long */
    }
    char *all = calloc(1, filled + LOG_LINE_BYTES);
    assert_non_null(all);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], all + length, filled + LOG_LINE_BYTES - length)) > 0;)
        length += (size_t)got;
    assert_string_equal(all + filled, HEAD "\"after the wait\"\n");
    pthread_join(thread, NULL);
    free(all);
    close(ends[0]);
    sigaction(SIGUSR1, &before, NULL);
}

enum { WRITERS = 4, LINES = 500 };

static void *write_many(void *context)
{
    for (int i = 0; i < LINES; i++)
        log_info(context, "a line of a thread", LOG_NUMBER("number", i));
    return NULL;
}

/* Threads that share a pipe: their lines do not mix. */
struct limited {
    const struct log *log;
    struct log_limit limit;
};

static void *write_many_limited(void *context)
{
    struct limited *limited = context;

    for (int i = 0; i < LINES; i++)
        log_limited(limited->log, &limited->limit, LOG_LEVEL_INFO, "refused");
    return NULL;
}

static void threads_share_a_limit(void **state)
{
    struct fixture *fixture = *state;
    struct limited limited = {.log = &fixture->log};
    pthread_t threads[WRITERS];

    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many_limited, &limited), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_string_equal(written(fixture), HEAD "\"refused\"\n");
    assert_null(written(fixture));
    assert_int_equal(limited.limit.left_out, WRITERS * LINES - 1);
}

static void lines_of_threads_do_not_mix(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    pthread_t threads[WRITERS];
    char line[LOG_LINE_BYTES + 1];
    int count = 0;

    assert_int_equal(pipe(ends), 0);
    fixture->log.descriptor = ends[1];
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &fixture->log), 0);
    FILE *reader = fdopen(ends[0], "r");
    assert_non_null(reader);
    while (count < WRITERS * LINES && fgets(line, sizeof(line), reader) != NULL) {
        assert_memory_equal(line, HEAD "\"a line of a thread\" number=",
                            strlen(HEAD "\"a line of a thread\" number="));
        count++;
    }
    assert_int_equal(count, WRITERS * LINES);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    fclose(reader);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_logfmt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_needs_no_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_below_the_level_is_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_level_has_its_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_quoted_where_they_must, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_is_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_between_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_that_do_not_fit_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_limited_line_is_written_once_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_below_the_level_was_not_left_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(errno_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_arrives_whole_after_a_signal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_threads_do_not_mix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_share_a_limit, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
