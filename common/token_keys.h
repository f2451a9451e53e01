/*
 * The keys of the configuration that tokens are accepted with ([auth] in common/config.h).
 *
 * Made by one thread, then immutable; any thread.
 */
#ifndef MESSAGERIE_COMMON_TOKEN_KEYS_H
#define MESSAGERIE_COMMON_TOKEN_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/error.h"
#include "common/token_key.h"

/* Keys at once. A token without a good signature is tried with each of its algorithm. */
#define TOKEN_KEYS_MAX 16

struct token_keys {
    struct token_key keys[TOKEN_KEYS_MAX];
    size_t count;
    const struct token_key *signer; /* the newest for HS256, or NULL */
};

/* Reads the key files, too. On failure false with *error (English); `keys` is to be cleared in any
 * case. Keeps nothing of `config`. */
bool token_keys_load(struct token_keys *keys, const struct config *config, struct error *error);

/* Whether one of them accepts the same signatures as the one that had this fingerprint. */
bool token_keys_contain(const struct token_keys *keys, const struct token_fingerprint *fingerprint);

/* Wipes them. */
void token_keys_clear(struct token_keys *keys);

#endif
