#include "db/appointment_texts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/config.h"
#include "common/local_time.h"
#include "common/template.h"
#include "templates/defaults.h"

enum { FIRST_NAME, SALON, PRESTATION, LONG_DATE, SHORT_DATE, HOUR, VARIABLE_COUNT };

static const char *const variables[VARIABLE_COUNT] = {
    [FIRST_NAME] = "prenom",      [SALON] = "salon",
    [PRESTATION] = "prestation",  [LONG_DATE] = "date",
    [SHORT_DATE] = "date_courte", [HOUR] = "heure",
};

static const char *const files[APPOINTMENT_TEXT_COUNT] = {
    [APPOINTMENT_TEXT_PENDING] = "pending.txt",     [APPOINTMENT_TEXT_CONFIRMED] = "confirmed.txt",
    [APPOINTMENT_TEXT_MOVED] = "moved.txt",         [APPOINTMENT_TEXT_POSTPONED] = "postponed.txt",
    [APPOINTMENT_TEXT_CANCELLED] = "cancelled.txt", [APPOINTMENT_TEXT_COMPLETED] = "completed.txt",
    [APPOINTMENT_TEXT_SUBJECT] = "subject.txt",
};

struct appointment_texts {
    struct template *templates[APPOINTMENT_TEXT_COUNT];
};

static struct template *parse_default(const char *file, struct error *error)
{
    const struct template_default *found = template_defaults;

    while (found->file != NULL && strcmp(found->file, file) != 0)
        found++;
    ASSERT(found->file != NULL);
    return template_parse(file, found->text, strlen(found->text), variables, VARIABLE_COUNT, error);
}

static struct template *load_text(const char *directory, const char *file, struct error *error)
{
    char path[CONFIG_TEXT_BYTES + 32];

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    /* A folder that may not be read is a mistake to tell of, not a text that is missing. */
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return template_load(path, variables, VARIABLE_COUNT, error);
    return parse_default(file, error);
}

struct appointment_texts *appointment_texts_load(const char *directory, struct error *error)
{
    struct appointment_texts *texts = calloc(1, sizeof(*texts));

    if (texts == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    for (int kind = 0; kind < APPOINTMENT_TEXT_COUNT; kind++) {
        texts->templates[kind] = load_text(directory, files[kind], error);
        if (texts->templates[kind] == NULL) {
            appointment_texts_free(texts);
            return NULL;
        }
    }
    return texts;
}

void appointment_texts_free(struct appointment_texts *texts)
{
    if (texts == NULL)
        return;
    for (int kind = 0; kind < APPOINTMENT_TEXT_COUNT; kind++)
        template_free(texts->templates[kind]);
    free(texts);
}

bool appointment_texts_render(const struct appointment_texts *texts, enum appointment_text kind,
                              const struct appointment_words *words, struct buffer *out,
                              struct error *error)
{
    char long_date[LOCAL_TIME_TEXT_BYTES];
    char short_date[LOCAL_TIME_TEXT_BYTES];
    char hour[LOCAL_TIME_TEXT_BYTES];

    local_time_long_date(words->start_ms, long_date);
    local_time_short_date(words->start_ms, short_date);
    local_time_hour(words->start_ms, hour);
    const struct template_variable values[VARIABLE_COUNT] = {
        [FIRST_NAME] = {variables[FIRST_NAME], words->first_name},
        [SALON] = {variables[SALON], words->salon},
        [PRESTATION] = {variables[PRESTATION], words->prestation},
        [LONG_DATE] = {variables[LONG_DATE], long_date},
        [SHORT_DATE] = {variables[SHORT_DATE], short_date},
        [HOUR] = {variables[HOUR], hour},
    };
    template_render(texts->templates[kind], values, out);
    return buffer_text(out) != NULL || error_out_of_memory(error);
}
