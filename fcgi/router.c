#include "fcgi/router.h"

#include <string.h>

#include "common/assert.h"

static const char *const method_names[] = {
    [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS",
};

#define METHOD_BIT(method_) (1U << (method_))

enum method method_parse(const char *name)
{
    for (size_t i = 0; i < METHOD_OTHER; i++)
        if (strcmp(name, method_names[i]) == 0)
            return (enum method)i;
    return METHOD_OTHER;
}

const char *method_name(enum method method)
{
    return method_names[method];
}

struct segments {
    size_t count;
    const char *texts[ROUTE_SEGMENTS_MAX]; /* decoded */
};

/* Decodes one segment to *free_space, which moves behind it. */
static enum route_result decode_segment(struct text_span encoded, struct segments *segments,
                                        char **free_space, const char *storage_end)
{
    size_t length = 0;

    switch (uri_decode(encoded, false, *free_space, (size_t)(storage_end - *free_space), &length)) {
    case URI_MALFORMED:
        return ROUTE_MALFORMED;
    case URI_TOO_LONG:
        return ROUTE_UNKNOWN;
    case URI_DECODED:
        break;
    }
    const char *text = *free_space;
    if (length == 0 || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
        segments->count == ROUTE_SEGMENTS_MAX)
        return ROUTE_UNKNOWN;
    segments->texts[segments->count++] = text;
    *free_space += length + 1;
    return ROUTE_FOUND;
}

/* Splits and decodes a whole path. A malformed segment is reported even behind one that makes the
 * path unknown, so that the answer doesn't depend on their order. */
static enum route_result split_path(struct text_span path, char storage[PATH_MAX_BYTES + 1],
                                    struct segments *segments)
{
    enum route_result result = ROUTE_FOUND;
    char *free_space = storage;

    segments->count = 0;
    if (path.length == 0 || path.length > PATH_MAX_BYTES || path.data[0] != '/')
        return ROUTE_UNKNOWN;
    if (path.data[path.length - 1] == '/')
        path.length--;
    while (path.length > 0) {
        path.data++; /* the slash */
        path.length--;
        const char *slash = memchr(path.data, '/', path.length);
        struct text_span segment = {path.data,
                                    slash != NULL ? (size_t)(slash - path.data) : path.length};
        enum route_result decoded =
            decode_segment(segment, segments, &free_space, storage + PATH_MAX_BYTES + 1);
        if (decoded == ROUTE_MALFORMED)
            return ROUTE_MALFORMED;
        if (decoded == ROUTE_UNKNOWN)
            result = ROUTE_UNKNOWN;
        path.data += segment.length;
        path.length -= segment.length;
    }
    return result;
}

/* Whether the pattern has these segments; parameters[] is filled where it has parameters. */
static bool pattern_matches(const char *pattern, const struct segments *segments,
                            const char *parameters[ROUTE_PARAMETERS_MAX])
{
    size_t parameter_count = 0;

    for (size_t i = 0; i < segments->count; i++) {
        if (*pattern++ != '/')
            return false;
        size_t length = strcspn(pattern, "/");
        if (pattern[0] == ':') {
            ASSERT(parameter_count < ROUTE_PARAMETERS_MAX);
            parameters[parameter_count++] = segments->texts[i];
        } else if (strncmp(pattern, segments->texts[i], length) != 0 ||
                   segments->texts[i][length] != '\0') {
            return false;
        }
        pattern += length;
    }
    return *pattern == '\0';
}

/* From the first to the last: a program has ten routes, and a tree of them would not be faster. */
enum route_result router_find(const struct router *router, enum method method,
                              struct text_span path, struct route_match *match)
{
    struct segments segments;
    const char *parameters[ROUTE_PARAMETERS_MAX] = {NULL};

    match->route = NULL;
    match->allowed = 0;
    enum route_result result = split_path(path, match->storage, &segments);
    if (result != ROUTE_FOUND)
        return result;
    for (size_t i = 0; i < router->count; i++) {
        const struct route *route = &router->routes[i];
        unsigned methods = METHOD_BIT(route->method);
        if (route->method == METHOD_GET)
            methods |= METHOD_BIT(METHOD_HEAD);
        if (!pattern_matches(route->pattern, &segments, parameters))
            continue;
        match->allowed |= methods;
        if (match->route == NULL && (methods & METHOD_BIT(method)) != 0) {
            match->route = route;
            memcpy(match->parameters, parameters, sizeof(parameters));
        }
    }
    if (match->route != NULL)
        return ROUTE_FOUND;
    return match->allowed != 0 ? ROUTE_METHOD : ROUTE_UNKNOWN;
}

void router_allow_text(unsigned allowed, char out[ALLOW_BYTES])
{
    char *end = out;

    for (size_t i = 0; i < METHOD_OPTIONS; i++)
        if ((allowed & METHOD_BIT(i)) != 0) {
            end = stpcpy(end, method_names[i]);
            end = stpcpy(end, ", ");
        }
    strcpy(end, method_names[METHOD_OPTIONS]);
}
