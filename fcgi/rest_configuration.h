/*
 * What a REST program works by (common/configuration.h): the configuration and its verifier, the
 * tokens that this verifier has accepted, and the texts that tell of appointments. A request takes
 * the present one and gives it back at its end, so it never sees two of them.
 */
#ifndef MESSAGERIE_FCGI_REST_CONFIGURATION_H
#define MESSAGERIE_FCGI_REST_CONFIGURATION_H

#include "common/configuration.h"
#include "db/appointment.h"
#include "fcgi/token_cache.h"

struct rest_configuration {
    struct configuration base;
    struct token_cache *tokens;
    struct appointment_texts *texts; /* NULL where they were not asked for */
};

/* Without the texts, of which a bad one need not stop who has no use for them; and with. */
extern const struct configuration_kind rest_configuration_kind;
extern const struct configuration_kind rest_configuration_kind_with_texts;

/* The present one, with a reference for the caller; `holder` holds one of these kinds. */
struct rest_configuration *rest_configuration_acquire(struct configuration_holder *holder);

void rest_configuration_release(struct rest_configuration *configuration);

#endif
