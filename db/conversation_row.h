/*
 * The rows of a conversation: its own, and one for each of its two participants, with their
 * counters. Whoever changes a struct conversation stores it, so that both stay true. For db/ alone.
 */
#ifndef MESSAGERIE_DB_CONVERSATION_ROW_H
#define MESSAGERIE_DB_CONVERSATION_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/id.h"
#include "common/token.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"
#include "db/input.h"

struct conversation {
    char id[ID_BYTES];
    char salon_id[FOREIGN_ID_MAX_BYTES + 1];
    char client_user_id[FOREIGN_ID_MAX_BYTES + 1];
    char appointment_id[FOREIGN_ID_MAX_BYTES + 1]; /* empty: none */
    char subject[4 * SUBJECT_MAX_CHARACTERS + 1];  /* empty: none */
    enum conversation_status status;
    int64_t message_count;
    int64_t last_position;
    int64_t created_at;
    int64_t updated_at;
    int64_t last_message_at;
    bool is_being_erased; /* one of the two, and their names are still in texts (db/erasure_text.h)
                           */
    int64_t last_message_seq; /* orders what is of one millisecond (db/engine/schema.c) */
};

/* A text of the row as others want it: NULL when it is empty, which means none. */
const char *text_or_null(const char *text);

/* ERROR_NOT_FOUND when there is none. */
bool conversation_row_find(struct connection *connection, const char *id,
                           struct conversation *conversation, struct error *error);

/* The same, and ERROR_FORBIDDEN when the caller does not take part. */
bool conversation_row_find_for(struct connection *connection, const char *id,
                               const struct caller *caller, struct conversation *conversation,
                               struct error *error);

/* The same, and conversation_require_salon. */
bool conversation_row_find_for_salon(struct connection *connection, const char *id,
                                     const struct caller *caller, struct conversation *conversation,
                                     struct error *error);

/* ERROR_FORBIDDEN when the caller, who takes part, is not its salon. */
bool conversation_require_salon(const struct conversation *conversation,
                                const struct caller *caller, struct error *error);

bool conversation_is_salon(const struct conversation *conversation, const char *user_id);

/* The other participant. */
const char *conversation_other(const struct conversation *conversation, const char *user_id);

/* Makes the conversation with both its participants and counts it. Fills *conversation. */
struct conversation_new {
    const char *salon_id;
    const char *client_user_id;
    const char *appointment_id; /* or NULL */
    const char *subject;        /* or NULL */
};
bool conversation_row_insert(struct transaction *transaction, const struct conversation_new *fresh,
                             struct conversation *conversation, struct error *error);

/* With all that is in it. What is unread in it is still in the totals of its participants. */
bool conversation_row_delete(struct transaction *transaction,
                             const struct conversation *conversation, struct error *error);

/* Hides it from everybody: its rows are still there (db/deletion.h). */
bool conversation_row_hide(struct transaction *transaction, const struct conversation *conversation,
                           struct error *error);

/* What one participant's count of unread messages changes by. */
struct unread_change {
    const char *user_id;
    int64_t difference;
};

/* Stores status, subject, counts and times of *conversation, also in its participants' rows (with
 * the change, if not NULL; the user's total is the caller's business) and in their numbers of
 * conversations, if the status is another than `previous_status`. */
bool conversation_row_store(struct transaction *transaction,
                            const struct conversation *conversation,
                            enum conversation_status previous_status,
                            const struct unread_change *unread, struct error *error);

/* Gives *conversation, which is then to be stored, the place in the list that it had when the
 * newest message that is there came; without one, when it was made. */
bool conversation_row_return_to_last_message(struct connection *connection,
                                             struct conversation *conversation,
                                             struct error *error);

/* Adds to what the participant has not read, in the conversation and in all; *total (may be NULL)
 * is the new unread total of the user. */
bool conversation_row_add_unread(struct transaction *transaction,
                                 const struct conversation *conversation, const char *user_id,
                                 int64_t difference, int64_t *total, struct error *error);

/* What the participant has not read in it: how many messages, and (`from`, may be NULL) a position
 * before which there is none of them. */
bool conversation_row_unread(struct connection *connection, const struct conversation *conversation,
                             const char *user_id, int64_t *unread, int64_t *from,
                             struct error *error);

#endif
