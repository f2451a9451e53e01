/*
 * Socket.IO packets, and the payload of events as the application reads it. A packet that is taken
 * is encoded again, and must then be taken again.
 */
#include <string.h>

#include <json-c/json_object.h>

#include "broker/protocol/socketio_packet.h"
#include "db/input.h"
#include "tests/fuzz/fuzz.h"

/* Written out, a text may be longer than it was. */
static const struct socketio_payload_rules rules = {INPUT_MAX_BYTES, NULL};
static const struct socketio_payload_rules again_rules = {6 * INPUT_MAX_BYTES, NULL};

/* The readers of our events' payloads get whatever a client sends. */
static void read_event(struct json_object *arguments)
{
    struct message_input message;
    struct error error;

    if (json_object_array_length(arguments) < 2)
        return;
    error_clear(&error);
    message_input_read(json_object_array_get_idx(arguments, 1), &message, &error);
}

static void check_again(const struct socketio_packet *packet, struct json_object *tree)
{
    struct socketio_header header = {packet->type, packet->attachments, NULL, packet->id};
    const char *text = json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN);
    char *name = strndup(packet->name_space, packet->name_space_length);
    struct socketio_packet again;
    struct json_object *tree_again;
    struct error error;

    FUZZ_CHECK(text && name);
    header.name_space = name;
    struct block *block = socketio_encode(&header, text, strlen(text));
    FUZZ_CHECK(block);
    const char *bytes = block->bytes + block->header_length + 1;
    size_t length = block->length - block->header_length - 1;
    if (strlen(name) == packet->name_space_length) { /* no NUL in it */
        FUZZ_CHECK(socketio_packet_parse(bytes, length, &again));
        FUZZ_CHECK(again.type == packet->type && again.attachments == packet->attachments);
        FUZZ_CHECK(again.id == packet->id);
        FUZZ_CHECK(socketio_payload_read(&again, &again_rules, &tree_again, &error) ==
                   SOCKETIO_PAYLOAD_GOOD);
        json_object_put(tree_again);
    }
    block_release(block);
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct socketio_packet packet;
    struct json_object *tree;
    struct error error;

    if (!socketio_packet_parse((const char *)data, size, &packet))
        return 0;
    FUZZ_CHECK(packet.payload + packet.payload_length == (const char *)data + size);
    FUZZ_CHECK(packet.attachments <= SOCKETIO_ATTACHMENTS_MAX);
    if (socketio_payload_read(&packet, &rules, &tree, &error) == SOCKETIO_PAYLOAD_GOOD) {
        if (packet.type == SOCKETIO_EVENT)
            read_event(tree);
        check_again(&packet, tree);
    }
    json_object_put(tree);
    return 0;
}
