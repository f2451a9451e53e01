/*
 * Load on a broker, straight at its socket: what a connection costs in time and memory, what
 * coming back costs, what one delivery costs beside a bare writer, and what stuck clients do to
 * the others.
 *
 *   bench_broker --config FILE --pid BROKER [--count N] connect|fanout|slow
 *
 * The database of the configuration must be new and the broker without clients; its limits must
 * allow the load (broker.max_connections_per_user for fanout and slow), and it must listen on
 * 127.0.0.1:PORT. What it prints are figures, not a judgement.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/config.h"
#include "common/token.h"

/* Clients that are being connected at once. */
#define WINDOW        256
#define RECEIVE_BYTES (256 * 1024)
#define TEXT_BYTES    300
/* A new-message with such a text, as a frame. */
#define FRAME_BYTES 700

enum state { STATE_NONE, STATE_UPGRADING, STATE_CONNECTING, STATE_READY };

struct client {
    int descriptor;
    enum state state;
    size_t number;
    int rooms_joined;
    bool recovered;
    bool is_stuck; /* does not read */
    char pid[32];
    char offset[24];
    size_t messages;
    char head[512]; /* of what has not been looked at yet */
    size_t head_length;
};

struct bench {
    struct config *config;
    pid_t broker;
    size_t count;
    int epoll;
    struct client *clients;
    size_t ready;
    size_t joined;
    size_t recovered;
    size_t messages;
    double *latencies;
    size_t latency_count;
    double sent_at;
    size_t rooms;
    uint16_t port;
    bool shares_room; /* all in one room, half of them each of its two people */
};

static char receive_buffer[RECEIVE_BYTES];

static void die(const char *what)
{
    fprintf(stderr, "bench_broker: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- the broker as the system sees it ------------------------------------------------------ */

static double broker_cpu(const struct bench *bench)
{
    char path[64];
    unsigned long user = 0;
    unsigned long system = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)bench->broker);
    FILE *file = fopen(path, "r");
    if (file == NULL ||
        fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
        die(path);
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double broker_rss(const struct bench *bench)
{
    char path[64];
    long pages = 0;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)bench->broker);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        die(path);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* ---- people and conversations -------------------------------------------------------------- */

/* Two conversations for each pair of neighbours: client i is in "r<i/2>a" and "r<i/2>b". */
static void prepare(const struct bench *bench)
{
    sqlite3 *shell;
    char sql[2048];

    if (sqlite3_open(bench->config->database_path, &shell) != SQLITE_OK)
        die("database");
    sqlite3_busy_timeout(shell, 10000);
    snprintf(
        sql, sizeof(sql),
        "BEGIN; WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %zu)"
        " INSERT INTO users (id, role, created_at, updated_at, claims_issued_at)"
        " SELECT 'u' || i, CASE i %% 2 WHEN 0 THEN 'salon' ELSE 'client' END, 0, 0, 1e15 FROM n;"
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %zu),"
        " k(s) AS (VALUES ('a'), ('b'))"
        " INSERT INTO conversations (id, salon_id, client_user_id, status, created_at, updated_at,"
        " last_message_at) SELECT 'r' || i || s, 'u' || (2 * i), 'u' || (2 * i + 1), 'ACTIVE', 0, "
        "0,"
        " 0 FROM n, k;"
        "INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at)"
        " SELECT salon_id, id, 1, status, 0 FROM conversations;"
        "INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at)"
        " SELECT client_user_id, id, 0, status, 0 FROM conversations; COMMIT",
        bench->count, bench->count / 2 - 1);
    if (sqlite3_exec(shell, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(shell));
        exit(1);
    }
    sqlite3_close(shell);
}

static size_t user_of(const struct bench *bench, size_t number)
{
    return bench->shares_room ? number % 2 : number;
}

/* ---- one client ---------------------------------------------------------------------------- */

static void send_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            die("send");
        bytes += sent;
        length -= (size_t)sent;
    }
}

/* A masked text frame with mask 0. */
static void send_frame(const struct client *client, const char *text)
{
    char frame[4096];
    size_t length = strlen(text);
    size_t at = 0;

    frame[at++] = (char)0x81;
    if (length < 126) {
        frame[at++] = (char)(0x80 | length);
    } else {
        frame[at++] = (char)(0x80 | 126);
        frame[at++] = (char)(length >> 8);
        frame[at++] = (char)length;
    }
    memset(frame + at, 0, 4);
    at += 4;
    snprintf(frame + at, sizeof(frame) - at, "%s", text);
    send_all(client->descriptor, frame, at + length);
}

/* Ports of a source address are some 28,000: enough for every client twice. */
static int connect_loopback(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0 ||
        connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
    return descriptor;
}

static void start(struct bench *bench, struct client *client)
{
    static const char request[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bench\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    client->descriptor = connect_loopback(bench->port);
    client->state = STATE_UPGRADING;
    client->head_length = 0;
    client->rooms_joined = 0;
    if (epoll_ctl(bench->epoll, EPOLL_CTL_ADD, client->descriptor, &event) != 0)
        die("epoll_ctl");
    send_all(client->descriptor, request, sizeof(request) - 1);
}

static void send_connect(const struct bench *bench, struct client *client)
{
    char user[32];
    char text[2048];
    struct error error;
    size_t number = user_of(bench, client->number);

    snprintf(user, sizeof(user), "u%zu", number);
    error_clear(&error);
    char *token = token_sign(bench->config, user, number % 2 == 0 ? "salon" : "client",
                             (int64_t)time(NULL) * 1000, 3600, &error);
    if (token == NULL) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    if (client->pid[0] != '\0')
        snprintf(text, sizeof(text),
                 "40/messaging,{\"pid\":\"%s\",\"offset\":\"%s\",\"token\":\"%s\"}", client->pid,
                 client->offset, token);
    else
        snprintf(text, sizeof(text), "40/messaging,{\"token\":\"%s\"}", token);
    free(token);
    send_frame(client, text);
    client->state = STATE_CONNECTING;
}

static void send_join(const struct bench *bench, struct client *client, char room)
{
    char text[128];

    snprintf(text, sizeof(text),
             "42/messaging,[\"join-conversation\",{\"conversationId\":\"r%zu%c\"}]",
             user_of(bench, client->number) / 2, room);
    send_frame(client, text);
}

/* Copies what stands between `before` and the next quote. */
static bool copy_after(const char *text, const char *before, char *out, size_t size)
{
    const char *begin = strstr(text, before);

    if (begin == NULL)
        return false;
    begin += strlen(before);
    size_t length = strcspn(begin, "\"");
    if (length >= size)
        return false;
    memcpy(out, begin, length);
    out[length] = '\0';
    return true;
}

static void note_offset(struct client *client, const char *text)
{
    const char *last = strrchr(text, ',');

    if (last != NULL && last[1] == '"')
        copy_after(last, ",\"", client->offset, sizeof(client->offset));
}

static void on_packet(struct bench *bench, struct client *client, const char *text)
{
    char pid[32];

    if (strcmp(text, "2") == 0) {
        send_frame(client, "3");
    } else if (text[0] == '0') {
        send_connect(bench, client);
    } else if (strncmp(text, "40/messaging,", 13) == 0) {
        copy_after(text, "\"pid\":\"", pid, sizeof(pid));
        client->recovered = strcmp(pid, client->pid) == 0;
        bench->recovered += client->recovered;
        strcpy(client->pid, pid);
        if (client->recovered) {
            client->state = STATE_READY;
            bench->ready++;
        }
    } else if (strstr(text, "[\"unread-count-updated\"") != NULL) {
        note_offset(client, text);
        if (client->state != STATE_CONNECTING)
            return;
        client->state = STATE_READY;
        bench->ready++;
        for (size_t i = 0; i < bench->rooms; i++)
            send_join(bench, client, i == 0 ? 'a' : 'b');
    } else if (strstr(text, "[\"conversation-history\"") != NULL) {
        note_offset(client, text);
        client->rooms_joined++;
        bench->joined++;
    } else if (strstr(text, "[\"new-message\"") != NULL) {
        note_offset(client, text);
        bench->messages++;
        if (bench->latencies != NULL)
            bench->latencies[bench->latency_count++] = now() - bench->sent_at;
    } else if (text[0] == '4' && text[1] == '4') {
        fprintf(stderr, "refused: %s\n", text);
        exit(1);
    }
}

/* Takes whole frames out of bytes[0..length) and returns what is left over. */
static size_t take_frames(struct bench *bench, struct client *client, char *bytes, size_t length)
{
    size_t at = 0;

    while (length - at >= 2) {
        unsigned char *frame = (unsigned char *)bytes + at;
        size_t size = frame[1];
        size_t header = 2;
        if (size == 126) {
            if (length - at < 4)
                break;
            size = (size_t)frame[2] << 8 | frame[3];
            header = 4;
        }
        if (length - at < header + size)
            break;
        char *text = bytes + at + header;
        char after = text[size];
        text[size] = '\0';
        if ((frame[0] & 0x0F) == 1)
            on_packet(bench, client, text);
        text[size] = after;
        at += header + size;
    }
    memmove(bytes, bytes + at, length - at);
    return length - at;
}

/* False when the broker has closed it. */
static bool receive(struct bench *bench, struct client *client)
{
    memcpy(receive_buffer, client->head, client->head_length);
    ssize_t length = recv(client->descriptor, receive_buffer + client->head_length,
                          sizeof(receive_buffer) - client->head_length - 1, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (length <= 0)
        return false;
    size_t total = client->head_length + (size_t)length;
    client->head_length = 0;
    if (client->state == STATE_UPGRADING) {
        receive_buffer[total] = '\0';
        char *end = strstr(receive_buffer, "\r\n\r\n");
        if (end == NULL || strncmp(receive_buffer, "HTTP/1.1 101", 12) != 0) {
            fprintf(stderr, "no upgrade: %.80s\n", receive_buffer);
            exit(1);
        }
        client->state = STATE_CONNECTING;
        total -= (size_t)(end + 4 - receive_buffer);
        memmove(receive_buffer, end + 4, total);
    }
    size_t left = take_frames(bench, client, receive_buffer, total);
    if (left > sizeof(client->head)) {
        fprintf(stderr, "a frame is too long for this program\n");
        exit(1);
    }
    memcpy(client->head, receive_buffer, left);
    client->head_length = left;
    return true;
}

static void turn(struct bench *bench, int wait_ms)
{
    struct epoll_event events[256];
    int count = epoll_wait(bench->epoll, events, 256, wait_ms);

    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        if (!client->is_stuck && !receive(bench, client)) {
            epoll_ctl(bench->epoll, EPOLL_CTL_DEL, client->descriptor, NULL);
            close(client->descriptor);
            client->state = STATE_NONE;
        } else if (client->is_stuck) {
            epoll_ctl(bench->epoll, EPOLL_CTL_DEL, client->descriptor, NULL);
        }
    }
}

/* Connects clients[first..last), at most WINDOW at once, and has them join their rooms. */
static void connect_clients(struct bench *bench, size_t first, size_t last)
{
    size_t started = first;

    bench->ready = first;
    while (bench->ready < last) {
        while (started < last && started - bench->ready < WINDOW)
            start(bench, &bench->clients[started++]);
        turn(bench, 1000);
    }
}

static void wait_joined(struct bench *bench, size_t joined)
{
    while (bench->joined < joined)
        turn(bench, 1000);
}

static void settle(struct bench *bench, double seconds)
{
    for (double end = now() + seconds; now() < end;)
        turn(bench, 50);
}

/* ---- what is measured ---------------------------------------------------------------------- */

static void report_connects(struct bench *bench, size_t first, size_t last)
{
    double begin = now();
    double cpu = broker_cpu(bench);

    connect_clients(bench, first, last);
    double seconds = now() - begin;
    double used = broker_cpu(bench) - cpu;
    printf("%zu connects: %.0f/s, broker CPU %.0f us each\n", last - first,
           (double)(last - first) / seconds, used / (double)(last - first) * 1e6);
}

static void measure_connect(struct bench *bench)
{
    size_t tenth = bench->count / 10;

    bench->rooms = 0;
    report_connects(bench, 0, bench->count);
    for (size_t i = 0; i < bench->count; i++) {
        close(bench->clients[i].descriptor);
        bench->clients[i] = (struct client){.number = i};
    }
    sleep(7);
    bench->rooms = 2;
    report_connects(bench, 0, tenth);
    wait_joined(bench, 2 * tenth);
    settle(bench, 6);
    double small = broker_rss(bench);
    report_connects(bench, tenth, bench->count);
    wait_joined(bench, 2 * bench->count);
    settle(bench, 6);
    double large = broker_rss(bench);
    printf("RSS with %zu sockets in two rooms: %.1f MB; slope %.0f bytes a socket\n", bench->count,
           large / 1e6, (large - small) / (double)(bench->count - tenth));
    double cpu = broker_cpu(bench);
    settle(bench, 5);
    printf("idle with them: %.2f %% of a core\n", (broker_cpu(bench) - cpu) / 5 * 100);
    for (size_t i = 0; i < bench->count; i++)
        close(bench->clients[i].descriptor);
    bench->recovered = 0;
    double begin = now();
    connect_clients(bench, 0, bench->count);
    printf("all cut and back: %.2f s, %zu of %zu recovered\n", now() - begin, bench->recovered,
           bench->count);
}

static void send_message(struct bench *bench, const struct client *client)
{
    char text[1024];
    char content[TEXT_BYTES + 1];

    memset(content, 'x', TEXT_BYTES);
    content[TEXT_BYTES] = '\0';
    snprintf(text, sizeof(text),
             "42/messaging,[\"send-message\",{\"conversationId\":\"r0a\",\"content\":\"%s\"}]",
             content);
    bench->sent_at = now();
    send_frame(client, text);
}

/* The other process of bare_writer_us: writes a round to all sockets for each byte that it gets,
 * answers by one, and at the end by its CPU time in microseconds. */
static void write_rounds(const int *sockets, size_t count, int control)
{
    static char frame[FRAME_BYTES];
    struct rusage usage;
    char byte;

    while (read(control, &byte, 1) == 1 && byte == 'w') {
        for (size_t i = 0; i < count; i++)
            if (write(sockets[i], frame, sizeof(frame)) != (ssize_t)sizeof(frame))
                die("write");
    }
    getrusage(RUSAGE_SELF, &usage);
    double used = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    if (write(control, &used, sizeof(used)) != (ssize_t)sizeof(used))
        die("write");
    _exit(0);
}

/* Reads `total` bytes off the sockets by epoll, as this program reads the broker's. */
static void read_round(int epoll, size_t total)
{
    struct epoll_event events[256];

    while (total > 0) {
        int count = epoll_wait(epoll, events, 256, 1000);
        for (int i = 0; i < count; i++) {
            ssize_t length = recv(events[i].data.fd, receive_buffer, sizeof(receive_buffer), 0);
            if (length > 0)
                total -= (size_t)length;
        }
    }
}

static double run_rounds(int epoll, size_t count, int control, int rounds)
{
    double used = 0;

    for (int round = 0; round < rounds; round++) {
        if (write(control, "w", 1) != 1)
            die("write");
        read_round(epoll, count * FRAME_BYTES);
    }
    if (write(control, "e", 1) != 1 || read(control, &used, sizeof(used)) != (ssize_t)sizeof(used))
        die("control");
    return used / (double)count / rounds;
}

static int listen_loopback(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, length) != 0 ||
        listen(descriptor, 64) != 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
        die("listen");
    *port = ntohs(address.sin_port);
    return descriptor;
}

/* What a write of the same size to as many sockets costs a process that does nothing else. */
static double bare_writer_us(size_t count, int rounds)
{
    int *sockets = calloc(2 * count, sizeof(*sockets)); /* ours, then the writer's */
    int control[2];
    int one = 1;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint16_t port;
    int listener = listen_loopback(&port);

    if (sockets == NULL || epoll < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, control) != 0)
        die("start");
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        sockets[i] = connect_loopback(port);
        sockets[count + i] = accept(listener, NULL, NULL);
        setsockopt(sockets[count + i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        event.data.fd = sockets[i];
        epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &event);
    }
    pid_t writer = fork();
    if (writer == 0)
        write_rounds(sockets + count, count, control[1]);
    double used = run_rounds(epoll, count, control[0], rounds);
    waitpid(writer, NULL, 0);
    for (size_t i = 0; i < 2 * count; i++)
        close(sockets[i]);
    free(sockets);
    close(listener);
    close(epoll);
    return used;
}

static int compare_doubles(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;

    return difference < 0 ? -1 : difference > 0;
}

/* Sends `rounds` messages to `receivers` sockets, one after the other. */
static void send_rounds(struct bench *bench, size_t receivers, int rounds, const char *title)
{
    size_t begin = bench->messages;
    double cpu = broker_cpu(bench);

    bench->latencies = calloc(receivers * (size_t)rounds + 1, sizeof(double));
    bench->latency_count = 0;
    for (int round = 1; round <= rounds; round++) {
        send_message(bench, &bench->clients[0]);
        double deadline = now() + 10;
        while (bench->messages < begin + receivers * (size_t)round && now() < deadline)
            turn(bench, 100);
    }
    double used = broker_cpu(bench) - cpu;
    qsort(bench->latencies, bench->latency_count, sizeof(double), compare_doubles);
    printf("%s: %zu of %zu delivered, broker CPU %.2f us each, p50 %.2f ms, p99 %.2f ms\n", title,
           bench->messages - begin, receivers * (size_t)rounds,
           used / (double)(receivers * (size_t)rounds) * 1e6,
           bench->latencies[bench->latency_count / 2] * 1e3,
           bench->latencies[bench->latency_count * 99 / 100] * 1e3);
    free(bench->latencies);
    bench->latencies = NULL;
}

/* Four messages at once, so that each socket gets them in one turn or few. */
static void send_bursts(struct bench *bench, int rounds)
{
    size_t begin = bench->messages;
    double cpu = broker_cpu(bench);

    for (int round = 1; round <= rounds; round++) {
        for (size_t sender = 0; sender < 4; sender++)
            send_message(bench, &bench->clients[sender]);
        while (bench->messages < begin + 4 * bench->count * (size_t)round)
            turn(bench, 100);
    }
    printf("four messages at once: broker CPU %.2f us each\n",
           (broker_cpu(bench) - cpu) / (4.0 * (double)bench->count * rounds) * 1e6);
}

static void measure_fanout(struct bench *bench)
{
    bench->shares_room = true;
    bench->rooms = 1;
    connect_clients(bench, 0, bench->count);
    wait_joined(bench, bench->count);
    settle(bench, 1);
    double bare = bare_writer_us(bench->count, 200);
    send_rounds(bench, bench->count, 300, "fan-out, one message at a time");
    printf("bare writer: CPU %.2f us each\n", bare);
    send_bursts(bench, 100);
}

static void measure_slow(struct bench *bench)
{
    size_t healthy = bench->count / 2;

    bench->shares_room = true;
    bench->rooms = 1;
    connect_clients(bench, 0, bench->count);
    wait_joined(bench, bench->count);
    settle(bench, 1);
    send_rounds(bench, bench->count, 30, "all healthy");
    for (size_t i = healthy; i < bench->count; i++)
        bench->clients[i].is_stuck = true;
    double before = broker_rss(bench);
    for (int round = 0; round < 5; round++)
        send_rounds(bench, healthy, 100, "half of them stuck");
    printf("RSS grew by %.1f MB\n", (broker_rss(bench) - before) / 1e6);
}

static void run(struct bench *bench, const char *what)
{
    bench->clients = calloc(bench->count, sizeof(*bench->clients));
    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (bench->clients == NULL || bench->epoll < 0)
        die("start");
    for (size_t i = 0; i < bench->count; i++)
        bench->clients[i].number = i;
    const char *port = strrchr(bench->config->broker_listen, ':');
    bench->port = port != NULL ? (uint16_t)strtoul(port + 1, NULL, 10) : 0;
    prepare(bench);
    if (strcmp(what, "connect") == 0)
        measure_connect(bench);
    else if (strcmp(what, "fanout") == 0)
        measure_fanout(bench);
    else if (strcmp(what, "slow") == 0)
        measure_slow(bench);
    free(bench->clients);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"pid", required_argument, NULL, 'p'},
                                          {"count", required_argument, NULL, 'n'},
                                          {NULL, 0, NULL, 0}};
    struct bench bench = {.count = 10000};
    struct rlimit limit;
    struct error error;
    int option;

    error_clear(&error);
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'c')
            bench.config = config_load(optarg, &error);
        else if (option == 'p')
            bench.broker = (pid_t)strtol(optarg, NULL, 10);
        else if (option == 'n')
            bench.count = strtoul(optarg, NULL, 10);
    }
    if (bench.config == NULL || bench.broker == 0 || bench.count < 10 || optind + 1 != argc) {
        fprintf(
            stderr,
            "usage: bench_broker --config FILE --pid BROKER [--count N] connect|fanout|slow\n%s\n",
            error.text);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    run(&bench, argv[optind]);
    config_free(bench.config);
    return 0;
}
