/*
 * What comes in over a FastCGI connection (fcgi/records.h): no byte beyond the input is read, and
 * more input never turns a request that was whole, or nonsense, into something else.
 */
#include <string.h>

#include "fcgi/records.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum records_state whole = records_check(data, size);
    size_t half = size / 2;
    uint8_t *front = malloc(half > 0 ? half : 1);

    if (front == NULL)
        return 0;
    memcpy(front, data, half);
    enum records_state part = records_check(front, half);
    FUZZ_CHECK(part == whole || part == RECORDS_PARTIAL ||
               (part == RECORDS_PARAMETERS && whole != RECORDS_PARTIAL));
    free(front);
    return 0;
}
