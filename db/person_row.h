/*
 * The row of a person in the directory, with its counters. For db/ alone.
 */
#ifndef MESSAGERIE_DB_PERSON_ROW_H
#define MESSAGERIE_DB_PERSON_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/token.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"

/* Columns of SQL_PERSON_FIND; the first are the fields that somebody can say of a person. */
enum {
    PERSON_ROLE,
    PERSON_FIRST_NAME,
    PERSON_LAST_NAME,
    PERSON_SALON_NAME,
    PERSON_IMAGE,
    PERSON_EMAIL,
    PERSON_FIELD_COUNT,
    /* Columns behind the fields. */
    PERSON_BOOKED_FIELDS = PERSON_FIELD_COUNT,
    PERSON_CLAIMS_ISSUED_AT,
    PERSON_ERASED_AT,
};

/* The bit of a field in users.booked_fields: the booking back-end has set it. */
static inline int64_t person_field_bit(int field)
{
    return (int64_t)1 << field;
}

/* Begins SQL_PERSON_FIND: a row, or none. */
struct statement *person_row_begin(struct connection *connection, const char *user_id);

/* A row as it is to be written: what is NULL is stored as NULL. */
struct person_row {
    const char *user_id;
    const char *fields[PERSON_FIELD_COUNT];
    int64_t booked_fields;
    int64_t claims_issued_at;
};
bool person_row_insert(struct transaction *transaction, const struct person_row *row,
                       struct error *error);
bool person_row_update(struct transaction *transaction, const struct person_row *row,
                       struct error *error);

/* Makes a row with nothing but the role, if there is none. */
bool person_ensure(struct transaction *transaction, const char *user_id, const char *role,
                   struct error *error);

/* Remembers the names that the row has now in person_names, where erasing finds those that our
 * texts have used. Every change of a row does so by itself. */
bool person_keep_names(struct transaction *transaction, const char *user_id, struct error *error);

/* The role of a person who is there: ERROR_NOT_FOUND with `missing` as text when unknown or
 * erased. */
bool person_role(struct connection *connection, const char *user_id, const char *missing,
                 char role[TOKEN_ROLE_BYTES], struct error *error);

/* Appends what a person is called: the salon's name, else first and last name, else nothing. */
bool person_append_name(struct connection *connection, const char *user_id, struct buffer *name,
                        struct error *error);

/* Appends the first name, nothing when there is none. */
bool person_append_first_name(struct connection *connection, const char *user_id,
                              struct buffer *name, struct error *error);

/* ---- counters ------------------------------------------------------------------------------ */

/* Adds to the person's unread total; *total (may be NULL) is the new one. */
bool person_add_unread(struct transaction *transaction, const char *user_id, int64_t difference,
                       int64_t *total, struct error *error);

/* Adds to the person's numbers of conversations. */
bool person_add_conversations(struct transaction *transaction, const char *user_id, int64_t active,
                              int64_t archived, struct error *error);

struct person_totals {
    int64_t unread;
    int64_t active;
    int64_t archived;
};

/* All zero for a person without a row. */
bool person_totals(struct connection *connection, const char *user_id, struct person_totals *totals,
                   struct error *error);

#endif
