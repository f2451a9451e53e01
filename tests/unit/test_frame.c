#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

#include <wslay/wslay.h>

#include "broker/transport/frame.h"
#include "common/buffer.h"
#include "common/random.h"
#include "common/utf8.h"

#define LIMIT 100000

/* ---- a client's frames --------------------------------------------------------------------- */

struct frame_options {
    bool is_not_final, is_not_masked;
    uint8_t reserved;       /* the three bits */
    uint8_t extended_bytes; /* of length: 2 or 8, although fewer would do; 0 as it should be */
};

static void append_frame(struct buffer *out, int opcode, const char *payload, size_t length,
                         const struct frame_options *options)
{
    static const char mask[4] = {'\x9a', '\x01', '\xff', '\x33'};
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    char header[10];

    if (options->extended_bytes > 0)
        extended = options->extended_bytes;
    header[0] = (char)((options->is_not_final ? 0 : 0x80) | options->reserved << 4 | opcode);
    header[1] = (char)((options->is_not_masked ? 0 : 0x80) | (int)(extended == 0   ? length
                                                                   : extended == 2 ? 126
                                                                                   : 127));
    for (size_t i = 0; i < extended; i++)
        header[2 + i] = (char)((uint64_t)length >> 8 * (extended - 1 - i));
    buffer_append(out, header, 2 + extended);
    if (!options->is_not_masked)
        buffer_append(out, mask, sizeof(mask));
    for (size_t i = 0; i < length; i++) {
        char byte = options->is_not_masked ? payload[i] : (char)(payload[i] ^ mask[i % 4]);
        buffer_append(out, &byte, 1);
    }
}

static const struct frame_options good = {0};
static const struct frame_options not_final = {.is_not_final = true};

/* ---- what comes out, as a text: "text:hello ping:x close:1000" ----------------------------- */

struct reader {
    struct frame_parser parser;
    struct buffer remainder, message, events;
    bool has_ended;
};

static void note(struct reader *reader, const char *kind, const char *bytes, size_t length)
{
    buffer_append_text(&reader->events, reader->events.length > 0 ? " " : "");
    buffer_append_format(&reader->events, "%s:%zu:", kind, length);
    buffer_append(&reader->events, bytes, length);
}

static void note_code(struct reader *reader, const char *kind, unsigned code)
{
    buffer_append_text(&reader->events, reader->events.length > 0 ? " " : "");
    buffer_append_format(&reader->events, "%s:%u", kind, code);
    reader->has_ended = true;
}

static void note_event(struct reader *reader, const struct frame_event *event)
{
    static const char *const names[] = {[FRAME_TEXT] = "text",
                                        [FRAME_BINARY] = "binary",
                                        [FRAME_PING] = "ping",
                                        [FRAME_PONG] = "pong"};

    if (event->type == FRAME_EVENT_ERROR) {
        note_code(reader, "error", event->close_code);
    } else if (event->type == FRAME_EVENT_CONTROL && event->opcode == FRAME_CLOSE) {
        note_code(reader, "close", event->close_code);
    } else if (event->type == FRAME_EVENT_CONTROL) {
        note(reader, names[event->opcode], event->bytes, event->length);
    } else if (event->type == FRAME_EVENT_PAYLOAD) {
        buffer_append(&reader->message, event->bytes, event->length);
        if (event->is_last) {
            note(reader, names[event->opcode], reader->message.data, reader->message.length);
            buffer_clear(&reader->message);
        }
    }
}

/* Parses bytes behind what was left over, in memory that ends where they end. */
static void feed(struct reader *reader, const char *bytes, size_t length)
{
    size_t total = reader->remainder.length + length, position = 0;
    char *input = malloc(total > 0 ? total : 1);
    struct frame_event event = {.type = FRAME_EVENT_PAYLOAD};

    assert_non_null(input);
    memcpy(input, reader->remainder.data != NULL ? reader->remainder.data : "",
           reader->remainder.length);
    memcpy(input + reader->remainder.length, bytes, length);
    while (position < total && !reader->has_ended && event.type != FRAME_EVENT_MORE) {
        size_t taken =
            frame_parse(&reader->parser, input + position, total - position, LIMIT, &event);

        assert_true(taken <= total - position);
        assert_true(taken > 0 || event.type == FRAME_EVENT_MORE || event.type == FRAME_EVENT_ERROR);
        position += taken;
        note_event(reader, &event);
    }
    buffer_clear(&reader->remainder);
    buffer_append(&reader->remainder, input + position, total - position);
    if (!reader->has_ended)
        assert_true(reader->remainder.length < FRAME_REMAINDER_MAX_BYTES);
    free(input);
}

static void reader_free(struct reader *reader)
{
    buffer_free(&reader->remainder);
    buffer_free(&reader->message);
    buffer_free(&reader->events);
}

/* What comes out of a stream that is fed in pieces of `size` bytes. */
static void check_pieces(const struct buffer *stream, size_t size, const char *expected)
{
    struct reader reader = {0};

    for (size_t at = 0; at < stream->length && !reader.has_ended; at += size)
        feed(&reader, stream->data + at, stream->length - at < size ? stream->length - at : size);
    assert_string_equal(buffer_text(&reader.events), expected);
    reader_free(&reader);
}

/* The same, cut in every way that matters; frees the stream. */
static void check(struct buffer *stream, const char *expected)
{
    for (size_t size = 1; size <= 20; size++)
        check_pieces(stream, size, expected);
    check_pieces(stream, stream->length, expected);
    buffer_free(stream);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void messages_come_in_pieces_with_control_frames_between(void **state)
{
    struct buffer stream = BUFFER_EMPTY;

    (void)state;
    append_frame(&stream, FRAME_TEXT, "hello", 5, &good);
    append_frame(&stream, FRAME_BINARY, "\xff\xfe", 2, &good);
    append_frame(&stream, FRAME_TEXT, "", 0, &good);
    append_frame(&stream, FRAME_TEXT, "one ", 4, &not_final);
    append_frame(&stream, FRAME_PING, "p", 1, &good);
    append_frame(&stream, FRAME_CONTINUATION, "", 0, &not_final);
    append_frame(&stream, FRAME_PONG, "", 0, &good);
    append_frame(&stream, FRAME_CONTINUATION, "two", 3, &good);
    append_frame(&stream, FRAME_CLOSE, "\003\350bye", 5, &good);
    append_frame(&stream, FRAME_TEXT, "never", 5, &good);
    check(&stream, "text:5:hello binary:2:\xff\xfe text:0: ping:1:p pong:0: text:7:one two "
                   "close:1000");
}

static void every_length_has_its_header(void **state)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, LIMIT};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct buffer stream = BUFFER_EMPTY;
        struct reader reader = {0};
        char *payload = calloc(1, lengths[i] + 1);
        char expected[32];

        assert_non_null(payload);
        memset(payload, 'x', lengths[i]);
        append_frame(&stream, FRAME_TEXT, payload, lengths[i], &good);
        for (size_t at = 0; at < stream.length; at += 997)
            feed(&reader, stream.data + at, stream.length - at < 997 ? stream.length - at : 997);
        snprintf(expected, sizeof(expected), "text:%zu:", lengths[i]);
        assert_memory_equal(buffer_text(&reader.events), expected, strlen(expected));
        assert_string_equal(reader.events.data + strlen(expected), payload);
        free(payload);
        buffer_free(&stream);
        reader_free(&reader);
    }
}

struct rule {
    const char *name;
    int opcode;
    const char *payload;
    size_t length;
    struct frame_options options;
    const char *expected;
};

static const char long_control[FRAME_CONTROL_MAX_BYTES + 1];

static const struct rule rules[] = {
    {"reserved bit 1", FRAME_TEXT, "", 0, {.reserved = 4}, "error:1002"},
    {"reserved bit 2", FRAME_TEXT, "", 0, {.reserved = 2}, "error:1002"},
    {"reserved bit 3", FRAME_PING, "", 0, {.reserved = 1}, "error:1002"},
    {"no mask", FRAME_TEXT, "x", 1, {.is_not_masked = true}, "error:1002"},
    {"no mask on a close", FRAME_CLOSE, "", 0, {.is_not_masked = true}, "error:1002"},
    {"opcode 3", 3, "", 0, {0}, "error:1002"},
    {"opcode 7", 7, "x", 1, {0}, "error:1002"},
    {"opcode 11", 11, "", 0, {0}, "error:1002"},
    {"opcode 15", 15, "", 0, {0}, "error:1002"},
    {"a fragmented ping", FRAME_PING, "", 0, {.is_not_final = true}, "error:1002"},
    {"a fragmented close", FRAME_CLOSE, "", 0, {.is_not_final = true}, "error:1002"},
    {"a ping that is too long", FRAME_PING, long_control, sizeof(long_control), {0}, "error:1002"},
    {"a close that is too long",
     FRAME_CLOSE,
     long_control,
     sizeof(long_control),
     {0},
     "error:1002"},
    {"a continuation of nothing", FRAME_CONTINUATION, "x", 1, {0}, "error:1002"},
    {"16 bits of length without need", FRAME_TEXT, "x", 1, {.extended_bytes = 2}, "error:1002"},
    {"64 bits of length without need", FRAME_TEXT, "x", 1, {.extended_bytes = 8}, "error:1002"},
    {"half a character", FRAME_TEXT, "\xc3", 1, {0}, "error:1007"},
    {"half a character that may go on", FRAME_TEXT, "\xc3", 1, {.is_not_final = true}, ""},
    {"a close without a code", FRAME_CLOSE, "", 0, {0}, "close:1005"},
    {"a close of one byte", FRAME_CLOSE, "x", 1, {0}, "error:1002"},
    {"close 999", FRAME_CLOSE, "\x03\xe7", 2, {0}, "error:1002"},
    {"close 1000", FRAME_CLOSE, "\x03\xe8", 2, {0}, "close:1000"},
    {"close 1003", FRAME_CLOSE, "\x03\xeb", 2, {0}, "close:1003"},
    {"close 1004", FRAME_CLOSE, "\x03\xec", 2, {0}, "error:1002"},
    {"close 1005", FRAME_CLOSE, "\x03\xed", 2, {0}, "error:1002"},
    {"close 1006", FRAME_CLOSE, "\x03\xee", 2, {0}, "error:1002"},
    {"close 1007", FRAME_CLOSE, "\x03\xef", 2, {0}, "close:1007"},
    {"close 1014", FRAME_CLOSE, "\x03\xf6", 2, {0}, "close:1014"},
    {"close 1015", FRAME_CLOSE, "\x03\xf7", 2, {0}, "error:1002"},
    {"close 2999", FRAME_CLOSE, "\x0b\xb7", 2, {0}, "error:1002"},
    {"close 3000", FRAME_CLOSE, "\x0b\xb8", 2, {0}, "close:3000"},
    {"close 4999", FRAME_CLOSE, "\x13\x87", 2, {0}, "close:4999"},
    {"close 5000", FRAME_CLOSE, "\x13\x88", 2, {0}, "error:1002"},
    {"a reason", FRAME_CLOSE, "\x03\xe8\xc3\xa9", 4, {0}, "close:1000"},
    {"a reason that is no UTF-8", FRAME_CLOSE, "\x03\xe8\xc3", 3, {0}, "error:1007"},
};

static void each_broken_rule_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
        struct buffer stream = BUFFER_EMPTY;

        print_message("# %s\n", rules[i].name);
        append_frame(&stream, rules[i].opcode, rules[i].payload, rules[i].length,
                     &rules[i].options);
        check(&stream, rules[i].expected);
    }
}

static void a_message_within_a_message_is_an_error(void **state)
{
    struct buffer stream = BUFFER_EMPTY;

    (void)state;
    append_frame(&stream, FRAME_TEXT, "a", 1, &not_final);
    append_frame(&stream, FRAME_BINARY, "b", 1, &good);
    check(&stream, "error:1002");
}

/* Refused by what the header announces, before any of the payload is there. */
static void a_message_over_the_limit_is_an_error_at_its_header(void **state)
{
    struct buffer stream = BUFFER_EMPTY;
    static char payload[LIMIT + 1];

    (void)state;
    append_frame(&stream, FRAME_BINARY, payload, LIMIT + 1, &good);
    stream.length = FRAME_HEADER_MAX_BYTES;
    check(&stream, "error:1009");

    append_frame(&stream, FRAME_BINARY, payload, LIMIT - 1, &not_final);
    append_frame(&stream, FRAME_CONTINUATION, payload, 2, &good);
    check_pieces(&stream, 4000, "error:1009");
    buffer_free(&stream);

    /* The count begins again with each message. */
    append_frame(&stream, FRAME_BINARY, "1", 1, &not_final);
    append_frame(&stream, FRAME_CONTINUATION, payload, 2, &good);
    append_frame(&stream, FRAME_TEXT, "ok", 2, &good);
    check_pieces(&stream, 4000, "binary:3:1");
    buffer_free(&stream);
}

/* As the header says: nothing that a 64-bit length can hold overflows anything. */
static void huge_lengths_are_errors(void **state)
{
    static const char *const lengths[] = {
        "\xff\xff\xff\xff\xff\xff\xff\xff", "\x7f\xff\xff\xff\xff\xff\xff\xff",
        "\x80\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\xff\xff"};
    static const char *const expected[] = {"error:1002", "error:1009", "error:1002", "error:1002"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct buffer stream = BUFFER_EMPTY;

        append_frame(&stream, FRAME_TEXT, "a", 1, &not_final);
        buffer_append(&stream, "\x80\xff", 2);
        buffer_append(&stream, lengths[i], 8);
        buffer_append(&stream, "mask", 4);
        check(&stream, expected[i]);
    }
}

/* Every sequence of up to four bytes out of those that matter, against the other validator, cut at
 * each place. */
static void text_is_utf8_wherever_it_is_cut(void **state)
{
    static const char bytes[] = "a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef"
                                "\xf0\xf1\xf3\xf4\xf5\xff";
    const size_t count = sizeof(bytes) - 1;
    size_t total = count * count * count * count;

    (void)state;
    for (size_t number = 0; number < total; number++) {
        char text[4] = {bytes[number % count], bytes[number / count % count],
                        bytes[number / count / count % count],
                        bytes[number / count / count / count]};
        bool is_valid = utf8_is_valid(text, sizeof(text));
        struct frame_parser parser = {0};
        struct frame_event event;
        struct buffer stream = BUFFER_EMPTY;
        size_t cut = number % (sizeof(text) + 1);

        append_frame(&stream, FRAME_TEXT, text, cut, &not_final);
        size_t first = stream.length;
        append_frame(&stream, FRAME_CONTINUATION, text + cut, sizeof(text) - cut, &good);
        frame_parse(&parser, stream.data, first, LIMIT, &event);
        if (event.type == FRAME_EVENT_PAYLOAD)
            frame_parse(&parser, stream.data + first, stream.length - first, LIMIT, &event);
        assert_int_equal(event.type, is_valid ? FRAME_EVENT_PAYLOAD : FRAME_EVENT_ERROR);
        if (!is_valid)
            assert_int_equal(event.close_code, FRAME_CLOSE_INVALID_DATA);
        buffer_free(&stream);
    }
}

/* ---- wslay as the oracle ------------------------------------------------------------------- */

struct oracle {
    const char *bytes;
    size_t length, position, piece; /* given piece by piece */
    struct reader reader;           /* for its events alone */
};

static ssize_t oracle_receive(wslay_event_context_ptr context, uint8_t *out, size_t length,
                              int flags, void *user)
{
    struct oracle *oracle = user;
    size_t count = oracle->length - oracle->position;

    (void)flags;
    if (count > oracle->piece)
        count = oracle->piece;
    if (count > length)
        count = length;
    if (count == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(out, oracle->bytes + oracle->position, count);
    oracle->position += count;
    return (ssize_t)count;
}

static void oracle_message(wslay_event_context_ptr context,
                           const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    struct oracle *oracle = user;
    static const char *const names[] = {[WSLAY_TEXT_FRAME] = "text",
                                        [WSLAY_BINARY_FRAME] = "binary",
                                        [WSLAY_PING] = "ping",
                                        [WSLAY_PONG] = "pong"};

    (void)context;
    if (oracle->reader.has_ended)
        return;
    if (message->opcode == WSLAY_CONNECTION_CLOSE)
        note_code(&oracle->reader, "close", message->status_code > 0 ? message->status_code : 1005);
    else
        note(&oracle->reader, names[message->opcode], (const char *)message->msg,
             message->msg_length);
}

/* What wslay makes of a stream. An error is "error:CODE"; 0 where wslay names none. */
static void ask_oracle(struct oracle *oracle)
{
    const struct wslay_event_callbacks callbacks = {.recv_callback = oracle_receive,
                                                    .on_msg_recv_callback = oracle_message};
    wslay_event_context_ptr context;

    assert_int_equal(wslay_event_context_server_init(&context, &callbacks, oracle), 0);
    wslay_event_config_set_max_recv_msg_length(context, LIMIT);
    while (oracle->position < oracle->length && wslay_event_want_read(context)) {
        if (wslay_event_recv(context) != 0)
            break;
    }
    if (!oracle->reader.has_ended && !wslay_event_want_read(context)) {
        uint16_t code = wslay_event_get_status_code_sent(context);

        note_code(&oracle->reader, "error", code == WSLAY_CODE_ABNORMAL_CLOSURE ? 0 : code);
    }
    wslay_event_context_free(context);
}

static uint32_t below(struct random_source *random, uint32_t bound)
{
    uint32_t number;

    random_fill(random, &number, sizeof(number));
    return number % bound;
}

/* A frame that is mostly legal where it stands. What wslay is known to see otherwise is left out:
 * closes of one byte, broken control frames, codes from 1012 on. */
static void append_random_frame(struct buffer *stream, struct random_source *random,
                                bool *is_in_message)
{
    static const char *const texts[] = {"",     "a",    "plain text", "é",        "\xc3",
                                        "\xa9", "日本", "\xf0\x9f",   "\x98\x80", "\xed\xa0\x80"};
    static const char *const closes[] = {"",         "\x03\xe8", "\003\351bye",
                                         "\x0b\xb8", "\x03\xed", "\x03\xe7"};
    struct frame_options options = {0};
    uint32_t kind = below(random, 40);

    if (kind < 8) {
        append_frame(stream, kind < 6 ? FRAME_PING : FRAME_PONG, "payload", kind, &options);
    } else if (kind == 8) {
        const char *close = closes[below(random, ARRAY_LENGTH(closes))];
        append_frame(stream, FRAME_CLOSE, close, strlen(close), &options);
    } else if (kind == 9) {
        *is_in_message = !*is_in_message; /* and so an illegal opcode */
    } else {
        const char *text = texts[below(random, kind < 30 ? 4 : ARRAY_LENGTH(texts))];
        bool is_text = kind % 4 != 0;
        int opcode = *is_in_message ? FRAME_CONTINUATION : is_text ? FRAME_TEXT : FRAME_BINARY;

        options.is_not_final = below(random, 3) == 0;
        options.reserved = kind == 39 && below(random, 4) == 0 ? 4 : 0;
        append_frame(stream, opcode, text, strlen(text), &options);
        *is_in_message = options.is_not_final;
    }
}

/* Our events and wslay's, but for the code of an error where wslay names none. */
static void check_against_oracle(const struct buffer *stream, struct random_source *random)
{
    struct oracle oracle = {
        .bytes = stream->data, .length = stream->length, .piece = 1 + below(random, 40)};
    struct reader reader = {0};

    for (size_t at = 0; at < stream->length && !reader.has_ended;) {
        size_t piece = 1 + below(random, 40);

        if (piece > stream->length - at)
            piece = stream->length - at;
        feed(&reader, stream->data + at, piece);
        at += piece;
    }
    ask_oracle(&oracle);
    const char *ours = buffer_text(&reader.events), *theirs = buffer_text(&oracle.reader.events);
    const char *unnamed = strstr(theirs, "error:0");
    if (unnamed != NULL) {
        assert_true(reader.events.length > (size_t)(unnamed - theirs));
        assert_memory_equal(ours, theirs, (size_t)(unnamed - theirs) + strlen("error:"));
    } else {
        assert_string_equal(ours, theirs);
    }
    reader_free(&reader);
    reader_free(&oracle.reader);
}

static void random_streams_are_read_as_wslay_reads_them(void **state)
{
    uint64_t seed = 7;
    struct random_source random = random_seeded(&seed);

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct buffer stream = BUFFER_EMPTY;
        bool is_in_message = false;

        for (uint32_t frames = 1 + below(&random, 12); frames > 0; frames--)
            append_random_frame(&stream, &random, &is_in_message);
        if (stream.length > 0)
            check_against_oracle(&stream, &random);
        buffer_free(&stream);
    }
}

/* ---- encoder ------------------------------------------------------------------------------- */

static void a_frame_is_encoded_in_the_shortest_form(void **state)
{
    static const struct {
        size_t length, header_length;
        const char *header;
    } cases[] = {{0, 2, "\x82\x00"},
                 {125, 2, "\x82\x7d"},
                 {126, 4, "\x82\x7e\x00\x7e"},
                 {65535, 4, "\x82\x7e\xff\xff"},
                 {65536, 10, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char *payload = calloc(1, cases[i].length + 1);

        assert_non_null(payload);
        memset(payload, 'p', cases[i].length);
        struct block *block = frame_encode(FRAME_BINARY, payload, cases[i].length);
        assert_non_null(block);
        assert_true(block->is_binary);
        assert_int_equal(block->header_length, cases[i].header_length);
        assert_int_equal(block->length, cases[i].header_length + cases[i].length);
        assert_memory_equal(block->bytes, cases[i].header, cases[i].header_length);
        assert_memory_equal(block->bytes + block->header_length, payload, cases[i].length);
        block_release(block);
        free(payload);
    }
    struct block *text = frame_encode(FRAME_TEXT, "x", 1);
    assert_false(text->is_binary);
    assert_memory_equal(text->bytes, "\x81\x01x", 3);
    block_release(text);
    assert_null(frame_encode(FRAME_TEXT, NULL, SIZE_MAX));
}

static void a_close_frame_has_its_code_or_none(void **state)
{
    struct block *with = frame_encode_close(1009), *without = frame_encode_close(1005);

    (void)state;
    assert_int_equal(with->length, 4);
    assert_memory_equal(with->bytes, "\x88\x02\x03\xf1", 4);
    assert_int_equal(without->length, 2);
    assert_memory_equal(without->bytes, "\x88\x00", 2);
    block_release(with);
    block_release(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in_pieces_with_control_frames_between),
        cmocka_unit_test(every_length_has_its_header),
        cmocka_unit_test(each_broken_rule_is_an_error),
        cmocka_unit_test(a_message_within_a_message_is_an_error),
        cmocka_unit_test(a_message_over_the_limit_is_an_error_at_its_header),
        cmocka_unit_test(huge_lengths_are_errors),
        cmocka_unit_test(text_is_utf8_wherever_it_is_cut),
        cmocka_unit_test(random_streams_are_read_as_wslay_reads_them),
        cmocka_unit_test(a_frame_is_encoded_in_the_shortest_form),
        cmocka_unit_test(a_close_frame_has_its_code_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
