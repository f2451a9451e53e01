/*
 * The query of a URL, as a browser's form encoding writes it ("a=1&b=%2F"): WHATWG URL Standard,
 * application/x-www-form-urlencoded. Any thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_QUERY_H
#define MESSAGERIE_BROKER_TRANSPORT_QUERY_H

#include <stdbool.h>
#include <stddef.h>

enum query_result {
    QUERY_FOUND,
    QUERY_ABSENT,
    QUERY_MALFORMED, /* the value does not fit, holds a NUL or a broken percent escape */
};

/* The decoded value of `name` into out[0..size), ended by NUL; of several, the last one. `out` is
 * empty unless QUERY_FOUND. `query` may be NULL. */
enum query_result query_value(const char *query, const char *name, char *out, size_t size);

#endif
