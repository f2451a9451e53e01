/*
 * What happens in one millisecond keeps its order: the clock of the fixture stands still, as on a
 * machine that is so fast that all of this takes less than one.
 */
#include <stdlib.h>
#include <string.h>

#include "db/privacy.h"
#include "tests/unit/db_fixture.h"

enum { CONVERSATIONS = 25, PAGE = 4 };

/* The conversations in the order in which their list should have them. */
struct model {
    char ids[CONVERSATIONS][ID_BYTES];
};

static void move_to_top(struct model *model, int index)
{
    char id[ID_BYTES];

    memcpy(id, model->ids[index], ID_BYTES);
    memmove(model->ids[1], model->ids[0], (size_t)index * ID_BYTES);
    memcpy(model->ids[0], id, ID_BYTES);
}

static void add_on_top(struct model *model, const char *id)
{
    memcpy(model->ids[CONVERSATIONS - 1], id, ID_BYTES);
    move_to_top(model, CONVERSATIONS - 1);
}

static void send_to(struct fixture *fixture, struct model *model, int index)
{
    fixture_send(fixture, model->ids[index], client("c1"), "Bonjour");
    move_to_top(model, index);
}

static void fill(struct fixture *fixture, struct model *model)
{
    memset(model, 0, sizeof(*model));
    for (int i = 0; i < CONVERSATIONS; i++)
        add_on_top(model, fixture_conversation(fixture));
}

static void assert_list(struct fixture *fixture, struct caller caller, const struct model *model)
{
    struct buffer listed = BUFFER_EMPTY;
    struct buffer expected = BUFFER_EMPTY;

    for (int page = 1; page <= CONVERSATIONS / PAGE + 1; page++)
        fixture_list(fixture, caller, page, PAGE, &listed);
    for (int i = 0; i < CONVERSATIONS; i++)
        buffer_append_format(&expected, "%s\n", model->ids[i]);
    assert_string_equal(buffer_text(&listed), buffer_text(&expected));
    buffer_free(&listed);
    buffer_free(&expected);
}

static void assert_lists(struct fixture *fixture, const struct model *model)
{
    assert_list(fixture, salon("s1"), model);
    assert_list(fixture, client("c1"), model);
    fixture_verify(fixture);
}

static void conversations_are_listed_in_the_order_of_commits(void **state)
{
    struct fixture *fixture = *state;
    struct model model;

    fill(fixture, &model);
    assert_lists(fixture, &model);
    for (int i = 0; i < CONVERSATIONS; i += 3)
        send_to(fixture, &model, i);
    assert_lists(fixture, &model);
}

static void send_and_delete(struct fixture *fixture, const char *conversation_id)
{
    char message_id[ID_BYTES];
    struct message_reference request = {.message_id = message_id, .caller = client("c1")};
    struct error error;

    memcpy(message_id, fixture_send(fixture, conversation_id, client("c1"), "Non"), ID_BYTES);
    error_clear(&error);
    assert_true(database_write(fixture->database, message_delete(&request), &error));
}

static void a_deleted_message_gives_the_place_back(void **state)
{
    struct fixture *fixture = *state;
    struct model model;

    fill(fixture, &model);
    send_to(fixture, &model, 7);
    send_to(fixture, &model, 9);
    for (int i = 1; i < CONVERSATIONS; i += 11) /* one with a message, the others without */
        send_and_delete(fixture, model.ids[i]);
    assert_lists(fixture, &model);
}

/* What another process has: a database and a source of ids of its own, over the same file. */
struct second {
    struct id_source ids;
    struct services services;
    struct fixture fixture;
};

static void open_second(struct second *second, const struct fixture *first)
{
    const struct database_options options = {.path = first->path,
                                             .readers = 2,
                                             .busy_timeout_ms = 5000,
                                             .outbox_retention_ms = 86400000,
                                             .outbox_max_rows = 1000000};
    struct error error;

    second->fixture = *first;
    id_source_init(&second->ids, &first->clock, &random_system);
    second->services = first->services;
    second->services.ids = &second->ids;
    error_clear(&error);
    second->fixture.database = database_create(&options, &second->services, &error);
    assert_non_null(second->fixture.database);
}

static void two_processes_share_one_order(void **state)
{
    struct fixture *fixture = *state;
    struct second *second = malloc(sizeof(*second));
    struct model model = {0};

    assert_non_null(second);
    open_second(second, fixture);
    for (int i = 0; i < CONVERSATIONS; i++)
        add_on_top(&model, fixture_conversation(i % 2 == 0 ? fixture : &second->fixture));
    assert_lists(fixture, &model);
    for (int i = CONVERSATIONS - 1; i > 0; i -= 3)
        send_to(i % 2 == 0 ? fixture : &second->fixture, &model, i);
    assert_lists(fixture, &model);
    database_free(second->fixture.database);
    free(second);
}

/* The time of a conversation's last message does not go back; others are not passed for that. */
static void messages_keep_their_order_when_the_clock_is_set_back(void **state)
{
    struct fixture *fixture = *state;
    struct model model;

    fill(fixture, &model);
    fixture->now_ms -= 3600000;
    for (int i = 0; i < CONVERSATIONS; i += 2)
        send_to(fixture, &model, i);
    assert_lists(fixture, &model);
}

static void the_unread_list_has_the_newest_first(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    struct unread_summary request = {.caller = salon("s1"), .json = &json};
    struct model model;
    struct error error;

    fill(fixture, &model);
    for (int i = 0; i < CONVERSATIONS; i += 2)
        send_to(fixture, &model, i);
    error_clear(&error);
    assert_true(database_read(fixture->database, unread_conversations(&request), &error));
    struct json_object *list = fixture_parse(&json);
    assert_int_equal(json_object_array_length(list), UNREAD_CONVERSATIONS_MAX);
    for (size_t i = 0; i < UNREAD_CONVERSATIONS_MAX; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        assert_string_equal(json_text(json_get(one, "conversationId")), model.ids[i]);
    }
    json_object_put(list);
    buffer_free(&json);
}

static void book(struct fixture *fixture, const struct appointment_texts *texts, const char *id)
{
    const struct appointment_input input = {
        .appointment_id = id,
        .salon_id = "s1",
        .client_user_id = "c1",
        .prestation = "Tatouage",
        .state = {.has_start = true,
                  .start_ms = fixture->now_ms,
                  .has_status = true,
                  .status = APPOINTMENT_CONFIRMED},
    };
    struct appointment_create request = {
        .input = &input, .texts = texts, .config = &fixture->config};
    struct error error;

    error_clear(&error);
    assert_true(database_write(fixture->database, appointment_create(&request), &error));
}

enum { BOOKINGS = 3 };

static void assert_exported(struct json_object *tree, const char *key,
                            const char *const expected[BOOKINGS])
{
    struct json_object *list = json_get(tree, key);

    assert_int_equal(json_object_array_length(list), BOOKINGS);
    for (size_t i = 0; i < BOOKINGS; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        assert_string_equal(json_text(json_get(one, "appointmentId")), expected[i]);
    }
}

static void an_export_has_the_oldest_first(void **state)
{
    static const char *const booked[BOOKINGS] = {"b", "c", "a"};
    struct fixture *fixture = *state;
    struct appointment_texts *texts = fixture_texts();
    struct buffer json = BUFFER_EMPTY;
    struct person_export request = {.user_id = "c1", .json = &json};
    struct error error;

    for (size_t i = 0; i < BOOKINGS; i++)
        book(fixture, texts, booked[i]);
    error_clear(&error);
    assert_true(database_read(fixture->database, person_export(&request), &error));
    struct json_object *tree = fixture_parse(&json);
    assert_exported(tree, "appointments", booked);
    assert_exported(tree, "conversations", booked);
    json_object_put(tree);
    buffer_free(&json);
    appointment_texts_free(texts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(conversations_are_listed_in_the_order_of_commits),
        TEST(a_deleted_message_gives_the_place_back),
        TEST(two_processes_share_one_order),
        TEST(messages_keep_their_order_when_the_clock_is_set_back),
        TEST(the_unread_list_has_the_newest_first),
        TEST(an_export_has_the_oldest_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
