#include "tests/unit/broker_fixture.h"

#include "tests/unit/unit_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static int64_t read_clock(void *context)
{
    const struct broker_fixture *fixture = context;

    return fixture->now_ms;
}

void fixture_open(struct broker_fixture *fixture)
{
    struct error error;

    *fixture = (struct broker_fixture){.seed = 1, .now_ms = 1000000};
    fixture->clock = (struct clock){read_clock, read_clock, fixture};
    fixture->random = random_seeded(&fixture->seed);
    fixture->log = (struct log){"test", LOG_LEVEL_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC),
                                &fixture->clock, NULL};
    id_source_init(&fixture->ids, &fixture->clock, &fixture->random);
    fixture->services =
        (struct services){&fixture->log, &fixture->clock, &fixture->random, &fixture->ids};
    error_clear(&error);
    fixture->loop = loop_create(&fixture->services, &error);
    assert_non_null(fixture->loop);
    fixture->endings.loop = fixture->loop;
}

void fixture_close(struct broker_fixture *fixture)
{
    farewell_abort(&fixture->endings);
    loop_free(fixture->loop);
    close(fixture->log.descriptor);
}

void fixture_turn(struct broker_fixture *fixture)
{
    assert_true(loop_turn(fixture->loop, 0));
}

void fixture_pass(struct broker_fixture *fixture, int64_t ms)
{
    fixture->now_ms += ms;
    fixture_turn(fixture);
}

void fixture_socket_pair(int descriptors[2])
{
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, descriptors), 0);
}

/* ---- a client's end ------------------------------------------------------------------------ */

void client_open(struct test_client *client, struct broker_fixture *fixture, int descriptor)
{
    *client = (struct test_client){.fixture = fixture, .descriptor = descriptor};
}

void client_connect(struct test_client *client, struct broker_fixture *fixture, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const int on = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(descriptor >= 0);
    assert_int_equal(connect(descriptor, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    client_open(client, fixture, descriptor);
}

void client_close(struct test_client *client)
{
    close(client->descriptor);
    buffer_free(&client->received);
}

/* Sends what there is room for, and adds its length to *sent. */
static bool send_more(struct test_client *client, const char *bytes, size_t length, size_t *sent)
{
    ssize_t count = send(client->descriptor, bytes + *sent, length - *sent, MSG_NOSIGNAL);

    if (count < 0) {
        assert_int_equal(errno, EAGAIN);
        client_receive(client); /* or both sides wait for each other */
        return false;
    }
    *sent += (size_t)count;
    return *sent == length;
}

void client_send(struct test_client *client, const void *bytes, size_t length)
{
    size_t sent = 0;

    FIXTURE_UNTIL(client->fixture, send_more(client, bytes, length, &sent));
}

void client_send_text(struct test_client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

void client_receive(struct test_client *client)
{
    static char bytes[65536];

    for (;;) {
        ssize_t count = recv(client->descriptor, bytes, sizeof(bytes), 0);

        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0) {
            client->has_ended = true;
            return;
        }
        buffer_append(&client->received, bytes, (size_t)count);
    }
}

static bool has_received(struct test_client *client, size_t length)
{
    client_receive(client);
    return client->received.length >= length;
}

void client_await(struct test_client *client, size_t length)
{
    FIXTURE_UNTIL(client->fixture, has_received(client, length));
}

static bool has_ended(struct test_client *client)
{
    client_receive(client);
    return client->has_ended;
}

void client_await_end(struct test_client *client)
{
    FIXTURE_UNTIL(client->fixture, has_ended(client));
}

void client_take(struct test_client *client, size_t length)
{
    assert_true(length <= client->received.length);
    client->received.length -= length;
    memmove(client->received.data, client->received.data + length, client->received.length);
}

unsigned client_await_response(struct test_client *client, struct buffer *head, struct buffer *body)
{
    const char *end = NULL;
    size_t length = 0;

    for (size_t wanted = 1; end == NULL; wanted = client->received.length + 1) {
        client_await(client, wanted);
        end = strstr(buffer_text(&client->received), "\r\n\r\n");
    }
    size_t head_length = (size_t)(end - client->received.data) + 4;
    const char *field = strcasestr(client->received.data, "\r\nContent-Length:");
    if (field != NULL && field < end)
        length = strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
    client_await(client, head_length + length);
    unsigned status = (unsigned)strtoul(client->received.data + strlen("HTTP/1.1 "), NULL, 10);
    if (head != NULL)
        buffer_append(head, client->received.data, head_length);
    if (body != NULL)
        buffer_append(body, client->received.data + head_length, length);
    client_take(client, head_length + length);
    return status;
}

void client_send_frame(struct test_client *client, int opcode, bool is_final, const char *payload,
                       size_t length)
{
    static const char mask[] = {0x12, 0x34, 0x56, 0x78};
    struct buffer frame = BUFFER_EMPTY;
    char header[10] = {(char)((is_final ? 0x80 : 0) | opcode)};
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;

    header[1] = (char)(0x80 | (extended == 0 ? length : extended == 2 ? 126 : 127));
    for (size_t i = 0; i < extended; i++)
        header[2 + i] = (char)(length >> 8 * (extended - 1 - i));
    buffer_append(&frame, header, 2 + extended);
    buffer_append(&frame, mask, sizeof(mask));
    for (size_t i = 0; i < length; i++) {
        char byte = (char)(payload[i] ^ mask[i % sizeof(mask)]);
        buffer_append(&frame, &byte, 1);
    }
    client_send(client, frame.data, frame.length);
    buffer_free(&frame);
}

int client_await_frame(struct test_client *client, struct buffer *payload)
{
    client_await(client, 2);
    int opcode = client->received.data[0] & 0x0F;
    size_t length = client->received.data[1] & 0x7F;
    size_t extended = length < 126 ? 0 : length == 126 ? 2 : 8;

    client_await(client, 2 + extended);
    if (extended > 0)
        length = 0;
    for (size_t i = 0; i < extended; i++)
        length = length << 8 | (uint8_t)client->received.data[2 + i];
    client_await(client, 2 + extended + length);
    buffer_clear(payload);
    buffer_append(payload, client->received.data + 2 + extended, length);
    client_take(client, 2 + extended + length);
    return opcode;
}
