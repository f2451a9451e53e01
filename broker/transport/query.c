#include "broker/transport/query.h"

#include <string.h>

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* The byte that the escape at text[0..length) stands for, or -1. */
static int unescape(const char *text, size_t length)
{
    if (length < 3)
        return -1;
    int high = hex_digit(text[1]), low = hex_digit(text[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Decodes text[0..length), with a NUL behind it. */
static bool decode(const char *text, size_t length, char *out, size_t size)
{
    size_t written = 0;

    for (size_t i = 0; i < length; i++) {
        int byte = text[i] == '+' ? ' ' : text[i];

        if (byte == '%') {
            byte = unescape(text + i, length - i);
            i += 2;
        }
        if (byte == 0 || byte == -1 || written + 1 >= size)
            return false;
        out[written++] = (char)byte;
    }
    out[written] = '\0';
    return true;
}

enum query_result query_value(const char *query, const char *name, char *out, size_t size)
{
    const char *value = NULL;
    size_t name_length = strlen(name), value_length = 0;

    out[0] = '\0';
    while (query != NULL && *query != '\0') {
        size_t length = strcspn(query, "&");

        if (length > name_length && query[name_length] == '=' &&
            memcmp(query, name, name_length) == 0) {
            value = query + name_length + 1;
            value_length = length - name_length - 1;
        }
        query += length;
        if (*query == '&')
            query++;
    }
    if (value == NULL)
        return QUERY_ABSENT;
    if (decode(value, value_length, out, size))
        return QUERY_FOUND;
    out[0] = '\0';
    return QUERY_MALFORMED;
}
