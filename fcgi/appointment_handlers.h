/*
 * The handlers of the appointments program: contract section 3, what the booking back-end tells us
 * of appointments and people. All of it is for the role `service` alone.
 */
#ifndef MESSAGERIE_FCGI_APPOINTMENT_HANDLERS_H
#define MESSAGERIE_FCGI_APPOINTMENT_HANDLERS_H

#include "fcgi/router.h"

extern const struct router appointment_router;

#endif
