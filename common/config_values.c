#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/assert.h"
#include "common/config_private.h"
#include "common/origin.h"

/* ---- values ---------------------------------------------------------------------------------- */

static void *field_of(struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

static const void *field_of_constant(const struct config *config, const struct config_key *key)
{
    return (const char *)config + key->offset;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);

    for (;;) {
        size_t choice_length = strcspn(choices, ",");
        if (choice_length == length && strncmp(choices, value, length) == 0)
            return true;
        if (choices[choice_length] == '\0')
            return false;
        choices += choice_length + 1;
    }
}

static bool fail_origin(const struct config_key *key, const char *value, const char *reason,
                        const char *origin, struct error *error)
{
    return error_set(
        error, ERROR_INVALID,
        "%s: %s in [%s] must have origins such as https://salon.example, not \"%s\": %s", origin,
        key->name, key->section, value, reason);
}

static bool set_text(char *field, const struct config_key *key, const char *value,
                     const char *origin, struct error *error)
{
    size_t length = strlen(value);

    if (length >= CONFIG_TEXT_BYTES)
        return error_set(error, ERROR_INVALID, "%s: %s in [%s] must have at most %d bytes", origin,
                         key->name, key->section, CONFIG_TEXT_BYTES - 1);
    /* An empty text means "none", where the default says so. */
    if (length == 0 && key->fallback[0] != '\0' && key->minimum > 0)
        return error_set(error, ERROR_INVALID, "%s: %s in [%s] must not be empty", origin,
                         key->name, key->section);
    if (length > 0 && length < (size_t)key->minimum)
        return error_set(error, ERROR_INVALID,
                         "%s: %s in [%s] must have at least %" PRId64 " bytes", origin, key->name,
                         key->section, key->minimum);
    if (length > 0 && key->choices != NULL && !is_choice(key->choices, value))
        return error_set(error, ERROR_INVALID, "%s: %s in [%s] must be one of %s, not \"%s\"",
                         origin, key->name, key->section, key->choices, value);
    strcpy(field, value);
    if (length == 0 || !key->has_origins)
        return true;
    const char *reason = origin_of_url(value, field);
    return reason == NULL || fail_origin(key, value, reason, origin, error);
}

static bool set_integer(int64_t *field, const struct config_key *key, const char *value,
                        const char *origin, struct error *error)
{
    char *end;

    errno = 0;
    intmax_t number = strtoimax(value, &end, 10);
    if (*value == '\0' || *end != '\0' || errno != 0 || number < key->minimum ||
        number > key->maximum)
        return error_set(error, ERROR_INVALID,
                         "%s: %s in [%s] must be a whole number from %" PRId64 " to %" PRId64
                         "%s%s, not \"%s\"",
                         origin, key->name, key->section, key->minimum, key->maximum,
                         key->unit != NULL ? " " : "", key->unit != NULL ? key->unit : "", value);
    *field = number;
    return true;
}

static bool set_boolean(bool *field, const struct config_key *key, const char *value,
                        const char *origin, struct error *error)
{
    if (is_choice("true,yes,on,1", value))
        *field = true;
    else if (is_choice("false,no,off,0", value))
        *field = false;
    else
        return error_set(error, ERROR_INVALID, "%s: %s in [%s] must be true or false, not \"%s\"",
                         origin, key->name, key->section, value);
    return true;
}

/* Replaces the entries by their canonical forms, which may be longer. */
static bool reduce_to_origins(struct config_list *field, const struct config_key *key,
                              const char *origin, struct error *error)
{
    struct config_list reduced = {0};
    char *end = reduced.storage;

    for (size_t i = 0; i < field->count; i++) {
        char canonical[ORIGIN_BYTES];
        const char *reason = origin_of_url(field->items[i], canonical);
        if (reason == NULL &&
            strlen(canonical) >= (size_t)(reduced.storage + sizeof(reduced.storage) - end))
            reason = "all together are too long";
        if (reason != NULL)
            return fail_origin(key, field->items[i], reason, origin, error);
        reduced.items[reduced.count++] = end;
        end = stpcpy(end, canonical) + 1;
    }
    config_list_copy(field, &reduced);
    return true;
}

static bool check_networks(const struct config_list *field, const struct config_key *key,
                           const char *origin, struct error *error)
{
    struct address_network network;

    for (size_t i = 0; i < field->count; i++)
        if (!address_network_parse(field->items[i], &network))
            return error_set(error, ERROR_INVALID,
                             "%s: %s in [%s] must have networks such as 10.0.0.0/8, addresses, or "
                             "unix, not \"%s\"",
                             origin, key->name, key->section, field->items[i]);
    return true;
}

static bool set_list(struct config_list *field, const struct config_key *key, const char *value,
                     const char *origin, struct error *error)
{
    if (config_list_parse(field, value))
        return (!key->has_origins || reduce_to_origins(field, key, origin, error)) &&
               (!key->has_networks || check_networks(field, key, origin, error));
    return error_set(error, ERROR_INVALID,
                     "%s: %s in [%s] must have at most %d entries and %zu bytes", origin, key->name,
                     key->section, CONFIG_LIST_MAX, sizeof(field->storage) - 1);
}

static bool set_field(struct config *config, const struct config_key *key, const char *value,
                      const char *origin, struct error *error)
{
    void *field = field_of(config, key);

    switch (key->type) {
    case CONFIG_TEXT:
        return set_text(field, key, value, origin, error);
    case CONFIG_LIST:
        return set_list(field, key, value, origin, error);
    case CONFIG_INTEGER:
        return set_integer(field, key, value, origin, error);
    case CONFIG_BOOLEAN:
        return set_boolean(field, key, value, origin, error);
    }
    return false;
}

/* `origins` is NULL when nobody wants to know. */
bool config_set_value(struct config *config, const struct config_key *key, const char *value,
                      const char *origin, struct config_origins *origins, struct error *error)
{
    if (origins != NULL)
        snprintf(origins->texts[config_key_index(key)], CONFIG_ORIGIN_BYTES, "%s", origin);
    return set_field(config, key, value, origin, error);
}

static void append_list(const struct config_list *list, struct buffer *out)
{
    for (size_t i = 0; i < list->count; i++)
        buffer_append_format(out, "%s%s", i > 0 ? ", " : "", list->items[i]);
}

void config_append_value(const struct config *config, const struct config_key *key,
                         struct buffer *out)
{
    const void *field = field_of_constant(config, key);

    switch (key->type) {
    case CONFIG_TEXT:
        buffer_append_text(out, field);
        break;
    case CONFIG_LIST:
        append_list(field, out);
        break;
    case CONFIG_INTEGER:
        buffer_append_format(out, "%" PRId64, *(const int64_t *)field);
        break;
    case CONFIG_BOOLEAN:
        buffer_append_text(out, *(const bool *)field ? "true" : "false");
        break;
    }
}

int64_t config_integer(const struct config *config, const struct config_key *key)
{
    ASSERT(key->type == CONFIG_INTEGER);
    return *(const int64_t *)field_of_constant(config, key);
}

/* ---- one value and another ------------------------------------------------------------------- */

bool config_values_are_equal(const struct config_key *key, const struct config *one,
                             const struct config *other)
{
    const void *first = field_of_constant(one, key);
    const void *second = field_of_constant(other, key);

    switch (key->type) {
    case CONFIG_TEXT:
        return strcmp(first, second) == 0;
    case CONFIG_LIST:
        return config_lists_are_equal(first, second);
    case CONFIG_INTEGER:
        return *(const int64_t *)first == *(const int64_t *)second;
    case CONFIG_BOOLEAN:
        return *(const bool *)first == *(const bool *)second;
    }
    return false;
}

void config_copy_value(const struct config_key *key, struct config *to, const struct config *from)
{
    void *field = field_of(to, key);
    const void *value = field_of_constant(from, key);

    switch (key->type) {
    case CONFIG_TEXT:
        strcpy(field, value);
        break;
    case CONFIG_LIST:
        config_list_copy(field, value);
        break;
    case CONFIG_INTEGER:
        *(int64_t *)field = *(const int64_t *)value;
        break;
    case CONFIG_BOOLEAN:
        *(bool *)field = *(const bool *)value;
        break;
    }
}
