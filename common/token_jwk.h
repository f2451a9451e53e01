/*
 * A key in the form of JSON (RFC 7517, RFC 7518 section 6), as identity providers publish theirs: a
 * secret (`oct`), an RSA key or one on the curve P-256.
 *
 * Made by one thread, then immutable; any thread.
 */
#ifndef MESSAGERIE_COMMON_TOKEN_JWK_H
#define MESSAGERIE_COMMON_TOKEN_JWK_H

#include <json-c/json_object.h>

#include "common/token_key.h"

enum token_jwk_result {
    TOKEN_JWK_GOOD,
    TOKEN_JWK_OTHER, /* of another kind, or not for signatures (RFC 7517 section 5: not an error) */
    TOKEN_JWK_BAD,
    TOKEN_JWK_NO_MEMORY,
};

/* The names of all members that are looked at, and `keys` of a set, up to a NULL. */
extern const char *const token_jwk_members[];

/* BAD with *reason (static, English). `key` is all zero before, and to be cleared in any case. */
enum token_jwk_result token_jwk_read(struct json_object *jwk, struct token_key *key,
                                     const char **reason);

#endif
