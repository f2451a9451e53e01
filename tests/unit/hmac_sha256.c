#include "tests/unit/hmac_sha256.h"

#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES 64

struct sha256 {
    uint32_t state[8];
    unsigned char block[BLOCK_BYTES];
    size_t filled;
    uint64_t total;
};

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static void expand(const unsigned char block[BLOCK_BYTES], uint32_t words[64])
{
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                   (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t low = rotate(words[i - 15], 7) ^ rotate(words[i - 15], 18) ^ words[i - 15] >> 3;
        uint32_t high = rotate(words[i - 2], 17) ^ rotate(words[i - 2], 19) ^ words[i - 2] >> 10;
        words[i] = words[i - 16] + low + words[i - 7] + high;
    }
}

static void compress(uint32_t state[8], const unsigned char block[BLOCK_BYTES])
{
    uint32_t words[64];
    uint32_t work[8];

    expand(block, words);
    memcpy(work, state, sizeof(work));
    for (int i = 0; i < 64; i++) {
        uint32_t high = rotate(work[4], 6) ^ rotate(work[4], 11) ^ rotate(work[4], 25);
        uint32_t choice = (work[4] & work[5]) ^ (~work[4] & work[6]);
        uint32_t first = work[7] + high + choice + round_constants[i] + words[i];
        uint32_t low = rotate(work[0], 2) ^ rotate(work[0], 13) ^ rotate(work[0], 22);
        uint32_t majority = (work[0] & work[1]) ^ (work[0] & work[2]) ^ (work[1] & work[2]);
        memmove(work + 1, work, 7 * sizeof(work[0]));
        work[4] += first;
        work[0] = first + low + majority;
    }
    for (int i = 0; i < 8; i++)
        state[i] += work[i];
}

static void begin(struct sha256 *hash)
{
    *hash = (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                      0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

static void update(struct sha256 *hash, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;

    hash->total += length;
    for (; length > 0; length--) {
        hash->block[hash->filled++] = *from++;
        if (hash->filled == BLOCK_BYTES) {
            compress(hash->state, hash->block);
            hash->filled = 0;
        }
    }
}

static void finish(struct sha256 *hash, unsigned char out[SHA256_BYTES])
{
    uint64_t bits = hash->total * 8;
    unsigned char length[8];

    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    update(hash, "\x80", 1);
    while (hash->filled != BLOCK_BYTES - sizeof(length))
        update(hash, "", 1);
    update(hash, length, sizeof(length));
    for (int i = 0; i < SHA256_BYTES; i++)
        out[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void hmac_sha256(const char *key, const char *message, size_t length,
                 unsigned char out[SHA256_BYTES])
{
    unsigned char inner[BLOCK_BYTES] = {0};
    unsigned char outer[BLOCK_BYTES];
    struct sha256 hash;

    for (size_t i = 0; key[i] != '\0'; i++)
        inner[i] = (unsigned char)key[i];
    for (int i = 0; i < BLOCK_BYTES; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    begin(&hash);
    update(&hash, inner, sizeof(inner));
    update(&hash, message, length);
    finish(&hash, out);
    begin(&hash);
    update(&hash, outer, sizeof(outer));
    update(&hash, out, SHA256_BYTES);
    finish(&hash, out);
}
