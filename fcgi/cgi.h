/*
 * Plain CGI (RFC 3875): the request is in the environment and on descriptor 0, the answer goes to
 * descriptor 1, the process ends.
 */
#ifndef MESSAGERIE_FCGI_CGI_H
#define MESSAGERIE_FCGI_CGI_H

#include <stdbool.h>

#include "fcgi/request.h"
#include "fcgi/response.h"

/* Whether a web server has started this process for one request. Ask listeners_are_inherited
 * first: a FastCGI program may inherit the variable. */
bool cgi_is_requested(void);

/* Reads the request, has it answered by `answer`, writes the answer, and lets go of descriptor 1.
 * False when the answer could not be written. */
bool cgi_run(void (*answer)(void *context, struct request *request, struct response *response),
             void *context);

#endif
