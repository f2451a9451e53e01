/*
 * The counters' text.
 */
#include "tests/unit/unit_test.h"

#include "broker/metrics.h"

static void a_histogram_counts_cumulatively(void **state)
{
    struct metrics metrics = {0};
    const struct metrics_gauges gauges = {.users = 7};
    struct buffer page = BUFFER_EMPTY;

    (void)state;
    histogram_observe(&metrics.commit, 0);
    histogram_observe(&metrics.commit, 2);
    histogram_observe(&metrics.commit, 3);
    histogram_observe(&metrics.commit, 100000);
    metrics_write(&metrics, &gauges, &page);
    const char *text = buffer_text(&page);
    assert_non_null(strstr(text, "\nmessagerie_broker_commit_seconds_bucket{le=\"0.001\"} 1\n"));
    assert_non_null(strstr(text, "\nmessagerie_broker_commit_seconds_bucket{le=\"0.002\"} 2\n"));
    assert_non_null(strstr(text, "\nmessagerie_broker_commit_seconds_bucket{le=\"2.5\"} 3\n"));
    assert_non_null(strstr(text, "\nmessagerie_broker_commit_seconds_bucket{le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(text, "\nmessagerie_broker_commit_seconds_count 4\n"));
    assert_non_null(strstr(text, "\nmessagerie_broker_commit_seconds_sum 100.005\n"));
    assert_non_null(strstr(text, "\n# TYPE messagerie_broker_users gauge\n"
                                 "messagerie_broker_users 7\n"));
    buffer_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_histogram_counts_cumulatively),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
