/*
 * A hash table of objects that are found by a text. The entries live inside the objects
 * (see common/container.h), so the table's own memory is one or two pointers for each.
 * Everything belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_TABLE_H
#define MESSAGERIE_BROKER_TRANSPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_entry {
    struct table_entry *next;
    const char *key; /* within the object, which keeps it as it is */
};

/* All zero is an empty table. */
struct table {
    struct table_entry **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
};

/* NULL when there is none. */
struct table_entry *table_find(const struct table *table, const char *key);

/* Adds an entry whose key is not there yet. False without memory. */
bool table_add(struct table *table, struct table_entry *entry);

/* Takes out an entry that is there. */
void table_remove(struct table *table, struct table_entry *entry);

/* Any entry, or NULL when it is empty. */
struct table_entry *table_first(const struct table *table);

/* Frees the table's own memory; it must be empty. */
void table_free(struct table *table);

#endif
