#include "jobs/mail_sendmail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* Between two looks whether a program that has closed its outputs has ended. */
#define WAIT_SLICE_MS 10

/* The program while it runs. */
struct child {
    pid_t pid;
    int input, output; /* ours of its standard input and standard error; -1: closed */
    size_t written;
    size_t said; /* bytes of result->reply */
};

static void close_end(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

/* ---- starting it ----------------------------------------------------------------------------- */

/* Signals as a program expects them: none blocked, SIGPIPE deadly; a process group of its own, so
 * that what it starts ends with it. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &defaults);
    posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETPGROUP);
}

static int set_actions(posix_spawn_file_actions_t *actions, int input, int output)
{
    int result = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

    if (result == 0)
        result = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
    if (result == 0)
        result = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return result;
}

static int spawn(const char *program, const struct mail *mail, int input, int output, pid_t *pid)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const environment[] = {path, NULL};
    const char *const words[] = {program, "-i", "-f", mail->sender.text, "--", mail->recipient.text,
                                 NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    int result = posix_spawn_file_actions_init(&actions);
    if (result != 0)
        return result;
    result = posix_spawnattr_init(&attributes);
    if (result == 0) {
        result = set_actions(&actions, input, output);
        if (result == 0)
            result = set_attributes(&attributes);
        if (result == 0) /* which changes nothing of the words */
            result =
                posix_spawn(pid, program, &actions, &attributes, (char *const *)words, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return result;
}

/* Returns an errno, 0 when it runs. The descriptors are above those of the child that they become.
 */
static int start(const char *program, const struct mail *mail, struct child *child)
{
    int input[2], output[2];

    *child = (struct child){.input = -1, .output = -1};
    if (pipe2(input, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(output, O_CLOEXEC) != 0) {
        int failure = errno;
        close(input[0]);
        close(input[1]);
        return failure;
    }
    int result = spawn(program, mail, input[0], output[1], &child->pid);
    close(input[0]);
    close(output[1]);
    child->input = input[1];
    child->output = output[0];
    fcntl(child->input, F_SETFL, O_NONBLOCK);
    fcntl(child->output, F_SETFL, O_NONBLOCK);
    if (result != 0) {
        close_end(&child->input);
        close_end(&child->output);
    }
    return result;
}

/* ---- talking to it --------------------------------------------------------------------------- */

static void write_some(struct child *child, const struct buffer *content)
{
    while (child->written < content->length) {
        ssize_t count =
            write(child->input, content->data + child->written, content->length - child->written);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count < 0)
            break; /* it reads no more, and says why when it ends */
        child->written += (size_t)count;
    }
    close_end(&child->input);
}

/* The beginning of what it says is kept. */
static void read_some(struct child *child, struct mail_result *result)
{
    char text[512];
    ssize_t count = read(child->output, text, sizeof(text));

    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (count <= 0) {
        close_end(&child->output);
        return;
    }
    size_t room = MAIL_REPLY_BYTES - 1 - child->said;
    size_t kept = (size_t)count < room ? (size_t)count : room;
    memcpy(result->reply + child->said, text, kept);
    child->said += kept;
}

/* Until both ends are closed; false when the time is over. */
static bool talk(struct child *child, const struct clock *clock, int64_t deadline_ms,
                 const struct mail *mail, struct mail_result *result)
{
    while (child->input >= 0 || child->output >= 0) {
        struct pollfd ends[2] = {{.fd = child->input, .events = POLLOUT},
                                 {.fd = child->output, .events = POLLIN}};
        int64_t left = deadline_ms - clock_monotonic_ms(clock);
        if (left <= 0)
            return false;
        if (poll(ends, 2, (int)left) < 0 && errno != EINTR)
            return false;
        if (ends[0].revents != 0)
            write_some(child, &mail->content);
        if (ends[1].revents != 0)
            read_some(child, result);
    }
    return true;
}

/* False when the time is over before it has ended. */
static bool wait_for_end(const struct child *child, const struct clock *clock, int64_t deadline_ms,
                         int *status)
{
    for (;;) {
        pid_t ended = waitpid(child->pid, status, WNOHANG);
        if (ended == child->pid)
            return true;
        if (ended < 0 && errno != EINTR)
            return false;
        if (clock_monotonic_ms(clock) >= deadline_ms)
            return false;
        poll(NULL, 0, WAIT_SLICE_MS);
    }
}

static void kill_all(const struct child *child)
{
    int status;

    kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
}

/* ---- how it ended ---------------------------------------------------------------------------- */

static enum mail_outcome judge_status(int status)
{
    switch (status) {
    case EX_OK:
        return MAIL_SENT;
    case EX_NOUSER:
    case EX_NOHOST:
        return MAIL_BAD_ADDRESS;
    case EX_TEMPFAIL:
        return MAIL_LATER;
    case EX_UNAVAILABLE:
    case EX_OSERR:
    case EX_IOERR:
    case EX_CANTCREAT:
        return MAIL_UNREACHABLE;
    case EX_DATAERR:
    case EX_NOINPUT:
    case EX_PROTOCOL:
        return MAIL_REFUSED;
    default: /* EX_USAGE, EX_SOFTWARE, EX_OSFILE, EX_NOPERM, EX_CONFIG, and what is none of them */
        return MAIL_MISCONFIGURED;
    }
}

static void set_reply(struct mail_result *result, const char *words)
{
    mail_reply_copy(words, strlen(words), result->reply);
}

/* It may have taken the mail before it was stopped, or died. */
static void judge_cut_off(const struct child *child, const struct mail *mail, const char *words,
                          struct mail_result *result)
{
    result->outcome = child->written == mail->content.length ? MAIL_UNCERTAIN : MAIL_UNREACHABLE;
    set_reply(result, words);
}

void mail_sendmail_send(const struct mail_settings *settings, const struct clock *clock,
                        const struct mail *mail, struct mail_result *result)
{
    int64_t deadline_ms = clock_monotonic_ms(clock) + settings->timeout_ms;
    struct child child;
    int status = 0;

    *result = (struct mail_result){.outcome = MAIL_MISCONFIGURED};
    int failure = start(settings->program, mail, &child);
    if (failure != 0) {
        if (failure == EAGAIN || failure == ENOMEM || failure == EMFILE || failure == ENFILE)
            result->outcome = MAIL_UNREACHABLE;
        snprintf(result->reply, sizeof(result->reply), "%.150s: %s", settings->program,
                 strerror(failure));
        return;
    }
    bool has_ended = talk(&child, clock, deadline_ms, mail, result) &&
                     wait_for_end(&child, clock, deadline_ms, &status);
    close_end(&child.input);
    close_end(&child.output);
    if (!has_ended) {
        kill_all(&child);
        judge_cut_off(&child, mail, "the program did not end in time", result);
    } else if (!WIFEXITED(status)) {
        judge_cut_off(&child, mail, "the program was ended by a signal", result);
    } else {
        char said[MAIL_REPLY_BYTES];
        memcpy(said, result->reply, sizeof(said));
        mail_reply_copy(said, child.said, result->reply);
        result->code = WEXITSTATUS(status);
        result->outcome = judge_status(result->code);
    }
}
