/*
 * The counters of one REST program, in a file of fixed size, NAME.counters, that its processes map
 * and the broker reads for its /metrics. Nobody waits for anybody: a counter is one atomic addition
 * in memory. They outlive the process, and so count on over its restarts; a program whose routes
 * are others begins anew.
 */
#ifndef MESSAGERIE_COMMON_COUNTERS_H
#define MESSAGERIE_COMMON_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/histogram.h"

/* Of a program, with the one that stands for no route. */
#define COUNTERS_ROUTES_MAX   24
#define COUNTERS_STATUSES_MAX 16
/* With their NULs. */
#define COUNTERS_NAME_BYTES    32
#define COUNTERS_METHOD_BYTES  8
#define COUNTERS_PATTERN_BYTES 64
#define COUNTERS_SUFFIX        ".counters"

/* What is counted: the same as long as the program is. The rest of each text is zero. */
struct counters_layout {
    char version[8]; /* of this struct and the next */
    char program[COUNTERS_NAME_BYTES];
    struct counters_route {
        char method[COUNTERS_METHOD_BYTES];
        char pattern[COUNTERS_PATTERN_BYTES];
    } routes[COUNTERS_ROUTES_MAX];
    int32_t statuses[COUNTERS_STATUSES_MAX]; /* 0 behind the last */
};

struct counters {
    struct counters_layout layout;
    uint64_t requests[COUNTERS_ROUTES_MAX][COUNTERS_STATUSES_MAX];
    struct histogram duration;
    uint64_t origins_refused;
    uint64_t commits, operations, failures; /* of the database */
};

/* Sets version and program of a layout that is all zero. */
void counters_begin_layout(struct counters_layout *layout, const char *program);

/* Maps the program's file in that folder, made if need be. NULL with *error. To be closed with
 * counters_close, which accepts NULL. */
struct counters *counters_open(const char *folder, const struct counters_layout *layout,
                               struct error *error);
void counters_close(struct counters *counters);

/* Counts one request. Any thread. */
void counters_count_request(struct counters *counters, size_t route, int status,
                            int64_t duration_ms);

/* NOLINTNEXTLINE(readability-non-const-parameter): it is added to */
static inline void counters_add(uint64_t *counter, uint64_t number)
{
    __atomic_fetch_add(counter, number, __ATOMIC_RELAXED);
}

/* Copies what is in the file `name` of a folder (a descriptor). False when that is no file of
 * ours; its texts end and are printable. */
bool counters_read(int folder, const char *name, struct counters *out);

#endif
