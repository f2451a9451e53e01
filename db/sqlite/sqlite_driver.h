/*
 * SQLite as a driver of the engine (db/engine/driver.h): one file, its write-ahead log beside it,
 * and a lock file on which the writers of all processes queue.
 */
#ifndef MESSAGERIE_DB_SQLITE_SQLITE_DRIVER_H
#define MESSAGERIE_DB_SQLITE_SQLITE_DRIVER_H

#include "db/engine/driver.h"

/* The path of a store is the file's. */
extern const struct driver sqlite_driver;

#endif
