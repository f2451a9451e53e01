/*
 * The end of a connection. What is queued is still sent, then our side is shut down, and the
 * socket is closed when the peer has closed too: closing with unread input would reset the
 * connection, and the peer might never see the last bytes (a close frame, say). All of it within
 * FAREWELL_MS, after which the socket is closed whatever the peer does.
 *
 * Everything here belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_FAREWELL_H
#define MESSAGERIE_BROKER_TRANSPORT_FAREWELL_H

#include <stddef.h>

#include "broker/transport/loop.h"
#include "broker/transport/output.h"

#define FAREWELL_MS 2000

/* Why we end a connection, for protocols that tell the peer. */
enum farewell_reason {
    FAREWELL_UNSAID,         /* the peer knows, or may not */
    FAREWELL_NORMAL,         /* it has served its purpose */
    FAREWELL_GOING_AWAY,     /* the server goes down */
    FAREWELL_INTERNAL_ERROR, /* we cannot go on with it: no memory, say */
};

struct farewell;

/* The connections that are ending. Its owner sets `loop`, the rest is zero at first. */
struct farewell_set {
    struct loop *loop;
    struct farewell *first;
    size_t count;
};

/* Takes over the descriptor, which nobody may watch any more, and the content of *output, which is
 * empty afterwards. Without memory the socket is closed at once. */
void farewell_start(struct farewell_set *set, int descriptor, struct output *output);

/* Closes all of them now. */
void farewell_abort(struct farewell_set *set);

#endif
