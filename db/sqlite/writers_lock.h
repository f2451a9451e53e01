/*
 * The lock file beside the database on which the writers of all processes queue, first come first
 * served (open file description locks, fcntl(2)): whoever has it is the only one to write. A
 * process that dies gives it back.
 *
 * A descriptor is a place in the queue of its own, also within one process.
 */
#ifndef MESSAGERIE_DB_SQLITE_WRITERS_LOCK_H
#define MESSAGERIE_DB_SQLITE_WRITERS_LOCK_H

#include <stdbool.h>

#include "common/error.h"

/* Behind the database's name. */
#define WRITERS_LOCK_SUFFIX ".lock"

/* A descriptor of the file, which is made if need be; closing it gives back the lock. -1 with
 * *error, ERROR_UNAVAILABLE. */
int writers_lock_open(const char *path, struct error *error);

/* Waits for it. False with *error, ERROR_UNAVAILABLE. */
bool writers_lock_take(int descriptor, struct error *error);

void writers_lock_give_back(int descriptor);

/* A second lock in the same file, for the one who copies the write-ahead log: false when somebody
 * else has it. Independent of the first. */
bool writers_lock_try_checkpoint(int descriptor);

void writers_lock_end_checkpoint(int descriptor);

/* A third one: the database is in use, by as many as like, until the descriptor is closed; or by
 * one alone. False when that can't be: another one is alone, or somebody uses it. */
bool writers_lock_try_use(int descriptor);
bool writers_lock_try_alone(int descriptor);

#endif
