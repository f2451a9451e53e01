#include "jobs/mail_wording.h"

#include <inttypes.h>
#include <string.h>

#include "common/grapheme.h"
#include "common/utf8.h"

#define ELLIPSIS    "…"
#define REPLACEMENT "\xef\xbf\xbd"

/* U+202A to U+202E and U+2066 to U+2069: left open, they would turn round what follows. */
static bool turns_direction(const char *sequence, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)sequence;

    return length == 3 && bytes[0] == 0xe2 &&
           ((bytes[1] == 0x80 && bytes[2] >= 0xaa && bytes[2] <= 0xae) ||
            (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9));
}

/* C0, DEL and C1, and the separators of lines and paragraphs. */
static bool is_control(const char *sequence, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)sequence;

    if (length == 1)
        return bytes[0] < 0x20 || bytes[0] == 0x7f;
    if (length == 2)
        return bytes[0] == 0xc2 && bytes[1] < 0xa0;
    return length == 3 && bytes[0] == 0xe2 && bytes[1] == 0x80 &&
           (bytes[2] == 0xa8 || bytes[2] == 0xa9);
}

static void append_clean(const char *text, bool keeps_lines, struct buffer *out)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t length = utf8_sequence_length(text, left);
        if (length == 0)
            buffer_append_text(out, REPLACEMENT);
        else if (text[0] == '\r' && left > 1 && text[1] == '\n')
            length = 1; /* the line feed does it */
        else if (keeps_lines && (text[0] == '\n' || text[0] == '\r'))
            buffer_append_text(out, "\n");
        else if (is_control(text, length))
            buffer_append_text(out, " ");
        else if (!turns_direction(text, length))
            buffer_append(out, text, length);
        length = length > 0 ? length : 1;
        text += length;
        left -= length;
    }
}

/* Appends at most so many code points; a first grapheme that has more is cut where it must be. */
static void append_beginning(const char *text, size_t max_characters, struct buffer *out)
{
    size_t bytes = grapheme_prefix_bytes(text, max_characters);

    if (text[bytes] == '\0') {
        buffer_append(out, text, bytes);
        return;
    }
    bytes = grapheme_prefix_bytes(text, max_characters - 1);
    while (bytes > 0 && strchr(" \n", text[bytes - 1]) != NULL)
        bytes--;
    buffer_append(out, text, bytes);
    buffer_append_text(out, ELLIPSIS);
}

static void append_wording(const char *text, bool keeps_lines, size_t max_characters,
                           struct buffer *out)
{
    struct buffer clean = BUFFER_EMPTY;

    append_clean(text != NULL ? text : "", keeps_lines, &clean);
    while (clean.length > 0 && strchr(" \n", clean.data[clean.length - 1]) != NULL)
        clean.length--;
    const char *cleaned = clean.length > 0 ? buffer_text(&clean) : "";
    if (clean.failed || cleaned == NULL)
        out->failed = true;
    else
        append_beginning(cleaned + strspn(cleaned, " \n"), max_characters, out);
    buffer_free(&clean);
}

void mail_wording_line(const char *text, size_t max_characters, struct buffer *out)
{
    append_wording(text, false, max_characters, out);
}

void mail_wording_lines(const char *text, size_t max_characters, struct buffer *out)
{
    append_wording(text, true, max_characters, out);
}

static const char *entity_of(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
        return "<br>";
    default:
        return NULL;
    }
}

void mail_wording_escape(const char *text, struct buffer *out)
{
    for (; *text != '\0'; text++) {
        const char *entity = entity_of(*text);
        if (entity != NULL)
            buffer_append_text(out, entity);
        else
            buffer_append(out, text, 1);
    }
}

static bool is_unreserved(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("-._~", byte) != NULL);
}

void mail_wording_encode(const char *text, struct buffer *out)
{
    for (; *text != '\0'; text++)
        if (is_unreserved(*text))
            buffer_append(out, text, 1);
        else
            buffer_append_format(out, "%%%02X", (unsigned char)*text);
}

bool mail_wording_is_link(const char *text)
{
    if (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0)
        return false;
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || strchr("\"<>\\^`{|}", *text) != NULL)
            return false;
    return true;
}

void mail_wording_count(int64_t count, struct buffer *out)
{
    if (count == 1)
        buffer_append_text(out, "1 nouveau message");
    else
        buffer_append_format(out, "%" PRId64 " nouveaux messages", count);
}
