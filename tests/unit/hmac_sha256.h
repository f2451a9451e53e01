/*
 * HMAC-SHA256 (RFC 2104, FIPS 180-4), so that tests can sign what no JWT library would: payloads
 * that are no JSON, no UTF-8, or not what they say.
 */
#ifndef MESSAGERIE_TESTS_HMAC_SHA256_H
#define MESSAGERIE_TESTS_HMAC_SHA256_H

#include <stddef.h>

#define SHA256_BYTES 32

/* The key may have at most 64 bytes. */
void hmac_sha256(const char *key, const char *message, size_t length,
                 unsigned char out[SHA256_BYTES]);

#endif
