/*
 * The handlers of the appointments program: what the booking back-end tells us of appointments and
 * people (docs/protocol.md, "From the booking back-end"). All of it is for the role `service`
 * alone.
 */
#ifndef MESSAGERIE_FCGI_APPOINTMENT_HANDLERS_H
#define MESSAGERIE_FCGI_APPOINTMENT_HANDLERS_H

#include "fcgi/router.h"

extern const struct router appointment_router;

#endif
