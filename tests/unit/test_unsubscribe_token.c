#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/token.h"
#include "common/unsubscribe_token.h"

static struct config *config_of(const char *secret, const char *previous, const char *own)
{
    struct config *config = calloc(1, sizeof(*config));

    assert_non_null(config);
    strcpy(config->auth_jwt_secret, secret);
    strcpy(config->auth_jwt_secret_previous, previous);
    strcpy(config->mail_unsubscribe_secret, own);
    return config;
}

static void set_keys(struct unsubscribe_keys *keys, const char *secret, const char *previous,
                     const char *own)
{
    struct config *config = config_of(secret, previous, own);

    unsubscribe_keys_set(keys, config);
    free(config);
}

static void make(const char *secret, const char *user_id, const char *conversation_id,
                 char out[UNSUBSCRIBE_TOKEN_BYTES])
{
    struct unsubscription unsubscription;
    struct unsubscribe_keys keys;

    set_keys(&keys, secret, "", "");
    strcpy(unsubscription.user_id, user_id);
    strcpy(unsubscription.conversation_id, conversation_id);
    assert_true(unsubscribe_token_make(&keys, &unsubscription, out));
    unsubscribe_keys_clear(&keys);
}

static bool is_read(const char *secret, const char *previous, const char *text)
{
    struct unsubscription unsubscription;
    struct unsubscribe_keys keys;

    set_keys(&keys, secret, previous, "");
    bool is_good = unsubscribe_token_read(&keys, text, &unsubscription);
    unsubscribe_keys_clear(&keys);
    return is_good;
}

static void check_both_ways(const char *user_id, const char *conversation_id)
{
    char token[UNSUBSCRIBE_TOKEN_BYTES];
    struct unsubscription unsubscription;
    struct unsubscribe_keys keys;

    make("geheim", user_id, conversation_id, token);
    assert_int_equal(strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-_."),
                     strlen(token));
    set_keys(&keys, "geheim", "", "");
    assert_true(unsubscribe_token_read(&keys, token, &unsubscription));
    assert_string_equal(unsubscription.user_id, user_id);
    assert_string_equal(unsubscription.conversation_id, conversation_id);
    unsubscribe_keys_clear(&keys);
}

static void a_token_names_whom_it_was_made_for(void **state)
{
    char longest[FOREIGN_ID_MAX_BYTES + 1];

    (void)state;
    memset(longest, 'x', FOREIGN_ID_MAX_BYTES);
    longest[FOREIGN_ID_MAX_BYTES] = '\0';
    check_both_ways("client-1", "0193a8b0-0000-7000-8000-000000000000");
    check_both_ways("client-1", "");
    check_both_ways("é.|1", "x");
    check_both_ways(longest, longest);
}

static void one_that_was_changed_is_refused(void **state)
{
    char token[UNSUBSCRIBE_TOKEN_BYTES];

    (void)state;
    make("geheim", "client-1", "c", token);
    assert_true(is_read("geheim", "", token));
    for (size_t i = 0; i < strlen(token); i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_false(is_read("geheim", "", token));
        token[i] = '\0';
        assert_false(is_read("geheim", "", token));
        token[i] = kept;
    }
    strcat(token, "A");
    assert_false(is_read("geheim", "", token));
}

static void other_keys_refuse_it_but_the_previous_secret_is_good(void **state)
{
    char token[UNSUBSCRIBE_TOKEN_BYTES];

    (void)state;
    make("geheim", "client-1", "c", token);
    assert_false(is_read("anders", "", token));
    assert_false(is_read("", "", token));
    assert_true(is_read("anders", "geheim", token));
}

static void a_secret_of_its_own_outlives_those_of_tokens(void **state)
{
    struct unsubscription unsubscription = {.user_id = "u"};
    char token[UNSUBSCRIBE_TOKEN_BYTES];
    struct unsubscribe_keys keys;

    (void)state;
    set_keys(&keys, "one", "", "own");
    assert_true(unsubscribe_token_make(&keys, &unsubscription, token));
    unsubscribe_keys_clear(&keys);
    set_keys(&keys, "three", "two", "own");
    assert_true(unsubscribe_token_read(&keys, token, &unsubscription));
    unsubscribe_keys_clear(&keys);
    set_keys(&keys, "", "", "");
    assert_false(unsubscribe_token_make(&keys, &unsubscription, token));
}

static void what_is_no_token_is_refused(void **state)
{
    static const char *const texts[] = {
        "", ".", "..", "a", "a.b", "MQ.MQ", "MXUAYw.", "MXUAYw.MXUAYw", "=.=", "\xff.\xff"};
    char longest[4 * UNSUBSCRIBE_TOKEN_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_false(is_read("geheim", "", texts[i]));
    memset(longest, 'A', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_false(is_read("geheim", "", longest));
    longest[100] = '.';
    assert_false(is_read("geheim", "", longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_names_whom_it_was_made_for),
        cmocka_unit_test(one_that_was_changed_is_refused),
        cmocka_unit_test(other_keys_refuse_it_but_the_previous_secret_is_good),
        cmocka_unit_test(a_secret_of_its_own_outlives_those_of_tokens),
        cmocka_unit_test(what_is_no_token_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
