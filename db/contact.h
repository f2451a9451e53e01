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

/* Query over struct typing_name: what the caller, who must take part in the conversation
 * (ERROR_NOT_FOUND, ERROR_FORBIDDEN), is called when typing: the salon's name, else first and last
 * name, else NAMELESS_PERSON. */
#define NAMELESS_PERSON "Utilisateur"
struct typing_name {
    const char *conversation_id;
    struct caller caller;
    struct buffer *name; /* result: bytes of UTF-8 */
};
DATABASE_QUERY(typing_name, struct typing_name);

#endif
