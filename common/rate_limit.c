#include "common/rate_limit.h"

/* An allowance counts in thousandths of an event: so many come in each millisecond as events are
 * allowed in a second, and nothing is rounded. */
#define PER_EVENT 1000

void rate_limit_init(struct rate_limit *limit, int64_t now_ms, int64_t burst)
{
    limit->filled_at_ms = now_ms;
    limit->allowance = (uint32_t)(burst * PER_EVENT);
}

static void fill(struct rate_limit *limit, int64_t now_ms, int64_t burst, int64_t per_second)
{
    int64_t full = burst * PER_EVENT;
    int64_t waited_ms = now_ms - limit->filled_at_ms;

    if (waited_ms < 0)
        return;
    /* Asked first, because after a long time the product would not fit. */
    if (waited_ms > full / per_second)
        limit->allowance = (uint32_t)full;
    else
        limit->allowance += (uint32_t)(waited_ms * per_second);
    if (limit->allowance > (uint32_t)full)
        limit->allowance = (uint32_t)full;
    limit->filled_at_ms = now_ms;
}

bool rate_limit_take(struct rate_limit *limit, int64_t now_ms, int64_t burst, int64_t per_second,
                     int64_t *retry_after_s)
{
    fill(limit, now_ms, burst, per_second);
    if (limit->allowance >= PER_EVENT) {
        limit->allowance -= PER_EVENT;
        return true;
    }
    int64_t missing = PER_EVENT - (int64_t)limit->allowance;
    int64_t in_a_second = per_second * PER_EVENT;
    *retry_after_s = (missing + in_a_second - 1) / in_a_second;
    return false;
}

int64_t rate_limit_left(struct rate_limit *limit, int64_t now_ms, int64_t burst, int64_t per_second)
{
    fill(limit, now_ms, burst, per_second);
    return limit->allowance;
}
