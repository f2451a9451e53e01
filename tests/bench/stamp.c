#include "tests/bench/stamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char mark[] = "#T=";
#define MARK_BYTES  (sizeof(mark) - 1)
#define DIGITS      19
#define NS_PER_US   1000
#define US_PER_MS   1000.0
#define FIRST_COUNT 4096

int64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        die("memory");
    return memory;
}

void stamp_write(char *out, int64_t time_ns)
{
    char text[STAMP_BYTES + 1];

    snprintf(text, sizeof(text), "%s%0*" PRId64 "#", mark, DIGITS, time_ns);
    memcpy(out, text, STAMP_BYTES);
}

void stamp_find(const char *text, size_t length, void (*found)(void *owner, int64_t time_ns),
                void *owner)
{
    const char *end = text + length;

    while (end - text >= STAMP_BYTES) {
        const char *at = memmem(text, (size_t)(end - text), mark, MARK_BYTES);
        if (at == NULL || end - at < STAMP_BYTES)
            return;
        found(owner, strtoll(at + MARK_BYTES, NULL, 10)); /* ends at the '#' */
        text = at + STAMP_BYTES;
    }
}

void latencies_add(struct latencies *latencies, int64_t nanoseconds)
{
    if (latencies->count == latencies->capacity) {
        latencies->capacity = latencies->capacity == 0 ? FIRST_COUNT : 2 * latencies->capacity;
        latencies->microseconds = realloc(latencies->microseconds,
                                          latencies->capacity * sizeof(*latencies->microseconds));
        if (latencies->microseconds == NULL)
            die("memory");
    }
    latencies->microseconds[latencies->count++] = (uint32_t)(nanoseconds / NS_PER_US);
}

static int compare(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one;
    uint32_t b = *(const uint32_t *)other;

    return (a > b) - (a < b);
}

/* The smallest that is not below `share` of all, in milliseconds. */
static double percentile(const struct latencies *latencies, double share)
{
    size_t index = (size_t)((double)latencies->count * share);

    if (latencies->count == 0)
        return 0;
    if (index >= latencies->count)
        index = latencies->count - 1;
    return latencies->microseconds[index] / US_PER_MS;
}

void latencies_print(struct latencies *latencies, const char *name)
{
    if (latencies->count > 0)
        qsort(latencies->microseconds, latencies->count, sizeof(*latencies->microseconds), compare);
    printf("\"%s\":{\"count\":%zu,\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}", name,
           latencies->count, percentile(latencies, 0.5), percentile(latencies, 0.99),
           percentile(latencies, 0.999), percentile(latencies, 1));
    latencies->count = 0;
}

void latencies_free(struct latencies *latencies)
{
    free(latencies->microseconds);
}
