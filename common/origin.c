#include "common/origin.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"

/* Of a host name in any form (RFC 1035 section 2.3.4), and of a scheme, with NUL. */
#define HOST_BYTES   256
#define SCHEME_BYTES 32

#define PORT_MAX 65535

/* Classes of bytes by themselves: <ctype.h> asks the locale. */
static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static char to_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static bool is_letter(char byte)
{
    return to_lower(byte) >= 'a' && to_lower(byte) <= 'z';
}

struct span {
    const char *data;
    size_t length;
};

/* ---- scheme -------------------------------------------------------------------------------- */

static bool is_scheme_byte(char byte)
{
    return is_letter(byte) || is_digit(byte) || strchr("+-.", byte) != NULL;
}

/* Known schemes of what is no page: somebody has taken one URL for another. */
static bool is_of_pages(const char *scheme)
{
    static const char *const others[] = {"ftp", "ws", "wss", "unix", "ipc", "tcp"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(scheme, others[i]) == 0)
            return false;
    return true;
}

/* Takes "scheme://" off the front. */
static const char *take_scheme(struct span *rest, char scheme[SCHEME_BYTES])
{
    const char *colon = memmem(rest->data, rest->length, "://", 3);
    size_t length = colon != NULL ? (size_t)(colon - rest->data) : 0;

    if (length == 0)
        return "it has no scheme, such as https://";
    if (length >= SCHEME_BYTES || !is_letter(rest->data[0]))
        return "its scheme is none";
    for (size_t i = 0; i < length; i++) {
        if (rest->data[i] == '\0' || !is_scheme_byte(rest->data[i]))
            return "its scheme is none";
        scheme[i] = to_lower(rest->data[i]);
    }
    scheme[length] = '\0';
    if (!is_of_pages(scheme))
        return "pages have no such scheme";
    rest->data += length + 3;
    rest->length -= length + 3;
    return NULL;
}

/* 0 for that of an app, which has none. */
static long default_port(const char *scheme)
{
    if (strcmp(scheme, "https") == 0)
        return 443;
    return strcmp(scheme, "http") == 0 ? 80 : 0;
}

/* ---- host ---------------------------------------------------------------------------------- */

static const char *copy_address(const char *text, char out[HOST_BYTES])
{
    struct in6_addr address;
    char shortened[INET6_ADDRSTRLEN];

    if (inet_pton(AF_INET6, text, &address) != 1)
        return "what stands in brackets is no IPv6 address";
    inet_ntop(AF_INET6, &address, shortened, sizeof(shortened));
    /* Browsers write the last 32 bits like all others. */
    char *dotted = strchr(shortened, '.') != NULL ? strrchr(shortened, ':') : NULL;
    if (dotted != NULL)
        snprintf(dotted, sizeof(shortened) - (size_t)(dotted - shortened), ":%x:%x",
                 address.s6_addr[12] << 8 | address.s6_addr[13],
                 address.s6_addr[14] << 8 | address.s6_addr[15]);
    snprintf(out, HOST_BYTES, "[%s]", shortened);
    return NULL;
}

/* Decimal, or hexadecimal behind "0x". */
static bool is_number(const char *text)
{
    if (strncmp(text, "0x", 2) == 0)
        return strspn(text + 2, "0123456789abcdef") == strlen(text + 2);
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* A name that ends in a number is an address of IPv4, in any of its forms. */
static const char *shorten_ipv4(char host[HOST_BYTES])
{
    const char *dot = strrchr(host, '.');
    struct in_addr address;

    if (!is_number(dot != NULL ? dot + 1 : host))
        return NULL;
    if (inet_aton(host, &address) == 0)
        return "its host is no address";
    inet_ntop(AF_INET, &address, host, HOST_BYTES);
    return NULL;
}

/* UTF-8 to punycode. What is ASCII already stays: the library would refuse the underscores that
 * are in use. */
static const char *encode_name(const char *name, char out[HOST_BYTES])
{
    char *encoded = NULL;
    int result = idn2_to_ascii_8z(name, &encoded, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

    if (result != IDN2_OK)
        return result == IDN2_MALLOC ? "out of memory" : "its host is no name of a domain";
    bool fits = strlen(encoded) < HOST_BYTES;
    if (fits)
        strcpy(out, encoded);
    idn2_free(encoded);
    return fits ? NULL : "its host is too long";
}

static const char *copy_name(const char *scheme, const char *name, char out[HOST_BYTES])
{
    bool is_ascii = true;
    size_t length = strlen(name);

    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)name[i];
        if (byte <= ' ' || byte == 0x7F || strchr("\"#%/:<>?@[\\]^`{|}", byte) != NULL)
            return "its host has a character that none has";
        is_ascii = is_ascii && byte < 0x80;
        out[i] = to_lower(name[i]);
    }
    out[length] = '\0';
    if (default_port(scheme) == 0) /* an app's own, which knows neither domains nor addresses */
        return is_ascii ? NULL : "its host is no name of a domain";
    const char *reason = is_ascii ? NULL : encode_name(name, out);
    return reason != NULL ? reason : shorten_ipv4(out);
}

static const char *copy_host(const char *scheme, struct span host, char out[HOST_BYTES])
{
    char text[HOST_BYTES];

    if (host.length >= HOST_BYTES)
        return "its host is too long";
    memcpy(text, host.data, host.length);
    text[host.length] = '\0';
    if (strlen(text) != host.length)
        return "its host has a character that none has";
    if (text[0] != '[')
        return copy_name(scheme, text, out);
    text[host.length - 1] = '\0'; /* the bracket, see split_port */
    return copy_address(text + 1, out);
}

/* ---- port ---------------------------------------------------------------------------------- */

/* Cuts the port off; *port is 0 when there is none, or it is the scheme's own. */
static const char *split_port(const char *scheme, struct span *host, long *port)
{
    const char *end = host->data + host->length;
    const char *at = host->data;

    *port = 0;
    if (host->length > 0 && at[0] == '[') {
        at = memchr(at, ']', host->length);
        if (at == NULL || (at + 1 < end && at[1] != ':'))
            return "what stands in brackets is no IPv6 address";
        at++;
    } else {
        at = memchr(at, ':', host->length);
        if (at == NULL)
            return NULL;
    }
    host->length = (size_t)(at - host->data);
    for (at = at < end ? at + 1 : at; at < end; at++) {
        if (!is_digit(*at) || (*port = *port * 10 + *at - '0') > PORT_MAX)
            return "its port is no number from 1 to 65535";
        if (*port == 0 && at + 1 == end)
            return "its port is no number from 1 to 65535";
    }
    if (*port == default_port(scheme))
        *port = 0;
    return NULL;
}

/* ---- the whole ----------------------------------------------------------------------------- */

const char *origin_parse(const char *text, size_t length, char out[ORIGIN_BYTES])
{
    struct span rest = {text, length};
    char scheme[SCHEME_BYTES], host[HOST_BYTES];
    long port;

    if (memchr(text, '*', length) != NULL)
        return "a pattern is no origin, each is listed by itself";
    if (memchr(text, '@', length) != NULL)
        return "it has the name of a user";
    const char *reason = take_scheme(&rest, scheme);
    if (reason == NULL)
        reason = split_port(scheme, &rest, &port);
    /* Pages in files: browsers say "null", but shells of apps say this. */
    if (reason == NULL && rest.length == 0 && strcmp(scheme, "file") != 0)
        reason = "it has no host";
    if (reason == NULL)
        reason = copy_host(scheme, rest, host);
    if (reason != NULL)
        return reason;
    int written = port == 0 ? snprintf(out, ORIGIN_BYTES, "%s://%s", scheme, host)
                            : snprintf(out, ORIGIN_BYTES, "%s://%s:%ld", scheme, host, port);
    return written < ORIGIN_BYTES ? NULL : "its host is too long";
}

const char *origin_of_url(const char *url, char out[ORIGIN_BYTES])
{
    const char *authority = strstr(url, "://");

    if (authority == NULL)
        return origin_parse(url, strlen(url), out);
    authority += 3;
    return origin_parse(url, (size_t)(authority - url) + strcspn(authority, "/?#"), out);
}

bool origin_is_of_host(const char *origin, const char *host)
{
    char canonical[ORIGIN_BYTES], called[ORIGIN_BYTES], url[ORIGIN_BYTES];

    if (host == NULL || origin_parse(origin, strlen(origin), canonical) != NULL)
        return false;
    bool is_secure = strncmp(canonical, "https://", strlen("https://")) == 0;
    /* The page of an app is not of the host that it happens to be called like. */
    if (!is_secure && strncmp(canonical, "http://", strlen("http://")) != 0)
        return false;
    host += strspn(host, " \t");
    int length = snprintf(url, sizeof(url), "%s://%.*s", is_secure ? "https" : "http",
                          (int)strcspn(host, ", \t"), host);
    return length < ORIGIN_BYTES && origin_parse(url, (size_t)length, called) == NULL &&
           strcmp(canonical, called) == 0;
}

bool origin_is_configured(const struct config *config, const char *origin)
{
    char canonical[ORIGIN_BYTES];

    if (config_list_contains(&config->http_frontend_url, origin))
        return true; /* as browsers send it */
    return origin_parse(origin, strlen(origin), canonical) == NULL &&
           (config_list_contains(&config->http_frontend_url, canonical) ||
            strcmp(config->http_public_url, canonical) == 0);
}
