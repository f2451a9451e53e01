#include "fcgi/uri.h"

#include <string.h>
#include <strings.h>

#include "common/assert.h"
#include "common/utf8.h"

/* Longest decoded name of a query parameter that can be one of ours, with its NUL. */
#define QUERY_NAME_BYTES 32

static bool skip_prefix(const char **text, const char *prefix)
{
    size_t length = strlen(prefix);

    if (strncasecmp(*text, prefix, length) != 0)
        return false;
    *text += length;
    return true;
}

bool uri_split(const char *target, struct uri_target *out)
{
    if (skip_prefix(&target, "http://") || skip_prefix(&target, "https://"))
        target += strcspn(target, "/?#");
    else if (target[0] != '/' && strcmp(target, "*") != 0)
        return false;
    out->path.data = target;
    out->path.length = strcspn(target, "?#");
    if (out->path.length == 0) /* http://host, which means its root */
        out->path = (struct text_span){"/", 1};
    target += strcspn(target, "?#");
    if (*target == '?')
        target++;
    out->query.data = target;
    out->query.length = strcspn(target, "#");
    return true;
}

static int hexadecimal_digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

/* Reads one possibly encoded byte at text.data[*position]; -1 when it is malformed. */
static int next_byte(struct text_span text, bool plus_is_space, size_t *position)
{
    char character = text.data[(*position)++];

    if (character == '+' && plus_is_space)
        return ' ';
    if (character != '%')
        return (unsigned char)character;
    if (text.length - *position < 2)
        return -1;
    int high = hexadecimal_digit(text.data[*position]);
    int low = hexadecimal_digit(text.data[*position + 1]);
    *position += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

enum uri_decode_result uri_decode(struct text_span text, bool plus_is_space, char *out,
                                  size_t capacity, size_t *length)
{
    size_t position = 0, written = 0;

    while (position < text.length) {
        int byte = next_byte(text, plus_is_space, &position);
        if (byte <= 0)
            return URI_MALFORMED;
        if (written + 1 >= capacity)
            return URI_TOO_LONG;
        out[written++] = (char)byte;
    }
    if (written >= capacity)
        return URI_TOO_LONG;
    out[written] = '\0';
    *length = written;
    return utf8_is_valid(out, written) ? URI_DECODED : URI_MALFORMED;
}

/* Cuts the next name=value pair off the front of *rest. */
static void next_pair(struct text_span *rest, struct text_span *name, struct text_span *value)
{
    const char *end = memchr(rest->data, '&', rest->length);
    size_t pair_length = end != NULL ? (size_t)(end - rest->data) : rest->length;
    const char *equals = memchr(rest->data, '=', pair_length);
    size_t name_length = equals != NULL ? (size_t)(equals - rest->data) : pair_length;
    size_t value_start = equals != NULL ? name_length + 1 : pair_length;
    size_t taken = end != NULL ? pair_length + 1 : pair_length;

    *name = (struct text_span){rest->data, name_length};
    *value = (struct text_span){rest->data + value_start, pair_length - value_start};
    rest->data += taken;
    rest->length -= taken;
}

static bool decodes_to(struct text_span encoded, const char *name)
{
    char decoded[QUERY_NAME_BYTES];
    size_t length;

    return uri_decode(encoded, true, decoded, sizeof(decoded), &length) == URI_DECODED &&
           strcmp(decoded, name) == 0;
}

enum uri_query_result uri_query_find(struct text_span query, const char *name, char *out,
                                     size_t capacity)
{
    struct text_span found = {NULL, 0}, key, value;
    size_t length;

    ASSERT(strlen(name) < QUERY_NAME_BYTES);
    while (query.length > 0) {
        next_pair(&query, &key, &value);
        if (!decodes_to(key, name))
            continue;
        if (found.data != NULL)
            return URI_QUERY_REPEATED;
        found = value;
    }
    if (found.data == NULL)
        return URI_QUERY_ABSENT;
    if (uri_decode(found, true, out, capacity, &length) != URI_DECODED)
        return URI_QUERY_MALFORMED;
    return URI_QUERY_FOUND;
}
