/*
 * A growable run of bytes. Failure is sticky: after an allocation failed, appending does nothing
 * and `failed` stays true until buffer_clear, so that writers check once, at the end.
 * A buffer belongs to one thread at a time.
 */
#ifndef MESSAGERIE_COMMON_BUFFER_H
#define MESSAGERIE_COMMON_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* NULL while nothing was appended; not NUL-terminated, see buffer_text */
    size_t length;
    size_t capacity;
    bool failed;
};

/* All zero is an empty buffer. */
#define BUFFER_EMPTY ((struct buffer){0})

/* Makes room for `extra` more bytes; false (and failed) without memory. */
bool buffer_reserve(struct buffer *buffer, size_t extra);

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The content with a NUL behind it, valid until the next change; NULL when failed. */
const char *buffer_text(struct buffer *buffer);

/* Empties it and keeps its memory. */
void buffer_clear(struct buffer *buffer);

/* Frees its memory and makes it BUFFER_EMPTY. */
void buffer_free(struct buffer *buffer);

#endif
