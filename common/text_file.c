#include "common/text_file.h"

#include <errno.h>
#include <string.h>

#include "common/file.h"

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

bool text_file_read(const char *path, size_t max_bytes, struct buffer *content, struct error *error)
{
    if (!file_read_path(path, max_bytes, content))
        return errno == ENOMEM ? error_out_of_memory(error)
                               : error_set(error, ERROR_INVALID, "%s: cannot be read: %s", path,
                                           strerror(errno));
    if (content->length > max_bytes)
        return error_set(error, ERROR_INVALID, "%s: has more than %zu bytes", path, max_bytes);
    if (!text_file_clean(content))
        return error_set(error, ERROR_INVALID, "%s: is UTF-16; save it as UTF-8", path);
    return true;
}
