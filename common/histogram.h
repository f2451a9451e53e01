/*
 * How long things take, counted by size. Threads, and processes that share the memory, may count at
 * the same time; who reads meanwhile may find the parts of one observation not all there yet.
 */
#ifndef MESSAGERIE_COMMON_HISTOGRAM_H
#define MESSAGERIE_COMMON_HISTOGRAM_H

#include <stdint.h>

/* Upper bounds of the buckets, in milliseconds; one more bucket is for what is above. */
#define HISTOGRAM_BOUNDS                                                                           \
    {                                                                                              \
        1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500                                             \
    }
#define HISTOGRAM_BUCKETS 12

/* All zero is one that has seen nothing. */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t sum_ms;
};

void histogram_observe(struct histogram *histogram, int64_t milliseconds);

/* The upper bound of a bucket but the last one, in seconds. */
double histogram_bound_s(int bucket);

#endif
