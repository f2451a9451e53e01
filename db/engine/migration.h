/*
 * Brings the schema of a database up to date (db/engine/schema.h).
 */
#ifndef MESSAGERIE_DB_ENGINE_MIGRATION_H
#define MESSAGERIE_DB_ENGINE_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/services.h"
#include "db/engine/driver.h"

/* Reads the schema version of the database: 0 for an empty one. */
bool migration_read_version(struct connection *connection, int64_t *version, struct error *error);

/* Whether something is missing. A version newer than ours is refused: ERROR_UNAVAILABLE, with the
 * reason as detail. */
bool migration_is_needed(struct connection *connection, bool *is_needed, struct error *error);

/* Runs what is missing, through a connection for writing that has the driver's lock, in one
 * transaction. */
bool migration_run(struct connection *connection, const struct services *services,
                   struct error *error);

#endif
