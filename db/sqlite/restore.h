/*
 * Puts a backup in the place of the database, while nobody uses that. For db/sqlite/ alone; it is a
 * part of struct driver (db/engine/driver.h).
 *
 * The backup is copied into a file beside the database, looked at, and made one of a time line of
 * its own; then that file takes the database's name, by one rename. Until then nothing has changed,
 * however it ends. The database that was there stays beside it as PATH.before-restore.
 */
#ifndef MESSAGERIE_DB_SQLITE_RESTORE_H
#define MESSAGERIE_DB_SQLITE_RESTORE_H

#include <stdbool.h>

#include "common/error.h"
#include "db/engine/driver.h"

#define RESTORE_ASIDE_SUFFIX ".before-restore"

/* False with *error, ERROR_UNAVAILABLE: programs use the database, the file is no backup of ours,
 * of a newer version, or damaged, or there is no room for it. */
bool sqlite_restore(const struct store_options *options, const char *source,
                    const struct driver *driver, struct error *error);

/* In a copy: what is of the moment in which it was made, the sockets that were open. */
bool sqlite_forget_sockets(struct connection *connection, struct error *error);

#endif
