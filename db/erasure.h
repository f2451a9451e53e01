/*
 * Erasing a person from texts that are not theirs alone: their names in SYSTEM messages and
 * subjects, the names of files that they sent, what the outbox holds of their conversations. Of
 * somebody with few conversations that is done with the commit that erases them; else the rest goes
 * behind, a slice at a time (db/slice.h, db/deletion.h), and whoever reads meanwhile reads as if it
 * were done.
 *
 * For db/ alone.
 */
#ifndef MESSAGERIE_DB_ERASURE_H
#define MESSAGERIE_DB_ERASURE_H

#include <stdbool.h>

#include "common/error.h"
#include "common/json_writer.h"
#include "db/conversation_row.h"
#include "db/slice.h"

/* ---- doing it ------------------------------------------------------------------------------ */

/* Begins it for somebody whose row was emptied, and whose names are among those that they had, and
 * does what there is room for. */
bool erasure_begin(struct transaction *transaction, const char *user_id, struct error *error);

/* What there is room for of what was begun. *has_more: there is, or may be, more to do. */
bool erasure_go_on(struct slice *slice, bool *has_more, struct error *error);

/* ---- reading meanwhile --------------------------------------------------------------------- */

/* Takes the names out of the subject of one in which somebody is being erased. */
bool erasure_clean_subject(struct connection *connection, struct conversation *conversation,
                           struct error *error);

/* Writes the member `content` of a message of that type, without the names. */
bool erasure_write_content(struct connection *connection, struct json_writer *writer,
                           const struct conversation *conversation, const char *type,
                           const char *content, struct error *error);

/* What stands in the place of the names of files that this person sent; NULL: they stay. */
bool erasure_find_file_name(struct connection *connection, const struct conversation *conversation,
                            const char *sender_id, const char **file_name, struct error *error);

#endif
