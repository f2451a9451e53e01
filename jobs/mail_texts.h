/*
 * What mails are written with: templates of French text, in a folder of their own; whichever is
 * missing there has a default (templates/mail/). Those that end in .html are HTML: what stands in
 * the places of their variables is escaped, so that whoever adapts one need not think of it.
 *
 *   subject.txt, subject_many.txt   {nombre} {auteur} {conversations} {salon}
 *   mail.txt, mail.html             {prenom} {salon} {image} {nombre} {conversations} {preferences}
 *                                   {desabonnement}
 *   conversation.txt, .html         {auteur} {nombre} {extraits} {lien}: for each conversation
 *   excerpt.txt, .html              {texte}: for each message
 *   picture.html                    {adresse} {salon}: where the salon has one
 *
 * Immutable once loaded; any thread.
 */
#ifndef MESSAGERIE_JOBS_MAIL_TEXTS_H
#define MESSAGERIE_JOBS_MAIL_TEXTS_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"

enum mail_text {
    MAIL_TEXT_SUBJECT,
    MAIL_TEXT_SUBJECT_MANY,
    MAIL_TEXT_MAIL,
    MAIL_TEXT_MAIL_HTML,
    MAIL_TEXT_CONVERSATION,
    MAIL_TEXT_CONVERSATION_HTML,
    MAIL_TEXT_EXCERPT,
    MAIL_TEXT_EXCERPT_HTML,
    MAIL_TEXT_PICTURE_HTML,
    MAIL_TEXT_COUNT,
};

enum mail_variable {
    MAIL_FIRST_NAME,    /* {prenom} */
    MAIL_SALON,         /* {salon} */
    MAIL_AUTHOR,        /* {auteur} */
    MAIL_NUMBER,        /* {nombre}: "3 nouveaux messages" */
    MAIL_CONVERSATIONS, /* {conversations}: of the subject how many, of the mail their texts */
    MAIL_EXCERPTS,      /* {extraits} */
    MAIL_TEXT,          /* {texte} */
    MAIL_LINK,          /* {lien} */
    MAIL_PREFERENCES,   /* {preferences} */
    MAIL_UNSUBSCRIBE,   /* {desabonnement} */
    MAIL_PICTURE,       /* {image} */
    MAIL_ADDRESS,       /* {adresse} */
    MAIL_VARIABLE_COUNT,
};

struct mail_texts;

/* NULL with *error (English): a file that can't be read or is no template, with its line. */
struct mail_texts *mail_texts_load(const char *directory, struct error *error);

/* Accepts NULL. */
void mail_texts_free(struct mail_texts *texts);

bool mail_text_is_html(enum mail_text kind);

/* Appends the text. Values by mail_variable, NULL for empty ones; they are put in as they are, so
 * those of HTML are escaped by then. */
void mail_texts_render(const struct mail_texts *texts, enum mail_text kind,
                       const char *const values[MAIL_VARIABLE_COUNT], struct buffer *out);

#endif
