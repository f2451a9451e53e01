#include "tests/unit/unit_test.h"

#include <stdio.h>

#include "common/event_batch.h"
#include "tests/unit/failing_malloc.h"

static bool add(struct event_batch *batch, int64_t seq, const char *audience, const char *payload)
{
    return event_batch_add(batch,
                           &(struct event){seq, audience, "new-message", payload, strlen(payload)});
}

static void check(const struct event_batch *batch, size_t index, int64_t seq, const char *audience,
                  const char *payload)
{
    struct event event;

    event_batch_at(batch, index, &event);
    assert_int_equal(event.seq, seq);
    assert_string_equal(event.audience, audience);
    assert_string_equal(event.name, "new-message");
    assert_int_equal(event.payload_length, strlen(payload));
    assert_string_equal(event.payload, payload);
}

static void events_stay_what_they_were_while_the_batch_grows(void **state)
{
    struct event_batch batch = {0};
    char audience[16];

    (void)state;
    assert_int_equal(event_batch_count(&batch), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(audience, sizeof(audience), "u:%d", i);
        assert_true(add(&batch, i + 1, audience, i % 2 == 0 ? "{\"a\":1}" : ""));
    }
    assert_int_equal(event_batch_count(&batch), 1000);
    check(&batch, 0, 1, "u:0", "{\"a\":1}");
    check(&batch, 999, 1000, "u:999", "");
    event_batch_free(&batch);
    assert_int_equal(event_batch_count(&batch), 0);
}

static void sorting_keeps_the_oldest(void **state)
{
    struct event_batch batch = {0};

    (void)state;
    event_batch_sort(&batch, 2);
    add(&batch, 7, "u:c", "{}");
    add(&batch, 3, "u:a", "{}");
    add(&batch, 5, "u:b", "{}");
    event_batch_sort(&batch, 3);
    assert_int_equal(event_batch_count(&batch), 3);
    event_batch_sort(&batch, 2);
    assert_int_equal(event_batch_count(&batch), 2);
    check(&batch, 0, 3, "u:a", "{}");
    check(&batch, 1, 5, "u:b", "{}");
    event_batch_free(&batch);
}

static void cutting_back_forgets_what_was_added_since(void **state)
{
    struct event_batch batch = {0};

    (void)state;
    add(&batch, 1, "u:a", "{}");
    struct event_batch_mark mark = event_batch_mark(&batch);
    add(&batch, 2, "u:b", "{}");
    add(&batch, 3, "u:c", "{}");
    event_batch_cut_back(&batch, mark);
    assert_int_equal(event_batch_count(&batch), 1);
    add(&batch, 4, "u:d", "{\"b\":2}");
    check(&batch, 0, 1, "u:a", "{}");
    check(&batch, 1, 4, "u:d", "{\"b\":2}");
    event_batch_clear(&batch);
    assert_int_equal(event_batch_count(&batch), 0);
    event_batch_free(&batch);
}

#if FAILING_MALLOC_WORKS
static bool add_and_give_up(void *context)
{
    struct event_batch batch = {0};
    struct event_batch_mark mark = event_batch_mark(&batch);
    bool succeeded = add(&batch, 1, "u:a", context) && add(&batch, 2, "u:b", context);

    event_batch_cut_back(&batch, mark);
    assert_int_equal(event_batch_count(&batch), 0);
    if (add(&batch, 3, "u:c", "{}"))
        check(&batch, 0, 3, "u:c", "{}");
    event_batch_free(&batch);
    return succeeded;
}

static void a_lack_of_memory_is_over_once_it_is_cut_back(void **state)
{
    static char large[4096];

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    run_with_failing_malloc(add_and_give_up, large, false);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_stay_what_they_were_while_the_batch_grows),
        cmocka_unit_test(sorting_keeps_the_oldest),
        cmocka_unit_test(cutting_back_forgets_what_was_added_since),
#if FAILING_MALLOC_WORKS
        cmocka_unit_test(a_lack_of_memory_is_over_once_it_is_cut_back),
#endif
    };

    return cmocka_run_group_tests_name("event_batch", tests, NULL, NULL);
}
