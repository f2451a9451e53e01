#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/config_private.h"

#define CONFIGURATION_DIRECTORY SYSCONFDIR "/messagerie"
#define STATE_DIRECTORY         LOCALSTATEDIR "/lib/messagerie"
#define RUN_DIRECTORY           RUNSTATEDIR "/messagerie"

/* The member of struct config follows from section and name, so that none is paired with another's.
 */
#define KEY(section_, name_, type_, ...)                                                           \
    {                                                                                              \
        .section = #section_, .name = #name_, .type = type_,                                       \
        .offset = offsetof(struct config, section_##_##name_), __VA_ARGS__                         \
    }

/*
 * Keys of one section stand together; the order is that of the sample and of the README.
 *
 * Live is what is looked up when it is needed, or can be handed on to whoever has made something of
 * it. Fixed is what threads, connections to the database, sockets and the limit of descriptors were
 * made from at the start, which nobody can take back while they are in use; and the time zone,
 * which is the process's and read by all its threads.
 */
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
    KEY(auth, clock_leeway_s, CONFIG_INTEGER, .is_live = true, .minimum = 0, .maximum = 3600,
        .fallback = "30", .unit = "s",
        .help = "How far the clock that a token was made by may be ahead of ours: `nbf` may lie so "
                "far in the future."),
    KEY(auth, salon_roles, CONFIG_LIST, .is_live = true,
        .fallback = "salon, user, user_salon, user_tatoueur", .help = "Roles of the salon side."),
    KEY(auth, client_roles, CONFIG_LIST, .is_live = true, .fallback = "client",
        .help = "Roles of the client side."),

    KEY(http, frontend_url, CONFIG_LIST, .is_live = true, .fallback = "",
        .variable = "FRONTEND_URL", .has_origins = true,
        .help = "Origins whose pages may call, such as https://salon.example, and those of apps, "
                "such as capacitor://localhost; our own needs none."),
    KEY(http, public_url, CONFIG_TEXT, .is_live = true, .fallback = "", .has_origins = true,
        .help = "Where browsers reach messagerie, such as https://chat.example, when a proxy in "
                "front changes `Host` or its port. Empty: where the request's `Host` says, or what "
                "such a proxy has put into `X-Forwarded-Host`."),

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
    KEY(fastcgi, writes_per_second, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 1000000, .fallback = "20", .unit = "requests",
        .help = "What a user may change on average, in each program. Not for `service`, nor under "
                "plain CGI."),
    KEY(fastcgi, write_burst, CONFIG_INTEGER, .is_live = true, .minimum = 1, .maximum = 1000000,
        .fallback = "1000", .unit = "requests", .help = "What a user may change at once."),
    KEY(fastcgi, reads_per_second, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 1000000, .fallback = "500", .unit = "requests",
        .help = "What a user may read on average, in each program; as above."),
    KEY(fastcgi, read_burst, CONFIG_INTEGER, .is_live = true, .minimum = 1, .maximum = 1000000,
        .fallback = "5000", .unit = "requests", .help = "What a user may read at once."),
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

    KEY(messaging, clients_may_open, CONFIG_BOOLEAN, .is_live = true, .fallback = "false",
        .help = "Whether a client may open a conversation with a salon of its appointments; else "
                "salons alone do."),

    KEY(mail, url, CONFIG_TEXT, .is_live = true, .is_secret = true, .fallback = "",
        .help = "What sends mail, for now that of `messagerie mail test` alone: smtp://HOST:PORT, "
                "smtps://HOST:PORT, or "
                "sendmail:/usr/sbin/sendmail. Empty: none is sent."),
    KEY(mail, user, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "Who logs in at the SMTP server, unless the URL says so. Empty: nobody does."),
    KEY(mail, password, CONFIG_TEXT, .is_live = true, .is_secret = true, .fallback = "",
        .help = "Its password."),
    KEY(mail, password_file, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "File whose first line is the password, in the place of the key above."),
    KEY(mail, starttls, CONFIG_TEXT, .is_live = true, .minimum = 1, .unit = "bytes",
        .choices = "auto,always", .fallback = "auto",
        .help = "Whether smtp:// needs STARTTLS: auto, unless the server is on this machine."),
    KEY(mail, ca_file, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "PEM file of the authorities that may have signed the server's certificate. Empty: "
                "the system's."),
    KEY(mail, timeout_s, CONFIG_INTEGER, .is_live = true, .minimum = 1, .maximum = 3600,
        .fallback = "60", .unit = "s", .help = "How long sending one mail may take in all."),
    KEY(mail, from, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "Address that mails come from; the salon's name is put before it."),
    KEY(mail, reply_to, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "Address that answers go to. Empty: that of `from`."),
    KEY(mail, link, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "Where a conversation is read, its id is appended: https://salon.example/"
                "conversations/, say. Empty: our page at [http] public_url."),
    KEY(mail, preferences_link, CONFIG_TEXT, .is_live = true, .fallback = "",
        .help = "Where one says what one is told of. Empty: our page at [http] public_url."),
    KEY(mail, excerpt, CONFIG_TEXT, .is_live = true, .minimum = 1, .unit = "bytes",
        .choices = "none,short,full", .fallback = "short",
        .help = "How much of a message is in the mail."),
    KEY(mail, templates, CONFIG_TEXT, .is_live = true, .minimum = 1, .unit = "bytes",
        .fallback = CONFIGURATION_DIRECTORY "/templates/mail",
        .help = "Folder of the mails' texts; a missing one has a default."),
    KEY(mail, unsubscribe_secret, CONFIG_TEXT, .is_live = true, .is_secret = true, .fallback = "",
        .help = "Key of the links that end mails. Empty: derived from jwt_secret, whose second "
                "change makes older links void."),

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
        .fallback = "10000", .unit = "connections", .help = "Clients with a user at once."),
    KEY(broker, max_connections_per_user, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 65535, .fallback = "50", .unit = "connections",
        .help = "Sockets of one user at once."),
    KEY(broker, max_connections_per_address, CONFIG_INTEGER, .is_live = true, .minimum = 0,
        .maximum = 1000000, .fallback = "0", .unit = "connections",
        .help = "Clients of one address at once that show no user; one more is refused, and let in "
                "at the fourth time in the place of the oldest one. 0: there is no such limit."),
    KEY(broker, max_anonymous_connections, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 1000000, .fallback = "1000", .unit = "connections",
        .help = "Clients at once that show no user yet. One more takes the place of the oldest one "
                "of the address that has most."),
    KEY(broker, max_anonymous_per_address, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 1000000, .fallback = "600", .unit = "connections",
        .help = "Of those, how many one address may have before its own oldest one has to go."),
    KEY(broker, trusted_proxies, CONFIG_LIST, .is_live = true, .has_networks = true,
        .fallback = "unix, 127.0.0.0/8, ::1",
        .help =
            "Networks of the web servers in front: what one of them says in the last entry of "
            "X-Forwarded-For is the client's address, in the first of X-Forwarded-Host the host "
            "that it has called."),
    KEY(broker, trust_forwarded_for, CONFIG_BOOLEAN, .is_live = true, .fallback = "true",
        .help = "Whether X-Forwarded-For is looked at; without, the peer's own address counts."),
    KEY(broker, connect_timeout_ms, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 3600000, .fallback = "10000", .unit = "ms",
        .help = "How long a connection may stay without a user."),
    KEY(broker, events_per_second, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 1000000, .fallback = "20", .unit = "events",
        .help = "What a user may send on average, by all sockets together."),
    KEY(broker, event_burst, CONFIG_INTEGER, .is_live = true, .minimum = 1, .maximum = 1000000,
        .fallback = "200", .unit = "events", .help = "What a user may send at once."),
    KEY(broker, max_rooms_per_socket, CONFIG_INTEGER, .is_live = true, .minimum = 1,
        .maximum = 65535, .fallback = "100", .unit = "rooms",
        .help = "Conversations that a socket may have joined."),
    KEY(broker, max_output_bytes, CONFIG_INTEGER, .is_live = true, .minimum = 1024,
        .maximum = 1073741824, .fallback = "1048576", .unit = "bytes",
        .help = "What may wait for a client that does not read, before it is cut off."),
    KEY(broker, shutdown_ms, CONFIG_INTEGER, .is_live = true, .minimum = 0, .maximum = 600000,
        .fallback = "2000", .unit = "ms",
        .help = "Time over which clients are told to go when the broker stops."),

    KEY(metrics, folder, CONFIG_TEXT, .fallback = RUN_DIRECTORY,
        .help = "Folder in which the FastCGI programs keep their counters, for the broker's "
                "/metrics. Empty: nowhere."),

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
    append_upper(out, CONFIG_VARIABLE_BYTES, CONFIG_VARIABLE_PREFIX);
    append_upper(out, CONFIG_VARIABLE_BYTES, key->section);
    append_upper(out, CONFIG_VARIABLE_BYTES, "_");
    append_upper(out, CONFIG_VARIABLE_BYTES, key->name);
}

void config_key_name(const struct config_key *key, char out[CONFIG_KEY_NAME_BYTES])
{
    snprintf(out, CONFIG_KEY_NAME_BYTES, "%s.%s", key->section, key->name);
}

size_t config_key_index(const struct config_key *key)
{
    return (size_t)(key - keys);
}

const struct config_key *config_find_in_section(const char *section, const char *name)
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

/* ---- what was meant -------------------------------------------------------------------------- */

/* Levenshtein distance to a known name, which is shorter than CONFIG_VARIABLE_BYTES; of its table
 * only the row in hand is kept. */
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

const struct config_key *config_nearest_in_section(const char *section, const char *name)
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

bool config_has_section(const char *section)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) == 0)
            return true;
    }
    return false;
}

const char *config_nearest_section(const char *section)
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

const struct config_key *config_nearest_variable(const char *variable)
{
    const struct config_key *nearest = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        char known[CONFIG_VARIABLE_BYTES];
        config_key_variable(&keys[i], known);
        size_t section_length = strlen(CONFIG_VARIABLE_PREFIX) + strlen(keys[i].section) + 1;
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

/* ---- the sample ------------------------------------------------------------------------------ */

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
