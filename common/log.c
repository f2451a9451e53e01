#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/utf8.h"

/* The longest escape of one character: four bytes as \xNN. */
#define ESCAPE_BYTES 16
/* Digits of INT64_MIN, its sign and NUL. */
#define NUMBER_BYTES 21

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

/* A line in the making. The last byte is kept for the line feed. */
struct line {
    char bytes[LOG_LINE_BYTES];
    size_t length;
    bool is_full; /* something was cut: nothing follows it */
};

static size_t room_left(const struct line *line)
{
    return line->is_full ? 0 : sizeof(line->bytes) - 1 - line->length;
}

/* Needs the room. */
static void append(struct line *line, const char *bytes, size_t length)
{
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

static bool needs_quotes(const char *text)
{
    if (*text == '\0')
        return true;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte <= ' ' || byte >= 0x7F || strchr("=\"\\", *text) != NULL)
            return true;
    }
    return false;
}

static size_t hex_escape(const char *bytes, size_t count, char out[ESCAPE_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        out[length++] = '\\';
        out[length++] = 'x';
        out[length++] = hex[byte >> 4];
        out[length++] = hex[byte & 0x0f];
    }
    return length;
}

/* Terminals obey control characters, those of U+0080 to U+009F too, and a line feed would forge a
 * line.
 *
 * Writes the character at *text as it stands between quotes and moves *text behind it. */
static size_t escape_character(const char **text, char out[ESCAPE_BYTES])
{
    static const char named[] = "\"\\\n\r\t";
    static const char letters[] = "\"\\nrt";
    const char *at = *text;
    unsigned char lead = (unsigned char)*at;
    size_t sequence = utf8_sequence_length(at, strnlen(at, 4));
    const char *name = strchr(named, *at);

    *text += sequence > 0 ? sequence : 1;
    if (name != NULL) {
        out[0] = '\\';
        out[1] = letters[name - named];
        return 2;
    }
    if (sequence == 0)
        return hex_escape(at, 1, out);
    if (lead < ' ' || lead == 0x7F || (lead == 0xC2 && (unsigned char)at[1] < 0xA0))
        return hex_escape(at, sequence, out);
    memcpy(out, at, sequence);
    return sequence;
}

/* Needs room for the pair of quotes. */
static void append_quoted(struct line *line, const char *text)
{
    bool is_cut = false;

    append(line, "\"", 1);
    while (*text != '\0' && !is_cut) {
        char escaped[ESCAPE_BYTES];
        size_t length = escape_character(&text, escaped);
        is_cut = length + 1 > room_left(line);
        if (!is_cut)
            append(line, escaped, length);
    }
    append(line, "\"", 1);
    line->is_full = is_cut;
}

static void append_field(struct line *line, const char *key, const char *text, bool is_quoted)
{
    size_t key_length = strlen(key);
    size_t separator_length = line->length > 0 ? 1 : 0;

    if (room_left(line) < separator_length + key_length + strlen("=\"\"")) {
        line->is_full = true;
        return;
    }
    append(line, " ", separator_length);
    append(line, key, key_length);
    append(line, "=", 1);
    if (is_quoted || needs_quotes(text) || strlen(text) > room_left(line))
        append_quoted(line, text);
    else
        append(line, text, strlen(text));
}

/* One call, so that lines of several processes on one descriptor do not mix; the rest only goes out
 * in another where the first was interrupted. */
static void write_line(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        length -= (size_t)written;
    }
}

void log_set_level(struct log *log, enum log_level level)
{
    __atomic_store_n(&log->level, level, __ATOMIC_RELAXED);
}

bool log_is_written(const struct log *log, enum log_level level)
{
    return level <= __atomic_load_n(&log->level, __ATOMIC_RELAXED);
}

static void append_fields(struct line *line, const struct log_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char number[NUMBER_BYTES];
        if (fields[i].key == NULL)
            continue;
        if (fields[i].text == NULL)
            snprintf(number, sizeof(number), "%" PRId64, fields[i].number);
        append_field(line, fields[i].key, fields[i].text != NULL ? fields[i].text : number, false);
    }
}

/* `number` stands in front of the fields, that no cut takes it. */
static void make_line(const struct log *log, enum log_level level, const char *message,
                      const struct log_field *number, const struct log_field *fields, size_t count,
                      struct line *line)
{
    char timestamp[TIMESTAMP_BYTES];

    line->length = 0;
    line->is_full = false;
    timestamp_format(clock_wall_ms(log->clock), timestamp);
    append_field(line, "ts", timestamp, false);
    append_field(line, "level", level_names[level], false);
    append_field(line, "program", log->program, false);
    append_field(line, "msg", message, true);
    append_fields(line, number, number->number > 0 ? 1 : 0);
    append_fields(line, fields, count);
    line->bytes[line->length++] = '\n';
}

_Static_assert(LOG_LINE_BYTES <= PIPE_BUF, "a line is written to a pipe as a whole, or not at all");

/* Of lines that were dropped, now that there may be room for this one. */
static void tell_dropped(const struct log *log)
{
    const struct log_field lines = LOG_NUMBER("lines", log_sink_take_dropped(log->sink));
    struct line line;

    if (lines.number == 0)
        return;
    make_line(log, LOG_LEVEL_WARNING, "lines of the log were dropped, as nobody read them", &lines,
              NULL, 0, &line);
    if (!log_sink_write(log->sink, line.bytes, line.length))
        log_sink_drop(log->sink, lines.number);
}

static void write_whole(const struct log *log, enum log_level level, const char *message,
                        int64_t left_out, const struct log_field *fields, size_t count)
{
    int saved_errno = errno;
    const struct log_field number = LOG_NUMBER("left_out", left_out);
    struct line line;

    make_line(log, level, message, &number, fields, count, &line);
    if (log->sink == NULL) {
        write_line(log->descriptor, line.bytes, line.length);
    } else {
        tell_dropped(log);
        if (!log_sink_write(log->sink, line.bytes, line.length))
            log_sink_drop(log->sink, 1);
    }
    errno = saved_errno;
}

void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count)
{
    if (log_is_written(log, level))
        write_whole(log, level, message, 0, fields, count);
}

/* Of several threads at once one gets through; the others are left out, and counted. */
static bool passes(struct log_limit *limit, int64_t now_ms)
{
    int64_t until_ms = __atomic_load_n(&limit->until_ms, __ATOMIC_RELAXED);

    if (now_ms >= until_ms &&
        __atomic_compare_exchange_n(&limit->until_ms, &until_ms, now_ms + LOG_LIMIT_MS, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return true;
    __atomic_add_fetch(&limit->left_out, 1, __ATOMIC_RELAXED);
    return false;
}

void log_write_limited(const struct log *log, struct log_limit *limit, enum log_level level,
                       const char *message, const struct log_field *fields, size_t count)
{
    if (log_is_written(log, level) && passes(limit, clock_monotonic_ms(log->clock)))
        write_whole(log, level, message, __atomic_exchange_n(&limit->left_out, 0, __ATOMIC_RELAXED),
                    fields, count);
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}
