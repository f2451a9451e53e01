#include "fcgi/records.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdint.h>
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

/* Takes a record of which `present` bytes of content have arrived. */
static bool take_record(struct request_walk *walk, const FCGI_Header *header,
                        const unsigned char *bytes, size_t present)
{
    size_t content = (size_t)header->contentLengthB1 << 8 | header->contentLengthB0;
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

enum records_state records_check(const void *bytes, size_t length)
{
    struct request_walk walk = {.type = FCGI_BEGIN_REQUEST};
    const unsigned char *rest = bytes;
    FCGI_Header header;

    while (length >= sizeof(header)) {
        memcpy(&header, rest, sizeof(header));
        rest += sizeof(header);
        length -= sizeof(header);
        size_t content = (size_t)header.contentLengthB1 << 8 | header.contentLengthB0;
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
