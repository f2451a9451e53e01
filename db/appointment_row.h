/*
 * The row of an appointment. For db/ alone.
 */
#ifndef MESSAGERIE_DB_APPOINTMENT_ROW_H
#define MESSAGERIE_DB_APPOINTMENT_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/id.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"
#include "db/input.h"

struct appointment {
    const char *id;
    char salon_id[FOREIGN_ID_MAX_BYTES + 1];
    char client_user_id[FOREIGN_ID_MAX_BYTES + 1];
    char prestation[4 * PRESTATION_MAX_CHARACTERS + 1];
    int64_t start_ms;
    enum appointment_status status;
    int64_t version;                /* -1: none given so far */
    char conversation_id[ID_BYTES]; /* "" when it has been deleted */
};

/* *found tells whether there is one. Borrows `id`. */
bool appointment_row_find(struct connection *connection, const char *id, struct appointment *row,
                          bool *found, struct error *error);

bool appointment_row_insert(struct transaction *transaction, const struct appointment *row,
                            struct error *error);
bool appointment_row_update(struct transaction *transaction, const struct appointment *row,
                            struct error *error);

/* Whether two people share an appointment, whichever of them is the salon. */
bool appointment_is_shared(struct connection *connection, const char *one, const char *other,
                           bool *share, struct error *error);

/* Whether they share one in which they are salon and client. */
bool appointment_is_of(struct connection *connection, const char *salon_id,
                       const char *client_user_id, bool *is_of, struct error *error);

#endif
