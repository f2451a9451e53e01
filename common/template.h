/*
 * Short texts with variables, for what the service itself writes to people:
 *
 *   Bonjour {prenom}, votre rendez-vous {prestation} est confirmé le {date} à {heure}.
 *
 * A variable that is empty takes the blank before it along ("Bonjour {prenom}," becomes
 * "Bonjour,").
 * "{{" is a brace. White space at the text's end is dropped.
 *
 * A template is immutable; any thread.
 */
#ifndef MESSAGERIE_COMMON_TEMPLATE_H
#define MESSAGERIE_COMMON_TEMPLATE_H

#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

/* A longer file is refused. */
#define TEMPLATE_MAX_BYTES 8192

struct template;

struct template_variable {
    const char *name;  /* without braces */
    const char *value; /* NULL or "" for an empty one */
};

/* Reads a text of valid UTF-8; `known` are the names of the variables that it may use. NULL with
 * ERROR_INVALID and "NAME:LINE: …" (English), `name` being for that sentence alone, or without
 * memory. */
struct template *template_parse(const char *name, const char *text, size_t length,
                                const char *const *known, size_t known_count, struct error *error);

/* The same from a file, `path` being its name. A file that is missing is an error like others. */
struct template *template_load(const char *path, const char *const *known, size_t known_count,
                               struct error *error);

/* Appends the text; `values` in the order of `known`. */
void template_render(const struct template *template, const struct template_variable *values,
                     struct buffer *out);

/* Accepts NULL. */
void template_free(struct template *template);

#endif
