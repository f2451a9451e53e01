#include "common/json_writer.h"

#include <string.h>

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
}

static void end_container(struct json_writer *writer, const char *bracket)
{
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

/* A text in quotes, with what stands before it and, behind a key, the colon. Most have nothing to
 * escape: they take one look for room. */
static void write_quoted(struct json_writer *writer, const char *text, bool is_key)
{
    struct buffer *out = writer->out;
    size_t length = strlen(text);

    if (!buffer_reserve(out, length + strlen(",\"\":")))
        return;
    char *end = out->data + out->length;
    if (writer->needs_comma)
        *end++ = ',';
    *end++ = '"';
    if (plain_length(text, length) == length) {
        end = mempcpy(end, text, length);
    } else {
        out->length = (size_t)(end - out->data);
        append_escaped(out, text, length);
        if (!buffer_reserve(out, strlen("\":")))
            return;
        end = out->data + out->length;
    }
    *end++ = '"';
    if (is_key)
        *end++ = ':';
    out->length = (size_t)(end - out->data);
    writer->needs_comma = !is_key;
}

void json_write_key(struct json_writer *writer, const char *key)
{
    write_quoted(writer, key, true);
}

void json_write_text(struct json_writer *writer, const char *text)
{
    write_quoted(writer, text, false);
}

void json_write_integer(struct json_writer *writer, int64_t value)
{
    char digits[INTEGER_BYTES];
    size_t start = sizeof(digits);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    begin_value(writer);
    do {
        digits[--start] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--start] = '-';
    buffer_append(writer->out, digits + start, sizeof(digits) - start);
}

void json_write_boolean(struct json_writer *writer, bool value)
{
    begin_value(writer);
    buffer_append_text(writer->out, value ? "true" : "false");
}

void json_write_raw(struct json_writer *writer, const char *json, size_t length)
{
    begin_value(writer);
    buffer_append(writer->out, json, length);
}

void json_member_text(struct json_writer *writer, const char *key, const char *text)
{
    if (text == NULL)
        return;
    json_write_key(writer, key);
    json_write_text(writer, text);
}

void json_member_integer(struct json_writer *writer, const char *key, int64_t value)
{
    json_write_key(writer, key);
    json_write_integer(writer, value);
}

void json_member_boolean(struct json_writer *writer, const char *key, bool value)
{
    json_write_key(writer, key);
    json_write_boolean(writer, value);
}

void json_member_time(struct json_writer *writer, const char *key, int64_t wall_ms)
{
    char text[TIMESTAMP_BYTES];

    timestamp_format(wall_ms, text);
    json_write_key(writer, key);
    json_write_text(writer, text);
}
