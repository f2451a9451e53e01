#include "common/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* -1 when the system refuses. */
static int open_anew(int descriptor)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void log_sink_open(struct log_sink *sink, int descriptor)
{
    struct stat status;
    bool is_known = fstat(descriptor, &status) == 0;

    *sink = (struct log_sink){.descriptor = descriptor, .kind = LOG_SINK_SHARED};
    if (is_known && S_ISREG(status.st_mode)) {
        sink->kind = LOG_SINK_FILE;
    } else if (is_known && S_ISSOCK(status.st_mode)) {
        sink->kind = LOG_SINK_SOCKET;
    } else {
        int own = open_anew(descriptor);
        if (own >= 0)
            *sink = (struct log_sink){.descriptor = own, .kind = LOG_SINK_OWN};
    }
}

void log_sink_close(struct log_sink *sink)
{
    if (sink->kind == LOG_SINK_OWN)
        close(sink->descriptor);
    *sink = (struct log_sink){.descriptor = -1};
}

static bool has_room(int descriptor)
{
    struct pollfd output = {.fd = descriptor, .events = POLLOUT};

    return poll(&output, 1, 0) == 1 && (output.revents & POLLOUT) != 0;
}

static ssize_t write_some(const struct log_sink *sink, const char *bytes, size_t length)
{
    if (sink->kind == LOG_SINK_SOCKET)
        return send(sink->descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sink->kind == LOG_SINK_SHARED && !has_room(sink->descriptor)) {
        errno = EAGAIN;
        return -1;
    }
    return write(sink->descriptor, bytes, length);
}

/* The rest only goes out in another call where the first was interrupted. */
bool log_sink_write(const struct log_sink *sink, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write_some(sink, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

void log_sink_drop(struct log_sink *sink, int64_t lines)
{
    __atomic_fetch_add(&sink->dropped, lines, __ATOMIC_RELAXED);
}

int64_t log_sink_take_dropped(struct log_sink *sink)
{
    if (__atomic_load_n(&sink->dropped, __ATOMIC_RELAXED) == 0)
        return 0;
    return __atomic_exchange_n(&sink->dropped, 0, __ATOMIC_RELAXED);
}
