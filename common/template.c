#include "common/template.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text_file.h"
#include "common/utf8.h"

/* A stretch of plain text, followed by a variable unless it is the last. */
struct piece {
    size_t start, length; /* in template->text */
    int variable;         /* index into the known ones, -1 for none */
};

struct template
{
    struct buffer text;   /* the plain stretches, one after the other */
    struct buffer pieces; /* array of struct piece */
};

/* A text while it is being read. */
struct reader {
    const char *name;
    const char *at, *end;
    int line;
    const char *const *known;
    size_t known_count;
};

static int find_known(const struct reader *reader, const char *name, size_t length)
{
    for (size_t i = 0; i < reader->known_count; i++)
        if (strlen(reader->known[i]) == length && memcmp(reader->known[i], name, length) == 0)
            return (int)i;
    return -1;
}

/* Reads the name behind an opening brace. */
static bool read_variable(struct reader *reader, int *variable, struct error *error)
{
    const char *start = reader->at;
    const char *close = memchr(start, '}', (size_t)(reader->end - start));
    const char *newline = memchr(start, '\n', (size_t)(reader->end - start));

    if (close == NULL || (newline != NULL && newline < close))
        return error_set(error, ERROR_INVALID, "%s:%d: a brace is not closed (write {{ for one)",
                         reader->name, reader->line);
    *variable = find_known(reader, start, (size_t)(close - start));
    if (*variable < 0)
        return error_set(error, ERROR_INVALID, "%s:%d: unknown variable {%.*s}", reader->name,
                         reader->line, (int)(close - start), start);
    reader->at = close + 1;
    return true;
}

static void end_piece(struct template *template, size_t start, int variable)
{
    const struct piece piece = {
        .start = start, .length = template->text.length - start, .variable = variable};

    buffer_append(&template->pieces, &piece, sizeof(piece));
}

static bool read_pieces(struct reader *reader, struct template *template, struct error *error)
{
    size_t start = 0;

    while (reader->at < reader->end) {
        char byte = *reader->at++;
        int variable = -1;
        if (byte == '\n')
            reader->line++;
        if (byte != '{' || (reader->at < reader->end && *reader->at == '{')) {
            buffer_append(&template->text, &byte, 1);
            reader->at += byte == '{';
            continue;
        }
        if (!read_variable(reader, &variable, error))
            return false;
        end_piece(template, start, variable);
        start = template->text.length;
    }
    end_piece(template, start, -1);
    return !template->text.failed && !template->pieces.failed ? true : error_out_of_memory(error);
}

struct template *template_parse(const char *name, const char *text, size_t length,
                                const char *const *known, size_t known_count, struct error *error)
{
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    struct reader reader = {.name = name,
                            .at = text,
                            .end = text + length,
                            .line = 1,
                            .known = known,
                            .known_count = known_count};
    if (length == 0 || !utf8_is_valid(text, length) || memchr(text, '\0', length) != NULL) {
        error_set(error, ERROR_INVALID, "%s: the text is empty or not valid UTF-8", name);
        return NULL;
    }
    struct template *template = calloc(1, sizeof(*template));
    if (template == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    if (!read_pieces(&reader, template, error)) {
        template_free(template);
        return NULL;
    }
    return template;
}

struct template *template_load(const char *path, const char *const *known, size_t known_count,
                               struct error *error)
{
    struct buffer text = BUFFER_EMPTY;
    struct template *template = NULL;

    if (text_file_read(path, TEMPLATE_MAX_BYTES, &text, error))
        template = template_parse(path, text.data, text.length, known, known_count, error);
    buffer_free(&text);
    return template;
}

/* Appends a value, or takes back the blank before an empty one. */
static void append_value(struct buffer *out, size_t begin, const char *value)
{
    if (value != NULL && value[0] != '\0')
        buffer_append_text(out, value);
    else if (out->length > begin && out->data[out->length - 1] == ' ')
        out->length--;
}

void template_render(const struct template *template, const struct template_variable *values,
                     struct buffer *out)
{
    const struct piece *pieces = (const void *)template->pieces.data;
    size_t count = template->pieces.length / sizeof(*pieces);
    size_t begin = out->length;

    for (size_t i = 0; i < count; i++) {
        buffer_append(out, template->text.data + pieces[i].start, pieces[i].length);
        if (pieces[i].variable >= 0)
            append_value(out, begin, values[pieces[i].variable].value);
    }
}

void template_free(struct template *template)
{
    if (template == NULL)
        return;
    buffer_free(&template->text);
    buffer_free(&template->pieces);
    free(template);
}
