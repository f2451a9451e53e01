/*
 * Addresses of clients, as limits count them and as configuration names networks. However an
 * address is written (with a port, in brackets, IPv6 in any of its spellings, IPv4 inside IPv6), it
 * has one text here. Of an IPv6 address that is its network of 64 bits: whoever has one address of
 * it has all (RFC 6177).
 *
 * No memory of its own; any thread.
 */
#ifndef MESSAGERIE_COMMON_ADDRESS_H
#define MESSAGERIE_COMMON_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address as text, with NUL. */
#define ADDRESS_BYTES 64
/* The text of a peer that has none, as it came through a unix socket. */
#define ADDRESS_UNIX "unix"

/* Writes the one text of the address in text[0..length): "203.0.113.8", "2001:db8:1:2::/64". False,
 * and *out untouched, when it is none. */
bool address_normalize(const char *text, size_t length, char out[ADDRESS_BYTES]);

/* A network, or the peers on unix sockets. */
struct address_network {
    uint8_t bytes[16]; /* IPv4 as IPv6 (RFC 4291 section 2.5.5.2) */
    uint8_t prefix;    /* leading bits that count, of 128 */
    bool is_unix;
};

/* Reads "unix", "127.0.0.0/8", "::1" (one address). False when it is none. */
bool address_network_parse(const char *text, struct address_network *network);

/* A socket's peer, `family` and the bytes of its address; AF_UNIX has none. */
bool address_network_contains(const struct address_network *network, int family, const void *bytes);

/* The last entry of X-Forwarded-For, whose lines are given as the last one: the one that the proxy
 * in front has appended. False when it is no address. */
bool address_of_forwarded(const char *header, char out[ADDRESS_BYTES]);

#endif
