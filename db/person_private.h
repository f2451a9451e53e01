/*
 * The half of db/person.h that is for db/ alone.
 */
#ifndef MESSAGERIE_DB_PERSON_PRIVATE_H
#define MESSAGERIE_DB_PERSON_PRIVATE_H

#include "common/json_writer.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"
#include "db/person.h"

/* Which fields the booking back-end has set: the bits of users.booked_fields. */
enum person_field {
    PERSON_ROLE = 1,
    PERSON_FIRST_NAME = 2,
    PERSON_LAST_NAME = 4,
    PERSON_SALON_NAME = 8,
    PERSON_IMAGE = 16,
    PERSON_EMAIL = 32,
};

/* Who is shown a person: with the e-mail address, without, or as the sender of a message. */
enum person_view { PERSON_WITH_EMAIL, PERSON_WITHOUT_EMAIL };

/* Writes the value {id, firstName?, …, role}. A person without a row is shown with the id and an
 * empty role. */
bool person_write(struct connection *connection, struct json_writer *writer, const char *user_id,
                  enum person_view view, struct error *error);

/* Appends what a person is called: the salon's name, else first and last name, else nothing. */
bool person_append_name(struct connection *connection, const char *user_id, struct buffer *name,
                        struct error *error);

/* Whether both share an appointment, whichever of them is the salon. */
bool people_share_appointment(struct connection *connection, const char *one, const char *other,
                              bool *share, struct error *error);

/* The role of a person who is there: ERROR_NOT_FOUND with `missing` as text when unknown or
 * erased. */
bool person_role(struct connection *connection, const char *user_id, const char *missing,
                 char role[TOKEN_ROLE_BYTES], struct error *error);

/* Like person_set, within another operation; `default_role` is for a person who is new and given
 * none, NULL makes that an error. */
bool person_take(struct transaction *transaction, const char *user_id,
                 const struct person_input *fields, const char *default_role, struct error *error);

/* Appends the first name, nothing when there is none. */
bool person_append_first_name(struct connection *connection, const char *user_id,
                              struct buffer *name, struct error *error);

/* Remembers the names that the row has now in person_names, where erasing finds those that our
 * texts have used. Every change of a row does so by itself. */
bool person_keep_names(struct transaction *transaction, const char *user_id, struct error *error);

/* Makes a row with nothing but the role, if there is none. */
bool person_ensure(struct transaction *transaction, const char *user_id, const char *role,
                   struct error *error);

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
