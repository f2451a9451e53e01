#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/transport/output.h"
#include "tests/unit/failing_malloc.h"

static struct block *make_block(const char *text)
{
    struct block *block = block_create(strlen(text));

    assert_non_null(block);
    memcpy(block->bytes, text, strlen(text));
    return block;
}

static void push_text(struct output *output, const char *text)
{
    struct block *block = make_block(text);

    assert_true(output_push(output, block, SIZE_MAX));
    block_release(block);
}

/* Two connected sockets, the first of which takes few bytes at a time. */
static void open_pair(int descriptors[2])
{
    int size = 4096;

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, descriptors), 0);
    assert_int_equal(setsockopt(descriptors[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

static void close_pair(int descriptors[2])
{
    close(descriptors[0]);
    close(descriptors[1]);
}

static void a_block_is_shared_by_reference(void **state)
{
    struct output first = {0}, second = {0};
    struct block *block = make_block("shared");

    (void)state;
    assert_int_equal(block->references, 1);
    assert_true(output_push(&first, block, SIZE_MAX));
    assert_true(output_push(&second, block, SIZE_MAX));
    assert_int_equal(block->references, 3);
    output_clear(&first);
    assert_int_equal(block->references, 2);
    assert_true(output_is_empty(&first));
    struct block *popped = output_pop(&second);
    assert_ptr_equal(popped, block);
    assert_true(output_is_empty(&second));
    assert_null(output_pop(&second));
    block_release(popped);
    block_release(block);
    block_release(NULL);
}

static void a_block_that_is_too_long_is_none(void **state)
{
    (void)state;
    assert_null(block_create((size_t)BLOCK_MAX_BYTES + 1));
    assert_null(block_create(SIZE_MAX));
}

static void a_queue_holds_the_limit_and_one_block(void **state)
{
    struct output output = {0};
    struct block *block = make_block("0123456789");

    (void)state;
    /* An empty queue takes anything; of two, one does not count. */
    assert_true(output_push(&output, block, 5));
    assert_false(output_push(&output, block, 5));
    assert_false(output_push(&output, block, 9));
    assert_int_equal(output_bytes(&output), 10);
    assert_true(output_push(&output, block, 10));
    assert_int_equal(output_bytes(&output), 20);
    assert_false(output_push(&output, block, 19));
    assert_int_equal(block->references, 3);
    output_clear(&output);
    assert_int_equal(output_bytes(&output), 0);
    block_release(block);
}

static void one_block_of_any_size_waits_and_the_rest_is_counted(void **state)
{
    struct output output = {0};
    static char text[1001];
    struct block *small = make_block("0123456789");

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    struct block *large = make_block(text);
    assert_true(output_push(&output, small, 30));
    assert_true(output_push(&output, large, 30));
    assert_false(output_push(&output, large, 30)); /* a second one counts */
    assert_true(output_push(&output, small, 30));
    assert_true(output_push(&output, small, 30));
    assert_false(output_push(&output, small, 30));
    block_release(output_pop(&output));
    assert_true(output_push(&output, small, 30)); /* the large one is the first, and still exempt */
    assert_false(output_push(&output, small, 30));
    block_release(output_pop(&output));
    assert_false(output_push(&output, small, 29));
    assert_true(output_push(&output, large, 30)); /* its turn again */
    assert_int_equal(output_bytes(&output), 3 * 10 + 1000);
    output_clear(&output);
    block_release(small);
    block_release(large);
}

static void a_large_first_block_is_the_one_that_does_not_count(void **state)
{
    struct output output = {0};
    static char text[1001];
    struct block *small = make_block("0123456789");

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    push_text(&output, text);
    for (int i = 0; i < 3; i++)
        assert_true(output_push(&output, small, 30));
    assert_false(output_push(&output, small, 30));
    output_clear(&output);
    block_release(small);
}

static void one_block_allocates_nothing(void **state)
{
    struct output output = {0};

    (void)state;
    push_text(&output, "one");
    assert_null(output.queue);
    push_text(&output, "two");
    assert_non_null(output.queue);
    output_clear(&output);
    assert_null(output.queue);
}

/* What has been sent of the first block no longer counts. */
static void what_is_sent_does_not_count_for_the_limit(void **state)
{
    struct output output = {0};
    static char text[50001];
    int descriptors[2];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    open_pair(descriptors);
    push_text(&output, text);
    assert_int_equal(output_flush(&output, descriptors[0]), OUTPUT_BLOCKED);
    size_t left = output_bytes(&output);
    assert_in_range(left, 1, sizeof(text) - 2);
    struct block *block = make_block(text);
    assert_false(output_push(&output, block, left - 1));
    assert_true(output_push(&output, block, left));
    assert_int_equal(output_bytes(&output), left + sizeof(text) - 1);
    block_release(block);
    output_clear(&output);
    close_pair(descriptors);
}

/* In the order pushed, whatever the ring does inside. */
static void blocks_keep_their_order(void **state)
{
    struct output output = {0};
    int pushed = 0, popped = 0;
    char text[16];

    (void)state;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 1 + round % 7; i++) {
            snprintf(text, sizeof(text), "%08d", pushed++);
            push_text(&output, text);
        }
        for (int i = 0; i < 1 + round % 5 && popped < pushed; i++) {
            struct block *block = output_pop(&output);

            snprintf(text, sizeof(text), "%08d", popped++);
            assert_int_equal(block->length, 8);
            assert_memory_equal(block->bytes, text, 8);
            block_release(block);
        }
        assert_int_equal(output_bytes(&output), 8 * (pushed - popped));
    }
    output_clear(&output);
}

/* More blocks than one system call takes, of all lengths, to a peer that reads in small pieces. */
static void what_was_not_taken_is_sent_later(void **state)
{
    struct output output = {0};
    int descriptors[2];
    static char sent[300 * 300], received[sizeof(sent)], text[301];
    size_t sent_length = 0, received_length = 0;
    enum output_result result;
    int blocked = 0;

    (void)state;
    open_pair(descriptors);
    for (size_t length = 0; length < 300; length++) {
        memset(text, (int)('a' + length % 26), length);
        text[length] = '\0';
        push_text(&output, text);
        memcpy(sent + sent_length, text, length);
        sent_length += length;
    }
    do {
        result = output_flush(&output, descriptors[0]);
        assert_int_not_equal(result, OUTPUT_FAILED);
        blocked += result == OUTPUT_BLOCKED;
        ssize_t count = recv(descriptors[1], received + received_length, 777, 0);
        if (count > 0)
            received_length += (size_t)count;
        if (received_length < sent_length)
            assert_true(output_bytes(&output) <= sent_length - received_length);
    } while (result != OUTPUT_SENT);
    for (ssize_t count = 1; count > 0; received_length += count > 0 ? (size_t)count : 0)
        count = recv(descriptors[1], received + received_length, sizeof(received), 0);
    assert_true(blocked > 3);
    assert_int_equal(received_length, sent_length);
    assert_memory_equal(received, sent, sent_length);
    assert_true(output_is_empty(&output));
    close_pair(descriptors);
}

static void nothing_to_send_is_sent_at_once(void **state)
{
    struct output output = {0};

    (void)state;
    /* No system call: the descriptor does not even exist. */
    assert_int_equal(output_flush(&output, -1), OUTPUT_SENT);
    int descriptors[2];
    open_pair(descriptors);
    push_text(&output, "");
    assert_int_equal(output_flush(&output, descriptors[0]), OUTPUT_SENT);
    for (int i = 0; i < 3; i++) {
        push_text(&output, "x");
        push_text(&output, "");
    }
    assert_int_equal(output_flush(&output, descriptors[0]), OUTPUT_SENT);
    assert_int_equal(output_bytes(&output), 0);
    assert_true(output_is_empty(&output));
    close_pair(descriptors);
}

static void a_peer_that_is_gone_is_a_failure(void **state)
{
    struct output output = {0};
    int descriptors[2];

    (void)state;
    open_pair(descriptors);
    close(descriptors[1]);
    push_text(&output, "lost");
    assert_int_equal(output_flush(&output, descriptors[0]), OUTPUT_FAILED);
    output_clear(&output);
    close(descriptors[0]);
}

#if FAILING_MALLOC_WORKS
static bool push_many(void *context)
{
    struct output output = {0};
    bool succeeded = true;

    (void)context;
    for (int i = 0; i < 20 && succeeded; i++) {
        struct block *block = block_create(10);

        size_t before = output_bytes(&output);
        succeeded = block != NULL && output_push(&output, block, SIZE_MAX);
        assert_int_equal(output_bytes(&output), before + (succeeded ? 10 : 0));
        block_release(block);
    }
    output_clear(&output);
    return succeeded;
}

static void a_push_without_memory_leaves_the_queue_as_it_was(void **state)
{
    (void)state;
    run_with_failing_malloc(push_many, NULL, false);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_shared_by_reference),
        cmocka_unit_test(a_block_that_is_too_long_is_none),
        cmocka_unit_test(a_queue_holds_the_limit_and_one_block),
        cmocka_unit_test(one_block_of_any_size_waits_and_the_rest_is_counted),
        cmocka_unit_test(a_large_first_block_is_the_one_that_does_not_count),
        cmocka_unit_test(one_block_allocates_nothing),
        cmocka_unit_test(what_is_sent_does_not_count_for_the_limit),
        cmocka_unit_test(blocks_keep_their_order),
        cmocka_unit_test(what_was_not_taken_is_sent_later),
        cmocka_unit_test(nothing_to_send_is_sent_at_once),
        cmocka_unit_test(a_peer_that_is_gone_is_a_failure),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(a_push_without_memory_leaves_the_queue_as_it_was),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
