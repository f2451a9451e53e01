/*
 * What tests of the broker's lower layers share: a loop whose clock the test sets, pairs of
 * connected sockets, and a client's end that reads and writes without waiting while the loop turns
 * in the same thread.
 */
#ifndef MESSAGERIE_TESTS_BROKER_FIXTURE_H
#define MESSAGERIE_TESTS_BROKER_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/transport/farewell.h"
#include "broker/transport/http.h"
#include "broker/transport/loop.h"
#include "common/buffer.h"
#include "tests/unit/wait.h"

struct broker_fixture {
    struct services services;
    struct log log; /* to nowhere */
    struct clock clock;
    struct random_source random;
    struct id_source ids;
    uint64_t seed;
    int64_t now_ms; /* what the clock says; moved by tests alone */
    struct loop *loop;
    struct farewell_set endings;
};

void fixture_open(struct broker_fixture *fixture);

/* Fails when a connection is still ending, unless `aborts`. */
void fixture_close(struct broker_fixture *fixture);

/* One turn that does not wait. */
void fixture_turn(struct broker_fixture *fixture);

/* Lets time pass, then one turn. */
void fixture_pass(struct broker_fixture *fixture, int64_t ms);

/* Turns until the condition holds. A turn may wait for a moment, so that another thread or the
 * kernel can do its part. */
#define FIXTURE_UNTIL(fixture, condition)                                                          \
    WAIT_UNTIL(condition, assert_true(loop_turn((fixture)->loop, 1)))

/* Two connected non-blocking sockets. */
void fixture_socket_pair(int descriptors[2]);

/* ---- a client's end ------------------------------------------------------------------------ */

struct test_client {
    struct broker_fixture *fixture;
    int descriptor;
    struct buffer received; /* and not yet taken */
    bool has_ended;         /* the peer has */
};

void client_open(struct test_client *client, struct broker_fixture *fixture, int descriptor);

/* Connects to a port on 127.0.0.1. */
void client_connect(struct test_client *client, struct broker_fixture *fixture, uint16_t port);

void client_close(struct test_client *client);

/* Sends everything, turning the loop as it goes. */
void client_send(struct test_client *client, const void *bytes, size_t length);
void client_send_text(struct test_client *client, const char *text);

/* Reads what is there, without turning the loop. */
void client_receive(struct test_client *client);

/* Turns until `length` bytes are there. */
void client_await(struct test_client *client, size_t length);

/* Turns until the peer has ended the connection. */
void client_await_end(struct test_client *client);

/* Takes bytes off the front. */
void client_take(struct test_client *client, size_t length);

/* Turns until a whole HTTP answer is there (with Content-Length, or none at all), takes it off,
 * and gives its status. Its head and its body are appended to the two buffers, if not NULL. */
unsigned client_await_response(struct test_client *client, struct buffer *head,
                               struct buffer *body);

/* Sends a masked frame. */
void client_send_frame(struct test_client *client, int opcode, bool is_final, const char *payload,
                       size_t length);

/* Turns until a whole frame is there, takes it off, and gives its opcode; its payload replaces
 * the buffer's content. */
int client_await_frame(struct test_client *client, struct buffer *payload);

#endif
