#include "common/json_writer.h"

#include <string.h>

#include "common/assert.h"
#include "common/clock.h"

/* Digits of INT64_MIN and its sign. */
#define INTEGER_BYTES 20

#define REPEAT_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

void json_writer_init(struct json_writer *writer, struct buffer *out)
{
    *writer = (struct json_writer){.out = out};
}

/* Before any value: the comma that separates it from the one before. */
static void begin_value(struct json_writer *writer)
{
    if (writer->needs_comma)
        buffer_append(writer->out, ",", 1);
    writer->needs_comma = true;
}

static void begin_container(struct json_writer *writer, const char *bracket)
{
    begin_value(writer);
    buffer_append(writer->out, bracket, 1);
    writer->needs_comma = false;
    writer->depth++;
}

static void end_container(struct json_writer *writer, const char *bracket)
{
    ASSERT(writer->depth > 0);
    writer->depth--;
    buffer_append(writer->out, bracket, 1);
    writer->needs_comma = true;
}

void json_begin_object(struct json_writer *writer)
{
    begin_container(writer, "{");
}

void json_end_object(struct json_writer *writer)
{
    end_container(writer, "}");
}

void json_begin_array(struct json_writer *writer)
{
    begin_container(writer, "[");
}

void json_end_array(struct json_writer *writer)
{
    end_container(writer, "]");
}

/* Non-zero when one of eight bytes is below 0x20, a quote or a backslash: a byte minus one borrows
 * into its high bit only when it was zero. */
static uint64_t word_needs_escape(uint64_t word)
{
    uint64_t quote = word ^ REPEAT_BYTE('"');
    uint64_t backslash = word ^ REPEAT_BYTE('\\');

    return ((((word - REPEAT_BYTE(0x20)) & ~word) | ((quote - REPEAT_BYTE(1)) & ~quote) |
             ((backslash - REPEAT_BYTE(1)) & ~backslash)) &
            REPEAT_BYTE(0x80));
}

/* Sixteen bytes at once, as a vector extension of gcc and clang: two or three instructions on
 * every processor of today. */
typedef unsigned char byte_block __attribute__((vector_size(16)));

#define REPEAT_IN_BLOCK(byte)                                                                      \
    {                                                                                              \
        byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte,  \
            byte                                                                                   \
    }

static bool block_needs_escape(const char *text)
{
    static const byte_block space = REPEAT_IN_BLOCK(0x20);
    static const byte_block quote = REPEAT_IN_BLOCK('"');
    static const byte_block backslash = REPEAT_IN_BLOCK('\\');
    byte_block block;
    uint64_t found[2];

    memcpy(&block, text, sizeof(block));
    byte_block mask = (byte_block)((block < space) | (block == quote) | (block == backslash));
    memcpy(found, &mask, sizeof(found));
    return (found[0] | found[1]) != 0;
}

static bool word_at_needs_escape(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return word_needs_escape(word) != 0;
}

static bool byte_needs_escape(char byte)
{
    return (unsigned char)byte < 0x20 || byte == '"' || byte == '\\';
}

/* Bytes at the begin of text that go out as they are. */
static size_t plain_length(const char *text, size_t length)
{
    size_t at = 0;
    uint64_t word;

    for (; length - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        if (word_needs_escape(word) != 0)
            break;
    }
    while (at < length && !byte_needs_escape(text[at]))
        at++;
    return at;
}

/* Whether nothing in the text needs an escape: most have nothing. The last look overlaps the one
 * before where the length is no multiple. */
static bool is_plain(const char *text, size_t length)
{
    if (length < sizeof(uint64_t))
        return plain_length(text, length) == length;
    if (length < sizeof(byte_block))
        return !word_at_needs_escape(text) &&
               !word_at_needs_escape(text + length - sizeof(uint64_t));
    for (size_t at = 0; at + sizeof(byte_block) <= length; at += sizeof(byte_block))
        if (block_needs_escape(text + at))
            return false;
    return !block_needs_escape(text + length - sizeof(byte_block));
}

static void append_escape(struct buffer *out, char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *name = strchr(named, byte);

    if (name != NULL) {
        buffer_append(out, (char[]){'\\', letters[name - named]}, 2);
        return;
    }
    unsigned char code = (unsigned char)byte;
    buffer_append(out, (char[]){'\\', 'u', '0', '0', hex[code >> 4], hex[code & 0x0f]}, 6);
}

static void append_escaped(struct buffer *out, const char *text, size_t length)
{
    while (length > 0) {
        size_t plain = plain_length(text, length);
        buffer_append(out, text, plain);
        if (plain < length)
            append_escape(out, text[plain++]);
        text += plain;
        length -= plain;
    }
}

/* Makes room for a value of `length` bytes with the comma before it, and writes the comma. NULL
 * without memory, else where the value goes; end_value takes where it ends. */
static char *reserve_value(struct json_writer *writer, size_t length)
{
    struct buffer *out = writer->out;

    if (!buffer_reserve(out, length + strlen(",")))
        return NULL;
    char *end = out->data + out->length;
    if (writer->needs_comma)
        *end++ = ',';
    return end;
}

static void end_value(struct json_writer *writer, const char *end)
{
    writer->out->length = (size_t)(end - writer->out->data);
    writer->needs_comma = true;
}

/* The same for a member: writes its key too. `length` is that of the value. */
static char *reserve_member(struct json_writer *writer, const char *key, size_t key_length,
                            size_t length)
{
    char *end = reserve_value(writer, key_length + strlen("\"\":") + length);

    if (end == NULL)
        return NULL;
    *end++ = '"';
    end = mempcpy(end, key, key_length);
    *end++ = '"';
    *end++ = ':';
    return end;
}

/* A text in quotes, at `end`, where there is room for it as it is. */
static void write_quoted(struct json_writer *writer, char *end, const char *text, size_t length)
{
    *end++ = '"';
    if (is_plain(text, length)) {
        end = mempcpy(end, text, length);
        *end++ = '"';
        end_value(writer, end);
    } else {
        end_value(writer, end);
        append_escaped(writer->out, text, length);
        buffer_append(writer->out, "\"", 1);
    }
}

void json_write_text(struct json_writer *writer, const char *text)
{
    size_t length = strlen(text);
    char *end = reserve_value(writer, length + strlen("\"\""));

    if (end != NULL)
        write_quoted(writer, end, text, length);
}

void json_write_key(struct json_writer *writer, const char *key)
{
    json_write_text(writer, key);
    buffer_append(writer->out, ":", 1);
    writer->needs_comma = false;
}

/* At `end`, where there is room for INTEGER_BYTES; returns where it ends. */
static char *write_digits(char *end, int64_t value)
{
    char digits[INTEGER_BYTES];
    size_t start = sizeof(digits);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do {
        digits[--start] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--start] = '-';
    return mempcpy(end, digits + start, sizeof(digits) - start);
}

void json_write_integer(struct json_writer *writer, int64_t value)
{
    char *end = reserve_value(writer, INTEGER_BYTES);

    if (end != NULL)
        end_value(writer, write_digits(end, value));
}

static const char *boolean_text(bool value)
{
    return value ? "true" : "false";
}

void json_write_boolean(struct json_writer *writer, bool value)
{
    const char *text = boolean_text(value);

    json_write_raw(writer, text, strlen(text));
}

void json_write_null(struct json_writer *writer)
{
    json_write_raw(writer, "null", strlen("null"));
}

void json_write_raw(struct json_writer *writer, const char *json, size_t length)
{
    char *end = reserve_value(writer, length);

    if (end != NULL)
        end_value(writer, mempcpy(end, json, length));
}

void json_member_text_sized(struct json_writer *writer, const char *key, size_t key_length,
                            const char *text)
{
    size_t length = strlen(text);
    char *end = reserve_member(writer, key, key_length, length + strlen("\"\""));

    if (end != NULL)
        write_quoted(writer, end, text, length);
}

void json_member_integer_sized(struct json_writer *writer, const char *key, size_t key_length,
                               int64_t value)
{
    char *end = reserve_member(writer, key, key_length, INTEGER_BYTES);

    if (end != NULL)
        end_value(writer, write_digits(end, value));
}

void json_member_boolean_sized(struct json_writer *writer, const char *key, size_t key_length,
                               bool value)
{
    const char *text = boolean_text(value);

    json_member_raw_sized(writer, key, key_length, text, strlen(text));
}

void json_member_time_sized(struct json_writer *writer, const char *key, size_t key_length,
                            int64_t wall_ms)
{
    char *end = reserve_member(writer, key, key_length, TIMESTAMP_BYTES + strlen("\"\""));

    if (end == NULL)
        return;
    *end++ = '"';
    timestamp_format(wall_ms, end);
    end += TIMESTAMP_BYTES - 1;
    *end++ = '"';
    end_value(writer, end);
}

void json_member_raw_sized(struct json_writer *writer, const char *key, size_t key_length,
                           const char *json, size_t length)
{
    char *end = reserve_member(writer, key, key_length, length);

    if (end != NULL)
        end_value(writer, mempcpy(end, json, length));
}
