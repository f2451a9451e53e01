#include "common/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(void *context, void *out, size_t length)
{
    char *bytes = out;

    (void)context;
    while (length > 0) {
        ssize_t got = getrandom(bytes, length, 0);
        if (got < 0 && errno != EINTR)
            abort(); /* ids and session ids that can be guessed would be worse */
        if (got > 0) {
            bytes += got;
            length -= (size_t)got;
        }
    }
}

const struct random_source random_system = {system_fill, NULL};

void random_fill(const struct random_source *source, void *out, size_t length)
{
    source->fill(source->context, out, length);
}

/* splitmix64: each call advances the state by a constant and mixes it. */
static uint64_t seeded_next(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

static void seeded_fill(void *context, void *out, size_t length)
{
    char *bytes = out;

    while (length > 0) {
        uint64_t word = seeded_next(context);
        size_t part = length < sizeof(word) ? length : sizeof(word);
        memcpy(bytes, &word, part);
        bytes += part;
        length -= part;
    }
}

struct random_source random_seeded(uint64_t *state)
{
    return (struct random_source){seeded_fill, state};
}
