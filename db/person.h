/*
 * The directory of people: a row per user, from the booking back-end and from token claims. Fields
 * that the booking back-end has set win over claims, field by field. We own no accounts.
 */
#ifndef MESSAGERIE_DB_PERSON_H
#define MESSAGERIE_DB_PERSON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/json_writer.h"
#include "common/token.h"
#include "db/engine/operation.h"
#include "db/input.h"

/* Operation over struct person_set: what the booking back-end or an administrator says of a person.
 * Makes or changes the row; a new one needs a role (else ERROR_INVALID). An erased person who is
 * told of again is there again. Writes nothing when nothing changed. */
struct person_set {
    const char *user_id;
    struct person_input fields;
    const char *default_role; /* for a person who is new and given none; NULL makes that an error */
};
DATABASE_OPERATION(person_set, struct person_set);

/* Query over struct person_claims: whether person_take_claims would write something. */
struct person_claims {
    const struct token_claims *claims;
    const char *default_role; /* for a token without role */
    int64_t now_ms;           /* wall time: a token dated later counts as issued now */
    bool must_write;          /* result of the query */
};
DATABASE_QUERY(person_claims_need_write, struct person_claims);

/* Operation over struct person_claims: makes or refreshes the caller's row from its token, if the
 * token is newer than the one taken last. Writes nothing when nothing changed; an erased person
 * is never made again; `service` has no row. */
DATABASE_OPERATION(person_take_claims, struct person_claims);

/* Query over struct person_find: the person as JSON with all fields; ERROR_NOT_FOUND. */
struct person_find {
    const char *user_id;
    struct buffer *json;
};
DATABASE_QUERY(person_find, struct person_find);

/* Query over struct person_kind: the kind of caller by the role that the directory has, which wins
 * over the token's; by the token's where there is no row. */
struct person_kind {
    struct caller caller;
    const struct config *config; /* says which roles are a client's or a salon's */
    enum caller_kind kind;       /* result */
};
DATABASE_QUERY(person_kind, struct person_kind);

/* Query over struct person_list: all people, by id, as a JSON array of what person_find writes. */
struct person_list {
    struct buffer *json;
};
DATABASE_QUERY(person_list, struct person_list);

/* Query over struct unread_state: what a user has not read in all, and at which seq that was. */
struct unread_state {
    const char *user_id;
    int64_t total;  /* result */
    int64_t newest; /* result: of the outbox, at the same moment */
};
DATABASE_QUERY(unread_state, struct unread_state);

/* Query over struct unread_totals: the same of several users, at one moment. */
#define UNREAD_TOTALS_MAX 64
struct unread_totals {
    const struct buffer *user_ids;     /* UNREAD_TOTALS_MAX at most, NUL-terminated one after the
                                          other */
    int64_t totals[UNREAD_TOTALS_MAX]; /* result */
    int64_t newest;                    /* result: of the outbox */
};
DATABASE_QUERY(unread_totals, struct unread_totals);

#endif
