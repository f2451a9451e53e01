/*
 * Mail to an SMTP server (RFC 5321), by libcurl: STARTTLS or TLS from the start, with the server's
 * certificate verified, AUTH where there is a user, and one connection for many mails. For
 * jobs/mail_transport.c alone.
 *
 * libcurl knows the protocol; what has happened at which step it does not tell, and everything
 * depends on it: a refusal of the recipient marks an address, one of the password must not. So the
 * commands and replies that libcurl shows for debugging are followed here.
 */
#ifndef MESSAGERIE_JOBS_MAIL_SMTP_H
#define MESSAGERIE_JOBS_MAIL_SMTP_H

#include "jobs/mail.h"
#include "jobs/mail_settings.h"

struct mail_smtp;

/* Borrows the settings. NULL without memory. */
struct mail_smtp *mail_smtp_create(const struct mail_settings *settings);
void mail_smtp_free(struct mail_smtp *smtp);

void mail_smtp_send(struct mail_smtp *smtp, const struct mail *mail, struct mail_result *result);

#endif
