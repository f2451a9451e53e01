#include "tests/bench/clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EVENTS_AT_ONCE   256
#define RECEIVE_BYTES    (256 * 1024)
#define REQUEST_BYTES    1024
#define TEXT_BYTES       4096
#define NAMESPACE        "/messaging"
#define CONNECT_LIMIT_NS INT64_C(240000000000)
#define NS_PER_MS        1000000

enum { OPCODE_TEXT = 1, OPCODE_BINARY = 2, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };

/* MQTT 3.1.1, section 2.2.1: types of packets, with the flags that they must have. */
enum { MQTT_CONNACK = 0x20, MQTT_SUBACK = 0x90 };
static const char mqtt_topic[] = "bench";

static char receive_buffer[RECEIVE_BYTES];

_Noreturn static void fail(const char *what, const char *text)
{
    fprintf(stderr, "%s: %.200s\n", what, text);
    exit(1);
}

/* ---- sockets ------------------------------------------------------------------------------- */

static int connect_address(int family, const void *address, size_t size)
{
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result;

    if (descriptor < 0)
        die("socket");
    do
        result = connect(descriptor, address, (socklen_t)size);
    while (result != 0 && errno == EINTR);
    if (result != 0)
        die("connect");
    return descriptor;
}

int connect_to(const char *target)
{
    static const char unix_prefix[] = "unix:";
    struct sockaddr_in internet = {.sin_family = AF_INET};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    char host[64];
    int one = 1;

    if (strncmp(target, unix_prefix, sizeof(unix_prefix) - 1) == 0) {
        snprintf(local.sun_path, sizeof(local.sun_path), "%s", target + sizeof(unix_prefix) - 1);
        return connect_address(AF_UNIX, &local, sizeof(local));
    }
    const char *colon = strrchr(target, ':');
    if (colon == NULL || (size_t)(colon - target) >= sizeof(host))
        fail("no such target", target);
    snprintf(host, sizeof(host), "%.*s", (int)(colon - target), target);
    internet.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &internet.sin_addr) != 1)
        fail("no such target", target);
    int descriptor = connect_address(AF_INET, &internet, sizeof(internet));
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return descriptor;
}

void send_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = descriptor, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (sent < 0 && errno != EINTR) {
            die("send");
        } else if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        }
    }
}

/* A frame of less than 64 KiB, masked with zero. */
static void send_frame(const struct client *client, int opcode, const char *payload, size_t length)
{
    char frame[TEXT_BYTES + 8];
    size_t at = 0;

    frame[at++] = (char)(0x80 | opcode);
    if (length < 126) {
        frame[at++] = (char)(0x80 | length);
    } else {
        frame[at++] = (char)(0x80 | 126);
        frame[at++] = (char)(length >> 8);
        frame[at++] = (char)length;
    }
    memset(frame + at, 0, 4);
    at += 4;
    memcpy(frame + at, payload, length);
    send_all(client->descriptor, frame, at + length);
}

static void send_text(const struct client *client, const char *text)
{
    send_frame(client, OPCODE_TEXT, text, strlen(text));
}

static void become_ready(struct clients *clients, struct client *client)
{
    if (client->state == CLIENT_READY)
        return;
    client->state = CLIENT_READY;
    clients->ready++;
    clients->recovered += client->is_recovered;
}

/* ---- Socket.IO ----------------------------------------------------------------------------- */

static const struct identity *identity_of(const struct clients *clients,
                                          const struct client *client)
{
    return &clients->identities[client->number % clients->identity_count];
}

static void socketio_connect(const struct clients *clients, const struct client *client)
{
    char text[TEXT_BYTES];
    const char *token = identity_of(clients, client)->token;
    int length;

    if (client->pid[0] != '\0')
        length = snprintf(text, sizeof(text),
                          "40" NAMESPACE ",{\"token\":\"%s\",\"pid\":\"%s\",\"offset\":\"%s\"}",
                          token, client->pid, client->offset);
    else
        length = snprintf(text, sizeof(text), "40" NAMESPACE ",{\"token\":\"%s\"}", token);
    if (length >= (int)sizeof(text))
        fail("token too long", token);
    send_text(client, text);
}

static void socketio_join(const struct client *client, const char *room)
{
    char text[256];

    snprintf(text, sizeof(text),
             "42" NAMESPACE ",[\"join-conversation\",{\"conversationId\":\"%s\"}]", room);
    send_text(client, text);
}

/* Copies what stands between `before` and the next quotation mark. */
static bool copy_after(const char *text, const char *before, char *out, size_t size)
{
    const char *begin = strstr(text, before);

    if (begin == NULL)
        return false;
    begin += strlen(before);
    size_t length = strcspn(begin, "\"");
    if (length >= size)
        fail("too long", begin);
    memcpy(out, begin, length);
    out[length] = '\0';
    return true;
}

/* The last argument of an event, when it is a text, is its offset. */
static void note_offset(struct client *client, const char *text, size_t length)
{
    if (length < 3 || strcmp(text + length - 2, "\"]") != 0)
        return;
    const char *last = memrchr(text, '"', length - 2);
    if (last != NULL && last > text && last[-1] == ',')
        copy_after(last, "\"", client->offset, sizeof(client->offset));
}

static void on_accepted(struct clients *clients, struct client *client, const char *text)
{
    char pid[sizeof(client->pid)] = "";

    copy_after(text, "\"pid\":\"", pid, sizeof(pid));
    client->is_recovered = pid[0] != '\0' && strcmp(pid, client->pid) == 0;
    memcpy(client->pid, pid, sizeof(pid));
    if (client->is_recovered)
        become_ready(clients, client);
}

static void on_socketio_event(struct clients *clients, struct client *client, const char *text,
                              size_t length)
{
    const char *room = identity_of(clients, client)->room;

    note_offset(client, text, length);
    if (client->state == CLIENT_READY)
        return;
    bool has_joined = strstr(text, "[\"conversation-history\"") != NULL;
    bool is_in = strstr(text, "[\"unread-count-updated\"") != NULL;
    if (is_in && room != NULL)
        socketio_join(client, room);
    else if (is_in || has_joined)
        become_ready(clients, client);
}

static void on_socketio_packet(struct clients *clients, struct client *client, const char *text,
                               size_t length)
{
    static const char accepted[] = "40" NAMESPACE ",";

    if (strcmp(text, "2") == 0)
        send_text(client, "3");
    else if (text[0] == '0')
        socketio_connect(clients, client);
    else if (strncmp(text, accepted, sizeof(accepted) - 1) == 0)
        on_accepted(clients, client, text);
    else if (text[0] == '4' && text[1] == '2')
        on_socketio_event(clients, client, text, length);
    else if (text[0] == '4' && text[1] == '4')
        fail("refused", text);
}

/* ---- MQTT over WebSocket ------------------------------------------------------------------- */

static void mqtt_connect(const struct client *client)
{
    char packet[64] = {0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0};
    size_t at = 12;
    int length = snprintf(packet + at + 2, sizeof(packet) - at - 2, "c%zu", client->number);

    packet[at + 1] = (char)length;
    at += 2 + (size_t)length;
    packet[1] = (char)(at - 2);
    send_frame(client, OPCODE_BINARY, packet, at);
}

static void mqtt_subscribe(const struct client *client)
{
    char packet[64] = {(char)0x82, 0, 0, 1, 0, sizeof(mqtt_topic) - 1};

    memcpy(packet + 6, mqtt_topic, sizeof(mqtt_topic) - 1);
    packet[1] = 4 + sizeof(mqtt_topic) - 1 + 1; /* the last byte asks for QoS 0 */
    send_frame(client, OPCODE_BINARY, packet, 2 + (size_t)packet[1]);
}

static void on_mqtt_packet(struct clients *clients, struct client *client, const char *bytes,
                           size_t length)
{
    if (length > 0 && (unsigned char)bytes[0] == MQTT_CONNACK)
        mqtt_subscribe(client);
    else if (length > 0 && (unsigned char)bytes[0] == MQTT_SUBACK)
        become_ready(clients, client);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void on_stamp(void *owner, int64_t time_ns)
{
    struct clients *clients = owner;

    clients->received++;
    latencies_add(&clients->latencies, now_ns() - time_ns);
}

/* `payload` is followed by a NUL for the time of the call. */
static void on_frame(struct clients *clients, struct client *client, int opcode,
                     const char *payload, size_t length)
{
    if (opcode == OPCODE_CLOSE)
        fail("closed by the server", payload + (length >= 2 ? 2 : 0));
    if (opcode == OPCODE_PING)
        send_frame(client, OPCODE_PONG, payload, length);
    if (clients->protocol == PROTOCOL_SOCKETIO && opcode == OPCODE_TEXT)
        on_socketio_packet(clients, client, payload, length);
    else if (clients->protocol == PROTOCOL_MQTT)
        on_mqtt_packet(clients, client, payload, length);
    stamp_find(payload, length, on_stamp, clients);
}

/* Takes whole frames from the front and returns how many bytes those were. There must be room for
 * a NUL behind them. */
static size_t take_frames(struct clients *clients, struct client *client, char *bytes,
                          size_t length)
{
    size_t at = 0;

    while (length - at >= 2) {
        const unsigned char *frame = (const unsigned char *)bytes + at;
        size_t size = frame[1];
        size_t header = size == 126 ? 4 : 2;
        if (size > 126)
            fail("a frame of more than 64 KiB", "");
        if (length - at < header)
            break;
        if (size == 126)
            size = (size_t)frame[2] << 8 | frame[3];
        if (length - at < header + size)
            break;
        char *payload = bytes + at + header;
        char after = payload[size];
        payload[size] = '\0';
        on_frame(clients, client, frame[0] & 0x0F, payload, size);
        payload[size] = after;
        at += header + size;
    }
    return at;
}

/* ---- a client's life ----------------------------------------------------------------------- */

static void start(struct clients *clients, struct client *client)
{
    char request[REQUEST_BYTES];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int length = snprintf(
        request, sizeof(request),
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
        clients->path,
        clients->protocol == PROTOCOL_MQTT ? "Sec-WebSocket-Protocol: mqtt\r\n" : "");

    client->descriptor = connect_to(clients->target);
    client->state = CLIENT_UPGRADING;
    if (epoll_ctl(clients->epoll, EPOLL_CTL_ADD, client->descriptor, &event) != 0)
        die("epoll_ctl");
    send_all(client->descriptor, request, (size_t)length);
}

/* Looks for the end of the answer to the upgrade; returns how many bytes it has, 0 for not yet. */
static size_t take_answer(struct clients *clients, struct client *client, char *bytes,
                          size_t length)
{
    bytes[length] = '\0';
    const char *end = strstr(bytes, "\r\n\r\n");
    if (end == NULL)
        return 0;
    if (strncmp(bytes, "HTTP/1.1 101", 12) != 0)
        fail("no upgrade", bytes);
    client->state = CLIENT_CONNECTING;
    if (clients->protocol == PROTOCOL_WEBSOCKET)
        become_ready(clients, client);
    else if (clients->protocol == PROTOCOL_MQTT)
        mqtt_connect(client);
    return (size_t)(end + 4 - bytes);
}

static void keep_rest(struct client *client, const char *bytes, size_t length)
{
    free(client->rest);
    client->rest = NULL;
    client->rest_length = length;
    if (length > 0) {
        client->rest = allocate(1, length);
        memcpy(client->rest, bytes, length);
    }
}

static void receive(struct clients *clients, struct client *client)
{
    size_t length = client->rest_length;

    if (length > 0)
        memcpy(receive_buffer, client->rest, length);
    ssize_t received = recv(client->descriptor, receive_buffer + length,
                            sizeof(receive_buffer) - length - 1, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (received < 0)
        die("recv");
    if (received == 0)
        fail("a connection was closed by the server", "");
    length += (size_t)received;
    size_t taken = 0;
    if (client->state == CLIENT_UPGRADING)
        taken = take_answer(clients, client, receive_buffer, length);
    if (client->state != CLIENT_UPGRADING)
        taken += take_frames(clients, client, receive_buffer + taken, length - taken);
    if (taken < length || client->rest_length > 0)
        keep_rest(client, receive_buffer + taken, length - taken);
}

/* ---- all of them --------------------------------------------------------------------------- */

void clients_open(struct clients *clients, size_t capacity)
{
    clients->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (clients->epoll < 0)
        die("epoll");
    clients->all = allocate(capacity, sizeof(*clients->all));
    for (size_t i = 0; i < capacity; i++)
        clients->all[i].number = i;
}

/* Resets the connections, so that no port waits for stragglers. */
void clients_close(struct clients *clients)
{
    const struct linger reset = {.l_onoff = 1};

    for (size_t i = 0; i < clients->count; i++) {
        setsockopt(clients->all[i].descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(clients->all[i].descriptor);
        free(clients->all[i].rest);
    }
    for (size_t i = 0; i < clients->identity_count; i++) {
        free(clients->identities[i].token);
        free(clients->identities[i].room);
    }
    free(clients->identities);
    free(clients->all);
    latencies_free(&clients->latencies);
    close(clients->epoll);
}

void clients_read_identities(struct clients *clients, const char *path)
{
    FILE *file = fopen(path, "r");
    struct identity identity;
    size_t capacity = 0;

    if (file == NULL)
        die(path);
    while (fscanf(file, "%ms %ms", &identity.token, &identity.room) == 2) {
        if (clients->identity_count == capacity) {
            capacity = capacity == 0 ? 1024 : 2 * capacity;
            clients->identities =
                realloc(clients->identities, capacity * sizeof(*clients->identities));
            if (clients->identities == NULL)
                die("memory");
        }
        if (strcmp(identity.room, "-") == 0) {
            free(identity.room);
            identity.room = NULL;
        }
        clients->identities[clients->identity_count++] = identity;
    }
    fclose(file);
    if (clients->identity_count == 0)
        fail("no identity", path);
}

static bool is_client(const struct clients *clients, const void *pointer)
{
    return (uintptr_t)pointer >= (uintptr_t)clients->all &&
           (uintptr_t)pointer < (uintptr_t)(clients->all + clients->count);
}

void clients_watch(struct clients *clients, struct watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

    if (epoll_ctl(clients->epoll, EPOLL_CTL_ADD, watch->descriptor, &event) != 0)
        die("epoll_ctl");
}

void clients_turn(struct clients *clients, int64_t until_ns)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int64_t left_ns = until_ns - now_ns();
    struct timespec wait = {.tv_sec = left_ns > 0 ? left_ns / 1000000000 : 0,
                            .tv_nsec = left_ns > 0 ? left_ns % 1000000000 : 0};
    int count = epoll_pwait2(clients->epoll, events, EVENTS_AT_ONCE, &wait, NULL);

    for (int i = 0; i < count; i++) {
        if (is_client(clients, events[i].data.ptr)) {
            receive(clients, events[i].data.ptr);
        } else {
            struct watch *watch = events[i].data.ptr;
            watch->on_readable(watch);
        }
    }
}

bool clients_connect(struct clients *clients, size_t count)
{
    int64_t deadline_ns = now_ns() + CONNECT_LIMIT_NS;

    while (clients->ready < count) {
        while (clients->count < count && clients->count - clients->ready < CLIENTS_WINDOW) {
            struct client *client = &clients->all[clients->count++];
            start(clients, client);
        }
        if (now_ns() > deadline_ns)
            return false;
        clients_turn(clients, deadline_ns);
    }
    return true;
}

void clients_cut(struct clients *clients)
{
    for (size_t i = 0; i < clients->count; i++) {
        struct client *client = &clients->all[i];
        close(client->descriptor);
        keep_rest(client, NULL, 0);
        client->state = CLIENT_NONE;
    }
    clients->count = 0;
    clients->ready = 0;
    clients->recovered = 0;
}

void clients_stall(struct clients *clients, size_t count)
{
    for (size_t i = clients->count - count; i < clients->count; i++)
        if (epoll_ctl(clients->epoll, EPOLL_CTL_DEL, clients->all[i].descriptor, NULL) != 0)
            die("epoll_ctl");
}
