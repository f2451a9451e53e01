/*
 * The web server's side of FastCGI, for tests: builds records by hand, so that it can also send
 * what no web server would. Everything blocks; what fails fails the test.
 */
#ifndef MESSAGERIE_TESTS_FASTCGI_CLIENT_H
#define MESSAGERIE_TESTS_FASTCGI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"

/* How long a read waits before the test fails, in seconds. */
#define CLIENT_TIMEOUT_S 20

/* A connection to the unix socket, in one step or in two. */
int client_connect(const char *path);
int client_socket(void);
void client_connect_with(int descriptor, const char *path);

/* One record (specification section 3.3). */
void client_append_record(struct buffer *out, int type, int id, const void *content, size_t length);

/* A whole request: parameters as "NAME=value", ended by NULL; the body in records of at most
 * 16 KiB. */
struct client_request {
    int id;   /* 0: 1 */
    int role; /* 0: FCGI_RESPONDER */
    bool keep;
    const char *const *parameters; /* may be NULL */
    const char *body;              /* may be NULL */
    size_t body_length;
};
void client_append_request(struct buffer *out, const struct client_request *request);

void client_send(int descriptor, const void *bytes, size_t length);

/* client_append_request and client_send. */
void client_send_request(int descriptor, const struct client_request *request);

struct client_answer {
    struct buffer output; /* all of FCGI_STDOUT */
    bool is_ended;        /* FCGI_END_REQUEST came; else the connection was closed */
    int protocol_status;
};

/* Reads up to the end of the request or of the connection. */
void client_read_answer(int descriptor, struct client_answer *answer);

/* Reads an answer and asserts that it is complete and holds `text`. */
void client_expect(int descriptor, const char *text);

/* Asserts that the connection ends without another byte. */
void client_expect_end(int descriptor);

#endif
