#include "tests/unit/unit_test.h"

#include "common/error.h"

static struct error *fresh(void)
{
    static struct error error;

    memset(&error, 'x', sizeof(error)); /* as on a stack */
    error_clear(&error);
    return &error;
}

static void a_cleared_error_says_nothing(void **state)
{
    struct error *error = fresh();

    (void)state;
    assert_int_equal(error->kind, ERROR_NONE);
    assert_false(error->is_list);
    assert_string_equal(error->text, "");
    assert_string_equal(error->detail, "");
}

static void a_refused_token_has_a_reason(void **state)
{
    struct error *error = fresh();

    (void)state;
    assert_null(error->reason);
    assert_false(error_unauthorized(error, "expired", "the token has expired"));
    assert_int_equal(error->kind, ERROR_UNAUTHORIZED);
    assert_string_equal(error->text, "Unauthorized");
    assert_string_equal(error->reason, "expired");
    assert_string_equal(error->detail, "the token has expired");
    error_set(error, ERROR_INVALID, "x");
    assert_null(error->reason);
    assert_string_equal(error->detail, "");
}

static void setting_replaces_what_was_there(void **state)
{
    struct error *error = fresh();

    (void)state;
    error_add(error, "field", "wrong");
    error_unavailable(error, "disk");
    assert_false(error_set(error, ERROR_NOT_FOUND, "no %s", "such thing"));
    assert_int_equal(error->kind, ERROR_NOT_FOUND);
    assert_false(error->is_list);
    assert_string_equal(error->text, "no such thing");
    assert_string_equal(error->detail, "");
}

static void adding_makes_a_list(void **state)
{
    struct error *error = fresh();

    (void)state;
    assert_false(error_add(error, "a.0", "first %d", 1));
    assert_int_equal(error->kind, ERROR_INVALID);
    assert_true(error->is_list);
    assert_string_equal(error->text, "a.0: first 1");
    assert_false(error_add(error, "b", "second"));
    assert_string_equal(error->text, "a.0: first 1\nb: second");
}

static void adding_after_setting_begins_a_list(void **state)
{
    struct error *error = fresh();

    (void)state;
    error_set(error, ERROR_FORBIDDEN, "no");
    error_add(error, "a", "wrong");
    assert_int_equal(error->kind, ERROR_INVALID);
    assert_string_equal(error->text, "a: wrong");
}

/* A sentence that no longer fits is left out whole, also when its field alone is too long. */
static void a_sentence_that_does_not_fit_is_left_out(void **state)
{
    struct error *error = fresh();
    char field[ERROR_TEXT_BYTES + 1];
    size_t length = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        error_add(error, "field", "0123456789012345678901234567890123456789 %d", i);
        if (strlen(error->text) == length)
            break;
        length = strlen(error->text);
    }
    assert_true(length > ERROR_TEXT_BYTES - 60 && length < ERROR_TEXT_BYTES);
    memset(field, 'f', sizeof(field));
    field[ERROR_TEXT_BYTES] = '\0';
    error_add(error, field, "x");
    assert_int_equal(strlen(error->text), length);
    error_add(error, "f", "x"); /* a short one may still fit */
    assert_true(strlen(error->text) == length || strlen(error->text) == length + 5);
}

/* A text is cut between characters: what clients get stays UTF-8. */
static void a_long_text_is_cut_between_characters(void **state)
{
    struct error *error = fresh();
    char text[2 * ERROR_TEXT_BYTES];

    (void)state;
    for (size_t start = 0; start < 2; start++) {
        memset(text, 'x', start);
        for (size_t i = start; i + 2 < sizeof(text); i += 2)
            memcpy(text + i, "é", 3);
        error_set(error, ERROR_INVALID, "%s", text);
        size_t length = strlen(error->text);
        assert_true(length >= ERROR_TEXT_BYTES - 2 && length < ERROR_TEXT_BYTES);
        assert_int_equal((length - start) % 2, 0);
        assert_memory_equal(error->text, text, length);

        error_unavailable(error, "%s", text);
        length = strlen(error->detail);
        assert_true(length >= ERROR_DETAIL_BYTES - 2 && length < ERROR_DETAIL_BYTES);
        assert_int_equal((length - start) % 2, 0);
    }
}

static void what_may_work_later_has_its_reason_for_the_log(void **state)
{
    struct error *error = fresh();

    (void)state;
    assert_false(error_unavailable(error, "disk %s", "full"));
    assert_int_equal(error->kind, ERROR_UNAVAILABLE);
    assert_string_equal(error->detail, "disk full");
    assert_null(strstr(error->text, "disk"));
    assert_false(error_out_of_memory(error));
    assert_int_equal(error->kind, ERROR_UNAVAILABLE);
    assert_string_equal(error->detail, "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cleared_error_says_nothing),
        cmocka_unit_test(a_refused_token_has_a_reason),
        cmocka_unit_test(setting_replaces_what_was_there),
        cmocka_unit_test(adding_makes_a_list),
        cmocka_unit_test(adding_after_setting_begins_a_list),
        cmocka_unit_test(a_sentence_that_does_not_fit_is_left_out),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(what_may_work_later_has_its_reason_for_the_log),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
