#include "common/utf8.h"

#include <string.h>

/* Written out, as all that is needed of Unicode is this page; a library would bring its tables of
 * case, composition and collation along. */

/* Bytes of the sequence that `lead` begins; 0 when it can begin none. */
static size_t length_by_lead(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2) /* a continuation byte, or the lead of an overlong form */
        return 0;
    if (lead < 0xE0)
        return 2;
    if (lead < 0xF0)
        return 3;
    return lead < 0xF5 ? 4 : 0;
}

size_t utf8_sequence_length(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t needed = length > 0 ? length_by_lead(bytes[0]) : 0;

    if (needed == 0 || needed > length)
        return 0;
    for (size_t i = 1; i < needed; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    }
    /* RFC 3629 section 4: the second byte rules out overlong forms, surrogates and what is above
     * U+10FFFF. */
    if ((bytes[0] == 0xE0 && bytes[1] < 0xA0) || (bytes[0] == 0xED && bytes[1] > 0x9F) ||
        (bytes[0] == 0xF0 && bytes[1] < 0x90) || (bytes[0] == 0xF4 && bytes[1] > 0x8F))
        return 0;
    return needed;
}

bool utf8_is_valid(const char *text, size_t length)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    size_t at = 0;

    while (at < length) {
        uint64_t word;
        if (length - at >= sizeof(word)) { /* eight ASCII bytes at once */
            memcpy(&word, text + at, sizeof(word));
            if ((word & high_bits) == 0) {
                at += sizeof(word);
                continue;
            }
        }
        size_t sequence = utf8_sequence_length(text + at, length - at);
        if (sequence == 0)
            return false;
        at += sequence;
    }
    return true;
}

size_t utf8_encode(uint32_t code_point, char out[UTF8_SEQUENCE_MAX_BYTES])
{
    static const unsigned char leads[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    size_t length = 1;

    if (code_point >= 0x10000)
        length = 4;
    else if (code_point >= 0x800)
        length = 3;
    else if (code_point >= 0x80)
        length = 2;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    out[0] = (char)(leads[length] | code_point);
    return length;
}

size_t utf8_count(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        if (((unsigned char)*text & 0xC0) != 0x80)
            count++;
    }
    return count;
}

/* The code point at *text, which is valid and not at its end; moves *text behind it. */
static uint32_t next_code_point(const char **text)
{
    const unsigned char *bytes = (const unsigned char *)*text;
    size_t length = length_by_lead(bytes[0]);
    uint32_t code_point = length == 1 ? bytes[0] : bytes[0] & (0x7Fu >> length);

    for (size_t i = 1; i < length; i++)
        code_point = code_point << 6 | (bytes[i] & 0x3Fu);
    *text += length;
    return code_point;
}

static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F);
}

struct code_point_range {
    uint32_t first, last;
};

static bool is_in(uint32_t code_point, const struct code_point_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    }
    return false;
}

/* The property White_Space (Unicode 15, PropList.txt). */
static bool is_white_space(uint32_t code_point)
{
    static const struct code_point_range ranges[] = {
        {0x0009, 0x000D}, {0x0020, 0x0020}, {0x0085, 0x0085}, {0x00A0, 0x00A0}, {0x1680, 0x1680},
        {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
    };

    return is_in(code_point, ranges, sizeof(ranges) / sizeof(ranges[0]));
}

/* Default_Ignorable_Code_Point (DerivedCoreProperties.txt), and the Braille blank. */
static bool is_invisible(uint32_t code_point)
{
    static const struct code_point_range ranges[] = {
        {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x061C, 0x061C}, {0x115F, 0x1160},
        {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F}, {0x202A, 0x202E},
        {0x2060, 0x206F},   {0x2800, 0x2800},   {0x3164, 0x3164}, {0xFE00, 0xFE0F},
        {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3},
        {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
    };

    return is_in(code_point, ranges, sizeof(ranges) / sizeof(ranges[0]));
}

bool utf8_has_control(const char *text)
{
    while (*text != '\0') {
        if (is_control(next_code_point(&text)))
            return true;
    }
    return false;
}

bool utf8_has_white_space(const char *text)
{
    while (*text != '\0') {
        if (is_white_space(next_code_point(&text)))
            return true;
    }
    return false;
}

bool utf8_is_blank(const char *text)
{
    while (*text != '\0') {
        uint32_t code_point = next_code_point(&text);
        if (!is_white_space(code_point) && !is_invisible(code_point))
            return false;
    }
    return true;
}
