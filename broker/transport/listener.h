/*
 * Listening sockets. Main thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_LISTENER_H
#define MESSAGERIE_BROKER_TRANSPORT_LISTENER_H

#include <stdint.h>

#include "common/error.h"

/*
 * Listens on "unix:PATH" (see common/unix_listener.h; the path stays when it is closed, and is
 * replaced by the next to listen), or on "ADDRESS:PORT" with a numeric address ("127.0.0.1:8081",
 * "[::1]:8081"; port 0 for any free one). Returns a non-blocking descriptor, -1 with *error
 * (English).
 */
int listener_open(const char *address, struct error *error);

/* The port of an internet listener, 0 for another. */
uint16_t listener_port(int descriptor);

#endif
