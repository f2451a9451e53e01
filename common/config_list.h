/*
 * Lists in the configuration: the entries of a comma-separated value.
 */
#ifndef MESSAGERIE_COMMON_CONFIG_LIST_H
#define MESSAGERIE_COMMON_CONFIG_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Most entries, and most bytes of them all with their NULs. */
#define CONFIG_LIST_MAX   16
#define CONFIG_LIST_BYTES 2048

/* Its items point into it: copy it with config_list_copy. */
struct config_list {
    size_t count;
    char *items[CONFIG_LIST_MAX];
    char storage[CONFIG_LIST_BYTES];
};

/* Splits `value`; blanks around entries are dropped, empty entries left out. False when it has too
 * many entries or bytes; the list is then worth nothing. */
bool config_list_parse(struct config_list *list, const char *value);

void config_list_copy(struct config_list *to, const struct config_list *from);

bool config_list_contains(const struct config_list *list, const char *text);

/* The same entries in the same order. */
bool config_lists_are_equal(const struct config_list *one, const struct config_list *other);

/* The first of a list of roles, which is the one of who is given none; `fallback` when it is empty.
 */
const char *config_first_role(const struct config_list *roles, const char *fallback);

#endif
