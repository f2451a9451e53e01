/*
 * One response: status, headers, JSON body; with the headers that every answer of ours carries
 * (CORS, caching, ETag). Any transport sends head and body one after the other.
 *
 * Filled by a handler through `status` and `body`, or by response_error; response_finish then makes
 * the head. It belongs to one thread and is used again for the next request. When memory runs out
 * on the way the answer becomes a constant 503.
 */
#ifndef MESSAGERIE_FCGI_RESPONSE_H
#define MESSAGERIE_FCGI_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/config.h"
#include "common/error.h"
#include "fcgi/request.h"

/* What a 503 asks the client to wait, in seconds. */
#define RETRY_AFTER_S 2
/* How long a browser may remember a preflight, in seconds (browsers cap it at two hours). */
#define PREFLIGHT_MAX_AGE_S 7200
/* A longer list in Access-Control-Request-Headers, in bytes, is not echoed. */
#define REQUESTED_HEADERS_MAX_BYTES 1024

struct response {
    int status;
    struct buffer body;    /* JSON; not sent with 204 and 304, nor to HEAD */
    unsigned allowed;      /* of a 405: see struct route_match */
    int64_t retry_after_s; /* 0: nothing is said of it */
    bool is_preflight;
    char
        refusal[ERROR_DETAIL_BYTES]; /* of a 401: what is wrong with the token; "": there is none */
    struct buffer head;
    /* The result of response_finish: what goes out. `head` is in the form of CGI (RFC 3875 section
     * 6.3): "Status: 200 OK\r\n", headers, an empty line. */
    struct text_span sent_head;
    struct text_span sent_body;
};

/* All zero is a response that response_begin can start. */
#define RESPONSE_EMPTY ((struct response){0})

/* The statuses that there are, in order; 0 behind the last. */
int response_status_at(size_t index);

/* Starts an empty one with status 200. */
void response_begin(struct response *response);

/* Makes it the answer to `error`, whatever was there: the shapes of docs/protocol.md, "Errors". */
void response_error(struct response *response, const struct error *error);

/* Makes it the 204 of an OPTIONS request. */
void response_preflight(struct response *response);

/* Makes head and body ready to send. `config` (allowed origins) may be NULL: then no CORS. */
void response_finish(struct response *response, const struct request *request,
                     const struct config *config);

/* After sending: drops the memory of a large body. */
void response_end(struct response *response);

/* Frees all of it. */
void response_free(struct response *response);

#endif
