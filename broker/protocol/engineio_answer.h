/*
 * The HTTP answers of Engine.IO: to faulty requests what the reference server answers, and the
 * headers that all answers have. They are never cached, and readable for pages of the origins that
 * may connect (Fetch standard, "CORS protocol"). Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_ANSWER_H
#define MESSAGERIE_BROKER_PROTOCOL_ENGINEIO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/transport/http.h"

/* Whose pages may connect. */
struct engineio_origins {
    bool (*is_allowed)(void *owner, const char *origin, const char *host);
    /* Told of each request that is refused for it; NULL: nobody wants to know. */
    void (*on_refused)(void *owner, const char *origin, const char *host);
    const char *refusal; /* its message; NULL: the reference server's */
    void *owner;
};

/* Why a request is refused: the reference server's codes. */
enum engineio_error {
    ENGINEIO_ERROR_TRANSPORT_UNKNOWN,
    ENGINEIO_ERROR_SESSION_UNKNOWN,
    ENGINEIO_ERROR_BAD_HANDSHAKE_METHOD,
    ENGINEIO_ERROR_BAD_REQUEST,
    ENGINEIO_ERROR_FORBIDDEN,
    ENGINEIO_ERROR_UNSUPPORTED_PROTOCOL,
};

/* Whether the request's page may connect. Who sends no Origin header is no page, and may. */
bool engineio_origin_is_allowed(const struct engineio_origins *origins,
                                const struct http_request *request);

/* All of these answer the request, see http_respond. `type` and `body` may be NULL. */
void engineio_respond(const struct engineio_origins *origins, struct http_request *request,
                      unsigned status, const char *type, const char *body, size_t length);

/* To a request of a page that may not connect. */
void engineio_respond_origin(const struct engineio_origins *origins, struct http_request *request);

/* Any error but ENGINEIO_ERROR_FORBIDDEN, which has functions of its own. */
void engineio_respond_error(const struct engineio_origins *origins, struct http_request *request,
                            enum engineio_error error);

/* To a handshake that the application refuses. */
void engineio_respond_refusal(const struct engineio_origins *origins, struct http_request *request,
                              unsigned status, const char *message);

/* To an OPTIONS request, by which a browser asks what a page may send. */
void engineio_respond_preflight(const struct engineio_origins *origins,
                                struct http_request *request);

#endif
