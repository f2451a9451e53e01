#include "broker/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define INITIAL_CAPACITY 4

/* A ring of blocks; it exists only while there are any. */
struct output_queue {
    size_t bytes;   /* still to be sent */
    uint32_t sent;  /* bytes of the first block that are out already */
    uint32_t first; /* index of the first block */
    uint32_t count;
    uint32_t capacity; /* a power of two */
    struct block *blocks[];
};

struct block *block_create(size_t length)
{
    if (length > BLOCK_MAX_BYTES)
        return NULL;
    struct block *block = malloc(sizeof(*block) + length);
    if (!block)
        return NULL;
    block->references = 1;
    block->length = (uint32_t)length;
    block->header_length = 0;
    block->is_binary = false;
    return block;
}

struct block *block_reference(struct block *block)
{
    block->references++;
    return block;
}

void block_release(struct block *block)
{
    if (block && --block->references == 0)
        free(block);
}

static struct block *queue_at(const struct output_queue *queue, uint32_t position)
{
    return queue->blocks[(queue->first + position) & (queue->capacity - 1)];
}

/* A copy with room for more, its blocks from index 0 on. The old one is freed. */
static struct output_queue *queue_grow(struct output_queue *old)
{
    uint32_t capacity = old ? old->capacity * 2 : INITIAL_CAPACITY;
    struct output_queue *queue = malloc(sizeof(*queue) + capacity * sizeof(queue->blocks[0]));

    if (!queue)
        return NULL;
    *queue = old ? *old : (struct output_queue){0};
    queue->first = 0;
    queue->capacity = capacity;
    for (uint32_t i = 0; i < queue->count; i++)
        queue->blocks[i] = queue_at(old, i);
    free(old);
    return queue;
}

bool output_push(struct output *output, struct block *block, size_t limit)
{
    struct output_queue *queue = output->queue;

    if (queue && queue->bytes + block->length > limit)
        return false;
    if (!queue || queue->count == queue->capacity) {
        queue = queue_grow(queue);
        if (!queue)
            return false;
        output->queue = queue;
    }
    queue->blocks[(queue->first + queue->count) & (queue->capacity - 1)] = block_reference(block);
    queue->count++;
    queue->bytes += block->length;
    return true;
}

size_t output_bytes(const struct output *output)
{
    return output->queue ? output->queue->bytes : 0;
}

struct block *output_pop(struct output *output)
{
    struct output_queue *queue = output->queue;

    if (!queue)
        return NULL;
    struct block *block = queue_at(queue, 0);
    queue->bytes -= block->length - queue->sent;
    queue->sent = 0;
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    if (--queue->count == 0) {
        free(queue);
        output->queue = NULL;
    }
    return block;
}

/* Takes `sent` bytes off the front, and every block that is out whole. */
static void advance(struct output *output, size_t sent)
{
    while (output->queue) {
        struct output_queue *queue = output->queue;
        size_t rest = queue_at(queue, 0)->length - queue->sent;

        if (sent < rest) {
            queue->sent += (uint32_t)sent;
            queue->bytes -= sent;
            return;
        }
        sent -= rest;
        block_release(output_pop(output));
    }
}

/* Most of what is sent is one block: send costs less than sendmsg. */
static ssize_t send_first(const struct output_queue *queue, int descriptor)
{
    const struct block *block = queue_at(queue, 0);

    return send(descriptor, block->bytes + queue->sent, block->length - queue->sent,
                MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t send_several(const struct output_queue *queue, int descriptor)
{
    struct iovec parts[OUTPUT_BATCH];
    struct msghdr message = {.msg_iov = parts};

    for (uint32_t i = 0; i < queue->count && i < OUTPUT_BATCH; i++) {
        struct block *block = queue_at(queue, i);
        uint32_t skip = i == 0 ? queue->sent : 0;

        parts[i].iov_base = block->bytes + skip;
        parts[i].iov_len = block->length - skip;
        message.msg_iovlen++;
    }
    return sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t send_batch(const struct output_queue *queue, int descriptor)
{
    ssize_t sent;

    do {
        sent = queue->count == 1 ? send_first(queue, descriptor) : send_several(queue, descriptor);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

enum output_result output_flush(struct output *output, int descriptor)
{
    while (output->queue) {
        ssize_t sent = send_batch(output->queue, descriptor);

        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? OUTPUT_BLOCKED : OUTPUT_FAILED;
        advance(output, (size_t)sent);
    }
    return OUTPUT_SENT;
}

void output_clear(struct output *output)
{
    while (output->queue)
        block_release(output_pop(output));
}
