/*
 * Identifiers that we make: UUID version 7 (RFC 9562 section 5.7) in lower-case text. They grow
 * with time, which keeps the indexes over them compact. To clients they are opaque.
 * Any thread.
 */
#ifndef MESSAGERIE_COMMON_ID_H
#define MESSAGERIE_COMMON_ID_H

#include <stdbool.h>

#include "common/clock.h"
#include "common/random.h"

/* Text of a UUID and its NUL. */
#define ID_BYTES 37

/* Longest identifier given by the booking side (userId, appointmentId), in bytes without NUL. */
#define FOREIGN_ID_MAX_BYTES 64

void id_make(const struct clock *clock, const struct random_source *random, char out[ID_BYTES]);

/* Whether text may be an identifier of the booking side: 1 to FOREIGN_ID_MAX_BYTES bytes of UTF-8
 * without control characters. */
bool foreign_id_is_valid(const char *text);

#endif
