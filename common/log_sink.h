/*
 * Where the lines of a log go, without ever waiting for who reads them. A reader that has gone, or
 * does not read, costs lines and nothing else: what does not fit is dropped and counted, and when
 * something fits again, a line tells how many there were.
 *
 * Standard error belongs to other processes, too, so that O_NONBLOCK must not be set on what they
 * share: a pipe or terminal is opened anew, and a socket is sent to with MSG_DONTWAIT. Only where
 * the system refuses to open it (a pipe of another user) one looks whether there is room first, and
 * a line may wait in the rare case that somebody else takes the last room in between.
 *
 * SIGPIPE is to be ignored by the process. Any thread, but for opening and closing.
 */
#ifndef MESSAGERIE_COMMON_LOG_SINK_H
#define MESSAGERIE_COMMON_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_sink_kind {
    LOG_SINK_FILE,   /* never waits */
    LOG_SINK_SOCKET, /* MSG_DONTWAIT */
    LOG_SINK_OWN,    /* opened anew, with O_NONBLOCK */
    LOG_SINK_SHARED, /* poll first */
};

struct log_sink {
    int descriptor;
    enum log_sink_kind kind;
    int64_t dropped; /* lines that were not told of yet; atomic */
};

/* Over a descriptor that stays the caller's. */
void log_sink_open(struct log_sink *sink, int descriptor);
void log_sink_close(struct log_sink *sink);

/* Writes all of a line of at most PIPE_BUF bytes, in one call so that lines of several threads and
 * processes do not mix. False when it does not fit now, or nobody will ever read it. */
bool log_sink_write(const struct log_sink *sink, const char *bytes, size_t length);

/* A line was dropped; and takes the number of those, to tell of them. */
void log_sink_drop(struct log_sink *sink, int64_t lines);
int64_t log_sink_take_dropped(struct log_sink *sink);

#endif
