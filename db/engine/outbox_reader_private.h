/*
 * The half of db/engine/outbox_reader.h that is for db/ alone.
 */
#ifndef MESSAGERIE_DB_ENGINE_OUTBOX_READER_PRIVATE_H
#define MESSAGERIE_DB_ENGINE_OUTBOX_READER_PRIVATE_H

#include "db/engine/outbox_reader.h"
#include "db/engine/statement.h"

/* The newest seq, 0 in an empty outbox. */
bool outbox_newest(struct connection *connection, int64_t *newest, struct error *error);

/* Whether nothing after `seq` was pruned. */
bool outbox_is_complete_after(struct connection *connection, int64_t seq, int64_t newest,
                              bool *is_complete, struct error *error);

/* Looks into the index: one for each audience and epoch (db/engine/schema.h) of what was missed. */
#define OUTBOX_LOOKS_MAX 4096

/* Counts what outbox_read_missed would find, up to its limit; tells the limit, without counting,
 * when it would take more than OUTBOX_LOOKS_MAX looks. */
bool outbox_count_missed(struct connection *connection, const struct outbox_read_missed *request,
                         int64_t *count, struct error *error);

#endif
