#include "tests/unit/fastcgi_client.h"

#include "tests/unit/unit_test.h"

#include <errno.h>
#include <fastcgi.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BODY_RECORD_BYTES 16384

int client_socket(void)
{
    const struct timeval timeout = {.tv_sec = CLIENT_TIMEOUT_S};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(descriptor >= 0);
    assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), 0);
    return descriptor;
}

void client_connect_with(int descriptor, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_true(strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
}

int client_connect(const char *path)
{
    int descriptor = client_socket();

    client_connect_with(descriptor, path);
    return descriptor;
}

void client_append_record(struct buffer *out, int type, int id, const void *content, size_t length)
{
    const FCGI_Header header = {
        .version = FCGI_VERSION_1,
        .type = (unsigned char)type,
        .requestIdB1 = (unsigned char)(id >> 8),
        .requestIdB0 = (unsigned char)id,
        .contentLengthB1 = (unsigned char)(length >> 8),
        .contentLengthB0 = (unsigned char)length,
    };

    assert_true(length <= FCGI_MAX_LENGTH);
    buffer_append(out, &header, sizeof(header));
    buffer_append(out, content, length);
}

static void append_length(struct buffer *out, size_t length)
{
    const unsigned char bytes[] = {(unsigned char)(length >> 24 | 0x80),
                                   (unsigned char)(length >> 16), (unsigned char)(length >> 8),
                                   (unsigned char)length};

    if (length < 0x80)
        buffer_append(out, &bytes[3], 1);
    else
        buffer_append(out, bytes, sizeof(bytes));
}

static void append_parameters(struct buffer *out, int id, const char *const *parameters)
{
    struct buffer pairs = BUFFER_EMPTY;

    for (; parameters != NULL && *parameters != NULL; parameters++) {
        const char *equals = strchr(*parameters, '=');
        assert_non_null(equals);
        append_length(&pairs, (size_t)(equals - *parameters));
        append_length(&pairs, strlen(equals + 1));
        buffer_append(&pairs, *parameters, (size_t)(equals - *parameters));
        buffer_append_text(&pairs, equals + 1);
    }
    if (pairs.length > 0)
        client_append_record(out, FCGI_PARAMS, id, pairs.data, pairs.length);
    client_append_record(out, FCGI_PARAMS, id, NULL, 0);
    buffer_free(&pairs);
}

void client_append_request(struct buffer *out, const struct client_request *request)
{
    int id = request->id != 0 ? request->id : 1;
    const FCGI_BeginRequestBody begin = {
        .roleB0 = (unsigned char)(request->role != 0 ? request->role : FCGI_RESPONDER),
        .flags = request->keep ? FCGI_KEEP_CONN : 0,
    };
    size_t sent = 0;

    client_append_record(out, FCGI_BEGIN_REQUEST, id, &begin, sizeof(begin));
    append_parameters(out, id, request->parameters);
    while (sent < request->body_length) {
        size_t length = request->body_length - sent;
        if (length > BODY_RECORD_BYTES)
            length = BODY_RECORD_BYTES;
        client_append_record(out, FCGI_STDIN, id, request->body + sent, length);
        sent += length;
    }
    client_append_record(out, FCGI_STDIN, id, NULL, 0);
}

void client_send(int descriptor, const void *bytes, size_t length)
{
    const char *rest = bytes;

    while (length > 0) {
        ssize_t count = send(descriptor, rest, length, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        assert_true(count > 0);
        rest += count;
        length -= (size_t)count;
    }
}

void client_send_request(int descriptor, const struct client_request *request)
{
    struct buffer bytes = BUFFER_EMPTY;

    client_append_request(&bytes, request);
    client_send(descriptor, bytes.data, bytes.length);
    buffer_free(&bytes);
}

/* False at the end of the connection, which may also be a reset. */
static bool read_exactly(int descriptor, void *out, size_t length)
{
    char *rest = out;

    while (length > 0) {
        ssize_t count = recv(descriptor, rest, length, 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count == 0 || (count < 0 && errno == ECONNRESET))
            return false;
        assert_true(count > 0); /* else it has waited for CLIENT_TIMEOUT_S */
        rest += count;
        length -= (size_t)count;
    }
    return true;
}

void client_read_answer(int descriptor, struct client_answer *answer)
{
    FCGI_Header header;
    char content[FCGI_MAX_LENGTH + 256];

    *answer = (struct client_answer){.output = BUFFER_EMPTY};
    while (!answer->is_ended && read_exactly(descriptor, &header, sizeof(header))) {
        size_t length = (size_t)header.contentLengthB1 << 8 | header.contentLengthB0;
        if (!read_exactly(descriptor, content, length + header.paddingLength))
            return;
        if (header.type == FCGI_STDOUT)
            buffer_append(&answer->output, content, length);
        if (header.type == FCGI_END_REQUEST) {
            answer->is_ended = true;
            answer->protocol_status =
                (unsigned char)content[offsetof(FCGI_EndRequestBody, protocolStatus)];
        }
    }
}

void client_expect(int descriptor, const char *text)
{
    struct client_answer answer;

    client_read_answer(descriptor, &answer);
    assert_true(answer.is_ended);
    assert_int_equal(answer.protocol_status, FCGI_REQUEST_COMPLETE);
    assert_true(answer.output.data != NULL &&
                memmem(answer.output.data, answer.output.length, text, strlen(text)) != NULL);
    buffer_free(&answer.output);
}

void client_expect_end(int descriptor)
{
    char byte;

    assert_false(read_exactly(descriptor, &byte, 1));
}
