/*
 * base64url without padding (RFC 4648 section 5), as JSON Web Tokens and keys are written. Strict:
 * nothing but the alphabet, and no bits behind the last byte, so that one run of bytes has one
 * text. Any thread.
 */
#ifndef MESSAGERIE_COMMON_BASE64URL_H
#define MESSAGERIE_COMMON_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"

/* Room that base64url_decode needs for `length` characters, in bytes. */
#define BASE64URL_ROOM(length) ((length) / 4 * 3 + 3)

/* Decodes text[0..length) into `out`, which has BASE64URL_ROOM(length) bytes. False when it is not
 * base64url. */
bool base64url_decode(const char *text, size_t length, unsigned char *out, size_t *out_length);

void base64url_append(struct buffer *out, const void *bytes, size_t length);

#endif
