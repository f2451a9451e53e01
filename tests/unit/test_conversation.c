/*
 * Conversations over a real file: who may do what, and who is told.
 */
#include "db/engine/schema.h"
#include "tests/unit/db_fixture.h"

static void creates_a_conversation(void **state)
{
    struct fixture *fixture = *state;
    const struct conversation_input input = {
        .client_user_id = "c1", .subject = "Tatouage", .first_message = "Bonjour Léa"};
    struct buffer json = BUFFER_EMPTY;
    struct conversation_create request = {
        .caller = salon("s1"), .input = &input, .config = &fixture->config, .json = &json};

    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_NONE);
    assert_false(request.existed);
    struct json_object *tree = fixture_parse(&json);
    assert_string_equal(json_text(json_get(tree, "salonId")), "s1");
    assert_string_equal(json_text(json_get(tree, "subject")), "Tatouage");
    assert_string_equal(json_text(json_get(json_get(tree, "lastMessage"), "type")), "SYSTEM");
    json_object_put(tree);
    buffer_free(&json);
    assert_int_equal(fixture_unread(fixture, client("c1")), 1);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 0);
    assert_int_equal(fixture_count_events(fixture, "conversation-created"), 2);
    assert_int_equal(fixture_count_events(fixture, "new-message"), 1);
    fixture_verify(fixture);
}

static void refuses_whom_it_should(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    struct conversation_input input = {.client_user_id = "c1"};
    struct conversation_create request = {
        .input = &input, .config = &fixture->config, .json = &json};

    request.caller = client("c1");
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_FORBIDDEN);
    request.caller = salon("s1");
    input.client_user_id = "nobody";
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_NOT_FOUND);
    input.client_user_id = "s2";
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_INVALID);
    input.client_user_id = "c1";
    input.appointment_id = "unknown";
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_NOT_FOUND);
    fixture_execute(fixture, "INSERT INTO appointments (id, salon_id, client_user_id, created_at) "
                             "VALUES ('a1', 's2', 'c1', 0)");
    input.appointment_id = "a1";
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_NOT_FOUND);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM conversations"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM outbox"), 0);
    buffer_free(&json);
}

static void a_client_opens_with_a_salon_of_its_appointments_where_it_may(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    struct conversation_input input = {.salon_id = "s1"};
    struct conversation_create request = {
        .caller = client("c1"), .input = &input, .config = &fixture->config, .json = &json};

    fixture_execute(fixture, "INSERT INTO appointments (id, salon_id, client_user_id, created_at) "
                             "VALUES ('a1', 's1', 'c1', 0)");
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_FORBIDDEN);
    fixture->config.messaging_clients_may_open = true;
    input.salon_id = "s2";
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_NOT_FOUND);
    /* Their role has changed since the input was read. */
    input = (struct conversation_input){.client_user_id = "c1"};
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_FORBIDDEN);
    input = (struct conversation_input){.salon_id = "s1"};
    request.caller = salon("s1");
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_FORBIDDEN);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM conversations"), 0);
    request.caller = client("c1");
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_NONE);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM conversations WHERE"
                                             " salon_id = 's1' AND client_user_id = 'c1'"),
                     1);
    buffer_free(&json);
    fixture_verify(fixture);
}

static void an_appointment_has_one_conversation(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    const struct conversation_input input = {.client_user_id = "c1", .appointment_id = "a1"};
    struct conversation_create request = {
        .caller = salon("s1"), .input = &input, .config = &fixture->config, .json = &json};

    fixture_execute(fixture, "INSERT INTO appointments (id, salon_id, client_user_id, created_at) "
                             "VALUES ('a1', 's1', 'c1', 0)");
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_NONE);
    assert_false(request.existed);
    buffer_clear(&json);
    assert_int_equal(fixture_write(fixture, conversation_create(&request)), ERROR_NONE);
    assert_true(request.existed);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM conversations"), 1);
    buffer_free(&json);
}

static void a_new_message_revives_an_archived_conversation(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference request = {.conversation_id = id, .caller = client("c1")};

    assert_int_equal(fixture_write(fixture, conversation_toggle_archived(&request)),
                     ERROR_FORBIDDEN);
    request.caller = salon("s1");
    assert_int_equal(fixture_write(fixture, conversation_toggle_archived(&request)), ERROR_NONE);
    assert_int_equal(fixture_number(fixture, "SELECT archived_count FROM users WHERE id = 'c1'"),
                     1);
    fixture_forget_events(fixture);
    fixture_send(fixture, id, client("c1"), "Vous êtes là ?");
    assert_int_equal(fixture_number(fixture, "SELECT active_count FROM users WHERE id = 's1'"), 1);
    assert_int_equal(fixture_count_events(fixture, "conversation-updated"), 2);
    fixture_verify(fixture);
}

static void deleting_a_conversation_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    char id[ID_BYTES];
    struct conversation_reference request = {.conversation_id = id, .caller = client("c1")};
    struct conversation_reference other = {.caller = salon("s1")};

    snprintf(id, sizeof(id), "%s", fixture_conversation(fixture));
    fixture_send(fixture, id, client("c1"), "secret");
    other.conversation_id = fixture_conversation(fixture);
    for (int i = 0; i < OUTBOX_EPOCH_EVENTS / 4; i++) /* two events each, and as many again */
        fixture_send(fixture, other.conversation_id, client("c1"), "rien");
    assert_int_equal(fixture_write(fixture, conversation_delete(&other)), ERROR_NONE);
    other.conversation_id = fixture_conversation(fixture);
    for (int i = 0; i < OUTBOX_EPOCH_EVENTS / 4; i++) /* the index of events has a new part */
        fixture_send(fixture, other.conversation_id, client("c1"), "rien");
    assert_int_equal(fixture_write(fixture, conversation_delete(&other)), ERROR_NONE);
    fixture_forget_events(fixture);
    fixture_send(fixture, id, salon("s1"), "secret");
    assert_int_equal(fixture_write(fixture, conversation_delete(&request)), ERROR_FORBIDDEN);
    request.caller = salon("s1");
    assert_int_equal(fixture_write(fixture, conversation_delete(&request)), ERROR_NONE);
    assert_int_equal(fixture_unread(fixture, client("c1")), 0);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM messages"), 0);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE payload LIKE '%secret%'"), 0);
    assert_int_equal(fixture_count_events(fixture, "conversation-deleted"), 2);
    assert_int_equal(fixture_write(fixture, conversation_delete(&request)), ERROR_NOT_FOUND);
    fixture_verify(fixture);
}

static void joining_reads_what_it_marked(void **state)
{
    struct fixture *fixture = *state;
    const char *conversation = fixture_conversation(fixture);
    struct buffer json = BUFFER_EMPTY;
    struct conversation_join request = {
        .conversation_id = conversation, .caller = client("c1"), .json = &json};

    for (int i = 0; i < HISTORY_MESSAGES + 1; i++)
        fixture_send(fixture, conversation, salon("s1"), i == 0 ? "premier" : "Bonjour");
    assert_int_equal(fixture_write(fixture, conversation_join(&request)), ERROR_NONE);
    assert_int_equal(request.newest, fixture->events[fixture->event_count - 1].seq);
    struct json_object *tree = fixture_parse(&json);
    assert_string_equal(json_text(json_get(tree, "conversationId")), conversation);
    struct json_object *messages = json_get(tree, "messages");
    assert_int_equal(json_object_array_length(messages), HISTORY_MESSAGES);
    struct json_object *newest = json_object_array_get_idx(messages, 0);
    assert_string_equal(json_text(json_get(newest, "id")), fixture->message_id);
    for (size_t i = 0; i < HISTORY_MESSAGES; i++) {
        struct json_object *message = json_object_array_get_idx(messages, i);
        assert_true(json_object_get_boolean(json_get(message, "isRead")));
        assert_string_not_equal(json_text(json_get(message, "content")), "premier");
    }
    json_object_put(tree);
    buffer_free(&json);
    request.caller = client("c2");
    assert_int_not_equal(fixture_write(fixture, conversation_join(&request)), ERROR_NONE);
    fixture_verify(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(creates_a_conversation),
        TEST(refuses_whom_it_should),
        TEST(a_client_opens_with_a_salon_of_its_appointments_where_it_may),
        TEST(an_appointment_has_one_conversation),
        TEST(a_new_message_revives_an_archived_conversation),
        TEST(deleting_a_conversation_leaves_nothing),
        TEST(joining_reads_what_it_marked),
    };

    return cmocka_run_group_tests_name("conversation", tests, NULL, NULL);
}
