/*
 * A copy of the whole database, consistent, taken while others write. For db/sqlite/ alone; it is
 * a part of struct driver (db/engine/driver.h).
 */
#ifndef MESSAGERIE_DB_SQLITE_BACKUP_H
#define MESSAGERIE_DB_SQLITE_BACKUP_H

#include <stdbool.h>

#include "common/error.h"
#include "db/engine/driver.h"

/* Copies it, by a connection for writing, into the new file `target` (which must not exist), mode
 * 0600. On failure the target is removed and error.detail tells why. */
bool sqlite_backup(struct connection *connection, const char *target, struct error *error);

#endif
