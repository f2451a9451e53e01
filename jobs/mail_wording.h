/*
 * Words of strangers on their way into a mail: names and messages may hold anything that is UTF-8.
 * Any thread.
 */
#ifndef MESSAGERIE_JOBS_MAIL_WORDING_H
#define MESSAGERIE_JOBS_MAIL_WORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

/* Longest name in a mail, in code points. */
#define MAIL_NAME_MAX_CHARACTERS 80
/* Of a short excerpt, and of a full one, in code points. */
#define MAIL_SHORT_EXCERPT_CHARACTERS 160
#define MAIL_FULL_EXCERPT_CHARACTERS  4000

/* Appends a text of one line: control characters and line ends become blanks, what changes the
 * direction of the text behind it is left out, bytes that are no UTF-8 become U+FFFD. What is
 * longer than so many code points is cut between graphemes, with "…" behind it. NULL counts as "".
 */
void mail_wording_line(const char *text, size_t max_characters, struct buffer *out);

/* The same, but lines stay lines, ended by '\n'. */
void mail_wording_lines(const char *text, size_t max_characters, struct buffer *out);

/* Appends text for HTML, between tags or quotes; '\n' becomes <br>. */
void mail_wording_escape(const char *text, struct buffer *out);

/* Appends what stands in a link behind a fixed part: all but letters, digits and -._~ as %XX. */
void mail_wording_encode(const char *text, struct buffer *out);

/* Whether it may stand in a mail as the address of a picture: http or https, ASCII without blanks,
 * quotes and brackets. */
bool mail_wording_is_link(const char *text);

/* Appends "1 nouveau message", "3 nouveaux messages". */
void mail_wording_count(int64_t count, struct buffer *out);

#endif
