/*
 * Listening sockets. Main thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_LISTENER_H
#define MESSAGERIE_BROKER_TRANSPORT_LISTENER_H

#include <stdint.h>

#include "common/error.h"

/*
 * Listens where the text says (common/listen_address.h). The path of a unix socket
 * (common/unix_listener.h) stays when it is closed, and is replaced by the next to listen. Returns
 * a non-blocking descriptor, -1 with *error (English).
 */
int listener_open(const char *text, struct error *error);

/* The port of an internet listener, 0 for another. */
uint16_t listener_port(int descriptor);

#endif
