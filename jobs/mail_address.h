/*
 * Addresses of mail: LOCAL@DOMAIN (RFC 5321), local parts in any script (RFC 6531), domains in
 * punycode (IDNA 2008). Quoted local parts and addresses of machines in brackets, which nobody has
 * who takes appointments, are refused: so no address holds a blank, a quote, a bracket, a comma or
 * a control character, and none can be taken for anything but an address.
 *
 * Any thread.
 */
#ifndef MESSAGERIE_JOBS_MAIL_ADDRESS_H
#define MESSAGERIE_JOBS_MAIL_ADDRESS_H

#include <stdbool.h>

/* RFC 5321 section 4.5.3.1, in bytes; the whole with its NUL. */
#define MAIL_LOCAL_PART_MAX_BYTES 64
#define MAIL_DOMAIN_MAX_BYTES     253
#define MAIL_ADDRESS_BYTES        (MAIL_LOCAL_PART_MAX_BYTES + 1 + MAIL_DOMAIN_MAX_BYTES + 1)

struct mail_address {
    char text[MAIL_ADDRESS_BYTES]; /* the domain in punycode and small letters; "" for none */
    bool is_international;         /* its local part is not ASCII: the server needs SMTPUTF8 */
};

/* False when the text is no address; *address is then undefined. */
bool mail_address_parse(const char *text, struct mail_address *address);

/* What stands behind the @. */
const char *mail_address_domain(const struct mail_address *address);

#endif
