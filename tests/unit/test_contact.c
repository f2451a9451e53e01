/*
 * Who may hear of whom.
 */
#include "db/contact.h"
#include "tests/unit/db_fixture.h"

static void lists_contacts(void **state)
{
    struct fixture *fixture = *state;
    struct buffer ids = BUFFER_EMPTY;
    struct contact_list request = {.ids = &ids};

    fixture_conversation(fixture);
    fixture_conversation(fixture);
    request.user_id = "s1";
    assert_int_equal(fixture_read(fixture, contact_list(&request)), ERROR_NONE);
    assert_int_equal(ids.length, 6);
    assert_memory_equal(ids.data, "c1\0c1", 6);
    buffer_clear(&ids);
    request.user_id = "s2";
    assert_int_equal(fixture_read(fixture, contact_list(&request)), ERROR_NONE);
    assert_int_equal(ids.length, 0);
    buffer_free(&ids);
}

static const char *name_of(struct fixture *fixture, struct caller caller, struct buffer *name)
{
    struct typing_name request = {
        .conversation_id = fixture->conversation_id, .caller = caller, .name = name};

    buffer_clear(name);
    assert_int_equal(fixture_read(fixture, typing_name(&request)), ERROR_NONE);
    return buffer_text(name);
}

static void names_whoever_types(void **state)
{
    struct fixture *fixture = *state;
    struct buffer name = BUFFER_EMPTY;
    struct person_set set = {.user_id = "c1", .fields = {.last_name = "Martin"}};
    struct typing_name request = {.caller = client("c2"), .name = &name};
    struct error error;

    request.conversation_id = fixture_conversation(fixture);
    assert_string_equal(name_of(fixture, salon("s1"), &name), NAMELESS_PERSON);
    assert_string_equal(name_of(fixture, client("c1"), &name), "Léa");
    assert_int_equal(fixture_write(fixture, person_set(&set)), ERROR_NONE);
    assert_string_equal(name_of(fixture, client("c1"), &name), "Léa Martin");
    set = (struct person_set){.user_id = "c1", .fields = {.first_name = ""}};
    assert_int_equal(fixture_write(fixture, person_set(&set)), ERROR_NONE);
    assert_string_equal(name_of(fixture, client("c1"), &name), "Martin");
    set = (struct person_set){.user_id = "c1", .fields = {.salon_name = "Chez Léa"}};
    assert_int_equal(fixture_write(fixture, person_set(&set)), ERROR_NONE);
    assert_string_equal(name_of(fixture, client("c1"), &name), "Chez Léa");
    error_clear(&error);
    assert_false(database_read(fixture->database, typing_name(&request), &error));
    assert_int_equal(error.kind, ERROR_FORBIDDEN);
    buffer_free(&name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_contacts),
        TEST(names_whoever_types),
    };

    return cmocka_run_group_tests_name("contact", tests, NULL, NULL);
}
