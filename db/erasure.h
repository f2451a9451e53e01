/*
 * Erasing a person from texts that are not theirs alone: their names in SYSTEM messages and
 * subjects, the names of files that they sent, what the outbox holds of their conversations. Of
 * somebody with few conversations that is done with the commit that erases them; else the rest goes
 * behind, a slice at a time (db/slice.h, db/deletion.h), and whoever reads meanwhile reads as if it
 * were done (db/erasure_text.h).
 *
 * For db/ alone.
 */
#ifndef MESSAGERIE_DB_ERASURE_H
#define MESSAGERIE_DB_ERASURE_H

#include <stdbool.h>

#include "common/error.h"
#include "db/slice.h"

/* Begins it for somebody whose row was emptied, and whose names are among those that they had, and
 * does what there is room for. */
bool erasure_begin(struct transaction *transaction, const char *user_id, struct error *error);

/* What there is room for of what was begun. *has_more: there is, or may be, more to do. */
bool erasure_go_on(struct slice *slice, bool *has_more, struct error *error);

#endif
