/*
 * The floor of the REST bench: a FastCGI program that does nothing but answer.
 *
 *   constant_fcgi SOCKET BODY_BYTES THREADS
 *
 * It listens on a unix socket and answers every request, whatever it asks, with the same JSON of
 * BODY_BYTES bytes. It does so in the fastest way that libfcgi has been seen to allow: connections
 * are kept, an epoll set holds the idle ones, and a thread is at one only while there is something
 * to read. What is left is nginx, the FastCGI protocol and the sockets: what any program behind
 * nginx pays. SIGTERM ends it.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BODY_MAX    (16 * 1024 * 1024)
#define THREADS_MAX 64
#define BACKLOG     1024
/* nginx's workers run as another user of the same group. */
#define SOCKET_MODE 0660

struct server {
    int epoll;
    int listener;
    char *answer;
    size_t answer_length;
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* The head, and an object with one long text. */
static void make_answer(struct server *server, size_t body_bytes)
{
    static const char begin[] = "{\"data\":\"";
    static const char end[] = "\"}";
    size_t text = body_bytes - strlen(begin) - strlen(end);

    server->answer = malloc(body_bytes + 512);
    if (server->answer == NULL)
        fail("malloc");
    int head = sprintf(server->answer,
                       "Status: 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       body_bytes, begin);
    char *at = server->answer + head;
    memset(at, 'x', text);
    strcpy(at + text, end);
    server->answer_length = (size_t)head + text + strlen(end);
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    unlink(path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, SOCKET_MODE) != 0 || listen(listener, BACKLOG) != 0)
        fail(path);
    return listener;
}

static bool watch(const struct server *server, int operation, int descriptor, void *data)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = data};

    return epoll_ctl(server->epoll, operation, descriptor, &event) == 0;
}

static void accept_connection(const struct server *server)
{
    int descriptor = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    FCGX_Request *request = descriptor >= 0 ? calloc(1, sizeof(*request)) : NULL;

    if (request != NULL) {
        FCGX_InitRequest(request, -1, 0);
        request->ipcFd = descriptor;
        if (!watch(server, EPOLL_CTL_ADD, descriptor, request))
            fail("epoll_ctl");
    }
    watch(server, EPOLL_CTL_MOD, server->listener, NULL);
}

static void serve(const struct server *server, FCGX_Request *request)
{
    int descriptor = request->ipcFd;

    request->keepConnection = 1;
    request->detached = 1;
    if (FCGX_Accept_r(request) != 0) { /* closed */
        free(request);
        return;
    }
    FCGX_PutStr(server->answer, (int)server->answer_length, request->out);
    FCGX_Finish_r(request);
    if (request->ipcFd < 0 || !watch(server, EPOLL_CTL_MOD, descriptor, request))
        free(request);
}

static void *work(void *argument)
{
    const struct server *server = argument;
    struct epoll_event event;

    for (;;) {
        if (epoll_wait(server->epoll, &event, 1, -1) <= 0)
            continue;
        if (event.data.ptr == NULL)
            accept_connection(server);
        else
            serve(server, event.data.ptr);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct server server;
    pthread_t thread;

    if (argc != 4) {
        fprintf(stderr, "usage: constant_fcgi SOCKET BODY_BYTES THREADS\n");
        return 2;
    }
    long body_bytes = strtol(argv[2], NULL, 10);
    long threads = strtol(argv[3], NULL, 10);
    if (body_bytes < 16 || body_bytes > BODY_MAX || threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "constant_fcgi: 16 to %d bytes, 1 to %d threads\n", BODY_MAX, THREADS_MAX);
        return 2;
    }
    FCGX_Init();
    signal(SIGTERM, SIG_DFL); /* libfcgi would only note it */
    make_answer(&server, (size_t)body_bytes);
    server.listener = listen_on(argv[1]);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server.epoll < 0 || !watch(&server, EPOLL_CTL_ADD, server.listener, NULL))
        fail("epoll");
    for (long i = 1; i < threads; i++)
        if (pthread_create(&thread, NULL, work, &server) != 0)
            fail("pthread_create");
    work(&server);
    return 0;
}
