#include "broker/protocol/engineio_packet.h"

#include <nettle/base64.h>
#include <string.h>

#include "broker/transport/frame.h"

#define SEPARATOR     '\x1e'
#define BINARY_PREFIX 'b'

bool engineio_packet_parse(const char *bytes, size_t length, struct engineio_packet *packet)
{
    if (length == 0 || bytes[0] < ENGINEIO_OPEN || bytes[0] > ENGINEIO_NOOP)
        return false;
    packet->type = (enum engineio_type)bytes[0];
    packet->is_binary = false;
    packet->data = bytes + 1;
    packet->length = length - 1;
    return true;
}

static bool decode_binary(const char *text, size_t length, struct buffer *scratch,
                          struct engineio_packet *packet)
{
    struct base64_decode_ctx context;
    size_t decoded;

    buffer_clear(scratch);
    if (!buffer_reserve(scratch, BASE64_DECODE_LENGTH(length) + 1))
        return false;
    base64_decode_init(&context);
    if (!base64_decode_update(&context, &decoded, (uint8_t *)scratch->data, length, text) ||
        !base64_decode_final(&context))
        return false;
    packet->type = ENGINEIO_MESSAGE;
    packet->is_binary = true;
    packet->data = scratch->data;
    packet->length = decoded;
    return true;
}

enum engineio_payload_result engineio_payload_next(const char *payload, size_t length,
                                                   size_t *offset, struct buffer *scratch,
                                                   struct engineio_packet *packet)
{
    if (*offset > length)
        return ENGINEIO_PAYLOAD_END;
    const char *start = payload + *offset;
    size_t rest = length - *offset;
    const char *separator = memchr(start, SEPARATOR, rest);
    size_t size = separator != NULL ? (size_t)(separator - start) : rest;
    /* Behind the last packet the offset is one past the end: an empty payload holds one packet,
     * an empty and therefore malformed one. */
    *offset += size + 1;
    bool is_valid = size > 0 && start[0] == BINARY_PREFIX
                        ? decode_binary(start + 1, size - 1, scratch, packet)
                        : engineio_packet_parse(start, size, packet);
    return is_valid ? ENGINEIO_PAYLOAD_PACKET : ENGINEIO_PAYLOAD_MALFORMED;
}

/* The block was made for a WebSocket, as most clients have one, and may be in the queues of those,
 * too: only what stands behind its frame header is used. */
void engineio_payload_append(struct buffer *payload, const struct block *packet)
{
    static const char separator = SEPARATOR, prefix = BINARY_PREFIX;
    const char *data = packet->bytes + packet->header_length;
    size_t length = packet->length - packet->header_length;

    if (payload->length > 0)
        buffer_append(payload, &separator, 1);
    if (!packet->is_binary) {
        buffer_append(payload, data, length);
        return;
    }
    buffer_append(payload, &prefix, 1);
    if (buffer_reserve(payload, BASE64_ENCODE_RAW_LENGTH(length))) {
        base64_encode_raw(payload->data + payload->length, length, (const uint8_t *)data);
        payload->length += BASE64_ENCODE_RAW_LENGTH(length);
    }
}

struct block *engineio_packet_create(enum engineio_type type, size_t length, char **data)
{
    struct block *block = frame_create(FRAME_TEXT, length + 1, data);

    if (block != NULL)
        *(*data)++ = (char)type;
    return block;
}

struct block *engineio_packet_encode(enum engineio_type type, const char *data, size_t length)
{
    char *out;
    struct block *block = engineio_packet_create(type, length, &out);

    if (block != NULL && length > 0)
        memcpy(out, data, length);
    return block;
}

struct block *engineio_packet_encode_binary(const char *data, size_t length)
{
    return frame_encode(FRAME_BINARY, data, length);
}
