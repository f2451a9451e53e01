/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Any thread.
 */
#ifndef MESSAGERIE_COMMON_UTF8_H
#define MESSAGERIE_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest sequence, without NUL. */
#define UTF8_SEQUENCE_MAX_BYTES 4

/* Bytes of the valid sequence at text[0..length), 1 to 4; 0 when there is none or length is 0. */
size_t utf8_sequence_length(const char *text, size_t length);

bool utf8_is_valid(const char *text, size_t length);

/* Writes the sequence of a code point (no surrogate, at most U+10FFFF), without NUL, and returns
 * its length. */
size_t utf8_encode(uint32_t code_point, char out[UTF8_SEQUENCE_MAX_BYTES]);

/* Code points of a valid text. */
size_t utf8_count(const char *text);

/* Whether a valid text holds a control character (U+0001 to U+001F, U+007F to U+009F). */
bool utf8_has_control(const char *text);

/* Whether a valid text holds white space (the Unicode property White_Space). */
bool utf8_has_white_space(const char *text);

/* Whether a valid text shows nothing: it holds only white space (also NBSP, the ideographic space)
 * and invisible characters, such as zero-width ones, direction marks and fillers. True for the
 * empty text. */
bool utf8_is_blank(const char *text);

#endif
