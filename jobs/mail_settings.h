/*
 * What [mail] of the configuration says, checked and taken apart: whoever builds and sends mail
 * asks here. Made anew when the configuration changes. Immutable once made; any thread.
 */
#ifndef MESSAGERIE_JOBS_MAIL_SETTINGS_H
#define MESSAGERIE_JOBS_MAIL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/unsubscribe_token.h"
#include "jobs/mail_address.h"

/* Links: what is configured, and behind it an id or a token. */
#define MAIL_LINK_BYTES (CONFIG_TEXT_BYTES + 512)

/* Where the one click of RFC 8058 is served, below [http] public_url; "?token=" follows. */
#define MAIL_UNSUBSCRIBE_PATH "/messaging/unsubscribe"

enum mail_excerpt { MAIL_EXCERPT_NONE, MAIL_EXCERPT_SHORT, MAIL_EXCERPT_FULL };

enum mail_transport_kind { MAIL_TRANSPORT_NONE, MAIL_TRANSPORT_SMTP, MAIL_TRANSPORT_SENDMAIL };

struct mail_settings {
    enum mail_transport_kind transport; /* NONE: no mail is sent, and the rest may be missing */

    char server[CONFIG_TEXT_BYTES];  /* SMTP: "smtp://host:port", without user and password */
    char program[CONFIG_TEXT_BYTES]; /* sendmail: its path */
    char user[CONFIG_TEXT_BYTES];
    char password[CONFIG_TEXT_BYTES];
    bool needs_tls; /* STARTTLS, where it does not begin with TLS anyway */
    char ca_file[CONFIG_TEXT_BYTES];
    int64_t timeout_ms;

    struct mail_address from;
    struct mail_address reply_to; /* "" for none */
    char link[CONFIG_TEXT_BYTES];
    char preferences_link[CONFIG_TEXT_BYTES];
    char
        unsubscribe_link[CONFIG_TEXT_BYTES]; /* a token is appended; "" without [http] public_url */
    enum mail_excerpt excerpt;
    struct unsubscribe_keys unsubscribe_keys;
};

/* False with *error (English), which names the key: an unknown scheme, no host, `from` that is no
 * address, no link and no [http] public_url, a password file that can't be read. `settings` is to
 * be cleared in any case. Keeps nothing of `config`. */
bool mail_settings_load(struct mail_settings *settings, const struct config *config,
                        struct error *error);

/* Wipes the secrets. */
void mail_settings_clear(struct mail_settings *settings);

#endif
