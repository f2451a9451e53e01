/*
 * Where connections come in. In this order of preference:
 *
 *   1. the descriptors that systemd hands over (LISTEN_FDS, if LISTEN_PID is this process);
 *   2. descriptor 0, when it is a listening socket (spawn-fcgi, mod_fcgid);
 *   3. a unix socket of our own, see common/unix_listener.h.
 *
 * Errors are in English. Main thread.
 */
#ifndef MESSAGERIE_FCGI_LISTENER_H
#define MESSAGERIE_FCGI_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/unix_listener.h"

/* Most descriptors that are taken from systemd; more are an error. */
#define LISTENERS_MAX 16
/* First descriptor that systemd hands over. */
#define LISTEN_FDS_START 3
struct listeners {
    size_t count;
    int descriptors[LISTENERS_MAX]; /* non-blocking, close-on-exec */
    struct unix_listener own;       /* its path is empty when they were handed over */
};

/* Whether connections come from a supervisor (1. or 2.), without taking them. */
bool listeners_are_inherited(void);

/* Opens them; `path` is for 3. False with *error. Removes LISTEN_FDS from the environment. */
bool listeners_open(const char *path, struct listeners *listeners, struct error *error);

/* Removes our own path, if it is still ours, so that nobody connects any more. What has connected
 * can still be accepted. */
void listeners_unlink(struct listeners *listeners);

/* Unlinks and closes. */
void listeners_close(struct listeners *listeners);

#endif
