/*
 * The readers of what the booking back-end sends: people, appointments, changes.
 */
#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buffer.h"
#include "common/id.h"
#include "db/input.h"

/* ---- bodies ---- */

static struct json_object *parse(const char *json)
{
    struct error error;

    error_clear(&error);
    struct json_object *body = json_read_members(json, strlen(json), input_members, &error);
    if (body == NULL)
        fail_msg("bad JSON in the test: %s: %s", error.text, json);
    return body;
}

/* The sentences about a body; "" when it is right. */
static const char *person_error(const char *json, bool is_role_required)
{
    static struct error error;
    struct person_input input;
    struct json_object *body = parse(json);

    memset(&error, 'x', sizeof(error)); /* as on a stack */
    bool is_right = person_input_read(body, is_role_required, &input, &error);
    assert_int_equal(is_right, error.kind == ERROR_NONE);
    json_object_put(body);
    return error.text;
}

static const char *appointment_error(const char *json)
{
    static struct error error;
    struct appointment_input input;
    struct json_object *body = parse(json);

    memset(&error, 'x', sizeof(error));
    bool is_right = appointment_input_read(body, &input, &error);
    assert_int_equal(is_right, error.kind == ERROR_NONE);
    json_object_put(body);
    return error.text;
}

static const char *change_error(const char *json)
{
    static struct error error;
    struct appointment_change_input input;
    struct json_object *body = parse(json);

    memset(&error, 'x', sizeof(error));
    bool is_right = appointment_change_input_read(body, &input, &error);
    assert_int_equal(is_right, error.kind == ERROR_NONE);
    json_object_put(body);
    return error.text;
}

/* Asserts that exactly one sentence was said, about that field ("": none). */
static void check_field(const char *sentences, const char *field)
{
    size_t length = strlen(field);

    if (strncmp(sentences, field, length) != 0 || (length > 0 && sentences[length] != ':') ||
        (length == 0 && sentences[0] != '\0') || strchr(sentences, '\n') != NULL)
        fail_msg("expected a sentence about \"%s\", got: %s", field, sentences);
}

/* A text of `count` times `unit`; to be freed. */
static char *repeat(const char *unit, size_t count)
{
    struct buffer text = BUFFER_EMPTY;

    while (count-- > 0)
        buffer_append_text(&text, unit);
    assert_non_null(buffer_text(&text));
    return text.data;
}

/* Both, with a text of `length` times `unit` as the member, alone in an object or among what an
 * appointment needs. */
static void check_person_length(const char *member, const char *before, const char *unit,
                                size_t length, const char *after, bool is_right)
{
    char json[8192];
    char *text = repeat(unit, length);

    snprintf(json, sizeof(json), "{\"%s\":\"%s%s%s\"}", member, before, text, after);
    check_field(person_error(json, false), is_right ? "" : member);
    free(text);
}

#define PEOPLE_AND_DATE                                                                            \
    "\"salonId\":\"s1\",\"clientUserId\":\"c1\",\"start\":\"2026-03-12T14:30:00+01:00\""
#define WHOLE(extra)                                                                               \
    "{\"appointmentId\":\"a1\",\"prestation\":\"Tatouage\",\"status\":"                            \
    "\"PENDING\"," PEOPLE_AND_DATE "," extra "}"

/* ---- people ---- */

static void a_whole_person_is_read(void **state)
{
    struct json_object *body =
        parse("{\"role\":\"client\",\"firstName\":\"Zoé\",\"lastName\":\"\",\"salonName\":null,"
              "\"image\":\"https://files.example/z.png\",\"email\":\"z@client.example\",\"id\":7}");
    struct person_input input;
    struct error error;

    (void)state;
    assert_true(person_input_read(body, true, &input, &error));
    assert_string_equal(input.role, "client");
    assert_string_equal(input.first_name, "Zoé");
    assert_string_equal(input.last_name, "");
    assert_null(input.salon_name);
    assert_string_equal(input.image, "https://files.example/z.png");
    assert_string_equal(input.email, "z@client.example");
    json_object_put(body);
}

static void a_role_is_needed_where_it_is(void **state)
{
    (void)state;
    check_field(person_error("{}", true), "role");
    check_field(person_error("{\"role\":null}", true), "role");
    check_field(person_error("{}", false), "");
    check_field(person_error("{\"role\":\"\"}", false), "role");
    check_field(person_error("{\"role\":\"service\"}", true), "role");
    check_field(person_error("{\"role\":\"sal\\u0001on\"}", true), "role");
    check_field(person_error("{\"role\":[\"salon\"]}", true), "role");
    check_person_length("role", "", "x", PERSON_ROLE_MAX_BYTES, "", true);
    check_person_length("role", "", "x", PERSON_ROLE_MAX_BYTES + 1, "", false);
    check_person_length("role", "", "é", PERSON_ROLE_MAX_BYTES / 2 + 1, "", false);
}

static void names_have_their_limits(void **state)
{
    static const char *const names[] = {"firstName", "lastName", "salonName"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char json[64];
        check_person_length(names[i], "", "é", PERSON_NAME_MAX_CHARACTERS, "", true);
        check_person_length(names[i], "", "é", PERSON_NAME_MAX_CHARACTERS + 1, "", false);
        check_person_length(names[i], "", "x", 0, "", true);
        snprintf(json, sizeof(json), "{\"%s\":\"a\\nb\"}", names[i]);
        check_field(person_error(json, false), names[i]);
        snprintf(json, sizeof(json), "{\"%s\":7}", names[i]);
        check_field(person_error(json, false), names[i]);
    }
}

static void an_image_is_a_url(void **state)
{
    size_t length = ATTACHMENT_URL_MAX_BYTES - strlen("https://e.org/");

    (void)state;
    check_field(person_error("{\"image\":\"\"}", false), "");
    check_field(person_error("{\"image\":\"javascript:alert(1)\"}", false), "image");
    check_field(person_error("{\"image\":\"z.png\"}", false), "image");
    check_person_length("image", "https://e.org/", "x", length, "", true);
    check_person_length("image", "https://e.org/", "x", length + 1, "", false);
}

static void an_address_looks_like_one(void **state)
{
    static const char *const wrong[] = {"nobody",    "@e.org",     "a@",
                                        "a b@e.org", "a@e.org\\n", "a\\u0001@e"};
    size_t length = PERSON_EMAIL_MAX_BYTES - strlen("@e.org");

    (void)state;
    check_field(person_error("{\"email\":\"\"}", false), "");
    check_field(person_error("{\"email\":\"a@b@e.org\"}", false), "");
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        char json[64];
        snprintf(json, sizeof(json), "{\"email\":\"%s\"}", wrong[i]);
        check_field(person_error(json, false), "email");
    }
    check_person_length("email", "", "x", length, "@e.org", true);
    check_person_length("email", "", "x", length + 1, "@e.org", false);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    check_field(person_error("[]", true), "body");
    check_field(appointment_error("\"a\""), "body");
    check_field(change_error("7"), "body");
}

/* ---- appointments ---- */

static void a_whole_appointment_is_read(void **state)
{
    struct json_object *body =
        parse(WHOLE("\"version\":9007199254740991,\"createdBy\":\"client\","
                    "\"client\":{\"firstName\":\"Zoé\"},\"salon\":null,\"more\":{}"));
    struct appointment_input input;
    struct error error;

    (void)state;
    assert_true(appointment_input_read(body, &input, &error));
    assert_string_equal(input.appointment_id, "a1");
    assert_string_equal(input.salon_id, "s1");
    assert_string_equal(input.client_user_id, "c1");
    assert_string_equal(input.prestation, "Tatouage");
    assert_true(input.state.has_start);
    assert_true(input.state.start_ms == 1773322200000);
    assert_true(input.state.has_status);
    assert_int_equal(input.state.status, APPOINTMENT_PENDING);
    assert_true(input.state.has_version);
    assert_true(input.state.version == JSON_INTEGER_MAX);
    assert_string_equal(input.client.first_name, "Zoé");
    assert_null(input.client.role);
    assert_null(input.salon.salon_name);
    json_object_put(body);
}

static void everything_that_is_needed_is_asked_for(void **state)
{
    static const char *const fields[] = {"appointmentId", "salonId", "clientUserId",
                                         "prestation",    "start",   "status"};
    const char *sentences = appointment_error("{}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        assert_int_equal(strncmp(sentences, fields[i], strlen(fields[i])), 0);
        const char *end = strchr(sentences, '\n');
        sentences = end != NULL ? end + 1 : sentences + strlen(sentences);
    }
    assert_string_equal(sentences, "");
}

static void check_one_id(const char *field, const char *id, const char *others, bool is_right)
{
    char json[1024];

    snprintf(json, sizeof(json),
             "{\"%s\":\"%s\",%s,\"prestation\":\"T\",\"status\":\"CONFIRMED\","
             "\"start\":\"2026-03-12T14:30:00Z\"}",
             field, id, others);
    check_field(appointment_error(json), is_right ? "" : field);
}

static void check_id(const char *field, const char *others)
{
    char *text = repeat("x", FOREIGN_ID_MAX_BYTES + 1);

    check_one_id(field, text, others, false);
    text[FOREIGN_ID_MAX_BYTES] = '\0';
    check_one_id(field, text, others, true);
    free(text);
    check_one_id(field, "", others, false);
    check_one_id(field, "a\\u0001b", others, false);
    check_one_id(field, "a\\nb", others, false);
}

static void ids_have_their_limits(void **state)
{
    (void)state;
    check_id("appointmentId", "\"salonId\":\"s\",\"clientUserId\":\"c\"");
    check_id("salonId", "\"appointmentId\":\"a\",\"clientUserId\":\"c\"");
    check_id("clientUserId", "\"appointmentId\":\"a\",\"salonId\":\"s\"");
    check_one_id("clientUserId", "s", "\"appointmentId\":\"a\",\"salonId\":\"s\"", false);
}

static void check_prestation(const char *unit, size_t count, const char *field)
{
    char json[2048];
    char *text = repeat(unit, count);

    snprintf(
        json, sizeof(json),
        "{\"appointmentId\":\"a\",\"prestation\":\"%s\",\"status\":\"PENDING\"," PEOPLE_AND_DATE
        "}",
        text);
    check_field(appointment_error(json), field);
    free(text);
}

static void a_service_has_a_name(void **state)
{
    (void)state;
    check_prestation("é", 1, "");
    check_prestation("\U0001F58B", PRESTATION_MAX_CHARACTERS, "");
    check_prestation("x", PRESTATION_MAX_CHARACTERS + 1, "prestation");
    check_prestation("x", 0, "prestation");
    check_prestation(" ", 3, "prestation");
}

static void a_new_appointment_is_pending_or_confirmed(void **state)
{
    static const char *const wrong[] = {"RESCHEDULED", "CANCELLED", "COMPLETED",
                                        "pending",     "",          "X"};
    char json[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        snprintf(json, sizeof(json),
                 "{\"appointmentId\":\"a\",\"prestation\":\"T\",\"status\":\"%s\"," PEOPLE_AND_DATE
                 "}",
                 wrong[i]);
        check_field(appointment_error(json), "status");
    }
}

static void people_beside_an_appointment_are_checked_too(void **state)
{
    (void)state;
    check_field(appointment_error(WHOLE("\"client\":{\"email\":\"x\"}")), "client.email");
    check_field(appointment_error(WHOLE("\"salon\":{\"image\":\"x\"}")), "salon.image");
    check_field(appointment_error(WHOLE("\"salon\":{\"role\":\"service\"}")), "salon.role");
    check_field(appointment_error(WHOLE("\"salon\":\"s1\"")), "salon");
    check_field(appointment_error(WHOLE("\"client\":[]")), "client");
    check_field(appointment_error(WHOLE("\"client\":{}")), "");
}

static void it_was_made_by_one_side(void **state)
{
    (void)state;
    check_field(appointment_error(WHOLE("\"createdBy\":\"salon\"")), "");
    check_field(appointment_error(WHOLE("\"createdBy\":\"somebody\"")), "createdBy");
    check_field(appointment_error(WHOLE("\"createdBy\":1")), "createdBy");
}

/* ---- changes ---- */

static void a_whole_change_is_read(void **state)
{
    struct json_object *body = parse("{\"start\":\"2026-04-02T07:00:00.000Z\",\"status\":"
                                     "\"RESCHEDULED\",\"version\":0,\"salonId\":7}");
    struct appointment_change_input input;
    struct error error;

    (void)state;
    assert_true(appointment_change_input_read(body, &input, &error));
    assert_true(input.has_start && input.has_status && input.has_version);
    assert_true(input.start_ms == 1775113200000);
    assert_int_equal(input.status, APPOINTMENT_RESCHEDULED);
    assert_int_equal(input.version, 0);
    json_object_put(body);
    body = parse("{\"status\":null}");
    assert_true(appointment_change_input_read(body, &input, &error));
    assert_false(input.has_start || input.has_status || input.has_version);
    json_object_put(body);
}

static void a_change_has_one_of_its_statuses(void **state)
{
    (void)state;
    check_field(change_error("{\"status\":\"CONFIRMED\"}"), "");
    check_field(change_error("{\"status\":\"CANCELLED\"}"), "");
    check_field(change_error("{\"status\":\"COMPLETED\"}"), "");
    check_field(change_error("{\"status\":\"PENDING\"}"), "status");
    check_field(change_error("{\"status\":\"ACTIVE\"}"), "status");
    check_field(change_error("{\"status\":true}"), "status");
}

static void a_version_is_a_whole_number(void **state)
{
    static const char *const wrong[] = {
        "-1", "1.5", "\"1\"", "true", "[1]", "{}", "9007199254740992", "1e300"};
    char json[64];

    (void)state;
    check_field(change_error("{\"version\":0}"), "");
    check_field(change_error("{\"version\":9007199254740991}"), "");
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        snprintf(json, sizeof(json), "{\"version\":%s}", wrong[i]);
        check_field(change_error(json), "version");
    }
}

static void a_start_is_a_moment(void **state)
{
    static const char *const wrong[] = {"\"\"",
                                        "\"2026-03-12\"",
                                        "\"2026-03-12T14:30:00\"",
                                        "\"2026-02-29T10:00:00Z\"",
                                        "\"2026-03-12T24:30:00Z\"",
                                        "\"12/03/2026 14:30\"",
                                        "1773322200000",
                                        "\"2026-03-12T14:30:00Z \""};
    char json[64];

    (void)state;
    check_field(change_error("{\"start\":\"2028-02-29T10:00:00Z\"}"), "");
    check_field(change_error("{\"start\":\"2026-03-12T14:30:00-03:30\"}"), "");
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        snprintf(json, sizeof(json), "{\"start\":%s}", wrong[i]);
        check_field(change_error(json), "start");
    }
}

static void statuses_have_names(void **state)
{
    enum appointment_status status = APPOINTMENT_COMPLETED;

    (void)state;
    for (int i = APPOINTMENT_PENDING; i <= APPOINTMENT_COMPLETED; i++) {
        assert_true(
            appointment_status_parse(appointment_status_name((enum appointment_status)i), &status));
        assert_int_equal(status, i);
    }
    assert_false(appointment_status_parse("confirmed", &status));
    assert_int_equal(status, APPOINTMENT_COMPLETED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_person_is_read),
        cmocka_unit_test(a_role_is_needed_where_it_is),
        cmocka_unit_test(names_have_their_limits),
        cmocka_unit_test(an_image_is_a_url),
        cmocka_unit_test(an_address_looks_like_one),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_whole_appointment_is_read),
        cmocka_unit_test(everything_that_is_needed_is_asked_for),
        cmocka_unit_test(ids_have_their_limits),
        cmocka_unit_test(a_service_has_a_name),
        cmocka_unit_test(a_new_appointment_is_pending_or_confirmed),
        cmocka_unit_test(people_beside_an_appointment_are_checked_too),
        cmocka_unit_test(it_was_made_by_one_side),
        cmocka_unit_test(a_whole_change_is_read),
        cmocka_unit_test(a_change_has_one_of_its_statuses),
        cmocka_unit_test(a_version_is_a_whole_number),
        cmocka_unit_test(a_start_is_a_moment),
        cmocka_unit_test(statuses_have_names),
    };

    return cmocka_run_group_tests_name("validation_booking", tests, NULL, NULL);
}
