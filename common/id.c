#include "common/id.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"

#define UUID_BYTES     16
#define UUID_TIME_BITS 48

void id_make(const struct clock *clock, const struct random_source *random, char out[ID_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char uuid[UUID_BYTES];
    int64_t now = clock_wall_ms(clock);
    uint64_t time_ms = now > 0 ? (uint64_t)now : 0;

    random_fill(random, uuid, sizeof(uuid));
    for (int i = 0; i < UUID_TIME_BITS / 8; i++)
        uuid[i] = (unsigned char)(time_ms >> (UUID_TIME_BITS - 8 * (i + 1)));
    uuid[6] = (unsigned char)(0x70 | (uuid[6] & 0x0f)); /* version 7 */
    uuid[8] = (unsigned char)(0x80 | (uuid[8] & 0x3f)); /* variant 10 */

    char *end = out;
    for (size_t i = 0; i < sizeof(uuid); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *end++ = '-';
        *end++ = hex[uuid[i] >> 4];
        *end++ = hex[uuid[i] & 0x0f];
    }
    *end = '\0';
}

bool foreign_id_is_valid(const char *text)
{
    size_t length = strnlen(text, FOREIGN_ID_MAX_BYTES + 1);

    return length >= 1 && length <= FOREIGN_ID_MAX_BYTES && utf8_is_valid(text, length) &&
           !utf8_has_control(text);
}
