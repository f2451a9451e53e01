/*
 * What was deleted, replaced or erased is in none of the files that we own: their bytes are
 * searched. By another process, as closing a file gives up the locks that this one has on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "db/deletion.h"
#include "db/privacy.h"
#include "db/search_index.h"
#include "db/sqlite/database_file.h"
#include "tests/unit/db_fixture.h"
#include "tests/unit/wait.h"

#define PHRASE        "s3cr3t"
#define CONTENT_BYTES 6000
#define CONVERSATIONS 5
#define MESSAGES      400

static bool is_somewhere(const struct fixture *fixture)
{
    char command[160];

    snprintf(command, sizeof(command), "grep -qaF " PHRASE " %s/*", fixture->directory);
    int status = system(command); /* NOLINT(cert-env33-c): a constant, and a folder of ours */
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    return WEXITSTATUS(status) == 0;
}

static void await_gone(const struct fixture *fixture)
{
    WAIT_UNTIL(!is_somewhere(fixture), wait_a_moment());
}

/* All of it is the word: a piece of a page has it, too. */
static const char *text_of(const char *word, size_t length)
{
    static char text[CONTENT_BYTES + 1];

    for (size_t i = 0; i < length; i++)
        text[i] = word[i % strlen(word)];
    text[length] = '\0';
    return text;
}

static void delete_message(struct fixture *fixture, const char *message_id)
{
    struct buffer json = BUFFER_EMPTY;
    struct message_reference request = {
        .message_id = message_id, .caller = salon("s1"), .json = &json};

    assert_int_equal(fixture_write(fixture, message_delete(&request)), ERROR_NONE);
    buffer_free(&json);
}

/* Of all lengths, between others that stay: pages are filled, split and emptied. */
static void a_deleted_message_is_in_no_file(void **state)
{
    static char conversations[CONVERSATIONS][ID_BYTES];
    static char doomed[MESSAGES][ID_BYTES];
    struct fixture *fixture = *state;
    size_t count = 0;

    for (int i = 0; i < CONVERSATIONS; i++)
        snprintf(conversations[i], ID_BYTES, "%s", fixture_conversation(fixture));
    for (int i = 0; i < MESSAGES; i++) {
        bool is_doomed = i % 3 == 0;
        size_t length = 20 + (size_t)i * 37 % (i % 7 == 0 ? CONTENT_BYTES : 400);
        const char *id = fixture_send(fixture, conversations[i % CONVERSATIONS], salon("s1"),
                                      text_of(is_doomed ? PHRASE " " : "kept ", length));
        if (is_doomed)
            snprintf(doomed[count++], ID_BYTES, "%s", id);
        if (i % 50 == 49) /* so that some of it is in the file already */
            fixture_execute(fixture, "PRAGMA wal_checkpoint(PASSIVE)");
        fixture_forget_events(fixture);
    }
    assert_true(is_somewhere(fixture));
    for (size_t i = 0; i < count; i++) {
        delete_message(fixture, doomed[i]);
        fixture_forget_events(fixture);
    }
    await_gone(fixture);
    fixture_verify(fixture);
}

static void a_deleted_conversation_is_in_no_file(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_conversation(fixture);
    struct conversation_reference request = {.conversation_id = id, .caller = salon("s1")};

    for (size_t i = 0; i < 100; i++)
        fixture_send(fixture, id, client("c1"), text_of(PHRASE " ", 100 + 40 * i));
    assert_int_equal(fixture_write(fixture, conversation_delete(&request)), ERROR_NONE);
    await_gone(fixture);
}

/* The index, too, which has a message's words once there are some hundred. */
static void what_was_indexed_is_in_no_file(void **state)
{
    struct fixture *fixture = *state;
    char id[ID_BYTES], conversation_id[ID_BYTES];
    struct deletion_slice slice;

    snprintf(conversation_id, ID_BYTES, "%s", fixture_conversation(fixture));
    snprintf(id, ID_BYTES, "%s",
             fixture_send(fixture, conversation_id, salon("s1"), "kept " PHRASE " kept"));
    for (int i = 0; i < SEARCH_PENDING_MIN; i++) {
        fixture_send(fixture, conversation_id, salon("s1"), "kept");
        fixture_forget_events(fixture);
    }
    do
        assert_int_equal(fixture_write(fixture, deletion_slice(&slice)), ERROR_NONE);
    while (slice.has_more);
    assert_int_equal(fixture_number(fixture, "SELECT COUNT(*) FROM search_blocks"
                                             " WHERE entries LIKE '%" PHRASE "%'"),
                     1);
    fixture_execute(fixture, "PRAGMA wal_checkpoint(PASSIVE)");
    delete_message(fixture, id);
    await_gone(fixture);
    fixture_verify(fixture);
}

static void set_person(struct fixture *fixture, struct person_input fields)
{
    struct person_set request = {.user_id = "c1", .fields = fields};

    assert_int_equal(fixture_write(fixture, person_set(&request)), ERROR_NONE);
}

static void what_a_person_is_called_no_more_is_in_no_file(void **state)
{
    struct fixture *fixture = *state;

    set_person(fixture, (struct person_input){.email = PHRASE "@example.com"});
    assert_true(is_somewhere(fixture));
    set_person(fixture, (struct person_input){.email = "other@example.com"});
    await_gone(fixture);
}

static void an_erased_person_is_in_no_file(void **state)
{
    struct fixture *fixture = *state;
    struct person_erase request = {.user_id = "c1"};

    set_person(fixture, (struct person_input){.first_name = PHRASE,
                                              .email = PHRASE "@example.com",
                                              .image = "https://example.com/" PHRASE});
    fixture_send(fixture, fixture_conversation(fixture), client("c1"), "Bonjour");
    assert_true(is_somewhere(fixture));
    assert_int_equal(fixture_write(fixture, person_erase(&request)), ERROR_NONE);
    await_gone(fixture);
}

static sqlite3 *open_reader(const struct fixture *fixture)
{
    sqlite3 *reader;

    assert_int_equal(sqlite3_open(fixture->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT COUNT(*) FROM messages", NULL, NULL, NULL),
                     SQLITE_OK);
    return reader;
}

static void who_reads_keeps_it_only_while_they_do(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_send(fixture, fixture_conversation(fixture), salon("s1"), PHRASE);
    sqlite3 *reader = open_reader(fixture);

    delete_message(fixture, id);
    assert_true(is_somewhere(fixture));
    sqlite3_close(reader);
    await_gone(fixture);
}

/* Another one is there, or else SQLite would remove the log. */
static void a_program_that_ends_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    const char *id = fixture_send(fixture, fixture_conversation(fixture), salon("s1"), PHRASE);
    sqlite3 *other = open_reader(fixture);

    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    delete_message(fixture, id);
    database_free(fixture->database);
    fixture->database = NULL;
    assert_false(is_somewhere(fixture));
    sqlite3_close(other);
}

/* The one before it was killed when it had deleted. */
static void a_program_that_starts_empties_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct unread_state state_of_salon = {.user_id = "s1"};
    sqlite3 *other = open_reader(fixture);

    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    fixture_execute(fixture, "PRAGMA secure_delete=ON; BEGIN; CREATE TABLE t (a);"
                             " INSERT INTO t VALUES ('" PHRASE "'); COMMIT; DELETE FROM t;"
                             " DROP TABLE t");
    assert_true(is_somewhere(fixture));
    fixture_reopen(fixture, 86400000, 1000000);
    assert_int_equal(fixture_read(fixture, unread_state(&state_of_salon)), ERROR_NONE);
    await_gone(fixture);
    sqlite3_close(other);
}

/* ---- pages --------------------------------------------------------------------------------- */

#define PAGE_BYTES 512

static void check_unused(const unsigned char *page, bool is_first, size_t begin, size_t length)
{
    size_t found;

    assert_int_equal(database_file_find_unused(page, PAGE_BYTES, is_first, &found), begin);
    assert_int_equal(found, length);
}

static void what_is_not_in_use_is_between_pointers_and_content(void **state)
{
    unsigned char leaf[PAGE_BYTES] = {13, 0, 0, 0, 3, 1, 0x80, 0};
    unsigned char interior[PAGE_BYTES] = {2, 0, 0, 0, 1, 1, 0xf0, 0};
    unsigned char first[PAGE_BYTES] = {0};

    (void)state;
    check_unused(leaf, false, 8 + 6, 0x180 - 14);
    check_unused(interior, false, 12 + 2, 0x1f0 - 14);
    memcpy(first + 100, leaf, 8);
    check_unused(first, true, 100 + 8 + 6, 0x180 - 114);
    leaf[1] = 1; /* a free block within the content */
    leaf[2] = 0x90;
    check_unused(leaf, false, 8 + 6, 0x180 - 14);
}

static void a_page_of_another_kind_is_left_alone(void **state)
{
    unsigned char text[PAGE_BYTES] = {0, 0, 0, 13, 0, 3, 1, 0x80};
    unsigned char outside[PAGE_BYTES] = {13, 0, 0, 0, 3, 2, 1, 0};
    unsigned char crossed[PAGE_BYTES] = {13, 0, 0, 1, 0, 1, 0, 0};
    unsigned char before[PAGE_BYTES] = {13, 0, 0x40, 0, 3, 1, 0x80, 0};

    (void)state;
    check_unused(text, false, 0, 0);
    check_unused(outside, false, 0, 0);
    check_unused(crossed, false, 0, 0);
    check_unused(before, false, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_deleted_message_is_in_no_file),
        TEST(a_deleted_conversation_is_in_no_file),
        TEST(what_was_indexed_is_in_no_file),
        TEST(what_a_person_is_called_no_more_is_in_no_file),
        TEST(an_erased_person_is_in_no_file),
        TEST(who_reads_keeps_it_only_while_they_do),
        TEST(a_program_that_ends_leaves_nothing),
        TEST(a_program_that_starts_empties_the_log),
        cmocka_unit_test(what_is_not_in_use_is_between_pointers_and_content),
        cmocka_unit_test(a_page_of_another_kind_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
