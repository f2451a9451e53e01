/*
 * What a log has said, for tests that give it a file (memfd_create) as its descriptor.
 */
#ifndef MESSAGERIE_TESTS_UNIT_LOG_READER_H
#define MESSAGERIE_TESTS_UNIT_LOG_READER_H

#include <string.h>
#include <unistd.h>

#include "tests/unit/unit_test.h"

#define LOG_READER_BYTES 16384

/* How often the log has this text in its first LOG_READER_BYTES. */
static inline size_t count_in_log(int descriptor, const char *text)
{
    char content[LOG_READER_BYTES];
    ssize_t length = pread(descriptor, content, sizeof(content) - 1, 0);
    size_t count = 0;

    assert_true(length >= 0);
    content[length] = '\0';
    for (const char *found = content; (found = strstr(found, text)) != NULL; found++)
        count++;
    return count;
}

#endif
