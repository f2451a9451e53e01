#include "jobs/mail_texts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/config.h"
#include "common/template.h"
#include "templates/defaults.h"

static const char *const variables[MAIL_VARIABLE_COUNT] = {
    [MAIL_FIRST_NAME] = "prenom",
    [MAIL_SALON] = "salon",
    [MAIL_AUTHOR] = "auteur",
    [MAIL_NUMBER] = "nombre",
    [MAIL_CONVERSATIONS] = "conversations",
    [MAIL_EXCERPTS] = "extraits",
    [MAIL_TEXT] = "texte",
    [MAIL_LINK] = "lien",
    [MAIL_PREFERENCES] = "preferences",
    [MAIL_UNSUBSCRIBE] = "desabonnement",
    [MAIL_PICTURE] = "image",
    [MAIL_ADDRESS] = "adresse",
};

static const char *const files[MAIL_TEXT_COUNT] = {
    [MAIL_TEXT_SUBJECT] = "subject.txt",
    [MAIL_TEXT_SUBJECT_MANY] = "subject_many.txt",
    [MAIL_TEXT_MAIL] = "mail.txt",
    [MAIL_TEXT_MAIL_HTML] = "mail.html",
    [MAIL_TEXT_CONVERSATION] = "conversation.txt",
    [MAIL_TEXT_CONVERSATION_HTML] = "conversation.html",
    [MAIL_TEXT_EXCERPT] = "excerpt.txt",
    [MAIL_TEXT_EXCERPT_HTML] = "excerpt.html",
    [MAIL_TEXT_PICTURE_HTML] = "picture.html",
};

struct mail_texts {
    struct template *templates[MAIL_TEXT_COUNT];
};

static struct template *parse_default(const char *file, struct error *error)
{
    const struct template_default *found = mail_template_defaults;

    while (found->file != NULL && strcmp(found->file, file) != 0)
        found++;
    ASSERT(found->file != NULL);
    return template_parse(file, found->text, strlen(found->text), variables, MAIL_VARIABLE_COUNT,
                          error);
}

static struct template *load_text(const char *directory, const char *file, struct error *error)
{
    char path[CONFIG_TEXT_BYTES + 32];

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    /* A folder that may not be read is a mistake to tell of, not a text that is missing. */
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return template_load(path, variables, MAIL_VARIABLE_COUNT, error);
    return parse_default(file, error);
}

struct mail_texts *mail_texts_load(const char *directory, struct error *error)
{
    struct mail_texts *texts = calloc(1, sizeof(*texts));

    if (texts == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    for (int kind = 0; kind < MAIL_TEXT_COUNT; kind++) {
        texts->templates[kind] = load_text(directory, files[kind], error);
        if (texts->templates[kind] == NULL) {
            mail_texts_free(texts);
            return NULL;
        }
    }
    return texts;
}

void mail_texts_free(struct mail_texts *texts)
{
    if (texts == NULL)
        return;
    for (int kind = 0; kind < MAIL_TEXT_COUNT; kind++)
        template_free(texts->templates[kind]);
    free(texts);
}

bool mail_text_is_html(enum mail_text kind)
{
    return strstr(files[kind], ".html") != NULL;
}

void mail_texts_render(const struct mail_texts *texts, enum mail_text kind,
                       const char *const values[MAIL_VARIABLE_COUNT], struct buffer *out)
{
    struct template_variable filled[MAIL_VARIABLE_COUNT];

    for (int i = 0; i < MAIL_VARIABLE_COUNT; i++)
        filled[i] = (struct template_variable){variables[i], values[i]};
    template_render(texts->templates[kind], filled, out);
}
