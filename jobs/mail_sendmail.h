/*
 * Mail by the program sendmail, which every mail server brings and which shared hosting offers in
 * the place of SMTP: PROGRAM -i -f SENDER -- RECIPIENT, the mail on its standard input, no shell in
 * between, an environment with nothing of ours. What it says of its end are the statuses of
 * sysexits.h. For jobs/mail_transport.c alone.
 */
#ifndef MESSAGERIE_JOBS_MAIL_SENDMAIL_H
#define MESSAGERIE_JOBS_MAIL_SENDMAIL_H

#include "common/clock.h"
#include "jobs/mail.h"
#include "jobs/mail_settings.h"

void mail_sendmail_send(const struct mail_settings *settings, const struct clock *clock,
                        const struct mail *mail, struct mail_result *result);

#endif
