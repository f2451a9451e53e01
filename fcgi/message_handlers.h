/*
 * The handlers of the messages program: contract section 1, endpoints 8 to 11.
 */
#ifndef MESSAGERIE_FCGI_MESSAGE_HANDLERS_H
#define MESSAGERIE_FCGI_MESSAGE_HANDLERS_H

#include "fcgi/router.h"

extern const struct router message_router;

#endif
