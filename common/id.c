#include "common/id.h"

#include <stddef.h>
#include <string.h>

#include "common/utf8.h"

/*
 * RFC 9562 section 6.2, method 1: a counter follows the time. Both together are one 64-bit number,
 * 48 bits of milliseconds and 16 of counter, so that "the next one" is an addition, a counter that
 * overflows carries into the time, and one compare-and-swap is all that threads share.
 */
#define UUID_BYTES       16
#define COUNTER_BITS     16
#define COUNTER_SEED_MAX 0x7fff /* a millisecond starts in the lower half: room to count */
#define TIME_MAX         ((UINT64_C(1) << (64 - COUNTER_BITS)) - 1)

void id_source_init(struct id_source *source, const struct clock *clock,
                    const struct random_source *random)
{
    source->clock = clock;
    source->random = random;
    atomic_init(&source->last, 0);
}

static uint64_t time_now(const struct clock *clock)
{
    int64_t now = clock_wall_ms(clock);

    return now > 0 ? (uint64_t)now & TIME_MAX : 0;
}

/* The time with a counter that starts at `seed` in each new millisecond; in the same one, or an
 * earlier one because the clock was set back, the number after the last. */
static uint64_t next_number(struct id_source *source, uint64_t time_ms, uint64_t seed)
{
    uint64_t last = atomic_load_explicit(&source->last, memory_order_relaxed);
    uint64_t next;

    do
        next = time_ms > last >> COUNTER_BITS ? time_ms << COUNTER_BITS | seed : last + 1;
    while (!atomic_compare_exchange_weak_explicit(&source->last, &last, next, memory_order_relaxed,
                                                  memory_order_relaxed));
    return next;
}

/* Lays the number over the first bytes: 48 bits, the version, 12 bits, the variant, 4 bits. What
 * comes after stays as it is. */
static void put_number(unsigned char uuid[UUID_BYTES], uint64_t number)
{
    for (int i = 0; i < 6; i++)
        uuid[i] = (unsigned char)(number >> (56 - 8 * i));
    uuid[6] = (unsigned char)(0x70 | (number >> 12 & 0x0f)); /* version 7 */
    uuid[7] = (unsigned char)(number >> 4);
    uuid[8] = (unsigned char)(0x80 | (number & 0x0f) << 2 | (uuid[8] & 0x03)); /* variant 10 */
}

static void write_text(const unsigned char uuid[UUID_BYTES], char out[ID_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    char *end = out;

    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *end++ = '-';
        *end++ = hex[uuid[i] >> 4];
        *end++ = hex[uuid[i] & 0x0f];
    }
    *end = '\0';
}

void id_make(struct id_source *source, char out[ID_BYTES])
{
    unsigned char uuid[UUID_BYTES];

    random_fill(source->random, uuid, sizeof(uuid));
    uint64_t seed = ((uint64_t)uuid[0] << 8 | uuid[1]) & COUNTER_SEED_MAX;
    put_number(uuid, next_number(source, time_now(source->clock), seed));
    write_text(uuid, out);
}

bool foreign_id_is_valid(const char *text)
{
    size_t length = strnlen(text, FOREIGN_ID_MAX_BYTES + 1);

    return length >= 1 && length <= FOREIGN_ID_MAX_BYTES && utf8_is_valid(text, length) &&
           !utf8_has_control(text);
}
