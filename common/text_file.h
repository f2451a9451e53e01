/*
 * Text files that a person wrote, in whatever editor: templates, stories, keys, spooled changes.
 * What an editor adds without showing it goes: the byte order mark at the beginning, and the
 * carriage return before each line feed.
 *
 * Any thread; blocks.
 */
#ifndef MESSAGERIE_COMMON_TEXT_FILE_H
#define MESSAGERIE_COMMON_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

/* Appends the file's text to *content, which is empty. False with *error (English, the path in
 * it): ERROR_INVALID when it can't be read, is longer than `max_bytes`, or is UTF-16; whether it
 * is UTF-8 is the caller's to look at. */
bool text_file_read(const char *path, size_t max_bytes, struct buffer *content,
                    struct error *error);

/* The same for what was read in another way: takes out mark and carriage returns in place. False
 * when it is UTF-16, as its own mark says. */
bool text_file_clean(struct buffer *content);

#endif
