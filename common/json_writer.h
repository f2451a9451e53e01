/*
 * The one JSON writer (RFC 8259): straight into a buffer, commas by itself, no tree in between
 * (half the CPU of a json-c tree for a page of messages, see the README's list of dependencies).
 *
 * Texts must be valid UTF-8, as everything that we store is; "/" and non-ASCII go out as they are.
 * Failure is that of the buffer: check buffer->failed once, at the end.
 * A writer belongs to one thread at a time.
 */
#ifndef MESSAGERIE_COMMON_JSON_WRITER_H
#define MESSAGERIE_COMMON_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/buffer.h"

struct json_writer {
    struct buffer *out; /* borrowed */
    bool needs_comma;
    unsigned depth; /* objects and arrays that have begun and not ended */
};

void json_writer_init(struct json_writer *writer, struct buffer *out);

/* Values: at the top, as an element, or after json_write_key. What is ended has begun: asserted. */
void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_write_key(struct json_writer *writer, const char *key);
void json_write_text(struct json_writer *writer, const char *text);
void json_write_integer(struct json_writer *writer, int64_t value);
void json_write_boolean(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);
/* `json` is one complete JSON value and goes out as it is. */
void json_write_raw(struct json_writer *writer, const char *json, size_t length);

/*
 * Members: key and value in one call. The key has nothing to escape. A NULL text leaves the member
 * out (docs/protocol.md, "REST": what is absent is left out, never null). A time is wall
 * milliseconds, written as ISO 8601.
 *
 * They are inline so that the compiler counts the length of a literal key: a page has a thousand.
 */
void json_member_text_sized(struct json_writer *writer, const char *key, size_t key_length,
                            const char *text);
void json_member_integer_sized(struct json_writer *writer, const char *key, size_t key_length,
                               int64_t value);
void json_member_boolean_sized(struct json_writer *writer, const char *key, size_t key_length,
                               bool value);
void json_member_time_sized(struct json_writer *writer, const char *key, size_t key_length,
                            int64_t wall_ms);
void json_member_raw_sized(struct json_writer *writer, const char *key, size_t key_length,
                           const char *json, size_t length);

static inline void json_member_text(struct json_writer *writer, const char *key, const char *text)
{
    if (text != NULL)
        json_member_text_sized(writer, key, strlen(key), text);
}

static inline void json_member_integer(struct json_writer *writer, const char *key, int64_t value)
{
    json_member_integer_sized(writer, key, strlen(key), value);
}

static inline void json_member_boolean(struct json_writer *writer, const char *key, bool value)
{
    json_member_boolean_sized(writer, key, strlen(key), value);
}

static inline void json_member_time(struct json_writer *writer, const char *key, int64_t wall_ms)
{
    json_member_time_sized(writer, key, strlen(key), wall_ms);
}

/* `json` as in json_write_raw. */
static inline void json_member_raw(struct json_writer *writer, const char *key, const char *json,
                                   size_t length)
{
    json_member_raw_sized(writer, key, strlen(key), json, length);
}

#endif
