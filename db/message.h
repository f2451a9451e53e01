/*
 * Messages. They have a position in their conversation that never changes, also not when others
 * are deleted; pages, totals and cursors are exact after deletions (db/position.h). Checks, events
 * and counters as in db/conversation.h.
 */
#ifndef MESSAGERIE_DB_MESSAGE_H
#define MESSAGERIE_DB_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/id.h"
#include "common/token.h"
#include "db/engine/operation.h"
#include "db/input.h"

/* Operation over struct message_create. ERROR_FORBIDDEN for a caller whose role is no salon's and
 * no client's. */
struct message_create {
    const char *conversation_id;
    struct caller caller;
    const struct message_input *input;
    const struct config *config; /* says which roles are a client's or a salon's */
    bool recipient_is_present;   /* a socket of theirs is in the room: inserted already read */
    struct buffer *json;         /* result: the Message */
    bool existed;                /* result: a retry; *json is the first one, nothing was written */
};
DATABASE_OPERATION(message_create, struct message_create);

/* Query over struct message_page: a page, newest first. When messages in it are unread for the
 * caller and `may_mark` is set, it fills only needs_marking and the positions; the caller then
 * runs message_mark_page and asks again without may_mark. */
struct message_page {
    const char *conversation_id;
    struct caller caller;
    int64_t page;   /* from 1; not used with `before` */
    int64_t limit;  /* 1 to PAGE_LIMIT_MAX */
    int64_t before; /* 0, or a nextCursor: only messages before it */
    bool may_mark;
    bool needs_marking;                       /* result */
    int64_t newest_position, oldest_position; /* result, of the page */
    struct buffer *json;                      /* result: the page object */
};
DATABASE_QUERY(message_page, struct message_page);

/* Operation over struct message_page: marks the messages from oldest_position to newest_position
 * read for the caller. */
DATABASE_OPERATION(message_mark_page, struct message_page);

/* Operations over struct message_reference. An unknown id is ERROR_NOT_FOUND. */
struct message_reference {
    const char *message_id;
    struct caller caller;
    struct buffer *json; /* result of message_mark_read: the Message */
    bool marked;         /* result of message_mark_read: it had not been read */
    bool is_unread;      /* results of message_show */
    int64_t position;
    char conversation_id[ID_BYTES];
};
/* For the author it changes nothing. */
DATABASE_OPERATION(message_mark_read, struct message_reference);
/* Query over the same: reads it, and whether message_mark_read would have something to do. */
DATABASE_QUERY(message_show, struct message_reference);
/* The author's alone; of SYSTEM messages nobody's. */
DATABASE_OPERATION(message_delete, struct message_reference);

#endif
