/*
 * The query of a REST request: what is found is what a second, naive reading finds, and the numbers
 * and words that the handlers make of it keep to their limits.
 */
#include <string.h>

#include "broker/transport/query.h"
#include "common/error.h"
#include "common/utf8.h"
#include "db/input.h"
#include "fcgi/uri.h"
#include "tests/fuzz/fuzz.h"

#define VALUE_BYTES 32

/* Pairs of the query whose name is written as it is. */
static int count_pairs(const char *query, const char *name)
{
    size_t length = strlen(name);
    int count = 0;

    for (const char *at = query; at != NULL; at = strchr(at, '&')) {
        at += *at == '&';
        if (strncmp(at, name, length) == 0 && (at[length] == '\0' || strchr("=&", at[length])))
            count++;
    }
    return count;
}

/* The broker's reader takes the last of several, and names without escapes alone. */
static void compare_readers(const char *query, const char *name, enum uri_query_result result,
                            const char *value)
{
    char other[VALUE_BYTES];
    enum query_result other_result = query_value(query, name, other, sizeof(other));

    if (other_result == QUERY_FOUND && result == URI_QUERY_FOUND)
        FUZZ_CHECK(strcmp(value, other) == 0);
    if (other_result == QUERY_FOUND)
        FUZZ_CHECK(result != URI_QUERY_ABSENT);
}

static void check_number(const char *value)
{
    struct error error;
    int64_t number = 0;

    error_clear(&error);
    if (query_number_read("limit", value, 20, PAGE_LIMIT_MAX, &number, &error))
        FUZZ_CHECK(number >= 1 && number <= PAGE_LIMIT_MAX &&
                   strspn(value, "0123456789") == strlen(value));
    else
        FUZZ_CHECK(error.kind == ERROR_INVALID && error.text[0] != '\0');
}

static void check_status(const char *value)
{
    enum conversation_status status;

    if (conversation_status_parse(value, &status))
        FUZZ_CHECK(strcmp(conversation_status_name(status), value) == 0);
}

static void check_parameter(const char *query, size_t length, const char *name)
{
    struct text_span span = {query, length};
    char value[VALUE_BYTES];
    enum uri_query_result result = uri_query_find(span, name, value, sizeof(value));
    int pairs = count_pairs(query, name);

    FUZZ_CHECK(pairs == 0 || result != URI_QUERY_ABSENT);
    FUZZ_CHECK(pairs < 2 || result == URI_QUERY_REPEATED);
    if (result == URI_QUERY_FOUND) {
        FUZZ_CHECK(utf8_is_valid(value, strnlen(value, sizeof(value))));
        check_number(value);
        check_status(value);
    }
    compare_readers(query, name, result, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"page", "limit", "status", "before"};
    char *query = malloc(size + 1);

    FUZZ_CHECK(query);
    if (size > 0)
        memcpy(query, data, size);
    query[size] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_parameter(query, strlen(query), names[i]);
    free(query);
    return 0;
}
