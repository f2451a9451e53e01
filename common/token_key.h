/*
 * One key that JSON Web Tokens are signed with, parsed once and kept ready: parsing a PEM costs ten
 * times what a verification does.
 *
 * A key is good for one algorithm alone (RFC 8725 section 3.1): HS256 (RFC 7518 section 3.2), RS256
 * (section 3.3) or ES256 (section 3.4). nettle does HMAC, OpenSSL the public keys.
 *
 * Made by one thread, then immutable; any thread.
 */
#ifndef MESSAGERIE_COMMON_TOKEN_KEY_H
#define MESSAGERIE_COMMON_TOKEN_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include <nettle/hmac.h>
#include <openssl/types.h>

#include "common/token_fingerprint.h"

enum token_algorithm { TOKEN_HS256, TOKEN_RS256, TOKEN_ES256 };

/* The name of a key (`kid`, RFC 7515 section 4.1.4), with its NUL. */
#define TOKEN_KEY_NAME_BYTES 129
/* RFC 7518 section 3.3: an RSA key with fewer bits must not be used. */
#define TOKEN_RSA_MIN_BITS 2048
/* The signature of HS256, in bytes. */
#define TOKEN_HMAC_BYTES SHA256_DIGEST_SIZE

struct token_key {
    enum token_algorithm algorithm;
    char name[TOKEN_KEY_NAME_BYTES]; /* "" when it has none */
    struct token_fingerprint fingerprint;
    struct hmac_sha256_ctx secret; /* HS256 */
    EVP_PKEY *public_key;          /* the others: owned */
};

enum token_key_result {
    TOKEN_KEY_GOOD,
    TOKEN_KEY_BAD,
    TOKEN_KEY_NO_MEMORY,
};

/* "HS256", …, and back: false when we don't have it. */
const char *token_algorithm_name(enum token_algorithm algorithm);
bool token_algorithm_parse(const char *name, enum token_algorithm *algorithm);

/* A key for HS256. The secret has at least one byte. */
void token_key_set_secret(struct token_key *key, const void *secret, size_t length);

/*
 * A key for RS256 or ES256: the first public key in PEM form (RFC 7468 section 13) of the text.
 * Else *reason (static, English) tells what it is not. `key` is to be cleared in any case.
 */
enum token_key_result token_key_set_pem(struct token_key *key, enum token_algorithm algorithm,
                                        const char *pem, const char **reason);

/* The same for a key of OpenSSL, which it takes over, also when it fails. */
enum token_key_result token_key_set_public(struct token_key *key, enum token_algorithm algorithm,
                                           EVP_PKEY *public_key, const char **reason);

/* Wipes it. Accepts one that is all zero. */
void token_key_clear(struct token_key *key);

/* Whether `signature` is the key's over text[0..length). */
enum token_key_result token_key_verify(const struct token_key *key, const char *text, size_t length,
                                       const unsigned char *signature, size_t signature_length);

/* Signs with a key for HS256. */
void token_key_sign(const struct token_key *key, const char *text, size_t length,
                    unsigned char signature[TOKEN_HMAC_BYTES]);

#endif
