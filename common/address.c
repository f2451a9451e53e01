#include "common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Of IPv4 inside IPv6. */
#define MAPPED_BITS 96
#define ALL_BITS    128
/* What one household or office gets of IPv6 at least. */
#define CLIENT_BITS 64

static const uint8_t mapped_prefix[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

static void map_ipv4(const void *ipv4, uint8_t bytes[16])
{
    memcpy(bytes, mapped_prefix, sizeof(mapped_prefix));
    memcpy(bytes + sizeof(mapped_prefix), ipv4, 4);
}

static bool is_mapped(const uint8_t bytes[16])
{
    return memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

/* IPv4 or IPv6 and nothing else, into the form of the latter. */
static bool read_address(const char *text, uint8_t bytes[16])
{
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (inet_pton(AF_INET, text, &ipv4) == 1) {
        map_ipv4(&ipv4, bytes);
        return true;
    }
    if (inet_pton(AF_INET6, text, &ipv6) != 1)
        return false;
    memcpy(bytes, &ipv6, 16);
    return true;
}

/* Cuts off quotes (RFC 7239), brackets, a port, the zone of a link-local address. */
static void strip(char *text)
{
    size_t length = strlen(text);

    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        memmove(text, text + 1, length - 1);
    }
    if (text[0] == '[') {
        memmove(text, text + 1, strlen(text));
        text[strcspn(text, "]")] = '\0';
    } else {
        char *colon = strchr(text, ':');
        if (colon != NULL && strchr(colon + 1, ':') == NULL) /* a second one: IPv6 */
            *colon = '\0';
    }
    text[strcspn(text, "%")] = '\0';
}

bool address_normalize(const char *text, size_t length, char out[ADDRESS_BYTES])
{
    char stripped[ADDRESS_BYTES];
    uint8_t bytes[16];

    if (length == 0 || length >= sizeof(stripped))
        return false;
    memcpy(stripped, text, length);
    stripped[length] = '\0';
    strip(stripped);
    if (!read_address(stripped, bytes))
        return false;
    if (is_mapped(bytes))
        return inet_ntop(AF_INET, bytes + sizeof(mapped_prefix), out, ADDRESS_BYTES) != NULL;
    memset(bytes + CLIENT_BITS / 8, 0, (ALL_BITS - CLIENT_BITS) / 8);
    inet_ntop(AF_INET6, bytes, out, ADDRESS_BYTES);
    snprintf(out + strlen(out), ADDRESS_BYTES - strlen(out), "/%d", CLIENT_BITS);
    return true;
}

bool address_network_parse(const char *text, struct address_network *network)
{
    struct address_network read = {.prefix = ALL_BITS, .is_unix = strcmp(text, ADDRESS_UNIX) == 0};
    char address[ADDRESS_BYTES];
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);

    if (read.is_unix) {
        *network = read;
        return true;
    }
    if (length >= sizeof(address))
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (!read_address(address, read.bytes))
        return false;
    if (slash != NULL) {
        bool is_ipv4 = strchr(address, ':') == NULL;
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > (is_ipv4 ? 32 : ALL_BITS))
            return false;
        read.prefix = (uint8_t)(is_ipv4 ? bits + MAPPED_BITS : bits);
    }
    *network = read;
    return true;
}

static bool bits_are_equal(const uint8_t *one, const uint8_t *other, unsigned bits)
{
    unsigned rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);

    return memcmp(one, other, bits / 8) == 0 &&
           (rest == 0 || ((one[bits / 8] ^ other[bits / 8]) & mask) == 0);
}

bool address_network_contains(const struct address_network *network, int family, const void *bytes)
{
    uint8_t address[16];

    if (network->is_unix || family == AF_UNIX)
        return network->is_unix && family == AF_UNIX;
    if (family == AF_INET)
        map_ipv4(bytes, address);
    else if (family == AF_INET6)
        memcpy(address, bytes, sizeof(address));
    else
        return false;
    return bits_are_equal(network->bytes, address, network->prefix);
}

bool address_of_forwarded(const char *header, char out[ADDRESS_BYTES])
{
    const char *comma = strrchr(header, ',');
    const char *start = comma != NULL ? comma + 1 : header;

    start += strspn(start, " \t");
    return address_normalize(start, strcspn(start, " \t"), out);
}
