/*
 * The directory of people over a real file.
 */
#include <string.h>

#include "tests/unit/db_fixture.h"

static void apply_claims(struct fixture *fixture, const struct token_claims *claims,
                         bool expect_write)
{
    struct person_claims request = {
        .claims = claims, .default_role = "client", .now_ms = fixture->now_ms};

    assert_int_equal(fixture_read(fixture, person_claims_need_write(&request)), ERROR_NONE);
    assert_int_equal(request.must_write, expect_write);
    assert_int_equal(fixture_write(fixture, person_take_claims(&request)), ERROR_NONE);
}

static void claims_fill_what_the_booking_side_left_open(void **state)
{
    struct fixture *fixture = *state;
    struct token_claims claims = {.user_id = "c1",
                                  .role = "client",
                                  .kind = CALLER_CLIENT,
                                  .issued_at_ms = fixture->now_ms - 1000,
                                  .first_name = "Autre",
                                  .email = "lea@example.org"};

    apply_claims(fixture, &claims, true);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM users WHERE id = 'c1'"
                                             " AND first_name = 'Léa'"
                                             " AND email = 'lea@example.org'"),
                     1);
    apply_claims(fixture, &claims, false);
    strcpy(claims.email, "autre@example.org");
    apply_claims(fixture, &claims, false); /* not newer */
    claims.issued_at_ms += 1;
    apply_claims(fixture, &claims, true);
    strcpy(claims.image, "javascript:alert(1)");
    claims.issued_at_ms += 1;
    apply_claims(fixture, &claims, false); /* no image that a page could run */
    strcpy(claims.user_id, "c9");
    apply_claims(fixture, &claims, true);
    fixture_execute(fixture, "UPDATE users SET erased_at = 1 WHERE id = 'c9'");
    claims.issued_at_ms = fixture->now_ms;
    strcpy(claims.email, "x@example.org");
    apply_claims(fixture, &claims, false); /* erased for good */
}

static void tells_the_unread_total_with_its_seq(void **state)
{
    struct fixture *fixture = *state;
    struct unread_state request = {.user_id = "c1"};

    fixture_send(fixture, fixture_conversation(fixture), salon("s1"), "Bonjour");
    assert_int_equal(fixture_read(fixture, unread_state(&request)), ERROR_NONE);
    assert_int_equal(request.total, 1);
    assert_int_equal(request.newest, fixture->events[fixture->event_count - 1].seq);
    request.user_id = "nobody";
    assert_int_equal(fixture_read(fixture, unread_state(&request)), ERROR_NONE);
    assert_int_equal(request.total, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(claims_fill_what_the_booking_side_left_open),
        TEST(tells_the_unread_total_with_its_seq),
    };

    return cmocka_run_group_tests_name("person", tests, NULL, NULL);
}
