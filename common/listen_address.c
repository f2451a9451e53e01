#include "common/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX        65535
#define PORT_DIGITS_MAX 5

/* Splits "ADDRESS:PORT" or "[ADDRESS]:PORT". */
static bool split(const char *text, char host[INET6_ADDRSTRLEN], const char **port)
{
    const char *colon = strrchr(text, ':');

    if (colon == NULL || colon == text)
        return false;
    bool has_brackets = text[0] == '[' && colon[-1] == ']';
    const char *start = has_brackets ? text + 1 : text;
    size_t length = (size_t)(colon - start) - (has_brackets ? 1 : 0);
    if (length == 0 || length >= INET6_ADDRSTRLEN)
        return false;
    memcpy(host, start, length);
    host[length] = '\0';
    *port = colon + 1;
    return true;
}

/* getaddrinfo takes the port 70000 for 4464, which nobody means. */
static bool parse_port(const char *text, in_port_t *port)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > PORT_DIGITS_MAX || text[digits] != '\0')
        return false;
    long number = strtol(text, NULL, 10);
    *port = htons((uint16_t)number);
    return number <= PORT_MAX;
}

static bool parse_host(const char *host, in_port_t port, struct listen_address *out)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&out->internet;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&out->internet;

    if (inet_pton(AF_INET, host, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = port;
        out->length = sizeof(*ipv4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &ipv6->sin6_addr) == 1) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = port;
        out->length = sizeof(*ipv6);
        return true;
    }
    return false;
}

bool listen_address_parse(const char *text, struct listen_address *out, struct error *error)
{
    char host[INET6_ADDRSTRLEN];
    const char *port_text;
    in_port_t port;

    *out = (struct listen_address){.path = NULL};
    if (strncmp(text, LISTEN_UNIX_PREFIX, strlen(LISTEN_UNIX_PREFIX)) == 0) {
        out->path = text + strlen(LISTEN_UNIX_PREFIX);
        return true;
    }
    if (!split(text, host, &port_text))
        return error_set(error, ERROR_INVALID, "expected ADDRESS:PORT or unix:PATH");
    if (!parse_port(port_text, &port))
        return error_set(error, ERROR_INVALID, "a port is a number from 0 to %d", PORT_MAX);
    if (!parse_host(host, port, out))
        return error_set(error, ERROR_INVALID, "\"%s\" is no numeric address", host);
    return true;
}

uint16_t listen_address_port(const struct listen_address *address)
{
    switch (address->internet.ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)&address->internet)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)&address->internet)->sin6_port);
    default:
        return 0;
    }
}

void listen_address_set_port(struct listen_address *address, uint16_t port)
{
    if (address->internet.ss_family == AF_INET)
        ((struct sockaddr_in *)&address->internet)->sin_port = htons(port);
    else if (address->internet.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address->internet)->sin6_port = htons(port);
}

static enum listen_reach ipv4_reach(uint32_t address)
{
    if (address >> 24 == 127)
        return LISTEN_MACHINE;
    if (address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 ||
        address >> 16 == 0xa9fe)
        return LISTEN_NETWORK;
    return LISTEN_WORLD;
}

static enum listen_reach ipv6_reach(const struct in6_addr *address)
{
    uint32_t last;

    memcpy(&last, &address->s6_addr[12], sizeof(last));
    if (IN6_IS_ADDR_V4MAPPED(address))
        return ipv4_reach(ntohl(last));
    if (IN6_IS_ADDR_LOOPBACK(address))
        return LISTEN_MACHINE;
    if (IN6_IS_ADDR_LINKLOCAL(address) || (address->s6_addr[0] & 0xfe) == 0xfc)
        return LISTEN_NETWORK;
    return LISTEN_WORLD;
}

enum listen_reach listen_address_reach(const struct listen_address *address)
{
    switch (address->internet.ss_family) {
    case AF_INET:
        return ipv4_reach(ntohl(((const struct sockaddr_in *)&address->internet)->sin_addr.s_addr));
    case AF_INET6:
        return ipv6_reach(&((const struct sockaddr_in6 *)&address->internet)->sin6_addr);
    default:
        return LISTEN_MACHINE;
    }
}
