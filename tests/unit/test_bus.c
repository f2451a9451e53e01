#include "tests/unit/unit_test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>

#include "common/bus.h"
#include "tests/unit/wait.h"

/* How long a condition is waited for before the test fails; reaching it takes far less. */
#define PATIENCE_MS 20000
#define STEP_MS     5

/* nanomsg 1.1.5 loses the endpoint when it cannot bind, which tests here bring about. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:nn_bipc_create\nleak:nn_btcp_create\n";
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

struct fixture {
    char directory[64];
    char paths[2][128]; /* of the ipc sockets */
    struct config_list addresses;
    struct bus_sender *sender;
    struct bus_receiver *receivers[2];
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (fixture == NULL)
        return -1;
    *state = fixture;
    strcpy(fixture->directory, "/tmp/messagerie-bus-XXXXXX");
    if (mkdtemp(fixture->directory) == NULL)
        return -1;
    for (int i = 0; i < 2; i++) {
        char *item = fixture->addresses.storage + 256 * i;
        snprintf(fixture->paths[i], sizeof(fixture->paths[i]), "%s/%d.ipc", fixture->directory, i);
        snprintf(item, 256, "ipc://%s", fixture->paths[i]);
        fixture->addresses.items[i] = item;
    }
    fixture->addresses.count = 1;
    error_clear(&fixture->error);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    bus_sender_free(fixture->sender);
    for (int i = 0; i < 2; i++) {
        bus_receiver_free(fixture->receivers[i]);
        unlink(fixture->paths[i]);
    }
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

static void make_sender(struct fixture *fixture)
{
    fixture->sender = bus_sender_create(&fixture->addresses, &fixture->error);
    if (fixture->sender == NULL)
        fail_msg("%s", fixture->error.text);
}

static void make_receiver(struct fixture *fixture, int index)
{
    fixture->receivers[index] =
        bus_receiver_create(fixture->addresses.items[index], &fixture->error);
    if (fixture->receivers[index] == NULL)
        fail_msg("%s", fixture->error.text);
}

static void send_seq(struct fixture *fixture, int64_t seq)
{
    static const char payload[] = "{\"text\":\"été\"}";

    bus_send(fixture->sender,
             &(struct event){seq, "c:room", "new-message", payload, strlen(payload)});
}

/* The seq of the next event; 0 when none comes in time. */
static int64_t receive_seq(struct bus_receiver *receiver, int wait_ms)
{
    struct pollfd poll_descriptor = {.fd = bus_receiver_descriptor(receiver), .events = POLLIN};
    struct event event;

    poll(&poll_descriptor, 1, wait_ms);
    enum bus_result result = bus_receive(receiver, &event);
    if (result == BUS_EMPTY)
        return 0;
    assert_int_equal(result, BUS_EVENT);
    return event.seq;
}

/* Sends from *seq on until one arrives, as the sender connects in its own time. Afterwards *seq is
 * behind the last sent, and what was sent meanwhile has been received. */
static void connect_both(struct fixture *fixture, int index, int64_t *seq)
{
    int64_t received = 0;

    WAIT_UNTIL(received > 0, (send_seq(fixture, (*seq)++),
                              received = receive_seq(fixture->receivers[index], STEP_MS)));
    while (received < *seq - 1) {
        int64_t next = receive_seq(fixture->receivers[index], PATIENCE_MS);
        assert_true(next > received);
        received = next;
    }
}

/* ---- tests ---- */

static void an_event_arrives_as_it_was_sent(void **state)
{
    struct fixture *fixture = *state;
    struct event event;
    int64_t seq = 1;

    make_receiver(fixture, 0);
    make_sender(fixture);
    connect_both(fixture, 0, &seq);
    struct pollfd poll_descriptor = {.fd = bus_receiver_descriptor(fixture->receivers[0]),
                                     .events = POLLIN};
    assert_int_equal(poll(&poll_descriptor, 1, 0), 0);
    assert_int_equal(bus_receive(fixture->receivers[0], &event), BUS_EMPTY);

    send_seq(fixture, 77);
    assert_int_equal(poll(&poll_descriptor, 1, PATIENCE_MS), 1);
    assert_int_equal(poll(&poll_descriptor, 1, 0), 1); /* level-triggered */
    assert_int_equal(bus_receive(fixture->receivers[0], &event), BUS_EVENT);
    assert_int_equal(event.seq, 77);
    assert_string_equal(event.audience, "c:room");
    assert_string_equal(event.name, "new-message");
    assert_int_equal(event.payload_length, strlen("{\"text\":\"été\"}"));
    assert_memory_equal(event.payload, "{\"text\":\"été\"}", event.payload_length);
    assert_int_equal(bus_receive(fixture->receivers[0], &event), BUS_EMPTY);
}

static void events_arrive_in_order(void **state)
{
    struct fixture *fixture = *state;
    int64_t seq = 1;

    make_receiver(fixture, 0);
    make_sender(fixture);
    connect_both(fixture, 0, &seq);
    for (int round = 0; round < 200; round++) {
        int64_t first = seq;
        for (int i = 0; i < 20; i++)
            send_seq(fixture, seq++);
        for (int64_t expected = first; expected < seq; expected++)
            assert_int_equal(receive_seq(fixture->receivers[0], PATIENCE_MS), expected);
    }
}

static void a_sender_may_come_first(void **state)
{
    struct fixture *fixture = *state;
    int64_t seq = 1;

    make_sender(fixture);
    while (seq <= 10)
        send_seq(fixture, seq++);
    assert_int_equal(bus_sender_dropped(fixture->sender), 10);
    make_receiver(fixture, 0);
    connect_both(fixture, 0, &seq);
}

static void a_receiver_that_starts_again_gets_what_comes_then(void **state)
{
    struct fixture *fixture = *state;
    int64_t seq = 1;

    make_receiver(fixture, 0);
    make_sender(fixture);
    for (int restart = 0; restart < 3; restart++) {
        connect_both(fixture, 0, &seq);
        bus_receiver_free(fixture->receivers[0]);
        fixture->receivers[0] = NULL;
        uint64_t dropped = bus_sender_dropped(fixture->sender);
        WAIT_UNTIL(bus_sender_dropped(fixture->sender) > dropped,
                   (send_seq(fixture, seq++), wait_a_moment()));
        make_receiver(fixture, 0);
    }
    connect_both(fixture, 0, &seq);
}

/* A receiver that does not read: sending goes on without waiting, what does not fit is counted, and
 * all else arrives in order. */
static void a_receiver_that_does_not_read_holds_up_nobody(void **state)
{
    struct fixture *fixture = *state;
    int64_t seq = 1;
    int64_t received = 0;
    uint64_t arrived = 0;

    make_receiver(fixture, 0);
    make_sender(fixture);
    connect_both(fixture, 0, &seq);
    uint64_t dropped_before = bus_sender_dropped(fixture->sender);
    int64_t first = seq;
    while (bus_sender_dropped(fixture->sender) < dropped_before + 1000) {
        send_seq(fixture, seq++);
        assert_true(seq - first < 1000000);
    }
    uint64_t sent = (uint64_t)(seq - first);
    uint64_t dropped = bus_sender_dropped(fixture->sender) - dropped_before;
    assert_true(sent - dropped >= 100); /* the queue that the header promises is there */
    while (arrived < sent - dropped) {
        int64_t next = receive_seq(fixture->receivers[0], PATIENCE_MS);
        assert_true(next > received);
        received = next;
        arrived++;
    }
    assert_int_equal(receive_seq(fixture->receivers[0], 0), 0);
    connect_both(fixture, 0, &seq);
}

static void each_of_two_brokers_gets_every_event(void **state)
{
    struct fixture *fixture = *state;
    int64_t seq = 1;

    fixture->addresses.count = 2;
    make_receiver(fixture, 1);
    make_sender(fixture);
    connect_both(fixture, 1, &seq);
    /* The first broker is not there: each event was dropped for it. */
    assert_true(bus_sender_dropped(fixture->sender) >= (uint64_t)seq - 1);
    make_receiver(fixture, 0);
    connect_both(fixture, 0, &seq);
    int64_t last = seq++;
    send_seq(fixture, last);
    for (int i = 0; i < 2; i++) {
        int64_t received;
        do
            received = receive_seq(fixture->receivers[i], PATIENCE_MS);
        while (received != 0 && received != last);
        assert_int_equal(received, last);
    }
}

static void the_longest_event_arrives_and_a_longer_one_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    size_t head = strlen("1000000\nc:room\nn\n");
    size_t room = BUS_EVENT_MAX_BYTES - head;
    char *payload = malloc(room + 1);
    struct event event = {1000000, "c:room", "n", payload, room};
    int64_t seq = 1;

    assert_non_null(payload);
    memset(payload, 'x', room + 1);
    make_receiver(fixture, 0);
    make_sender(fixture);
    connect_both(fixture, 0, &seq);
    uint64_t dropped = bus_sender_dropped(fixture->sender);
    event.payload_length = room + 1;
    bus_send(fixture->sender, &event);
    assert_int_equal(bus_sender_dropped(fixture->sender), dropped + 1);
    event.payload_length = room;
    bus_send(fixture->sender, &event);
    assert_int_equal(bus_sender_dropped(fixture->sender), dropped + 1);
    assert_int_equal(receive_seq(fixture->receivers[0], PATIENCE_MS), 1000000);
    connect_both(fixture, 0, &seq);
    free(payload);
}

static void what_is_no_event_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct event event;
    struct pollfd poll_descriptor = {.events = POLLIN};

    make_receiver(fixture, 0);
    poll_descriptor.fd = bus_receiver_descriptor(fixture->receivers[0]);
    int stranger = nn_socket(AF_SP, NN_PUSH);
    assert_true(stranger >= 0);
    assert_true(nn_connect(stranger, fixture->addresses.items[0]) >= 0);
    assert_int_equal(nn_send(stranger, "garbage", 7, 0), 7);
    assert_int_equal(nn_send(stranger, "", 0, 0), 0);
    assert_int_equal(nn_send(stranger, "5\nu:x\nn\n{}", 10, 0), 10);
    assert_int_equal(poll(&poll_descriptor, 1, PATIENCE_MS), 1);
    assert_int_equal(bus_receive(fixture->receivers[0], &event), BUS_MALFORMED);
    assert_int_equal(poll(&poll_descriptor, 1, PATIENCE_MS), 1);
    assert_int_equal(bus_receive(fixture->receivers[0], &event), BUS_MALFORMED);
    assert_int_equal(receive_seq(fixture->receivers[0], PATIENCE_MS), 5);
    nn_close(stranger);
}

static void without_brokers_nothing_is_sent(void **state)
{
    struct fixture *fixture = *state;

    fixture->addresses.count = 0;
    make_sender(fixture);
    send_seq(fixture, 1);
    assert_int_equal(bus_sender_dropped(fixture->sender), 0);
}

static void a_bad_address_is_refused(void **state)
{
    static const char *const wrong[] = {"x", "", "nosuch://x", "tcp://x", "tcp://127.0.0.1:x"};
    struct fixture *fixture = *state;

    fixture->addresses.count = 2;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        strcpy(fixture->addresses.items[1], wrong[i]);
        error_clear(&fixture->error);
        assert_null(bus_sender_create(&fixture->addresses, &fixture->error));
        assert_int_equal(fixture->error.kind, ERROR_INVALID);
        assert_non_null(strstr(fixture->error.text, "bus address"));
        error_clear(&fixture->error);
        assert_null(bus_receiver_create(wrong[i], &fixture->error));
        assert_int_equal(fixture->error.kind, ERROR_INVALID);
    }
    assert_null(bus_receiver_create("ipc:///nowhere/at/all.ipc", &fixture->error));
    assert_non_null(strstr(fixture->error.text, "/nowhere/at/all.ipc"));
}

static void an_address_in_use_is_refused(void **state)
{
    struct fixture *fixture = *state;

    make_receiver(fixture, 0);
    assert_null(bus_receiver_create(fixture->addresses.items[0], &fixture->error));
    assert_non_null(strstr(fixture->error.text, "in use"));
}

static void only_owner_and_group_may_send(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;

    make_receiver(fixture, 0);
    assert_int_equal(stat(fixture->paths[0], &status), 0);
    assert_int_equal(status.st_mode & 0777, BUS_SOCKET_MODE);
}

static void nothing_can_be_freed(void **state)
{
    (void)state;
    bus_sender_free(NULL);
    bus_receiver_free(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_arrives_as_it_was_sent),
        TEST(events_arrive_in_order),
        TEST(a_sender_may_come_first),
        TEST(a_receiver_that_starts_again_gets_what_comes_then),
        TEST(a_receiver_that_does_not_read_holds_up_nobody),
        TEST(each_of_two_brokers_gets_every_event),
        TEST(the_longest_event_arrives_and_a_longer_one_is_dropped),
        TEST(what_is_no_event_is_dropped),
        TEST(without_brokers_nothing_is_sent),
        TEST(a_bad_address_is_refused),
        TEST(an_address_in_use_is_refused),
        TEST(only_owner_and_group_may_send),
        TEST(nothing_can_be_freed),
    };

    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
