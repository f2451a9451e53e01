#include "broker/transport/frame.h"

#include <string.h>

#define FINAL_BIT     0x80u
#define RESERVED_BITS 0x70u
#define OPCODE_BITS   0x0Fu
#define CONTROL_BIT   0x08u
#define MASK_BIT      0x80u
#define LENGTH_BITS   0x7Fu
#define LENGTH_16     126u
#define LENGTH_64     127u
#define MASK_BYTES    4

/* Written by hand, and not with libwslay: its context has some 9 kB of heap for each connection,
 * idle or not, and it lets pass what section 5.5 forbids (a fragmented ping, a close of one byte).
 * The tests compare the two. */
/* ---- UTF-8, byte by byte (RFC 3629 section 4) ---------------------------------------------- */

/* Not common/utf8, which looks at whole texts: a piece of a message may end within a character, and
 * what is wrong is to be told at its first byte. */
enum utf8_state {
    UTF8_COMPLETE, /* between two characters */
    UTF8_ONE,      /* one more continuation byte */
    UTF8_TWO,
    UTF8_THREE,
    UTF8_AFTER_E0, /* these four narrow the next byte: no overlong form, no surrogate, */
    UTF8_AFTER_ED, /* nothing above U+10FFFF */
    UTF8_AFTER_F0,
    UTF8_AFTER_F4,
    UTF8_INVALID,
};

/* What a state accepts as the next byte, and where that leads. */
static const struct {
    uint8_t lowest, highest, next;
} utf8_continuation[] = {
    [UTF8_ONE] = {0x80, 0xBF, UTF8_COMPLETE}, [UTF8_TWO] = {0x80, 0xBF, UTF8_ONE},
    [UTF8_THREE] = {0x80, 0xBF, UTF8_TWO},    [UTF8_AFTER_E0] = {0xA0, 0xBF, UTF8_ONE},
    [UTF8_AFTER_ED] = {0x80, 0x9F, UTF8_ONE}, [UTF8_AFTER_F0] = {0x90, 0xBF, UTF8_TWO},
    [UTF8_AFTER_F4] = {0x80, 0x8F, UTF8_TWO},
};

static uint8_t utf8_start(uint8_t byte)
{
    if (byte < 0x80)
        return UTF8_COMPLETE;
    if (byte < 0xC2 || byte > 0xF4)
        return UTF8_INVALID;
    if (byte < 0xE0)
        return UTF8_ONE;
    if (byte == 0xE0)
        return UTF8_AFTER_E0;
    if (byte == 0xED)
        return UTF8_AFTER_ED;
    if (byte < 0xF0)
        return UTF8_TWO;
    if (byte == 0xF0)
        return UTF8_AFTER_F0;
    return byte == 0xF4 ? UTF8_AFTER_F4 : UTF8_THREE;
}

/* Bytes at the front that are ASCII, counted in eights: most of what passes here. */
static size_t ascii_prefix(const char *bytes, size_t length)
{
    size_t position = 0;
    uint64_t word;

    while (position + sizeof(word) <= length) {
        memcpy(&word, bytes + position, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
        position += sizeof(word);
    }
    return position;
}

static uint8_t utf8_continue(uint8_t state, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && state != UTF8_INVALID; i++) {
        uint8_t byte = (uint8_t)bytes[i];

        if (state == UTF8_COMPLETE) {
            size_t skip = ascii_prefix(bytes + i, length - i);
            if (skip > 0) {
                i += skip - 1;
                continue;
            }
            state = utf8_start(byte);
        } else if (byte >= utf8_continuation[state].lowest &&
                   byte <= utf8_continuation[state].highest) {
            state = utf8_continuation[state].next;
        } else {
            state = UTF8_INVALID;
        }
    }
    return state;
}

/* ---- parser -------------------------------------------------------------------------------- */

struct header {
    size_t size; /* of the header itself */
    uint64_t length;
    uint8_t mask[MASK_BYTES];
    uint8_t opcode;
    bool is_final;
};

static size_t fail_parsing(struct frame_event *event, enum frame_close_code code)
{
    event->type = FRAME_EVENT_ERROR;
    event->close_code = (uint16_t)code;
    return 0;
}

static size_t need_more(struct frame_event *event)
{
    event->type = FRAME_EVENT_MORE;
    return 0;
}

static uint64_t read_big_endian(const char *bytes, size_t count)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value << 8 | (uint8_t)bytes[i];
    return value;
}

static void write_big_endian(char *bytes, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (char)(value >> 8 * (count - 1 - i));
}

/* Whether the first two bytes may begin a frame here (sections 5.2 to 5.5). */
static bool start_is_legal(const struct frame_parser *parser, uint8_t first, uint8_t second)
{
    uint8_t opcode = first & OPCODE_BITS;

    if (first & RESERVED_BITS || !(second & MASK_BIT))
        return false;
    if (opcode & CONTROL_BIT)
        return opcode <= FRAME_PONG && first & FINAL_BIT &&
               (second & LENGTH_BITS) <= FRAME_CONTROL_MAX_BYTES;
    if (opcode == FRAME_CONTINUATION)
        return parser->opcode != 0;
    return opcode <= FRAME_BINARY && parser->opcode == 0;
}

enum header_result { HEADER_COMPLETE, HEADER_PARTIAL, HEADER_ILLEGAL };

/* Each rule is applied as soon as the bytes that break it are there. */
static enum header_result read_header(const struct frame_parser *parser, const char *bytes,
                                      size_t length, struct header *header)
{
    if (length < 2)
        return HEADER_PARTIAL;
    uint8_t first = (uint8_t)bytes[0], second = (uint8_t)bytes[1];
    if (!start_is_legal(parser, first, second))
        return HEADER_ILLEGAL;

    uint8_t short_length = second & LENGTH_BITS;
    size_t extended = short_length == LENGTH_16 ? 2 : short_length == LENGTH_64 ? 8 : 0;
    header->size = 2 + extended + MASK_BYTES;
    header->opcode = first & OPCODE_BITS;
    header->is_final = first & FINAL_BIT;
    header->length = short_length;
    if (length < 2 + extended)
        return HEADER_PARTIAL;
    if (extended > 0) {
        header->length = read_big_endian(bytes + 2, extended);
        /* Section 5.2: the shortest form, and the most significant bit zero. */
        uint64_t least = extended == 2 ? LENGTH_16 : UINT64_C(1) << 16;
        if (header->length < least || header->length >> 63)
            return HEADER_ILLEGAL;
    }
    if (length < header->size)
        return HEADER_PARTIAL;
    memcpy(header->mask, bytes + 2 + extended, MASK_BYTES);
    return HEADER_COMPLETE;
}

/* The same XOR masks and unmasks. Afterwards mask[0] belongs to the byte behind. Eight bytes at a
 * time: a message of a client is unmasked on the loop's thread, and 1 MB in single bytes would be
 * felt by all others. */
static void unmask(uint8_t mask[MASK_BYTES], char *bytes, size_t length)
{
    uint8_t doubled[2 * MASK_BYTES];
    uint64_t wide, word;
    size_t position = 0;

    memcpy(doubled, mask, MASK_BYTES);
    memcpy(doubled + MASK_BYTES, mask, MASK_BYTES);
    memcpy(&wide, doubled, sizeof(wide));
    for (; position + sizeof(word) <= length; position += sizeof(word)) {
        memcpy(&word, bytes + position, sizeof(word));
        word ^= wide;
        memcpy(bytes + position, &word, sizeof(word));
    }
    for (size_t i = 0; position < length; i++, position++)
        bytes[position] = (char)((uint8_t)bytes[position] ^ mask[i % MASK_BYTES]);
    memcpy(mask, doubled + length % MASK_BYTES, MASK_BYTES);
}

/* Codes that an endpoint may send (section 7.4 and the registry that it founds). */
static bool close_code_is_valid(uint16_t code)
{
    if (code >= 3000)
        return code <= 4999;
    return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

static size_t read_control(struct header *header, char *bytes, size_t length,
                           struct frame_event *event)
{
    size_t payload = (size_t)header->length;

    if (length - header->size < payload)
        return need_more(event);
    event->type = FRAME_EVENT_CONTROL;
    event->opcode = header->opcode;
    event->bytes = bytes + header->size;
    event->length = payload;
    unmask(header->mask, event->bytes, payload);
    if (header->opcode == FRAME_CLOSE) {
        event->close_code = FRAME_CLOSE_NO_STATUS;
        if (payload == 1)
            return fail_parsing(event, FRAME_CLOSE_PROTOCOL_ERROR);
        if (payload >= 2)
            event->close_code = (uint16_t)read_big_endian(event->bytes, 2);
        if (payload >= 2 && !close_code_is_valid(event->close_code))
            return fail_parsing(event, FRAME_CLOSE_PROTOCOL_ERROR);
        if (payload > 2 &&
            utf8_continue(UTF8_COMPLETE, event->bytes + 2, payload - 2) != UTF8_COMPLETE)
            return fail_parsing(event, FRAME_CLOSE_INVALID_DATA);
    }
    return header->size + payload;
}

/* What is there of the current frame's payload. */
static size_t take_payload(struct frame_parser *parser, char *bytes, size_t length,
                           struct frame_event *event)
{
    size_t piece = length < parser->frame_bytes ? length : (size_t)parser->frame_bytes;

    if (piece == 0 && parser->frame_bytes > 0)
        return need_more(event);
    event->type = FRAME_EVENT_PAYLOAD;
    event->opcode = parser->opcode;
    event->bytes = bytes;
    event->length = piece;
    unmask(parser->mask, bytes, piece);
    parser->frame_bytes -= piece;
    parser->in_frame = parser->frame_bytes > 0;
    event->is_last = !parser->in_frame && parser->is_final;
    if (parser->opcode == FRAME_TEXT) {
        parser->utf8_state = utf8_continue(parser->utf8_state, bytes, piece);
        if (parser->utf8_state == UTF8_INVALID ||
            (event->is_last && parser->utf8_state != UTF8_COMPLETE))
            return fail_parsing(event, FRAME_CLOSE_INVALID_DATA);
    }
    if (event->is_last) {
        parser->opcode = 0;
        parser->message_bytes = 0;
    }
    return piece;
}

size_t frame_parse(struct frame_parser *parser, char *bytes, size_t length, uint64_t limit,
                   struct frame_event *event)
{
    struct header header = {0};

    *event = (struct frame_event){0};
    if (parser->in_frame)
        return take_payload(parser, bytes, length, event);
    switch (read_header(parser, bytes, length, &header)) {
    case HEADER_PARTIAL:
        return need_more(event);
    case HEADER_ILLEGAL:
        return fail_parsing(event, FRAME_CLOSE_PROTOCOL_ERROR);
    case HEADER_COMPLETE:
        break;
    }
    if (header.opcode & CONTROL_BIT)
        return read_control(&header, bytes, length, event);
    if (header.length > limit || parser->message_bytes > limit - header.length)
        return fail_parsing(event, FRAME_CLOSE_TOO_LARGE);

    if (header.opcode != FRAME_CONTINUATION)
        parser->opcode = header.opcode;
    parser->message_bytes += header.length;
    parser->frame_bytes = header.length;
    parser->is_final = header.is_final;
    parser->in_frame = true;
    memcpy(parser->mask, header.mask, sizeof(parser->mask));
    if (length == header.size && header.length > 0) {
        /* The header alone: report it as an empty piece, so that it is consumed. */
        event->type = FRAME_EVENT_PAYLOAD;
        event->opcode = parser->opcode;
        event->bytes = bytes + length;
        return length;
    }
    size_t taken = take_payload(parser, bytes + header.size, length - header.size, event);
    return event->type == FRAME_EVENT_ERROR ? 0 : header.size + taken;
}

/* ---- encoder ------------------------------------------------------------------------------- */

struct block *frame_create(enum frame_opcode opcode, size_t length, char **payload)
{
    size_t extended = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;

    if (length > BLOCK_MAX_BYTES)
        return NULL;
    struct block *block = block_create(2 + extended + length);
    if (block == NULL)
        return NULL;
    block->bytes[0] = (char)(FINAL_BIT | opcode);
    block->bytes[1] = (char)(extended == 0 ? length : extended == 2 ? LENGTH_16 : LENGTH_64);
    write_big_endian(block->bytes + 2, extended, length);
    block->header_length = (uint8_t)(2 + extended);
    block->is_binary = opcode == FRAME_BINARY;
    *payload = block->bytes + block->header_length;
    return block;
}

struct block *frame_encode(enum frame_opcode opcode, const char *payload, size_t length)
{
    char *out;
    struct block *block = frame_create(opcode, length, &out);

    if (block != NULL && length > 0)
        memcpy(out, payload, length);
    return block;
}

struct block *frame_encode_close(uint16_t code)
{
    char payload[2];

    write_big_endian(payload, sizeof(payload), code);
    return frame_encode(FRAME_CLOSE, payload, code == FRAME_CLOSE_NO_STATUS ? 0 : 2);
}
