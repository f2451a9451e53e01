/*
 * The handlers of the messages program (docs/protocol.md, "Endpoints").
 */
#ifndef MESSAGERIE_FCGI_MESSAGE_HANDLERS_H
#define MESSAGERIE_FCGI_MESSAGE_HANDLERS_H

#include "fcgi/router.h"

extern const struct router message_router;

#endif
