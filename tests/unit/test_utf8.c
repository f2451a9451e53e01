#include "tests/unit/unit_test.h"

#include "common/utf8.h"

/* Writes any number up to 0x1FFFFF in the shortest form of its size, valid or not. */
static size_t encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

static void every_code_point_is_encoded_as_it_is_read(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point < 0x200000; code_point++) {
        char bytes[4];
        size_t length = encode(code_point, bytes);
        bool is_valid = code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
        assert_int_equal(utf8_sequence_length(bytes, length), is_valid ? length : 0);
        if (is_valid) {
            char encoded[UTF8_SEQUENCE_MAX_BYTES];
            assert_int_equal(utf8_encode(code_point, encoded), length);
            assert_memory_equal(encoded, bytes, length);
        }
        for (size_t cut = 0; cut < length; cut++)
            assert_int_equal(utf8_sequence_length(bytes, cut), 0);
    }
}

/* Of all pairs of bytes, exactly the valid two-byte sequences are taken as such. */
static void of_all_pairs_the_valid_ones_are_taken(void **state)
{
    (void)state;
    for (unsigned int pair = 0; pair < 0x10000; pair++) {
        unsigned int first = pair >> 8;
        unsigned int second = pair & 0xFF;
        char bytes[2] = {(char)first, (char)second};
        size_t expected = 0;
        if (first < 0x80)
            expected = 1;
        else if (first >= 0xC2 && first <= 0xDF && second >= 0x80 && second <= 0xBF)
            expected = 2;
        assert_int_equal(utf8_sequence_length(bytes, 2), expected);
    }
}

static void what_is_no_utf8_is_refused(void **state)
{
    static const char *const texts[] = {
        "\xC0\x80",
        "\xC1\xBF",
        "\xE0\x80\x80",
        "\xE0\x9F\xBF",
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80",
        "\xFE",
        "\xFF",
        "\x80",
        "\xBF",
        "\xC3",
        "\xE2\x82",
        "\xF0\x9F\x98",
        "\xC3(",
        "\xE2(\xA1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        /* Wherever it stands among ASCII, which is skipped eight bytes at a time. */
        for (size_t before = 0; before < 20; before++) {
            char text[64];
            memset(text, 'a', sizeof(text));
            size_t length = strlen(texts[i]);
            memcpy(text + before, texts[i], length);
            assert_false(utf8_is_valid(text, before + length));
            assert_false(utf8_is_valid(text, sizeof(text)));
            assert_true(utf8_is_valid(text, before));
        }
    }
}

static void utf8_is_accepted(void **state)
{
    static const char text[] = "Écrit à 7 h — ça va ? 😀 日本語 Привет, tout va bien";

    (void)state;
    assert_true(utf8_is_valid("", 0));
    assert_true(utf8_is_valid("a\0b", 3));
    assert_true(utf8_is_valid(text, strlen(text)));
}

static void characters_are_counted(void **state)
{
    (void)state;
    assert_int_equal(utf8_count(""), 0);
    assert_int_equal(utf8_count("abc"), 3);
    assert_int_equal(utf8_count("é"), 1);
    assert_int_equal(utf8_count("日本"), 2);
    assert_int_equal(utf8_count("a😀b"), 3);
    assert_int_equal(utf8_count("e\xCC\x81"), 2); /* a combining accent is a code point */
}

static void control_characters_are_found(void **state)
{
    (void)state;
    assert_false(utf8_has_control(""));
    assert_false(utf8_has_control("abc é \xC2\xA0 😀"));
    assert_true(utf8_has_control("abc\x1F"));
    assert_true(utf8_has_control("\x01"
                                 "abc"));
    assert_true(utf8_has_control("a\nb"));
    assert_true(utf8_has_control("\x7F"));
    assert_true(utf8_has_control("\xC2\x80"));
    assert_true(utf8_has_control("\xC2\x9F"));
}

static void white_space_is_found(void **state)
{
    (void)state;
    assert_false(utf8_has_white_space(""));
    assert_false(utf8_has_white_space("abcé\xEF\xB8\x8F")); /* U+FE0F is none */
    assert_true(utf8_has_white_space("a b"));
    assert_true(utf8_has_white_space("a\xC2\xA0"));
    assert_true(utf8_has_white_space("a\xE3\x80\x80"));
    assert_true(utf8_has_white_space("a\xE2\x80\xA8"));
}

static void a_text_without_ink_is_blank(void **state)
{
    static const uint32_t blanks[] = {
        0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x20,   0x85,   0xA0,   0xAD,   0x1680,
        0x180E, 0x2000, 0x2003, 0x200A, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028,
        0x2029, 0x202A, 0x202F, 0x205F, 0x2060, 0x2800, 0x3000, 0x3164, 0xFE0F, 0xFEFF,
    };
    char all[ARRAY_LENGTH(blanks) * 4 + 1];
    size_t length = 0;

    (void)state;
    assert_true(utf8_is_blank(""));
    for (size_t i = 0; i < ARRAY_LENGTH(blanks); i++) {
        char text[5] = {0};
        encode(blanks[i], text);
        if (!utf8_is_blank(text))
            fail_msg("U+%04X is no blank", blanks[i]);
        length += encode(blanks[i], all + length);
    }
    all[length] = '\0';
    assert_true(utf8_is_blank(all));
    assert_false(utf8_is_blank("a"));
    assert_false(utf8_is_blank("  é  "));
    assert_false(utf8_is_blank("\xE2\x80\x8B."));
    assert_false(utf8_is_blank("😀"));
    assert_false(utf8_is_blank("_"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_encoded_as_it_is_read),
        cmocka_unit_test(of_all_pairs_the_valid_ones_are_taken),
        cmocka_unit_test(what_is_no_utf8_is_refused),
        cmocka_unit_test(utf8_is_accepted),
        cmocka_unit_test(characters_are_counted),
        cmocka_unit_test(control_characters_are_found),
        cmocka_unit_test(white_space_is_found),
        cmocka_unit_test(a_text_without_ink_is_blank),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
