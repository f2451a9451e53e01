#include "jobs/mail_address.h"

#include <stdio.h>
#include <string.h>

#include "common/origin.h"
#include "common/utf8.h"

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
/* RFC 5322 section 3.2.3, atext, and the dot. */
#define LOCAL_CHARACTERS LETTERS_AND_DIGITS "!#$%&'*+-/=?^_`{|}~."

/* A dot-atom, or the same with UTF-8 (RFC 6531 section 3.3). */
static bool is_local_part(const char *text, size_t length, bool *is_international)
{
    char copy[MAIL_LOCAL_PART_MAX_BYTES + 1];

    if (length == 0 || length > MAIL_LOCAL_PART_MAX_BYTES)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (copy[0] == '.' || copy[length - 1] == '.' || strstr(copy, "..") != NULL ||
        !utf8_is_valid(copy, length) || utf8_has_control(copy) || utf8_has_white_space(copy))
        return false;
    *is_international = false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)copy[i] >= 0x80)
            *is_international = true;
        else if (strchr(LOCAL_CHARACTERS, copy[i]) == NULL)
            return false;
    return true;
}

/* Labels of letters, digits and hyphens, which neither begin nor end one (RFC 1123 section 2.1). */
static bool is_host_name(const char *name)
{
    if (name[0] == '\0' || strspn(name, LETTERS_AND_DIGITS "-.") != strlen(name))
        return false;
    for (;;) {
        size_t length = strcspn(name, ".");
        if (length == 0 || length > 63 || name[0] == '-' || name[length - 1] == '-')
            return false;
        if (name[length] == '\0')
            return true;
        name += length + 1;
    }
}

/* By the way of an origin, which knows the rules for names of hosts. */
static bool read_domain(const char *text, char out[MAIL_DOMAIN_MAX_BYTES + 1])
{
    static const char scheme[] = "https://";
    char url[sizeof(scheme) + 1024];
    char origin[ORIGIN_BYTES];

    if (text[0] == '\0' || strlen(text) > 1023 || strpbrk(text, ":/?#@[]\\%") != NULL)
        return false;
    snprintf(url, sizeof(url), "%s%s", scheme, text);
    if (origin_parse(url, strlen(url), origin) != NULL)
        return false;
    const char *host = origin + strlen(scheme);
    if (strlen(host) > MAIL_DOMAIN_MAX_BYTES || !is_host_name(host))
        return false;
    strcpy(out, host);
    return true;
}

bool mail_address_parse(const char *text, struct mail_address *address)
{
    char domain[MAIL_DOMAIN_MAX_BYTES + 1];
    const char *at = strrchr(text, '@');

    if (at == NULL || !is_local_part(text, (size_t)(at - text), &address->is_international) ||
        !read_domain(at + 1, domain))
        return false;
    snprintf(address->text, sizeof(address->text), "%.*s@%s", (int)(at - text), text, domain);
    return true;
}

const char *mail_address_domain(const struct mail_address *address)
{
    const char *at = strrchr(address->text, '@');

    return at != NULL ? at + 1 : "";
}
