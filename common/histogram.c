#include "common/histogram.h"

static const int64_t bounds_ms[HISTOGRAM_BUCKETS - 1] = HISTOGRAM_BOUNDS;

/* Searched from below: nearly everything is in the first buckets. */
void histogram_observe(struct histogram *histogram, int64_t milliseconds)
{
    int bucket = 0;

    while (bucket < HISTOGRAM_BUCKETS - 1 && milliseconds > bounds_ms[bucket])
        bucket++;
    __atomic_fetch_add(&histogram->counts[bucket], 1, __ATOMIC_RELAXED);
    if (milliseconds > 0)
        __atomic_fetch_add(&histogram->sum_ms, (uint64_t)milliseconds, __ATOMIC_RELAXED);
}

double histogram_bound_s(int bucket)
{
    return (double)bounds_ms[bucket] / 1000;
}
