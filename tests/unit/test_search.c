/*
 * What is found, by whom, in which order; and that what is gone leaves the index.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/database_driver.h"
#include "db/deletion.h"
#include "db/privacy.h"
#include "db/search.h"
#include "db/search_block.h"
#include "db/search_index.h"
#include "tests/unit/db_fixture.h"

/* ---- helpers ------------------------------------------------------------------------------- */

/* A database whose writer does nothing behind: the test does the slices. */
static void open_without_chore(struct fixture *fixture)
{
    const struct database_options options = {.path = fixture->path,
                                             .readers = 2,
                                             .busy_timeout_ms = 5000,
                                             .outbox_retention_ms = 86400000,
                                             .outbox_max_rows = 1000000};
    struct error error;

    error_clear(&error);
    database_free(fixture->database);
    fixture->database =
        database_create_with(database_driver(), &options, &fixture->services, &error);
    assert_non_null(fixture->database);
}

static void do_all_slices(struct fixture *fixture)
{
    struct deletion_slice slice;

    do
        assert_int_equal(fixture_write(fixture, deletion_slice(&slice)), ERROR_NONE);
    while (slice.has_more);
}

/* The first `limit` hits of page `page` as "kind excerpt" lines. */
static const char *found_on(struct fixture *fixture, struct caller caller, const char *text,
                            int64_t page, int64_t limit)
{
    static char lines[16384];
    struct buffer json = BUFFER_EMPTY;
    struct search_query query;
    struct search request = {
        .caller = caller, .query = &query, .page = page, .limit = limit, .json = &json};
    struct json_object *answer, *data, *member;
    size_t length = 0;

    assert_true(search_query_parse(text, &query));
    assert_int_equal(fixture_read(fixture, search(&request)), ERROR_NONE);
    answer = fixture_parse(&json);
    assert_true(json_object_object_get_ex(answer, "data", &data));
    lines[0] = '\0';
    for (size_t i = 0; i < json_object_array_length(data); i++) {
        struct json_object *hit = json_object_array_get_idx(data, i);
        assert_true(json_object_object_get_ex(hit, "type", &member));
        char kind = json_object_get_string(member)[0];
        assert_true(json_object_object_get_ex(hit, "excerpt", &member));
        length += (size_t)snprintf(lines + length, sizeof(lines) - length, "%c %s\n", kind,
                                   json_object_get_string(member));
    }
    json_object_put(answer);
    buffer_free(&json);
    return lines;
}

static const char *found(struct fixture *fixture, struct caller caller, const char *text)
{
    return found_on(fixture, caller, text, 1, 20);
}

/* Sends so many messages, each a millisecond after the one before it. */
static void send_many(struct fixture *fixture, const char *conversation_id, int count,
                      const char *word)
{
    char text[64];

    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "%s%d commun", word, i);
        fixture->now_ms++;
        fixture_send(fixture, conversation_id, client("c1"), text);
        fixture_forget_events(fixture);
    }
}

static int64_t count_of(struct fixture *fixture, const char *table)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM %s", table);
    return fixture_number(fixture, sql);
}

/* Whether a word is in a block of the index. */
static bool is_indexed(struct fixture *fixture, const char *word)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
             "SELECT COUNT(*) FROM search_blocks WHERE (char(10) || entries) LIKE"
             " '%%' || char(10) || '%s%%' OR first_term LIKE '%s%%'",
             word, word);
    return fixture_number(fixture, sql) > 0;
}

#define ENOUGH (SEARCH_PENDING_MIN + 10)

/* ---- tests --------------------------------------------------------------------------------- */

static void what_is_pending_and_what_is_indexed_is_found_alike(void **state)
{
    struct fixture *fixture = *state;
    char id[ID_BYTES];

    open_without_chore(fixture);
    snprintf(id, sizeof(id), "%s", fixture_conversation(fixture));
    fixture_send(fixture, id, salon("s1"), "Une COULEUR d'été, cœur à prendre");
    send_many(fixture, id, ENOUGH, "mot");
    for (int round = 0; round < 2; round++) {
        assert_string_equal(found(fixture, client("c1"), "ete couleur"),
                            "m Une COULEUR d'été, cœur à prendre\n");
        assert_string_equal(found(fixture, salon("s1"), "COEU"),
                            "m Une COULEUR d'été, cœur à prendre\n");
        assert_string_equal(found(fixture, salon("s1"), "mot7 com"), "m mot7 commun\n");
        assert_string_equal(found(fixture, salon("s1"), "mot50"),
                            "m mot509 commun\nm mot508 commun\nm mot507 commun\nm mot506 commun\n"
                            "m mot505 commun\nm mot504 commun\nm mot503 commun\nm mot502 commun\n"
                            "m mot501 commun\nm mot500 commun\nm mot50 commun\n");
        assert_string_equal(found(fixture, salon("s1"), "mot5 mot7"), "");
        assert_string_equal(found(fixture, salon("s1"), "mot commun"), ""); /* mot is whole */
        assert_string_equal(found_on(fixture, salon("s1"), "commun", 2, 2),
                            "m mot519 commun\nm mot518 commun\n");
        assert_string_equal(found(fixture, client("c2"), "commun"), "");
        assert_string_equal(found(fixture, salon("s2"), "commun"), "");
        assert_string_equal(found(fixture, service(), "commun"), "");
        do_all_slices(fixture);
        assert_int_equal(count_of(fixture, "search_pending WHERE is_card = 0"), 0);
        fixture_verify(fixture);
    }
    assert_int_equal(count_of(fixture, "search_segments"), 1);
}

static void what_has_left_is_not_found_and_not_in_the_index(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    char id[ID_BYTES], message_id[ID_BYTES];

    open_without_chore(fixture);
    snprintf(id, sizeof(id), "%s", fixture_conversation(fixture));
    snprintf(message_id, sizeof(message_id), "%s",
             fixture_send(fixture, id, salon("s1"), "secretissime commun"));
    send_many(fixture, id, ENOUGH, "mot");
    do_all_slices(fixture);
    assert_true(is_indexed(fixture, "secretissime"));
    struct message_reference request = {
        .message_id = message_id, .caller = salon("s1"), .json = &json};
    assert_int_equal(fixture_write(fixture, message_delete(&request)), ERROR_NONE);
    assert_string_equal(found(fixture, salon("s1"), "secretissime"), "");
    do_all_slices(fixture);
    assert_false(is_indexed(fixture, "secretissime"));
    assert_true(is_indexed(fixture, "mot5"));
    fixture_verify(fixture);
    struct conversation_reference conversation = {.conversation_id = id, .caller = salon("s1")};
    assert_int_equal(fixture_write(fixture, conversation_delete(&conversation)), ERROR_NONE);
    assert_string_equal(found(fixture, salon("s1"), "commun"), "");
    do_all_slices(fixture);
    assert_int_equal(count_of(fixture, "search_blocks"), 0);
    assert_int_equal(count_of(fixture, "search_documents"), 0);
    assert_int_equal(count_of(fixture, "search_segments"), 0);
    assert_int_equal(count_of(fixture, "search_stale"), 0);
    fixture_verify(fixture);
    buffer_free(&json);
}

static void set_names(struct fixture *fixture, const char *first_name, const char *last_name)
{
    struct person_set request = {.user_id = "c1",
                                 .fields = {.first_name = first_name, .last_name = last_name}};

    assert_int_equal(fixture_write(fixture, person_set(&request)), ERROR_NONE);
}

static void a_conversation_is_found_by_the_others_present_name_and_its_subject(void **state)
{
    struct fixture *fixture = *state;
    struct buffer json = BUFFER_EMPTY;
    char id[ID_BYTES];

    open_without_chore(fixture);
    set_names(fixture, "Zoé", "Müller");
    snprintf(id, sizeof(id), "%s", fixture_conversation(fixture));
    send_many(fixture, id, ENOUGH, "mot");
    for (int round = 0; round < 2; round++) {
        assert_non_null(strstr(found(fixture, salon("s1"), "muller zoe"), "c Zoé Müller"));
        assert_string_equal(found(fixture, client("c1"), "muller"), ""); /* their own name */
        do_all_slices(fixture);
    }
    set_names(fixture, "Chloé", "Straße");
    for (int round = 0; round < 2; round++) {
        assert_string_equal(found(fixture, salon("s1"), "zoe"), "");
        do_all_slices(fixture);
        assert_non_null(strstr(found(fixture, salon("s1"), "strasse"), "c Chloé Straße"));
        assert_false(is_indexed(fixture, "muller"));
    }
    struct conversation_change change = {.subject = "Coupe et brushing"};
    struct conversation_update update = {
        .conversation_id = id, .caller = salon("s1"), .change = &change, .json = &json};
    assert_int_equal(fixture_write(fixture, conversation_update(&update)), ERROR_NONE);
    assert_non_null(strstr(found(fixture, client("c1"), "brush"), "Coupe et brushing"));
    do_all_slices(fixture);
    assert_non_null(strstr(found(fixture, client("c1"), "brush"), "Coupe et brushing"));
    struct person_erase erase = {.user_id = "c1"};
    assert_int_equal(fixture_write(fixture, person_erase(&erase)), ERROR_NONE);
    do_all_slices(fixture);
    assert_string_equal(found(fixture, salon("s1"), "chloe"), "");
    assert_false(is_indexed(fixture, "chloe"));
    fixture_verify(fixture);
    buffer_free(&json);
}

static void what_was_there_before_is_indexed_by_and_by(void **state)
{
    struct fixture *fixture = *state;
    char id[ID_BYTES];

    open_without_chore(fixture);
    snprintf(id, sizeof(id), "%s", fixture_conversation(fixture));
    send_many(fixture, id, 3 * SEGMENT_DOCUMENTS_MAX, "mot");
    fixture_execute(fixture, "DELETE FROM search_pending;"
                             "INSERT INTO search_backlog (conversation_id) VALUES ('')");
    send_many(fixture, id, 3, "nouveau");
    assert_string_equal(found(fixture, salon("s1"), "nouveau2"), "m nouveau2 commun\n");
    do_all_slices(fixture);
    assert_int_equal(count_of(fixture, "search_backlog"), 0);
    assert_string_equal(found(fixture, salon("s1"), "nouveau2"), "m nouveau2 commun\n");
    assert_string_equal(found(fixture, salon("s1"), "mot1234"), "m mot1234 commun\n");
    fixture_verify(fixture);
}

static void words_of_a_query(void **state)
{
    struct search_query query;

    (void)state;
    assert_false(search_query_parse("", &query));
    assert_false(search_query_parse(" -- \"*\" ’…!", &query));
    assert_int_equal(query.count, 0);
    assert_true(search_query_parse("NEAR(\"l'Œuvre\", 2) OR x*", &query));
    assert_int_equal(query.count, 6);
    assert_string_equal(query.words[2].text, "oeuvre");
    assert_false(search_query_parse("a b c d e f g h i", &query));
    assert_int_equal(query.count, SEARCH_WORDS_MAX);
}

static void excerpt_of(const char *query_text, const char *text, struct buffer *json)
{
    struct buffer scratch = BUFFER_EMPTY;
    struct search_query query;
    struct json_writer writer;

    assert_true(search_query_parse(query_text, &query));
    assert_true(search_query_matches(&query, text));
    buffer_clear(json);
    json_writer_init(&writer, json);
    json_begin_object(&writer);
    search_excerpt_write(&query, text, &writer, &scratch);
    json_end_object(&writer);
    buffer_free(&scratch);
}

static void an_excerpt_is_the_part_around_the_hit(void **state)
{
    struct buffer json = BUFFER_EMPTY;
    char text[2048] = "";

    (void)state;
    excerpt_of("été", "👋 L'ÉTÉ <b>\nfin", &json);
    assert_string_equal(buffer_text(&json), "{\"excerpt\":\"👋 L'ÉTÉ <b> fin\","
                                            "\"highlights\":[{\"start\":5,\"end\":8}]}");
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "mot%d ", i);
    excerpt_of("mot50", text, &json);
    assert_non_null(strstr(buffer_text(&json), "\"excerpt\":\"…mot44 mot45"));
    assert_non_null(strstr(buffer_text(&json), "…\",\"highlights\":[{\"start\":37,\"end\":42}]"));
    buffer_free(&json);
}

static void a_block_says_which_documents_have_a_term(void **state)
{
    struct search_builder *builder = search_builder_create();
    struct buffer block = BUFFER_EMPTY, all = BUFFER_EMPTY;
    struct document_set set = {0};
    char word[16];

    (void)state;
    assert_non_null(builder);
    for (unsigned i = 0; i < SEGMENT_DOCUMENTS_MAX; i++) {
        snprintf(word, sizeof(word), "w%u", i % 500);
        assert_true(search_builder_add(builder, word, strlen(word), i));
        assert_true(search_builder_add_text(builder, i % 2 == 0 ? "Partout pair" : "partout", i));
    }
    while (search_builder_next(builder, &block)) {
        assert_true(block.length <= SEARCH_BLOCK_BYTES);
        buffer_append(&all, block.data, block.length);
        buffer_clear(&block);
    }
    search_block_read(buffer_text(&all), "partout", false, &set);
    for (size_t i = 0; i < SEGMENT_WORDS; i++)
        assert_true(set.bits[i] == UINT64_MAX);
    set = (struct document_set){0};
    search_block_read(buffer_text(&all), "w123", false, &set);
    assert_true(document_set_has(&set, 123) && document_set_has(&set, 623));
    assert_false(document_set_has(&set, 124));
    set = (struct document_set){0};
    search_block_read(buffer_text(&all), "pai", true, &set);
    for (size_t i = 0; i < SEGMENT_WORDS; i++)
        assert_true(set.bits[i] == UINT64_C(0x5555555555555555));
    buffer_free(&block);
    buffer_free(&all);
    search_builder_free(builder);
}

static void an_owner_is_a_term_without_blanks(void **state)
{
    char term[SEARCH_TERM_BYTES];

    (void)state;
    search_owner_term(SEARCH_OWNER_CARDS, "a b=c%é", term);
    assert_string_equal(term, "#a%20b%3Dc%25é");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_pending_and_what_is_indexed_is_found_alike,
                                        fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(what_has_left_is_not_found_and_not_in_the_index,
                                        fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(
            a_conversation_is_found_by_the_others_present_name_and_its_subject, fixture_set_up,
            fixture_tear_down),
        cmocka_unit_test_setup_teardown(what_was_there_before_is_indexed_by_and_by, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test(words_of_a_query),
        cmocka_unit_test(an_excerpt_is_the_part_around_the_hit),
        cmocka_unit_test(a_block_says_which_documents_have_a_term),
        cmocka_unit_test(an_owner_is_a_term_without_blanks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
