/*
 * The records of FastCGI (specification 1.0, section 3.3): a look at what a web server has sent
 * before libfcgi reads it, and the answer as few large pieces. No descriptor, no state.
 */
#ifndef MESSAGERIE_FCGI_RECORDS_H
#define MESSAGERIE_FCGI_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "fcgi/uri.h"

/* A longer management record, its padding included, is nobody's. */
#define RECORD_MANAGEMENT_MAX_BYTES 4096
/* A longer parameter, name and value together, is nobody's header. */
#define RECORD_PARAMETER_MAX_BYTES 131072

enum records_state {
    RECORDS_WHOLE,      /* a request to its end */
    RECORDS_PARAMETERS, /* one to the end of its parameters, but not of its body */
    RECORDS_MANAGEMENT, /* a whole record that asks for something else, see records_size */
    RECORDS_PARTIAL,    /* the beginning of one of these */
    RECORDS_NONSENSE, /* anything else: garbage, and what libfcgi can't be trusted with (it ends the
                         process when a length doesn't fit into memory) */
};

/* Looks at the bytes that a connection begins with. */
enum records_state records_check(const void *bytes, size_t length);

/* Sends like sendmsg: the number of bytes, -1 when nobody takes them (errno EINTR: once more). */
typedef ssize_t records_sender(void *context, const struct msghdr *message);

/* Sends head and body as standard output of request `id`, and its end. False when nobody takes
 * it. */
bool records_send_answer(int id, struct text_span head, struct text_span body, records_sender *send,
                         void *context);

/* The size of the record that the bytes begin with, which is whole. */
size_t records_size(const void *bytes);

/* Answers a management record (section 4): FCGI_GET_VALUES, of which one connection at a time is
 * multiplexed on none, and as many requests as connections, `max_connections`; any other with
 * FCGI_UNKNOWN_TYPE, and so a record of a type that there is not. */
bool records_answer_management(const void *bytes, int64_t max_connections, records_sender *send,
                               void *context);

/* Sends the end of request `id`, whose role is not ours. */
bool records_send_unknown_role(int id, records_sender *send, void *context);

#endif
