#include "common/grapheme.h"

#include <stdbool.h>

#include <utf8proc.h>

/* Canonical_Combining_Class of a virama, which joins the letters on both sides of it. */
#define CLASS_VIRAMA 9

/* Where one is in a text. */
struct reader {
    utf8proc_int32_t previous;
    utf8proc_int32_t state; /* of the library, from one pair to the next */
    bool is_joined;         /* a virama stands before, with nothing but marks since */
};

static bool is_mark(utf8proc_category_t category)
{
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
           category == UTF8PROC_CATEGORY_ME || category == UTF8PROC_CATEGORY_CF;
}

/* Whether a grapheme ends before `code_point`, which is read next. */
static bool ends_before(struct reader *reader, utf8proc_int32_t code_point)
{
    utf8proc_category_t category = utf8proc_category(code_point);
    bool ends = utf8proc_grapheme_break_stateful(reader->previous, code_point, &reader->state);

    /* Conjuncts (rule GB9c, since Unicode 15.1) are not known to the library of Debian 12. For some
     * scripts this joins more than the rule does, which costs a grapheme and spoils none. */
    if (reader->is_joined && category == UTF8PROC_CATEGORY_LO)
        ends = false;
    if (utf8proc_get_property(code_point)->combining_class == CLASS_VIRAMA)
        reader->is_joined = true;
    else if (!is_mark(category))
        reader->is_joined = false;
    reader->previous = code_point;
    return ends;
}

size_t grapheme_prefix_bytes(const char *text, size_t characters)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    struct reader reader = {0};
    size_t at = 0, end = 0;

    for (size_t count = 0; bytes[at] != '\0'; count++) {
        utf8proc_int32_t code_point;
        utf8proc_ssize_t length = utf8proc_iterate(bytes + at, -1, &code_point);
        if (ends_before(&reader, code_point))
            end = at;
        if (count == characters)
            return end;
        at += (size_t)length;
    }
    return at;
}
