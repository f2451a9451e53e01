#include "broker/transport/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/assert.h"

#define INITIAL_CAPACITY 4

/* A ring of the blocks behind the first; it exists only while there are any. */
struct output_queue {
    size_t bytes;               /* of all of them */
    const struct block *exempt; /* the one that does not count for the limit, or NULL */
    uint32_t first;             /* index of its first one in blocks[] */
    uint32_t count;
    uint32_t capacity; /* a power of two */
    struct block *blocks[];
};

struct block *block_create(size_t length)
{
    if (length > BLOCK_MAX_BYTES)
        return NULL;
    struct block *block = malloc(sizeof(*block) + length);
    if (block == NULL)
        return NULL;
    block->references = 1;
    block->length = (uint32_t)length;
    block->header_length = 0;
    block->is_binary = false;
    return block;
}

struct block *block_reference(struct block *block)
{
    ASSERT(block->references > 0);
    block->references++;
    return block;
}

void block_release(struct block *block)
{
    if (block == NULL)
        return;
    ASSERT(block->references > 0);
    if (--block->references == 0)
        free(block);
}

static struct block *queue_at(const struct output_queue *queue, uint32_t position)
{
    return queue->blocks[(queue->first + position) & (queue->capacity - 1)];
}

/* A copy with room for more, its blocks from index 0 on. The old one is freed. */
static struct output_queue *queue_grow(struct output_queue *old)
{
    uint32_t capacity = old != NULL ? old->capacity * 2 : INITIAL_CAPACITY;
    struct output_queue *queue = malloc(sizeof(*queue) + capacity * sizeof(queue->blocks[0]));

    if (queue == NULL)
        return NULL;
    *queue = old != NULL ? *old : (struct output_queue){0};
    queue->first = 0;
    queue->capacity = capacity;
    for (uint32_t i = 0; i < queue->count; i++)
        queue->blocks[i] = queue_at(old, i);
    free(old);
    return queue;
}

/* Bytes of a block that is queued and of which a part may be out. */
static size_t bytes_left(const struct output *output, const struct block *block)
{
    return block->length - (block == output->first ? output->sent : 0);
}

/* The block that does not count once `block` is queued, too; the one there is stays it. */
static const struct block *choose_exempt(const struct output *output, const struct block *block)
{
    if (output->queue && output->queue->exempt)
        return output->queue->exempt;
    return bytes_left(output, output->first) > block->length ? output->first : block;
}

/* Whether the queue would be within the limit with one more block; *exempt is then the one that it
 * does not count, if that was needed. */
static bool has_room(const struct output *output, const struct block *block, size_t limit,
                     const struct block **exempt)
{
    size_t bytes = output_bytes(output) + block->length;

    *exempt = output->queue ? output->queue->exempt : NULL;
    if (!*exempt && bytes <= limit)
        return true;
    *exempt = choose_exempt(output, block);
    return bytes - bytes_left(output, *exempt) <= limit;
}

bool output_push(struct output *output, struct block *block, size_t limit)
{
    struct output_queue *queue = output->queue;
    const struct block *exempt;

    if (output_is_empty(output)) {
        output->first = block_reference(block);
        return true;
    }
    if (!has_room(output, block, limit, &exempt))
        return false;
    if (queue == NULL || queue->count == queue->capacity) {
        queue = queue_grow(queue);
        if (queue == NULL)
            return false;
        output->queue = queue;
    }
    queue->exempt = exempt;
    queue->blocks[(queue->first + queue->count) & (queue->capacity - 1)] = block_reference(block);
    queue->count++;
    queue->bytes += block->length;
    return true;
}

size_t output_bytes(const struct output *output)
{
    size_t bytes = output->queue != NULL ? output->queue->bytes : 0;

    return output->first != NULL ? bytes + output->first->length - output->sent : 0;
}

/* Takes the first block out of the ring; NULL without one. */
static struct block *queue_pop(struct output *output)
{
    struct output_queue *queue = output->queue;

    if (queue == NULL)
        return NULL;
    struct block *block = queue_at(queue, 0);
    queue->bytes -= block->length;
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    /* Nearly always: a client that keeps up owns no memory for output. */
    if (--queue->count == 0) {
        free(queue);
        output->queue = NULL;
    }
    return block;
}

/* Takes out the first block, whether or not a part of it is out already. */
static struct block *take_first(struct output *output)
{
    struct block *block = output->first;

    if (output->queue && output->queue->exempt == block)
        output->queue->exempt = NULL;
    output->first = queue_pop(output);
    output->sent = 0;
    return block;
}

struct block *output_pop(struct output *output)
{
    ASSERT(output->sent == 0);
    return take_first(output);
}

/* Takes `sent` bytes off the front, and every block that is out whole. */
static void advance(struct output *output, size_t sent)
{
    while (!output_is_empty(output)) {
        size_t rest = output->first->length - output->sent;

        if (sent < rest) {
            output->sent += (uint32_t)sent;
            return;
        }
        sent -= rest;
        block_release(take_first(output));
    }
}

/* send(), but without being a point of cancellation, for which glibc 2.36 has a program with
 * threads pay two atomic operations every time. Sanitizers check what send() is given, and so get
 * it. */
static ssize_t send_bytes(int descriptor, const char *bytes, size_t length)
{
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;

#ifdef SANITIZED
    return send(descriptor, bytes, length, flags);
#else
    return syscall(SYS_sendto, descriptor, bytes, length, flags, NULL, 0);
#endif
}

/* Most of what is sent is one block: this costs less than sendmsg. */
static ssize_t send_first(const struct output *output, int descriptor)
{
    const struct block *block = output->first;

    return send_bytes(descriptor, block->bytes + output->sent, block->length - output->sent);
}

static ssize_t send_several(const struct output *output, int descriptor)
{
    const struct output_queue *queue = output->queue;
    struct iovec parts[OUTPUT_BATCH];
    struct msghdr message = {.msg_iov = parts};

    parts[message.msg_iovlen++] =
        (struct iovec){output->first->bytes + output->sent, output->first->length - output->sent};
    for (uint32_t i = 0; i < queue->count && message.msg_iovlen < OUTPUT_BATCH; i++) {
        struct block *block = queue_at(queue, i);

        parts[message.msg_iovlen++] = (struct iovec){block->bytes, block->length};
    }
    return sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t send_batch(const struct output *output, int descriptor)
{
    ssize_t sent;

    do {
        sent = output->queue != NULL ? send_several(output, descriptor)
                                     : send_first(output, descriptor);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

/* Until the system takes no more, also after a part was taken: only EAGAIN promises that epoll will
 * tell when there is room. */
enum output_result output_flush(struct output *output, int descriptor)
{
    while (!output_is_empty(output)) {
        ssize_t sent = send_batch(output, descriptor);

        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? OUTPUT_BLOCKED : OUTPUT_FAILED;
        advance(output, (size_t)sent);
    }
    return OUTPUT_SENT;
}

void output_clear(struct output *output)
{
    while (!output_is_empty(output))
        block_release(take_first(output));
}
