/*
 * Time in messages: each carries when it was due to be sent, so that whoever receives it, in
 * whatever protocol, knows how long it took. As the clock is the machine's, it may be another
 * process.
 */
#ifndef MESSAGERIE_BENCH_STAMP_H
#define MESSAGERIE_BENCH_STAMP_H

#include <stddef.h>
#include <stdint.h>

/* "#T=", 19 digits, "#"; without NUL. */
#define STAMP_BYTES 23

/* Monotonic nanoseconds. */
int64_t now_ns(void);

/* Says why on stderr, with errno's text, and ends the program. */
_Noreturn void die(const char *what);

/* calloc that ends the program without memory. */
void *allocate(size_t count, size_t size);

/* Writes STAMP_BYTES. */
void stamp_write(char *out, int64_t time_ns);

/* Calls `found` with each stamp in text[0..length). */
void stamp_find(const char *text, size_t length, void (*found)(void *owner, int64_t time_ns),
                void *owner);

/* How long things took. All zero is empty. */
struct latencies {
    uint32_t *microseconds;
    size_t count;
    size_t capacity;
};

void latencies_add(struct latencies *latencies, int64_t nanoseconds);

/* Prints `"NAME":{"count":…,"p50":…,"p99":…,"p999":…,"max":…}`, in milliseconds, and empties it. */
void latencies_print(struct latencies *latencies, const char *name);

void latencies_free(struct latencies *latencies);

#endif
