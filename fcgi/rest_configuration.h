/*
 * What a request is answered with that SIGHUP may replace: the configuration, the verifier made of
 * it, the tokens that this verifier has accepted, and the texts that tell of appointments. A
 * request takes the present settings and gives them back at its end, so it never sees two of them.
 */
#ifndef MESSAGERIE_FCGI_REST_CONFIGURATION_H
#define MESSAGERIE_FCGI_REST_CONFIGURATION_H

#include "common/config.h"
#include "common/error.h"
#include "common/token.h"
#include "db/appointment.h"
#include "fcgi/token_cache.h"

struct settings {
    struct config *config;
    struct token_verifier *verifier;
    struct token_cache *tokens;
    struct appointment_texts *texts; /* NULL where they were not asked for */
    unsigned references;             /* counted with atomic operations */
};

/* Loads the configuration as config_load does, and the texts only if `with_texts`: a bad one need
 * not stop whoever has no use for it. NULL with *error (English). The caller holds the one
 * reference.
 */
struct settings *settings_load(const char *path, bool with_texts, struct error *error);

/* Gives a reference back; the last one frees. Accepts NULL. */
void settings_release(struct settings *settings);

/* Holds the present settings. Any thread. */
struct settings_holder;

/* Takes over the caller's reference, also on failure (NULL: no memory). */
struct settings_holder *settings_holder_create(struct settings *settings);
/* Gives back its reference. Accepts NULL. */
void settings_holder_free(struct settings_holder *holder);

/* The present settings, with a reference for the caller. */
struct settings *settings_acquire(struct settings_holder *holder);

/* Takes over the caller's reference; requests that began before keep the old settings. */
void settings_replace(struct settings_holder *holder, struct settings *settings);

#endif
