#include "common/base64url.h"

#include <nettle/base64.h>

/* nettle's decoder knows padding, and skips white space. */
static bool is_of_alphabet(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

bool base64url_decode(const char *text, size_t length, unsigned char *out, size_t *out_length)
{
    struct base64_decode_ctx context;
    unsigned char rest[BASE64_DECODE_LENGTH(2)];
    size_t rest_length = 0;

    for (size_t i = 0; i < length; i++)
        if (!is_of_alphabet(text[i]))
            return false;
    base64url_decode_init(&context);
    *out_length = length;
    if (!base64_decode_update(&context, out_length, out, length, text))
        return false;
    /* With the padding that is left out, it checks the bits behind the last byte. */
    return (length % 4 == 0 ||
            (length % 4 >= 2 &&
             base64_decode_update(&context, &rest_length, rest, 4 - length % 4, "=="))) &&
           base64_decode_final(&context);
}

void base64url_append(struct buffer *out, const void *bytes, size_t length)
{
    size_t encoded_length = BASE64_ENCODE_RAW_LENGTH(length);
    struct base64_encode_ctx context;

    if (!buffer_reserve(out, encoded_length + BASE64_ENCODE_FINAL_LENGTH))
        return;
    base64url_encode_init(&context);
    char *at = out->data + out->length;
    size_t written = base64_encode_update(&context, at, length, bytes);
    written += base64_encode_final(&context, at + written);
    while (written > 0 && at[written - 1] == '=')
        written--;
    out->length += written;
}
