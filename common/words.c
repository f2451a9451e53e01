#include "common/words.h"

#include <string.h>

#include <utf8proc.h>

#include "common/utf8.h"

/* A code point folds into a few. */
#define FOLDED_MAX 20

enum kind { KIND_LETTER, KIND_SINGLE, KIND_INVISIBLE, KIND_SEPARATOR };

/* What a code point is to a word. */
struct folded {
    enum kind kind;
    size_t length;
    char text[FOLDED_MAX * UTF8_SEQUENCE_MAX_BYTES];
};

/* Letters that Unicode takes for letters of their own, and people for a pair or for one without its
 * stroke. */
static const struct {
    utf8proc_int32_t code_point;
    const char *text;
} replacements[] = {
    {0xc6, "ae"},  {0xe6, "ae"},  {0xd0, "d"},  {0xf0, "d"},  {0xd8, "o"},
    {0xf8, "o"},   {0xde, "th"},  {0xfe, "th"}, {0x110, "d"}, {0x111, "d"},
    {0x126, "h"},  {0x127, "h"},  {0x131, "i"}, {0x141, "l"}, {0x142, "l"},
    {0x152, "oe"}, {0x153, "oe"}, {0x166, "t"}, {0x167, "t"},
};

static bool replace(utf8proc_int32_t code_point, struct folded *folded)
{
    if (code_point > 0x167)
        return false;
    for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++)
        if (replacements[i].code_point == code_point) {
            folded->kind = KIND_LETTER;
            folded->length = strlen(replacements[i].text);
            memcpy(folded->text, replacements[i].text, folded->length);
            return true;
        }
    return false;
}

static bool is_letter(utf8proc_int32_t code_point)
{
    utf8proc_category_t category = utf8proc_category(code_point);

    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

/* Kana and ideographs. */
static bool is_single(utf8proc_int32_t code_point)
{
    return (code_point >= 0x3040 && code_point <= 0x30ff) ||
           (code_point >= 0x3400 && code_point <= 0x9fff) ||
           (code_point >= 0xf900 && code_point <= 0xfaff) ||
           (code_point >= 0x20000 && code_point <= 0x3ffff);
}

static void fold(utf8proc_int32_t code_point, struct folded *folded)
{
    utf8proc_int32_t parts[FOLDED_MAX];
    int boundary = 0;

    if (replace(code_point, folded))
        return;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(code_point, parts, FOLDED_MAX,
                                UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                                    UTF8PROC_STRIPMARK | UTF8PROC_IGNORE,
                                &boundary);
    folded->length = 0;
    folded->kind = count == 0 ? KIND_INVISIBLE : KIND_SEPARATOR;
    if (count <= 0 || count > FOLDED_MAX || !is_letter(parts[0]))
        return;
    folded->kind = is_single(parts[0]) ? KIND_SINGLE : KIND_LETTER;
    for (utf8proc_ssize_t i = 0; i < count; i++)
        if (is_letter(parts[i]))
            folded->length += utf8_encode((uint32_t)parts[i], folded->text + folded->length);
}

/* The letter or digit of ASCII in lower case, or 0: nearly all of a text needs no table. */
static char fold_ascii(unsigned char byte)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9'))
        return (char)byte;
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte + ('a' - 'A'));
    return 0;
}

static void append(struct word *word, const char *text, size_t length)
{
    /* Once something did not fit nothing is appended any more, or a word would have a gap. */
    if (word->length + length > WORD_MAX_BYTES) {
        word->text[word->length] = '\0';
        word->length = WORD_MAX_BYTES + 1;
        return;
    }
    memcpy(word->text + word->length, text, length);
    word->length += length;
}

/* Reads what stands at `at`; its length in bytes. */
static size_t read_folded(const char *text, size_t at, struct folded *folded)
{
    unsigned char byte = (unsigned char)text[at];
    utf8proc_int32_t code_point;

    if (byte < 0x80) {
        folded->text[0] = fold_ascii(byte);
        folded->length = 1;
        folded->kind = folded->text[0] != 0 ? KIND_LETTER : KIND_SEPARATOR;
        return 1;
    }
    utf8proc_ssize_t length =
        utf8proc_iterate((const utf8proc_uint8_t *)text + at, -1, &code_point);
    if (length <= 0) {
        folded->kind = KIND_SEPARATOR;
        return 1;
    }
    fold(code_point, folded);
    return (size_t)length;
}

static void end_word(struct word *word)
{
    if (word->length > WORD_MAX_BYTES)
        word->length = strlen(word->text);
    word->text[word->length] = '\0';
}

bool words_next(struct words *words, struct word *word)
{
    struct folded folded;

    word->length = 0;
    while (words->text[words->at] != '\0') {
        size_t begin = words->at;
        size_t length = read_folded(words->text, begin, &folded);
        bool has_begun = word->length > 0;
        if (has_begun && (folded.kind == KIND_SEPARATOR || folded.kind == KIND_SINGLE))
            break; /* it is read again as the beginning of what follows */
        words->at += length;
        if (folded.kind == KIND_SEPARATOR || (folded.kind == KIND_INVISIBLE && !has_begun))
            continue;
        if (!has_begun)
            word->begin = begin;
        if (folded.kind != KIND_INVISIBLE)
            append(word, folded.text, folded.length);
        word->end = words->at;
        if (folded.kind == KIND_SINGLE)
            break;
    }
    bool found = word->length > 0;
    end_word(word);
    return found;
}
