/*
 * Changes that came before their appointment, kept until it comes. For db/ alone.
 */
#ifndef MESSAGERIE_DB_APPOINTMENT_EARLY_H
#define MESSAGERIE_DB_APPOINTMENT_EARLY_H

#include <stdbool.h>

#include "common/error.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"
#include "db/input.h"

/* Changes that are kept for one appointment that is not there yet; more are ERROR_INVALID. */
#define EARLY_CHANGES_MAX 100

/* Keeps a change, unless it is kept already: its version is, or it repeats the last one without. */
bool appointment_early_keep(struct transaction *transaction, const char *appointment_id,
                            const struct appointment_change_input *input, struct error *error);

/* Begins to read those of an appointment, the oldest version first. */
struct statement *appointment_early_begin(struct connection *connection,
                                          const char *appointment_id);

/* The change in the present row. */
struct appointment_change_input appointment_early_read(struct statement *row);

bool appointment_early_forget(struct transaction *transaction, const char *appointment_id,
                              struct error *error);

#endif
