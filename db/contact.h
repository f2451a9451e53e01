/*
 * Who may hear of whom: people who share a conversation, and what a participant is called there.
 * Any thread.
 */
#ifndef MESSAGERIE_DB_CONTACT_H
#define MESSAGERIE_DB_CONTACT_H

#include "common/buffer.h"
#include "common/token.h"
#include "db/engine/operation.h"

/* Query over struct contact_list: the ids of everybody who shares a conversation with the user,
 * once for each conversation that they share. */
struct contact_list {
    const char *user_id;
    struct buffer *ids; /* result: NUL-terminated texts one after the other */
};
DATABASE_QUERY(contact_list, struct contact_list);

/* What somebody without a name is called. */
#define NAMELESS_PERSON "Utilisateur"

/* Appends what a person is called, without a NUL: the salon's name, else first and last name, else
 * NAMELESS_PERSON. For db/ alone. */
bool contact_append_name(struct connection *connection, const char *user_id, struct buffer *name,
                         struct error *error);

/* Query over struct typing_name: what the caller, who must take part in the conversation
 * (ERROR_NOT_FOUND, ERROR_FORBIDDEN), is called when typing. */
struct typing_name {
    const char *conversation_id;
    struct caller caller;
    struct buffer *name; /* result: bytes of UTF-8 */
};
DATABASE_QUERY(typing_name, struct typing_name);

#endif
