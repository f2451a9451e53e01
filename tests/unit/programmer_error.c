#include "tests/unit/programmer_error.h"

#include "tests/unit/unit_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void make_mistake(void (*mistake)(void), int output)
{
    const struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    dup2(output, STDERR_FILENO);
    mistake();
    _exit(0);
}

void assert_aborts(void (*mistake)(void), const char *condition)
{
    char text[1024] = "";
    size_t length = 0;
    ssize_t count;
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        make_mistake(mistake, ends[1]);
    close(ends[1]);
    while ((count = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)count;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("was not aborted: %s", text);
    if (strstr(text, condition) == NULL)
        fail_msg("does not name \"%s\": %s", condition, text);
}
