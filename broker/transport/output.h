/*
 * What waits to be sent: immutable blocks of bytes, counted by reference, and the bounded queue of
 * them that every connection has. A frame that goes to a thousand sockets is one block in a
 * thousand queues.
 *
 * The first block stands in the struct itself: one message to a thousand idle sockets allocates
 * nothing for any of them, and an empty queue owns no memory.
 * Everything in this file belongs to the loop's thread.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_OUTPUT_H
#define MESSAGERIE_BROKER_TRANSPORT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest block in bytes: lengths and offsets fit 32 bits, sums of two as well. */
#define BLOCK_MAX_BYTES (1u << 30)

/* Blocks given to one system call. */
#define OUTPUT_BATCH 64

struct block {
    uint32_t references;
    uint32_t length; /* of bytes[] */
    /* The first header_length bytes frame the payload on a WebSocket; long-polling, which has a
     * framing of its own, leaves them out. */
    uint8_t header_length;
    bool is_binary; /* the payload is bytes and not text */
    char bytes[];
};

/* A new block with one reference, its bytes to be filled by the caller before anyone else gets it.
 * NULL without memory or when length is over BLOCK_MAX_BYTES. */
struct block *block_create(size_t length);

/* One more reference; returns block. */
struct block *block_reference(struct block *block);

/* One reference less; the last one frees it. Accepts NULL. */
void block_release(struct block *block);

struct output_queue;

/* All zero is an empty queue. */
struct output {
    struct block *first;        /* NULL while empty */
    struct output_queue *queue; /* what comes after it; NULL for nothing */
    uint32_t sent;              /* bytes of the first block that are out already */
};

static inline bool output_is_empty(const struct output *output)
{
    return output->first == NULL;
}

/*
 * Appends a block and takes a reference of its own. False, and nothing appended, when what waits
 * would be more than `limit` bytes, or without memory: either way the receiver will miss something,
 * and its connection has to be closed. One block of any size does not count (a long thread is one
 * event), so a queue never holds more than the limit and one block.
 */
bool output_push(struct output *output, struct block *block, size_t limit);

/* Bytes still to be sent; shared blocks count in full in each queue. */
size_t output_bytes(const struct output *output);

/* Takes out the first block, whose reference goes to the caller. NULL when empty. Not for a queue
 * that output_flush has sent a part of a block from. */
struct block *output_pop(struct output *output);

enum output_result {
    OUTPUT_SENT,    /* all of it: the queue is empty */
    OUTPUT_BLOCKED, /* the descriptor takes no more now: wait until it is writable */
    OUTPUT_FAILED,  /* the peer is gone */
};

/* Sends as much as the socket takes without waiting. */
enum output_result output_flush(struct output *output, int descriptor);

/* Drops everything. */
void output_clear(struct output *output);

#endif
