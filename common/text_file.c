#include "common/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES 4096

/* Of UTF-8, and of UTF-16 in either order (Unicode, section 23.8). */
static const char utf8_mark[] = {'\xef', '\xbb', '\xbf'};
static const char utf16_marks[][2] = {{'\xff', '\xfe'}, {'\xfe', '\xff'}};

static bool begins_with(const struct buffer *content, const char *mark, size_t length)
{
    return content->length >= length && memcmp(content->data, mark, length) == 0;
}

bool text_file_clean(struct buffer *content)
{
    if (begins_with(content, utf16_marks[0], sizeof(utf16_marks[0])) ||
        begins_with(content, utf16_marks[1], sizeof(utf16_marks[1])))
        return false;
    size_t from = begins_with(content, utf8_mark, sizeof(utf8_mark)) ? sizeof(utf8_mark) : 0;
    size_t to = 0;
    for (; from < content->length; from++) {
        bool ends_line = content->data[from] == '\r' && from + 1 < content->length &&
                         content->data[from + 1] == '\n';
        if (!ends_line)
            content->data[to++] = content->data[from];
    }
    content->length = to;
    return true;
}

/* Appends the content, up to a chunk more than `max_bytes`. Not by stdio, whose buffer would keep a
 * secret. */
static bool read_all(int descriptor, size_t max_bytes, struct buffer *content)
{
    char chunk[CHUNK_BYTES];
    ssize_t got;

    do {
        got = read(descriptor, chunk, sizeof(chunk));
        if (got > 0)
            buffer_append(content, chunk, (size_t)got);
    } while ((got > 0 && content->length <= max_bytes) || (got < 0 && errno == EINTR));
    explicit_bzero(chunk, sizeof(chunk));
    return got >= 0;
}

bool text_file_read(const char *path, size_t max_bytes, struct buffer *content, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);

    if (descriptor < 0)
        return error_set(error, ERROR_INVALID, "%s: cannot be read: %s", path, strerror(errno));
    bool is_read = read_all(descriptor, max_bytes, content);
    int read_errno = errno;
    close(descriptor);
    if (!is_read)
        return error_set(error, ERROR_INVALID, "%s: cannot be read: %s", path,
                         strerror(read_errno));
    if (content->failed)
        return error_out_of_memory(error);
    if (content->length > max_bytes)
        return error_set(error, ERROR_INVALID, "%s: has more than %zu bytes", path, max_bytes);
    if (!text_file_clean(content))
        return error_set(error, ERROR_INVALID, "%s: is UTF-16; save it as UTF-8", path);
    return true;
}
