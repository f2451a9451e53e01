/*
 * How much of something large is done at once, within a transaction that others wait for: a few
 * milliseconds' worth. For db/ alone, on the writer thread.
 */
#ifndef MESSAGERIE_DB_SLICE_H
#define MESSAGERIE_DB_SLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "db/engine/transaction.h"

/* A slice ends after this time, looked at after each step, or after so many steps. A step changes
 * some dozen rows, or reads some hundred. */
#define SLICE_MS    5
#define SLICE_STEPS 16

struct slice {
    struct transaction *transaction;
    int64_t end_ms; /* monotonic */
    int steps;      /* done */
};

static inline struct slice slice_begin(struct transaction *transaction)
{
    return (struct slice){.transaction = transaction,
                          .end_ms = clock_monotonic_ms(transaction->services->clock) + SLICE_MS};
}

/* Before each step: false when it is for another slice. */
static inline bool slice_has_room(const struct slice *slice)
{
    return slice->steps < SLICE_STEPS &&
           clock_monotonic_ms(slice->transaction->services->clock) < slice->end_ms;
}

#endif
