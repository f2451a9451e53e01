/*
 * What the broker must still know about its sockets after it was killed, or after they were away:
 * for each `pid` of Socket.IO's connection state recovery the user, the rooms, and whether it is
 * connected. Such a row, of the table `sessions`, is called a recovery here.
 *
 * One that is not connected is forgotten after the time that events are kept, a few at a time,
 * RECOVERY_PRUNE_ROWS, whenever one is opened; and so are, at once, a user's oldest ones beyond
 * recovery_open.max_away.
 */
#ifndef MESSAGERIE_DB_RECOVERY_H
#define MESSAGERIE_DB_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/token.h"
#include "db/contact.h"
#include "db/engine/operation.h"
#include "db/person.h"

/* Longest pid and sid, in bytes without NUL. */
#define RECOVERY_ID_MAX_BYTES 63
#define RECOVERY_PRUNE_ROWS   8
/* Of a user's that are too many, at once. */
#define RECOVERY_EXCESS_ROWS 1000

/* Most events that a client which comes back may have missed. */
#define RECOVERY_EVENTS_MAX 1000

/* Query over struct recovery_resume: may the socket go on where it was? It may when its offset is
 * of the database's time line (db/engine/outbox_reader.h), it is the user's, all its rooms are
 * still theirs and were shown before `offset`, nothing after `offset` was pruned, and no more than
 * RECOVERY_EVENTS_MAX events were missed. Nor may finding them take more than OUTBOX_LOOKS_MAX
 * looks: someone with 10 rooms may have missed 190,000 events of others.
 */
struct recovery_resume {
    const char *pid;
    const char *user_id;
    const char *timeline; /* that the offset is of */
    int64_t offset;
    bool recovered;                      /* result; the rest only when it is set */
    char sid[RECOVERY_ID_MAX_BYTES + 1]; /* result */
    int64_t newest;                      /* result: of the outbox, at the same moment */
    int64_t missed;                      /* result: number of events */
    struct buffer audiences; /* result: for struct outbox_read_missed; the user's comes first */
};
DATABASE_QUERY(recovery_resume, struct recovery_resume);

/* Operation over struct recovery_open: a socket has connected, for the first time or again. Reads
 * what it has to be told, then remembers it and writes what the token says into the
 * directory. */
struct recovery_open {
    struct recovery_resume *recover; /* the one to go on with; NULL: none */
    const char *pid;                 /* of the one that begins when there is none, or it cannot */
    const char *sid;
    const struct token_claims *claims;
    const char *default_role; /* see struct person_claims */
    int64_t max_away; /* so many of the user's that are not connected are kept, the newest */
    struct unread_state unread;   /* results, in one picture of the database */
    struct contact_list contacts; /* its `ids` is the caller's, and empty */
    struct buffer *name;          /* what others call the user; the caller's, and empty */
};
DATABASE_OPERATION(recovery_open, struct recovery_open);

/* Query over the same: reads the results alone, for a socket whose recovery could not be stored. */
DATABASE_QUERY(recovery_visit, struct recovery_open);

/* Operations over struct recovery_reference. */
struct recovery_reference {
    const char *pid;
};
/* Its connection is gone: it may come back. */
DATABASE_OPERATION(recovery_suspend, struct recovery_reference);
/* It said good-bye. */
DATABASE_OPERATION(recovery_close, struct recovery_reference);

/* Operation over struct recovery_room: the room is gone. */
struct recovery_room {
    const char *pid;
    const char *conversation_id;
};
DATABASE_OPERATION(recovery_forget_room, struct recovery_room);

/* Operation over struct recovery_abandon, when a broker starts: no socket of the last one is
 * connected any more. */
struct recovery_abandon {
    int64_t before_ms;     /* of this one are those that have changed since */
    struct buffer *people; /* result: of those that were, id and name (contact_append_name),
                              NUL-terminated one after the other */
};
DATABASE_OPERATION(recovery_abandon, struct recovery_abandon);

/* Within another operation: the socket has joined the room, and was shown its history when the
 * newest event was `seq`. For db/ alone. */
bool recovery_remember_room(struct transaction *transaction, const struct recovery_room *room,
                            int64_t seq, struct error *error);

#endif
