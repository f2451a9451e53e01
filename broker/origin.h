/*
 * What SIGHUP may replace while the broker runs: the configuration and the verifier made of it.
 * They belong to the loop's thread and are replaced between two turns of it, so nobody keeps
 * pointers into them longer than a callback.
 */
#ifndef MESSAGERIE_BROKER_ORIGIN_H
#define MESSAGERIE_BROKER_ORIGIN_H

#include <stdbool.h>

#include "common/config.h"
#include "common/error.h"
#include "common/token.h"

struct settings {
    struct config *config;
    struct token_verifier *verifier;
};

/* As config_load. False with *error (English), and nothing to be freed. */
bool settings_load(struct settings *settings, const char *path, struct error *error);

void settings_free(struct settings *settings);

/* Whether a page of that origin may connect: one of http.frontend_url, or the host that it calls.
 */
bool settings_allow_origin(const struct settings *settings, const char *origin, const char *host);

#endif
