/*
 * Request targets as strangers send them: splitting, routes of both programs, query parameters.
 * The input is a target; what is checked beside memory is what the headers promise.
 */
#include <string.h>

#include "common/utf8.h"
#include "fcgi/conversation_handlers.h"
#include "fcgi/message_handlers.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text, size_t capacity)
{
    size_t length = strnlen(text, capacity);

    FUZZ_CHECK(length < capacity);
    FUZZ_CHECK(utf8_is_valid(text, length));
}

static void try_routes(const struct router *router, struct text_span path)
{
    struct route_match match;
    char allow[ALLOW_BYTES];

    for (int method = METHOD_GET; method <= METHOD_OTHER; method++) {
        enum route_result result = router_find(router, (enum method)method, path, &match);
        if (result == ROUTE_FOUND && strchr(match.route->pattern, ':') != NULL) {
            check_text(match.parameters[0], sizeof(match.storage));
            FUZZ_CHECK(match.parameters[0][0] != '\0');
        }
        FUZZ_CHECK((result == ROUTE_METHOD) == (match.allowed != 0 && match.route == NULL));
        router_allow_text(match.allowed, allow);
        check_text(allow, sizeof(allow));
    }
}

static void try_query(struct text_span query)
{
    static const char *const names[] = {"page", "limit", "status", "before"};
    char value[32];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (uri_query_find(query, names[i], value, sizeof(value)) == URI_QUERY_FOUND)
            check_text(value, sizeof(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *target = malloc(size + 1);
    struct uri_target parts;

    if (target == NULL)
        return 0;
    if (size > 0)
        memcpy(target, data, size);
    target[size] = '\0';
    if (uri_split(target, &parts)) {
        try_routes(&conversation_router, parts.path);
        try_routes(&message_router, parts.path);
        try_query(parts.query);
    }
    free(target);
    return 0;
}
