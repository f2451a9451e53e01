/*
 * The fast path from committed events to the brokers, over nanomsg: one PUSH socket for each
 * configured broker, which holds the PULL side. Sending never blocks and may lose (no broker,
 * full queue): the outbox table is the truth and heals it (docs/architecture.md, "The outbox").
 *
 * Don't fork after creating a sender or receiver: nanomsg has threads of its own.
 */
#ifndef MESSAGERIE_COMMON_BUS_H
#define MESSAGERIE_COMMON_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/event.h"

/* A longer event is not sent but counted as dropped (the broker reads it from the outbox). */
#define BUS_EVENT_MAX_BYTES (1024 * 1024)

/* What may wait in the kernel for a broker that is busy, per broker; nanomsg adds one message on
 * each side. For ipc addresses net.core.wmem_max caps it (Debian: 208 KiB, which the kernel doubles
 * for its own needs): some 300 events of 400 bytes. What comes on top is dropped and counted. */
#define BUS_SEND_BUFFER_BYTES    (1024 * 1024)
#define BUS_RECEIVE_BUFFER_BYTES (1024 * 1024)
/* Between two tries to connect to a broker, growing from the first to the second. */
#define BUS_RECONNECT_MIN_MS 100
#define BUS_RECONNECT_MAX_MS 1000
/* Of the socket file of an ipc address. */
#define BUS_SOCKET_MODE 0660

struct bus_sender;

/* One sender for all addresses; an empty list makes a sender that does nothing. NULL with *error
 * (English) when an address is malformed. */
struct bus_sender *bus_sender_create(const struct config_list *addresses, struct error *error);

/* Sends to each broker. Any thread, one call at a time. */
void bus_send(struct bus_sender *sender, const struct event *event);

/* The same in the form of struct database_options' `committed`; `sender` is the struct bus_sender.
 */
void bus_send_committed(void *sender, const struct event *event);

/* Events that did not fit or found no broker, counted per broker. */
uint64_t bus_sender_dropped(const struct bus_sender *sender);

/* Accepts NULL. What nanomsg still queues is lost. */
void bus_sender_free(struct bus_sender *sender);

struct bus_receiver;

/* Binds `address`. NULL with *error (English). */
struct bus_receiver *bus_receiver_create(const char *address, struct error *error);

/* Readable (level-triggered) while something waits; only for epoll, never read it. */
int bus_receiver_descriptor(const struct bus_receiver *receiver);

enum bus_result { BUS_EVENT, BUS_EMPTY, BUS_MALFORMED, BUS_FAILED };

/* The next event, without waiting. Its texts are valid until the next call. BUS_MALFORMED: a
 * message was dropped, call again. */
enum bus_result bus_receive(struct bus_receiver *receiver, struct event *event);

void bus_receiver_free(struct bus_receiver *receiver);

#endif
