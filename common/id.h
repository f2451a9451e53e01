/*
 * Identifiers that we make: UUID version 7 (RFC 9562 section 5.7) in lower-case text. They grow
 * with time, which keeps the indexes over them compact. To clients they are opaque.
 *
 * Each id of one source is greater than those before it, also within a millisecond and after the
 * clock was set back. Nothing is said of two sources: what has to follow the order of commits is
 * ordered by a seq (db/engine/schema.c).
 */
#ifndef MESSAGERIE_COMMON_ID_H
#define MESSAGERIE_COMMON_ID_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/random.h"

/* Text of a UUID and its NUL. */
#define ID_BYTES 37

/* Longest identifier given by the booking side (userId, appointmentId), in bytes without NUL. */
#define FOREIGN_ID_MAX_BYTES 64

/* Where a process takes its ids from; it has one. Borrows clock and randomness. */
struct id_source {
    const struct clock *clock;
    const struct random_source *random;
    _Atomic uint64_t last; /* what the newest id begins with: its time and counter */
};

void id_source_init(struct id_source *source, const struct clock *clock,
                    const struct random_source *random);

/* Any thread, without a lock. */
void id_make(struct id_source *source, char out[ID_BYTES]);

/* Whether text may be an identifier of the booking side: 1 to FOREIGN_ID_MAX_BYTES bytes of UTF-8
 * without control characters. Any thread. */
bool foreign_id_is_valid(const char *text);

#endif
