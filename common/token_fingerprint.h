/*
 * By what a key is known again after the configuration was read anew.
 */
#ifndef MESSAGERIE_COMMON_TOKEN_FINGERPRINT_H
#define MESSAGERIE_COMMON_TOKEN_FINGERPRINT_H

/* Of a key, in bytes: each socket keeps one, and there are a handful of keys, all of one operator.
 */
#define TOKEN_FINGERPRINT_BYTES 8

/* Equal for two keys when they accept the same signatures, whatever they are called and in whatever
 * form they were configured. Never to be logged: that of a poor secret could be guessed. */
struct token_fingerprint {
    unsigned char bytes[TOKEN_FINGERPRINT_BYTES];
};

#endif
