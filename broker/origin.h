/*
 * Which pages may connect.
 */
#ifndef MESSAGERIE_BROKER_ORIGIN_H
#define MESSAGERIE_BROKER_ORIGIN_H

#include <stdbool.h>

#include "common/config.h"

/* Whether a page of that origin may connect: one of http.frontend_url, or of the host that it
 * calls, which is NULL when the request names none. */
bool origin_is_allowed(const struct config *config, const char *origin, const char *host);

#endif
