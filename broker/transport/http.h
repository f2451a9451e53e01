/*
 * The HTTP server of the broker: libmicrohttpd run by the loop. For handshakes, long-polling and
 * the internal pages; a WebSocket leaves it for good when it is upgraded.
 *
 * To be bound to loopback or a unix socket, behind a proxy: nothing here guards against strangers
 * who dribble requests. Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_HTTP_H
#define MESSAGERIE_BROKER_TRANSPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/transport/loop.h"
#include "common/address.h"
#include "common/error.h"

/* Of a request's line and headers together; a longer request gets a 414 or 431. Node, the reference
 * server's host, takes 16 KiB, to which a proxy in front adds its own. With cookies it is what is
 * sure to fit into libmicrohttpd's memory when it is one large cookie, of which it keeps a copy;
 * proxies need not pass them on. */
#define HTTP_HEADERS_MAX_BYTES             (17 * 1024)
#define HTTP_HEADERS_WITH_COOKIE_MAX_BYTES 16000
/* A connection on which nothing happens for so long is closed (a request that waits for its
 * answer is not counted). More than the 60 s for which nginx keeps connections to us. */
#define HTTP_IDLE_TIMEOUT_S 75
/* Fields that a response may have beside its Content-Type. */
#define HTTP_FIELDS_MAX 8

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

struct http_server;
struct http_request;

/* Outlives the server. */
struct http_options {
    struct loop *loop;
    unsigned max_connections; /* at once, not counting those upgraded; one more is answered 503 */
    size_t max_body_bytes;    /* a longer body gets a 413 */
    /* A smaller limit for that request, asked once its head has come; NULL: none. */
    size_t (*max_body_of)(void *owner, const struct http_request *request);
    /* Peers whose X-Forwarded-For and X-Forwarded-Host are believed; may be changed while the
     * server is there. */
    const struct address_network *trusted_proxies;
    size_t trusted_proxy_count;
    /* A whole request. It is to be answered exactly once, now or later, by http_respond or
     * http_upgrade; after that it is not to be used any more. */
    void (*on_request)(void *owner, struct http_request *request);
    void *owner;
};

/* Serves on `listener`, a listening socket, which it takes over (also when it fails). NULL with
 * *error (English). */
struct http_server *http_server_create(const struct http_options *options, int listener,
                                       struct error *error);

/* Stops accepting; what is there goes on. */
void http_server_stop_listening(struct http_server *server);

/* Closes all its connections. Requests that wait for an answer are told as gone first, so their
 * owners answer them or forget them. Accepts NULL. */
void http_server_free(struct http_server *server);

/* ---- a request; texts are valid until it is answered --------------------------------------- */

enum http_method http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request);  /* as sent, not decoded */
const char *http_request_query(const struct http_request *request); /* behind the "?", or "" */
const char *http_request_header(const struct http_request *request, const char *name); /* or NULL */
const char *http_request_body(const struct http_request *request, size_t *length);

/* Who asks, as common/address.h writes it: from a trusted proxy the last entry of the last
 * X-Forwarded-For (the one that this proxy has appended), else, or when that is no address, the
 * peer (ADDRESS_UNIX on a unix socket). */
void http_request_address(const struct http_request *request, char out[ADDRESS_BYTES]);

/* X-Forwarded-Host, to which each proxy appends the Host that it got; NULL where there is none, or
 * the peer is no trusted proxy. */
const char *http_request_forwarded_host(const struct http_request *request);

/* Has on_gone called when the peer leaves, or the server ends, before the request is answered.
 * The request is then not to be used any more. For requests that are answered later: a peer that
 * leaves meanwhile is not noticed otherwise. */
void http_request_watch(struct http_request *request, void (*on_gone)(void *context),
                        void *context);

/* ---- answers ------------------------------------------------------------------------------- */

struct http_field {
    const char *name, *value;
};

struct http_response {
    unsigned status;
    const char *content_type; /* or NULL */
    const char *body;
    size_t length;
    struct http_field fields[HTTP_FIELDS_MAX]; /* ends at the first without a name */
};

/* Copies what it needs. */
void http_respond(struct http_request *request, const struct http_response *response);

/* Whether the request is a valid opening handshake (RFC 6455 section 4.2.1). */
bool http_request_is_websocket(const struct http_request *request);

/*
 * Accepts the opening handshake of a request for which http_request_is_websocket. Of sub-protocols
 * that are asked for the first is named: browsers refuse an answer without one, and none of them
 * changes what we say. on_upgraded is
 * called exactly once, later: with a non-blocking descriptor, which is then the callee's, and
 * what has arrived behind the request; or with -1 when the peer left before.
 */
void http_upgrade(struct http_request *request, const struct http_field *fields,
                  void (*on_upgraded)(void *context, int descriptor, const char *early,
                                      size_t early_length),
                  void *context);

#endif
