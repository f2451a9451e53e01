/* Publishing through the REST interface, from many clients at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/publisher.h"

#define ANSWER_BYTES  (16 * 1024)
#define REQUEST_BYTES 4096
#define TARGET_BYTES  128
/* The text of a message; with its JSON about as long as PUBLISHER_MESSAGE_BYTES. */
#define CONTENT_BYTES 240

struct rest;

struct rest_connection {
    struct watch watch;
    struct rest *rest;
    bool is_busy;
    int64_t due_ns; /* of the message that it carries */
    char answer[ANSWER_BYTES];
    size_t answer_length;
};

struct rest {
    struct publisher publisher;
    struct clients *clients; /* whose loop takes the answers */
    char target[TARGET_BYTES];
    struct clients senders; /* for their identities alone */
    size_t next_sender;
    struct rest_connection connections[PUBLISHER_REST_CONNECTIONS];
    /* Times of messages that wait for a connection, as a ring. */
    int64_t *waiting;
    size_t capacity;
    size_t first;
    size_t count;
};

static void push(struct rest *rest, int64_t due_ns)
{
    if (rest->count == rest->capacity) {
        size_t capacity = rest->capacity == 0 ? 1024 : 2 * rest->capacity;
        int64_t *waiting = allocate(capacity, sizeof(*waiting));
        for (size_t i = 0; i < rest->count; i++)
            waiting[i] = rest->waiting[(rest->first + i) % rest->capacity];
        free(rest->waiting);
        rest->waiting = waiting;
        rest->capacity = capacity;
        rest->first = 0;
    }
    rest->waiting[(rest->first + rest->count++) % rest->capacity] = due_ns;
}

static int64_t pop(struct rest *rest)
{
    int64_t due_ns = rest->waiting[rest->first];

    rest->first = (rest->first + 1) % rest->capacity;
    rest->count--;
    return due_ns;
}

static void post(struct rest_connection *connection, int64_t due_ns)
{
    struct rest *rest = connection->rest;
    const struct identity *sender =
        &rest->senders.identities[rest->next_sender++ % rest->senders.identity_count];
    char content[CONTENT_BYTES + 1];
    char request[REQUEST_BYTES];

    memset(content, 'x', CONTENT_BYTES);
    content[CONTENT_BYTES] = '\0';
    stamp_write(content, due_ns);
    int length = snprintf(
        request, sizeof(request),
        "POST /messaging/conversations/%s/messages HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Authorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        "{\"content\":\"%s\"}",
        sender->room, sender->token, CONTENT_BYTES + 14, content);
    connection->is_busy = true;
    connection->due_ns = due_ns;
    connection->answer_length = 0;
    send_all(connection->watch.descriptor, request, (size_t)length);
}

/* Whether all of the answer is there: by its Content-Length, or as the end of its last chunk. */
static bool is_complete(const char *answer, size_t length)
{
    static const char last_chunk[] = "\r\n0\r\n\r\n";
    const char *body = strstr(answer, "\r\n\r\n");
    const char *field = strcasestr(answer, "\r\nContent-Length:");

    if (body == NULL)
        return false;
    body += 4;
    if (field != NULL && field < body)
        return (size_t)(answer + length - body) >= strtoul(strchr(field, ':') + 1, NULL, 10);
    return length >= sizeof(last_chunk) - 1 &&
           strcmp(answer + length - (sizeof(last_chunk) - 1), last_chunk) == 0;
}

static void on_answer(struct watch *watch);

static void open_connection(struct rest_connection *connection)
{
    connection->watch = (struct watch){.descriptor = connect_to(connection->rest->target),
                                       .on_readable = on_answer};
    clients_watch(connection->rest->clients, &connection->watch);
}

/* The server ends a connection after so many requests, or when it was idle for long. */
static void reopen(struct rest_connection *connection)
{
    close(connection->watch.descriptor);
    open_connection(connection);
}

static void on_answer(struct watch *watch)
{
    struct rest_connection *connection = (struct rest_connection *)(void *)watch;
    struct rest *rest = connection->rest;
    ssize_t received =
        recv(watch->descriptor, connection->answer + connection->answer_length,
             sizeof(connection->answer) - connection->answer_length - 1, MSG_DONTWAIT);

    if (received < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (received <= 0 && !connection->is_busy) {
        reopen(connection);
        return;
    }
    if (received <= 0)
        die("an answer");
    connection->answer_length += (size_t)received;
    connection->answer[connection->answer_length] = '\0';
    if (!is_complete(connection->answer, connection->answer_length))
        return;
    if (strncmp(connection->answer, "HTTP/1.1 201", 12) != 0) {
        fprintf(stderr, "not created: %.300s\n", connection->answer);
        exit(1);
    }
    latencies_add(&rest->publisher.answers, now_ns() - connection->due_ns);
    connection->is_busy = false;
    if (strcasestr(connection->answer, "\r\nConnection: close\r\n") != NULL)
        reopen(connection);
    if (rest->count > 0)
        post(connection, pop(rest));
}

static void publish_rest(struct publisher *publisher, size_t count, int64_t time_ns)
{
    struct rest *rest = (struct rest *)(void *)publisher;

    for (size_t i = 0; i < count; i++)
        push(rest, time_ns);
    for (size_t i = 0; i < PUBLISHER_REST_CONNECTIONS && rest->count > 0; i++)
        if (!rest->connections[i].is_busy)
            post(&rest->connections[i], pop(rest));
}

static void close_rest(struct publisher *publisher)
{
    struct rest *rest = (struct rest *)(void *)publisher;

    latencies_free(&publisher->answers);
    clients_close(&rest->senders);
    free(rest->waiting);
    free(rest);
}

struct publisher *publisher_open_rest(const char *description, struct clients *clients)
{
    struct rest *rest = allocate(1, sizeof(*rest));
    const char *comma = publisher_split(description, ',', rest->target, sizeof(rest->target));

    rest->clients = clients;
    rest->publisher =
        (struct publisher){.publish = publish_rest, .close = close_rest, .answers = {0}};
    clients_open(&rest->senders, 1);
    clients_read_identities(&rest->senders, comma + 1);
    for (size_t i = 0; i < PUBLISHER_REST_CONNECTIONS; i++) {
        struct rest_connection *connection = &rest->connections[i];
        connection->rest = rest;
        open_connection(connection);
    }
    return &rest->publisher;
}
