#include "broker/protocol/socketio_packet.h"

#include <json-c/linkhash.h>
#include <string.h>

#include "broker/protocol/engineio_packet.h"
#include "common/buffer.h"
#include "common/json_writer.h"

#define MAIN_NAMESPACE "/"

/* ---- header -------------------------------------------------------------------------------- */

struct reader {
    const char *at, *end;
};

static char peek(const struct reader *reader)
{
    return reader->at < reader->end ? *reader->at : '\0';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Digits up to a limit. False when there are none or the number is above it. */
static bool read_number(struct reader *reader, int64_t limit, int64_t *number)
{
    if (!is_digit(peek(reader)))
        return false;
    for (*number = 0; is_digit(peek(reader)); reader->at++) {
        int digit = *reader->at - '0';

        if (*number > (limit - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static bool read_attachments(struct reader *reader, struct socketio_packet *packet)
{
    int64_t count;

    if (packet->type != SOCKETIO_BINARY_EVENT && packet->type != SOCKETIO_BINARY_ACK)
        return true;
    if (!read_number(reader, SOCKETIO_ATTACHMENTS_MAX, &count) || count == 0 || peek(reader) != '-')
        return false;
    reader->at++;
    packet->attachments = (unsigned)count;
    return true;
}

static void read_name_space(struct reader *reader, struct socketio_packet *packet)
{
    packet->name_space = MAIN_NAMESPACE;
    packet->name_space_length = strlen(MAIN_NAMESPACE);
    packet->query = "";
    if (peek(reader) != '/')
        return;
    size_t rest = (size_t)(reader->end - reader->at);
    const char *comma = memchr(reader->at, ',', rest);
    size_t length = comma != NULL ? (size_t)(comma - reader->at) : rest;
    const char *question = memchr(reader->at, '?', length);

    packet->name_space = reader->at;
    packet->name_space_length = question != NULL ? (size_t)(question - reader->at) : length;
    if (question != NULL) {
        packet->query = question + 1;
        packet->query_length = length - packet->name_space_length - 1;
    }
    reader->at += comma != NULL ? length + 1 : length;
}

bool socketio_packet_parse(const char *text, size_t length, struct socketio_packet *packet)
{
    struct reader reader = {text, text + length};

    *packet = (struct socketio_packet){.id = SOCKETIO_NO_ID};
    if (length == 0 || text[0] < '0' || text[0] > '0' + SOCKETIO_BINARY_ACK)
        return false;
    packet->type = (enum socketio_type)(text[0] - '0');
    reader.at++;
    if (!read_attachments(&reader, packet))
        return false;
    read_name_space(&reader, packet);
    if (is_digit(peek(&reader)) && !read_number(&reader, SOCKETIO_ID_MAX, &packet->id))
        return false;
    packet->payload = reader.at;
    packet->payload_length = (size_t)(reader.end - reader.at);
    return true;
}

/* ---- payload ------------------------------------------------------------------------------- */

/* What the official clients emit to themselves: a page must not be made to believe that it was
 * they. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                           "disconnecting", "newListener",   "removeListener"};

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strcmp(name, reserved[i]) == 0)
            return true;
    }
    return false;
}

static bool begins_with_name(struct json_object *array)
{
    struct json_object *first =
        json_object_array_length(array) > 0 ? json_object_array_get_idx(array, 0) : NULL;

    if (json_object_is_type(first, json_type_string))
        return !is_reserved(json_object_get_string(first));
    return json_object_is_type(first, json_type_int) ||
           json_object_is_type(first, json_type_double);
}

static bool has_right_shape(enum socketio_type type, struct json_object *tree)
{
    switch (type) {
    case SOCKETIO_CONNECT:
        return json_object_is_type(tree, json_type_object);
    case SOCKETIO_EVENT:
    case SOCKETIO_BINARY_EVENT:
        return json_object_is_type(tree, json_type_array) && begins_with_name(tree);
    case SOCKETIO_ACK:
    case SOCKETIO_BINARY_ACK:
        return json_object_is_type(tree, json_type_array);
    case SOCKETIO_DISCONNECT:
    case SOCKETIO_CONNECT_ERROR:
        break;
    }
    return false;
}

/* Whether every {"_placeholder":true,"num":n} in the tree has an attachment. The depth is bounded
 * by json_read. */
static bool placeholders_are_valid(struct json_object *tree, unsigned attachments)
{
    if (json_object_is_type(tree, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(tree); i++) {
            if (!placeholders_are_valid(json_object_array_get_idx(tree, i), attachments))
                return false;
        }
    } else if (json_object_is_type(tree, json_type_object)) {
        struct json_object *mark = json_get(tree, "_placeholder");
        int64_t number;

        if (json_object_is_type(mark, json_type_boolean) && json_object_get_boolean(mark))
            return json_integer(json_get(tree, "num"), &number) && number >= 0 &&
                   number < attachments;
        json_object_object_foreach(tree, key, value)
        {
            (void)key;
            if (!placeholders_are_valid(value, attachments))
                return false;
        }
    }
    return true;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at) != NULL && *at != '\0')
        at++;
    return at;
}

/* As has_right_shape, as far as the beginning of a text shows it. */
static bool begins_rightly(enum socketio_type type, const char *payload, size_t length)
{
    const char *end = payload + length;
    const char *at = skip_blanks(payload, end);

    if (at == end || *at != (type == SOCKETIO_CONNECT ? '{' : '['))
        return false;
    if (type != SOCKETIO_EVENT && type != SOCKETIO_BINARY_EVENT)
        return true;
    at = skip_blanks(at + 1, end);
    return at < end && (*at == '"' || *at == '-' || is_digit(*at));
}

/* What the strict reader refuses may still be what the protocol asks for. */
static enum socketio_payload_result judge_refused(const struct socketio_packet *packet)
{
    bool may_be_good = packet->type != SOCKETIO_DISCONNECT &&
                       packet->type != SOCKETIO_CONNECT_ERROR &&
                       begins_rightly(packet->type, packet->payload, packet->payload_length) &&
                       json_is_well_formed(packet->payload, packet->payload_length);

    return may_be_good ? SOCKETIO_PAYLOAD_REFUSED : SOCKETIO_PAYLOAD_MALFORMED;
}

enum socketio_payload_result
socketio_payload_refuse_length(const struct socketio_payload_rules *rules, struct error *error)
{
    error_set(error, ERROR_TOO_LARGE, "Le message dépasse %zu octets", rules->max_bytes);
    return SOCKETIO_PAYLOAD_REFUSED;
}

enum socketio_payload_result socketio_payload_read(const struct socketio_packet *packet,
                                                   const struct socketio_payload_rules *rules,
                                                   struct json_object **tree, struct error *error)
{
    const char *payload = packet->payload;
    size_t length = packet->payload_length;

    *tree = NULL;
    error_clear(error);
    if (length > rules->max_bytes)
        return socketio_payload_refuse_length(rules, error);
    if (length == 0 && packet->type == SOCKETIO_CONNECT) {
        payload = "{}";
        length = strlen(payload);
    }
    struct json_object *read = json_read_members(payload, length, rules->members, error);
    if (read == NULL)
        return error->kind == ERROR_INVALID ? judge_refused(packet) : SOCKETIO_PAYLOAD_REFUSED;
    if (!has_right_shape(packet->type, read) ||
        (packet->attachments > 0 && !placeholders_are_valid(read, packet->attachments))) {
        json_object_put(read);
        return SOCKETIO_PAYLOAD_MALFORMED;
    }
    *tree = read;
    return SOCKETIO_PAYLOAD_GOOD;
}

/* ---- encoding ------------------------------------------------------------------------------ */

static void append_header(struct buffer *out, const struct socketio_header *header)
{
    buffer_append_format(out, "%d", (int)header->type);
    if (header->attachments > 0)
        buffer_append_format(out, "%u-", header->attachments);
    if (strcmp(header->name_space, MAIN_NAMESPACE) != 0)
        buffer_append_format(out, "%s,", header->name_space);
    if (header->id != SOCKETIO_NO_ID)
        buffer_append_format(out, "%lld", (long long)header->id);
}

/* The finished text as an Engine.IO message; frees the buffer. */
static struct block *finish_packet(struct buffer *text)
{
    struct block *block = NULL;

    if (!text->failed)
        block = engineio_packet_encode(ENGINEIO_MESSAGE, text->data, text->length);
    buffer_free(text);
    return block;
}

struct block *socketio_encode(const struct socketio_header *header, const char *payload,
                              size_t length)
{
    struct buffer text = BUFFER_EMPTY;

    append_header(&text, header);
    buffer_append(&text, payload, length);
    return finish_packet(&text);
}

static struct block *encode_array(const struct socketio_header *header, const char *name,
                                  const char *arguments, size_t length, const char *offset)
{
    struct buffer text = BUFFER_EMPTY;
    struct json_writer writer;

    append_header(&text, header);
    json_writer_init(&writer, &text);
    json_begin_array(&writer);
    if (name != NULL)
        json_write_text(&writer, name);
    if (length > 0)
        json_write_raw(&writer, arguments, length);
    if (offset != NULL)
        json_write_text(&writer, offset);
    json_end_array(&writer);
    return finish_packet(&text);
}

struct block *socketio_encode_arguments(const struct socketio_header *header, const char *name,
                                        const char *arguments, size_t length)
{
    return encode_array(header, name, arguments, length, NULL);
}

struct block *socketio_encode_event(const char *name_space, const char *name, const char *arguments,
                                    size_t length, const char *offset)
{
    const struct socketio_header header = {SOCKETIO_EVENT, 0, name_space, SOCKETIO_NO_ID};

    return encode_array(&header, name, arguments, length, offset);
}
