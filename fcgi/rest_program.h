/*
 * What the REST programs are, besides processes like others (common/process.h): a router behind one
 * of three ways of being started, which are FastCGI on an inherited or an own socket, and plain
 * CGI. When told to end, one answers what has arrived before.
 */
#ifndef MESSAGERIE_FCGI_REST_PROGRAM_H
#define MESSAGERIE_FCGI_REST_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/router.h"

struct rest_program {
    const char *name; /* in the log; with ".fcgi" behind it in --help */
    const struct router *router;
    size_t socket_offset;       /* of the path of its own socket, in struct config */
    bool tells_of_appointments; /* needs their texts, and the time zone of the dates in those */
};

/* The body of a main; returns its exit code. */
int rest_program_main(const struct rest_program *program, int argc, char **argv);

#endif
