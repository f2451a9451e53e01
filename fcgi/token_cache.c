#include "fcgi/token_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct entry {
    struct token_claims claims;
    bool is_stored;
    uint64_t hash;
    size_t length;
    char token[];
};

/* Sets, as a processor's cache has them, rather than a hash table with a list by age: nothing is
 * linked, grown or rehashed, and the number of tokens is bounded by the layout. */
struct set {
    struct entry *entries[TOKEN_CACHE_WAYS]; /* NULL: free */
    unsigned oldest;                         /* replaced next */
};

struct token_cache {
    pthread_mutex_t lock;
    struct set sets[TOKEN_CACHE_SETS];
};

struct token_cache *token_cache_create(void)
{
    struct token_cache *cache = calloc(1, sizeof(*cache));

    if (cache != NULL && pthread_mutex_init(&cache->lock, NULL) != 0) {
        free(cache);
        return NULL;
    }
    return cache;
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < TOKEN_CACHE_SETS; i++)
        for (size_t j = 0; j < TOKEN_CACHE_WAYS; j++)
            free(cache->sets[i].entries[j]);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* The slot that holds the token, or NULL. The lock is held. */
static struct entry **find_slot(struct token_cache *cache, struct text_span token, uint64_t hash)
{
    struct set *set = &cache->sets[hash % TOKEN_CACHE_SETS];

    for (size_t i = 0; i < TOKEN_CACHE_WAYS; i++) {
        struct entry *entry = set->entries[i];
        if (entry != NULL && entry->hash == hash && entry->length == token.length &&
            memcmp(entry->token, token.data, token.length) == 0)
            return &set->entries[i];
    }
    return NULL;
}

static bool has_expired(const struct token_claims *claims, int64_t now_ms)
{
    return claims->expires_at_ms != 0 && now_ms >= claims->expires_at_ms;
}

bool token_cache_find(struct token_cache *cache, struct text_span token, int64_t now_ms,
                      struct token_claims *claims, bool *is_stored)
{
    uint64_t hash = XXH3_64bits(token.data, token.length);
    bool is_valid = false;

    pthread_mutex_lock(&cache->lock);
    struct entry **slot = find_slot(cache, token, hash);
    if (slot != NULL && has_expired(&(*slot)->claims, now_ms)) {
        free(*slot);
        *slot = NULL;
    } else if (slot != NULL) {
        *claims = (*slot)->claims;
        *is_stored = (*slot)->is_stored;
        is_valid = true;
    }
    pthread_mutex_unlock(&cache->lock);
    return is_valid;
}

static struct entry *make_entry(struct text_span token, uint64_t hash,
                                const struct token_claims *claims, bool is_stored)
{
    struct entry *entry = malloc(sizeof(*entry) + token.length);

    if (entry == NULL)
        return NULL;
    entry->claims = *claims;
    entry->is_stored = is_stored;
    entry->hash = hash;
    entry->length = token.length;
    memcpy(entry->token, token.data, token.length);
    return entry;
}

/* The slot for a newcomer: a free one, else the oldest. */
static struct entry **choose_slot(struct set *set)
{
    for (size_t i = 0; i < TOKEN_CACHE_WAYS; i++)
        if (set->entries[i] == NULL)
            return &set->entries[i];
    struct entry **slot = &set->entries[set->oldest];
    set->oldest = (set->oldest + 1) % TOKEN_CACHE_WAYS;
    return slot;
}

void token_cache_store(struct token_cache *cache, struct text_span token,
                       const struct token_claims *claims, bool is_stored)
{
    uint64_t hash = XXH3_64bits(token.data, token.length);
    struct entry *entry = make_entry(token, hash, claims, is_stored);

    if (entry == NULL)
        return;
    pthread_mutex_lock(&cache->lock);
    struct entry **slot = find_slot(cache, token, hash);
    if (slot == NULL)
        slot = choose_slot(&cache->sets[hash % TOKEN_CACHE_SETS]);
    struct entry *replaced = *slot;
    *slot = entry;
    pthread_mutex_unlock(&cache->lock);
    free(replaced);
}
