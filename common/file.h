/*
 * A whole file into memory, up to a size: what an operator or a booking back-end gave us to read.
 * Any thread.
 */
#ifndef MESSAGERIE_COMMON_FILE_H
#define MESSAGERIE_COMMON_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"

/* Appends what is left of the file. Of one that is longer than max_bytes it appends one byte more
 * than that, so that the caller sees it. False when it can't be read (errno) or without memory
 * (ENOMEM). */
bool file_read(int descriptor, size_t max_bytes, struct buffer *content);

/* The same from the beginning of the file at `path`. */
bool file_read_path(const char *path, size_t max_bytes, struct buffer *content);

#endif
