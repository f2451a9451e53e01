#include "tests/bench/publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BURST_MAX    64
#define HEADER_BYTES 512
#define DRAIN_BYTES  (64 * 1024)

void publisher_write_message(char *out, int64_t time_ns)
{
    static const char head[] = "{\"id\":\"01890000-0000-7000-8000-000000000001\","
                               "\"conversationId\":\"01890000-0000-7000-8000-000000000000\","
                               "\"content\":\"";
    static const char tail[] =
        "\",\"type\":\"TEXT\",\"isRead\":true,\"createdAt\":\"2026-11-24T07:07:46.683Z\","
        "\"sender\":{\"id\":\"u0\",\"role\":\"salon\"},\"attachments\":[]}";
    const size_t tail_at = PUBLISHER_MESSAGE_BYTES - (sizeof(tail) - 1);

    memset(out, 'x', PUBLISHER_MESSAGE_BYTES);
    memcpy(out, head, sizeof(head) - 1);
    stamp_write(out + sizeof(head) - 1, time_ns);
    memcpy(out + tail_at, tail, sizeof(tail) - 1);
}

const char *publisher_split(const char *description, char separator, char *front, size_t size)
{
    const char separators[] = {separator, '\0'};
    size_t length = strcspn(description, separators);

    if (description[length] == '\0' || length >= size) {
        fprintf(stderr, "a publisher's description is not whole: %s\n", description);
        exit(1);
    }
    memcpy(front, description, length);
    front[length] = '\0';
    return description + length;
}

/* ---- publishers over one connection whose answers need not be understood ------------------- */

struct stream {
    struct publisher publisher;
    struct watch watch;
    /* Before and behind each message. */
    char head[HEADER_BYTES];
    size_t head_length;
    const char *tail;
};

static void drain(struct watch *watch)
{
    static char bytes[DRAIN_BYTES];

    if (recv(watch->descriptor, bytes, sizeof(bytes), MSG_DONTWAIT) == 0) {
        fprintf(stderr, "the server closed the publisher's connection\n");
        exit(1);
    }
}

static void publish_stream(struct publisher *publisher, size_t count, int64_t time_ns)
{
    static char bytes[BURST_MAX * (HEADER_BYTES + PUBLISHER_MESSAGE_BYTES + 1)];
    const struct stream *stream = (const struct stream *)(void *)publisher;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + at, stream->head, stream->head_length);
        at += stream->head_length;
        publisher_write_message(bytes + at, time_ns);
        at += PUBLISHER_MESSAGE_BYTES;
        memcpy(bytes + at, stream->tail, strlen(stream->tail));
        at += strlen(stream->tail);
    }
    send_all(stream->watch.descriptor, bytes, at);
}

static void close_stream(struct publisher *publisher)
{
    free(publisher); /* the connection ends with the process */
}

static struct stream *open_stream(const char *target, struct clients *clients)
{
    struct stream *stream = allocate(1, sizeof(*stream));

    stream->publisher =
        (struct publisher){.publish = publish_stream, .close = close_stream, .answers = {0}};
    stream->watch = (struct watch){.descriptor = connect_to(target), .on_readable = drain};
    stream->tail = "";
    clients_watch(clients, &stream->watch);
    return stream;
}

static struct publisher *open_lines(const char *target, struct clients *clients)
{
    struct stream *stream = open_stream(target, clients);

    stream->tail = "\n";
    return &stream->publisher;
}

static struct publisher *open_http(const char *description, struct clients *clients)
{
    char target[128];
    const char *path = publisher_split(description, '/', target, sizeof(target));
    struct stream *stream = open_stream(target, clients);
    stream->head_length =
        (size_t)snprintf(stream->head, sizeof(stream->head),
                         "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n", path,
                         PUBLISHER_MESSAGE_BYTES);
    return &stream->publisher;
}

/* MQTT 3.1.1: CONNECT without a keep-alive as client "p"; PUBLISH to the topic "bench". */
static struct publisher *open_mqtt(const char *target, struct clients *clients)
{
    static const char connect[] = {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, 'p'};
    static const char topic[] = {0, 5, 'b', 'e', 'n', 'c', 'h'};
    struct stream *stream = open_stream(target, clients);
    size_t remaining = sizeof(topic) + PUBLISHER_MESSAGE_BYTES;

    send_all(stream->watch.descriptor, connect, sizeof(connect));
    stream->head[0] = 0x30;
    stream->head[1] = (char)(0x80 | remaining % 128);
    stream->head[2] = (char)(remaining / 128);
    memcpy(stream->head + 3, topic, sizeof(topic));
    stream->head_length = 3 + sizeof(topic);
    return &stream->publisher;
}

struct publisher *publisher_open(const char *description, struct clients *clients)
{
    static const struct {
        const char *name;
        struct publisher *(*open)(const char *description, struct clients *clients);
    } kinds[] = {{"lines:", open_lines},
                 {"http:", open_http},
                 {"mqtt:", open_mqtt},
                 {"rest:", publisher_open_rest}};

    if (strncmp(description, "outbox:", strlen("outbox:")) == 0)
        return publisher_open_outbox(description + strlen("outbox:"));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length = strlen(kinds[i].name);
        if (strncmp(description, kinds[i].name, length) == 0)
            return kinds[i].open(description + length, clients);
    }
    fprintf(stderr, "no such publisher: %s\n", description);
    exit(1);
}
