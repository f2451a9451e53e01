/*
 * The worker and the feed, with a real loop and a real database: every event once, in order,
 * whatever is lost, doubled or out of turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/feed.h"
#include "broker/worker.h"
#include "common/container.h"
#include "db/database.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/wait.h"

#define EVENTS_MAX   4096
#define TURN_WAIT_MS 20

/* A database of the fixture, and beside it a worker on the same file and a feed. */
struct bench {
    struct fixture *fixture;
    struct services services;
    struct loop *loop;
    struct worker *worker;
    struct feed *feed;
    int64_t seen[EVENTS_MAX];
    size_t seen_count;
    bool drops_own; /* own events are lost before they reach the feed */
    int replacements;
};

static void on_event(void *owner, const struct event *event, int64_t waited_ms)
{
    struct bench *bench = owner;

    assert_true(waited_ms >= 0);
    assert_true(bench->seen_count < EVENTS_MAX);
    assert_int_equal(event->payload[event->payload_length], '\0');
    bench->seen[bench->seen_count++] = event->seq;
}

static void on_own_event(void *owner, const struct event *event)
{
    struct bench *bench = owner;

    if (!bench->drops_own)
        feed_accept(bench->feed, event);
}

static void on_replaced(void *owner)
{
    ((struct bench *)owner)->replacements++;
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    void *fixture;
    struct error error;

    assert_non_null(bench);
    assert_int_equal(fixture_set_up(&fixture), 0);
    bench->fixture = fixture;
    bench->services = bench->fixture->services;
    bench->services.clock = &clock_system;
    error_clear(&error);
    bench->loop = loop_create(&bench->services, &error);
    assert_non_null(bench->loop);
    const struct worker_options worker = {.loop = bench->loop,
                                          .database = {.path = bench->fixture->path,
                                                       .readers = 2,
                                                       .busy_timeout_ms = 5000,
                                                       .outbox_retention_ms = 86400000,
                                                       .outbox_max_rows = 1000000},
                                          .readers = 2,
                                          .on_event = on_own_event,
                                          .owner = bench};
    bench->worker = worker_create(&worker, &error);
    assert_non_null(bench->worker);
    const struct feed_options feed = {.loop = bench->loop,
                                      .worker = bench->worker,
                                      .on_event = on_event,
                                      .on_replaced = on_replaced,
                                      .owner = bench};
    bench->feed = feed_create(&feed);
    assert_non_null(bench->feed);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    void *fixture = bench->fixture;

    worker_free(bench->worker);
    feed_free(bench->feed);
    loop_free(bench->loop);
    free(bench);
    return fixture_tear_down(&fixture);
}

static void turn_until(struct bench *bench, bool (*is_true)(struct bench *bench))
{
    WAIT_UNTIL(is_true(bench), assert_true(loop_turn(bench->loop, TURN_WAIT_MS)));
}

/* ---- waiting ------------------------------------------------------------------------------- */

struct waiting {
    struct feed_waiter waiter;
    bool called;
    bool reached;
};

static void on_reached(struct feed_waiter *waiter, bool reached)
{
    struct waiting *waiting = CONTAINER_OF(waiter, struct waiting, waiter);

    assert_false(waiting->called);
    waiting->called = true;
    waiting->reached = reached;
}

static struct waiting *wait_for(struct bench *bench, struct waiting *waiting, int64_t seq)
{
    *waiting = (struct waiting){.waiter = {.seq = seq, .on_reached = on_reached}};
    feed_wait(bench->feed, &waiting->waiter);
    return waiting;
}

/* Enters, and turns until the feed has begun. */
static void enter(struct bench *bench)
{
    struct waiting waiting;

    feed_enter(bench->feed);
    wait_for(bench, &waiting, 0);
    WAIT_UNTIL(waiting.called, assert_true(loop_turn(bench->loop, TURN_WAIT_MS)));
    assert_true(waiting.reached);
}

static int64_t newest(struct bench *bench)
{
    return fixture_number(bench->fixture, "SELECT COALESCE(MAX(seq), 0) FROM outbox");
}

static bool has_seen_all(struct bench *bench)
{
    return feed_position(bench->feed) == newest(bench);
}

static void assert_seen(const struct bench *bench, int64_t first, int64_t last)
{
    assert_int_equal(bench->seen_count, last - first + 1);
    for (size_t i = 0; i < bench->seen_count; i++)
        assert_int_equal(bench->seen[i], first + (int64_t)i);
}

static void accept(struct bench *bench, int64_t seq)
{
    const struct event event = {
        .seq = seq, .audience = "u:s1", .name = "test", .payload = "{}", .payload_length = 2};

    feed_accept(bench->feed, &event);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void begins_with_what_is_newest(void **state)
{
    struct bench *bench = *state;

    fixture_send(bench->fixture, fixture_conversation(bench->fixture), salon("s1"), "avant");
    accept(bench, 1); /* nobody is there */
    enter(bench);
    assert_int_equal(feed_position(bench->feed), newest(bench));
    assert_int_equal(bench->seen_count, 0);
}

static void events_out_of_turn_are_put_in_order(void **state)
{
    struct bench *bench = *state;

    enter(bench);
    accept(bench, 3);
    accept(bench, 2);
    accept(bench, 2);
    assert_int_equal(bench->seen_count, 0);
    accept(bench, 1);
    accept(bench, 1);
    accept(bench, 4);
    accept(bench, 3);
    assert_seen(bench, 1, 4);
    assert_int_equal(feed_statistics(bench->feed)->healed, 0);
}

static void what_was_lost_is_read_from_the_outbox(void **state)
{
    struct bench *bench = *state;

    enter(bench);
    fixture_send(bench->fixture, fixture_conversation(bench->fixture), salon("s1"), "perdu");
    turn_until(bench, has_seen_all);
    assert_seen(bench, 1, newest(bench));
    assert_int_equal(feed_statistics(bench->feed)->healed, newest(bench));
}

static void a_long_absence_is_healed_in_slices(void **state)
{
    struct bench *bench = *state;

    enter(bench);
    fixture_execute(bench->fixture,
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                    " INSERT INTO outbox (seq, audience, name, payload, created_at)"
                    " SELECT i, 'u:s1', 'test', '{}', 0 FROM n");
    accept(bench, 3000);
    accept(bench, 2);
    turn_until(bench, has_seen_all);
    assert_seen(bench, 1, 3000);
}

static void blanked_events_count_as_seen(void **state)
{
    struct bench *bench = *state;

    enter(bench);
    fixture_execute(bench->fixture, "INSERT INTO outbox (seq, audience, name, payload, created_at)"
                                    " VALUES (1, 'u:s1', 'a', '{}', 0), (2, 'u:s1', 'b', '', 0),"
                                    " (3, 'u:s1', 'c', '{}', 0)");
    turn_until(bench, has_seen_all);
    assert_int_equal(bench->seen_count, 2);
    assert_int_equal(bench->seen[1], 3);
}

static void pruned_events_are_skipped(void **state)
{
    struct bench *bench = *state;

    enter(bench);
    accept(bench, 7);
    fixture_execute(bench->fixture, "INSERT INTO outbox (seq, audience, name, payload, created_at)"
                                    " VALUES (5, 'u:s1', 'a', '{}', 0), (6, 'u:s1', 'b', '{}', 0),"
                                    " (7, 'u:s1', 'b', '{}', 0)");
    bench->fixture->log.level = LOG_LEVEL_ERROR;
    turn_until(bench, has_seen_all);
    assert_seen(bench, 5, 7);
    assert_int_equal(feed_statistics(bench->feed)->skipped, 4);
}

static void note_cancelled(struct feed_waiter *waiter, bool reached)
{
    if (!reached)
        waiter->seq = 0;
}

static void a_replaced_database_is_followed(void **state)
{
    struct bench *bench = *state;
    struct feed_waiter waiter = {.seq = 3, .on_reached = note_cancelled};

    enter(bench);
    accept(bench, 1);
    accept(bench, 2);
    feed_wait(bench->feed, &waiter);
    turn_until(bench, has_seen_all); /* the table is empty: back to 0 */
    assert_int_equal(feed_position(bench->feed), 0);
    assert_int_equal(bench->replacements, 1);
    assert_int_equal(waiter.seq, 0); /* nobody waits for a number of the other one */
}

static struct message_create sending;
static struct message_input input = {.content = "Bonjour", .type = MESSAGE_TEXT};
static bool is_sent;

static void on_sent(struct worker_request *request)
{
    assert_true(request->succeeded);
    assert_true(request->waited_ms >= 0);
    is_sent = true;
}

static bool has_sent(struct bench *bench)
{
    (void)bench;
    return is_sent;
}

static void send_own(struct bench *bench)
{
    struct buffer json = BUFFER_EMPTY;
    struct worker_request request = {.operation = message_create(&sending), .on_done = on_sent};

    sending = (struct message_create){.conversation_id = bench->fixture->conversation_id,
                                      .caller = salon("s1"),
                                      .input = &input,
                                      .config = &bench->fixture->config,
                                      .json = &json};
    is_sent = false;
    worker_write(bench->worker, &request);
    assert_int_equal(worker_pending(bench->worker), 1);
    turn_until(bench, has_sent);
    assert_int_equal(worker_pending(bench->worker), 0);
    buffer_free(&json);
}

static void own_events_come_before_the_result(void **state)
{
    struct bench *bench = *state;

    fixture_conversation(bench->fixture);
    enter(bench);
    int64_t before = newest(bench);
    send_own(bench);
    int64_t own = newest(bench);
    assert_seen(bench, before + 1, own);
    /* On a busy machine the look at the table may have been faster than the thread that tells. */
    uint64_t healed = feed_statistics(bench->feed)->healed;
    bench->drops_own = true;
    send_own(bench);
    turn_until(bench, has_seen_all);
    assert_seen(bench, before + 1, newest(bench));
    assert_int_equal(feed_statistics(bench->feed)->healed,
                     healed + (uint64_t)(newest(bench) - own));
}

static void waiters_are_told_in_time(void **state)
{
    struct bench *bench = *state;
    struct waiting past;
    struct waiting third;
    struct waiting never;

    enter(bench);
    wait_for(bench, &third, 3);
    wait_for(bench, &never, 100);
    accept(bench, 1);
    assert_true(wait_for(bench, &past, 1)->called);
    accept(bench, 2);
    assert_false(third.called);
    accept(bench, 3);
    assert_true(third.called && third.reached);
    feed_cancel(bench->feed);
    assert_true(never.called && !never.reached);
}

static void nothing_is_read_while_nobody_is_there(void **state)
{
    struct bench *bench = *state;

    enter(bench);
    feed_enter(bench->feed);
    feed_leave(bench->feed);
    accept(bench, 1);
    assert_int_equal(bench->seen_count, 1);
    feed_leave(bench->feed);
    accept(bench, 2);
    fixture_send(bench->fixture, fixture_conversation(bench->fixture), salon("s1"), "perdu");
    assert_int_equal(bench->seen_count, 1);
    enter(bench);
    assert_int_equal(feed_position(bench->feed), newest(bench));
    assert_int_equal(bench->seen_count, 1);
}

DATABASE_QUERY(refuse, void);

bool refuse_run(struct connection *connection, void *argument, struct error *error)
{
    (void)connection;
    (void)argument;
    return error_set(error, ERROR_NOT_FOUND, "Introuvable");
}

static void on_refused(struct worker_request *request)
{
    assert_false(request->succeeded);
    assert_int_equal(request->job.error.kind, ERROR_NOT_FOUND);
    is_sent = true;
}

static void a_request_fails_with_its_reason(void **state)
{
    struct bench *bench = *state;
    struct worker_request request = {.query = refuse(NULL), .on_done = on_refused};

    is_sent = false;
    worker_read(bench->worker, &request);
    turn_until(bench, has_sent);
}

/* Is freed while requests are under way: all are answered. */
static int answered;

static void on_answered(struct worker_request *request)
{
    answered++;
    free(request);
}

static void ending_answers_everybody(void **state)
{
    struct bench *bench = *state;
    static struct unread_state argument[64];

    answered = 0;
    for (int i = 0; i < 64; i++) {
        struct worker_request *request = calloc(1, sizeof(*request));
        assert_non_null(request);
        argument[i].user_id = "s1";
        request->query = unread_state(&argument[i]);
        request->on_done = on_answered;
        worker_read(bench->worker, request);
    }
    worker_free(bench->worker);
    bench->worker = NULL;
    assert_int_equal(answered, 64);
}

#define FEED_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEED_TEST(begins_with_what_is_newest),
        FEED_TEST(events_out_of_turn_are_put_in_order),
        FEED_TEST(what_was_lost_is_read_from_the_outbox),
        FEED_TEST(a_long_absence_is_healed_in_slices),
        FEED_TEST(blanked_events_count_as_seen),
        FEED_TEST(pruned_events_are_skipped),
        FEED_TEST(a_replaced_database_is_followed),
        FEED_TEST(own_events_come_before_the_result),
        FEED_TEST(waiters_are_told_in_time),
        FEED_TEST(nothing_is_read_while_nobody_is_there),
        FEED_TEST(a_request_fails_with_its_reason),
        FEED_TEST(ending_answers_everybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
