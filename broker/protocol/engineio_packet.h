/*
 * Engine.IO protocol 4, the encoding: packets, and the payloads of several packets that HTTP
 * long-polling carries. No I/O and no state.
 *
 * A text packet is a type digit and its data. A binary packet is always a message: bare on a
 * WebSocket, 'b' and base64 in a payload. Packets of a payload are separated by 0x1E.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_PACKET_H
#define MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/transport/output.h"
#include "common/buffer.h"

enum engineio_type {
    ENGINEIO_OPEN = '0',
    ENGINEIO_CLOSE = '1',
    ENGINEIO_PING = '2',
    ENGINEIO_PONG = '3',
    ENGINEIO_MESSAGE = '4',
    ENGINEIO_UPGRADE = '5',
    ENGINEIO_NOOP = '6',
};

struct engineio_packet {
    enum engineio_type type;
    bool is_binary;
    const char *data; /* within what was parsed, or in the scratch buffer */
    size_t length;
};

/* One text packet as a WebSocket carries it. False when it begins with no type. */
bool engineio_packet_parse(const char *bytes, size_t length, struct engineio_packet *packet);

enum engineio_payload_result {
    ENGINEIO_PAYLOAD_PACKET,
    ENGINEIO_PAYLOAD_END,
    ENGINEIO_PAYLOAD_MALFORMED, /* not a packet, bad base64, or no memory for its bytes */
};

/* The packet at *offset of a payload, which is valid UTF-8; moves *offset (0 at first) behind it.
 * Binary data is decoded into *scratch, where it stays until the next call. */
enum engineio_payload_result engineio_payload_next(const char *payload, size_t length,
                                                   size_t *offset, struct buffer *scratch,
                                                   struct engineio_packet *packet);

/* Appends a packet to a payload, with a separator unless it is the first. */
void engineio_payload_append(struct buffer *payload, const struct block *packet);

/* A text packet with room for `length` bytes of data, to be filled from *data on; as a frame, see
 * frame_create. NULL without memory. */
struct block *engineio_packet_create(enum engineio_type type, size_t length, char **data);

/* A text packet with that data. */
struct block *engineio_packet_encode(enum engineio_type type, const char *data, size_t length);

/* A binary message. */
struct block *engineio_packet_encode_binary(const char *data, size_t length);

#endif
