/*
 * What stands in a request line: RFC 9112 section 3.2 request targets and RFC 3986
 * percent-encoding. No allocation, no state. Any thread.
 */
#ifndef MESSAGERIE_FCGI_URI_H
#define MESSAGERIE_FCGI_URI_H

#include <stdbool.h>
#include <stddef.h>

/* A run of bytes inside somebody else's text, without a NUL of its own. */
struct text_span {
    const char *data;
    size_t length;
};

struct uri_target {
    struct text_span path;  /* with its leading '/', still encoded; "*" for OPTIONS * */
    struct text_span query; /* behind the '?', still encoded; empty when there is none */
};

/* Takes a target apart: origin-form (/path?query), absolute-form (http://host/path?query) or
 * asterisk-form (*). A fragment, which no client should send, is left out. False for anything
 * else. The spans point into `target`. */
bool uri_split(const char *target, struct uri_target *out);

enum uri_decode_result {
    URI_DECODED,
    URI_MALFORMED, /* '%' without two hexadecimal digits, a NUL, or no UTF-8 */
    URI_TOO_LONG,  /* more than `capacity` bytes with the NUL */
};

/* Decodes `text` into out[0..capacity), ended by a NUL; *length is without it. `plus_is_space`: as
 * in a query (application/x-www-form-urlencoded). */
enum uri_decode_result uri_decode(struct text_span text, bool plus_is_space, char *out,
                                  size_t capacity, size_t *length);

enum uri_query_result {
    URI_QUERY_FOUND,
    URI_QUERY_ABSENT,
    URI_QUERY_REPEATED,  /* named more than once */
    URI_QUERY_MALFORMED, /* its value doesn't decode or is too long for `capacity` */
};

/* Looks for parameter `name` and decodes its value ("" when it has none) as uri_decode does.
 * Parameters with other names may be malformed: they are ignored. */
enum uri_query_result uri_query_find(struct text_span query, const char *name, char *out,
                                     size_t capacity);

#endif
