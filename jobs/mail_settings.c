#include "jobs/mail_settings.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/buffer.h"
#include "common/text_file.h"

#define SENDMAIL_PREFIX "sendmail:"
/* Our page below [http] public_url. */
#define PAGE_PATH "/messagerie/"

/* ---- the transport --------------------------------------------------------------------------- */

/* Addresses that never leave this machine. The names of others are not looked up. */
static bool is_loopback(const char *host)
{
    struct in_addr address;
    char bare[CONFIG_TEXT_BYTES];

    snprintf(bare, sizeof(bare), "%s", host[0] == '[' ? host + 1 : host);
    bare[strcspn(bare, "]")] = '\0';
    return strcmp(bare, "localhost") == 0 || strcmp(bare, "::1") == 0 ||
           (inet_pton(AF_INET, bare, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

/* Copies a part of the URL, decoded, if it has one. False when it does not fit. */
static bool copy_part(CURLU *url, CURLUPart part, char *out)
{
    char *text = NULL;

    if (curl_url_get(url, part, &text, CURLU_URLDECODE) != CURLUE_OK)
        return true;
    bool fits = strlen(text) < CONFIG_TEXT_BYTES;
    if (fits)
        strcpy(out, text);
    explicit_bzero(text, strlen(text));
    curl_free(text);
    return fits;
}

static bool copy_server(CURLU *url, struct mail_settings *settings)
{
    char *text = NULL;

    curl_url_set(url, CURLUPART_USER, NULL, 0);
    curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
    if (curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK)
        return false;
    bool fits = strlen(text) < sizeof(settings->server);
    if (fits)
        strcpy(settings->server, text);
    curl_free(text);
    return fits;
}

/* Never names the URL itself: a password may stand in it. */
static bool read_server(CURLU *url, struct mail_settings *settings, struct error *error)
{
    char scheme[CONFIG_TEXT_BYTES] = "", host[CONFIG_TEXT_BYTES] = "", path[CONFIG_TEXT_BYTES] = "";

    if (!copy_part(url, CURLUPART_SCHEME, scheme) || !copy_part(url, CURLUPART_HOST, host) ||
        !copy_part(url, CURLUPART_PATH, path) || !copy_part(url, CURLUPART_USER, settings->user) ||
        !copy_part(url, CURLUPART_PASSWORD, settings->password))
        return error_set(error, ERROR_INVALID, "url in [mail]: a part of it is too long");
    if (strcmp(scheme, "smtp") != 0 && strcmp(scheme, "smtps") != 0)
        return error_set(error, ERROR_INVALID,
                         "url in [mail] must begin with smtp://, smtps:// or " SENDMAIL_PREFIX);
    if (host[0] == '\0' || (path[0] != '\0' && strcmp(path, "/") != 0))
        return error_set(error, ERROR_INVALID,
                         "url in [mail] must be a host, and a port if it is not the usual one");
    settings->needs_tls = settings->needs_tls || !is_loopback(host);
    settings->transport = MAIL_TRANSPORT_SMTP;
    return copy_server(url, settings) || error_out_of_memory(error);
}

static bool read_smtp_url(const char *text, struct mail_settings *settings, struct error *error)
{
    CURLU *url = curl_url();

    if (url == NULL)
        return error_out_of_memory(error);
    CURLUcode result = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    bool is_read =
        result == CURLUE_OK
            ? read_server(url, settings, error)
            : error_set(error, ERROR_INVALID,
                        "url in [mail] must begin with smtp://, smtps:// or " SENDMAIL_PREFIX
                        ", and name a host (%s)",
                        curl_url_strerror(result));
    curl_url_cleanup(url);
    return is_read;
}

static bool read_transport(const struct config *config, struct mail_settings *settings,
                           struct error *error)
{
    const char *url = config->mail_url;
    size_t prefix_length = strlen(SENDMAIL_PREFIX);

    if (url[0] == '\0')
        return true;
    if (strncmp(url, SENDMAIL_PREFIX, prefix_length) != 0)
        return read_smtp_url(url, settings, error);
    strcpy(settings->program, url + prefix_length);
    if (settings->program[0] != '/')
        return error_set(error, ERROR_INVALID,
                         "url in [mail]: behind " SENDMAIL_PREFIX " stands the whole path of a "
                         "program, such as /usr/sbin/sendmail");
    settings->transport = MAIL_TRANSPORT_SENDMAIL;
    return true;
}

/* ---- who logs in ----------------------------------------------------------------------------- */

static bool read_password_file(const char *path, struct mail_settings *settings,
                               struct error *error)
{
    struct buffer content = BUFFER_EMPTY;
    bool is_read = text_file_read(path, CONFIG_TEXT_BYTES - 1, &content, error);

    if (is_read) {
        snprintf(settings->password, sizeof(settings->password), "%.*s", (int)content.length,
                 content.data != NULL ? content.data : "");
        settings->password[strcspn(settings->password, "\n")] = '\0';
    }
    if (content.data != NULL)
        explicit_bzero(content.data, content.capacity);
    buffer_free(&content);
    return is_read;
}

static bool read_login(const struct config *config, struct mail_settings *settings,
                       struct error *error)
{
    if (config->mail_user[0] != '\0')
        strcpy(settings->user, config->mail_user);
    if (config->mail_password[0] != '\0')
        strcpy(settings->password, config->mail_password);
    if (config->mail_password_file[0] != '\0' &&
        !read_password_file(config->mail_password_file, settings, error))
        return false;
    if (settings->password[0] != '\0' && settings->user[0] == '\0')
        return error_set(error, ERROR_INVALID, "user in [mail] is missing, a password is there");
    return true;
}

/* ---- addresses and links --------------------------------------------------------------------- */

static bool read_address(const char *key, const char *text, struct mail_address *address,
                         struct error *error)
{
    return mail_address_parse(text, address) ||
           error_set(error, ERROR_INVALID,
                     "%s in [mail] must be an address such as rdv@salon.example, not \"%s\"", key,
                     text);
}

static bool read_link(const char *key, const char *text, const char *public_url, const char *path,
                      char out[CONFIG_TEXT_BYTES], struct error *error)
{
    if (text[0] == '\0' && public_url[0] == '\0')
        return error_set(error, ERROR_INVALID,
                         "%s in [mail], or public_url in [http], is missing: mails have links",
                         key);
    int length = text[0] != '\0' ? snprintf(out, CONFIG_TEXT_BYTES, "%s", text)
                                 : snprintf(out, CONFIG_TEXT_BYTES, "%s%s", public_url, path);
    if (length >= CONFIG_TEXT_BYTES)
        return error_set(error, ERROR_INVALID, "%s in [mail] is too long", key);
    if ((strncmp(out, "https://", 8) != 0 && strncmp(out, "http://", 7) != 0) ||
        strpbrk(out, " \t\"<>\\^`{|}") != NULL)
        return error_set(error, ERROR_INVALID,
                         "%s in [mail] must be a link such as https://salon.example/, not \"%s\"",
                         key, out);
    return true;
}

static bool read_links(const struct config *config, struct mail_settings *settings,
                       struct error *error)
{
    const char *public_url = config->http_public_url;

    if (public_url[0] != '\0')
        snprintf(settings->unsubscribe_link, sizeof(settings->unsubscribe_link),
                 "%.320s" MAIL_UNSUBSCRIBE_PATH "?token=", public_url);
    return read_link("link", config->mail_link, public_url,
                     PAGE_PATH "#conversation=", settings->link, error) &&
           read_link("preferences_link", config->mail_preferences_link, public_url,
                     PAGE_PATH "#preferences", settings->preferences_link, error);
}

static enum mail_excerpt excerpt_of(const char *text)
{
    if (strcmp(text, "none") == 0)
        return MAIL_EXCERPT_NONE;
    return strcmp(text, "full") == 0 ? MAIL_EXCERPT_FULL : MAIL_EXCERPT_SHORT;
}

bool mail_settings_load(struct mail_settings *settings, const struct config *config,
                        struct error *error)
{
    memset(settings, 0, sizeof(*settings));
    settings->needs_tls = strcmp(config->mail_starttls, "always") == 0;
    settings->timeout_ms = config->mail_timeout_s * 1000;
    settings->excerpt = excerpt_of(config->mail_excerpt);
    strcpy(settings->ca_file, config->mail_ca_file);
    unsubscribe_keys_set(&settings->unsubscribe_keys, config);
    if (!read_transport(config, settings, error))
        return false;
    if (settings->transport == MAIL_TRANSPORT_NONE)
        return true;
    return read_login(config, settings, error) &&
           read_address("from", config->mail_from, &settings->from, error) &&
           (config->mail_reply_to[0] == '\0' ||
            read_address("reply_to", config->mail_reply_to, &settings->reply_to, error)) &&
           read_links(config, settings, error);
}

void mail_settings_clear(struct mail_settings *settings)
{
    unsubscribe_keys_clear(&settings->unsubscribe_keys);
    explicit_bzero(settings, sizeof(*settings));
}
