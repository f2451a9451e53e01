/*
 * fcgi/fastcgi.h over a real unix socket, against a web server's side written by hand
 * (fastcgi_client.h). What the requests are answered with is up to their parameter DO.
 */
#include "tests/unit/unit_test.h"

#include <dirent.h>
#include <fastcgi.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "db/input.h"
#include "fcgi/fastcgi.h"
#include "fcgi/listener.h"
#include "tests/unit/fastcgi_client.h"
#include "tests/unit/log_reader.h"
#include "tests/unit/wait.h"

#define THREADS         4
#define MAX_CONNECTIONS 200
/* Long enough that no healthy request of a busy machine meets it, short enough to be waited for
 * where a test is about it. */
#define IO_TIMEOUT_MS 1000

struct site {
    char directory[64];
    char path[96];
    struct listeners listeners;
    int log_descriptor;
    struct log log;
    struct id_source ids;
    struct services services;
    struct fastcgi_server *server;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    size_t held;     /* requests that wait for `is_released` */
    size_t answered; /* requests in all */
    bool is_released;
    int signal_count;
};

/* ---- the program's side ---------------------------------------------------------------------- */

static const char *parameter(const struct request *request, const char *name)
{
    size_t length = strlen(name);

    for (char *const *entry = request->transport.parameters; *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return "";
}

/* Waits until the test releases it, as for a commit. */
static void hold(struct site *site, struct request *request)
{
    request_wait(request, true);
    pthread_mutex_lock(&site->lock);
    site->held++;
    pthread_cond_broadcast(&site->changed);
    while (!site->is_released)
        pthread_cond_wait(&site->changed, &site->lock);
    site->held--;
    pthread_mutex_unlock(&site->lock);
    request_wait(request, false);
}

/* A body whose every byte depends on its place. */
static void append_pattern(struct buffer *out, size_t length)
{
    if (!buffer_reserve(out, length))
        return;
    for (size_t i = 0; i < length; i++)
        out->data[out->length + i] = (char)('a' + i % 26);
    out->length += length;
}

static void answer(void *context, struct request *request, struct response *response)
{
    struct site *site = context;
    const char *order = parameter(request, "DO");

    response_begin(response);
    if (strcmp(order, "hold") == 0)
        hold(site, request);
    if (strcmp(order, "echo") == 0 && request_read_body(request) == BODY_READ)
        buffer_append(&response->body, request->body.data, request->body.length);
    else if (strncmp(order, "pattern", 7) == 0)
        append_pattern(&response->body, strtoul(order + 7, NULL, 10));
    else
        buffer_append_format(&response->body, "answer %s %s", order, parameter(request, "NAME"));
    response_finish(response, request, NULL);
    pthread_mutex_lock(&site->lock);
    site->answered++;
    pthread_cond_broadcast(&site->changed);
    pthread_mutex_unlock(&site->lock);
}

static void refuse(void *context, struct request *request, struct response *response)
{
    struct error error;

    (void)context;
    error_clear(&error);
    error_unavailable(&error, "too many");
    response_begin(response);
    response_error(response, &error);
    response_finish(response, request, NULL);
}

/* ---- the test's side ------------------------------------------------------------------------- */

static void wait_for(struct site *site, const size_t *number, size_t value)
{
    pthread_mutex_lock(&site->lock);
    while (*number != value)
        pthread_cond_wait(&site->changed, &site->lock);
    pthread_mutex_unlock(&site->lock);
}

static void release(struct site *site)
{
    pthread_mutex_lock(&site->lock);
    site->is_released = true;
    pthread_cond_broadcast(&site->changed);
    pthread_mutex_unlock(&site->lock);
}

static void start(struct site *site, int64_t threads, int64_t max_connections,
                  int64_t io_timeout_ms)
{
    const struct fastcgi_options options = {
        .services = &site->services,
        .listeners = site->listeners.descriptors,
        .listener_count = site->listeners.count,
        .threads = threads,
        .max_connections = max_connections,
        .io_timeout_ms = io_timeout_ms,
        .answer = answer,
        .refuse = refuse,
        .context = site,
    };
    struct error error;

    error_clear(&error);
    site->server = fastcgi_server_start(&options, &error);
    assert_non_null(site->server);
}

static void stop(struct site *site)
{
    fastcgi_server_stop(site->server);
    site->server = NULL;
}

static int set_up(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    struct error error;

    assert_non_null(site);
    strcpy(site->directory, "/tmp/messagerie-fastcgi-XXXXXX");
    assert_non_null(mkdtemp(site->directory));
    snprintf(site->path, sizeof(site->path), "%s/test.sock", site->directory);
    error_clear(&error);
    assert_true(listeners_open(site->path, &site->listeners, &error));
    site->log_descriptor = memfd_create("log", MFD_CLOEXEC);
    site->log = (struct log){"test", LOG_LEVEL_DEBUG, site->log_descriptor, &clock_system, NULL};
    id_source_init(&site->ids, &clock_system, &random_system);
    site->services = (struct services){&site->log, &clock_system, &random_system, &site->ids};
    pthread_mutex_init(&site->lock, NULL);
    pthread_cond_init(&site->changed, NULL);
    *state = site;
    return 0;
}

static int tear_down(void **state)
{
    struct site *site = *state;

    release(site);
    fastcgi_server_stop(site->server);
    listeners_close(&site->listeners);
    close(site->log_descriptor);
    assert_int_equal(rmdir(site->directory), 0);
    pthread_cond_destroy(&site->changed);
    pthread_mutex_destroy(&site->lock);
    free(site);
    return 0;
}

/* Asserts that since `begin_ms` the log has said this, and not more than once a second. */
static void assert_said_rarely(struct site *site, const char *text, int64_t begin_ms)
{
    int64_t elapsed_ms = clock_monotonic_ms(&clock_system) - begin_ms;
    size_t count = count_in_log(site->log_descriptor, text);

    assert_in_range(count, 1, 1 + elapsed_ms / LOG_LIMIT_MS);
}

static void send_order(int descriptor, const char *order)
{
    char text[64];
    const char *parameters[] = {"REQUEST_METHOD=POST", text, NULL};
    const struct client_request request = {.keep = true, .parameters = parameters};

    snprintf(text, sizeof(text), "DO=%s", order);
    client_send_request(descriptor, &request);
}

static void send_body(int descriptor, const char *order, const char *body, size_t length)
{
    char text[64];
    const char *parameters[] = {"REQUEST_METHOD=POST", text, NULL};
    const struct client_request request = {
        .keep = true, .parameters = parameters, .body = body, .body_length = length};

    snprintf(text, sizeof(text), "DO=%s", order);
    client_send_request(descriptor, &request);
}

/* A new connection is served. */
static void assert_alive(struct site *site)
{
    int client = client_connect(site->path);

    send_order(client, "simple");
    client_expect(client, "answer simple");
    close(client);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void answers_many_requests_of_one_connection(void **state)
{
    struct site *site = *state;

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    for (int i = 0; i < 200; i++) {
        send_order(client, "simple");
        client_expect(client, "Status: 200 OK\r\n");
    }
    close(client);
}

static void closes_what_is_not_to_be_kept(void **state)
{
    struct site *site = *state;
    const char *parameters[] = {"DO=simple", NULL};
    const struct client_request request = {.id = 513, .parameters = parameters};

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    client_send_request(client, &request);
    client_expect(client, "answer simple");
    client_expect_end(client);
    close(client);
}

static void reads_bodies(void **state)
{
    static const size_t lengths[] = {0, 1, 7, 8, 8000, 8192, 16384, 16385, 100000, INPUT_MAX_BYTES};
    struct site *site = *state;
    char *body = malloc(INPUT_MAX_BYTES + 1);

    assert_non_null(body);
    for (size_t i = 0; i < INPUT_MAX_BYTES; i++)
        body[i] = (char)('A' + i % 31);
    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct client_answer got;
        send_body(client, "echo", body, lengths[i]);
        client_read_answer(client, &got);
        assert_true(got.is_ended && got.output.length > lengths[i]);
        assert_memory_equal(got.output.data + got.output.length - lengths[i], body, lengths[i]);
        buffer_free(&got.output);
    }
    close(client);
    free(body);
}

/* As slow as can be: each byte on its own. */
static void reads_a_request_in_single_bytes(void **state)
{
    struct site *site = *state;
    const char *parameters[] = {"DO=echo", "REQUEST_METHOD=POST", NULL};
    const struct client_request request = {
        .keep = true, .parameters = parameters, .body = "Bonjour", .body_length = 7};
    struct buffer bytes = BUFFER_EMPTY;

    start(site, 1, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    client_append_request(&bytes, &request);
    for (size_t i = 0; i < bytes.length; i++)
        client_send(client, bytes.data + i, 1);
    client_expect(client, "Bonjour");
    send_order(client, "simple");
    client_expect(client, "answer simple");
    buffer_free(&bytes);
    close(client);
}

static void reads_long_parameters(void **state)
{
    struct site *site = *state;
    char *name = calloc(1, 40000);
    const char *parameters[] = {"DO=simple", name, NULL};
    const struct client_request request = {.keep = true, .parameters = parameters};

    assert_non_null(name);
    memset(name, 'x', 39999);
    for (size_t i = 0; i < 5; i++)
        name[i] = "NAME="[i];
    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    client_send_request(client, &request);
    client_expect(client, name + 5);
    close(client);
    free(name);
}

/* Up to more records than go out with one system call. */
static void sends_large_answers(void **state)
{
    static const size_t lengths[] = {1, 65000, 65528, 65529, 131056, 2000000, 8000000};
    struct site *site = *state;
    struct buffer expected = BUFFER_EMPTY;

    append_pattern(&expected, 8000000);
    assert_false(expected.failed);
    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct client_answer got;
        char order[32];
        snprintf(order, sizeof(order), "pattern%zu", lengths[i]);
        send_order(client, order);
        client_read_answer(client, &got);
        assert_true(got.is_ended && got.output.length > lengths[i]);
        assert_memory_equal(got.output.data + got.output.length - lengths[i], expected.data,
                            lengths[i]);
        buffer_free(&got.output);
    }
    close(client);
    buffer_free(&expected);
}

/* A body that the handler didn't read must not be taken for the next request. */
static void skips_unread_bodies(void **state)
{
    struct site *site = *state;
    char *body = calloc(1, DISCARDED_BODY_MAX_BYTES + 65536);

    assert_non_null(body);
    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    send_body(client, "simple", body, 300000);
    client_expect(client, "answer simple");
    send_order(client, "simple");
    client_expect(client, "answer simple");
    close(client);
    free(body);
}

static void *send_endless_body(void *context)
{
    int client = *(int *)context;
    static const char content[32768];
    struct buffer bytes = BUFFER_EMPTY;

    client_append_request(&bytes, &(struct client_request){.keep = true});
    bytes.length -= FCGI_HEADER_LEN; /* without the end of the body */
    client_send(client, bytes.data, bytes.length);
    buffer_clear(&bytes);
    client_append_record(&bytes, FCGI_STDIN, 1, content, sizeof(content));
    while (send(client, bytes.data, bytes.length, MSG_NOSIGNAL) > 0)
        ;
    buffer_free(&bytes);
    return NULL;
}

static void *send_endless_parameters(void *context)
{
    int client = *(int *)context;
    static const char pair[2 + 20] = {10, 10};
    struct buffer bytes = BUFFER_EMPTY;

    client_append_request(&bytes, &(struct client_request){.keep = true});
    client_send(client, bytes.data, FCGI_HEADER_LEN + sizeof(FCGI_BeginRequestBody));
    buffer_clear(&bytes);
    client_append_record(&bytes, FCGI_PARAMS, 1, pair, sizeof(pair));
    while (send(client, bytes.data, bytes.length, MSG_NOSIGNAL) > 0)
        ;
    buffer_free(&bytes);
    return NULL;
}

static void reads_no_endless_parameters(void **state)
{
    struct site *site = *state;
    pthread_t sender;

    start(site, 1, MAX_CONNECTIONS, 100);
    int client = client_connect(site->path);
    assert_int_equal(pthread_create(&sender, NULL, send_endless_parameters, &client), 0);
    client_expect_end(client);
    assert_int_equal(pthread_join(sender, NULL), 0);
    close(client);
    assert_alive(site);
}

/* Too much of it: the answer comes and the connection ends. */
static void reads_no_endless_body(void **state)
{
    struct site *site = *state;
    pthread_t sender;

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    assert_int_equal(pthread_create(&sender, NULL, send_endless_body, &client), 0);
    client_expect(client, "answer");
    client_expect_end(client);
    assert_int_equal(pthread_join(sender, NULL), 0);
    close(client);
    assert_alive(site);
}

static void refuses_other_roles(void **state)
{
    struct site *site = *state;
    const struct client_request request = {.role = FCGI_AUTHORIZER, .keep = true};
    struct client_answer got;

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    client_send_request(client, &request);
    client_read_answer(client, &got);
    assert_true(got.is_ended);
    assert_int_equal(got.protocol_status, FCGI_UNKNOWN_ROLE);
    assert_int_equal(got.output.length, 0);
    close(client);
    assert_alive(site);
}

/* ---- many connections -------------------------------------------------------------------------
 */

/* The trap: a thread for each kept connection, and the one after that waits for ever. */
static void idle_connections_need_no_thread(void **state)
{
    enum { CONNECTIONS = 128 };
    struct site *site = *state;
    int clients[CONNECTIONS];

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = client_connect(site->path);
        send_order(clients[i], "simple");
        client_expect(clients[i], "answer simple");
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CONNECTIONS; i++)
            send_order(clients[i], "simple");
        for (int i = CONNECTIONS - 1; i >= 0; i--)
            client_expect(clients[i], "answer simple");
    }
    for (int i = 0; i < CONNECTIONS; i++)
        close(clients[i]);
}

/* All threads but one wait for a commit, however few processors there are. */
static void waiting_requests_hold_nobody_up(void **state)
{
    struct site *site = *state;
    int clients[THREADS - 1];

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    for (int i = 0; i < THREADS - 1; i++) {
        clients[i] = client_connect(site->path);
        send_order(clients[i], "hold");
    }
    wait_for(site, &site->held, THREADS - 1);
    assert_alive(site);
    release(site);
    for (int i = 0; i < THREADS - 1; i++) {
        client_expect(clients[i], "answer hold");
        close(clients[i]);
    }
}

/* The same of requests that come in two parts, so that their threads have waited before. */
static void split_requests_hold_nobody_up(void **state)
{
    struct site *site = *state;
    const char *parameters[] = {"DO=hold", NULL};
    const struct client_request request = {.keep = true, .parameters = parameters};
    struct buffer bytes = BUFFER_EMPTY;
    int clients[THREADS - 1];

    client_append_request(&bytes, &request);
    start(site, THREADS, MAX_CONNECTIONS, CLIENT_TIMEOUT_S * 1000);
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        clients[i] = client_connect(site->path);
        client_send(clients[i], bytes.data, 10);
    }
    assert_alive(site);
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++)
        client_send(clients[i], bytes.data + 10, bytes.length - 10);
    wait_for(site, &site->held, ARRAY_LENGTH(clients));
    for (int i = 0; i < 2 * THREADS; i++)
        assert_alive(site);
    release(site);
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        client_expect(clients[i], "answer hold");
        close(clients[i]);
    }
    for (int i = 0; i < 2 * THREADS; i++)
        assert_alive(site);
    buffer_free(&bytes);
}

/* Of this process, in which the server is. */
static size_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL) // cppcheck-suppress readdirCalled
        count++;
    closedir(directory);
    return count;
}

static void limits_connections(void **state)
{
    enum { LIMIT = 3, REFUSED = 20 };
    struct site *site = *state;
    int clients[LIMIT];
    int64_t begin_ms = clock_monotonic_ms(&clock_system);

    start(site, THREADS, LIMIT, IO_TIMEOUT_MS);
    for (int i = 0; i < LIMIT; i++) {
        clients[i] = client_connect(site->path);
        send_order(clients[i], "simple");
        client_expect(clients[i], "answer simple");
    }
    const size_t descriptors = count_descriptors();
    for (int i = 0; i < REFUSED; i++) {
        int refused = client_connect(site->path);
        send_order(refused, "simple");
        client_expect(refused, "Retry-After: ");
        client_expect_end(refused);
        close(refused);
    }
    WAIT_UNTIL(count_descriptors() == descriptors, wait_a_moment());
    assert_said_rarely(site, "too many connections", begin_ms);
    /* One that goes makes room; the server sees it at its own time. */
    close(clients[0]);
    bool is_admitted = false;
    while (!is_admitted) {
        struct client_answer got;
        int client = client_connect(site->path);
        send_order(client, "simple");
        client_read_answer(client, &got);
        assert_true(got.is_ended);
        is_admitted = memmem(got.output.data, got.output.length, "answer simple", 13) != NULL;
        buffer_free(&got.output);
        close(client);
    }
    close(clients[1]);
    close(clients[2]);
}

/* Even the refused are not without number. */
static void closes_what_is_far_too_much(void **state)
{
    enum { MANY = 1 + REFUSED_CONNECTIONS_MAX + 10 };
    struct site *site = *state;
    int clients[MANY];
    size_t closed = 0;

    start(site, THREADS, 1, IO_TIMEOUT_MS);
    for (int i = 0; i < MANY; i++)
        clients[i] = client_connect(site->path);
    for (int i = MANY - 10; i < MANY; i++) {
        client_expect_end(clients[i]);
        closed++;
    }
    assert_int_equal(closed, 10);
    send_order(clients[0], "simple");
    client_expect(clients[0], "answer simple");
    send_order(clients[REFUSED_CONNECTIONS_MAX], "simple");
    client_expect(clients[REFUSED_CONNECTIONS_MAX], "Status: 503");
    for (int i = 0; i < MANY; i++)
        close(clients[i]);
}

/* Without a descriptor left, connections wait; the log says it; then they are accepted. */
static void outlives_a_lack_of_descriptors(void **state)
{
    struct site *site = *state;
    struct rlimit before, low;
    int clients[3];
    int64_t begin_ms = clock_monotonic_ms(&clock_system);

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    assert_alive(site);
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++)
        clients[i] = client_socket();
    int lowest_free = dup(0);
    close(lowest_free);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = (rlim_t)lowest_free;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        client_connect_with(clients[i], site->path);
        send_order(clients[i], "simple");
    }
    WAIT_UNTIL(count_in_log(site->log_descriptor, "connections can't be accepted") > 0,
               wait_a_moment());
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        client_expect(clients[i], "answer simple");
        close(clients[i]);
    }
    assert_said_rarely(site, "connections can't be accepted", begin_ms);
    assert_said_rarely(site, "accepted again", begin_ms);
}

/* ---- peers that misbehave ---------------------------------------------------------------------
 */

/* Sends the first `length` bytes of a request and goes. */
static void send_part(struct site *site, size_t length)
{
    const char *parameters[] = {"DO=echo", "REQUEST_METHOD=POST", "CONTENT_LENGTH=7", NULL};
    const struct client_request request = {
        .keep = true, .parameters = parameters, .body = "Bonjour", .body_length = 7};
    struct buffer bytes = BUFFER_EMPTY;
    int client = client_connect(site->path);

    client_append_request(&bytes, &request);
    assert_true(length <= bytes.length);
    client_send(client, bytes.data, length);
    close(client);
    buffer_free(&bytes);
}

static void outlives_peers_that_go(void **state)
{
    struct site *site = *state;

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    for (size_t length = 0; length <= 100; length++)
        send_part(site, length);
    int client = client_connect(site->path);
    send_order(client, "pattern8000000");
    close(client); /* with the answer on its way */
    assert_alive(site);
}

static void outlives_nonsense(void **state)
{
    enum { MANY = 300 };
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    struct site *site = *state;
    unsigned char bytes[512];
    uint64_t seed = 42;
    struct random_source random = random_seeded(&seed);
    struct buffer begin = BUFFER_EMPTY;

    client_append_request(&begin, &(struct client_request){.keep = true});
    start(site, THREADS, MANY + 2, 100); /* all may be there before the first is found out */
    for (int i = 0; i < MANY; i++) {
        int client = client_connect(site->path);
        random_fill(&random, bytes, sizeof(bytes));
        if (i % 3 > 0)
            client_send(client, begin.data, FCGI_HEADER_LEN + sizeof(FCGI_BeginRequestBody));
        if (i % 3 > 1) /* parameters of any length */
            memcpy(bytes, begin.data + FCGI_HEADER_LEN + sizeof(FCGI_BeginRequestBody), 4);
        send(client, bytes, sizeof(bytes), MSG_NOSIGNAL);
        close(client);
    }
    buffer_free(&begin);
    int client = client_connect(site->path);
    client_send(client, http, sizeof(http) - 1);
    client_expect_end(client);
    close(client);
    assert_alive(site);
}

/* Nor does libfcgi see them, which answers them into 64 bytes. */
static void answers_management_records_between_requests(void **state)
{
    struct site *site = *state;
    struct buffer bytes = BUFFER_EMPTY;
    const char *parameters[] = {"DO=echo", NULL};
    const struct client_request request = {.keep = true, .parameters = parameters};
    static const char names[] = "\016\0FCGI_MAX_CONNS\016\0FCGI_MAX_CONNS\016\0FCGI_MAX_CONNS"
                                "\016\0FCGI_MAX_CONNS\016\0FCGI_MAX_CONNS\016\0FCGI_MAX_CONNS";
    static const unsigned char unknown[] = {
        1, FCGI_UNKNOWN_TYPE, 0, 0, 0, 8, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0};
    unsigned char answer[64];

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    for (int i = 0; i < 2; i++) {
        buffer_clear(&bytes);
        client_append_record(&bytes, FCGI_GET_VALUES, 0, names, sizeof(names) - 1);
        client_send(client, bytes.data, bytes.length / 2); /* in two pieces */
        client_send(client, bytes.data + bytes.length / 2, bytes.length - bytes.length / 2);
        assert_int_equal(recv(client, answer, FCGI_HEADER_LEN, MSG_WAITALL), FCGI_HEADER_LEN);
        assert_int_equal(answer[1], FCGI_GET_VALUES_RESULT);
        size_t length = answer[5];
        assert_true(length > 16 && length < sizeof(answer));
        assert_int_equal(recv(client, answer, length, MSG_WAITALL), length);
        assert_memory_equal(answer + 2, FCGI_MAX_CONNS, strlen(FCGI_MAX_CONNS));
        buffer_clear(&bytes);
        client_append_record(&bytes, 99, 0, "x", 1);
        client_send(client, bytes.data, bytes.length);
        assert_int_equal(recv(client, answer, sizeof(unknown), MSG_WAITALL), sizeof(unknown));
        assert_memory_equal(answer, unknown, sizeof(unknown));
        client_send_request(client, &request);
        client_expect(client, "");
    }
    close(client);
    buffer_free(&bytes);
    assert_alive(site);
}

static void ends_an_aborted_request(void **state)
{
    struct site *site = *state;
    const char *parameters[] = {"DO=echo", NULL};
    const struct client_request request = {.keep = true, .parameters = parameters};
    struct buffer bytes = BUFFER_EMPTY;

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    client_append_request(&bytes, &request);
    bytes.length -= FCGI_HEADER_LEN;
    client_append_record(&bytes, FCGI_ABORT_REQUEST, 1, NULL, 0);
    client_send(client, bytes.data, bytes.length);
    client_expect_end(client);
    close(client);
    buffer_free(&bytes);
    assert_alive(site);
}

/* Of one thread, which is free again after the timeout. */
static void a_stuck_sender_frees_its_thread(void **state)
{
    static const size_t lengths[] = {1, 8, 20, 60};
    struct site *site = *state;
    const char *parameters[] = {"DO=echo", "REQUEST_METHOD=POST", NULL};
    const struct client_request request = {
        .keep = true, .parameters = parameters, .body = "Bonjour", .body_length = 7};
    struct buffer bytes = BUFFER_EMPTY;

    start(site, 1, MAX_CONNECTIONS, 50);
    client_append_request(&bytes, &request);
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        int client = client_connect(site->path);
        client_send(client, bytes.data, lengths[i]);
        assert_alive(site);
        client_expect_end(client);
        close(client);
    }
    buffer_free(&bytes);
}

static void a_stuck_reader_frees_its_thread(void **state)
{
    struct site *site = *state;

    start(site, 1, MAX_CONNECTIONS, 50);
    int client = client_connect(site->path);
    send_order(client, "pattern8000000");
    wait_for(site, &site->answered, 1);
    assert_alive(site);
    close(client);
}

static void count_signal(int number)
{
    (void)number;
}

/* A signal interrupts what it meets; workers are not to be met, and the client retries. */
static void signals_disturb_nothing(void **state)
{
    struct site *site = *state;
    struct sigaction action = {.sa_handler = count_signal}, before;

    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    for (int i = 0; i < 200; i++) {
        kill(getpid(), SIGUSR1);
        send_order(client, i % 50 == 0 ? "pattern2000000" : "simple");
        kill(getpid(), SIGUSR1);
        client_expect(client, "Status: 200 OK");
    }
    close(client);
    stop(site);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* ---- stopping ---------------------------------------------------------------------------------
 */

static void *stop_server(void *context)
{
    stop(context);
    return NULL;
}

static void stops_with_idle_connections(void **state)
{
    struct site *site = *state;

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int client = client_connect(site->path);
    send_order(client, "simple");
    client_expect(client, "answer simple");
    stop(site);
    client_expect_end(client);
    close(client);
}

/* Of one thread that is busy: a request in flight, one on an idle connection, one on a connection
 * that has not been accepted. All are answered, then their connections end. */
static void answers_what_has_arrived_before_it_stops(void **state)
{
    struct site *site = *state;
    pthread_t stopper;

    start(site, 1, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    int idle = client_connect(site->path);
    send_order(idle, "simple");
    client_expect(idle, "answer simple");
    int busy = client_connect(site->path);
    send_order(busy, "hold");
    wait_for(site, &site->held, 1);
    send_order(idle, "simple");
    int fresh = client_connect(site->path);
    send_order(fresh, "simple");
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, site), 0);
    release(site);
    client_expect(busy, "answer hold");
    client_expect(idle, "answer simple");
    client_expect(fresh, "answer simple");
    assert_int_equal(pthread_join(stopper, NULL), 0);
    client_expect_end(busy);
    client_expect_end(idle);
    client_expect_end(fresh);
    close(busy);
    close(idle);
    close(fresh);
}

/* With requests all the time: each is answered, or its connection ends before a byte of it. */
static void loses_no_answer_when_it_stops(void **state)
{
    enum { CONNECTIONS = 20 };
    struct site *site = *state;
    int clients[CONNECTIONS];
    pthread_t stopper;

    start(site, THREADS, MAX_CONNECTIONS, IO_TIMEOUT_MS);
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = client_connect(site->path);
        send_order(clients[i], "simple");
    }
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, site), 0);
    for (int i = 0; i < CONNECTIONS; i++) {
        client_expect(clients[i], "answer simple");
        client_expect_end(clients[i]);
        close(clients[i]);
    }
    assert_int_equal(pthread_join(stopper, NULL), 0);
}

static void stops_while_a_peer_is_stuck(void **state)
{
    struct site *site = *state;

    start(site, 2, MAX_CONNECTIONS, 200);
    int client = client_connect(site->path);
    client_send(client, "\1\1\0\1", 4);
    assert_alive(site);
    stop(site);
    client_expect_end(client);
    close(client);
}

#define SITE_TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(answers_many_requests_of_one_connection),
        SITE_TEST(closes_what_is_not_to_be_kept),
        SITE_TEST(reads_bodies),
        SITE_TEST(reads_a_request_in_single_bytes),
        SITE_TEST(reads_long_parameters),
        SITE_TEST(sends_large_answers),
        SITE_TEST(skips_unread_bodies),
        SITE_TEST(reads_no_endless_body),
        SITE_TEST(reads_no_endless_parameters),
        SITE_TEST(refuses_other_roles),
        SITE_TEST(idle_connections_need_no_thread),
        SITE_TEST(waiting_requests_hold_nobody_up),
        SITE_TEST(split_requests_hold_nobody_up),
        SITE_TEST(limits_connections),
        SITE_TEST(closes_what_is_far_too_much),
        SITE_TEST(outlives_a_lack_of_descriptors),
        SITE_TEST(outlives_peers_that_go),
        SITE_TEST(outlives_nonsense),
        SITE_TEST(answers_management_records_between_requests),
        SITE_TEST(ends_an_aborted_request),
        SITE_TEST(a_stuck_sender_frees_its_thread),
        SITE_TEST(a_stuck_reader_frees_its_thread),
        SITE_TEST(signals_disturb_nothing),
        SITE_TEST(stops_with_idle_connections),
        SITE_TEST(answers_what_has_arrived_before_it_stops),
        SITE_TEST(loses_no_answer_when_it_stops),
        SITE_TEST(stops_while_a_peer_is_stuck),
    };

    return cmocka_run_group_tests_name("fastcgi", tests, NULL, NULL);
}
