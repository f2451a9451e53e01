#include "common/bus.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>

#include "common/buffer.h"

#define IPC_PREFIX "ipc://"

/*
 * One PUSH socket for each broker: a single one that is connected to all of them would share the
 * events out among them, and PUB drops, without a word, all that a subscriber is too slow for or
 * that is sent while it is away. Nothing here waits: who sends holds up every commit behind it, and
 * an event that is dropped is found in the outbox anyway.
 */
struct bus_sender {
    size_t count;
    int sockets[CONFIG_LIST_MAX];
    struct buffer message; /* kept, so that sending allocates nothing */
    atomic_uint_least64_t dropped;
};

struct bus_receiver {
    int socket;
    int descriptor;
    void *message; /* of the last event, nanomsg's; NULL when there is none */
};

static bool set_option(int socket, int level, int option, int value)
{
    return nn_setsockopt(socket, level, option, &value, sizeof(value)) == 0;
}

/* ---- sender ---- */

/* A connected PUSH socket, or -1. */
static int open_push(const char *address)
{
    int socket = nn_socket(AF_SP, NN_PUSH);

    if (socket < 0)
        return -1;
    if (set_option(socket, NN_SOL_SOCKET, NN_SNDBUF, BUS_SEND_BUFFER_BYTES) &&
        set_option(socket, NN_SOL_SOCKET, NN_RECONNECT_IVL, BUS_RECONNECT_MIN_MS) &&
        set_option(socket, NN_SOL_SOCKET, NN_RECONNECT_IVL_MAX, BUS_RECONNECT_MAX_MS) &&
        nn_connect(socket, address) >= 0)
        return socket;
    int connect_errno = nn_errno();
    nn_close(socket);
    errno = connect_errno;
    return -1;
}

struct bus_sender *bus_sender_create(const struct config_list *addresses, struct error *error)
{
    struct bus_sender *sender = calloc(1, sizeof(*sender));

    if (sender == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    for (size_t i = 0; i < addresses->count; i++) {
        int socket = open_push(addresses->items[i]);
        if (socket < 0) {
            error_set(error, ERROR_INVALID, "bus address %s: %s", addresses->items[i],
                      nn_strerror(errno));
            bus_sender_free(sender);
            return NULL;
        }
        sender->sockets[sender->count++] = socket;
    }
    return sender;
}

/* Copied by nanomsg: handing it over instead would make every broker need a message of its own. */
static bool send_to(int socket, const struct buffer *message)
{
    int sent;

    do
        sent = nn_send(socket, message->data, message->length, NN_DONTWAIT);
    while (sent < 0 && nn_errno() == EINTR);
    return sent >= 0;
}

void bus_send(struct bus_sender *sender, const struct event *event)
{
    if (sender->count == 0)
        return;
    buffer_clear(&sender->message);
    event_encode(event, &sender->message);
    bool can_be_sent = !sender->message.failed && sender->message.length <= BUS_EVENT_MAX_BYTES;
    for (size_t i = 0; i < sender->count; i++) {
        if (!can_be_sent || !send_to(sender->sockets[i], &sender->message))
            atomic_fetch_add_explicit(&sender->dropped, 1, memory_order_relaxed);
    }
}

void bus_send_committed(void *sender, const struct event *event)
{
    bus_send(sender, event);
}

uint64_t bus_sender_dropped(const struct bus_sender *sender)
{
    return atomic_load_explicit(&sender->dropped, memory_order_relaxed);
}

void bus_sender_free(struct bus_sender *sender)
{
    if (sender == NULL)
        return;
    for (size_t i = 0; i < sender->count; i++)
        nn_close(sender->sockets[i]);
    buffer_free(&sender->message);
    free(sender);
}

/* ---- receiver ---- */

/* Who can connect could make up events: the owner and the group, as for the FastCGI sockets. */
static bool restrict_access(const char *address)
{
    if (strncmp(address, IPC_PREFIX, strlen(IPC_PREFIX)) != 0)
        return true;
    return chmod(address + strlen(IPC_PREFIX), BUS_SOCKET_MODE) == 0;
}

static bool bind_pull(struct bus_receiver *receiver, const char *address)
{
    size_t size = sizeof(receiver->descriptor);

    return set_option(receiver->socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, BUS_EVENT_MAX_BYTES) &&
           set_option(receiver->socket, NN_SOL_SOCKET, NN_RCVBUF, BUS_RECEIVE_BUFFER_BYTES) &&
           nn_bind(receiver->socket, address) >= 0 &&
           nn_getsockopt(receiver->socket, NN_SOL_SOCKET, NN_RCVFD, &receiver->descriptor, &size) ==
               0 &&
           restrict_access(address);
}

struct bus_receiver *bus_receiver_create(const char *address, struct error *error)
{
    struct bus_receiver *receiver = calloc(1, sizeof(*receiver));

    if (receiver == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    receiver->socket = nn_socket(AF_SP, NN_PULL);
    if (receiver->socket >= 0 && bind_pull(receiver, address))
        return receiver;
    error_set(error, ERROR_INVALID, "bus address %s: %s", address, nn_strerror(nn_errno()));
    bus_receiver_free(receiver);
    return NULL;
}

int bus_receiver_descriptor(const struct bus_receiver *receiver)
{
    return receiver->descriptor;
}

static void free_message(struct bus_receiver *receiver)
{
    if (receiver->message != NULL)
        nn_freemsg(receiver->message);
    receiver->message = NULL;
}

enum bus_result bus_receive(struct bus_receiver *receiver, struct event *event)
{
    int length;

    free_message(receiver);
    do
        length = nn_recv(receiver->socket, &receiver->message, NN_MSG, NN_DONTWAIT);
    while (length < 0 && nn_errno() == EINTR);
    if (length < 0) {
        receiver->message = NULL;
        return nn_errno() == EAGAIN ? BUS_EMPTY : BUS_FAILED;
    }
    return event_decode(receiver->message, (size_t)length, event) ? BUS_EVENT : BUS_MALFORMED;
}

void bus_receiver_free(struct bus_receiver *receiver)
{
    if (receiver == NULL)
        return;
    free_message(receiver);
    if (receiver->socket >= 0)
        nn_close(receiver->socket);
    free(receiver);
}
