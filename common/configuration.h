/*
 * What a program works by, and SIGHUP replaces as a whole: the values that were read
 * (common/config) and what is made of them, such as a verifier of tokens or parsed texts.
 *
 * Each program says with a struct configuration_kind what it makes. Its own struct begins with a
 * struct configuration:
 *
 *   struct mail_configuration {
 *       struct configuration base;
 *       struct mail_texts *texts;
 *   };
 *
 * A configuration never changes; whoever holds a reference may use it from any thread. A holder has
 * the present one. Errors are in English.
 */
#ifndef MESSAGERIE_COMMON_CONFIGURATION_H
#define MESSAGERIE_COMMON_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/error.h"
#include "common/token.h"

struct configuration_kind;

struct configuration {
    const struct configuration_kind *kind;
    struct config *config;
    struct token_verifier *verifier; /* NULL where tokens are not verified */
    unsigned references;             /* atomic */
};

struct configuration_kind {
    size_t bytes; /* of the program's struct */
    bool verifies_tokens;
    /* Makes what the program's struct has besides, which is all zero before, of config and
     * verifier. False with *error. NULL: there is nothing. */
    bool (*make)(struct configuration *configuration, struct error *error);
    /* Frees what make made, also when that ended half-way. NULL: there is nothing. */
    void (*unmake)(struct configuration *configuration);
};

/* Loads the configuration as config_load does, and makes the rest. NULL with *error. The caller
 * holds the one reference. One thread at a time. */
struct configuration *configuration_load(const struct configuration_kind *kind, const char *path,
                                         struct error *error);

/* The same for a process that works by `running`: fixed keys keep their values, and those that
 * would have been others are listed in *kept. */
struct configuration *configuration_load_again(const struct configuration *running,
                                               const char *path, struct config_changes *kept,
                                               struct error *error);

/* Another reference, for what goes on in another thread or later. Any thread that may use it. */
struct configuration *configuration_share(const struct configuration *configuration);

/* Gives a reference back; the last one frees. Accepts NULL. */
void configuration_release(struct configuration *configuration);

/* Holds the present configuration. Any thread. */
struct configuration_holder;

/* Takes over the caller's reference, also on failure (NULL: no memory). */
struct configuration_holder *configuration_holder_create(struct configuration *configuration);

/* Gives back its reference. Accepts NULL. */
void configuration_holder_free(struct configuration_holder *holder);

/* The present configuration, with a reference for the caller. */
struct configuration *configuration_acquire(struct configuration_holder *holder);

/* Puts another in its place, taking over the caller's reference, and returns the one before with
 * the holder's. Who has acquired that keeps it. */
struct configuration *configuration_replace(struct configuration_holder *holder,
                                            struct configuration *configuration);

#endif
