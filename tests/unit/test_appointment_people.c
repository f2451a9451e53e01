/*
 * With whom one may open a conversation, over a real file.
 */
#include "db/appointment_people.h"

#include <string.h>

#include "tests/unit/db_fixture.h"

static void book(struct fixture *fixture, const char *id, const char *salon_id, const char *client)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
             "INSERT INTO appointments (id, salon_id, client_user_id, created_at) VALUES"
             " ('%s', '%s', '%s', 0)",
             id, salon_id, client);
    fixture_execute(fixture, sql);
}

/* Asserts that the page is `ids` ("c1 c2"), and what comes behind it. */
static void expect(struct fixture *fixture, struct appointment_people request, const char *ids,
                   const char *next_cursor)
{
    struct buffer json = BUFFER_EMPTY;
    char found[256] = "";

    request.config = &fixture->config;
    request.json = &json;
    assert_int_equal(fixture_read(fixture, appointment_people(&request)), ERROR_NONE);
    struct json_object *tree = fixture_parse(&json);
    struct json_object *data = json_get(tree, "data");
    for (size_t i = 0; i < json_object_array_length(data); i++) {
        strcat(found, i > 0 ? " " : "");
        strcat(found, json_text(json_get(json_object_array_get_idx(data, i), "id")));
    }
    assert_string_equal(found, ids);
    assert_int_equal(json_object_get_boolean(json_get(tree, "hasMore")), next_cursor != NULL);
    if (next_cursor != NULL)
        assert_string_equal(json_text(json_get(tree, "nextCursor")), next_cursor);
    json_object_put(tree);
    buffer_free(&json);
}

static void each_side_is_offered_the_other_once(void **state)
{
    struct fixture *fixture = *state;

    book(fixture, "a1", "s1", "c1");
    book(fixture, "a2", "s1", "c1");
    book(fixture, "a3", "s1", "c2");
    book(fixture, "a4", "s2", "c1");
    struct appointment_people request = {.caller = salon("s1"), .after = "", .limit = 10};
    expect(fixture, request, "c1 c2", NULL);
    request.caller = client("c1");
    expect(fixture, request, "", NULL);
    fixture->config.messaging_clients_may_open = true;
    expect(fixture, request, "s1 s2", NULL);
    request.caller = service();
    expect(fixture, request, "", NULL);
}

static void a_page_ends_with_its_cursor_whoever_is_left_out(void **state)
{
    struct fixture *fixture = *state;

    book(fixture, "a1", "s1", "c1");
    book(fixture, "a2", "s1", "c2");
    book(fixture, "a3", "s1", "s2"); /* who is no client */
    struct appointment_people request = {.caller = salon("s1"), .after = "", .limit = 1};
    expect(fixture, request, "c1", "c1");
    request.after = "c1";
    expect(fixture, request, "c2", "c2");
    request.after = "c2";
    expect(fixture, request, "", NULL);
    fixture_execute(fixture, "UPDATE users SET erased_at = 1 WHERE id = 'c1'");
    request.after = "";
    expect(fixture, request, "", "c1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_side_is_offered_the_other_once),
        TEST(a_page_ends_with_its_cursor_whoever_is_left_out),
    };

    return cmocka_run_group_tests_name("appointment_people", tests, NULL, NULL);
}
