/*
 * What the administration tool does with a database as a whole. Blocks; any thread.
 */
#ifndef MESSAGERIE_DB_MAINTENANCE_H
#define MESSAGERIE_DB_MAINTENANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "db/engine/operation.h"

/* Query over struct database_totals: rows of each table, outbox range, schema version. */
struct database_totals {
    int64_t schema_version;
    int64_t users;
    int64_t conversations;
    int64_t messages;
    int64_t attachments;
    int64_t unread;
    int64_t outbox_rows;
    int64_t outbox_first_seq; /* 0 when empty */
    int64_t outbox_last_seq;
};
DATABASE_QUERY(database_totals, struct database_totals);

/* The schema version that database_prepare brings a database to. */
int64_t database_newest_version(void);

/* Whether something is left to be done behind (db/deletion.h). False for a database of an earlier
 * version, which has no such thing, and is not brought up to date by being asked. */
bool database_has_chores(const char *path, bool *has_chores, struct error *error);

/* Copies the database at `path`, while it is being written to, into the new file `target` (which
 * must not exist), consistent, complete, and for nobody else to read. On failure the target is
 * removed and error.detail tells why. */
bool database_backup(const char *path, const char *target, struct error *error);

/* Puts the backup `source` in the place of the database at `path`, with a time line of its own;
 * what was there stays beside it, as PATH.before-restore. All or nothing. False with error.detail,
 * when programs use the database, or the file is no backup of ours. */
bool database_restore(const char *path, const char *source, struct error *error);

/* Checks the database at `path` without changing it: the schema's version, what the driver finds
 * wrong with how it is kept, and every counter against a recount. Appends a line for each finding;
 * false with error.detail when it could not be checked at all. */
bool database_verify(const char *path, struct buffer *findings, struct error *error);

#endif
