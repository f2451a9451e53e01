/*
 * What the spool has put aside in DIR/bad/ as it can never be applied: each file has beside it
 * NAME.reason. They are for a person to look at, and hold names and addresses of others; so they
 * go when somebody who is named in them is erased. Of a file of which nobody can tell whom it names
 * (it is no JSON, say) anybody may be meant: it goes when anybody is erased.
 *
 * What was written after the erasure stays.
 */
#ifndef MESSAGERIE_TOOL_SPOOL_ASIDE_H
#define MESSAGERIE_TOOL_SPOOL_ASIDE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "db/database.h"

#define SPOOL_REASON_SUFFIX     ".reason"
#define SPOOL_REASON_NAME_BYTES (NAME_MAX + sizeof(SPOOL_REASON_SUFFIX))

/* The name of the file with the reason, cut where it would be too long. */
void spool_aside_name_reason(const char *name, char reason[SPOOL_REASON_NAME_BYTES]);

/* Looks through the folder, unless nobody was erased since *erased_at, which is kept from one call
 * to the next and is 0 at first. Adds the number of files that are gone, without their reasons, to
 * *removed. False with *error when it has to be done again. */
bool spool_aside_erase(int folder, struct database *database, int64_t *erased_at, int64_t *removed,
                       struct error *error);

#endif
