/*
 * The load generator for servers with many sockets. It is told what to do on its standard input,
 * one command a line, and answers each on its standard output with one line of JSON, which holds
 * the time that it took ("seconds") and the generator's own CPU time ("generatorUs"):
 *
 *   connect N                       connects until there are N clients
 *   reconnect                       cuts all off and brings them back
 *   stall N                         connects N more, and never reads from them again
 *   run BURST TURNS INTERVAL_US DELIVERIES
 *                                   publishes BURST messages at once TURNS times, on a schedule
 *                                   that waits for nobody, and takes DELIVERIES of each; latency is
 *                                   from the time when a message was due. INTERVAL_US 0: each turn
 *                                   when all of the one before has arrived
 *
 * It ends with its input. See publisher.h for --publish.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/container.h"
#include "tests/bench/publisher.h"

#define CLIENTS_MAX   20000
#define COMMAND_BYTES 256
/* After the last message was due. */
#define DELIVERY_LIMIT_NS INT64_C(60000000000)

struct bench {
    struct clients clients;
    struct publisher *publisher; /* NULL without --publish */
    struct watch input;
    char line[COMMAND_BYTES];
    size_t line_length;
    bool has_ended;
};

struct run {
    size_t burst;
    size_t turns;
    int64_t interval_ns; /* 0: each turn after the one before */
    size_t deliveries;   /* of each message */
};

static int64_t own_cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void wait_for(struct bench *bench, size_t received)
{
    int64_t deadline_ns = now_ns() + DELIVERY_LIMIT_NS;

    while (bench->clients.received < received && now_ns() < deadline_ns)
        clients_turn(&bench->clients, deadline_ns);
}

static void publish_when_due(struct bench *bench, const struct run *run)
{
    int64_t begin_ns = now_ns();

    for (size_t turn = 0; turn < run->turns; turn++) {
        int64_t due_ns = begin_ns + (int64_t)turn * run->interval_ns;
        while (now_ns() < due_ns)
            clients_turn(&bench->clients, due_ns);
        bench->publisher->publish(bench->publisher, run->burst, due_ns);
        clients_turn(&bench->clients, 0);
    }
}

static void publish_in_turn(struct bench *bench, const struct run *run)
{
    for (size_t turn = 1; turn <= run->turns; turn++) {
        bench->publisher->publish(bench->publisher, run->burst, now_ns());
        wait_for(bench, turn * run->burst * run->deliveries);
    }
}

static void run_publisher(struct bench *bench, const struct run *run)
{
    size_t expected = run->burst * run->turns * run->deliveries;

    if (bench->publisher == NULL)
        die("no publisher");
    bench->clients.received = 0;
    if (run->interval_ns == 0)
        publish_in_turn(bench, run);
    else
        publish_when_due(bench, run);
    wait_for(bench, expected);
    printf("{\"expected\":%zu,\"delivered\":%zu,", expected, bench->clients.received);
    latencies_print(&bench->clients.latencies, "latency");
    printf(",");
    latencies_print(&bench->publisher->answers, "answer");
}

static void connect_to_count(struct bench *bench, size_t count)
{
    if (count > CLIENTS_MAX || !clients_connect(&bench->clients, count)) {
        fprintf(stderr, "only %zu of %zu clients connected\n", bench->clients.ready, count);
        exit(1);
    }
    printf("{\"clients\":%zu,\"recovered\":%zu", bench->clients.ready, bench->clients.recovered);
}

static void stall(struct bench *bench, size_t count)
{
    connect_to_count(bench, bench->clients.count + count);
    clients_stall(&bench->clients, count);
}

static void execute(struct bench *bench, const char *command)
{
    int64_t begin_ns = now_ns();
    int64_t begin_us = own_cpu_us();
    int64_t interval_us;
    struct run run;
    size_t count;

    if (sscanf(command, "connect %zu", &count) == 1) {
        connect_to_count(bench, count);
    } else if (strcmp(command, "reconnect") == 0) {
        count = bench->clients.count;
        clients_cut(&bench->clients);
        connect_to_count(bench, count);
    } else if (sscanf(command, "stall %zu", &count) == 1) {
        stall(bench, count);
    } else if (sscanf(command, "run %zu %zu %" SCNd64 " %zu", &run.burst, &run.turns, &interval_us,
                      &run.deliveries) == 4) {
        run.interval_ns = interval_us * 1000;
        run_publisher(bench, &run);
    } else {
        fprintf(stderr, "no such command: %s\n", command);
        exit(1);
    }
    printf(",\"seconds\":%.6f,\"generatorUs\":%" PRId64 "}\n", (double)(now_ns() - begin_ns) / 1e9,
           own_cpu_us() - begin_us);
    fflush(stdout);
}

static void on_input(struct watch *watch)
{
    struct bench *bench = CONTAINER_OF(watch, struct bench, input);
    ssize_t length = read(watch->descriptor, bench->line + bench->line_length,
                          sizeof(bench->line) - bench->line_length - 1);

    if (length <= 0) {
        bench->has_ended = true;
        return;
    }
    bench->line_length += (size_t)length;
    bench->line[bench->line_length] = '\0';
    char *end = strchr(bench->line, '\n');
    if (end == NULL)
        return;
    *end = '\0';
    bench->line_length = 0; /* commands are answered one by one: nothing follows */
    execute(bench, bench->line);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum client_protocol protocol_named(const char *name)
{
    if (strcmp(name, "socketio") == 0)
        return PROTOCOL_SOCKETIO;
    return strcmp(name, "mqtt") == 0 ? PROTOCOL_MQTT : PROTOCOL_WEBSOCKET;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"target", required_argument, NULL, 't'},   {"path", required_argument, NULL, 'p'},
        {"protocol", required_argument, NULL, 'c'}, {"identities", required_argument, NULL, 'i'},
        {"publish", required_argument, NULL, 'u'},  {NULL, 0, NULL, 0}};
    struct bench bench = {.clients = {.path = "/"},
                          .input = {.descriptor = STDIN_FILENO, .on_readable = on_input}};
    const char *publisher = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 't':
            bench.clients.target = optarg;
            break;
        case 'p':
            bench.clients.path = optarg;
            break;
        case 'c':
            bench.clients.protocol = protocol_named(optarg);
            break;
        case 'i':
            clients_read_identities(&bench.clients, optarg);
            break;
        case 'u':
            publisher = optarg;
            break;
        default:
            return 2;
        }
    }
    if (bench.clients.target == NULL) {
        fprintf(stderr, "usage: bench_sockets --target ADDRESS [--path PATH]"
                        " [--protocol socketio|websocket|mqtt] [--identities FILE]"
                        " [--publish HOW]\n");
        return 2;
    }
    raise_descriptor_limit();
    clients_open(&bench.clients, CLIENTS_MAX);
    clients_watch(&bench.clients, &bench.input);
    if (publisher != NULL)
        bench.publisher = publisher_open(publisher, &bench.clients);
    while (!bench.has_ended)
        clients_turn(&bench.clients, now_ns() + INT64_C(3600000000000));
    if (bench.publisher != NULL)
        bench.publisher->close(bench.publisher);
    clients_close(&bench.clients);
    return 0;
}
