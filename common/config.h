/*
 * The configuration: one INI file for all programs, each key overridable by an environment
 * variable, each checked when it is read. config_keys() is the one table of what exists: the
 * parser, `messagerie check-config`, the commented sample file and the README's table follow it.
 * A new key is a member of struct config and a row of the table in config_keys.c.
 *
 * A key `threads` of section [fastcgi] is overridden by MESSAGERIE_FASTCGI_THREADS. The names
 * JWT_SECRET, FRONTEND_URL and PORT of the service that we replace are understood too, and
 * weigh less than the MESSAGERIE_ name of the same key. A variable that is set and empty counts as
 * not set: "none" is said in the file. A MESSAGERIE_ variable of a known section that names no key
 * is an error.
 *
 * A key is live or fixed. SIGHUP applies a change of a live one, everywhere in the process at once;
 * a fixed one keeps the value that the process was started with until it is started again. Keys
 * that are checked together (jwt_public_key_file and its algorithm) are live together.
 *
 * A struct config is immutable once loaded; any thread may read it.
 */
#ifndef MESSAGERIE_COMMON_CONFIG_H
#define MESSAGERIE_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buffer.h"
#include "common/config_list.h"
#include "common/error.h"

/* The longest text value in bytes, with its NUL. */
#define CONFIG_TEXT_BYTES 512
/* The longest line of the file, in bytes without its line feed. */
#define CONFIG_LINE_MAX_BYTES 4096
/* RFC 7518 section 3.2 asks for as many bytes in an HS256 secret. Shorter ones are in use with the
 * service that we replace, so they are accepted with a warning, see config_advice. */
#define CONFIG_SECRET_ADVISED_BYTES 32
/* The environment variable of a key, with its NUL. */
#define CONFIG_VARIABLE_BYTES 96
/* "section.name", as the log and the tool name a key, with its NUL. */
#define CONFIG_KEY_NAME_BYTES 64
/* Most keys that there may be. */
#define CONFIG_KEYS_MAX 128
/* Where a value comes from, with its NUL; a longer path is cut. */
#define CONFIG_ORIGIN_BYTES 1024

struct config {
    /* [server] */
    int64_t server_port; /* where `./bootstrap run` listens */

    /* [auth] */
    char auth_jwt_secret[CONFIG_TEXT_BYTES];               /* HS256 key; empty: none */
    char auth_jwt_secret_previous[CONFIG_TEXT_BYTES];      /* accepted, too; empty: none */
    char auth_jwt_public_key_file[CONFIG_TEXT_BYTES];      /* PEM, one or more; empty: none */
    char auth_jwt_public_key_algorithm[CONFIG_TEXT_BYTES]; /* RS256 or ES256 */
    char auth_jwt_keys_file[CONFIG_TEXT_BYTES];            /* JWK Set; empty: none */
    bool auth_require_expiry;
    int64_t auth_clock_leeway_s;
    struct config_list auth_salon_roles;
    struct config_list auth_client_roles;

    /* [http] */
    struct config_list http_frontend_url;    /* allowed origins, in the form of common/origin.h */
    char http_public_url[CONFIG_TEXT_BYTES]; /* as browsers call us, in the same form; or empty */

    /* [database] */
    char database_path[CONFIG_TEXT_BYTES];
    int64_t database_readers;         /* read connections per process */
    int64_t database_busy_timeout_ms; /* how long a lock held by someone else is waited for */
    int64_t database_outbox_retention_s;
    int64_t database_outbox_max_rows;

    /* [fastcgi] */
    int64_t fastcgi_threads;
    int64_t fastcgi_max_connections;
    int64_t fastcgi_io_timeout_ms;     /* of one read or write on a started request */
    int64_t fastcgi_writes_per_second; /* of one user, on average */
    int64_t fastcgi_write_burst;       /* of one user, at once */
    int64_t fastcgi_reads_per_second;
    int64_t fastcgi_read_burst;
    char fastcgi_conversations_socket[CONFIG_TEXT_BYTES];
    char fastcgi_messages_socket[CONFIG_TEXT_BYTES];
    char fastcgi_appointments_socket[CONFIG_TEXT_BYTES];

    /* [appointments] */
    char appointments_templates[CONFIG_TEXT_BYTES]; /* directory */
    char appointments_time_zone[CONFIG_TEXT_BYTES];

    /* [messaging] */
    bool messaging_clients_may_open; /* a conversation, with a salon of their appointments */

    /* [mail] */
    char mail_url[CONFIG_TEXT_BYTES]; /* smtp://, smtps://, sendmail:/PATH; empty: no mail */
    char mail_user[CONFIG_TEXT_BYTES];
    char mail_password[CONFIG_TEXT_BYTES];
    char mail_password_file[CONFIG_TEXT_BYTES];
    char mail_starttls[CONFIG_TEXT_BYTES]; /* auto or always */
    char mail_ca_file[CONFIG_TEXT_BYTES];  /* empty: the system's */
    int64_t mail_timeout_s;                /* of one mail, connecting included */
    char mail_from[CONFIG_TEXT_BYTES];
    char mail_reply_to[CONFIG_TEXT_BYTES];         /* empty: none */
    char mail_link[CONFIG_TEXT_BYTES];             /* the conversation's id is appended */
    char mail_preferences_link[CONFIG_TEXT_BYTES]; /* empty: our page */
    char mail_excerpt[CONFIG_TEXT_BYTES];          /* none, short or full */
    char mail_templates[CONFIG_TEXT_BYTES];        /* directory */
    char mail_unsubscribe_secret[CONFIG_TEXT_BYTES];

    /* [bus] */
    struct config_list bus_brokers; /* nanomsg addresses, e.g. ipc:///run/messagerie/bus.ipc */

    /* [broker] */
    char broker_listen[CONFIG_TEXT_BYTES];          /* for browsers, behind the web server */
    char broker_internal_listen[CONFIG_TEXT_BYTES]; /* health and metrics; empty: nowhere */
    char broker_bus_address[CONFIG_TEXT_BYTES];     /* nanomsg, that events come in on */
    int64_t broker_readers;                         /* threads that read the database */
    int64_t broker_max_connections;
    int64_t broker_max_connections_per_user;
    int64_t broker_max_connections_per_address; /* without a user; 0: no such limit */
    int64_t broker_max_anonymous_connections;   /* without a user, in all */
    int64_t broker_max_anonymous_per_address;
    struct config_list broker_trusted_proxies; /* that tell the client's address in a header */
    bool broker_trust_forwarded_for;           /* whether they do */
    int64_t broker_connect_timeout_ms;
    int64_t broker_events_per_second; /* of one user, on average */
    int64_t broker_event_burst;       /* events that may come at once */
    int64_t broker_max_rooms_per_socket;
    int64_t broker_max_output_bytes; /* that wait for one client to read */
    int64_t broker_shutdown_ms;      /* over which clients are told to go */

    /* [metrics] */
    char metrics_folder[CONFIG_TEXT_BYTES]; /* of the REST programs' counters; empty: nowhere */

    /* [log] */
    char log_level[CONFIG_TEXT_BYTES];
};

enum config_type { CONFIG_TEXT, CONFIG_LIST, CONFIG_INTEGER, CONFIG_BOOLEAN };

struct config_key {
    const char *section;
    const char *name;
    enum config_type type;
    size_t offset;            /* of the field in struct config */
    int64_t minimum, maximum; /* integers: the range that is accepted; texts: `minimum` is the
                                 fewest bytes, unless empty */
    const char *unit;         /* "ms", "rows", … or NULL */
    const char *choices;      /* the texts that are accepted, comma-separated, or NULL */
    const char *fallback;     /* the default, as one would write it in the file */
    const char *variable;     /* environment name kept from the old service, or NULL */
    const char *help;         /* one sentence */
    bool is_secret;           /* only told to whoever asks for it by name */
    bool has_origins;         /* a list of origins, or one; see origin_of_url */
    bool has_networks;        /* a list of what common/address.h takes for networks */
    bool is_live;             /* else fixed */
};

/* The table and its length. Keys of one section stand together. */
const struct config_key *config_keys(size_t *count);

/* The environment variable of a key, e.g. MESSAGERIE_FASTCGI_THREADS. */
void config_key_variable(const struct config_key *key, char out[CONFIG_VARIABLE_BYTES]);

/* Its name as "fastcgi.threads". */
void config_key_name(const struct config_key *key, char out[CONFIG_KEY_NAME_BYTES]);

/* The key of such a name, NULL when there is none; and the one that was probably meant. */
const struct config_key *config_find_key(const char *name);
const struct config_key *config_nearest_key(const char *name);

/*
 * Loads defaults, then `path`, then the environment. `path` NULL: MESSAGERIE_CONFIG if set, else
 * the file in sysconfdir, which may be missing. On success the result is to be freed with
 * config_free. On failure NULL, and *error tells (in English) "FILE:LINE: …", for an unknown key
 * with the nearest known one. Checks each value and that a way to verify tokens is configured
 * ("set JWT_SECRET …"). One thread at a time (it sets inih's line length, a global of that
 * library, and reads the environment).
 */
struct config *config_load(const char *path, struct error *error);

/* Where each value comes from, in the order of the table: "default", "FILE:LINE", or the name of
 * the variable. */
struct config_origins {
    char texts[CONFIG_KEYS_MAX][CONFIG_ORIGIN_BYTES];
};

/* For showing values rather than working by them: as config_load, but no way to verify tokens need
 * be configured, and *origins is filled. */
struct config *config_load_to_show(const char *path, struct config_origins *origins,
                                   struct error *error);

/* Wipes the secrets. Accepts NULL. */
void config_free(struct config *config);

/* What a process that runs does not take over from a file that it reads again. */
struct config_changes {
    size_t count;
    const struct config_key *keys[CONFIG_KEYS_MAX];
};

/* For `fresh`, which is to take the place of `running` in a process: gives it the running values of
 * the fixed keys, and lists those of them that it had another value of. `fresh` is not yet shared.
 */
void config_keep_fixed(struct config *fresh, const struct config *running,
                       struct config_changes *kept);

/* Whether a key has the same value in both, be it written differently. Secrets too. */
bool config_values_are_equal(const struct config_key *key, const struct config *one,
                             const struct config *other);

/* The value of a key of type CONFIG_INTEGER. */
int64_t config_integer(const struct config *config, const struct config_key *key);

/* What is allowed but unwise in it, as an English sentence for the log; NULL when all is well. */
const char *config_advice(const struct config *config);

/* The file that config_load(path, …) would read. */
const char *config_path(const char *path);

/* Appends the value of a key as one would write it in the file. Secrets too: it is for whoever asks
 * for one key by its name, never for a list or the log. */
void config_append_value(const struct config *config, const struct config_key *key,
                         struct buffer *out);

/* Writes the sample file: every key with its explanation, its default and whether it is fixed,
 * commented out. False when the stream failed. */
bool config_write_sample(FILE *out);

#endif
