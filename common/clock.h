/*
 * Time. Nothing else in the project asks the system for it, so that tests can set it.
 *
 * Wall time is UTC in milliseconds since 1970; monotonic time has no epoch and never steps back.
 * Any thread.
 */
#ifndef MESSAGERIE_COMMON_CLOCK_H
#define MESSAGERIE_COMMON_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* "2026-11-24T07:07:46.683Z" and its NUL. */
#define TIMESTAMP_BYTES 25

struct clock {
    int64_t (*wall_ms)(void *context);
    int64_t (*monotonic_ms)(void *context);
    void *context;
};

/* The system's clock. */
extern const struct clock clock_system;

int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_monotonic_ms(const struct clock *clock);

/* For those who wait for another thread, up to a time: the system's monotonic clock so far from
 * now, and a condition variable that goes by it. */
struct timespec clock_deadline(int64_t from_now_ms);
void clock_init_condition(pthread_cond_t *condition);

/* ISO 8601 with milliseconds and Z, for the years 0000 to 9999; a time outside is clamped. */
void timestamp_format(int64_t wall_ms, char out[TIMESTAMP_BYTES]);

/* Reads what timestamp_format writes, and the forms of ISO 8601 in which the libraries of PHP,
 * Java, Python and PostgreSQL write an instant: any number of digits behind the seconds or no
 * seconds, a comma before those digits, a space in the place of the T, an offset as +02:00, +0200
 * or +02, the zone's name in brackets behind it. Without an offset it is no instant. False when the
 * text is none; *wall_ms is then untouched. */
bool timestamp_parse(const char *text, int64_t *wall_ms);

#endif
