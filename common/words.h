/*
 * The words of a text as a search compares them: without accents, case and ligatures (é and E are
 * e, œ is oe, ß is ss, full-width and stylized letters are plain ones), split wherever something
 * stands that is neither letter nor digit. Of scripts that write no blanks between words each
 * ideograph or kana is one. What is searched and what is searched for go through here, so that both
 * fold alike. Any thread.
 */
#ifndef MESSAGERIE_COMMON_WORDS_H
#define MESSAGERIE_COMMON_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* A longer word is known by as many bytes of it as make whole code points. */
#define WORD_MAX_BYTES 64

struct word {
    char text[WORD_MAX_BYTES + 1]; /* folded: letters and digits alone, never empty */
    size_t length;
    size_t begin, end; /* where it stands in the text, in bytes */
};

/* Where one is in a text, which is valid UTF-8 and borrowed. */
struct words {
    const char *text;
    size_t at;
};

static inline struct words words_of(const char *text)
{
    return (struct words){.text = text};
}

/* False at the end. */
bool words_next(struct words *words, struct word *word);

#endif
