/*
 * Texts without the names of somebody who is being erased (db/erasure.h), for who reads meanwhile,
 * too. For db/ alone.
 */
#ifndef MESSAGERIE_DB_ERASURE_TEXT_H
#define MESSAGERIE_DB_ERASURE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"
#include "db/engine/driver.h"

/* What stands where a name stood. */
#define ERASED_TEXT "[effacé]"

/* Appends the text without the names, each of which ends with a NUL. True when there was one in it.
 */
bool erasure_append_without(const struct buffer *names, const char *text, struct buffer *out);

/* Appends the text without the names of those of the two who are being erased. */
bool erasure_read_text(struct connection *connection, const char *salon_id,
                       const char *client_user_id, const char *text, struct buffer *out,
                       struct error *error);

/* The same in place, for the subject of a conversation of the two. */
bool erasure_clean_subject(struct connection *connection, const char *salon_id,
                           const char *client_user_id, char *subject, size_t size,
                           struct error *error);

/* Whether that person is being erased. */
bool erasure_is_under_way(struct connection *connection, const char *user_id, bool *is_under_way,
                          struct error *error);

#endif
