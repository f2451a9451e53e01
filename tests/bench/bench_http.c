/*
 * Load on an HTTP server: HTTP/1.1 with kept connections, one thread around epoll, bounded time.
 *
 *   bench_http PORT TARGETS CONNECTIONS SECONDS [RATE]
 *
 * SECONDS may have a fraction.
 *
 * TARGETS is a file; each line is METHOD, path, token (or -) and, for a body, JSON up to the end of
 * the line, with blanks between. Requests go through the lines round and round. A run of '#' in the
 * JSON becomes the request's number, so that no two bodies are the same.
 *
 * Without RATE the loop is closed: every connection sends its next request as soon as it has its
 * answer (throughput, CPU). With RATE, in requests a second, requests are due at fixed times
 * whatever the server does, and a latency counts from when its request was due, not from when a
 * connection was free for it: what queues here would have waited at a real client too (no
 * coordinated omission).
 *
 * Prints one line of JSON: what was answered and how fast (microseconds), statuses outside 200 to
 * 299 as `refused`, what had no answer 5 s after the end as `lost` (with the time until then among
 * the latencies), and `cpuUs`, what this program itself used for each request.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX      256
#define READ_BYTES      65536
#define HEAD_BYTES      4096
#define CONNECTIONS_MAX 4096
#define SECONDS_MAX     600
/* After the time is up answers are still waited for this long. */
#define GRACE_NS   INT64_C(5000000000)
#define SECOND_NS  INT64_C(1000000000)
#define NUMBER_MAX 20

/* ---- a histogram with two digits of precision --------------------------------------------------
 */

/* Values below SUB_COUNT are counted exactly, all others in SUB_COUNT / 2 steps to each doubling:
 * the error is below 1 in 64. */
#define SUB_BITS     7
#define SUB_COUNT    (1u << SUB_BITS)
#define HALF_COUNT   (SUB_COUNT / 2)
#define BUCKET_COUNT (SUB_COUNT + (64 - SUB_BITS) * HALF_COUNT)

struct histogram {
    uint64_t counts[BUCKET_COUNT];
    uint64_t total;
    uint64_t maximum;
};

static size_t bucket_of(uint64_t value)
{
    if (value < SUB_COUNT)
        return value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - (SUB_BITS - 1);
    return SUB_COUNT + (shift - 1) * HALF_COUNT + ((value >> shift) - HALF_COUNT);
}

/* The highest value that falls into the bucket. */
static uint64_t bucket_end(size_t bucket)
{
    if (bucket < SUB_COUNT)
        return bucket;
    size_t rest = bucket - SUB_COUNT;
    unsigned shift = (unsigned)(rest / HALF_COUNT) + 1;
    uint64_t step = rest % HALF_COUNT + HALF_COUNT;
    return ((step + 1) << shift) - 1;
}

static void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
    if (value > histogram->maximum)
        histogram->maximum = value;
}

/* The value that `share` of all values don't exceed. */
static uint64_t histogram_at(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->total);
    uint64_t seen = 0;

    for (size_t bucket = 0; bucket < BUCKET_COUNT; bucket++) {
        seen += histogram->counts[bucket];
        if (seen > wanted)
            return bucket_end(bucket) < histogram->maximum ? bucket_end(bucket)
                                                           : histogram->maximum;
    }
    return histogram->maximum;
}

/* ---- targets -----------------------------------------------------------------------------------
 */

struct target {
    char *bytes; /* the whole request */
    size_t length;
    size_t number_at; /* where its number is written */
    size_t number_length;
};

struct connection {
    int descriptor; /* -1: none */
    bool is_busy;
    int64_t due_ns;
    char head[HEAD_BYTES]; /* of the answer, until it is whole */
    size_t head_length;
    size_t body_left; /* bytes of the body still to come, once the head is whole */
    bool in_body;
    bool is_ok;
    bool is_last; /* the server closes after this answer */
};

struct bench {
    struct sockaddr_in address;
    int epoll;
    struct target *targets;
    size_t target_count;
    struct connection *connections;
    struct connection **idle; /* a stack */
    size_t connection_count, idle_count;
    double rate; /* 0: closed loop */
    int64_t start_ns, end_ns;
    uint64_t due_count; /* requests that were due so far */
    uint64_t sent_count;
    uint64_t done, refused, lost, body_bytes;
    int first_refusal;
    struct histogram latency; /* microseconds */
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_http: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* Cuts the next word off *line; an empty text at its end. */
static char *take_word(char **line)
{
    char *word = strsep(line, " ");

    return word != NULL ? word : "";
}

static void add_target(struct bench *bench, char *line)
{
    struct target target = {0};
    const char *method = take_word(&line);
    const char *path = take_word(&line);
    const char *token = take_word(&line);
    const char *body = line != NULL ? line : "";
    bool has_token = strcmp(token, "-") != 0;

    int length = asprintf(&target.bytes,
                          "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s%s"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          method, path, has_token ? "Authorization: Bearer " : "",
                          has_token ? token : "", has_token ? "\r\n" : "", strlen(body), body);
    if (length < 0)
        fail("memory");
    target.length = (size_t)length;
    target.number_at = target.length - strlen(body) + strcspn(body, "#");
    target.number_length = strspn(target.bytes + target.number_at, "#");
    if (target.number_length > NUMBER_MAX)
        target.number_length = NUMBER_MAX;
    bench->targets = reallocarray(bench->targets, bench->target_count + 1, sizeof(target));
    if (bench->targets == NULL)
        fail("memory");
    bench->targets[bench->target_count++] = target;
}

static void read_targets(struct bench *bench, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;

    if (file == NULL)
        fail(path);
    while (getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0')
            add_target(bench, line);
    }
    free(line);
    fclose(file);
    if (bench->target_count == 0) {
        fprintf(stderr, "bench_http: no targets in %s\n", path);
        exit(1);
    }
}

static void write_number(struct target *target, uint64_t number)
{
    for (size_t i = target->number_length; i > 0; i--) {
        target->bytes[target->number_at + i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* ---- connections -------------------------------------------------------------------------------
 */

static void open_connection(struct bench *bench, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1;

    connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->descriptor < 0)
        fail("socket");
    if (connect(connection->descriptor, (const struct sockaddr *)&bench->address,
                sizeof(bench->address)) != 0)
        fail("connect");
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (epoll_ctl(bench->epoll, EPOLL_CTL_ADD, connection->descriptor, &event) != 0)
        fail("epoll_ctl");
    connection->is_busy = false;
    connection->head_length = 0;
    connection->in_body = false;
    bench->idle[bench->idle_count++] = connection;
}

/* The server closed it (nginx does so after a thousand requests), or it broke. */
static void reopen_connection(struct bench *bench, struct connection *connection)
{
    close(connection->descriptor);
    if (connection->is_busy) {
        bench->lost++;
    } else {
        size_t at = 0;
        while (bench->idle[at] != connection)
            at++;
        bench->idle[at] = bench->idle[--bench->idle_count];
    }
    open_connection(bench, connection);
}

static bool send_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Sends the next request on an idle connection. */
static void send_next(struct bench *bench, int64_t due_ns)
{
    struct connection *connection = bench->idle[--bench->idle_count];
    struct target *target = &bench->targets[bench->sent_count % bench->target_count];

    write_number(target, bench->sent_count++);
    connection->is_busy = true;
    connection->due_ns = due_ns;
    connection->head_length = 0;
    connection->in_body = false;
    if (!send_all(connection->descriptor, target->bytes, target->length))
        reopen_connection(bench, connection);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

static void finish_answer(struct bench *bench, struct connection *connection)
{
    int64_t taken = now_ns() - connection->due_ns;

    histogram_add(&bench->latency, taken > 0 ? (uint64_t)taken / 1000 : 0);
    bench->done++;
    if (!connection->is_ok)
        bench->refused++;
    connection->is_busy = false;
    connection->in_body = false;
    connection->head_length = 0;
    bench->idle[bench->idle_count++] = connection;
    if (connection->is_last)
        reopen_connection(bench, connection);
}

/* The length that the head tells; an answer that tells none has no body. */
static size_t body_length(const char *head)
{
    static const char name[] = "\r\nContent-Length:";
    const char *found = strcasestr(head, name);

    return found != NULL ? strtoul(found + sizeof(name) - 1, NULL, 10) : 0;
}

/* Takes from the front of what came what belongs to the head; true once the head is whole. */
static bool take_head(struct bench *bench, struct connection *connection, const char **bytes,
                      size_t *length)
{
    size_t room = HEAD_BYTES - 1 - connection->head_length;
    size_t taken = *length < room ? *length : room;
    size_t before = connection->head_length;

    memcpy(connection->head + before, *bytes, taken);
    connection->head_length += taken;
    connection->head[connection->head_length] = '\0';
    char *end = strstr(connection->head, "\r\n\r\n");
    if (end == NULL) {
        if (taken < *length) {
            fprintf(stderr, "bench_http: the head of an answer is too long\n");
            exit(1);
        }
        *length = 0;
        return false;
    }
    size_t head_length = (size_t)(end - connection->head) + 4;
    *bytes += head_length - before;
    *length -= head_length - before;
    *end = '\0';
    int status = atoi(connection->head + strlen("HTTP/1.1 "));
    connection->is_ok = status >= 200 && status <= 299;
    if (!connection->is_ok && bench->first_refusal == 0)
        bench->first_refusal = status;
    connection->is_last = strcasestr(connection->head, "\r\nConnection: close") != NULL;
    connection->body_left = body_length(connection->head);
    connection->in_body = true;
    return true;
}

static void take_bytes(struct bench *bench, struct connection *connection, const char *bytes,
                       size_t length)
{
    if (!connection->in_body && !take_head(bench, connection, &bytes, &length))
        return;
    size_t taken = length < connection->body_left ? length : connection->body_left;
    bench->body_bytes += taken;
    connection->body_left -= taken;
    if (connection->body_left == 0)
        finish_answer(bench, connection);
}

static void read_answer(struct bench *bench, struct connection *connection)
{
    static char bytes[READ_BYTES];
    ssize_t count = recv(connection->descriptor, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (count > 0 && connection->is_busy)
        take_bytes(bench, connection, bytes, (size_t)count);
    else if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        reopen_connection(bench, connection);
}

/* ---- the loop ----------------------------------------------------------------------------------
 */

static int64_t due_time(const struct bench *bench, uint64_t number)
{
    return bench->start_ns + (int64_t)((double)number * (double)SECOND_NS / bench->rate);
}

/* Sends what is due, as far as connections are free. */
static void send_due(struct bench *bench, int64_t now)
{
    if (bench->rate <= 0) {
        while (bench->idle_count > 0 && now < bench->end_ns)
            send_next(bench, now);
        return;
    }
    while (bench->idle_count > 0 && due_time(bench, bench->due_count) <= now &&
           due_time(bench, bench->due_count) < bench->end_ns)
        send_next(bench, due_time(bench, bench->due_count++));
}

/* Until when there is nothing to send. */
static int64_t wait_until(const struct bench *bench, int64_t now)
{
    int64_t until = now < bench->end_ns ? bench->end_ns : bench->end_ns + GRACE_NS;

    if (bench->rate > 0 && bench->idle_count > 0 &&
        due_time(bench, bench->due_count) < bench->end_ns)
        until = due_time(bench, bench->due_count);
    return until;
}

static bool is_over(const struct bench *bench, int64_t now)
{
    bool all_sent = bench->rate <= 0 ? now >= bench->end_ns
                                     : due_time(bench, bench->due_count) >= bench->end_ns;

    return (all_sent && bench->idle_count == bench->connection_count) ||
           now >= bench->end_ns + GRACE_NS;
}

static void count_one_unanswered(struct bench *bench, int64_t waited_ns)
{
    bench->lost++;
    histogram_add(&bench->latency, (uint64_t)waited_ns / 1000);
}

/* What was not answered, or not even sent, has taken at least until now. */
static void count_unanswered(struct bench *bench, int64_t now)
{
    for (size_t i = 0; i < bench->connection_count; i++)
        if (bench->connections[i].is_busy)
            count_one_unanswered(bench, now - bench->connections[i].due_ns);
    if (bench->rate <= 0)
        return;
    for (; due_time(bench, bench->due_count) < bench->end_ns; bench->due_count++)
        count_one_unanswered(bench, now - due_time(bench, bench->due_count));
}

static void run(struct bench *bench)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now = now_ns();

    while (!is_over(bench, now)) {
        send_due(bench, now);
        int64_t wait = wait_until(bench, now) - now_ns();
        if (wait < 0)
            wait = 0;
        const struct timespec timeout = {.tv_sec = wait / SECOND_NS, .tv_nsec = wait % SECOND_NS};
        int count = epoll_pwait2(bench->epoll, events, EVENTS_MAX, &timeout, NULL);
        if (count < 0 && errno != EINTR)
            fail("epoll_pwait2");
        for (int i = 0; i < count; i++)
            read_answer(bench, events[i].data.ptr);
        now = now_ns();
    }
    count_unanswered(bench, now);
}

static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void print_result(const struct bench *bench, double seconds, double cpu)
{
    const struct histogram *latency = &bench->latency;
    double done = bench->done > 0 ? (double)bench->done : 1;

    printf("{\"requests\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"firstRefusal\":%d,\"lost\":%" PRIu64
           ",\"seconds\":%.3f,\"perSecond\":%.1f,\"bodyBytes\":%.0f,\"p50\":%" PRIu64
           ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64 ",\"max\":%" PRIu64
           ",\"cpuUs\":%.1f}\n",
           bench->done, bench->refused, bench->first_refusal, bench->lost, seconds,
           (double)bench->done / seconds, (double)bench->body_bytes / done,
           histogram_at(latency, 0.5), histogram_at(latency, 0.9), histogram_at(latency, 0.99),
           histogram_at(latency, 0.999), latency->maximum, cpu / done);
}

static long argument(const char *text, const char *name, long maximum)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*end != '\0' || value < 1 || value > maximum) {
        fprintf(stderr, "bench_http: %s is a whole number from 1 to %ld\n", name, maximum);
        exit(2);
    }
    return value;
}

static double seconds_argument(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (*end != '\0' || !(value > 0 && value <= SECONDS_MAX)) {
        fprintf(stderr, "bench_http: SECONDS is a number up to %d\n", SECONDS_MAX);
        exit(2);
    }
    return value;
}

static void open_connections(struct bench *bench, size_t count)
{
    bench->connection_count = count;
    bench->connections = calloc(count, sizeof(*bench->connections));
    bench->idle = calloc(count, sizeof(struct connection *));
    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (bench->connections == NULL || bench->idle == NULL || bench->epoll < 0)
        fail("connections");
    for (size_t i = 0; i < count; i++)
        open_connection(bench, &bench->connections[i]);
}

static void free_bench(struct bench *bench)
{
    for (size_t i = 0; i < bench->connection_count; i++)
        close(bench->connections[i].descriptor);
    for (size_t i = 0; i < bench->target_count; i++)
        free(bench->targets[i].bytes);
    close(bench->epoll);
    free(bench->targets);
    free(bench->connections);
    free(bench->idle);
}

int main(int argc, char **argv)
{
    static struct bench bench;

    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: bench_http PORT TARGETS CONNECTIONS SECONDS [RATE]\n");
        return 2;
    }
    bench.address =
        (struct sockaddr_in){.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)argument(argv[1], "PORT", UINT16_MAX)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    read_targets(&bench, argv[2]);
    open_connections(&bench, (size_t)argument(argv[3], "CONNECTIONS", CONNECTIONS_MAX));
    double seconds = seconds_argument(argv[4]);
    bench.rate = argc > 5 ? (double)argument(argv[5], "RATE", 1000000) : 0;
    double cpu = cpu_us();
    bench.start_ns = now_ns();
    bench.end_ns = bench.start_ns + (int64_t)(seconds * (double)SECOND_NS);
    run(&bench);
    print_result(&bench, (double)(now_ns() - bench.start_ns) / (double)SECOND_NS, cpu_us() - cpu);
    free_bench(&bench);
    return 0;
}
