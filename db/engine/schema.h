/*
 * The schema, as ordered migrations. Each runs in one transaction, once, and is never edited after
 * it was released; what a later version needs comes in a migration of its own.
 *
 * The tables, and what is kept equal to what (a recount of each is in db/maintenance.c):
 *   users                 a person; unread_total = sum of its participants.unread_count, and the
 *                         numbers of its conversations by status
 *   appointments          what the booking back-end told us
 *   conversations         message_count = its messages; last_position = the highest position ever
 *   participants          a user in a conversation, laid out for the list of conversations
 *   messages              clustered by (conversation, position): a page is one range
 *   attachments           clustered likewise
 *   message_holes         deleted messages per block of positions, see db/position.h
 *   outbox                the events, seq without a gap
 *   sessions              the broker's sockets, connected or not, and
 *   session_rooms         the conversations that each has joined
 */
#ifndef MESSAGERIE_DB_ENGINE_SCHEMA_H
#define MESSAGERIE_DB_ENGINE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/services.h"
#include "db/engine/driver.h"

/* Events are indexed by audience within epochs of so many events, so that what a commit adds to the
 * index lies together instead of in a page for each audience. Who looks for an audience's events
 * looks once in each epoch. */
#define OUTBOX_EPOCH_EVENTS 512

/* What deletions are counted by (db/position.h): blocks of so many positions, blocks of so many
 * such blocks, and so on for so many levels. */
#define POSITION_BLOCK  64
#define POSITION_LEVELS 3

/* The newest schema version that this program knows. */
extern const int64_t schema_version_newest;

/* Reads the schema version of the file: 0 for an empty one. */
bool schema_version_read(struct connection *connection, int64_t *version, struct error *error);

/* Brings the schema up to date through a write connection. The caller holds the writers' lock.
 * A version newer than ours is refused: ERROR_UNAVAILABLE, with the reason as detail. */
bool schema_migrate(struct connection *connection, const struct services *services,
                    struct error *error);

#endif
