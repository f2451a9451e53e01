#include "fcgi/fastcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

/* Most content of a FastCGI record of ours: the largest multiple of 8, so that none needs padding
 * (the specification only recommends it, web servers cope with either). */
#define RECORD_CONTENT_MAX_BYTES 65528
/* Records that go out with one system call. */
#define RECORDS_PER_SEND 16
/* Of each record: its header, the rest of the head, some of the body. */
#define PIECES_PER_RECORD 3

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
    size_t running;         /* atomic: workers that have not ended */
    bool is_stopping;       /* atomic */
    bool is_accept_failing; /* atomic; so that it is logged once */

    pthread_mutex_t lock; /* of what follows */
    struct connection *connections;
    size_t connection_count;
    size_t refused_count;
    bool is_full; /* so that it is logged once */
};

/* What a thread uses again for each request. */
struct worker {
    struct fastcgi_server *server;
    struct request request;
    struct response response;
};

/* ---- epoll ---------------------------------------------------------------------------------- */

static bool watch(struct fastcgi_server *server, int operation, struct source *source,
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
    pthread_mutex_lock(&server->lock);
    unlink_connection(server, connection);
    if (connection->is_refused)
        server->refused_count--;
    else
        server->connection_count--;
    if (server->connection_count < (size_t)server->options.max_connections)
        server->is_full = false;
    /* Under the lock, so that cut_connections never meets a descriptor of somebody else. */
    if (connection->fcgx.ipcFd >= 0)
        close(connection->fcgx.ipcFd);
    pthread_mutex_unlock(&server->lock);
    free(connection);
}

/* Counts a new connection in; false when there are too many even for refusing. */
static bool admit(struct fastcgi_server *server, struct connection *connection)
{
    bool is_admitted = true, is_news = false;

    pthread_mutex_lock(&server->lock);
    if (server->connection_count < (size_t)server->options.max_connections) {
        server->connection_count++;
    } else {
        is_news = !server->is_full;
        server->is_full = true;
        connection->is_refused = true;
        is_admitted = server->refused_count < REFUSED_CONNECTIONS_MAX;
        server->refused_count += is_admitted;
    }
    if (is_admitted)
        link_connection(server, connection);
    pthread_mutex_unlock(&server->lock);
    if (is_news)
        log_warning(server->options.services->log, "too many connections, refusing more",
                    LOG_NUMBER("max_connections", server->options.max_connections));
    return is_admitted;
}

static void set_timeouts(int descriptor, int64_t timeout_ms)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    int on = 1;

    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    /* Fails on a unix socket, which needs it not. */
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
    connection->source = (struct source){SOURCE_CONNECTION, descriptor};
    FCGX_InitRequest(&connection->fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR);
    connection->fcgx.ipcFd = descriptor;
    if (!watch(server, EPOLL_CTL_ADD, &connection->source, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT))
        drop_connection(server, connection);
}

/* ---- accepting ------------------------------------------------------------------------------ */

/* Listening goes on when the timer ends. */
static void pause_accepting(struct fastcgi_server *server, int reason)
{
    const struct itimerspec delay = {.it_value.tv_nsec = ACCEPT_PAUSE_MS * 1000000L};

    if (!__atomic_exchange_n(&server->is_accept_failing, true, __ATOMIC_RELAXED))
        log_warning(server->options.services->log, "connections can't be accepted, trying again",
                    LOG_TEXT("reason", strerror(reason)));
    timerfd_settime(server->resume.descriptor, 0, &delay, NULL);
}

static void resume_accepting(struct fastcgi_server *server)
{
    uint64_t expirations;

    if (read(server->resume.descriptor, &expirations, sizeof(expirations)) < 0 ||
        is_stopping(server))
        return;
    watch(server, EPOLL_CTL_MOD, &server->resume, EPOLLIN | EPOLLONESHOT);
    for (size_t i = 0; i < server->options.listener_count; i++)
        watch(server, EPOLL_CTL_MOD, &server->listeners[i], EPOLLIN | EPOLLONESHOT);
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

static void accept_connections(struct fastcgi_server *server, struct source *listener)
{
    for (;;) {
        int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_CLOEXEC);
        if (descriptor >= 0) {
            add_connection(server, descriptor);
            if (__atomic_exchange_n(&server->is_accept_failing, false, __ATOMIC_RELAXED))
                log_info(server->options.services->log, "connections are accepted again");
        } else if (errno == EAGAIN) {
            break;
        } else if (!is_passing(errno)) {
            pause_accepting(server, errno);
            return;
        }
    }
    if (!is_stopping(server))
        watch(server, EPOLL_CTL_MOD, listener, EPOLLIN | EPOLLONESHOT);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static FCGI_Header make_header(unsigned char type, int id, size_t content_length)
{
    return (FCGI_Header){
        .version = FCGI_VERSION_1,
        .type = type,
        .requestIdB1 = (unsigned char)(id >> 8),
        .requestIdB0 = (unsigned char)id,
        .contentLengthB1 = (unsigned char)(content_length >> 8),
        .contentLengthB0 = (unsigned char)content_length,
    };
}

/* The end of standard output and of the request. */
struct trailer {
    FCGI_Header end_of_output;
    FCGI_EndRequestRecord end_of_request;
};

static struct trailer make_trailer(int id, unsigned char protocol_status)
{
    return (struct trailer){
        .end_of_output = make_header(FCGI_STDOUT, id, 0),
        .end_of_request = {.header = make_header(FCGI_END_REQUEST, id, sizeof(FCGI_EndRequestBody)),
                           .body = {.protocolStatus = protocol_status}},
    };
}

/* What is collected for one system call. */
struct outgoing {
    struct iovec pieces[RECORDS_PER_SEND * PIECES_PER_RECORD + 1]; /* and the trailer */
    size_t piece_count;
    FCGI_Header headers[RECORDS_PER_SEND];
    size_t record_count;
};

static void add_piece(struct outgoing *outgoing, const void *data, size_t length)
{
    if (length > 0)
        outgoing->pieces[outgoing->piece_count++] = (struct iovec){(void *)(uintptr_t)data, length};
}

/* Moves up to `wanted` bytes from the front of *text to the pieces; returns how many. */
static size_t take_piece(struct outgoing *outgoing, struct text_span *text, size_t wanted)
{
    size_t length = text->length < wanted ? text->length : wanted;

    add_piece(outgoing, text->data, length);
    text->data += length;
    text->length -= length;
    return length;
}

/* Sends all that is collected; false when the peer is gone or stuck. */
static bool send_outgoing(int descriptor, struct outgoing *outgoing)
{
    struct msghdr message = {.msg_iov = outgoing->pieces, .msg_iovlen = outgoing->piece_count};

    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        size_t rest = (size_t)sent;
        while (message.msg_iovlen > 0 && rest >= message.msg_iov->iov_len) {
            rest -= message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (rest > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + rest;
            message.msg_iov->iov_len -= rest;
        }
    }
    outgoing->piece_count = 0;
    outgoing->record_count = 0;
    return true;
}

static bool send_response(const FCGX_Request *fcgx, const struct response *response)
{
    struct text_span head = response->sent_head, body = response->sent_body;
    struct trailer trailer = make_trailer(fcgx->requestId, FCGI_REQUEST_COMPLETE);
    struct outgoing outgoing;

    outgoing.piece_count = 0;
    outgoing.record_count = 0;
    while (head.length + body.length > 0) {
        size_t content = head.length + body.length;
        if (content > RECORD_CONTENT_MAX_BYTES)
            content = RECORD_CONTENT_MAX_BYTES;
        FCGI_Header *header = &outgoing.headers[outgoing.record_count++];
        *header = make_header(FCGI_STDOUT, fcgx->requestId, content);
        add_piece(&outgoing, header, sizeof(*header));
        content -= take_piece(&outgoing, &head, content);
        take_piece(&outgoing, &body, content);
        if (outgoing.record_count == RECORDS_PER_SEND && !send_outgoing(fcgx->ipcFd, &outgoing))
            return false;
    }
    add_piece(&outgoing, &trailer, sizeof(trailer));
    return send_outgoing(fcgx->ipcFd, &outgoing);
}

/* To a role that is not ours (specification section 6.4). */
static bool send_unknown_role(const FCGX_Request *fcgx)
{
    struct trailer trailer = make_trailer(fcgx->requestId, FCGI_UNKNOWN_ROLE);
    struct outgoing outgoing = {.piece_count = 0};

    add_piece(&outgoing, &trailer.end_of_request, sizeof(trailer.end_of_request));
    return send_outgoing(fcgx->ipcFd, &outgoing);
}

/* ---- the request ---------------------------------------------------------------------------- */

static ssize_t read_body(void *context, void *out, size_t length)
{
    FCGX_Stream *in = context;
    int count = FCGX_GetStr(out, (int)length, in);

    return count == 0 && FCGX_GetError(in) != 0 ? -1 : count;
}

/* Reads the body to its end, so that the next request begins behind it. */
static bool discard_body(FCGX_Stream *in)
{
    char trash[8192];
    size_t discarded = 0;

    while (discarded < DISCARDED_BODY_MAX_BYTES) {
        ssize_t count = read_body(in, trash, sizeof(trash));
        if (count <= 0)
            return count == 0;
        discarded += (size_t)count;
    }
    return false;
}

/* Answers the request that libfcgi has read. True when the connection can take the next one. */
static bool answer(struct worker *worker, struct connection *connection)
{
    const struct fastcgi_options *options = &worker->server->options;
    FCGX_Request *fcgx = &connection->fcgx;
    const struct transport transport = {fcgx->envp, read_body, fcgx->in};

    if (fcgx->role != FCGI_RESPONDER)
        return send_unknown_role(fcgx) && false;
    request_begin(&worker->request, &transport);
    (connection->is_refused ? options->refuse : options->answer)(options->context, &worker->request,
                                                                 &worker->response);
    bool is_at_end = worker->request.body_state != BODY_BROKEN && discard_body(fcgx->in);
    bool is_sent = FCGX_GetError(fcgx->in) == 0 && send_response(fcgx, &worker->response);
    request_end(&worker->request);
    response_end(&worker->response);
    return is_at_end && is_sent;
}

/* The connection is readable: a request, or the peer's end. */
static void serve(struct worker *worker, struct connection *connection)
{
    struct fastcgi_server *server = worker->server;
    FCGX_Request *fcgx = &connection->fcgx;

    /* FCGX_Accept_r first closes what it has unless that is to be kept; and when it closes after a
     * failure it waits for the peer to do so too, unless "detached". */
    fcgx->keepConnection = FCGI_KEEP_CONN;
    fcgx->detached = 1;
    if (FCGX_Accept_r(fcgx) != 0) {
        drop_connection(server, connection);
        return;
    }
    bool is_reusable =
        answer(worker, connection) && fcgx->keepConnection && !connection->is_refused;
    FCGX_Free(fcgx, 0);
    if (!is_reusable || is_stopping(server) ||
        !watch(server, EPOLL_CTL_MOD, &connection->source, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT))
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
        serve(worker, (struct connection *)(void *)source);
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
    while (handle_event(&worker, -1, &kind)) {
        if (kind == SOURCE_STOP && has_seen_stop)
            break;
        has_seen_stop = kind == SOURCE_STOP;
    }
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
           server->ended >= 0 && watch(server, EPOLL_CTL_ADD, &server->stop, EPOLLIN) &&
           watch(server, EPOLL_CTL_ADD, &server->resume, EPOLLIN | EPOLLONESHOT);
}

static bool watch_listeners(struct fastcgi_server *server)
{
    for (size_t i = 0; i < server->options.listener_count; i++) {
        server->listeners[i] = (struct source){SOURCE_LISTENER, server->options.listeners[i]};
        if (!watch(server, EPOLL_CTL_ADD, &server->listeners[i], EPOLLIN | EPOLLONESHOT))
            return false;
    }
    return true;
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
        pthread_mutex_init(&server->lock, NULL) == 0)
        return server;
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
    (void)!write(server->stop.descriptor, &one, sizeof(one));
    join_threads(server);
    answer_latecomers(server);
    free_server(server);
}
