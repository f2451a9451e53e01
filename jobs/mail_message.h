/*
 * A notification made a mail (RFC 5322, MIME): text and HTML side by side, in French.
 *
 * What is in it comes from people, and can change nothing but its own place: names and subjects are
 * encoded words (RFC 2047), bodies are quoted-printable, so that whatever a message holds, the mail
 * is ASCII with lines of at most 998 bytes that end in CR LF, and no line is a dot alone. An
 * address in another script makes its header UTF-8 (RFC 6532).
 *
 * mail_start before it; any thread.
 */
#ifndef MESSAGERIE_JOBS_MAIL_MESSAGE_H
#define MESSAGERIE_JOBS_MAIL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "jobs/mail.h"
#include "jobs/mail_settings.h"
#include "jobs/mail_texts.h"

/* Conversations of one mail; of more the first are told, with the number of all. */
#define MAIL_CONVERSATIONS_MAX 20
/* Messages of one conversation whose text is in the mail. */
#define MAIL_EXCERPTS_MAX 10

/* A conversation in which there is something to read. */
struct mail_conversation {
    const char *id;
    const char *author;          /* who wrote: the other side; "" or NULL when nobody knows */
    int64_t count;               /* messages that are unread, at least 1 */
    const char *const *excerpts; /* their texts, the oldest first: of the other side alone */
    size_t excerpt_count;
};

struct mail_notification {
    const char *id;  /* makes the Message-ID: the same for each attempt to send it. A UUID, or
                        another text of letters, digits and hyphens */
    int64_t time_ms; /* Date: when it became due, the same for each attempt */
    const char *user_id;
    const char *to;         /* address */
    const char *to_name;    /* or NULL */
    const char *first_name; /* or NULL */
    const char *salon;      /* its name; the display name of From */
    const char *picture;    /* of the salon, absolute; NULL, or no http or https: none is shown */
    const struct mail_conversation *conversations;
    size_t conversation_count; /* at least 1 */
};

/* Fills *mail, cleared before. False with *error: ERROR_INVALID when `to` is no address, else
 * without memory. The link at its end, and its one click, stop the one conversation that it is
 * about, or else all. */
bool mail_message_build(const struct mail_settings *settings, const struct mail_texts *texts,
                        const struct mail_notification *notification, struct mail *mail,
                        struct error *error);

/* A mail that says that mail works, for `messagerie mail test`. */
bool mail_message_build_test(const struct mail_settings *settings, const char *id, int64_t time_ms,
                             const char *to, struct mail *mail, struct error *error);

#endif
