#include "db/erasure_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/grapheme.h"
#include "db/engine/statement.h"
#include "db/input.h"

/* ---- names in texts ------------------------------------------------------------------------ */

/* Whether a byte of UTF-8 begins a letter: all the alphabets of two bytes but for the signs of
 * Latin-1, such as the no-break space and quotation marks, count as letters. */
static bool begins_letter(char byte)
{
    unsigned char value = (unsigned char)byte;

    return isalnum(value) || (value >= 0xc3 && value <= 0xdf);
}

static bool follows_letter(const char *text, const char *at)
{
    if (at == text)
        return false;
    do
        at--;
    while (at > text && ((unsigned char)*at & 0xc0) == 0x80);
    return begins_letter(*at);
}

/* The length of the longest of the names that stands at `at` as a word, 0 for none. The longest, or
 * else "Anne-Marie" would leave its end behind when "Anne" is a name, too. */
static size_t name_at(const struct buffer *names, const char *text, const char *at)
{
    const char *end = names->data + names->length;
    size_t longest = 0;

    if (follows_letter(text, at))
        return 0;
    for (const char *name = names->data; name < end; name += strlen(name) + 1) {
        size_t length = strlen(name);
        if (length > longest && strncmp(at, name, length) == 0 && !begins_letter(at[length]))
            longest = length;
    }
    return longest;
}

bool erasure_append_without(const struct buffer *names, const char *text, struct buffer *out)
{
    bool found = false;

    for (const char *at = text; *at != '\0';) {
        size_t length = name_at(names, text, at);
        if (length > 0) {
            buffer_append_text(out, ERASED_TEXT);
            at += length;
            found = true;
        } else {
            buffer_append(out, at++, 1);
        }
    }
    return found;
}

/* ---- reading meanwhile --------------------------------------------------------------------- */

/* Of those of the two who are being erased, each with its NUL. */
static bool read_names(struct connection *connection, const char *salon_id,
                       const char *client_user_id, struct buffer *names, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_ERASURE_NAMES);

    bind_text(statement, 1, salon_id);
    bind_text(statement, 2, client_user_id);
    return statement_append_texts(statement, "", names, error);
}

bool erasure_read_text(struct connection *connection, const char *salon_id,
                       const char *client_user_id, const char *text, struct buffer *out,
                       struct error *error)
{
    struct buffer names = BUFFER_EMPTY;
    bool succeeded = read_names(connection, salon_id, client_user_id, &names, error);

    if (succeeded) {
        erasure_append_without(&names, text, out);
        succeeded = buffer_text(out) != NULL || error_out_of_memory(error);
    }
    buffer_free(&names);
    return succeeded;
}

bool erasure_clean_subject(struct connection *connection, const char *salon_id,
                           const char *client_user_id, char *subject, size_t size,
                           struct error *error)
{
    struct buffer erased = BUFFER_EMPTY;
    bool succeeded =
        erasure_read_text(connection, salon_id, client_user_id, subject, &erased, error);

    if (succeeded && strcmp(buffer_text(&erased), subject) != 0) {
        /* What takes the place of a name may be longer than it was. */
        erased.length = grapheme_prefix_bytes(erased.data, SUBJECT_MAX_CHARACTERS);
        snprintf(subject, size, "%s", buffer_text(&erased));
    }
    buffer_free(&erased);
    return succeeded;
}

bool erasure_is_under_way(struct connection *connection, const char *user_id, bool *is_under_way,
                          struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_ERASURE_IS_UNDER_WAY);

    bind_text(statement, 1, user_id);
    return statement_has_row(statement, is_under_way, error);
}
