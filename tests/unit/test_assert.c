/* common/assert.h */
#include "tests/unit/unit_test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/assert.h"

/* How a child ends that asserts `condition`, and what it says. */
static int assert_in_child(bool condition, char *said, size_t capacity)
{
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        ASSERT(condition);
        _exit(0);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], said, capacity - 1);
    said[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void what_holds_costs_nothing(void **state)
{
    char said[512];

    (void)state;
    assert_int_equal(assert_in_child(true, said, sizeof(said)), 0);
    assert_string_equal(said, "");
}

static void what_does_not_hold_ends_the_process_and_is_told(void **state)
{
    char said[512];

    (void)state;
    int status = assert_in_child(false, said, sizeof(said));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "test_assert.c:"));
    assert_non_null(strstr(said, "assert_in_child: does not hold: condition\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_holds_costs_nothing),
        cmocka_unit_test(what_does_not_hold_ends_the_process_and_is_told),
    };

    return cmocka_run_group_tests_name("assert", tests, NULL, NULL);
}
