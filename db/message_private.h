/*
 * The half of db/message.h that is for db/ alone.
 */
#ifndef MESSAGERIE_DB_MESSAGE_PRIVATE_H
#define MESSAGERIE_DB_MESSAGE_PRIVATE_H

#include "db/conversation_private.h"
#include "db/message.h"

struct message_new {
    const char *sender_id; /* a participant */
    enum message_type type;
    const char *content;
    const struct attachment_input *attachments;
    size_t attachment_count;
    const char *client_message_id; /* or NULL */
    bool is_read;                  /* the recipient is looking at the room */
};

/* Stores the message, brings the conversation back from the archive, counts, and appends all
 * events. Changes *conversation; `json`, empty before, becomes the Message. */
bool message_insert(struct transaction *transaction, struct conversation *conversation,
                    const struct message_new *fresh, struct buffer *json, struct error *error);

/* Writes the Message at a position of which is known that it is there. */
bool message_write_at(struct connection *connection, struct buffer *json,
                      const struct conversation *conversation, int64_t position,
                      struct error *error);

/* Writes the attachments of the message at a position as elements of an array. */
bool attachments_write(struct connection *connection, struct json_writer *writer,
                       const char *conversation_id, int64_t position, struct error *error);

/* Writes the member lastMessage, if there is a message. `id` gets its id, else "". */
bool message_write_last(struct connection *connection, struct json_writer *writer,
                        const struct conversation *conversation, char id[ID_BYTES],
                        struct error *error);

/* Writes the array of the newest messages, newest first. */
bool messages_write_newest(struct connection *connection, struct json_writer *writer,
                           const struct conversation *conversation, int64_t limit,
                           struct error *error);

/* Marks read what `reader` has not read from position `first` to `last`, and appends the events.
 * *marked (may be NULL): whether there was something. */
bool messages_mark_read(struct transaction *transaction, const struct conversation *conversation,
                        const char *reader, int64_t first, int64_t last, bool *marked,
                        struct error *error);

#endif
