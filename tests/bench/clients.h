/*
 * Many WebSocket clients in one thread, that speak what the servers under test speak: Socket.IO
 * (protocol 5, with a token and a room to join), plain WebSocket, or MQTT over WebSocket. They
 * count the stamps (tests/bench/stamp.h) that reach them. Whatever goes wrong ends the program.
 */
#ifndef MESSAGERIE_BENCH_CLIENTS_H
#define MESSAGERIE_BENCH_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/stamp.h"

/* Clients that are on their way in at once; less than the servers' backlogs. */
#define CLIENTS_WINDOW 64

enum client_protocol { PROTOCOL_SOCKETIO, PROTOCOL_WEBSOCKET, PROTOCOL_MQTT };

enum client_state { CLIENT_NONE, CLIENT_UPGRADING, CLIENT_CONNECTING, CLIENT_READY };

/* Who a Socket.IO client is: one line `TOKEN ROOM` of a file, with `-` for no room. */
struct identity {
    char *token;
    char *room; /* NULL for none */
};

struct client {
    int descriptor;
    enum client_state state;
    size_t number;
    bool is_recovered;
    char pid[32]; /* of connection state recovery; empty until there is one */
    char offset[32];
    char *rest; /* of what has come but is no whole frame yet; NULL for none */
    size_t rest_length;
};

/* Something else that the loop waits for. */
struct watch {
    int descriptor;
    void (*on_readable)(struct watch *watch);
};

struct clients {
    const char *target; /* HOST:PORT (numbers) or unix:PATH */
    const char *path;   /* of the upgrade request */
    enum client_protocol protocol;
    struct identity *identities; /* of Socket.IO clients, used in turn */
    size_t identity_count;

    struct client *all;
    size_t count; /* that have been started */
    size_t ready;
    size_t recovered;
    size_t received; /* stamps */
    struct latencies latencies;
    int epoll;
};

/* With room for `capacity` clients. */
void clients_open(struct clients *clients, size_t capacity);
void clients_close(struct clients *clients);

/* Reads the identities' file. */
void clients_read_identities(struct clients *clients, const char *path);

/* Has the loop call back for a descriptor. */
void clients_watch(struct clients *clients, struct watch *watch);

/* Waits at most until `until_ns` for something to happen, and deals with it. */
void clients_turn(struct clients *clients, int64_t until_ns);

/* Connects until there are `count`, CLIENTS_WINDOW at once. False when it takes too long. */
bool clients_connect(struct clients *clients, size_t count);

/* Cuts all off, without a word; clients_connect then brings them back, as themselves. */
void clients_cut(struct clients *clients);

/* Reads nothing any more from the `count` that came last; nor notices that they are cut off. */
void clients_stall(struct clients *clients, size_t count);

/* A blocking connection to a target. */
int connect_to(const char *target);

/* Sends all of it, waiting where it must. */
void send_all(int descriptor, const char *bytes, size_t length);

#endif
