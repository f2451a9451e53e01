/*
 * The limit: a process around epoll that does nothing but write prebuilt frames to its sockets,
 * one write for all the messages of a turn. Its WebSocket handshake is a constant, it knows no
 * limits, no pings and nobody's name.
 *
 * It writes `listening CLIENTS_PORT LINES_PORT`; each line on the second port goes to all clients.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 20000
#define BACKLOG     4096
#define EVENTS_MAX  256
#define INPUT_BYTES (64 * 1024)
#define FRAME_BYTES 4 /* in front of a message of 126 bytes to 64 KiB */

enum role { ROLE_LISTENER, ROLE_LINES_LISTENER, ROLE_LINES, ROLE_CLIENT };

/* What epoll gives back: the descriptor and what it is. */
#define TAG(role, descriptor) ((uint64_t)(role) << 32 | (uint32_t)(descriptor))

struct writer {
    int epoll;
    int clients[CLIENTS_MAX];
    size_t count;
    char frames[2 * INPUT_BYTES];
    char pending[INPUT_BYTES];
    size_t pending_length;
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "bare_writer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(const struct writer *writer, enum role role, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TAG(role, descriptor)};

    if (epoll_ctl(writer->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0)
        die("epoll_ctl");
}

static int listen_loopback(const struct writer *writer, enum role role)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, length) != 0 ||
        listen(descriptor, BACKLOG) != 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
        die("listen");
    watch(writer, role, descriptor);
    return ntohs(address.sin_port);
}

static void accept_all(const struct writer *writer, int listener, enum role role)
{
    int one = 1;

    for (int descriptor; (descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        watch(writer, role, descriptor);
    }
}

static void let_go(struct writer *writer, int descriptor)
{
    for (size_t i = 0; i < writer->count; i++)
        if (writer->clients[i] == descriptor)
            writer->clients[i] = writer->clients[--writer->count];
    close(descriptor);
}

/* The first thing that a client sends is its whole request. */
static void on_client(struct writer *writer, int descriptor)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    char request[4096];

    if (recv(descriptor, request, sizeof(request), 0) <= 0) {
        let_go(writer, descriptor);
        return;
    }
    if (send(descriptor, answer, sizeof(answer) - 1, MSG_NOSIGNAL) != sizeof(answer) - 1 ||
        writer->count == CLIENTS_MAX)
        die("a client");
    writer->clients[writer->count++] = descriptor;
}

/* Turns whole lines into text frames; returns how many bytes these have. */
static size_t build_frames(struct writer *writer)
{
    char *end = writer->pending + writer->pending_length;
    char *line = writer->pending;
    size_t at = 0;

    for (char *stop; (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1) {
        size_t length = (size_t)(stop - line);
        const char head[FRAME_BYTES] = {(char)0x81, 126, (char)(length >> 8), (char)length};
        memcpy(writer->frames + at, head, sizeof(head));
        memcpy(writer->frames + at + sizeof(head), line, length);
        at += sizeof(head) + length;
    }
    writer->pending_length = (size_t)(end - line);
    memmove(writer->pending, line, writer->pending_length);
    return at;
}

static void on_lines(struct writer *writer, int descriptor)
{
    ssize_t received = recv(descriptor, writer->pending + writer->pending_length,
                            sizeof(writer->pending) - writer->pending_length, 0);

    if (received <= 0) {
        close(descriptor);
        return;
    }
    writer->pending_length += (size_t)received;
    size_t length = build_frames(writer);
    for (size_t i = 0; length > 0 && i < writer->count; i++)
        if (send(writer->clients[i], writer->frames, length, MSG_NOSIGNAL) != (ssize_t)length)
            die("send");
}

static void turn(struct writer *writer)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(writer->epoll, events, EVENTS_MAX, -1);

    for (int i = 0; i < count; i++) {
        int descriptor = (int)(uint32_t)events[i].data.u64;
        switch ((enum role)(events[i].data.u64 >> 32)) {
        case ROLE_LISTENER:
            accept_all(writer, descriptor, ROLE_CLIENT);
            break;
        case ROLE_LINES_LISTENER:
            accept_all(writer, descriptor, ROLE_LINES);
            break;
        case ROLE_LINES:
            on_lines(writer, descriptor);
            break;
        case ROLE_CLIENT:
            on_client(writer, descriptor);
            break;
        }
    }
}

int main(void)
{
    static struct writer writer;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    writer.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (writer.epoll < 0)
        die("epoll");
    int port = listen_loopback(&writer, ROLE_LISTENER);
    printf("listening %d %d\n", port, listen_loopback(&writer, ROLE_LINES_LISTENER));
    fflush(stdout);
    for (;;)
        turn(&writer);
}
