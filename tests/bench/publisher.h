/*
 * Where messages come from: how the load generator tells each kind of server to send something to
 * its clients. A message is a JSON text of PUBLISHER_MESSAGE_BYTES that holds its stamp.
 *
 *   outbox:CONFIG_FILE,USER    as the FastCGI programs do: one transaction with an event for each
 *                              message, for the user's sockets, by libdb's own writer, and after
 *                              the commit nanomsg to the broker
 *   lines:HOST:PORT            each message as a line, to the peers that were written for this
 * bench http:HOST:PORT/PATH        each message as the body of a POST; those of one burst are
 * pipelined mqtt:HOST:PORT             each message as a PUBLISH packet, QoS 0 rest:HOST:PORT,FILE
 * each message as `POST …/messages` by the next line of FILE, `TOKEN CONVERSATION`, over
 * PUBLISHER_REST_CONNECTIONS connections; what finds none free waits in line
 */
#ifndef MESSAGERIE_BENCH_PUBLISHER_H
#define MESSAGERIE_BENCH_PUBLISHER_H

#include "tests/bench/clients.h"

#define PUBLISHER_MESSAGE_BYTES    300
#define PUBLISHER_REST_CONNECTIONS 64

struct publisher {
    /* Sends `count` messages at once that were due at time_ns. */
    void (*publish)(struct publisher *publisher, size_t count, int64_t time_ns);
    void (*close)(struct publisher *publisher);
    struct latencies answers; /* from due until answered, where there are answers */
};

/* Opens one by its description above; the loop of `clients` takes its answers. */
struct publisher *publisher_open(const char *description, struct clients *clients);

/* For the kinds of publishers: what else one needs of the other. */
struct publisher *publisher_open_outbox(const char *description);
struct publisher *publisher_open_rest(const char *description, struct clients *clients);

/* Copies the part of a description in front of `separator` and returns where that is. */
const char *publisher_split(const char *description, char separator, char *front, size_t size);

/* Writes a message that is as long as PUBLISHER_MESSAGE_BYTES says, without NUL. */
void publisher_write_message(char *out, int64_t time_ns);

#endif
