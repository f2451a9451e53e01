/*
 * Engine.IO payloads. What they hold is encoded again, and must then hold the same.
 */
#include <string.h>

#include "broker/protocol/engineio_packet.h"
#include "tests/fuzz/fuzz.h"

static void append(struct buffer *payload, const struct engineio_packet *packet)
{
    struct block *block = packet->is_binary
                              ? engineio_packet_encode_binary(packet->data, packet->length)
                              : engineio_packet_encode(packet->type, packet->data, packet->length);

    FUZZ_CHECK(block);
    engineio_payload_append(payload, block);
    block_release(block);
}

/* Takes a payload apart and puts it together again, up to what is malformed in it. */
static void rebuild(const char *payload, size_t length, struct buffer *rebuilt)
{
    struct buffer scratch = BUFFER_EMPTY;
    struct engineio_packet packet;
    size_t offset = 0, before = 0;

    while (engineio_payload_next(payload, length, &offset, &scratch, &packet) ==
           ENGINEIO_PAYLOAD_PACKET) {
        FUZZ_CHECK(offset > before && offset <= length + 1);
        before = offset;
        append(rebuilt, &packet);
    }
    buffer_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer first = BUFFER_EMPTY, second = BUFFER_EMPTY;
    struct engineio_packet packet;

    engineio_packet_parse((const char *)data, size, &packet);
    rebuild((const char *)data, size, &first);
    rebuild(first.length > 0 ? first.data : "", first.length, &second);
    FUZZ_CHECK(first.length == second.length);
    FUZZ_CHECK(first.length == 0 || memcmp(first.data, second.data, first.length) == 0);
    buffer_free(&first);
    buffer_free(&second);
    return 0;
}
