/*
 * Delivery reports (RFC 3464): what a mail server sends back when a mail did not arrive, as piped
 * into `messagerie mail bounce`. It comes from strangers: whoever knows where failures go can send
 * one. So it is no more than a claim, which the caller believes only of a mail that we sent: by
 * the Message-ID of the mail that it gives back, and its recipient.
 *
 * mail_start before it; any thread.
 */
#ifndef MESSAGERIE_JOBS_MAIL_REPORT_H
#define MESSAGERIE_JOBS_MAIL_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "jobs/mail.h"
#include "jobs/mail_address.h"

/* A longer message is cut here before it is read: reports give the mail back. */
#define MAIL_REPORT_MAX_BYTES (1024 * 1024)
/* Recipients of one report that are looked at. Our mails have one. */
#define MAIL_REPORT_RECIPIENTS_MAX 16
/* Parts in parts that are looked into. */
#define MAIL_REPORT_MAX_DEPTH 8
/* A Message-ID without its angle brackets, with NUL; a longer one is none of ours. */
#define MAIL_MESSAGE_ID_BYTES 384

struct mail_report_recipient {
    struct mail_address address;    /* the original one where it is told, else the final one */
    char status[MAIL_STATUS_BYTES]; /* "5.1.1"; "" when it says none */
    bool has_failed;                /* Action: failed; else delayed, delivered, relayed, expanded */
    bool is_bad_address;            /* it has failed for good, and the address is to blame */
};

struct mail_report {
    char message_id[MAIL_MESSAGE_ID_BYTES]; /* of the mail that it is about; "" when not told */
    struct mail_report_recipient recipients[MAIL_REPORT_RECIPIENTS_MAX];
    size_t count;
};

/* False when the message is no delivery report, or tells of no recipient. */
bool mail_report_read(const char *message, size_t length, struct mail_report *report);

#endif
