/*
 * The handlers of the conversations program: conversations, and what of them is unread
 * (docs/protocol.md, "Endpoints").
 */
#ifndef MESSAGERIE_FCGI_CONVERSATION_HANDLERS_H
#define MESSAGERIE_FCGI_CONVERSATION_HANDLERS_H

#include "fcgi/router.h"

extern const struct router conversation_router;

#endif
