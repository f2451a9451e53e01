/*
 * What the FastCGI programs share: options, configuration, signals, and the three ways of being
 * started (FastCGI on an inherited or an own socket, plain CGI).
 *
 *   SIGTERM, SIGINT  answer what has arrived, then end
 *   SIGHUP           read the configuration again; a bad one is logged and the old one kept
 */
#ifndef MESSAGERIE_FCGI_REST_PROGRAM_H
#define MESSAGERIE_FCGI_REST_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/router.h"

struct program {
    const char *name; /* in the log and in --help */
    const struct router *router;
    size_t socket_offset;       /* of the path of its own socket, in struct config */
    bool tells_of_appointments; /* needs their texts, and the time zone of the dates in those */
};

/* The body of a main; returns its exit code. */
int program_main(const struct program *program, int argc, char **argv);

#endif
