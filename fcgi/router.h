/*
 * From method and path to the handler, over a table of routes.
 *
 * A pattern is a path whose segments are literal or, with a leading ':', a parameter. Segments are
 * percent-decoded before they are compared; one trailing slash is allowed, as in Express. The first
 * pattern that matches path and method wins, so literal segments stand before parameters in the
 * table. Whatever answers GET answers HEAD. Any thread.
 */
#ifndef MESSAGERIE_FCGI_ROUTER_H
#define MESSAGERIE_FCGI_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "fcgi/uri.h"

/* A longer path, in bytes, is no route of ours. */
#define PATH_MAX_BYTES 2048
/* Most segments of a pattern, and most of them that are parameters. */
#define ROUTE_SEGMENTS_MAX   6
#define ROUTE_PARAMETERS_MAX 2

enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER, /* nothing of ours answers it */
};

/* METHOD_OTHER for a name that is none of the above. Names are case-sensitive (RFC 9110). */
enum method method_parse(const char *name);
/* Not of METHOD_OTHER. */
const char *method_name(enum method method);

struct exchange; /* fcgi/exchange.h */

/* Answers into exchange->response; false with *error makes the error response of that error. */
typedef bool route_handler(struct exchange *exchange, struct error *error);

struct route {
    enum method method;
    const char *pattern;
    route_handler *handler;
};

/* The routes of one program; borrowed. */
struct router {
    const struct route *routes;
    size_t count;
};

struct route_match {
    const struct route *route;
    const char *parameters[ROUTE_PARAMETERS_MAX]; /* decoded, in the pattern's order */
    unsigned allowed; /* bit 1 << method for each method that this path knows, HEAD with GET */
    char storage[PATH_MAX_BYTES + 1]; /* what parameters point into */
};

enum route_result {
    ROUTE_FOUND,
    ROUTE_UNKNOWN,   /* no such path; also empty and dot segments */
    ROUTE_METHOD,    /* the path is known, the method is not: see `allowed` */
    ROUTE_MALFORMED, /* broken percent-encoding, NUL, no UTF-8 */
};

enum route_result router_find(const struct router *router, enum method method,
                              struct text_span path, struct route_match *match);

/* Writes "GET, HEAD, PATCH, OPTIONS" for `allowed` (OPTIONS is always answered). */
#define ALLOW_BYTES 64
void router_allow_text(unsigned allowed, char out[ALLOW_BYTES]);

#endif
