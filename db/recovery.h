/*
 * What the broker must still know about its sockets after it was killed: for each `pid` of
 * Socket.IO's connection state recovery the user, the rooms, and whether it was connected.
 *
 * A session that is not connected is forgotten after the time that events are kept, a few at a
 * time, SESSION_PRUNE_ROWS, whenever one is opened.
 */
#ifndef MESSAGERIE_DB_RECOVERY_H
#define MESSAGERIE_DB_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/token.h"
#include "db/contact.h"
#include "db/engine/database.h"
#include "db/engine/outbox_reader.h"

/* Longest pid and sid, in bytes without NUL. */
#define SESSION_ID_MAX_BYTES 63
#define SESSION_PRUNE_ROWS   8

/* Most events that a client which comes back may have missed. */
#define RECOVERY_EVENTS_MAX 1000
/* Most messages of the history that a joining socket gets. */
#define HISTORY_MESSAGES 50

/* Query over struct session_recover: may the session go on where it was? It may when it is the
 * user's, all its rooms are still theirs and were shown before `offset`, nothing after `offset`
 * was pruned, and no more than RECOVERY_EVENTS_MAX events were missed. Nor may finding them take
 * more than FEED_LOOKS_MAX looks: someone with 10 rooms may have missed 190,000 events of others.
 */
struct session_recover {
    const char *pid;
    const char *user_id;
    int64_t offset;
    bool recovered;                     /* result; the rest only when it is set */
    char sid[SESSION_ID_MAX_BYTES + 1]; /* result */
    int64_t newest;                     /* result: of the outbox, at the same moment */
    int64_t missed;                     /* result: number of events */
    struct buffer audiences;            /* result: for struct feed_missed; the user's comes first */
};
DATABASE_QUERY(session_recover, struct session_recover);

/* Operation over struct session_open: a socket has connected, for the first time or again. Reads
 * what it has to be told, then remembers the session and writes what the token says into the
 * directory. */
struct session_open {
    struct session_recover *recover; /* the session to go on with; NULL: none */
    const char *pid;                 /* of the one that begins when there is none, or it cannot */
    const char *sid;
    const struct token_claims *claims;
    const char *default_role;     /* see struct person_claims */
    struct unread_state unread;   /* results, in one picture of the database */
    struct contact_list contacts; /* its `ids` is the caller's, and empty */
};
DATABASE_OPERATION(session_open, struct session_open);

/* Query over the same: reads the results alone, for a socket whose session could not be stored. */
DATABASE_QUERY(session_visit, struct session_open);

/* Operations over struct session_reference. */
struct session_reference {
    const char *pid;
};
/* Its connection is gone: it may come back. */
DATABASE_OPERATION(session_suspend, struct session_reference);
/* It said good-bye. */
DATABASE_OPERATION(session_close, struct session_reference);

/* Operation over struct session_room: the room is gone. */
struct session_room {
    const char *pid;
    const char *conversation_id;
};
DATABASE_OPERATION(session_forget_room, struct session_room);

/* Operation over struct session_abandon, when a broker starts: no session of the last one is
 * connected any more. */
struct session_abandon {
    int64_t before_ms;       /* of this one are those that have changed since */
    struct buffer *user_ids; /* result: of those that were, NUL-terminated one after the other */
};
DATABASE_OPERATION(session_abandon, struct session_abandon);

/* Operation over struct conversation_join: marks the whole conversation read for the caller, then
 * reads what the joining socket is shown, and remembers the room for the session. */
struct conversation_join {
    const char *conversation_id;
    struct caller caller;
    const char *pid;     /* NULL: remembers nothing */
    struct buffer *json; /* result: {conversationId, messages}, the newest HISTORY_MESSAGES, newest
                            first */
    int64_t newest;      /* result: of the outbox, at the same moment */
};
DATABASE_OPERATION(conversation_join, struct conversation_join);

/* Operation over struct conversation_leave: marks the whole conversation read for the caller and
 * forgets the room. */
struct conversation_leave {
    const char *conversation_id;
    struct caller caller;
    const char *pid; /* NULL: forgets nothing */
    bool marked;     /* result: something had not been read */
};
DATABASE_OPERATION(conversation_leave, struct conversation_leave);

#endif
