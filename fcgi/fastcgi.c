#include "fcgi/fastcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/assert.h"
#include "fcgi/gate.h"
#include "fcgi/records.h"

/*
 * Why not libfcgi's own loop, FCGX_Accept_r in each thread? It stays with a connection as long as
 * the web server keeps that open. As soon as there are as many idle connections as threads, the
 * requests on others wait until they time out; and without keeping them open each request costs a
 * connection. So a connection is an FCGX_Request without a listening socket, which libfcgi takes as
 * one that it has kept open, and which it is only given once something has arrived. That uses
 * fields that libfcgi calls private: here and nowhere else.
 */

/* Read at once by libfcgi; a request that fits is answered without waiting for its end. */
#define READ_BYTES 8192

/* The most before the end of the parameters; web servers have lower limits for headers. */
#define PARAMETERS_MAX_BYTES 262144
/* Between two looks at parameters that are not all there, at most. */
#define ARRIVAL_PAUSE_MAX_MS 16

/* What a connection waits for. */
#define IDLE_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLONESHOT)

/* What an epoll event points at. */
enum source_kind {
    SOURCE_LISTENER,
    SOURCE_CONNECTION,
    SOURCE_STOP,   /* readable when the workers shall end */
    SOURCE_RESUME, /* a timer: accept again */
};

struct source {
    enum source_kind kind;
    int descriptor;
};

/* Belongs to epoll while idle, and to one thread from its event on until it is armed again. */
struct connection {
    struct source source;
    FCGX_Request fcgx;
    bool is_refused;
    pthread_mutex_t lock;               /* held while it is handed to epoll, see arm */
    struct connection *previous, *next; /* in server->connections */
};

struct fastcgi_server {
    struct fastcgi_options options;
    int epoll;
    struct source stop;
    struct source resume;
    struct source *listeners;
    int ended; /* eventfd: readable when the last worker has ended */
    pthread_t *threads;
    size_t thread_count;
    size_t running;                                 /* atomic: workers that have not ended */
    bool is_stopping;                               /* atomic */
    bool is_accept_failing;                         /* atomic */
    struct log_limit refusing, failing, recovering; /* lines of the log */
    struct gate gate; /* of the workers: computing, or waiting for an event */

    pthread_mutex_t lock; /* of what follows */
    struct connection *connections;
    size_t connection_count;
    size_t refused_count;
};

/* What a thread uses again for each request. */
struct worker {
    struct fastcgi_server *server;
    struct request request;
    struct response response;
};

/* ---- epoll ---------------------------------------------------------------------------------- */

static bool watch_source(struct fastcgi_server *server, int operation, struct source *source,
                         uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    return epoll_ctl(server->epoll, operation, source->descriptor, &event) == 0;
}

static bool is_stopping(struct fastcgi_server *server)
{
    return __atomic_load_n(&server->is_stopping, __ATOMIC_ACQUIRE);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void link_connection(struct fastcgi_server *server, struct connection *connection)
{
    connection->previous = NULL;
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    server->connections = connection;
}

static void unlink_connection(struct fastcgi_server *server, struct connection *connection)
{
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
}

/* Counts and frees it, and closes its descriptor unless libfcgi has done so. */
static void drop_connection(struct fastcgi_server *server, struct connection *connection)
{
    size_t *count = connection->is_refused ? &server->refused_count : &server->connection_count;

    pthread_mutex_lock(&server->lock);
    unlink_connection(server, connection);
    ASSERT(*count > 0);
    (*count)--;
    /* Under the lock, so that cut_connections never meets a descriptor of somebody else. */
    if (connection->fcgx.ipcFd >= 0)
        close(connection->fcgx.ipcFd);
    pthread_mutex_unlock(&server->lock);
    pthread_mutex_destroy(&connection->lock);
    free(connection);
}

/* Counts a new connection in; false when there are too many even for refusing. */
static bool admit(struct fastcgi_server *server, struct connection *connection)
{
    bool is_admitted = true;

    pthread_mutex_lock(&server->lock);
    if (server->connection_count < (size_t)server->options.max_connections) {
        server->connection_count++;
    } else {
        connection->is_refused = true;
        is_admitted = server->refused_count < REFUSED_CONNECTIONS_MAX;
        server->refused_count += is_admitted;
    }
    if (is_admitted)
        link_connection(server, connection);
    pthread_mutex_unlock(&server->lock);
    if (connection->is_refused)
        log_limited(server->options.services->log, &server->refusing, LOG_LEVEL_WARNING,
                    "too many connections, refusing more",
                    LOG_NUMBER("max_connections", server->options.max_connections));
    return is_admitted;
}

/* Hands the connection to epoll; if that succeeds it is no longer the caller's. Under its lock, as
 * take_over is, so that the next thread sees what this one wrote: that epoll orders them is not
 * promised in the terms of the C language. */
static bool arm(struct fastcgi_server *server, int operation, struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    bool is_armed = watch_source(server, operation, &connection->source, IDLE_EVENTS);
    pthread_mutex_unlock(&connection->lock);
    return is_armed;
}

/* The connection of an event is the caller's from now on. */
static void take_over(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    pthread_mutex_unlock(&connection->lock);
}

static void set_timeouts(int descriptor, int64_t timeout_ms)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    int on = 1;

    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    /* Fails on a unix socket, which does not need it. */
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void add_connection(struct fastcgi_server *server, int descriptor)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL || !admit(server, connection)) {
        free(connection);
        close(descriptor);
        return;
    }
    set_timeouts(descriptor, server->options.io_timeout_ms);
    pthread_mutex_init(&connection->lock, NULL);
    connection->source = (struct source){SOURCE_CONNECTION, descriptor};
    FCGX_InitRequest(&connection->fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR);
    connection->fcgx.ipcFd = descriptor;
    if (!arm(server, EPOLL_CTL_ADD, connection))
        drop_connection(server, connection);
}

/* ---- accepting ------------------------------------------------------------------------------ */

/* Listening goes on when the timer ends. */
static void pause_accepting(struct fastcgi_server *server, int reason)
{
    const struct itimerspec delay = {.it_value.tv_nsec = ACCEPT_PAUSE_MS * 1000000L};

    if (!__atomic_exchange_n(&server->is_accept_failing, true, __ATOMIC_RELAXED))
        log_limited(server->options.services->log, &server->failing, LOG_LEVEL_WARNING,
                    "connections can't be accepted, trying again",
                    LOG_TEXT("reason", strerror(reason)));
    timerfd_settime(server->resume.descriptor, 0, &delay, NULL);
}

static void resume_accepting(struct fastcgi_server *server)
{
    uint64_t expirations;
    ssize_t length = read(server->resume.descriptor, &expirations, sizeof(expirations));

    if (is_stopping(server))
        return;
    watch_source(server, EPOLL_CTL_MOD, &server->resume, EPOLLIN | EPOLLONESHOT);
    if (length < 0) /* meanwhile another thread has set it again */
        return;
    for (size_t i = 0; i < server->options.listener_count; i++)
        watch_source(server, EPOLL_CTL_MOD, &server->listeners[i], EPOLLIN | EPOLLONESHOT);
}

/* Whether accept(2) failed only for that connection. */
static bool is_passing(int reason)
{
    static const int passing[] = {EINTR,     ECONNABORTED, EPROTO,       EPERM,      ENETDOWN,
                                  EHOSTDOWN, ENONET,       EHOSTUNREACH, ENETUNREACH};

    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (reason == passing[i])
            return true;
    return false;
}

/* Accepts all that have connected. False when accepting has to pause. */
static bool accept_all(struct fastcgi_server *server, struct source *listener)
{
    for (;;) {
        int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_CLOEXEC);
        if (descriptor >= 0) {
            add_connection(server, descriptor);
            if (__atomic_exchange_n(&server->is_accept_failing, false, __ATOMIC_RELAXED))
                log_limited(server->options.services->log, &server->recovering, LOG_LEVEL_INFO,
                            "connections are accepted again");
        } else if (errno == EAGAIN) {
            return true;
        } else if (!is_passing(errno)) {
            pause_accepting(server, errno);
            return false;
        }
    }
}

static void accept_connections(struct fastcgi_server *server, struct source *listener)
{
    bool was_stopping;

    /* When the stop came after the last look, so may have others before it, who are answered. */
    do {
        was_stopping = is_stopping(server);
        if (!accept_all(server, listener))
            return;
    } while (is_stopping(server) && !was_stopping);
    if (!was_stopping)
        watch_source(server, EPOLL_CTL_MOD, listener, EPOLLIN | EPOLLONESHOT);
}

/* ---- one request ---------------------------------------------------------------------------- */

/* The request that a thread is at: where its body comes from and its answer goes. */
struct current {
    struct fastcgi_server *server;
    FCGX_Request *fcgx;
    bool is_outside; /* the gate, for all of the request */
};

static void wait_elsewhere(void *context, bool begins)
{
    const struct current *current = context;

    if (current->is_outside)
        return;
    if (begins)
        gate_step_out(&current->server->gate);
    else
        gate_step_in(&current->server->gate);
}

/* Waits only outside the gate. */
static ssize_t send_some(void *context, const struct msghdr *message)
{
    const struct current *current = context;
    ssize_t sent = sendmsg(current->fcgx->ipcFd, message, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno == EAGAIN) {
        wait_elsewhere(context, true);
        sent = sendmsg(current->fcgx->ipcFd, message, MSG_NOSIGNAL);
        wait_elsewhere(context, false);
    }
    return sent;
}

static ssize_t read_request_body(void *context, void *out, size_t length)
{
    FCGX_Stream *in = ((const struct current *)context)->fcgx->in;
    int count = FCGX_GetStr(out, (int)length, in);

    return count == 0 && FCGX_GetError(in) != 0 ? -1 : count;
}

/* Looks at what has arrived without taking it; *count as recv tells it. */
static enum records_state look_at_records(int descriptor, void *bytes, size_t capacity,
                                          ssize_t *count)
{
    do
        *count = recv(descriptor, bytes, capacity, MSG_PEEK | MSG_DONTWAIT);
    while (*count < 0 && errno == EINTR);
    return *count > 0 ? records_check(bytes, (size_t)*count) : RECORDS_NONSENSE;
}

/* Waits until all parameters have arrived, since libfcgi may only read what has been looked at.
 * That hardly ever happens (a web server sends them at once), so it may be simple: there is no way
 * to wait for more without taking what is there. */
static enum records_state await_parameters(const struct fastcgi_server *server, int descriptor)
{
    const struct clock *clock = server->options.services->clock;
    int64_t deadline_ms = clock_monotonic_ms(clock) + server->options.io_timeout_ms;
    enum records_state state = RECORDS_PARTIAL;
    int pause_ms = 1;
    ssize_t count;
    char *bytes = malloc(PARAMETERS_MAX_BYTES);

    while (bytes != NULL && state == RECORDS_PARTIAL) {
        state = look_at_records(descriptor, bytes, PARAMETERS_MAX_BYTES, &count);
        if (state != RECORDS_PARTIAL || count == PARAMETERS_MAX_BYTES ||
            clock_monotonic_ms(clock) >= deadline_ms)
            break;
        struct pollfd peer = {.fd = descriptor, .events = POLLRDHUP};
        if (poll(&peer, 1, pause_ms) > 0) /* it has gone */
            break;
        pause_ms = pause_ms < ARRIVAL_PAUSE_MAX_MS ? pause_ms * 2 : ARRIVAL_PAUSE_MAX_MS;
    }
    free(bytes);
    return state;
}

/* Reads the request but for its body. False when it is none or the peer is gone or stuck; libfcgi
 * has then closed the connection. */
static bool read_request(FCGX_Request *fcgx)
{
    /* FCGX_Accept_r first closes what it has unless that is to be kept; and when it closes after a
     * failure it waits for the peer to do so too, unless "detached". */
    fcgx->keepConnection = FCGI_KEEP_CONN;
    fcgx->detached = 1;
    return FCGX_Accept_r(fcgx) == 0;
}

/* Reads the body to its end, so that the next request begins behind it. */
static bool discard_body(struct current *current)
{
    char trash[READ_BYTES];
    size_t discarded = 0;

    while (discarded < DISCARDED_BODY_MAX_BYTES) {
        ssize_t count = read_request_body(current, trash, sizeof(trash));
        if (count <= 0)
            return count == 0;
        discarded += (size_t)count;
    }
    return false;
}

/* Answers the request that libfcgi has read. True when the connection can take the next one. */
static bool answer(struct worker *worker, struct connection *connection, struct current *current)
{
    struct fastcgi_server *server = worker->server;
    FCGX_Request *fcgx = current->fcgx;
    const struct transport transport = {fcgx->envp, read_request_body, wait_elsewhere, current};
    struct response *response = &worker->response;
    fastcgi_answer *make = connection->is_refused ? server->options.refuse : server->options.answer;

    if (fcgx->role != FCGI_RESPONDER)
        return records_send_unknown_role(fcgx->requestId, send_some, current) && false;
    request_begin(&worker->request, &transport);
    make(server->options.context, &worker->request, response);
    bool is_at_end = worker->request.body_state != BODY_BROKEN && discard_body(current);
    bool is_sent = FCGX_GetError(fcgx->in) == 0 &&
                   records_send_answer(fcgx->requestId, response->sent_head, response->sent_body,
                                       send_some, current);
    /* At once, so that the web server sees the end together with the answer and doesn't send the
     * next request into it. */
    bool is_last = !fcgx->keepConnection || connection->is_refused || is_stopping(server);
    if (is_last)
        shutdown(fcgx->ipcFd, SHUT_WR);
    request_end(&worker->request);
    response_end(response);
    return is_at_end && is_sent && !is_last;
}

/* Takes the record off the connection and answers it. True when the connection can go on. */
static bool answer_management(struct current *current)
{
    unsigned char record[RECORD_MANAGEMENT_MAX_BYTES];
    int descriptor = current->fcgx->ipcFd;
    ssize_t length = recv(descriptor, record, sizeof(FCGI_Header), MSG_PEEK);

    if (length != (ssize_t)sizeof(FCGI_Header))
        return false;
    size_t size = records_size(record);
    ASSERT(size <= sizeof(record)); /* it was looked at, and is whole */
    return recv(descriptor, record, size, MSG_WAITALL) == (ssize_t)size &&
           records_answer_management(record, current->server->options.max_connections, send_some,
                                     current);
}

/* Reads and answers what `state` says has arrived. Where its thread may have to wait for the rest
 * it is outside the gate until all is done. */
static bool serve_request(struct worker *worker, struct connection *connection,
                          enum records_state state)
{
    struct fastcgi_server *server = worker->server;
    struct current current = {server, &connection->fcgx, state != RECORDS_WHOLE};
    bool is_reusable = false;

    if (current.is_outside)
        gate_step_out(&server->gate);
    if (state == RECORDS_PARTIAL)
        state = await_parameters(server, connection->source.descriptor);
    if (state == RECORDS_MANAGEMENT)
        is_reusable = answer_management(&current);
    else if ((state == RECORDS_WHOLE || state == RECORDS_PARAMETERS) &&
             read_request(current.fcgx)) {
        is_reusable = answer(worker, connection, &current);
        FCGX_Free(current.fcgx, 0);
    }
    if (current.is_outside)
        gate_step_in(&server->gate);
    return is_reusable;
}

/* The connection is readable: a request, or the peer's end. */
static void serve_connection(struct worker *worker, struct connection *connection)
{
    struct fastcgi_server *server = worker->server;
    unsigned char bytes[READ_BYTES];
    ssize_t count;

    take_over(connection);
    enum records_state state =
        look_at_records(connection->source.descriptor, bytes, sizeof(bytes), &count);
    bool is_reusable = count < 0 && errno == EAGAIN;
    if (state != RECORDS_NONSENSE)
        is_reusable = serve_request(worker, connection, state);
    if (!is_reusable || !arm(server, EPOLL_CTL_MOD, connection))
        drop_connection(server, connection);
}

/* ---- threads -------------------------------------------------------------------------------- */

/* Handles one event. False when there was none within timeout_ms (-1: for ever). */
static bool handle_event(struct worker *worker, int timeout_ms, enum source_kind *kind)
{
    struct fastcgi_server *server = worker->server;
    struct epoll_event event;
    int count;

    do
        count = epoll_wait(server->epoll, &event, 1, timeout_ms);
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        return false;
    struct source *source = event.data.ptr;
    *kind = source->kind;
    switch (source->kind) {
    case SOURCE_CONNECTION:
        serve_connection(worker, (struct connection *)(void *)source);
        break;
    case SOURCE_LISTENER:
        accept_connections(server, source);
        break;
    case SOURCE_RESUME:
        resume_accepting(server);
        break;
    case SOURCE_STOP:
        break;
    }
    return true;
}

static void end_worker(struct worker *worker)
{
    request_free(&worker->request);
    response_free(&worker->response);
}

static void *work(void *context)
{
    struct worker worker = {.server = context};
    const uint64_t one = 1;
    bool has_seen_stop = false;
    enum source_kind kind;

    /* The stop event stays ready and comes round behind the others that are: seeing it twice in a
     * row means that no request is waiting. */
    gate_enter(&worker.server->gate);
    while (handle_event(&worker, -1, &kind)) {
        if (kind == SOURCE_STOP && has_seen_stop)
            break;
        has_seen_stop = kind == SOURCE_STOP;
        gate_give_way(&worker.server->gate);
    }
    gate_leave(&worker.server->gate);
    end_worker(&worker);
    if (__atomic_sub_fetch(&worker.server->running, 1, __ATOMIC_ACQ_REL) == 0)
        (void)!write(worker.server->ended, &one, sizeof(one));
    return NULL;
}

/* Workers leave all signals to the main thread. */
static bool start_threads(struct fastcgi_server *server, struct error *error)
{
    size_t wanted = (size_t)server->options.threads;
    pthread_attr_t attributes;
    sigset_t all, previous;
    int result = pthread_attr_init(&attributes);

    if (result != 0)
        return error_unavailable(error, "threads: %s", strerror(result));
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    result = pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    server->running = wanted;
    while (result == 0 && server->thread_count < wanted) {
        result = pthread_create(&server->threads[server->thread_count], &attributes, work, server);
        server->thread_count += result == 0;
    }
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attributes);
    if (result == 0)
        return true;
    if (__atomic_sub_fetch(&server->running, wanted - server->thread_count, __ATOMIC_ACQ_REL) == 0)
        (void)!write(server->ended, &(const uint64_t){1}, sizeof(uint64_t));
    return error_unavailable(error, "threads: %s", strerror(result));
}

/* ---- life ----------------------------------------------------------------------------------- */

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

/* No thread is running. */
static void free_server(struct fastcgi_server *server)
{
    while (server->connections != NULL)
        drop_connection(server, server->connections);
    close_descriptor(server->epoll);
    close_descriptor(server->stop.descriptor);
    close_descriptor(server->resume.descriptor);
    close_descriptor(server->ended);
    gate_destroy(&server->gate);
    pthread_mutex_destroy(&server->lock);
    free(server->listeners);
    free(server->threads);
    free(server);
}

static bool open_descriptors(struct fastcgi_server *server)
{
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->stop = (struct source){SOURCE_STOP, eventfd(0, EFD_CLOEXEC)};
    server->resume =
        (struct source){SOURCE_RESUME, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    server->ended = eventfd(0, EFD_CLOEXEC);
    return server->epoll >= 0 && server->stop.descriptor >= 0 && server->resume.descriptor >= 0 &&
           server->ended >= 0 && watch_source(server, EPOLL_CTL_ADD, &server->stop, EPOLLIN) &&
           watch_source(server, EPOLL_CTL_ADD, &server->resume, EPOLLIN | EPOLLONESHOT);
}

static bool watch_listeners(struct fastcgi_server *server)
{
    for (size_t i = 0; i < server->options.listener_count; i++) {
        server->listeners[i] = (struct source){SOURCE_LISTENER, server->options.listeners[i]};
        if (!watch_source(server, EPOLL_CTL_ADD, &server->listeners[i], EPOLLIN | EPOLLONESHOT))
            return false;
    }
    return true;
}

/* Of those that this process may use. */
static size_t processor_count(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

static struct fastcgi_server *allocate_server(const struct fastcgi_options *options)
{
    struct fastcgi_server *server = calloc(1, sizeof(*server));

    if (server == NULL)
        return NULL;
    server->options = *options;
    server->epoll = server->stop.descriptor = server->resume.descriptor = server->ended = -1;
    server->listeners = calloc(options->listener_count, sizeof(*server->listeners));
    server->threads = calloc((size_t)options->threads, sizeof(*server->threads));
    if (server->listeners != NULL && server->threads != NULL &&
        pthread_mutex_init(&server->lock, NULL) == 0) {
        gate_init(&server->gate, processor_count());
        return server;
    }
    free(server->listeners);
    free(server->threads);
    free(server);
    return NULL;
}

struct fastcgi_server *fastcgi_server_start(const struct fastcgi_options *options,
                                            struct error *error)
{
    struct fastcgi_server *server = allocate_server(options);

    if (server == NULL || FCGX_Init() != 0) {
        if (server != NULL)
            free_server(server);
        error_out_of_memory(error);
        return NULL;
    }
    if (!open_descriptors(server) || !watch_listeners(server)) {
        error_unavailable(error, "epoll: %s", strerror(errno));
        free_server(server);
        return NULL;
    }
    if (!start_threads(server, error)) {
        fastcgi_server_stop(server);
        return NULL;
    }
    return server;
}

/* Ends what reads or writes on any connection. */
static void cut_connections(struct fastcgi_server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct connection *connection = server->connections; connection != NULL;
         connection = connection->next)
        shutdown(connection->source.descriptor, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
}

static void join_threads(struct fastcgi_server *server)
{
    struct pollfd ended = {.fd = server->ended, .events = POLLIN};
    int result;

    do
        result = poll(&ended, 1, STOP_GRACE_MS);
    while (result < 0 && errno == EINTR);
    if (result == 0) {
        log_warning(server->options.services->log, "requests don't end, cutting their connections");
        cut_connections(server);
    }
    for (size_t i = 0; i < server->thread_count; i++)
        pthread_join(server->threads[i], NULL);
}

/* Answers what has arrived since the workers ended, on connections accepted a moment ago. */
static void answer_latecomers(struct fastcgi_server *server)
{
    struct worker worker = {.server = server};
    enum source_kind kind;

    gate_enter(&server->gate);
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->stop.descriptor, NULL);
    while (handle_event(&worker, STOP_QUIET_MS, &kind))
        ;
    end_worker(&worker);
}

void fastcgi_server_stop(struct fastcgi_server *server)
{
    const uint64_t one = 1;

    if (server == NULL)
        return;
    __atomic_store_n(&server->is_stopping, true, __ATOMIC_RELEASE);
    gate_open(&server->gate);
    (void)!write(server->stop.descriptor, &one, sizeof(one));
    join_threads(server);
    answer_latecomers(server);
    free_server(server);
}
