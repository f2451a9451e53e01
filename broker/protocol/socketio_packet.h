/*
 * Socket.IO protocol 5, the encoding: what an Engine.IO message holds. No I/O and no state.
 *
 *   type[attachments-][/namespace[?query],][id][payload]
 *
 * The header is read without looking at the payload, which is JSON and checked by
 * socketio_payload_read: an event that has to wait its turn is not parsed before.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_PACKET_H
#define MESSAGERIE_BROKER_PROTOCOL_SOCKETIO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/transport/output.h"
#include "common/error.h"
#include "common/json_reader.h"

/* Binary attachments of one packet, as in the reference parser. */
#define SOCKETIO_ATTACHMENTS_MAX 10
/* A packet without an id, an event that asks for no acknowledgement. */
#define SOCKETIO_NO_ID (-1)
/* Ids are numbers that JavaScript can count with. */
#define SOCKETIO_ID_MAX JSON_INTEGER_MAX

enum socketio_type {
    SOCKETIO_CONNECT,
    SOCKETIO_DISCONNECT,
    SOCKETIO_EVENT,
    SOCKETIO_ACK,
    SOCKETIO_CONNECT_ERROR,
    SOCKETIO_BINARY_EVENT,
    SOCKETIO_BINARY_ACK,
};

/* The parts of a packet, within its text. */
struct socketio_packet {
    enum socketio_type type;
    unsigned attachments;
    const char *name_space; /* with its slash */
    size_t name_space_length;
    const char *query; /* behind the namespace's "?" */
    size_t query_length;
    int64_t id; /* or SOCKETIO_NO_ID */
    const char *payload;
    size_t payload_length;
};

/* False when it is no packet. */
bool socketio_packet_parse(const char *text, size_t length, struct socketio_packet *packet);

/* What is taken of a payload. */
struct socketio_payload_rules {
    size_t max_bytes; /* a longer one is refused without a look at it */
    const char *const
        *members; /* of its objects that are kept, as in json_read_members; NULL: all */
};

/* The members by which the protocol marks an attachment's place; to be among those that are kept
 * wherever attachments are looked at. */
#define SOCKETIO_MEMBERS "_placeholder", "num"

enum socketio_payload_result {
    SOCKETIO_PAYLOAD_GOOD,
    /* JSON of the right shape, but not such as we take (see json_reader.h: a NUL in a text, a lone
     * surrogate, a name twice, too many values), or too long: *error tells. Or no memory. */
    SOCKETIO_PAYLOAD_REFUSED,
    SOCKETIO_PAYLOAD_MALFORMED, /* breaks the protocol */
};

/*
 * Reads and checks the payload of a packet: for CONNECT an object (an empty one when there is
 * none), for events an array that begins with a name that is not reserved, for acknowledgements an
 * array; for any other type none. In binary packets, placeholders must name one of the attachments.
 * *tree is to be freed with json_object_put when good, else NULL.
 */
enum socketio_payload_result socketio_payload_read(const struct socketio_packet *packet,
                                                   const struct socketio_payload_rules *rules,
                                                   struct json_object **tree, struct error *error);

/* The refusal of a payload that is longer than the rules have it. */
enum socketio_payload_result
socketio_payload_refuse_length(const struct socketio_payload_rules *rules, struct error *error);

/* ---- encoding; all return NULL without memory ---------------------------------------------- */

/* What is common to packets that we send. */
struct socketio_header {
    enum socketio_type type;
    unsigned attachments; /* of the binary types */
    const char *name_space;
    int64_t id; /* or SOCKETIO_NO_ID */
};

/* A packet with that payload, which is JSON or empty. */
struct block *socketio_encode(const struct socketio_header *header, const char *payload,
                              size_t length);

/* The same with the payload ["name",arguments]: `name` may be NULL (acknowledgements have none),
 * `arguments` is JSON values separated by commas, or empty. */
struct block *socketio_encode_arguments(const struct socketio_header *header, const char *name,
                                        const char *arguments, size_t length);

/*
 * An event that can be sent to any number of sockets of that namespace: encoded once, shared by
 * reference. `offset` (or NULL) is the last argument, by which a client of connection state
 * recovery says what it has seen.
 */
struct block *socketio_encode_event(const char *name_space, const char *name, const char *arguments,
                                    size_t length, const char *offset);

#endif
