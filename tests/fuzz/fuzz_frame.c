/*
 * The WebSocket frame parser. The first byte chooses how the rest is cut into reads, the second
 * the limit of a message; however it is cut, the same must come out.
 */
#include <string.h>

#include "broker/transport/frame.h"
#include "common/buffer.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzz.h"

/* Everything that the parser tells, in a form that does not depend on the cuts. */
struct reader {
    struct frame_parser parser;
    struct buffer remainder, message, told;
    bool has_ended;
};

static void tell(struct reader *reader, const struct frame_event *event)
{
    if (event->type == FRAME_EVENT_PAYLOAD) {
        buffer_append(&reader->message, event->bytes, event->length);
        if (!event->is_last)
            return;
        FUZZ_CHECK(event->opcode == FRAME_TEXT || event->opcode == FRAME_BINARY);
        FUZZ_CHECK(event->opcode != FRAME_TEXT ||
                   utf8_is_valid(reader->message.data, reader->message.length));
        buffer_append_format(&reader->told, "message %d %zu:", (int)event->opcode,
                             reader->message.length);
        buffer_append(&reader->told, reader->message.data, reader->message.length);
        buffer_clear(&reader->message);
    } else if (event->type == FRAME_EVENT_CONTROL) {
        FUZZ_CHECK(event->length <= FRAME_CONTROL_MAX_BYTES);
        buffer_append_format(&reader->told, "control %d %zu:", (int)event->opcode, event->length);
        buffer_append(&reader->told, event->bytes, event->length);
        reader->has_ended = event->opcode == FRAME_CLOSE;
    } else if (event->type == FRAME_EVENT_ERROR) {
        buffer_append_format(&reader->told, "error %u", (unsigned)event->close_code);
        reader->has_ended = true;
    }
}

static void read_bytes(struct reader *reader, const char *bytes, size_t length, uint64_t limit)
{
    size_t total = reader->remainder.length + length, position = 0;
    char *input = malloc(total > 0 ? total : 1);
    struct frame_event event = {.type = FRAME_EVENT_PAYLOAD};

    FUZZ_CHECK(input);
    if (reader->remainder.length > 0)
        memcpy(input, reader->remainder.data, reader->remainder.length);
    if (length > 0)
        memcpy(input + reader->remainder.length, bytes, length);
    while (position < total && !reader->has_ended && event.type != FRAME_EVENT_MORE) {
        size_t taken =
            frame_parse(&reader->parser, input + position, total - position, limit, &event);

        FUZZ_CHECK(taken <= total - position);
        FUZZ_CHECK(reader->message.length <= limit);
        position += taken;
        tell(reader, &event);
    }
    buffer_clear(&reader->remainder);
    buffer_append(&reader->remainder, input + position, total - position);
    FUZZ_CHECK(reader->has_ended || reader->remainder.length < FRAME_REMAINDER_MAX_BYTES);
    free(input);
}

static void read_all(struct reader *reader, const char *bytes, size_t length, size_t piece,
                     uint64_t limit)
{
    *reader = (struct reader){0};
    for (size_t at = 0; at < length && !reader->has_ended; at += piece)
        read_bytes(reader, bytes + at, length - at < piece ? length - at : piece, limit);
}

static void reader_free(struct reader *reader)
{
    buffer_free(&reader->remainder);
    buffer_free(&reader->message);
    buffer_free(&reader->told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader whole, cut;

    if (size < 2)
        return 0;
    size_t piece = (size_t)data[0] + 1, length = size - 2;
    uint64_t limit = (uint64_t)data[1] * data[1];
    read_all(&whole, (const char *)data + 2, length, length + 1, limit);
    read_all(&cut, (const char *)data + 2, length, piece, limit);
    FUZZ_CHECK(whole.has_ended == cut.has_ended);
    FUZZ_CHECK(whole.told.length == cut.told.length);
    FUZZ_CHECK(whole.told.length == 0 ||
               memcmp(whole.told.data, cut.told.data, whole.told.length) == 0);
    reader_free(&whole);
    reader_free(&cut);
    return 0;
}
