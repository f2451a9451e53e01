#include "jobs/mail_transport.h"

#include <stdlib.h>

#include "common/assert.h"
#include "jobs/mail_sendmail.h"
#include "jobs/mail_smtp.h"

struct mail_transport {
    const struct mail_settings *settings;
    const struct clock *clock;
    struct mail_smtp *smtp; /* NULL for sendmail, which keeps nothing */
};

struct mail_transport *mail_transport_create(const struct mail_settings *settings,
                                             const struct clock *clock, struct error *error)
{
    struct mail_transport *transport = calloc(1, sizeof(*transport));

    ASSERT(settings->transport != MAIL_TRANSPORT_NONE);
    if (transport != NULL) {
        transport->settings = settings;
        transport->clock = clock;
        if (settings->transport == MAIL_TRANSPORT_SENDMAIL)
            return transport;
        transport->smtp = mail_smtp_create(settings);
        if (transport->smtp != NULL)
            return transport;
    }
    free(transport);
    error_out_of_memory(error);
    return NULL;
}

void mail_transport_free(struct mail_transport *transport)
{
    if (transport == NULL)
        return;
    mail_smtp_free(transport->smtp);
    free(transport);
}

void mail_transport_send(struct mail_transport *transport, const struct mail *mail,
                         struct mail_result *result)
{
    if (transport->smtp != NULL)
        mail_smtp_send(transport->smtp, mail, result);
    else
        mail_sendmail_send(transport->settings, transport->clock, mail, result);
}
