/*
 * Graphemes: what people take for one character (Unicode, UAX #29), which may be many code points:
 * a family, a flag, a letter under its accents, a syllable of Hindi. A text that is cut between two
 * of them loses its end, and nothing else. Any thread.
 */
#ifndef MESSAGERIE_COMMON_GRAPHEME_H
#define MESSAGERIE_COMMON_GRAPHEME_H

#include <stddef.h>

/* Bytes of the longest beginning of a valid text that is whole graphemes, of at most `characters`
 * code points together: all of it when it has no more, 0 when its first grapheme alone has. */
size_t grapheme_prefix_bytes(const char *text, size_t characters);

#endif
