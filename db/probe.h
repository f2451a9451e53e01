/*
 * Whether the database can be used, found out by using it: one row is written and taken away again
 * in one transaction, which has to get to the disk like any other; and one is read.
 */
#ifndef MESSAGERIE_DB_PROBE_H
#define MESSAGERIE_DB_PROBE_H

#include <stdbool.h>

#include "db/engine/operation.h"

/* Over nothing in particular. */
struct probe {
    bool has_rows; /* result of reading, of no meaning */
};
DATABASE_OPERATION(probe_write, struct probe);
DATABASE_QUERY(probe_read, struct probe);

#endif
