#include "tests/unit/db_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/local_time.h"
#include "db/maintenance.h"

#define DAY_MS      86400000
#define OUTBOX_ROWS 1000000

/* Tests may let time pass while the database's threads look at it. */
static int64_t read_clock(void *context)
{
    return *(const _Atomic int64_t *)context;
}

static void collect(void *context, const struct event *event)
{
    struct fixture *fixture = context;

    assert_true(fixture->event_count < FIXTURE_EVENTS_MAX);
    struct fixture_event *slot = &fixture->events[fixture->event_count++];
    slot->seq = event->seq;
    snprintf(slot->audience, sizeof(slot->audience), "%s", event->audience);
    snprintf(slot->name, sizeof(slot->name), "%s", event->name);
    slot->payload = strndup(event->payload, event->payload_length);
    assert_non_null(slot->payload);
}

static void list_of(struct config_list *list, char *item)
{
    list->count = 1;
    list->items[0] = item;
}

static void open_fixture(struct fixture *fixture, int64_t outbox_retention_ms,
                         int64_t outbox_max_rows)
{
    struct error error;
    const struct database_options options = {.path = fixture->path,
                                             .readers = 2,
                                             .busy_timeout_ms = 5000,
                                             .outbox_retention_ms = outbox_retention_ms,
                                             .outbox_max_rows = outbox_max_rows,
                                             .committed = collect,
                                             .committed_context = fixture};

    error_clear(&error);
    fixture->database = database_create(&options, &fixture->services, &error);
    assert_non_null(fixture->database);
}

void fixture_reopen(struct fixture *fixture, int64_t outbox_retention_ms, int64_t outbox_max_rows)
{
    database_free(fixture->database);
    open_fixture(fixture, outbox_retention_ms, outbox_max_rows);
}

static void add_person(struct fixture *fixture, const char *user_id, const char *role,
                       const char *first_name)
{
    struct error error;
    struct person_set request = {.user_id = user_id,
                                 .fields = {.role = role, .first_name = first_name}};

    error_clear(&error);
    assert_true(database_write(fixture->database, person_set(&request), &error));
}

int fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    strcpy(fixture->directory, "/tmp/messagerie-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof(fixture->path), "%s/test.db", fixture->directory);
    fixture->now_ms = 1790000000000;
    fixture->clock = (struct clock){
        .wall_ms = read_clock, .monotonic_ms = read_clock, .context = &fixture->now_ms};
    fixture->log = (struct log){.program = "test",
                                .level = LOG_LEVEL_ERROR,
                                .descriptor = STDERR_FILENO,
                                .clock = &fixture->clock};
    id_source_init(&fixture->ids, &fixture->clock, &random_system);
    fixture->services = (struct services){.log = &fixture->log,
                                          .clock = &fixture->clock,
                                          .random = &random_system,
                                          .ids = &fixture->ids};
    list_of(&fixture->config.auth_salon_roles, "salon");
    list_of(&fixture->config.auth_client_roles, "client");
    open_fixture(fixture, DAY_MS, OUTBOX_ROWS);
    add_person(fixture, "s1", "salon", NULL);
    add_person(fixture, "s2", "salon", NULL);
    add_person(fixture, "c1", "client", "Léa");
    add_person(fixture, "c2", "client", "Tom");
    *state = fixture;
    return 0;
}

static void remove_file(const struct fixture *fixture, const char *suffix)
{
    char path[160];

    snprintf(path, sizeof(path), "%s%s", fixture->path, suffix);
    unlink(path);
}

static void remove_database(const struct fixture *fixture)
{
    remove_file(fixture, "");
    remove_file(fixture, "-wal");
    remove_file(fixture, "-shm");
    remove_file(fixture, ".lock");
}

int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;

    database_free(fixture->database);
    fixture_forget_events(fixture);
    remove_database(fixture);
    remove_file(fixture, ".backup");
    int result = rmdir(fixture->directory);
    free(fixture);
    return result;
}

struct caller salon(const char *user_id)
{
    return (struct caller){.user_id = user_id, .role = "salon", .kind = CALLER_SALON};
}

struct caller client(const char *user_id)
{
    return (struct caller){.user_id = user_id, .role = "client", .kind = CALLER_CLIENT};
}

struct caller service(void)
{
    return (struct caller){.user_id = "booking", .role = "service", .kind = CALLER_SERVICE};
}

static sqlite3 *open_shell(const struct fixture *fixture)
{
    sqlite3 *shell;

    assert_int_equal(sqlite3_open(fixture->path, &shell), SQLITE_OK);
    sqlite3_busy_timeout(shell, 5000);
    return shell;
}

void *fixture_lock(const struct fixture *fixture)
{
    sqlite3 *shell = open_shell(fixture);

    assert_int_equal(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return shell;
}

void fixture_unlock(void *lock)
{
    assert_int_equal(sqlite3_exec(lock, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(lock);
}

void fixture_load(struct fixture *fixture, const char *dump)
{
    database_free(fixture->database);
    remove_database(fixture);
    fixture_execute(fixture, dump);
    open_fixture(fixture, DAY_MS, OUTBOX_ROWS);
}

void fixture_execute(struct fixture *fixture, const char *sql)
{
    sqlite3 *shell = open_shell(fixture);
    int code = sqlite3_exec(shell, sql, NULL, NULL, NULL);

    if (code != SQLITE_OK)
        print_error("%s: %s\n", sql, sqlite3_errmsg(shell));
    assert_int_equal(code, SQLITE_OK);
    sqlite3_close(shell);
}

int64_t fixture_number(struct fixture *fixture, const char *sql)
{
    sqlite3 *shell = open_shell(fixture);
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_prepare_v2(shell, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(shell);
    return number;
}

void fixture_verify(struct fixture *fixture)
{
    struct buffer findings = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    assert_true(database_verify(fixture->path, &findings, &error));
    if (findings.length > 0)
        print_error("%s", buffer_text(&findings));
    assert_int_equal(findings.length, 0);
    buffer_free(&findings);
}

void fixture_list(struct fixture *fixture, struct caller caller, int64_t page, int64_t limit,
                  struct buffer *out)
{
    struct buffer json = BUFFER_EMPTY;
    struct conversation_list request = {
        .caller = caller, .page = page, .limit = limit, .json = &json};
    struct error error;

    error_clear(&error);
    assert_true(database_read(fixture->database, conversation_list(&request), &error));
    struct json_object *tree = fixture_parse(&json);
    struct json_object *data = json_get(tree, "data");
    for (size_t i = 0; i < json_object_array_length(data); i++)
        buffer_append_format(out, "%s\n",
                             json_text(json_get(json_object_array_get_idx(data, i), "id")));
    json_object_put(tree);
    buffer_free(&json);
}

struct appointment_texts *fixture_texts(void)
{
    struct error error;

    error_clear(&error);
    assert_true(local_time_use_zone("Europe/Paris", &error));
    struct appointment_texts *texts = appointment_texts_load("/nonexistent", &error);
    assert_non_null(texts);
    return texts;
}

struct json_object *fixture_parse(struct buffer *json)
{
    struct error error;

    error_clear(&error);
    struct json_object *tree = json_read_own(json->data, json->length, &error);
    if (tree == NULL)
        print_error("not JSON: %s\n", buffer_text(json));
    assert_non_null(tree);
    buffer_clear(json);
    return tree;
}

/* Copies the id of the object in `json`, and frees the buffer. */
static const char *take_id(struct buffer *json, char id[ID_BYTES])
{
    struct json_object *tree = fixture_parse(json);

    snprintf(id, ID_BYTES, "%s", json_text(json_get(tree, "id")));
    json_object_put(tree);
    buffer_free(json);
    return id;
}

const char *fixture_conversation(struct fixture *fixture)
{
    const struct conversation_input input = {.client_user_id = "c1"};
    struct buffer json = BUFFER_EMPTY;
    struct conversation_create request = {
        .caller = salon("s1"), .input = &input, .config = &fixture->config, .json = &json};
    struct error error;

    error_clear(&error);
    assert_true(database_write(fixture->database, conversation_create(&request), &error));
    return take_id(&json, fixture->conversation_id);
}

const char *fixture_send(struct fixture *fixture, const char *conversation_id, struct caller caller,
                         const char *content)
{
    const struct message_input input = {.content = content, .type = MESSAGE_TEXT};
    struct buffer json = BUFFER_EMPTY;
    struct message_create request = {.conversation_id = conversation_id,
                                     .caller = caller,
                                     .input = &input,
                                     .config = &fixture->config,
                                     .json = &json};
    struct error error;

    error_clear(&error);
    assert_true(database_write(fixture->database, message_create(&request), &error));
    return take_id(&json, fixture->message_id);
}

void fixture_forget_events(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->event_count; i++)
        free(fixture->events[i].payload);
    fixture->event_count = 0;
}

const struct fixture_event *fixture_event(const struct fixture *fixture, const char *name, size_t n)
{
    for (size_t i = 0; i < fixture->event_count; i++)
        if (strcmp(fixture->events[i].name, name) == 0 && n-- == 0)
            return &fixture->events[i];
    return NULL;
}

size_t fixture_count_events(const struct fixture *fixture, const char *name)
{
    size_t count = 0;

    while (fixture_event(fixture, name, count) != NULL)
        count++;
    return count;
}

enum error_kind fixture_write(struct fixture *fixture, struct database_operation operation)
{
    struct error error;

    error_clear(&error);
    bool succeeded = database_write(fixture->database, operation, &error);
    assert_true(succeeded == (error.kind == ERROR_NONE));
    return error.kind;
}

enum error_kind fixture_read(struct fixture *fixture, struct database_query query)
{
    struct error error;

    error_clear(&error);
    bool succeeded = database_read(fixture->database, query, &error);
    assert_true(succeeded == (error.kind == ERROR_NONE));
    return error.kind;
}

int64_t fixture_unread(struct fixture *fixture, struct caller caller)
{
    struct buffer json = BUFFER_EMPTY;
    struct unread_summary request = {.caller = caller, .json = &json};
    int64_t total;

    assert_int_equal(fixture_read(fixture, unread_total(&request)), ERROR_NONE);
    struct json_object *tree = fixture_parse(&json);
    assert_true(json_integer(json_get(tree, "totalUnread"), &total));
    json_object_put(tree);
    buffer_free(&json);
    return total;
}
