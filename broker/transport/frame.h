/*
 * WebSocket frames, server side (RFC 6455 section 5): an incremental parser and an encoder. No I/O
 * and, but for the blocks that the encoder returns, no memory: whoever reads the socket owns the
 * bytes.
 *
 * No extension is ever negotiated, so the reserved bits must be zero. A parser belongs to one
 * thread at a time.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_FRAME_H
#define MESSAGERIE_BROKER_TRANSPORT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/transport/output.h"

/* A client's header at its longest: 2 bytes, 8 of length, 4 of mask. */
#define FRAME_HEADER_MAX_BYTES 14
/* Payload of a control frame (section 5.5). */
#define FRAME_CONTROL_MAX_BYTES 125
/* The parser leaves less than this unconsumed: a control frame that lacks its last byte. */
#define FRAME_REMAINDER_MAX_BYTES (FRAME_HEADER_MAX_BYTES + FRAME_CONTROL_MAX_BYTES)

enum frame_opcode {
    FRAME_CONTINUATION = 0x0,
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xA,
};

/* Section 7.4.1. */
enum frame_close_code {
    FRAME_CLOSE_NORMAL = 1000,
    FRAME_CLOSE_GOING_AWAY = 1001,
    FRAME_CLOSE_PROTOCOL_ERROR = 1002,
    FRAME_CLOSE_NO_STATUS = 1005, /* never on the wire: a close frame without a code */
    FRAME_CLOSE_INVALID_DATA = 1007,
    FRAME_CLOSE_TOO_LARGE = 1009,
    FRAME_CLOSE_INTERNAL_ERROR = 1011,
};

/* All zero is a parser at the start of a connection. */
struct frame_parser {
    uint64_t message_bytes; /* of the message in progress, its current frame counted in full */
    uint64_t frame_bytes;   /* payload of the current frame that is still to come */
    uint8_t mask[4];        /* turned so that mask[0] belongs to the next byte */
    uint8_t opcode;         /* FRAME_TEXT or FRAME_BINARY while a message is in progress, else 0 */
    uint8_t utf8_state;
    bool in_frame;
    bool is_final;
};

enum frame_event_type {
    FRAME_EVENT_MORE,    /* what is left is no whole header or control frame yet */
    FRAME_EVENT_PAYLOAD, /* a piece of a message: bytes, length, opcode, is_last */
    FRAME_EVENT_CONTROL, /* a whole control frame: opcode, bytes, length; close_code for a close */
    FRAME_EVENT_ERROR,   /* the peer broke the protocol: close with close_code, parse no more */
};

struct frame_event {
    enum frame_event_type type;
    enum frame_opcode opcode; /* of a payload, FRAME_TEXT or FRAME_BINARY also in continuations */
    char *bytes;              /* unmasked, within the bytes given to frame_parse */
    size_t length;
    bool is_last;        /* the message is complete with this piece */
    uint16_t close_code; /* FRAME_CLOSE_NO_STATUS for a close without one */
};

/*
 * Reads one event from the front of bytes[0..length), unmasking in place. Returns how many bytes
 * it took: the caller goes on behind them. With FRAME_EVENT_MORE none are taken; the caller keeps
 * them (fewer than FRAME_REMAINDER_MAX_BYTES) and presents them again in front of what comes next.
 * After a close frame or an error the caller parses no more.
 *
 * A message longer than `limit` bytes is an error (1009) as soon as the header that announces it
 * is there. Text is checked to be UTF-8 as it arrives (1007), across pieces and fragments.
 */
size_t frame_parse(struct frame_parser *parser, char *bytes, size_t length, uint64_t limit,
                   struct frame_event *event);

/* A whole unmasked frame with room for `length` bytes of payload, which the caller fills from
 * *payload on. block->header_length and is_binary are set. NULL without memory. */
struct block *frame_create(enum frame_opcode opcode, size_t length, char **payload);

/* The same with a copy of the payload. */
struct block *frame_encode(enum frame_opcode opcode, const char *payload, size_t length);

/* A close frame; FRAME_CLOSE_NO_STATUS makes one without a code. NULL without memory. */
struct block *frame_encode_close(uint16_t code);

#endif
