/*
 * The database, as all other folders know it: what is kept in db/engine/ is handed on from here,
 * the operations and queries are in the headers beside this one.
 */
#ifndef MESSAGERIE_DB_DATABASE_H
#define MESSAGERIE_DB_DATABASE_H

#include "common/config.h"
#include "db/engine/database.h"
#include "db/engine/outbox_reader.h"

/* The database in which the options say it is (db/engine/database.h); the driver is chosen here. */
struct database *database_create(const struct database_options *options,
                                 const struct services *services, struct error *error);

/* What the configuration says, with nobody told of commits. */
struct database_options database_options_from(const struct config *config);

/* Takes over what a configuration may change while the database is in use. Any thread. */
void database_use_config(struct database *database, const struct config *config);

#endif
