/*
 * What an operation works with: the write connection inside an open transaction, and what the
 * commit will publish. For db/ alone; made and ended by database.c, on the writer thread.
 */
#ifndef MESSAGERIE_DB_ENGINE_TRANSACTION_H
#define MESSAGERIE_DB_ENGINE_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/event_batch.h"
#include "common/services.h"
#include "db/engine/driver.h"
#include "db/engine/statement.h"

struct transaction {
    bool is_open; /* between its begin and its commit */
    struct connection *connection;
    const struct services *services;
    int64_t now_ms;   /* wall time at its begin */
    int64_t next_seq; /* of the outbox; nobody else writes meanwhile */
    int64_t outbox_retention_ms;
    int64_t outbox_max_rows;
    bool leaves_chore;         /* see below */
    struct event_batch events; /* to be told of after the commit, in seq order */
};

/* Says that there is something to be done behind (struct database_options, chore). */
static inline void transaction_leaves_chore(struct transaction *transaction)
{
    transaction->leaves_chore = true;
}

/* Says that it deletes, replaces or blanks what somebody wrote or is called: after the commit the
 * driver removes what is left of it (db/engine/driver.h). Said in vain it costs one checkpoint. */
static inline void transaction_erases(struct transaction *transaction)
{
    transaction->connection->has_erased = true;
}

#endif
