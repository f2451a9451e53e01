/*
 * The origins of web pages (RFC 6454), in one canonical form wherever they come from: what an
 * administrator writes, what a browser sends as Origin, the host that a request is for. Any thread.
 *
 * The canonical form is what browsers send (WHATWG URL, "host serializing"): scheme and host in
 * lower case, the host of http and https in punycode (IDNA 2008 by UTS 46), addresses of IPv6 in
 * brackets and shortened, no port where it is the scheme's own.
 */
#ifndef MESSAGERIE_COMMON_ORIGIN_H
#define MESSAGERIE_COMMON_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

struct config;

/* Of a canonical origin, with its NUL: scheme, a host of 255 bytes, port. */
#define ORIGIN_BYTES 320

/* Canonical form of text[0..length). NULL when it is an origin, else why it is none (English). */
const char *origin_parse(const char *text, size_t length, char out[ORIGIN_BYTES]);

/* The same of a URL, whose path, query and fragment are left out. */
const char *origin_of_url(const char *url, char out[ORIGIN_BYTES]);

/* Whether a page of that origin is of the host that it calls (NULL: the request names none). Of
 * several, with commas between, as proxies have them in X-Forwarded-Host, the first one counts. */
bool origin_is_of_host(const char *origin, const char *host);

/* Whether the configuration names the origin: in http.frontend_url, or as http.public_url. */
bool origin_is_configured(const struct config *config, const char *origin);

/* What is told of a page that is refused: in the log, and to whoever looks into the browser. */
#define ORIGIN_ADVICE "add it to FRONTEND_URL ([http] frontend_url), or set [http] public_url"
#define ORIGIN_REFUSAL                                                                               \
    "Origine non autorisée : ajoutez-la à FRONTEND_URL ([http] frontend_url), ou indiquez [http] " \
    "public_url"

#endif
