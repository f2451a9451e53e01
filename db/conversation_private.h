/*
 * The half of db/conversation.h that is for db/ alone.
 */
#ifndef MESSAGERIE_DB_CONVERSATION_PRIVATE_H
#define MESSAGERIE_DB_CONVERSATION_PRIVATE_H

#include "common/id.h"
#include "common/json_writer.h"
#include "db/conversation.h"
#include "db/engine/statement.h"
#include "db/engine/transaction.h"

/* A row of conversations. Whoever changes the row changes this too, so that it stays true. */
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
    int64_t last_message_seq; /* orders what is of one millisecond (db/engine/schema.c) */
};

/* ERROR_NOT_FOUND when there is none. */
bool conversation_load(struct connection *connection, const char *id,
                       struct conversation *conversation, struct error *error);

/* conversation_load, and ERROR_FORBIDDEN when the caller is not in it. */
bool conversation_load_for(struct connection *connection, const char *id,
                           const struct caller *caller, struct conversation *conversation,
                           struct error *error);

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
bool conversation_insert(struct transaction *transaction, const struct conversation_new *fresh,
                         struct conversation *conversation, struct error *error);

/* Stores a SYSTEM message of the salon. */
bool conversation_insert_system_message(struct transaction *transaction,
                                        struct conversation *conversation, const char *content,
                                        struct error *error);

/* Writes the Conversation as `caller` is shown it. `last_message_id` (may be NULL) gets the id of
 * the message whose text is in it, empty when there is none. */
bool conversation_write(struct connection *connection, struct json_writer *writer,
                        const struct conversation *conversation, const struct caller *caller,
                        char last_message_id[ID_BYTES], struct error *error);

/* Appends the event (conversation-created or -updated) for each participant. */
bool conversation_announce(struct transaction *transaction, const char *name,
                           const struct conversation *conversation, struct error *error);

/* What one participant's count of unread messages changes by. */
struct unread_change {
    const char *user_id;
    int64_t difference;
};

/* Stores status, subject, counts and times of *conversation, also in its participants' rows (with
 * the change, if not NULL; the user's total is the caller's business) and in their numbers of
 * conversations, if the status is another than `previous_status`. */
bool conversation_store(struct transaction *transaction, const struct conversation *conversation,
                        enum conversation_status previous_status,
                        const struct unread_change *unread, struct error *error);

/* Adds to what the participant has not read, in the conversation and in all; *total (may be NULL)
 * is the new unread total of the user. */
bool conversation_add_unread(struct transaction *transaction,
                             const struct conversation *conversation, const char *user_id,
                             int64_t difference, int64_t *total, struct error *error);

/* What the participant has not read in it: how many messages, and (`from`, may be NULL) a position
 * before which there is none of them. */
bool conversation_unread(struct connection *connection, const struct conversation *conversation,
                         const char *user_id, int64_t *unread, int64_t *from, struct error *error);

/* Appends unread-count-updated for the user. */
bool announce_unread_total(struct transaction *transaction, const char *user_id, int64_t total,
                           struct error *error);

/* Appends conversation-unread-updated for the user. */
bool announce_conversation_unread(struct transaction *transaction,
                                  const struct conversation *conversation, const char *user_id,
                                  int64_t unread, struct error *error);

#endif
