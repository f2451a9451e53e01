/*
 * The one log call: a logfmt line on a descriptor (standard error), written with one write(2), so
 * that lines of several threads and processes do not mix.
 *
 *   ts=2026-11-24T07:07:46.683Z level=info program=messages msg="listening" socket=/run/x.sock
 *
 * Never log a message's text, a token or an e-mail address. Fields are given as a list:
 *
 *   log_info(log, "listening", LOG_TEXT("socket", path), LOG_NUMBER("threads", 4));
 *
 * The message stands in quotes, another value when it is empty or holds a blank, '=', a quote or a
 * backslash. In it a quote and a backslash have a backslash before them, and line feed, carriage
 * return and tab are \n, \r and \t. Any other control character (U+0080 to U+009F too, terminals
 * obey them) and what is not UTF-8 is \xNN for each of its bytes. So a line is one line, whatever
 * the values hold.
 *
 * A line longer than LOG_LINE_BYTES is cut: in its last value that fits, whose quotes are closed.
 * Any thread. Failure to write is ignored: there is nowhere left to report it; with a sink
 * (common/log_sink.h) nobody ever waits for who reads, and what was dropped is told of later. errno
 * is kept.
 */
#ifndef MESSAGERIE_COMMON_LOG_H
#define MESSAGERIE_COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/log_sink.h"

/* With the line feed. */
#define LOG_LINE_BYTES 2048
/* How long a limit lets nothing through after a line, in milliseconds. */
#define LOG_LIMIT_MS 1000

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Owned by a main; everyone else borrows it. */
struct log {
    const char *program;  /* name in every line, borrowed */
    enum log_level level; /* the least important level that is written; while other threads may log,
                             only for log_set_level and log_is_written */
    int descriptor;       /* without a sink: is written to, whatever it takes */
    const struct clock *clock;
    struct log_sink *sink; /* in the place of the descriptor; NULL: none */
};

struct log_field {
    const char *key;
    const char *text; /* NULL: `number` is the value */
    int64_t number;
};

/* A NULL text is written as an empty one. */
static inline struct log_field log_field_text(const char *key, const char *text)
{
    return (struct log_field){.key = key, .text = text != NULL ? text : ""};
}

#define LOG_TEXT(key_, text_)     log_field_text((key_), (text_))
#define LOG_NUMBER(key_, number_) ((struct log_field){.key = (key_), .number = (number_)})

/* A field without key is left out. */
void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count);

/* From now on, also for other threads. */
void log_set_level(struct log *log, enum log_level level);

/* Whether lines of that level are written: for whoever would compute much for one in vain. */
bool log_is_written(const struct log *log, enum log_level level);

/*
 * For a line that a peer can cause: such lines of one limit are written once in LOG_LIMIT_MS, with
 * the number of those that were left out since the last one as a field `left_out`, if there were
 * any. All zero is one that has let none through. Any thread.
 *
 *   log_limited(log, &limit, LOG_LEVEL_WARNING, "token refused", LOG_TEXT("reason", reason));
 */
struct log_limit {
    int64_t until_ms; /* monotonic; atomic, as is the other */
    int64_t left_out;
};

void log_write_limited(const struct log *log, struct log_limit *limit, enum log_level level,
                       const char *message, const struct log_field *fields, size_t count);

/* "error", "warning", "info", "debug"; false when it is none of them. */
bool log_level_parse(const char *text, enum log_level *level);

#define LOG_FIELDS_(...)                                                                           \
    (const struct log_field[]){__VA_ARGS__},                                                       \
        sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)
/* The empty field ends each list, so that a call without fields is legal C; it is not written. */
#define LOG_END_              ((struct log_field){0})
#define log_error(log, ...)   log_call_(log, LOG_LEVEL_ERROR, __VA_ARGS__, LOG_END_)
#define log_warning(log, ...) log_call_(log, LOG_LEVEL_WARNING, __VA_ARGS__, LOG_END_)
#define log_info(log, ...)    log_call_(log, LOG_LEVEL_INFO, __VA_ARGS__, LOG_END_)
#define log_debug(log, ...)   log_call_(log, LOG_LEVEL_DEBUG, __VA_ARGS__, LOG_END_)
#define log_limited(log, limit, level, ...)                                                        \
    log_limited_call_(log, limit, level, __VA_ARGS__, LOG_END_)
#define log_call_(log, level, message, ...) log_write(log, level, message, LOG_FIELDS_(__VA_ARGS__))
#define log_limited_call_(log, limit, level, message, ...)                                         \
    log_write_limited(log, limit, level, message, LOG_FIELDS_(__VA_ARGS__))

#endif
