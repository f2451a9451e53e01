/*
 * Conversations: between one salon and one client, at most one per appointment.
 *
 * Every operation checks inside its transaction that the conversation exists (ERROR_NOT_FOUND) and
 * that the caller takes part (ERROR_FORBIDDEN), writes its events to the outbox, and keeps the
 * counters equal to what a recount would give.
 */
#ifndef MESSAGERIE_DB_CONVERSATION_H
#define MESSAGERIE_DB_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/config.h"
#include "common/token.h"
#include "db/engine/operation.h"
#include "db/input.h"

/* Query over struct conversation_access: does it exist, is the caller in it? For answers that do
 * not get as far as an operation. */
struct conversation_access {
    const char *conversation_id;
    struct caller caller;
    bool is_salon; /* result: the caller is the conversation's salon */
};
DATABASE_QUERY(conversation_access, struct conversation_access);

/* Whether such a caller may open conversations at all, and what is said to those who may not. */
bool conversation_may_open(const struct config *config, enum caller_kind kind);
#define CONVERSATION_OPENING_REFUSED "Seul un salon peut ouvrir une conversation"

/* Operation over struct conversation_create. */
struct conversation_create {
    /* Service, or a salon by the directory; or a client, where the configuration lets it, with a
     * salon of its appointments (else ERROR_NOT_FOUND). Anybody else: ERROR_FORBIDDEN. */
    struct caller caller;
    const struct conversation_input *input;
    const struct config *config; /* says who may, and which roles are a client's or a salon's */
    struct buffer *json;         /* result: the Conversation */
    bool existed;                /* result: the appointment had it already, nothing was written */
};
DATABASE_OPERATION(conversation_create, struct conversation_create);

/* Query over struct conversation_list: a page, newest lastMessageAt first. */
struct conversation_list {
    struct caller caller;
    bool has_status;
    enum conversation_status status;
    int64_t page;        /* from 1 */
    int64_t limit;       /* 1 to PAGE_LIMIT_MAX */
    struct buffer *json; /* result: the page object */
};
DATABASE_QUERY(conversation_list, struct conversation_list);

/* Query over struct conversation_find. */
struct conversation_find {
    const char *conversation_id;
    struct caller caller;
    struct buffer *json;   /* result: the Conversation */
    bool has_unread;       /* result: conversation_mark_read has something to do */
    int64_t last_position; /* result: of its messages */
};
DATABASE_QUERY(conversation_find, struct conversation_find);

/* Operation over struct conversation_update: a status needs the salon (ERROR_FORBIDDEN). */
struct conversation_update {
    const char *conversation_id;
    struct caller caller;
    const struct conversation_change *change;
    struct buffer *json; /* result: the Conversation */
};
DATABASE_OPERATION(conversation_update, struct conversation_update);

/* Operations over struct conversation_reference. The first and the last need the salon. */
struct conversation_reference {
    const char *conversation_id;
    struct caller caller;
    bool marked; /* result of conversation_mark_read: something had not been read */
};
DATABASE_OPERATION(conversation_toggle_archived, struct conversation_reference);
DATABASE_OPERATION(conversation_mark_read, struct conversation_reference);
DATABASE_OPERATION(conversation_delete, struct conversation_reference);

/* Most messages of the history that a joining socket gets. */
#define HISTORY_MESSAGES 50

/* Operation over struct conversation_join: marks the whole conversation read for the caller, then
 * reads what the joining socket is shown, and remembers the room for the socket. */
struct conversation_join {
    const char *conversation_id;
    struct caller caller;
    const char *pid;     /* NULL: remembers nothing */
    struct buffer *json; /* result: {conversationId, messages}, the newest HISTORY_MESSAGES, newest
                            first */
    int64_t newest;      /* result: of the outbox, at the same moment */
    int64_t last_position; /* result: of its messages */
};
DATABASE_OPERATION(conversation_join, struct conversation_join);

/* Query over the same: what can be shown while nothing can be marked, without a room that is
 * remembered; the rest is for db/read_marks.h. */
DATABASE_QUERY(conversation_show, struct conversation_join);

/* Query over struct conversation_unread: what is unread in it. */
struct conversation_unread {
    const char *conversation_id;
    struct caller caller;
    bool has_unread;       /* result */
    int64_t last_position; /* result: of its messages */
};
DATABASE_QUERY(conversation_unread, struct conversation_unread);

/* Operation over struct conversation_leave: marks the whole conversation read for the caller and
 * forgets the room. */
struct conversation_leave {
    const char *conversation_id;
    struct caller caller;
    const char *pid; /* NULL: forgets nothing */
    bool marked;     /* result: something had not been read */
};
DATABASE_OPERATION(conversation_leave, struct conversation_leave);

/* Query over struct unread_summary: what the caller has not read. */
struct unread_summary {
    struct caller caller;
    struct buffer *json;
};
/* {"totalUnread":n} */
DATABASE_QUERY(unread_total, struct unread_summary);
/* An array of at most UNREAD_CONVERSATIONS_MAX, for the salon's side. */
DATABASE_QUERY(unread_conversations, struct unread_summary);
#define UNREAD_CONVERSATIONS_MAX 10

#endif
