#include "tests/unit/unit_test.h"

#include <stdlib.h>

#include "broker/protocol/socketio_packet.h"

struct header_case {
    const char *text;
    enum socketio_type type;
    unsigned attachments;
    const char *name_space, *query;
    int64_t id;
    const char *payload;
};

static const struct header_case headers[] = {
    {"0", SOCKETIO_CONNECT, 0, "/", "", SOCKETIO_NO_ID, ""},
    {"0{\"token\":1}", SOCKETIO_CONNECT, 0, "/", "", SOCKETIO_NO_ID, "{\"token\":1}"},
    {"0/admin,", SOCKETIO_CONNECT, 0, "/admin", "", SOCKETIO_NO_ID, ""},
    {"0/admin", SOCKETIO_CONNECT, 0, "/admin", "", SOCKETIO_NO_ID, ""},
    {"0/admin?a=1&b=/,{}", SOCKETIO_CONNECT, 0, "/admin", "a=1&b=/", SOCKETIO_NO_ID, "{}"},
    {"0/?a", SOCKETIO_CONNECT, 0, "/", "a", SOCKETIO_NO_ID, ""},
    {"1/admin,", SOCKETIO_DISCONNECT, 0, "/admin", "", SOCKETIO_NO_ID, ""},
    {"2[\"a\"]", SOCKETIO_EVENT, 0, "/", "", SOCKETIO_NO_ID, "[\"a\"]"},
    {"212[\"a\"]", SOCKETIO_EVENT, 0, "/", "", 12, "[\"a\"]"},
    {"2/admin,0[\"a\"]", SOCKETIO_EVENT, 0, "/admin", "", 0, "[\"a\"]"},
    {"29007199254740991[]", SOCKETIO_EVENT, 0, "/", "", 9007199254740991, "[]"},
    {"3/admin,13[]", SOCKETIO_ACK, 0, "/admin", "", 13, "[]"},
    {"4{}", SOCKETIO_CONNECT_ERROR, 0, "/", "", SOCKETIO_NO_ID, "{}"},
    {"51-[\"a\"]", SOCKETIO_BINARY_EVENT, 1, "/", "", SOCKETIO_NO_ID, "[\"a\"]"},
    {"510-/admin,7[\"a\"]", SOCKETIO_BINARY_EVENT, 10, "/admin", "", 7, "[\"a\"]"},
    {"61-15[]", SOCKETIO_BINARY_ACK, 1, "/", "", 15, "[]"},
};

static void a_header_is_read_in_its_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        const struct header_case *expected = &headers[i];
        struct socketio_packet packet;

        assert_true(socketio_packet_parse(expected->text, strlen(expected->text), &packet));
        assert_int_equal(packet.type, expected->type);
        assert_int_equal(packet.attachments, expected->attachments);
        assert_int_equal(packet.name_space_length, strlen(expected->name_space));
        assert_memory_equal(packet.name_space, expected->name_space, packet.name_space_length);
        assert_int_equal(packet.query_length, strlen(expected->query));
        assert_memory_equal(packet.query, expected->query, packet.query_length);
        assert_int_equal(packet.id, expected->id);
        assert_int_equal(packet.payload_length, strlen(expected->payload));
        assert_memory_equal(packet.payload, expected->payload, packet.payload_length);
    }
}

static void what_is_no_header_is_no_packet(void **state)
{
    static const char *const texts[] = {"",
                                        "7",
                                        "a",
                                        "-",
                                        " 2[]",
                                        "5[]",
                                        "5-[]",
                                        "50-[]",
                                        "5a-[]",
                                        "511-[]",
                                        "51[]",
                                        "51",
                                        "6",
                                        "6-",
                                        "599999999999999-",
                                        "29007199254740992[]",
                                        "299999999999999999999[]"};
    struct socketio_packet packet;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_false(socketio_packet_parse(texts[i], strlen(texts[i]), &packet));
}

struct payload_case {
    const char *text;
    enum socketio_payload_result result;
};

static const struct payload_case payloads[] = {
    {"0", SOCKETIO_PAYLOAD_GOOD},
    {"0{}", SOCKETIO_PAYLOAD_GOOD},
    {"0[]", SOCKETIO_PAYLOAD_MALFORMED},
    {"0null", SOCKETIO_PAYLOAD_MALFORMED},
    {"0{\"a\":1,\"a\":2}", SOCKETIO_PAYLOAD_REFUSED},
    {"0{\"a\":", SOCKETIO_PAYLOAD_MALFORMED},
    {"1", SOCKETIO_PAYLOAD_MALFORMED},
    {"1{}", SOCKETIO_PAYLOAD_MALFORMED},
    {"2", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2{}", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[null]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[[\"a\"]]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"a\"]", SOCKETIO_PAYLOAD_GOOD},
    {"2[\"a\"]x", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[7,8]", SOCKETIO_PAYLOAD_GOOD},
    {"2[\"connect\"]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"connect_error\"]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"disconnect\"]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"disconnecting\"]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"newListener\"]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"removeListener\"]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"a\",\"\\u0000\"]", SOCKETIO_PAYLOAD_REFUSED},
    {"2[\"a\",\"\\ud800\"]", SOCKETIO_PAYLOAD_REFUSED},
    {"2 [ \"a\",\"\\ud800\"]", SOCKETIO_PAYLOAD_REFUSED},
    {"2[\"a\",\"\\ud800\"]]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"a\",\"\\ud800\",tru]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2['a']", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[true,\"\\ud800\"]", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[-7,\"\\ud800\"]", SOCKETIO_PAYLOAD_REFUSED},
    {"2{\"a\":\"\\ud800\"}", SOCKETIO_PAYLOAD_MALFORMED},
    {"2\"\\ud800\"", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"a\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
     SOCKETIO_PAYLOAD_REFUSED},
    {"2[\"a\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
     SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"a\","
     "\"012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
     "4567890123456\"]",
     SOCKETIO_PAYLOAD_REFUSED}, /* of 101 bytes */
    {"1\"\\ud800\"", SOCKETIO_PAYLOAD_MALFORMED},
    {"2[\"a\",{\"_placeholder\":true,\"num\":0}]", SOCKETIO_PAYLOAD_GOOD},
    {"3[]", SOCKETIO_PAYLOAD_GOOD},
    {"3{}", SOCKETIO_PAYLOAD_MALFORMED},
    {"3", SOCKETIO_PAYLOAD_MALFORMED},
    {"4{}", SOCKETIO_PAYLOAD_MALFORMED},
    {"51-[\"a\"]", SOCKETIO_PAYLOAD_GOOD},
    {"51-[\"a\",{\"_placeholder\":true,\"num\":0}]", SOCKETIO_PAYLOAD_GOOD},
    {"51-[\"a\",[{\"b\":{\"_placeholder\":true,\"num\":0}}]]", SOCKETIO_PAYLOAD_GOOD},
    {"51-[\"a\",{\"_placeholder\":true,\"num\":1}]", SOCKETIO_PAYLOAD_MALFORMED},
    {"51-[\"a\",[{\"b\":{\"_placeholder\":true,\"num\":-1}}]]", SOCKETIO_PAYLOAD_MALFORMED},
    {"51-[\"a\",{\"_placeholder\":true}]", SOCKETIO_PAYLOAD_MALFORMED},
    {"51-[\"a\",{\"_placeholder\":true,\"num\":0.5}]", SOCKETIO_PAYLOAD_MALFORMED},
    {"51-[\"a\",{\"_placeholder\":1,\"num\":7}]", SOCKETIO_PAYLOAD_GOOD},
    {"61-1[{\"_placeholder\":true,\"num\":0}]", SOCKETIO_PAYLOAD_GOOD},
};

static void a_payload_is_good_refused_or_malformed(void **state)
{
    static const struct socketio_payload_rules rules = {100, NULL};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(payloads); i++) {
        struct socketio_packet packet;
        struct json_object *tree;
        struct error error;

        print_message("# %s\n", payloads[i].text);
        assert_true(socketio_packet_parse(payloads[i].text, strlen(payloads[i].text), &packet));
        enum socketio_payload_result result = socketio_payload_read(&packet, &rules, &tree, &error);
        assert_int_equal(result, payloads[i].result);
        assert_int_equal(tree != NULL, result == SOCKETIO_PAYLOAD_GOOD);
        if (result == SOCKETIO_PAYLOAD_REFUSED)
            assert_true(error.kind == (packet.payload_length > rules.max_bytes ? ERROR_TOO_LARGE
                                                                               : ERROR_INVALID) &&
                        error.text[0] != '\0');
        json_object_put(tree);
    }
}

static void check_text(struct block *block, const char *expected)
{
    assert_non_null(block);
    assert_int_equal(block->length - block->header_length, strlen(expected));
    assert_memory_equal(block->bytes + block->header_length, expected, strlen(expected));
    block_release(block);
}

static void packets_are_encoded_as_the_reference_parser_does(void **state)
{
    const struct socketio_header connect = {SOCKETIO_CONNECT, 0, "/", SOCKETIO_NO_ID},
                                 left = {SOCKETIO_DISCONNECT, 0, "/admin", SOCKETIO_NO_ID},
                                 ack = {SOCKETIO_ACK, 0, "/admin", 13},
                                 binary = {SOCKETIO_BINARY_EVENT, 2, "/", 0};

    (void)state;
    check_text(socketio_encode(&connect, "{\"sid\":\"x\"}", 11), "40{\"sid\":\"x\"}");
    check_text(socketio_encode(&left, NULL, 0), "41/admin,");
    check_text(socketio_encode_arguments(&ack, NULL, "1,{}", 4), "43/admin,13[1,{}]");
    check_text(socketio_encode_arguments(&ack, NULL, "", 0), "43/admin,13[]");
    check_text(socketio_encode_arguments(&binary, "a\"b", "", 0), "452-0[\"a\\\"b\"]");
    check_text(socketio_encode_event("/", "hi", NULL, 0, NULL), "42[\"hi\"]");
    check_text(socketio_encode_event("/m", "hi", "{\"a\":1}", 7, "42"),
               "42/m,[\"hi\",{\"a\":1},\"42\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_read_in_its_parts),
        cmocka_unit_test(what_is_no_header_is_no_packet),
        cmocka_unit_test(a_payload_is_good_refused_or_malformed),
        cmocka_unit_test(packets_are_encoded_as_the_reference_parser_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
