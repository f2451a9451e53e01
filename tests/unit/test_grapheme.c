#include "tests/unit/unit_test.h"

#include <string.h>

#include "common/grapheme.h"
#include "common/utf8.h"

/* Each is one grapheme, of several code points but for the first. */
static const char *const graphemes[] = {
    "é",
    "E\u0301",                   /* an accent of its own */
    "a\u0300\u0301\u0302\u0303", /* stacked marks */
    "🇫🇷",                        /* regional indicators */
    "👍🏽",                  /* skin tone */
    "❤️",                    /* variation selector */
    "1️⃣",                   /* keycap */
    "👨‍👩‍👧‍👦", /* joined by ZWJ */
    "👩🏽‍🎨",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿", /* tags */
    "\u0915\u094D\u0937\u093F",     /* Devanagari: a conjunct with its vowel */
    "\u0995\u09CD\u09B7",           /* Bengali */
    "\u1100\u1161\u11A8",           /* Hangul jamo */
    "\r\n",
};

static void no_grapheme_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(graphemes) / sizeof(graphemes[0]); i++) {
        const char *one = graphemes[i];
        size_t count = utf8_count(one);
        char text[256] = "ab";
        strcat(strcat(strcat(text, one), one), "z");
        for (size_t characters = 0; characters <= utf8_count(text); characters++) {
            size_t whole = characters < 2 ? 0 : (characters - 2) / count;
            size_t expected = characters < 2 ? characters
                              : whole > 2    ? 2 + 2 * strlen(one)
                                             : 2 + whole * strlen(one);
            if (characters == 3 + 2 * count)
                expected = strlen(text);
            if (grapheme_prefix_bytes(text, characters) != expected)
                fail_msg("%s: %zu bytes of %zu characters", one,
                         grapheme_prefix_bytes(text, characters), characters);
        }
    }
}

static void flags_are_cut_between_pairs(void **state)
{
    const char *flags = "🇫🇷🇧🇪🇨🇭";
    size_t flag = strlen("🇫🇷");

    (void)state;
    assert_int_equal(grapheme_prefix_bytes(flags, 1), 0);
    assert_int_equal(grapheme_prefix_bytes(flags, 3), flag);
    assert_int_equal(grapheme_prefix_bytes(flags, 5), 2 * flag);
}

static void a_text_that_is_not_longer_is_all_of_it(void **state)
{
    (void)state;
    assert_int_equal(grapheme_prefix_bytes("", 0), 0);
    assert_int_equal(grapheme_prefix_bytes("", 10), 0);
    assert_int_equal(grapheme_prefix_bytes("Léa", 3), strlen("Léa"));
    assert_int_equal(grapheme_prefix_bytes("Léa", 100), strlen("Léa"));
}

static void a_first_grapheme_that_is_too_long_leaves_nothing(void **state)
{
    char text[512] = "a";

    (void)state;
    for (int i = 0; i < 200; i++)
        strcat(text, "\u0301");
    assert_int_equal(grapheme_prefix_bytes(text, 200), 0);
    assert_int_equal(grapheme_prefix_bytes(text, 201), strlen(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_grapheme_is_cut),
        cmocka_unit_test(flags_are_cut_between_pairs),
        cmocka_unit_test(a_text_that_is_not_longer_is_all_of_it),
        cmocka_unit_test(a_first_grapheme_that_is_too_long_leaves_nothing),
    };

    return cmocka_run_group_tests_name("grapheme", tests, NULL, NULL);
}
