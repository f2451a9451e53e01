/*
 * fcgi/token_cache.h.
 */
#include "tests/unit/unit_test.h"

#include <pthread.h>
#include <stdio.h>

#include "fcgi/token_cache.h"

static struct text_span span(const char *text)
{
    return (struct text_span){text, strlen(text)};
}

static int set_up(void **state)
{
    *state = token_cache_create();
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    token_cache_free(*state);
    return 0;
}

static struct token_claims claims_of(const char *user_id, int64_t expires_at_ms)
{
    struct token_claims claims = {.expires_at_ms = expires_at_ms, .kind = CALLER_SALON};

    snprintf(claims.user_id, sizeof(claims.user_id), "%s", user_id);
    return claims;
}

static void finds_what_was_stored(void **state)
{
    struct token_cache *cache = *state;
    struct token_claims claims = claims_of("s1", 1000), found;
    bool is_applied = true;

    assert_false(token_cache_find(cache, span("a.b.c"), 0, &found, &is_applied));
    token_cache_store(cache, span("a.b.c"), &claims, false);
    assert_true(token_cache_find(cache, span("a.b.c"), 0, &found, &is_applied));
    assert_string_equal(found.user_id, "s1");
    assert_int_equal(found.kind, CALLER_SALON);
    assert_false(is_applied);
}

static void compares_the_whole_token(void **state)
{
    static const char *const others[] = {"a.b.d", "a.b.", "a.b.cc", "A.b.c", ""};
    struct token_cache *cache = *state;
    struct token_claims claims = claims_of("s1", 1000), found;
    bool is_applied;

    token_cache_store(cache, span("a.b.c"), &claims, true);
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        assert_false(token_cache_find(cache, span(others[i]), 0, &found, &is_applied));
}

static void forgets_the_expired(void **state)
{
    struct token_cache *cache = *state;
    struct token_claims claims = claims_of("s1", 1000), endless = claims_of("s2", 0), found;
    bool is_applied;

    token_cache_store(cache, span("a.b.c"), &claims, true);
    token_cache_store(cache, span("d.e.f"), &endless, true);
    assert_true(token_cache_find(cache, span("a.b.c"), 999, &found, &is_applied));
    assert_false(token_cache_find(cache, span("a.b.c"), 1000, &found, &is_applied));
    assert_false(token_cache_find(cache, span("a.b.c"), 999, &found, &is_applied));
    assert_true(token_cache_find(cache, span("d.e.f"), INT64_MAX, &found, &is_applied));
}

static void updates_an_entry(void **state)
{
    struct token_cache *cache = *state;
    struct token_claims claims = claims_of("s1", 1000), found;
    bool is_applied;

    token_cache_store(cache, span("a.b.c"), &claims, false);
    token_cache_store(cache, span("a.b.c"), &claims, true);
    assert_true(token_cache_find(cache, span("a.b.c"), 0, &found, &is_applied));
    assert_true(is_applied);
}

/* Many more than fit: the newest of them is there, and some of the first are gone. */
static void is_bounded(void **state)
{
    enum { MANY = TOKEN_CACHE_SETS * TOKEN_CACHE_WAYS * 4 };
    struct token_cache *cache = *state;
    struct token_claims found;
    bool is_applied;
    char token[32], user_id[32];
    size_t kept = 0;

    for (int i = 0; i < MANY; i++) {
        snprintf(token, sizeof(token), "a.%d.c", i);
        snprintf(user_id, sizeof(user_id), "u%d", i);
        struct token_claims claims = claims_of(user_id, 0);
        token_cache_store(cache, span(token), &claims, true);
        assert_true(token_cache_find(cache, span(token), 0, &found, &is_applied));
        assert_string_equal(found.user_id, user_id);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(token, sizeof(token), "a.%d.c", i);
        kept += token_cache_find(cache, span(token), 0, &found, &is_applied);
    }
    assert_in_range(kept, 1, TOKEN_CACHE_SETS * TOKEN_CACHE_WAYS);
}

static void *use_often(void *context)
{
    struct token_cache *cache = context;
    struct token_claims found;
    bool is_applied;
    char token[32];

    for (int i = 0; i < 5000; i++) {
        snprintf(token, sizeof(token), "a.%d.c", i % 700);
        struct token_claims claims = claims_of(token, i % 3 == 0 ? 500 : 0);
        token_cache_store(cache, span(token), &claims, true);
        if (token_cache_find(cache, span(token), i % 1000, &found, &is_applied))
            assert_string_equal(found.user_id, token);
    }
    return NULL;
}

static void is_safe_with_threads(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_often, *state), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

#define CACHE_TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_TEST(finds_what_was_stored),
        CACHE_TEST(compares_the_whole_token),
        CACHE_TEST(forgets_the_expired),
        CACHE_TEST(updates_an_entry),
        CACHE_TEST(is_bounded),
        CACHE_TEST(is_safe_with_threads),
    };

    return cmocka_run_group_tests_name("token_cache", tests, NULL, NULL);
}
