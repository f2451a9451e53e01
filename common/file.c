#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Read at once. */
#define CHUNK_BYTES ((size_t)16384)

/* Straight into the buffer: one in between, or stdio's, would keep a copy of a secret. By the
 * file's size one would know how much is to come, but not of a pipe, nor of what grows meanwhile.
 */
bool file_read(int descriptor, size_t max_bytes, struct buffer *content)
{
    size_t left = max_bytes + 1;

    while (left > 0) {
        size_t wanted = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        if (!buffer_reserve(content, wanted)) {
            errno = ENOMEM;
            return false;
        }
        ssize_t count = read(descriptor, content->data + content->length, wanted);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0;
        content->length += (size_t)count;
        left -= (size_t)count;
    }
    return true;
}

bool file_read_path(const char *path, size_t max_bytes, struct buffer *content)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);

    if (descriptor < 0)
        return false;
    bool is_read = file_read(descriptor, max_bytes, content);
    int reason = errno;
    close(descriptor);
    errno = reason;
    return is_read;
}
