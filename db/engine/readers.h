/*
 * The connections that queries run on: a few, opened when they are needed and kept. Any thread.
 */
#ifndef MESSAGERIE_DB_ENGINE_READERS_H
#define MESSAGERIE_DB_ENGINE_READERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "db/engine/driver.h"

struct readers;

struct reader {
    struct connection *connection;
    uint64_t generation; /* of the database that it was opened on */
    struct reader *next; /* of those that are idle */
};

/* At most `limit` connections. Borrows `store`. NULL without memory. */
struct readers *readers_create(struct store *store, int64_t limit);

/* Closes them all: none is taken. Accepts NULL. */
void readers_free(struct readers *readers);

/* The writer has opened the database, for the first time or anew: those that were opened before are
 * used no longer. */
void readers_renew(struct readers *readers);

/* Whether the writer has ever opened it: before, it may lack its schema, or be missing. */
bool readers_may_begin(struct readers *readers);

/* Waits for one that is idle, or opens one. NULL with *error. */
struct reader *readers_take(struct readers *readers, struct error *error);

void readers_give_back(struct readers *readers, struct reader *reader);

#endif
