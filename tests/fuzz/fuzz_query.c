/*
 * The query of a request.
 */
#include <string.h>

#include "broker/transport/query.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"EIO", "transport", "sid", ""};
    char *query = malloc(size + 1), value[24];

    FUZZ_CHECK(query);
    if (size > 0)
        memcpy(query, data, size);
    query[size] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        memset(value, 'x', sizeof(value));
        enum query_result result = query_value(query, names[i], value, sizeof(value));

        FUZZ_CHECK(memchr(value, '\0', sizeof(value)));
        FUZZ_CHECK(result == QUERY_FOUND || value[0] == '\0');
    }
    free(query);
    return 0;
}
