/*
 * SQLite's own checks of its file. For db/sqlite/ alone; it is a part of struct driver
 * (db/engine/driver.h).
 */
#ifndef MESSAGERIE_DB_SQLITE_INTEGRITY_H
#define MESSAGERIE_DB_SQLITE_INTEGRITY_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"
#include "db/engine/driver.h"

/* Appends a line for what is wrong with pages, indexes and references. */
bool sqlite_check(struct connection *connection, struct buffer *findings, struct error *error);

#endif
