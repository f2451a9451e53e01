/*
 * A committed event, as it stands in the outbox and travels on the bus.
 *
 * Its audience says whose sockets get it: a room (the sockets that joined a conversation) or a
 * user (all sockets of that user). As text: "c:" and the conversation's id, or "u:" and the
 * user's id. `seq` grows by exactly one per event, in commit order, for the whole installation.
 *
 * On the bus: decimal seq, audience and name, each ended by '\n' (none of them can hold one),
 * then the payload up to the message's end.
 */
#ifndef MESSAGERIE_COMMON_EVENT_H
#define MESSAGERIE_COMMON_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/id.h"

/* Prefix, the longest id and NUL. */
#define EVENT_AUDIENCE_BYTES (2 + FOREIGN_ID_MAX_BYTES + 1)

struct event {
    int64_t seq;
    const char *audience; /* NUL-terminated */
    const char *name;     /* NUL-terminated, e.g. "new-message" */
    const char *payload;  /* JSON object; empty: blanked since, not to be delivered */
    size_t payload_length;
};

void event_audience_room(const char *conversation_id, char out[EVENT_AUDIENCE_BYTES]);
void event_audience_user(const char *user_id, char out[EVENT_AUDIENCE_BYTES]);

/* The id in an audience, borrowed from it; *is_room tells whether it is a room's or a user's. */
const char *event_audience_id(const char *audience, bool *is_room);

/* The bytes that the texts of a copy take. */
size_t event_texts_bytes(const struct event *event);

/* Copies *from into *to; the texts go into `texts`, which has room for event_texts_bytes(from),
 * each ended by NUL. */
void event_copy(const struct event *from, struct event *to, char *texts);

/* Appends the bus form. */
void event_encode(const struct event *event, struct buffer *out);

/* Reads the bus form in bytes[0..length) in place: the '\n' become NUL, the texts of *event point
 * into bytes. False when it is none. */
bool event_decode(char *bytes, size_t length, struct event *event);

#endif
