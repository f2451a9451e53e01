/*
 * A large conversation is gone for everybody at once, and its rows go behind; and so are the names
 * of somebody with many conversations.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/database_driver.h"
#include "db/deletion.h"
#include "db/engine/outbox.h"
#include "db/privacy.h"
#include "db/slice.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/wait.h"

#define MESSAGES (DELETION_AT_ONCE_MESSAGES + 2 * DELETION_STEP_ROWS * SLICE_STEPS)

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

/* With a conversation beside it that stays, and a message in that. */
static const char *make_large(struct fixture *fixture)
{
    static char id[ID_BYTES];

    snprintf(id, sizeof(id), "%s", fixture_conversation(fixture));
    for (int i = 0; i < MESSAGES; i++) {
        fixture_send(fixture, id, i % 2 == 0 ? salon("s1") : client("c1"), "secret");
        fixture_forget_events(fixture);
    }
    fixture_send(fixture, fixture_conversation(fixture), client("c1"), "kept");
    return id;
}

static void delete_conversation(struct fixture *fixture, const char *id)
{
    struct conversation_reference request = {.conversation_id = id, .caller = salon("s1")};

    assert_int_equal(fixture_write(fixture, conversation_delete(&request)), ERROR_NONE);
}

static bool do_slice(struct fixture *fixture)
{
    struct deletion_slice slice;

    assert_int_equal(fixture_write(fixture, deletion_slice(&slice)), ERROR_NONE);
    return slice.has_more;
}

static int64_t count_messages(struct fixture *fixture)
{
    return fixture_number(fixture, "SELECT COUNT(*) FROM messages");
}

static int64_t count_told(struct fixture *fixture, const char *word)
{
    struct outbox_read_after request = {.limit = 100000};
    struct event event;
    int64_t count = 0;

    do {
        event_batch_clear(&request.batch);
        assert_int_equal(fixture_read(fixture, outbox_read_after(&request)), ERROR_NONE);
        for (size_t i = 0; i < event_batch_count(&request.batch); i++) {
            event_batch_at(&request.batch, i, &event);
            count += strstr(event.payload, word) != NULL ? 1 : 0;
            request.after = event.seq;
        }
    } while (!request.is_last);
    event_batch_free(&request.batch);
    return count;
}

static void assert_hidden(struct fixture *fixture, const char *id, const char *message_id)
{
    struct buffer json = BUFFER_EMPTY;
    struct buffer listed = BUFFER_EMPTY;
    struct conversation_find find = {.conversation_id = id, .caller = salon("s1"), .json = &json};
    struct message_page page = {
        .conversation_id = id, .caller = client("c1"), .page = 1, .limit = 10, .json = &json};
    struct message_reference message = {
        .message_id = message_id, .caller = client("c1"), .json = &json};
    struct error error;

    assert_int_equal(fixture_read(fixture, conversation_find(&find)), ERROR_NOT_FOUND);
    assert_int_equal(fixture_read(fixture, message_page(&page)), ERROR_NOT_FOUND);
    error_clear(&error);
    assert_false(database_write(fixture->database, message_mark_read(&message), &error));
    assert_string_equal(error.text, "Message introuvable");
    fixture_list(fixture, salon("s1"), 1, 10, &listed);
    assert_null(strstr(buffer_text(&listed), id));
    assert_int_equal(fixture_unread(fixture, salon("s1")), 1);
    assert_int_equal(fixture_unread(fixture, client("c1")), 0);
    assert_int_equal(count_told(fixture, "secret"), 0);
    assert_int_equal(count_told(fixture, "kept") > 0, 1);
    fixture_verify(fixture);
    buffer_free(&json);
    buffer_free(&listed);
}

static void a_large_conversation_is_hidden_at_once_and_goes_in_slices(void **state)
{
    struct fixture *fixture = *state;
    char message_id[ID_BYTES];
    int slices = 0;

    const char *id = make_large(fixture);
    open_without_chore(fixture);
    snprintf(message_id, sizeof(message_id), "%s",
             fixture_send(fixture, id, salon("s1"), "secret"));
    delete_conversation(fixture, id);
    assert_int_equal(count_messages(fixture), MESSAGES + 2);
    do {
        assert_hidden(fixture, id, message_id);
        slices++;
    } while (do_slice(fixture));
    assert_true(slices > 3);
    assert_int_equal(count_messages(fixture), 1);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM conversations"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM deletions"), 0);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE payload LIKE '%secret%'"), 0);
    assert_int_equal(count_told(fixture, "conversation") > 0, 1);
}

static void everybody_is_told_that_it_is_gone(void **state)
{
    struct fixture *fixture = *state;
    const char *id = make_large(fixture);

    fixture_forget_events(fixture);
    open_without_chore(fixture);
    delete_conversation(fixture, id);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE name = 'conversation-deleted'"
                                " AND payload <> ''"),
        2);
    while (do_slice(fixture))
        continue;
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE name = 'conversation-deleted'"
                                " AND payload <> ''"),
        2);
}

static void an_idle_writer_does_it_by_itself(void **state)
{
    struct fixture *fixture = *state;

    delete_conversation(fixture, make_large(fixture));
    WAIT_UNTIL(count_messages(fixture) == 1, wait_a_moment());
    WAIT_UNTIL(fixture_number(fixture, "SELECT COUNT(*) FROM conversations") == 1, wait_a_moment());
    fixture_verify(fixture);
}

/* In the middle of it: the next one finds what is left to do. */
static void what_a_killed_program_has_left_is_done_by_the_next(void **state)
{
    struct fixture *fixture = *state;
    const char *id = make_large(fixture);
    int status;

    database_free(fixture->database); /* no thread of ours is there to be forked */
    fixture->database = NULL;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        open_without_chore(fixture);
        delete_conversation(fixture, id);
        do_slice(fixture);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    int64_t left = count_messages(fixture);
    assert_true(left > 1 && left < MESSAGES + 1);
    fixture_verify(fixture);
    fixture_reopen(fixture, 86400000, 1000000);
    assert_int_equal(fixture_unread(fixture, salon("s1")), 1);
    WAIT_UNTIL(count_messages(fixture) == 1, wait_a_moment());
    fixture_verify(fixture);
}

/* ---- erasures ------------------------------------------------------------------------------ */

#define TALKS (3 * SLICE_STEPS)

/* In each the name of c1: in the subject, a SYSTEM message, and a file that they sent. */
static void make_talk(struct fixture *fixture, char id[ID_BYTES])
{
    const struct conversation_input input = {
        .client_user_id = "c1", .subject = "RDV de Léa", .first_message = "Bonjour Léa !"};
    const struct message_input message = {.content = "",
                                          .type = MESSAGE_IMAGE,
                                          .attachments = {{.file_name = "Léa.png",
                                                           .file_url = "https://files.example/1",
                                                           .file_type = "image/png",
                                                           .file_size = 1}},
                                          .attachment_count = 1};
    struct buffer json = BUFFER_EMPTY;
    struct conversation_create create = {
        .caller = salon("s1"), .input = &input, .config = &fixture->config, .json = &json};

    assert_int_equal(fixture_write(fixture, conversation_create(&create)), ERROR_NONE);
    struct json_object *tree = fixture_parse(&json);
    snprintf(id, ID_BYTES, "%s", json_text(json_get(tree, "id")));
    json_object_put(tree);
    struct message_create send = {.conversation_id = id,
                                  .caller = client("c1"),
                                  .input = &message,
                                  .config = &fixture->config,
                                  .json = &json};
    assert_int_equal(fixture_write(fixture, message_create(&send)), ERROR_NONE);
    buffer_free(&json);
}

static int64_t count_names(struct fixture *fixture)
{
    return fixture_number(fixture,
                          "SELECT (SELECT COUNT(*) FROM conversations WHERE subject LIKE '%Léa%')"
                          " + (SELECT COUNT(*) FROM messages WHERE content LIKE '%Léa%')"
                          " + (SELECT COUNT(*) FROM attachments WHERE file_name LIKE '%Léa%')"
                          " + (SELECT COUNT(*) FROM outbox WHERE payload LIKE '%Léa%')"
                          " + (SELECT COUNT(*) FROM person_names WHERE name LIKE '%Léa%')");
}

static void assert_nameless(struct fixture *fixture, char ids[TALKS][ID_BYTES])
{
    struct buffer json = BUFFER_EMPTY;
    struct conversation_list list = {.caller = salon("s1"), .page = 1, .limit = 100, .json = &json};
    struct unread_summary unread = {.caller = salon("s1"), .json = &json};
    struct message_page page = {.caller = salon("s1"), .page = 1, .limit = 10, .json = &json};

    assert_int_equal(fixture_read(fixture, conversation_list(&list)), ERROR_NONE);
    assert_int_equal(fixture_read(fixture, unread_conversations(&unread)), ERROR_NONE);
    for (int i = 0; i < TALKS; i++) {
        page.conversation_id = ids[i];
        assert_int_equal(fixture_read(fixture, message_page(&page)), ERROR_NONE);
    }
    assert_non_null(strstr(buffer_text(&json), "RDV de [effacé]"));
    assert_non_null(strstr(buffer_text(&json), "Bonjour [effacé] !"));
    assert_non_null(strstr(buffer_text(&json), "\"fileName\":\"[effacé]\""));
    assert_null(strstr(buffer_text(&json), "Léa"));
    assert_int_equal(count_told(fixture, "Léa"), 0);
    fixture_verify(fixture);
    buffer_free(&json);
}

static void names_of_somebody_with_many_conversations_are_hidden_at_once(void **state)
{
    static char ids[TALKS][ID_BYTES];
    struct fixture *fixture = *state;
    struct person_erase erase = {.user_id = "c1"};
    int slices = 0;

    for (int i = 0; i < TALKS; i++)
        make_talk(fixture, ids[i]);
    open_without_chore(fixture);
    assert_true(count_told(fixture, "Léa") > 0);
    assert_int_equal(fixture_write(fixture, person_erase(&erase)), ERROR_NONE);
    assert_int_equal(erase.conversations, TALKS);
    assert_true(count_names(fixture) > TALKS);
    do {
        assert_nameless(fixture, ids);
        slices++;
    } while (do_slice(fixture));
    assert_true(slices > 2);
    assert_int_equal(count_names(fixture), 0);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM erasures"), 0);
    assert_int_equal(
        fixture_number(fixture, "SELECT COUNT(*) FROM outbox WHERE name = 'conversation-updated'"),
        2 * TALKS);
}

/* Else the new name would be erased with the old ones, and be known to nobody afterwards. */
static void who_is_being_erased_is_put_again_only_later(void **state)
{
    static char id[ID_BYTES];
    struct fixture *fixture = *state;
    struct person_erase erase = {.user_id = "c1"};
    struct person_set set = {.user_id = "c1", .fields = {.first_name = "Noé"}};

    for (int i = 0; i < TALKS; i++)
        make_talk(fixture, id);
    open_without_chore(fixture);
    assert_int_equal(fixture_write(fixture, person_erase(&erase)), ERROR_NONE);
    assert_int_equal(fixture_write(fixture, person_set(&set)), ERROR_UNAVAILABLE);
    while (do_slice(fixture))
        continue;
    assert_int_equal(fixture_write(fixture, person_set(&set)), ERROR_NONE);
    assert_int_equal(fixture_write(fixture, person_erase(&erase)), ERROR_NONE);
    fixture_verify(fixture);
}

static void names_go_behind_by_themselves(void **state)
{
    static char id[ID_BYTES];
    struct fixture *fixture = *state;
    struct person_erase erase = {.user_id = "c1"};

    for (int i = 0; i < TALKS; i++)
        make_talk(fixture, id);
    assert_int_equal(fixture_write(fixture, person_erase(&erase)), ERROR_NONE);
    WAIT_UNTIL(count_names(fixture) == 0, wait_a_moment());
    fixture_verify(fixture);
}

/* Nor is the outbox pruned by what a program does behind that has written nothing yet. */
static void events_outlive_slices_of_a_program_that_has_just_started(void **state)
{
    static char id[ID_BYTES];
    struct fixture *fixture = *state;
    struct person_erase erase = {.user_id = "c1"};

    for (int i = 0; i < TALKS; i++)
        make_talk(fixture, id);
    open_without_chore(fixture);
    assert_int_equal(fixture_write(fixture, person_erase(&erase)), ERROR_NONE);
    /* So that the slices' own events get to where the outbox is pruned. */
    while (fixture_number(fixture, "SELECT MAX(seq) FROM outbox") % OUTBOX_PRUNE_INTERVAL_EVENTS <
           OUTBOX_PRUNE_INTERVAL_EVENTS - TALKS)
        fixture_send(fixture, id, salon("s1"), "kept");
    fixture_reopen(fixture, 86400000, 1000000);
    assert_int_equal(fixture_unread(fixture, salon("s1")) >= 0,
                     1); /* opens it, and writes nothing */
    WAIT_UNTIL(count_names(fixture) == 0, wait_a_moment());
    assert_int_equal(fixture_number(fixture, "SELECT MIN(seq) FROM outbox"), 1);
}

/* One that goes meanwhile is not waited for. */
static void a_conversation_that_is_deleted_meanwhile_holds_up_no_erasure(void **state)
{
    static char ids[TALKS][ID_BYTES];
    struct fixture *fixture = *state;
    struct person_erase erase = {.user_id = "c1"};

    for (int i = 0; i < TALKS; i++)
        make_talk(fixture, ids[i]);
    open_without_chore(fixture);
    assert_int_equal(fixture_write(fixture, person_erase(&erase)), ERROR_NONE);
    for (int i = 0; i < TALKS; i += 2)
        delete_conversation(fixture, ids[i]);
    while (do_slice(fixture))
        continue;
    assert_int_equal(count_names(fixture), 0);
    fixture_verify(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_large_conversation_is_hidden_at_once_and_goes_in_slices),
        TEST(everybody_is_told_that_it_is_gone),
        TEST(an_idle_writer_does_it_by_itself),
        TEST(what_a_killed_program_has_left_is_done_by_the_next),
        TEST(names_of_somebody_with_many_conversations_are_hidden_at_once),
        TEST(who_is_being_erased_is_put_again_only_later),
        TEST(names_go_behind_by_themselves),
        TEST(events_outlive_slices_of_a_program_that_has_just_started),
        TEST(a_conversation_that_is_deleted_meanwhile_holds_up_no_erasure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
