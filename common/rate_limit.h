/*
 * How much somebody may do, events or requests: so many a second, and a burst of more after a quiet
 * time (a token bucket, in the field's words; here a token is what a user shows to be let in).
 *
 * No thread, no clock: the caller says what time it is, in monotonic milliseconds. A time before
 * the last one, as two threads may have read it, counts as the last one.
 */
#ifndef MESSAGERIE_COMMON_RATE_LIMIT_H
#define MESSAGERIE_COMMON_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit {
    int64_t filled_at_ms;
    uint32_t allowance; /* thousandths of an event */
};

/* A whole burst may come at once. */
void rate_limit_init(struct rate_limit *limit, int64_t now_ms, int64_t burst);

/* Takes one event; false when there is none left, and *retry_after_s, at least 1, tells when there
 * will be. `burst` and `per_second` are at least 1, and may be others than the last time. */
bool rate_limit_take(struct rate_limit *limit, int64_t now_ms, int64_t burst, int64_t per_second,
                     int64_t *retry_after_s);

/* What is left at that time, in thousandths of an event. */
int64_t rate_limit_left(struct rate_limit *limit, int64_t now_ms, int64_t burst,
                        int64_t per_second);

#endif
