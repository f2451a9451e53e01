#include "tests/unit/unit_test.h"

#include <stdlib.h>

#include "broker/protocol/engineio_packet.h"

static void a_packet_is_a_type_and_its_data(void **state)
{
    struct engineio_packet packet;

    (void)state;
    for (int type = '0'; type <= '6'; type++) {
        const char bytes[] = {(char)type, 'x', 'y'};

        assert_true(engineio_packet_parse(bytes, sizeof(bytes), &packet));
        assert_int_equal(packet.type, type);
        assert_false(packet.is_binary);
        assert_ptr_equal(packet.data, bytes + 1);
        assert_int_equal(packet.length, 2);
    }
    assert_true(engineio_packet_parse("4", 1, &packet));
    assert_int_equal(packet.length, 0);
    assert_false(engineio_packet_parse("", 0, &packet));
    assert_false(engineio_packet_parse("/", 1, &packet));
    assert_false(engineio_packet_parse("7", 1, &packet));
    assert_false(engineio_packet_parse("b", 1, &packet));
    assert_false(engineio_packet_parse("\xff", 1, &packet));
}

/* The packets of a payload as a text: "4:hello b:01ff", then "." at its end or "!" at an error. */
static void check_payload(const char *payload, size_t length, const char *expected)
{
    struct buffer seen = BUFFER_EMPTY, scratch = BUFFER_EMPTY;
    struct engineio_packet packet;
    enum engineio_payload_result result;
    size_t offset = 0;
    char *copy = malloc(length + 1); /* ends where the payload ends */

    assert_non_null(copy);
    memcpy(copy, payload, length);
    while ((result = engineio_payload_next(copy, length, &offset, &scratch, &packet)) ==
           ENGINEIO_PAYLOAD_PACKET) {
        buffer_append_format(&seen, "%c:", packet.is_binary ? 'b' : (char)packet.type);
        for (size_t i = 0; packet.is_binary && i < packet.length; i++)
            buffer_append_format(&seen, "%02x", (unsigned char)packet.data[i]);
        if (!packet.is_binary)
            buffer_append(&seen, packet.data, packet.length);
        buffer_append_text(&seen, " ");
    }
    buffer_append_text(&seen, result == ENGINEIO_PAYLOAD_END ? "." : "!");
    assert_string_equal(buffer_text(&seen), expected);
    buffer_free(&seen);
    buffer_free(&scratch);
    free(copy);
}

static void a_payload_is_packets_or_malformed(void **state)
{
    static const struct {
        const char *payload, *expected;
    } cases[] = {
        {"4hello", "4:hello ."},
        {"4a\x1e"
         "2\x1e"
         "4b",
         "4:a 2: 4:b ."},
        {"4hello\x1e"
         "bAQIDBA==",
         "4:hello b:01020304 ."},
        {"b", "b: ."},
        {"bAA==\x1e"
         "b/w==",
         "b:00 b:ff ."},
        {"4", "4: ."},
        {"", "!"},
        {"\x1e", "!"},
        {"4a\x1e", "4:a !"},
        {"\x1e"
         "4a",
         "!"},
        {"4a\x1e\x1e"
         "4b",
         "4:a !"},
        {"abc", "!"},
        {"4a\x1e"
         "9",
         "4:a !"},
        {"bAQID*", "!"},
        {"bA", "!"},
        {"bAA", "!"},
        {"bAA=A", "!"},
        {"bAAAA=", "!"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        check_payload(cases[i].payload, strlen(cases[i].payload), cases[i].expected);
}

static void append(struct buffer *payload, struct block *packet)
{
    assert_non_null(packet);
    engineio_payload_append(payload, packet);
    block_release(packet);
}

static void an_encoded_payload_reads_back(void **state)
{
    struct buffer payload = BUFFER_EMPTY;

    (void)state;
    append(&payload, engineio_packet_encode(ENGINEIO_MESSAGE, "hello", 5));
    append(&payload, engineio_packet_encode(ENGINEIO_NOOP, NULL, 0));
    append(&payload, engineio_packet_encode_binary("\x01\x02\x03\x04", 4));
    append(&payload, engineio_packet_encode_binary("", 0));
    assert_string_equal(buffer_text(&payload), "4hello\x1e"
                                               "6\x1e"
                                               "bAQIDBA==\x1e"
                                               "b");
    check_payload(payload.data, payload.length, "4:hello 6: b:01020304 b: .");
    buffer_free(&payload);
}

/* A text packet is a text frame, a binary one a binary frame without a type. */
static void a_packet_is_encoded_as_a_frame(void **state)
{
    struct block *text = engineio_packet_encode(ENGINEIO_MESSAGE, "hi", 2);
    struct block *binary = engineio_packet_encode_binary("\xff", 1);
    static const char text_data[] = {'a', 'b', 'c'};
    char *data;
    struct block *created = engineio_packet_create(ENGINEIO_MESSAGE, 3, &data);

    (void)state;
    assert_int_equal(text->length, 5);
    assert_memory_equal(text->bytes,
                        "\x81\x03"
                        "4hi",
                        5);
    assert_int_equal(binary->length, 3);
    assert_memory_equal(binary->bytes, "\x82\x01\xff", 3);
    memcpy(data, text_data, sizeof(text_data));
    assert_int_equal(created->length, 6);
    assert_memory_equal(created->bytes,
                        "\x81\x04"
                        "4abc",
                        6);
    block_release(text);
    block_release(binary);
    block_release(created);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_is_a_type_and_its_data),
        cmocka_unit_test(a_payload_is_packets_or_malformed),
        cmocka_unit_test(an_encoded_payload_reads_back),
        cmocka_unit_test(a_packet_is_encoded_as_a_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
