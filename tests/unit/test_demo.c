/*
 * Stories for the demo, played into a real file. The story that is shipped is played by the
 * end-to-end tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/token.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/unit_test.h"
#include "tool/demo.h"

#define DAY_MS    INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)

#define PEOPLE                                                                                     \
    "\"people\":[{\"id\":\"demo-s\",\"role\":\"salon\",\"name\":\"Salon\",\"salonName\":"          \
    "\"Salon\",\"image\":\"{origin}/s.svg\"},{\"id\":\"demo-c\",\"role\":\"client\",\"name\":"     \
    "\"Zoé\",\"firstName\":\"Zoé\"}]"
/* A story of one conversation, booked three days ago, with these events. */
#define STORY(events)                                                                              \
    "{" PEOPLE ",\"conversations\":[{\"appointmentId\":\"demo-1\",\"salonId\":\"demo-s\","         \
    "\"clientUserId\":\"demo-c\",\"prestation\":\"Coupe\",\"start\":\"+2 14:30\",\"status\":"      \
    "\"PENDING\",\"at\":\"-3 10:00\",\"events\":[" events "]}]}"

struct suite {
    struct fixture *fixture;
    struct appointment_texts *texts;
    char path[128];
};

static int set_up(void **state)
{
    struct suite *suite = calloc(1, sizeof(*suite));

    assert_non_null(suite);
    assert_int_equal(fixture_set_up((void **)&suite->fixture), 0);
    suite->texts = fixture_texts();
    snprintf(suite->path, sizeof(suite->path), "%s/story.json", suite->fixture->directory);
    *state = suite;
    return 0;
}

static int tear_down(void **state)
{
    struct suite *suite = *state;

    unlink(suite->path);
    int result = fixture_tear_down((void **)&suite->fixture);
    appointment_texts_free(suite->texts);
    free(suite);
    return result;
}

static void make_empty(struct suite *suite)
{
    fixture_execute(suite->fixture, "DELETE FROM users");
}

static void write_story(const struct suite *suite, const char *text)
{
    FILE *file = fopen(suite->path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Plays the text as a story served at `origin`; *was_filled when it succeeds. */
static bool play(struct suite *suite, const char *text, const char *origin, bool *was_filled,
                 struct error *error)
{
    struct demo_fill request = {.texts = suite->texts, .config = &suite->fixture->config};

    error_clear(error);
    write_story(suite, text);
    request.story = demo_story_load(suite->path, origin, error);
    assert_non_null(request.story);
    bool succeeded = database_write(suite->fixture->database, demo_fill(&request), error);
    json_object_put(request.story);
    *was_filled = request.was_filled;
    return succeeded;
}

static void must_play(struct suite *suite, const char *text, const char *origin, bool was_filled)
{
    struct error error;
    bool was;

    bool succeeded = play(suite, text, origin, &was, &error);
    if (!succeeded)
        print_error("%s %s\n", error.text, error.detail);
    assert_true(succeeded);
    assert_int_equal(was, was_filled);
    fixture_verify(suite->fixture);
}

static int64_t number(struct suite *suite, const char *sql)
{
    return fixture_number(suite->fixture, sql);
}

static const char whole_story[] =
    STORY("{\"at\":\"-3 10:05\",\"from\":\"demo-c\",\"content\":\"Bonjour\"},"
          "{\"at\":\"-2 09:00\",\"from\":\"demo-s\",\"content\":\"Bonjour Zoé\",\"attachments\":"
          "[{\"fileName\":\"a.png\",\"fileUrl\":\"{origin}/a.png\",\"fileType\":\"image/"
          "png\",\"fileSize\":9}]},"
          "{\"at\":\"-2 09:01\",\"status\":\"CONFIRMED\",\"start\":\"+4 10:00\"},"
          "{\"at\":\"-1 12:00\",\"read\":\"demo-c\"},"
          "{\"at\":\"-5 min\",\"from\":\"demo-c\",\"content\":\"À bientôt\"}");

static void plays_a_story_at_its_times(void **state)
{
    struct suite *suite = *state;
    int64_t now_ms = suite->fixture->now_ms;

    make_empty(suite);
    must_play(suite, whole_story, "http://demo.example", false);
    assert_int_equal(number(suite, "SELECT count(*) FROM users"), 2);
    assert_int_equal(number(suite, "SELECT count(*) FROM messages"), 5);
    assert_int_equal(number(suite, "SELECT count(*) FROM messages WHERE type = 'SYSTEM'"), 2);
    assert_int_equal(number(suite, "SELECT count(*) FROM messages WHERE read_at IS NULL"), 1);
    assert_int_equal(number(suite, "SELECT max(created_at) FROM messages"), now_ms - 5 * MINUTE_MS);
    assert_int_equal(number(suite, "SELECT last_message_at FROM conversations"),
                     now_ms - 5 * MINUTE_MS);
    /* 1790000000000 is 16:13:20 in Paris. */
    assert_int_equal(number(suite, "SELECT min(created_at) FROM messages"),
                     now_ms - 3 * DAY_MS - ((6 * 60 + 13) * MINUTE_MS + 20000));
    assert_int_equal(number(suite, "SELECT start_at FROM appointments"),
                     now_ms + 4 * DAY_MS - ((6 * 60 + 13) * MINUTE_MS + 20000));
    assert_int_equal(
        number(suite, "SELECT count(*) FROM attachments WHERE file_url = 'http://demo.example/"
                      "a.png'"),
        1);
}

static void archives(void **state)
{
    struct suite *suite = *state;

    make_empty(suite);
    must_play(suite, STORY("{\"at\":\"-1 10:00\",\"archive\":true}"), "http://demo.example", false);
    assert_int_equal(number(suite, "SELECT count(*) FROM conversations WHERE status = 'ARCHIVED'"),
                     1);
}

static void plays_in_the_order_of_time(void **state)
{
    struct suite *suite = *state;

    make_empty(suite);
    must_play(suite,
              STORY("{\"at\":\"-1 10:00\",\"from\":\"demo-c\",\"content\":\"deux\"},"
                    "{\"at\":\"-1 10:00\",\"from\":\"demo-c\",\"content\":\"trois\"},"
                    "{\"at\":\"-2 10:00\",\"from\":\"demo-c\",\"content\":\"un\"}"),
              "http://demo.example", false);
    assert_int_equal(number(suite, "SELECT count(*) FROM messages a JOIN messages b JOIN messages c"
                                   " WHERE a.content = 'un' AND b.content = 'deux' AND"
                                   " c.content = 'trois' AND a.position < b.position AND"
                                   " b.position < c.position"),
                     1);
}

static void a_second_time_changes_the_people_alone(void **state)
{
    struct suite *suite = *state;

    make_empty(suite);
    must_play(suite, whole_story, "http://demo.example", false);
    must_play(suite, whole_story, "http://other.example", true);
    assert_int_equal(number(suite, "SELECT count(*) FROM messages"), 5);
    assert_int_equal(
        number(suite, "SELECT count(*) FROM users WHERE image = 'http://other.example/s.svg'"), 1);
}

static void other_data_is_refused(void **state)
{
    struct suite *suite = *state;
    struct error error;
    bool was_filled;

    assert_false(play(suite, whole_story, "http://demo.example", &was_filled, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_non_null(strstr(error.text, "other data"));
    assert_int_equal(number(suite, "SELECT count(*) FROM users WHERE id LIKE 'demo-%'"), 0);
}

static void a_bad_story_leaves_nothing(void **state)
{
    static const struct {
        const char *story;
        const char *complaint;
    } cases[] = {
        {"{" PEOPLE "}", "no conversations"},
        {"{" PEOPLE ",\"conversations\":7}", "no conversations"},
        {"{\"people\":[{\"role\":\"client\"}],\"conversations\":[]}", "proper id"},
        {"{\"people\":[{\"id\":\"demo-c\"}],\"conversations\":[]}", "role"},
        {STORY("{\"at\":\"1 min\",\"from\":\"demo-c\",\"content\":\"x\"}"), "future"},
        {STORY("{\"at\":\"hier\",\"from\":\"demo-c\",\"content\":\"x\"}"), "no such time"},
        {STORY("{\"at\":\"-1 10:00 \",\"from\":\"demo-c\",\"content\":\"x\"}"), "no such time"},
        {STORY("{\"at\":\"-1 minute\",\"from\":\"demo-c\",\"content\":\"x\"}"), "no such time"},
        {STORY("{\"from\":\"demo-c\",\"content\":\"x\"}"), "no such time"},
        {STORY("{\"at\":\"-1 10:00\",\"start\":\"bientôt\"}"), "no such start"},
        {STORY("{\"at\":\"-4 10:00\",\"from\":\"demo-c\",\"content\":\"x\"}"), "before its"},
        {STORY("{\"at\":\"-1 10:00\"}"), "says nothing"},
        {STORY("{\"at\":\"-1 10:00\",\"from\":\"c1\",\"content\":\"x\"}"), "participe"},
        {STORY("{\"at\":\"-1 10:00\",\"from\":\"demo-c\",\"content\":\"\"}"), "content"},
        {STORY("{\"at\":\"-1 10:00\",\"status\":\"GONE\"}"), "status"},
    };
    struct suite *suite = *state;
    struct error error;
    bool was_filled;

    make_empty(suite);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_false(play(suite, cases[i].story, "http://demo.example", &was_filled, &error));
        if (strstr(error.text, cases[i].complaint) == NULL)
            print_error("%s: %s\n", cases[i].story, error.text);
        assert_non_null(strstr(error.text, cases[i].complaint));
        assert_int_equal(number(suite, "SELECT count(*) FROM users"), 0);
        assert_int_equal(number(suite, "SELECT count(*) FROM messages"), 0);
    }
}

static void a_file_that_is_no_story(void **state)
{
    struct suite *suite = *state;
    struct error error;

    error_clear(&error);
    assert_null(demo_story_load("/nonexistent/story.json", "", &error));
    assert_non_null(strstr(error.text, "/nonexistent/story.json: "));
    assert_null(demo_story_load("/", "", &error));
    assert_non_null(strstr(error.text, "/: "));
    write_story(suite, "{");
    assert_null(demo_story_load(suite->path, "", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void a_story_may_be_so_large(void **state)
{
    struct suite *suite = *state;
    struct error error;
    char *text = malloc(DEMO_STORY_MAX_BYTES + 2);

    assert_non_null(text);
    memset(text, ' ', DEMO_STORY_MAX_BYTES + 1);
    memcpy(text, "{}", 2);
    text[DEMO_STORY_MAX_BYTES] = '\0';
    error_clear(&error);
    write_story(suite, text);
    struct json_object *story = demo_story_load(suite->path, "", &error);
    assert_non_null(story);
    json_object_put(story);
    text[DEMO_STORY_MAX_BYTES] = ' ';
    text[DEMO_STORY_MAX_BYTES + 1] = '\0';
    write_story(suite, text);
    assert_null(demo_story_load(suite->path, "", &error));
    assert_non_null(strstr(error.text, "has more than 1048576 bytes"));
    free(text);
}

static void the_tokens_last_a_day(void **state)
{
    struct suite *suite = *state;
    struct config *config = calloc(1, sizeof(*config));
    struct buffer json = BUFFER_EMPTY;
    struct token_claims claims;
    struct error error;
    int64_t now_ms = suite->fixture->now_ms;

    error_clear(&error);
    assert_non_null(config);
    strcpy(config->auth_jwt_secret, "a secret that is long enough for HS256");
    config->auth_require_expiry = true;
    struct token_verifier *verifier = token_verifier_create(config, &error);
    assert_non_null(verifier);
    write_story(suite, whole_story);
    struct json_object *story = demo_story_load(suite->path, "http://demo.example", &error);
    assert_true(demo_write_people(story, config, now_ms, &json, &error));
    json_object_put(story);

    struct json_object *answer = fixture_parse(&json);
    struct json_object *person = json_object_array_get_idx(json_get(answer, "people"), 1);
    assert_string_equal(json_text(json_get(person, "id")), "demo-c");
    assert_string_equal(json_text(json_get(person, "name")), "Zoé");
    assert_null(json_get(person, "image"));
    const char *token = json_text(json_get(person, "token"));
    assert_true(token_verify(verifier, token, strlen(token), now_ms, &claims, &error));
    assert_string_equal(claims.user_id, "demo-c");
    assert_string_equal(claims.role, "client");
    assert_int_equal(claims.expires_at_ms - now_ms, DAY_MS);
    json_object_put(answer);
    buffer_free(&json);
    token_verifier_free(verifier);
    free(config);
}

static void without_a_secret_there_are_no_tokens(void **state)
{
    struct suite *suite = *state;
    struct buffer json = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    write_story(suite, whole_story);
    struct json_object *story = demo_story_load(suite->path, "http://demo.example", &error);
    assert_false(demo_write_people(story, &suite->fixture->config, 0, &json, &error));
    assert_non_null(strstr(error.text, "JWT_SECRET"));
    json_object_put(story);
    buffer_free(&json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plays_a_story_at_its_times), TEST(archives),
        TEST(plays_in_the_order_of_time), TEST(a_second_time_changes_the_people_alone),
        TEST(other_data_is_refused),      TEST(a_bad_story_leaves_nothing),
        TEST(a_file_that_is_no_story),    TEST(a_story_may_be_so_large),
        TEST(the_tokens_last_a_day),      TEST(without_a_secret_there_are_no_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
