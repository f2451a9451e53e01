/*
 * A mail on its way: what is handed from whoever builds it (jobs/mail_message.h) to whoever sends
 * it (jobs/mail_transport.h), and how that ended. jobs/mail_*.{c,h} know no database.
 */
#ifndef MESSAGERIE_JOBS_MAIL_H
#define MESSAGERIE_JOBS_MAIL_H

#include <stdbool.h>

#include "common/buffer.h"
#include "jobs/mail_address.h"

struct mail {
    struct mail_address sender;    /* of the envelope, where failures are told */
    struct mail_address recipient; /* of the envelope */
    struct buffer content;         /* header and body, each line ended by CRLF, 7 bit unless the
                                      header holds an international address (RFC 6532) */
};

/* Keeps its memory for the next one. */
void mail_clear(struct mail *mail);
void mail_free(struct mail *mail);

/* How sending ended, and so what follows. */
enum mail_outcome {
    MAIL_SENT,          /* the server has answered that it has it */
    MAIL_LATER,         /* this mail can't go now: try it again, with growing pauses */
    MAIL_UNREACHABLE,   /* nothing can go now, the server is away: all wait */
    MAIL_MISCONFIGURED, /* nothing can go until somebody changes something: password, certificate,
                           path of the program; all wait, and it is told once */
    MAIL_BAD_ADDRESS,   /* never: nobody has this address. It is to be marked */
    MAIL_REFUSED,       /* never, for what is no fault of the address */
    MAIL_UNCERTAIN,     /* all was said and no answer came: it may have arrived. Try it again, with
                           the same Message-ID */
};

/* A word for the log and metrics: "sent", "later", … */
const char *mail_outcome_name(enum mail_outcome outcome);

/* The most severe words of a server that are kept, with NUL. */
#define MAIL_REPLY_BYTES 256
/* An enhanced status code (RFC 3463) such as "5.1.1", with NUL. */
#define MAIL_STATUS_BYTES 12

struct mail_result {
    enum mail_outcome outcome;
    int code; /* of the SMTP reply (550), or a program's exit status; else 0 */
    char status[MAIL_STATUS_BYTES]; /* or "" */
    char reply[MAIL_REPLY_BYTES];   /* what it said, or what went wrong here (English): printable
                                       ASCII. May name an address: for a person who asks, not for
                                       the log */
};

/* Takes the enhanced status at the beginning of a reply's text, if any: "" otherwise. */
void mail_status_read(const char *text, char out[MAIL_STATUS_BYTES]);

/* Whether a failure for good with this status is one of the address (RFC 3463 section 3: 5.1.x,
 * 5.2.1), and not of our reputation, size or a full mailbox. "": as `code` 550, 551 and 553 say. */
bool mail_status_is_of_address(const char *status, int code);

/* Copies text into `out`, what is not printable ASCII as "?". */
void mail_reply_copy(const char *text, size_t length, char out[MAIL_REPLY_BYTES]);

/* The libraries behind it (GMime, libcurl): once in a process, by its main, before and after all
 * others of jobs/mail_*; GMime can't be started twice. False without memory. */
bool mail_start(void);
void mail_stop(void);

#endif
