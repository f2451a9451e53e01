/*
 * The schema, as ordered migrations. Each runs in one transaction, once, and is never edited after
 * it was released; what a later version needs comes in a migration of its own.
 *
 * The tables, and what is kept equal to what (a recount of each is in db/maintenance.c):
 *   users                 a person; unread_total = sum of its participants.unread_count, and the
 *                         numbers of its conversations by status
 *   notification_preferences   what a person wants to be told of while away
 *   appointments          what the booking back-end told us
 *   conversations         message_count = its messages; last_position = the highest position ever
 *   participants          a user in a conversation, laid out for the list of conversations
 *   messages              clustered by (conversation, position): a page is one range
 *   attachments           clustered likewise
 *   message_holes         deleted messages per block of positions, see db/position.h
 *   deletions             conversations that nobody sees any more, whose rows go in slices
 *                         (db/deletion.h): these count for nothing
 *   erasures              people whose names still go from texts (db/erasure.h)
 *   search_segments       a thousand documents of the search index (db/search_index.h) each,
 *   search_documents      which message, or conversation, each of them is,
 *   search_blocks         and which words they have
 *   search_pending        what is to be indexed, written by triggers, as are
 *   search_stale          what is to leave the index, and
 *   search_renamed        who is called otherwise
 *   search_backlog        how far what was there before search is pending
 *   outbox                the events, seq without a gap
 *   timeline              a random name, renewed when the database is restored
 *   sessions              the broker's sockets, connected or not, and
 *   session_rooms         the conversations that each has joined
 */
#ifndef MESSAGERIE_DB_ENGINE_SCHEMA_H
#define MESSAGERIE_DB_ENGINE_SCHEMA_H

#include <stdint.h>

#include "db/engine/dialect.h"

/* Events are indexed by audience within epochs of so many events, so that what a commit adds to the
 * index lies together instead of in a page for each audience. Who looks for an audience's events
 * looks once in each epoch. */
#define OUTBOX_EPOCH_EVENTS 512

/* What deletions are counted by (db/position.h): blocks of so many positions, blocks of so many
 * such blocks, and so on for so many levels. */
#define POSITION_BLOCK  64
#define POSITION_LEVELS 3

/* The newest version that this program knows. */
extern const int64_t schema_version_newest;

/* Where the versions are noted that a database has. */
extern const char schema_versions_table[];

/* The statements that bring a database to this version, from 1, from the one before it. */
const char *schema_migration(int64_t version, enum sql_dialect dialect);

#endif
