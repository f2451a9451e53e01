/*
 * Tokens that were verified already, so that a token that is sent with every request costs neither
 * its verification nor a look into the directory each time.
 *
 * The whole token is compared; expiry is checked at each use; the number of entries is fixed. It
 * lives as long as the verifier whose results it keeps (fcgi/rest_configuration.h). Any thread.
 */
#ifndef MESSAGERIE_FCGI_TOKEN_CACHE_H
#define MESSAGERIE_FCGI_TOKEN_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/token.h"
#include "fcgi/uri.h"

/* A token has room in one set, found by its hash; the newcomer replaces the set's oldest. Together
 * at most SETS * WAYS entries of about 3 KB, of TOKEN_MAX_BYTES more for the longest tokens. */
#define TOKEN_CACHE_SETS 128
#define TOKEN_CACHE_WAYS 4

struct token_cache;

/* NULL without memory. */
struct token_cache *token_cache_create(void);
void token_cache_free(struct token_cache *cache);

/* Fills *claims when the token is there and has not expired. *is_stored: the directory row of its
 * user is known to hold what the token says. */
bool token_cache_find(struct token_cache *cache, struct text_span token, int64_t now_ms,
                      struct token_claims *claims, bool *is_stored);

/* Keeps a token that was verified; one that is there already is updated. Without memory it is just
 * not kept. */
void token_cache_store(struct token_cache *cache, struct text_span token,
                       const struct token_claims *claims, bool is_stored);

#endif
