#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/words.h"

/* The words, a blank behind each. */
static const char *folded(const char *text)
{
    static char out[1024];
    struct words words = words_of(text);
    struct word word;
    size_t length = 0;

    out[0] = '\0';
    while (words_next(&words, &word)) {
        assert_true(word.begin < word.end && word.end <= strlen(text));
        assert_int_equal(word.length, strlen(word.text));
        length += (size_t)snprintf(out + length, sizeof(out) - length, "%s ", word.text);
    }
    return out;
}

static void case_and_accents_make_no_difference(void **state)
{
    (void)state;
    assert_string_equal(folded("ÉTÉ e\xcc\x81te\xcc\x81 été"), "ete ete ete ");
    assert_string_equal(folded("Œuvre CŒUR Æther Straße GROẞ"),
                        "oeuvre coeur aether strasse gross ");
    assert_string_equal(folded("Łódź Ørsted İstanbul ılık"), "lodz orsted istanbul ilik ");
    assert_string_equal(folded("ΣΊΣΥΦΟΣ Ёлка"), "σισυφοσ елка ");
    assert_string_equal(folded("ﬁn ＡＢＣ ²"), "fin abc 2 ");
}

static void words_are_letters_and_digits(void **state)
{
    (void)state;
    assert_string_equal(folded("L'eau d’or, 06-12.34 (a_b) #x*\"y\""),
                        "l eau d or 06 12 34 a b x y ");
    assert_string_equal(folded(" \t\n!?…« »—"), "");
    assert_string_equal(folded(""), "");
    assert_string_equal(folded("👋hé👨‍👩‍👧llo"), "he llo ");
    assert_string_equal(folded("soft\xc2\xadhyphen zero\xe2\x80\x8bwidth"),
                        "softhyphen zerowidth ");
}

static void ideographs_are_words(void **state)
{
    (void)state;
    assert_string_equal(folded("東京tower"), "東 京 tower ");
}

static void a_long_word_is_cut_between_code_points(void **state)
{
    char text[400] = "";
    struct words words = words_of(text);
    struct word word;

    (void)state;
    memset(text, 'a', WORD_MAX_BYTES - 1);
    strcat(text, "яяb c");
    assert_true(words_next(&words, &word));
    assert_int_equal(word.length, WORD_MAX_BYTES - 1);
    assert_int_equal(word.end, strlen(text) - 2);
    assert_true(words_next(&words, &word));
    assert_string_equal(word.text, "c");
    assert_false(words_next(&words, &word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_and_accents_make_no_difference),
        cmocka_unit_test(words_are_letters_and_digits),
        cmocka_unit_test(ideographs_are_words),
        cmocka_unit_test(a_long_word_is_cut_between_code_points),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
