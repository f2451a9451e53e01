/*
 * The texts in this folder as they were when messagerie was built: for programs that find no file
 * of theirs. templates/defaults.awk makes the table of the files, so that there is one source.
 */
#ifndef MESSAGERIE_TEMPLATES_DEFAULTS_H
#define MESSAGERIE_TEMPLATES_DEFAULTS_H

struct template_default {
    const char *file; /* "confirmed.txt" */
    const char *text; /* UTF-8 */
};

/* Each up to one without a file: of this folder, and of templates/mail/. */
extern const struct template_default template_defaults[];
extern const struct template_default mail_template_defaults[];

#endif
