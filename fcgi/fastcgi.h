/*
 * FastCGI (specification 1.0) over libfcgi, for any number of connections and threads.
 *
 * A web server keeps its connections open between requests. Here an idle connection costs no
 * thread: epoll holds it, and one of the worker threads takes it when a request arrives, answers,
 * and puts it back. libfcgi reads the request; the answer goes out as one sendmsg.
 *
 * The peers are web servers, which send one request at a time over a connection; a peer that sends
 * the next one before it has the answer (multiplexing, pipelining) is not served. A peer that
 * stops in the middle of a request or of an answer frees its thread after `io_timeout_ms`. What is
 * no request closes its connection, but for management records, which are answered: it is looked at
 * (fcgi/records.h) before libfcgi, which nonsense can end the process of, reads it.
 */
#ifndef MESSAGERIE_FCGI_FASTCGI_H
#define MESSAGERIE_FCGI_FASTCGI_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/services.h"
#include "fcgi/request.h"
#include "fcgi/response.h"

/* Stack of a worker thread. */
#define WORKER_STACK_BYTES ((size_t)256 * 1024)
/* Connections beyond max_connections that still get a 503 each; those beyond are just closed. */
#define REFUSED_CONNECTIONS_MAX 64
/* How long accepting pauses when the process has no descriptor or memory left for a connection. */
#define ACCEPT_PAUSE_MS 100
/* Stopping: how long the last connections may stay without a request before they are closed, and
 * how long requests may take to end before their connections are cut. */
#define STOP_QUIET_MS 100
#define STOP_GRACE_MS 10000

/* Answers a request. Called on any worker thread, many at once. */
typedef void fastcgi_answer(void *context, struct request *request, struct response *response);

struct fastcgi_options {
    const struct services *services;
    const int *listeners; /* non-blocking listening sockets; stay the caller's */
    size_t listener_count;
    int64_t threads;
    int64_t max_connections;
    int64_t io_timeout_ms; /* of one read or write on a request that has started */
    fastcgi_answer *answer;
    fastcgi_answer *refuse; /* instead of answer, on connections beyond max_connections */
    void *context;          /* of both */
};

struct fastcgi_server;

/* Starts to serve. NULL with *error (English). Copies the options. */
struct fastcgi_server *fastcgi_server_start(const struct fastcgi_options *options,
                                            struct error *error);

/* Takes no new requests, but answers those that have arrived, also on connections that wait to be
 * accepted; then closes all connections and frees the server. Accepts NULL. */
void fastcgi_server_stop(struct fastcgi_server *server);

#endif
