#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

void error_clear(struct error *error)
{
    error->kind = ERROR_NONE;
    error->is_list = false;
    error->reason = NULL;
    error->retry_after_s = 0;
    error->text[0] = '\0';
    error->detail[0] = '\0';
}

/* Drops the beginning of a character at the end of a text that was cut. */
static void drop_partial_character(char *text)
{
    size_t length = strlen(text);
    size_t start = length;

    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0 && utf8_sequence_length(text + start - 1, length - start + 1) == 0)
        text[start - 1] = '\0';
}

/* As vsnprintf, but a text that is too long stays UTF-8. */
__attribute__((format(printf, 3, 0))) static void format_text(char *out, size_t size,
                                                              const char *format, va_list arguments)
{
    int length = vsnprintf(out, size, format, arguments);

    if (length < 0)
        out[0] = '\0';
    if (length >= 0 && (size_t)length >= size)
        drop_partial_character(out);
}

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    va_list arguments;

    error->kind = kind;
    error->is_list = false;
    error->reason = NULL;
    error->retry_after_s = 0;
    error->detail[0] = '\0';
    va_start(arguments, format);
    format_text(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return false;
}

bool error_add(struct error *error, const char *field, const char *format, ...)
{
    size_t start = error->is_list ? strlen(error->text) : 0;
    size_t room = sizeof(error->text) - start;
    va_list arguments;

    error->kind = ERROR_INVALID;
    error->is_list = true;
    int prefix = snprintf(error->text + start, room, "%s%s: ", start > 0 ? "\n" : "", field);
    if (prefix < 0 || (size_t)prefix >= room) {
        error->text[start] = '\0';
        return false;
    }
    va_start(arguments, format);
    int body = vsnprintf(error->text + start + prefix, room - (size_t)prefix, format, arguments);
    va_end(arguments);
    if (body < 0 || (size_t)body >= room - (size_t)prefix)
        error->text[start] = '\0';
    return false;
}

bool error_unauthorized(struct error *error, const char *reason, const char *detail)
{
    error_set(error, ERROR_UNAUTHORIZED, "Unauthorized");
    error->reason = reason;
    snprintf(error->detail, sizeof(error->detail), "%s", detail);
    return false;
}

bool error_too_many(struct error *error, const char *text, int64_t retry_after_s)
{
    error_set(error, ERROR_TOO_MANY, "%s", text);
    error->retry_after_s = retry_after_s;
    return false;
}

bool error_internal(struct error *error, const char *detail_format, ...)
{
    va_list arguments;

    error_set(error, ERROR_INTERNAL, "Erreur interne");
    va_start(arguments, detail_format);
    format_text(error->detail, sizeof(error->detail), detail_format, arguments);
    va_end(arguments);
    return false;
}

bool error_unavailable(struct error *error, const char *detail_format, ...)
{
    va_list arguments;

    error_set(error, ERROR_UNAVAILABLE, "Service momentanément indisponible, réessayez plus tard");
    va_start(arguments, detail_format);
    format_text(error->detail, sizeof(error->detail), detail_format, arguments);
    va_end(arguments);
    return false;
}

bool error_out_of_memory(struct error *error)
{
    return error_unavailable(error, "out of memory");
}

const char *error_for_log(const struct error *error)
{
    return error->detail[0] != '\0' ? error->detail : error->text;
}
