/*
 * The handlers of the conversations program: contract section 1, endpoints 1 to 7 and the two
 * unread ones.
 */
#ifndef MESSAGERIE_FCGI_CONVERSATION_HANDLERS_H
#define MESSAGERIE_FCGI_CONVERSATION_HANDLERS_H

#include "fcgi/router.h"

extern const struct router conversation_router;

#endif
