#include "common/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <unistd.h>

#include <ini.h>

#include "common/address.h"
#include "common/assert.h"

#define CONFIGURATION_DIRECTORY SYSCONFDIR "/messagerie"
#define DEFAULT_PATH            CONFIGURATION_DIRECTORY "/messagerie.conf"
#define STATE_DIRECTORY         LOCALSTATEDIR "/lib/messagerie"
#define RUN_DIRECTORY           RUNSTATEDIR "/messagerie"

#define VARIABLE_PREFIX "MESSAGERIE_"
#define PATH_VARIABLE   VARIABLE_PREFIX "CONFIG"

#define KEY(section_, name_, type_, ...)                                                           \
    {                                                                                              \
        .section = #section_, .name = #name_, .type = type_,                                       \
        .offset = offsetof(struct config, section_##_##name_), __VA_ARGS__                         \
    }

static const struct config_key keys[] = {
    KEY(server, port, CONFIG_INTEGER, .minimum = 1, .maximum = 65535, .fallback = "8080",
        .variable = "PORT", .help = "TCP port on which `./bootstrap run` listens."),

    KEY(auth, jwt_secret, CONFIG_TEXT, .is_live = true, .fallback = "", .variable = "JWT_SECRET",
        .is_secret = true,
        .help = "Key of HS256 tokens, shared with the booking back-end. Empty: none are accepted."),
    KEY(auth, jwt_secret_previous, CONFIG_TEXT, .is_live = true, .fallback = "",
        .variable = "JWT_SECRET_PREVIOUS", .is_secret = true,
        .help = "The secret before the last change: tokens signed with it are accepted, too."),
    KEY(auth, jwt_public_key_file, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "PEM file with the public key, or several, of RS256 or ES256 tokens. Empty: none."),
    KEY(auth, jwt_public_key_algorithm, CONFIG_TEXT, .is_live = true, .choices = "RS256,ES256",
        .fallback = "", .help = "Algorithm that goes with jwt_public_key_file."),
    KEY(auth, jwt_keys_file, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "JWK Set (RFC 7517) with secrets and public keys that are accepted, too."),
    KEY(auth, require_expiry, CONFIG_BOOLEAN, .is_live = true, .fallback = "true",
        .help = "Whether a token without `exp` is refused."),
    KEY(auth, salon_roles, CONFIG_LIST, .is_live = true,
        .fallback = "salon, user, user_salon, user_tatoueur", .help = "Roles of the salon side."),
    KEY(auth, client_roles, CONFIG_LIST, .is_live = true, .fallback = "client",
        .help = "Roles of the client side."),

    KEY(http, frontend_url, CONFIG_LIST, .is_live = true, .fallback = "",
        .variable = "FRONTEND_URL", .has_origins = true,
        .help = "Origins whose pages may call, such as https://salon.example; our own needs none."),

    KEY(database, path, CONFIG_TEXT, .minimum = 1, .unit = "bytes",
        .fallback = STATE_DIRECTORY "/messagerie.db", .help = "The SQLite file."),
    KEY(database, readers, CONFIG_INTEGER, .minimum = 1, .maximum = 256, .fallback = "8",
        .unit = "connections", .help = "Read connections of each program."),
    KEY(database, busy_timeout_ms, CONFIG_INTEGER, .minimum = 0, .maximum = 600000,
        .fallback = "5000", .unit = "ms", .help = "How long a lock of someone else is waited for."),
    KEY(database, outbox_retention_s, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 31622400, .fallback = "86400", .unit = "s",
        .help = "Age at which events are pruned; how long a client can be away and recover."),
    KEY(database, outbox_max_rows, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 1000000000, .fallback = "1000000", .unit = "rows",
        .help = "Number of events beyond which the oldest are pruned."),

    KEY(fastcgi, threads, CONFIG_INTEGER, .minimum = 1, .maximum = 1024, .fallback = "32",
        .unit = "threads", .help = "Requests that each program works on at once."),
    KEY(fastcgi, max_connections, CONFIG_INTEGER, .minimum = 1, .maximum = 1000000,
        .fallback = "1024", .unit = "connections",
        .help = "Connections of the web server that each program holds at most."),
    KEY(fastcgi, io_timeout_ms, CONFIG_INTEGER, .minimum = 1, .maximum = 3600000,
        .fallback = "10000", .unit = "ms",
        .help = "How long one read or write of a started request may take."),
    KEY(fastcgi, conversations_socket, CONFIG_TEXT, .fallback = RUN_DIRECTORY "/conversations.sock",
        .help = "Socket of the program for conversations, unless it inherits one."),
    KEY(fastcgi, messages_socket, CONFIG_TEXT, .fallback = RUN_DIRECTORY "/messages.sock",
        .help = "Socket of the program for messages, unless it inherits one."),
    KEY(fastcgi, appointments_socket, CONFIG_TEXT, .fallback = RUN_DIRECTORY "/appointments.sock",
        .help = "Socket of the program for appointments and people, unless it inherits one."),

    KEY(appointments, templates, CONFIG_TEXT, .is_live = true, .minimum = 1, .unit = "bytes",
        .fallback = CONFIGURATION_DIRECTORY "/templates",
        .help = "Folder of the texts that tell of appointments; a missing one has a default."),
    KEY(appointments, time_zone, CONFIG_TEXT, .minimum = 1, .unit = "bytes",
        .fallback = "Europe/Paris", .help = "Time zone of the dates in them."),

    KEY(bus, brokers, CONFIG_LIST, .fallback = "ipc://" RUN_DIRECTORY "/bus.ipc",
        .help = "nanomsg addresses of the brokers that are told of events. Empty: none."),

    KEY(broker, listen, CONFIG_TEXT, .minimum = 1, .unit = "bytes",
        .fallback = "unix:" RUN_DIRECTORY "/broker.sock",
        .help = "Where the broker serves browsers, behind the web server: unix:PATH or HOST:PORT."),
    KEY(broker, internal_listen, CONFIG_TEXT, .fallback = "127.0.0.1:8091",
        .help = "Where it serves /healthz, /readyz and /metrics. Empty: nowhere."),
    KEY(broker, bus_address, CONFIG_TEXT, .minimum = 1, .unit = "bytes",
        .fallback = "ipc://" RUN_DIRECTORY "/bus.ipc",
        .help = "nanomsg address on which it is told of events; one of [bus] brokers."),
    KEY(broker, readers, CONFIG_INTEGER, .minimum = 1, .maximum = 16, .fallback = "2",
        .unit = "threads", .help = "Threads that read the database."),
    KEY(broker, max_connections, CONFIG_INTEGER, .minimum = 1, .maximum = 1000000,
        .fallback = "10000", .unit = "connections", .help = "Clients at once."),
    KEY(broker, max_connections_per_user, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 65535, .fallback = "50", .unit = "connections",
        .help = "Sockets of one user at once."),
    KEY(broker, max_connections_per_address, CONFIG_INTEGER, .is_live = true, .minimum = 0,
        .maximum = 1000000, .fallback = "0", .unit = "connections",
        .help = "Clients of one address at once. 0: as many as there may be in all."),
    KEY(broker, trusted_proxies, CONFIG_LIST, .is_live = true, .has_networks = true,
        .fallback = "unix, 127.0.0.0/8, ::1",
        .help = "Networks of the web servers in front: what one of them says in the last entry of "
                "X-Forwarded-For is the client's address."),
    KEY(broker, trust_forwarded_for, CONFIG_BOOLEAN, .is_live = true, .fallback = "true",
        .help = "Whether X-Forwarded-For is looked at; without, the peer's own address counts."),
    KEY(broker, connect_timeout_ms, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 3600000, .fallback = "45000", .unit = "ms",
        .help = "How long a connection may stay without a user."),
    KEY(broker, events_per_second, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 1000000, .fallback = "20", .unit = "events",
        .help = "What a socket may send on average."),
    KEY(broker, event_burst, CONFIG_INTEGER, .is_live = true, .minimum = 1, .maximum = 1000000,
        .fallback = "200", .unit = "events", .help = "What a socket may send at once."),
    KEY(broker, max_rooms_per_socket, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 65535, .fallback = "100", .unit = "rooms",
        .help = "Conversations that a socket may have joined."),
    KEY(broker, max_output_bytes, CONFIG_INTEGER, .is_live = true, .minimum = 1024,
        .maximum = 1073741824, .fallback = "1048576", .unit = "bytes",
        .help = "What may wait for a client that does not read, before it is cut off."),
    KEY(broker, shutdown_ms, CONFIG_INTEGER, .is_live = true, .minimum = 0, .maximum = 600000,
        .fallback = "2000", .unit = "ms",
        .help = "Time over which clients are told to go when the broker stops."),

    KEY(log, level, CONFIG_TEXT, .is_live = true, .minimum = 1, .unit = "bytes",
        .choices = "error,warning,info,debug", .fallback = "info",
        .help = "The least important lines that are written."),
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

_Static_assert(KEY_COUNT <= CONFIG_KEYS_MAX, "struct config_changes has room for all keys");

const struct config_key *config_keys(size_t *count)
{
    *count = KEY_COUNT;
    return keys;
}

static void append_upper(char *out, size_t size, const char *text)
{
    size_t at = strlen(out);

    for (; *text != '\0' && at + 1 < size; text++)
        out[at++] = (char)toupper((unsigned char)*text);
    out[at] = '\0';
}

void config_key_variable(const struct config_key *key, char out[CONFIG_VARIABLE_BYTES])
{
    out[0] = '\0';
    append_upper(out, CONFIG_VARIABLE_BYTES, VARIABLE_PREFIX);
    append_upper(out, CONFIG_VARIABLE_BYTES, key->section);
    append_upper(out, CONFIG_VARIABLE_BYTES, "_");
    append_upper(out, CONFIG_VARIABLE_BYTES, key->name);
}

void config_key_name(const struct config_key *key, char out[CONFIG_KEY_NAME_BYTES])
{
    snprintf(out, CONFIG_KEY_NAME_BYTES, "%s.%s", key->section, key->name);
}

static const struct config_key *find_key(const char *section, const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

const struct config_key *config_find_key(const char *name)
{
    char known[CONFIG_KEY_NAME_BYTES];

    for (size_t i = 0; i < KEY_COUNT; i++) {
        config_key_name(&keys[i], known);
        if (strcmp(known, name) == 0)
            return &keys[i];
    }
    return NULL;
}

/* ---- lists ---- */

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

/* False when it has too many entries or bytes. */
static bool list_parse(struct config_list *list, const char *value)
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

/* ---- values ---- */

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
    return true;
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

/* Reduces a URL to its origin (RFC 6454 section 6.2), as browsers send it: scheme, host, port. */
static bool reduce_to_origin(char *url)
{
    bool is_secure = strncasecmp(url, "https://", 8) == 0;

    if (!is_secure && strncasecmp(url, "http://", 7) != 0)
        return false;
    char *host = url + (is_secure ? 8 : 7);
    host[strcspn(host, "/?#")] = '\0';
    for (char *at = url; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return host[0] != '\0' && strpbrk(host, " @*") == NULL;
}

static bool check_origins(struct config_list *field, const struct config_key *key,
                          const char *origin, struct error *error)
{
    for (size_t i = 0; i < field->count; i++)
        if (!reduce_to_origin(field->items[i]))
            return error_set(error, ERROR_INVALID,
                             "%s: %s in [%s] must have origins such as https://salon.example, not "
                             "\"%s\"",
                             origin, key->name, key->section, field->items[i]);
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
    if (list_parse(field, value))
        return (!key->has_origins || check_origins(field, key, origin, error)) &&
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
static bool set_value(struct config *config, const struct config_key *key, const char *value,
                      const char *origin, struct config_origins *origins, struct error *error)
{
    if (origins != NULL)
        snprintf(origins->texts[key - keys], CONFIG_ORIGIN_BYTES, "%s", origin);
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

/* ---- what changes while a process runs ---- */

static bool lists_are_equal(const struct config_list *one, const struct config_list *other)
{
    if (one->count != other->count)
        return false;
    for (size_t i = 0; i < one->count; i++)
        if (strcmp(one->items[i], other->items[i]) != 0)
            return false;
    return true;
}

bool config_values_are_equal(const struct config_key *key, const struct config *one,
                             const struct config *other)
{
    const void *first = field_of_constant(one, key);
    const void *second = field_of_constant(other, key);

    switch (key->type) {
    case CONFIG_TEXT:
        return strcmp(first, second) == 0;
    case CONFIG_LIST:
        return lists_are_equal(first, second);
    case CONFIG_INTEGER:
        return *(const int64_t *)first == *(const int64_t *)second;
    case CONFIG_BOOLEAN:
        return *(const bool *)first == *(const bool *)second;
    }
    return false;
}

static void copy_value(const struct config_key *key, struct config *to, const struct config *from)
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

/* Whoever reads a fixed key later, when another thread or connection is made, say, then finds the
 * value that the others were made with. */
void config_keep_fixed(struct config *fresh, const struct config *running,
                       struct config_changes *kept)
{
    kept->count = 0;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].is_live || config_values_are_equal(&keys[i], fresh, running))
            continue;
        copy_value(&keys[i], fresh, running);
        kept->keys[kept->count++] = &keys[i];
    }
}

/* ---- what was meant ---- */

/* Levenshtein distance to a known name, which is shorter than CONFIG_VARIABLE_BYTES. */
static size_t edit_distance(const char *from, const char *to)
{
    size_t row[CONFIG_VARIABLE_BYTES];
    size_t to_length = strlen(to);

    for (size_t i = 0; i <= to_length; i++)
        row[i] = i;
    for (size_t line = 1; from[line - 1] != '\0'; line++) {
        size_t diagonal = row[0];
        row[0] = line;
        for (size_t i = 1; i <= to_length; i++) {
            size_t replaced = diagonal + (from[line - 1] == to[i - 1] ? 0 : 1);
            size_t added = (row[i] < row[i - 1] ? row[i] : row[i - 1]) + 1;
            diagonal = row[i];
            row[i] = replaced < added ? replaced : added;
        }
    }
    return row[to_length];
}

/* The key that was meant: one of this very name in another section, else the nearest in this. */
static const struct config_key *nearest_key(const char *section, const char *name)
{
    const struct config_key *nearest = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        size_t distance = edit_distance(name, keys[i].name);
        bool is_here = strcmp(keys[i].section, section) == 0;
        if (distance < least && (is_here || distance == 0)) {
            least = distance;
            nearest = &keys[i];
        }
    }
    return nearest;
}

/* Whoever forgets the section is understood, too. */
const struct config_key *config_nearest_key(const char *name)
{
    const struct config_key *nearest = &keys[0];
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        char known[CONFIG_KEY_NAME_BYTES];
        config_key_name(&keys[i], known);
        size_t distance = edit_distance(name, known);
        size_t distance_of_end = edit_distance(name, keys[i].name);
        if (distance_of_end < distance)
            distance = distance_of_end;
        if (distance < least) {
            least = distance;
            nearest = &keys[i];
        }
    }
    return nearest;
}

static bool section_is_known(const char *section)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) == 0)
            return true;
    }
    return false;
}

static const char *nearest_section(const char *section)
{
    const char *nearest = keys[0].section;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        size_t distance = edit_distance(section, keys[i].section);
        if (distance < least) {
            least = distance;
            nearest = keys[i].section;
        }
    }
    return nearest;
}

static bool fail_unknown_key(const char *origin, const char *section, const char *name,
                             struct error *error)
{
    const struct config_key *nearest = nearest_key(section, name);

    if (strcmp(nearest->section, section) == 0)
        return error_set(error, ERROR_INVALID,
                         "%s: unknown key \"%s\" in [%s]; did you mean \"%s\"?", origin, name,
                         section, nearest->name);
    return error_set(error, ERROR_INVALID,
                     "%s: unknown key \"%s\" in [%s]; did you mean \"%s\" in [%s]?", origin, name,
                     section, nearest->name, nearest->section);
}

/* ---- the file ---- */

struct loader {
    struct config *config;
    struct config_origins *origins; /* or NULL */
    struct error *error;
    const char *path;
    FILE *file;
    char *text; /* the line in hand, owned, of getline */
    size_t text_capacity;
    int line;
    char origin[CONFIG_ORIGIN_BYTES]; /* of the line in hand */
    int failed_line;                  /* 0 until *error was set */
    bool is_set[KEY_COUNT];
};

static void begin_line(struct loader *loader)
{
    loader->line++;
    snprintf(loader->origin, sizeof(loader->origin), "%s:%d", loader->path, loader->line);
}

/* "[name]", and behind it nothing but a comment. inih would take any name, cut a long one, and
 * overlook what follows. */
static bool check_section(struct loader *loader, char *text)
{
    char *end = strchr(text, ']');

    if (end == NULL)
        return true; /* inih tells */
    const char *rest = end + 1 + strspn(end + 1, " \t\r\n");
    if (*rest != '\0' && strchr(";#", *rest) == NULL)
        return error_set(loader->error, ERROR_INVALID, "%s: unexpected text behind the section",
                         loader->origin);
    *end = '\0';
    const char *section = text + 1;
    if (!section_is_known(section))
        return error_set(loader->error, ERROR_INVALID,
                         "%s: unknown section [%s]; did you mean [%s]?", loader->origin, section,
                         nearest_section(section));
    *end = ']';
    return true;
}

static bool read_line(struct loader *loader, char *out, size_t size)
{
    errno = 0;
    ssize_t length = getline(&loader->text, &loader->text_capacity, loader->file);
    if (length < 0) {
        if (ferror(loader->file) || errno == ENOMEM)
            error_set(loader->error, ERROR_INVALID, "%s: cannot be read: %s", loader->path,
                      strerror(errno));
        return false;
    }
    begin_line(loader);
    if ((size_t)length != strlen(loader->text))
        return error_set(loader->error, ERROR_INVALID, "%s: the line holds a NUL", loader->origin);
    if (strcspn(loader->text, "\r\n") > CONFIG_LINE_MAX_BYTES)
        return error_set(loader->error, ERROR_INVALID, "%s: the line is longer than %d bytes",
                         loader->origin, CONFIG_LINE_MAX_BYTES);
    /* To inih an indented line would continue the value above. */
    char *text = loader->text + strspn(loader->text, " \t");
    if (*text == '[' && !check_section(loader, text))
        return false;
    snprintf(out, size, "%s", text);
    return true;
}

/* The fgets of inih. */
static char *next_line(char *out, int size, void *context)
{
    struct loader *loader = context;

    if (loader->failed_line > 0)
        return NULL;
    if (read_line(loader, out, (size_t)size))
        return out;
    if (loader->error->kind != ERROR_NONE)
        loader->failed_line = loader->line + 1;
    return NULL;
}

static bool take_value(struct loader *loader, const char *section, const char *name,
                       const char *value)
{
    if (section[0] == '\0')
        return error_set(loader->error, ERROR_INVALID, "%s: key \"%s\" stands before any [section]",
                         loader->origin, name);
    const struct config_key *key = find_key(section, name);
    if (key == NULL)
        return fail_unknown_key(loader->origin, section, name, loader->error);
    if (loader->is_set[key - keys])
        return error_set(loader->error, ERROR_INVALID, "%s: %s in [%s] is set a second time",
                         loader->origin, name, section);
    loader->is_set[key - keys] = true;
    return set_value(loader->config, key, value, loader->origin, loader->origins, loader->error);
}

/* The handler of inih: 0 tells it that the line is wrong. */
static int handle_value(void *context, const char *section, const char *name, const char *value)
{
    struct loader *loader = context;

    if (loader->failed_line > 0)
        return 0;
    if (take_value(loader, section, name, value))
        return 1;
    loader->failed_line = loader->line;
    return 0;
}

static bool parse_file(struct loader *loader)
{
    ini_max_line = CONFIG_LINE_MAX_BYTES + 3; /* inih wants room for "\r\n" and NUL */
    int wrong_line = ini_parse_stream(next_line, loader, handle_value, loader);

    if (wrong_line < 0)
        return error_set(loader->error, ERROR_INVALID, "%s: out of memory", loader->path);
    /* inih goes on after a line that is wrong to it, so that ours may be a later one. */
    if (wrong_line > 0 && wrong_line != loader->failed_line)
        return error_set(loader->error, ERROR_INVALID,
                         "%s:%d: expected \"key = value\" or \"[section]\"", loader->path,
                         wrong_line);
    return loader->failed_line == 0;
}

static bool load_file(struct config *config, const char *path, bool may_be_missing,
                      struct config_origins *origins, struct error *error)
{
    struct loader loader = {.config = config, .origins = origins, .error = error, .path = path};

    loader.file = fopen(path, "re");
    if (loader.file == NULL) {
        if (may_be_missing && errno == ENOENT)
            return true;
        return error_set(error, ERROR_INVALID, "%s: cannot be opened: %s", path, strerror(errno));
    }
    bool is_loaded = parse_file(&loader);
    fclose(loader.file);
    if (loader.text != NULL)
        explicit_bzero(loader.text, loader.text_capacity); /* may hold the secret */
    free(loader.text);
    return is_loaded;
}

/* ---- the environment ---- */

static bool load_environment(struct config *config, struct config_origins *origins,
                             struct error *error)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        char variable[CONFIG_VARIABLE_BYTES];
        config_key_variable(&keys[i], variable);
        const char *origin = variable;
        const char *value = getenv(variable);
        if (value == NULL && keys[i].variable != NULL) {
            origin = keys[i].variable;
            value = getenv(origin);
        }
        if (value != NULL && !set_value(config, &keys[i], value, origin, origins, error))
            return false;
    }
    return true;
}

/* The key that a variable of ours was meant for: the one with the nearest variable. NULL when it
 * names one exactly, or no section of ours. */
static const struct config_key *misnamed_key(const char *variable)
{
    const struct config_key *nearest = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        char known[CONFIG_VARIABLE_BYTES];
        config_key_variable(&keys[i], known);
        size_t section_length = strlen(VARIABLE_PREFIX) + strlen(keys[i].section) + 1;
        if (strncmp(variable, known, section_length) != 0)
            continue;
        size_t distance = edit_distance(variable, known);
        if (distance == 0)
            return NULL;
        if (distance < least) {
            least = distance;
            nearest = &keys[i];
        }
    }
    return nearest;
}

static bool check_variable_names(struct error *error)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        char name[CONFIG_VARIABLE_BYTES];
        char known[CONFIG_VARIABLE_BYTES];
        if (strncmp(*entry, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(*entry, "="), *entry);
        const struct config_key *nearest = misnamed_key(name);
        if (nearest == NULL)
            continue;
        config_key_variable(nearest, known);
        return error_set(error, ERROR_INVALID, "%s: unknown variable; did you mean %s?", name,
                         known);
    }
    return true;
}

/* ---- the whole ---- */

static bool load_defaults(struct config *config, struct config_origins *origins,
                          struct error *error)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!set_value(config, &keys[i], keys[i].fallback, "default", origins, error))
            return false;
    }
    return true;
}

static bool check_whole(const struct config *config, const char *path, struct error *error)
{
    bool has_file = config->auth_jwt_public_key_file[0] != '\0';
    bool has_algorithm = config->auth_jwt_public_key_algorithm[0] != '\0';

    if (has_file && !has_algorithm)
        return error_set(error, ERROR_INVALID,
                         "%s: jwt_public_key_file in [auth] needs jwt_public_key_algorithm = RS256 "
                         "or ES256",
                         path);
    if (has_algorithm && !has_file)
        return error_set(error, ERROR_INVALID,
                         "%s: jwt_public_key_algorithm in [auth] needs jwt_public_key_file", path);
    if (!has_file && config->auth_jwt_secret[0] == '\0' &&
        config->auth_jwt_secret_previous[0] == '\0' && config->auth_jwt_keys_file[0] == '\0')
        return error_set(
            error, ERROR_INVALID,
            "%s: no way to verify tokens: set JWT_SECRET in the environment or "
            "jwt_secret in [auth] to the secret of the booking back-end (`openssl rand "
            "-hex 32` makes a good one), or jwt_public_key_file or jwt_keys_file in [auth]",
            path);
    return true;
}

static bool is_short_secret(const char *secret)
{
    return secret[0] != '\0' && strlen(secret) < CONFIG_SECRET_ADVISED_BYTES;
}

const char *config_advice(const struct config *config)
{
    if (is_short_secret(config->auth_jwt_secret) ||
        is_short_secret(config->auth_jwt_secret_previous))
        return "the secret (JWT_SECRET) has fewer than the 32 bytes that RFC 7518 asks for: "
               "whoever "
               "guesses it is everybody; `openssl rand -hex 32` makes a good one";
    return NULL;
}

static const char *path_variable(void)
{
    const char *path = getenv(PATH_VARIABLE);

    return path != NULL && path[0] != '\0' ? path : NULL;
}

const char *config_path(const char *path)
{
    if (path == NULL)
        path = path_variable();
    return path != NULL ? path : DEFAULT_PATH;
}

/* All but what check_whole looks at. */
static struct config *load_values(const char *path, struct config_origins *origins,
                                  struct error *error)
{
    bool may_be_missing = path == NULL && path_variable() == NULL;
    struct config *config = calloc(1, sizeof(*config));

    error_clear(error);
    path = config_path(path);
    if (config == NULL) {
        error_set(error, ERROR_UNAVAILABLE, "%s: out of memory", path);
        return NULL;
    }
    if (load_defaults(config, origins, error) &&
        load_file(config, path, may_be_missing, origins, error) && check_variable_names(error) &&
        load_environment(config, origins, error))
        return config;
    config_free(config);
    return NULL;
}

struct config *config_load(const char *path, struct error *error)
{
    struct config *config = load_values(path, NULL, error);

    if (config != NULL && !check_whole(config, config_path(path), error)) {
        config_free(config);
        config = NULL;
    }
    return config;
}

struct config *config_load_to_show(const char *path, struct config_origins *origins,
                                   struct error *error)
{
    return load_values(path, origins, error);
}

void config_free(struct config *config)
{
    if (config != NULL)
        explicit_bzero(config, sizeof(*config));
    free(config);
}

/* ---- the sample ---- */

static void write_rule(FILE *out, const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_TEXT:
        if (key->choices != NULL)
            fprintf(out, "# One of %s.", key->choices);
        else if (key->minimum > 0)
            fprintf(out, "# A text of %" PRId64 " to %d bytes.", key->minimum,
                    CONFIG_TEXT_BYTES - 1);
        else
            fprintf(out, "# A text of at most %d bytes.", CONFIG_TEXT_BYTES - 1);
        break;
    case CONFIG_LIST:
        fprintf(out, "# At most %d texts, with commas between.", CONFIG_LIST_MAX);
        break;
    case CONFIG_INTEGER:
        fprintf(out, "# A whole number from %" PRId64 " to %" PRId64 "%s%s.", key->minimum,
                key->maximum, key->unit != NULL ? " " : "", key->unit != NULL ? key->unit : "");
        break;
    case CONFIG_BOOLEAN:
        fprintf(out, "# true or false.");
        break;
    }
}

static void write_key(FILE *out, const struct config_key *key)
{
    char variable[CONFIG_VARIABLE_BYTES];

    config_key_variable(key, variable);
    fprintf(out, "\n# %s\n", key->help);
    write_rule(out, key);
    fprintf(out, "%s Environment: %s%s%s\n", key->is_live ? "" : " Needs a restart.", variable,
            key->variable != NULL ? ", else " : "", key->variable != NULL ? key->variable : "");
    fprintf(out, "#%s =%s%s\n", key->name, key->fallback[0] != '\0' ? " " : "", key->fallback);
}

bool config_write_sample(FILE *out)
{
    const char *section = "";

    fprintf(out,
            "# The configuration of messagerie, for all its programs. Each key stands here with "
            "its default.\n"
            "# A line that begins with # or ; is a comment, and so is what follows \" ;\" behind "
            "a value.\n"
            "# An environment variable weighs more than this file. `messagerie check-config` "
            "checks both.\n"
            "# Programs that run read the file again on SIGHUP; keys that need a restart keep "
            "their values\n"
            "# until then.\n");
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(section, keys[i].section) != 0)
            fprintf(out, "\n[%s]\n", keys[i].section);
        section = keys[i].section;
        write_key(out, &keys[i]);
    }
    return fflush(out) == 0 && !ferror(out);
}
