#include "common/config_list.h"

#include <ctype.h>
#include <string.h>

#include "common/assert.h"

bool config_list_contains(const struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

const char *config_first_role(const struct config_list *roles, const char *fallback)
{
    return roles->count > 0 ? roles->items[0] : fallback;
}

void config_list_copy(struct config_list *to, const struct config_list *from)
{
    to->count = from->count;
    memcpy(to->storage, from->storage, sizeof(to->storage));
    for (size_t i = 0; i < from->count; i++) {
        ASSERT(from->items[i] >= from->storage &&
               from->items[i] < from->storage + sizeof(from->storage));
        to->items[i] = to->storage + (from->items[i] - from->storage);
    }
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

bool config_list_parse(struct config_list *list, const char *value)
{
    char *rest = list->storage;
    char *entry;

    list->count = 0;
    if (strlen(value) >= sizeof(list->storage))
        return false;
    strcpy(list->storage, value);
    while ((entry = strsep(&rest, ",")) != NULL) {
        entry = trim(entry);
        if (*entry == '\0')
            continue;
        if (list->count == CONFIG_LIST_MAX)
            return false;
        list->items[list->count++] = entry;
    }
    return true;
}

bool config_lists_are_equal(const struct config_list *one, const struct config_list *other)
{
    if (one->count != other->count)
        return false;
    for (size_t i = 0; i < one->count; i++)
        if (strcmp(one->items[i], other->items[i]) != 0)
            return false;
    return true;
}
