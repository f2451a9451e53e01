/*
 * What sends mail: an SMTP server (libcurl), or the program sendmail, as [mail] url says. It keeps
 * one connection for as many mails as there are. Blocks, for as long as [mail] timeout_s says at
 * most; it keeps no mail, who calls tries again.
 *
 * mail_start before it. Belongs to one thread at a time; there may be several.
 */
#ifndef MESSAGERIE_JOBS_MAIL_TRANSPORT_H
#define MESSAGERIE_JOBS_MAIL_TRANSPORT_H

#include "common/clock.h"
#include "common/error.h"
#include "jobs/mail.h"
#include "jobs/mail_settings.h"

struct mail_transport;

/* Borrows both; settings->transport is not MAIL_TRANSPORT_NONE. NULL without memory. Connects with
 * the first mail. */
struct mail_transport *mail_transport_create(const struct mail_settings *settings,
                                             const struct clock *clock, struct error *error);

/* Says good-bye to the server. Accepts NULL. */
void mail_transport_free(struct mail_transport *transport);

/* Sends one mail to its recipient, and tells in *result how that ended. */
void mail_transport_send(struct mail_transport *transport, const struct mail *mail,
                         struct mail_result *result);

#endif
