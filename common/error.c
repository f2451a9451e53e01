#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void error_clear(struct error *error)
{
    error->kind = ERROR_NONE;
    error->is_list = false;
    error->text[0] = '\0';
    error->detail[0] = '\0';
}

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    va_list arguments;

    error->kind = kind;
    error->is_list = false;
    error->detail[0] = '\0';
    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
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
    int prefix =
        snprintf(error->text + start, room, "%s%s: ", start > 0 ? "\n" : "", field);
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

bool error_unavailable(struct error *error, const char *detail_format, ...)
{
    va_list arguments;

    error_set(error, ERROR_UNAVAILABLE, "Service momentanément indisponible, réessayez plus tard");
    va_start(arguments, detail_format);
    vsnprintf(error->detail, sizeof(error->detail), detail_format, arguments);
    va_end(arguments);
    return false;
}

bool error_out_of_memory(struct error *error)
{
    return error_unavailable(error, "out of memory");
}
