#include "broker/transport/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"

#define BUCKETS_MIN 16

/* FNV-1a. Keys are ids that the booking side or we have given, not texts that a stranger picks. */
static size_t hash(const char *key)
{
    uint64_t sum = UINT64_C(14695981039346656037);

    for (; *key != '\0'; key++)
        sum = (sum ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return (size_t)(sum ^ sum >> 32);
}

/* Chains, and not open addressing: the entries are in the objects, so that adding one takes no
 * memory and taking one out leaves no gap to be remembered. */
static struct table_entry **bucket(const struct table *table, const char *key)
{
    return &table->buckets[hash(key) & (table->bucket_count - 1)];
}

/* All at once, and never back: some ten thousand entries are linked anew within a millisecond or
 * two, and as many may come again after a restart. */
static bool grow(struct table *table)
{
    struct table larger = {.bucket_count =
                               table->bucket_count > 0 ? table->bucket_count * 2 : BUCKETS_MIN};

    larger.buckets = calloc(larger.bucket_count, sizeof(struct table_entry *));
    if (larger.buckets == NULL)
        return table->bucket_count > 0; /* slower, but it works */
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct table_entry *entry = table->buckets[i];
        while (entry != NULL) {
            struct table_entry *next = entry->next;
            struct table_entry **to = bucket(&larger, entry->key);
            entry->next = *to;
            *to = entry;
            entry = next;
        }
    }
    free(table->buckets);
    table->buckets = larger.buckets;
    table->bucket_count = larger.bucket_count;
    return true;
}

struct table_entry *table_find(const struct table *table, const char *key)
{
    if (table->count == 0)
        return NULL;
    struct table_entry *entry = *bucket(table, key);
    while (entry != NULL && strcmp(entry->key, key) != 0)
        entry = entry->next;
    return entry;
}

bool table_add(struct table *table, struct table_entry *entry)
{
    if (table->count >= table->bucket_count && !grow(table))
        return false;
    struct table_entry **to = bucket(table, entry->key);
    entry->next = *to;
    *to = entry;
    table->count++;
    return true;
}

void table_remove(struct table *table, struct table_entry *entry)
{
    ASSERT(table->count > 0);
    struct table_entry **link = bucket(table, entry->key);
    while (*link != entry) {
        ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = entry->next;
    table->count--;
}

struct table_entry *table_first(const struct table *table)
{
    for (size_t i = 0; i < table->bucket_count; i++)
        if (table->buckets[i] != NULL)
            return table->buckets[i];
    return NULL;
}

void table_free(struct table *table)
{
    ASSERT(table->count == 0);
    free(table->buckets);
    *table = (struct table){0};
}
