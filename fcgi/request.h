/*
 * One request, whatever brought it: FastCGI, plain CGI, or a test's memory. It reads the CGI
 * parameters (RFC 3875) once and keeps those that matter here.
 *
 * A struct request belongs to one thread and is used again for the next request, so that its body
 * buffer is not allocated each time. All texts are borrowed from the transport.
 */
#ifndef MESSAGERIE_FCGI_REQUEST_H
#define MESSAGERIE_FCGI_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buffer.h"
#include "common/services.h"
#include "fcgi/router.h"
#include "fcgi/uri.h"

/* Longest request id that is taken over from the web server, in bytes without NUL. */
#define REQUEST_ID_MAX_BYTES 64
/* A body buffer that grew beyond this is given back after its request. */
#define RETAINED_BUFFER_BYTES 65536
/* What an answer left unread of the body is read and dropped up to this, so that the connection can
 * be kept, or closed without the peer losing the answer. */
#define DISCARDED_BODY_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* What brought the request. */
struct transport {
    /* "NAME=value" each, ended by NULL, as in environ(7). Of two with one name the first counts. */
    char *const *parameters;
    /* Reads some of the body into out[0..length): the number of bytes, 0 at its end, -1 when the
     * peer is gone, stuck, or breaks the protocol. */
    ssize_t (*read)(void *context, void *out, size_t length);
    /* Told when the thread that answers is going to wait for something else than the processor,
     * and when that is over. May be NULL. */
    void (*wait)(void *context, bool begins);
    void *context;
};

enum body_state {
    BODY_UNREAD,
    BODY_READ,
    BODY_TOO_LARGE, /* more than INPUT_MAX_BYTES */
    BODY_MALFORMED, /* not as long as CONTENT_LENGTH says, or that is no number */
    BODY_BROKEN,    /* the transport failed: nobody is there to read an answer */
    BODY_NO_MEMORY,
};

struct request {
    struct transport transport;
    enum method method;
    const char *method_name; /* as sent; "" when absent */
    bool has_target;         /* REQUEST_URI is there and well-formed */
    struct uri_target target;
    /* Headers; NULL when absent. */
    const char *authorization; /* also from REDIRECT_HTTP_AUTHORIZATION, as Apache names it */
    const char *origin;
    const char *host;
    const char *forwarded_host; /* X-Forwarded-Host */
    const char *if_none_match;
    const char *requested_headers; /* Access-Control-Request-Headers */
    const char *content_length;
    const char *content_type;
    char id[REQUEST_ID_MAX_BYTES + 1]; /* of the web server; empty: see request_id */
    enum body_state body_state;
    struct buffer body; /* complete when body_state is BODY_READ */
};

/* All zero is a request that request_begin can start. */
#define REQUEST_EMPTY ((struct request){0})

/* Starts with what `transport` brings; what an earlier request left is dropped. */
void request_begin(struct request *request, const struct transport *transport);

/* Reads the body, once: later calls return the same. */
enum body_state request_read_body(struct request *request);

/* To be called around what may take long without computing, such as waiting for a commit. */
void request_wait(struct request *request, bool begins);

/* The token of "Authorization: Bearer TOKEN" (RFC 6750, scheme in any case); empty without one. */
struct text_span request_bearer_token(const struct request *request);

/* Whether If-None-Match names `etag` (with its quotes) by weak comparison, or is "*" (RFC 9110
 * section 13.1.2), or names it as a web server in front has respelt it when it compressed the
 * answer. */
bool request_matches_etag(const struct request *request, const char *etag);

/* The id to log: of the web server, else a new one. */
const char *request_id(struct request *request, const struct services *services);

/* After the answer: drops the body, and its memory when it is large. */
void request_end(struct request *request);

/* Frees all of it. */
void request_free(struct request *request);

#endif
