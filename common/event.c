#include "common/event.h"

#include <stdio.h>
#include <string.h>

/* Lines rather than JSON: nothing has to be escaped, and the receiver takes them apart where they
 * are, without memory of its own. */
#define ROOM_PREFIX "c:"
#define USER_PREFIX "u:"

void event_audience_room(const char *conversation_id, char out[EVENT_AUDIENCE_BYTES])
{
    snprintf(out, EVENT_AUDIENCE_BYTES, ROOM_PREFIX "%s", conversation_id);
}

void event_audience_user(const char *user_id, char out[EVENT_AUDIENCE_BYTES])
{
    snprintf(out, EVENT_AUDIENCE_BYTES, USER_PREFIX "%s", user_id);
}

const char *event_audience_id(const char *audience, bool *is_room)
{
    *is_room = strncmp(audience, ROOM_PREFIX, strlen(ROOM_PREFIX)) == 0;
    return audience + strlen(ROOM_PREFIX); /* both prefixes have the same length */
}

/* Each text with its NUL. */
size_t event_texts_bytes(const struct event *event)
{
    return strlen(event->audience) + strlen(event->name) + event->payload_length + 3;
}

static const char *copy_text(char **at, const char *text, size_t length)
{
    char *copy = *at;

    memcpy(copy, text, length);
    copy[length] = '\0';
    *at += length + 1;
    return copy;
}

void event_copy(const struct event *from, struct event *to, char *texts)
{
    *to = *from;
    to->audience = copy_text(&texts, from->audience, strlen(from->audience));
    to->name = copy_text(&texts, from->name, strlen(from->name));
    to->payload = copy_text(&texts, from->payload, from->payload_length);
}

void event_encode(const struct event *event, struct buffer *out)
{
    buffer_append_format(out, "%lld\n%s\n%s\n", (long long)event->seq, event->audience,
                         event->name);
    buffer_append(out, event->payload, event->payload_length);
}

/* Ends the line that begins at *bytes with NUL and moves *bytes behind it. NULL when no line ends
 * before `end`, or a NUL stands in it. */
static const char *take_line(char **bytes, const char *end)
{
    char *line = *bytes;
    char *newline = memchr(line, '\n', (size_t)(end - line));

    if (newline == NULL || memchr(line, '\0', (size_t)(newline - line)) != NULL)
        return NULL;
    *newline = '\0';
    *bytes = newline + 1;
    return line;
}

/* A seq as event_encode writes it: from 1, no sign, no leading zero. */
static bool read_seq(const char *text, int64_t *seq)
{
    if (*text < '1' || *text > '9')
        return false;
    *seq = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        int digit = *text - '0';
        if (*seq > (INT64_MAX - digit) / 10)
            return false;
        *seq = *seq * 10 + digit;
    }
    return *text == '\0';
}

static bool audience_is_valid(const char *audience)
{
    size_t length = strlen(audience);
    bool has_prefix =
        strncmp(audience, ROOM_PREFIX, 2) == 0 || strncmp(audience, USER_PREFIX, 2) == 0;

    return has_prefix && length > 2 && length < EVENT_AUDIENCE_BYTES;
}

bool event_decode(char *bytes, size_t length, struct event *event)
{
    const char *end = bytes + length;
    const char *seq = take_line(&bytes, end);

    if (seq == NULL || !read_seq(seq, &event->seq))
        return false;
    event->audience = take_line(&bytes, end);
    if (event->audience == NULL || !audience_is_valid(event->audience))
        return false;
    event->name = take_line(&bytes, end);
    if (event->name == NULL || event->name[0] == '\0')
        return false;
    event->payload = bytes;
    event->payload_length = (size_t)(end - bytes);
    return true;
}
