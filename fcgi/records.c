#include "fcgi/records.h"

#include <errno.h>
#include <fastcgi.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

/* Most content of a record of ours: the largest multiple of 8, so that none needs padding (the
 * specification only recommends it, web servers cope with either). */
#define CONTENT_MAX_BYTES 65528
/* Records that go out with one system call. */
#define RECORDS_PER_SEND 16
/* Of each record: its header, the rest of the head, some of the body. */
#define PIECES_PER_RECORD 3

/* ---- looking -------------------------------------------------------------------------------- */

/* Walks over parameters (section 3.4), which may be cut anywhere into records. */
struct parameter_walk {
    unsigned char length_bytes[8]; /* of the name, then of the value, each 1 or 4 bytes */
    size_t length_count;
    size_t skip; /* bytes of name and value still to come */
};

/* How many bytes the length takes that starts with this one. */
static size_t length_size(unsigned char first)
{
    return (first & 0x80) != 0 ? 4 : 1;
}

static size_t read_length(const unsigned char *bytes)
{
    if (length_size(bytes[0]) == 1)
        return bytes[0];
    return (size_t)(bytes[0] & 0x7f) << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 |
           bytes[3];
}

/* Takes one byte of the two lengths. False when they are too large. */
static bool take_length_byte(struct parameter_walk *walk, unsigned char byte)
{
    const unsigned char *bytes = walk->length_bytes;

    walk->length_bytes[walk->length_count++] = byte;
    size_t name_size = length_size(bytes[0]);
    if (walk->length_count <= name_size ||
        walk->length_count < name_size + length_size(bytes[name_size]))
        return true;
    walk->skip = read_length(bytes) + read_length(bytes + name_size);
    walk->length_count = 0;
    return walk->skip <= RECORD_PARAMETER_MAX_BYTES;
}

static bool walk_parameters(struct parameter_walk *walk, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        if (walk->skip > 0) {
            size_t skipped = walk->skip < length ? walk->skip : length;
            walk->skip -= skipped;
            bytes += skipped;
            length -= skipped;
        } else {
            if (!take_length_byte(walk, *bytes++))
                return false;
            length--;
        }
    }
    return true;
}

/* Where a request has got to. */
struct request_walk {
    int type; /* of the records that come next */
    int id;
    struct parameter_walk parameters;
    bool is_ended;
};

static bool begin_request(struct request_walk *walk, const FCGI_Header *header, int id,
                          size_t content)
{
    if (header->type != FCGI_BEGIN_REQUEST || content != sizeof(FCGI_BeginRequestBody) || id == 0)
        return false;
    walk->id = id;
    walk->type = FCGI_PARAMS;
    return true;
}

static size_t content_length(const FCGI_Header *header)
{
    return (size_t)header->contentLengthB1 << 8 | header->contentLengthB0;
}

/* Takes a record of which `present` bytes of content have arrived. */
static bool take_record(struct request_walk *walk, const FCGI_Header *header,
                        const unsigned char *bytes, size_t present)
{
    size_t content = content_length(header);
    int id = header->requestIdB1 << 8 | header->requestIdB0;

    if (header->version != FCGI_VERSION_1)
        return false;
    if (walk->type == FCGI_BEGIN_REQUEST)
        return begin_request(walk, header, id, content);
    if (id != walk->id)
        return false;
    if (header->type == FCGI_ABORT_REQUEST)
        return walk->is_ended = true;
    if (header->type != walk->type)
        return false;
    if (content > 0)
        return walk->type != FCGI_PARAMS || walk_parameters(&walk->parameters, bytes, present);
    walk->is_ended = walk->type == FCGI_STDIN;
    walk->type = FCGI_STDIN;
    return true;
}

/* Between requests: a record that is none of theirs. Unknown types are told so whatever their
 * request. */
static bool is_management(const FCGI_Header *header)
{
    bool is_unknown = header->type == 0 || header->type > FCGI_MAXTYPE;
    bool has_no_request = header->requestIdB1 == 0 && header->requestIdB0 == 0;

    return header->version == FCGI_VERSION_1 &&
           (is_unknown || (has_no_request && header->type >= FCGI_GET_VALUES));
}

size_t records_size(const void *bytes)
{
    FCGI_Header header;

    memcpy(&header, bytes, sizeof(header));
    return sizeof(header) + content_length(&header) + header.paddingLength;
}

static enum records_state check_management(const void *bytes, size_t length)
{
    size_t size = records_size(bytes);

    if (size > RECORD_MANAGEMENT_MAX_BYTES)
        return RECORDS_NONSENSE;
    return size <= length ? RECORDS_MANAGEMENT : RECORDS_PARTIAL;
}

enum records_state records_check(const void *bytes, size_t length)
{
    struct request_walk walk = {.type = FCGI_BEGIN_REQUEST};
    const unsigned char *rest = bytes;
    FCGI_Header header;

    if (length >= sizeof(header)) {
        memcpy(&header, bytes, sizeof(header));
        if (is_management(&header))
            return check_management(bytes, length);
    }

    while (length >= sizeof(header)) {
        memcpy(&header, rest, sizeof(header));
        rest += sizeof(header);
        length -= sizeof(header);
        size_t content = content_length(&header);
        if (!take_record(&walk, &header, rest, content < length ? content : length))
            return RECORDS_NONSENSE;
        if (walk.is_ended)
            return RECORDS_WHOLE;
        if (content + header.paddingLength > length)
            break;
        rest += content + header.paddingLength;
        length -= content + header.paddingLength;
    }
    return walk.type == FCGI_STDIN ? RECORDS_PARAMETERS : RECORDS_PARTIAL;
}

/* ---- answering ------------------------------------------------------------------------------ */

static FCGI_Header make_header(unsigned char type, int id, size_t content_length)
{
    return (FCGI_Header){
        .version = FCGI_VERSION_1,
        .type = type,
        .requestIdB1 = (unsigned char)(id >> 8),
        .requestIdB0 = (unsigned char)id,
        .contentLengthB1 = (unsigned char)(content_length >> 8),
        .contentLengthB0 = (unsigned char)content_length,
    };
}

/* The end of standard output and of the request. */
struct trailer {
    FCGI_Header end_of_output;
    FCGI_EndRequestRecord end_of_request;
};

static struct trailer make_trailer(int id, unsigned char protocol_status)
{
    return (struct trailer){
        .end_of_output = make_header(FCGI_STDOUT, id, 0),
        .end_of_request = {.header = make_header(FCGI_END_REQUEST, id, sizeof(FCGI_EndRequestBody)),
                           .body = {.protocolStatus = protocol_status}},
    };
}

/* What is collected for one system call. */
struct outgoing {
    struct iovec pieces[RECORDS_PER_SEND * PIECES_PER_RECORD + 1]; /* and the trailer */
    size_t piece_count;
    FCGI_Header headers[RECORDS_PER_SEND];
    size_t record_count;
};

static void add_piece(struct outgoing *outgoing, const void *data, size_t length)
{
    if (length > 0)
        outgoing->pieces[outgoing->piece_count++] = (struct iovec){(void *)(uintptr_t)data, length};
}

/* Moves up to `wanted` bytes from the front of *text to the pieces; returns how many. */
static size_t take_piece(struct outgoing *outgoing, struct text_span *text, size_t wanted)
{
    size_t length = text->length < wanted ? text->length : wanted;

    add_piece(outgoing, text->data, length);
    text->data += length;
    text->length -= length;
    return length;
}

/* Drops what has been sent from the front of the message. */
static void drop_sent(struct msghdr *message, size_t sent)
{
    while (message->msg_iovlen > 0 && sent >= message->msg_iov->iov_len) {
        sent -= message->msg_iov->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
    if (sent > 0) {
        message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + sent;
        message->msg_iov->iov_len -= sent;
    }
}

/* Sends all that is collected. */
static bool flush(struct outgoing *outgoing, records_sender *send, void *context)
{
    struct msghdr message = {.msg_iov = outgoing->pieces, .msg_iovlen = outgoing->piece_count};

    while (message.msg_iovlen > 0) {
        ssize_t sent = send(context, &message);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        drop_sent(&message, (size_t)sent);
    }
    outgoing->piece_count = 0;
    outgoing->record_count = 0;
    return true;
}

bool records_send_answer(int id, struct text_span head, struct text_span body, records_sender *send,
                         void *context)
{
    struct trailer trailer = make_trailer(id, FCGI_REQUEST_COMPLETE);
    struct outgoing outgoing;

    outgoing.piece_count = 0;
    outgoing.record_count = 0;
    while (head.length + body.length > 0) {
        size_t content = head.length + body.length;
        if (content > CONTENT_MAX_BYTES)
            content = CONTENT_MAX_BYTES;
        FCGI_Header *header = &outgoing.headers[outgoing.record_count++];
        *header = make_header(FCGI_STDOUT, id, content);
        add_piece(&outgoing, header, sizeof(*header));
        content -= take_piece(&outgoing, &head, content);
        take_piece(&outgoing, &body, content);
        if (outgoing.record_count == RECORDS_PER_SEND && !flush(&outgoing, send, context))
            return false;
    }
    add_piece(&outgoing, &trailer, sizeof(trailer));
    return flush(&outgoing, send, context);
}

bool records_send_unknown_role(int id, records_sender *send, void *context)
{
    struct trailer trailer = make_trailer(id, FCGI_UNKNOWN_ROLE);
    struct outgoing outgoing = {.piece_count = 0};

    add_piece(&outgoing, &trailer.end_of_request, sizeof(trailer.end_of_request));
    return flush(&outgoing, send, context);
}

/* ---- management ----------------------------------------------------------------------------- */

/* Of the answer to FCGI_GET_VALUES: three names of 15 bytes at most, their values, two lengths
 * each. */
#define VALUES_BYTES 128

enum { VALUE_CONNECTIONS, VALUE_REQUESTS, VALUE_MULTIPLEXES, VALUE_COUNT };

static const char *const value_names[VALUE_COUNT] = {
    [VALUE_CONNECTIONS] = FCGI_MAX_CONNS,
    [VALUE_REQUESTS] = FCGI_MAX_REQS,
    [VALUE_MULTIPLEXES] = FCGI_MPXS_CONNS,
};

/* Takes the next length; false at the end of the bytes. */
static bool take_length(struct text_span *rest, size_t *length)
{
    const unsigned char *bytes = (const unsigned char *)rest->data;

    if (rest->length == 0 || rest->length < length_size(bytes[0]))
        return false;
    *length = read_length(bytes);
    rest->data += length_size(bytes[0]);
    rest->length -= length_size(bytes[0]);
    return true;
}

/* Which values are asked for; what follows a pair that is cut off is not looked at. */
static void find_names(struct text_span rest, bool is_asked[VALUE_COUNT])
{
    size_t name, value;

    while (take_length(&rest, &name) && take_length(&rest, &value) && name <= rest.length &&
           value <= rest.length - name) {
        for (size_t i = 0; i < VALUE_COUNT; i++)
            if (strlen(value_names[i]) == name && memcmp(value_names[i], rest.data, name) == 0)
                is_asked[i] = true;
        rest.data += name + value;
        rest.length -= name + value;
    }
}

/* Writes the pairs; gives their length. */
static size_t write_values(const bool is_asked[VALUE_COUNT], int64_t max_connections,
                           char out[VALUES_BYTES])
{
    size_t length = 0;

    for (size_t i = 0; i < VALUE_COUNT; i++) {
        char number[24];
        if (!is_asked[i])
            continue;
        snprintf(number, sizeof(number), "%" PRId64,
                 i == VALUE_MULTIPLEXES ? INT64_C(0) : max_connections);
        length += (size_t)snprintf(out + length, VALUES_BYTES - length, "%c%c%s%s",
                                   (int)strlen(value_names[i]), (int)strlen(number), value_names[i],
                                   number);
    }
    return length;
}

static bool send_record(unsigned char type, const void *content, size_t length,
                        records_sender *send, void *context)
{
    const FCGI_Header header = make_header(type, FCGI_NULL_REQUEST_ID, length);
    struct outgoing outgoing = {.piece_count = 0};

    add_piece(&outgoing, &header, sizeof(header));
    add_piece(&outgoing, content, length);
    return flush(&outgoing, send, context);
}

bool records_answer_management(const void *bytes, int64_t max_connections, records_sender *send,
                               void *context)
{
    bool is_asked[VALUE_COUNT] = {false};
    char values[VALUES_BYTES];
    FCGI_Header header;

    memcpy(&header, bytes, sizeof(header));
    if (header.type != FCGI_GET_VALUES) {
        const FCGI_UnknownTypeBody unknown = {.type = header.type};
        return send_record(FCGI_UNKNOWN_TYPE, &unknown, sizeof(unknown), send, context);
    }
    find_names((struct text_span){(const char *)bytes + sizeof(header), content_length(&header)},
               is_asked);
    size_t length = write_values(is_asked, max_connections, values);
    return send_record(FCGI_GET_VALUES_RESULT, values, length, send, context);
}
