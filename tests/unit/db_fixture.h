/*
 * For the tests of db/: a real database in a temporary folder, a clock that the test sets, and the
 * committed events in a list.
 */
#ifndef MESSAGERIE_TESTS_DB_FIXTURE_H
#define MESSAGERIE_TESTS_DB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/config.h"
#include "common/json_reader.h"
#include "db/appointment.h"
#include "db/conversation.h"
#include "db/database.h"
#include "db/message.h"
#include "db/person.h"

#define FIXTURE_EVENTS_MAX 8192

struct fixture_event {
    int64_t seq;
    char audience[EVENT_AUDIENCE_BYTES];
    char name[64];
    char *payload;
};

struct fixture {
    char directory[64];
    char path[128];
    _Atomic int64_t now_ms; /* what the clock tells */
    struct clock clock;
    struct log log;
    struct id_source ids;
    struct services services;
    struct config config; /* roles alone */
    struct database *database;
    char conversation_id[ID_BYTES]; /* made last */
    char message_id[ID_BYTES];      /* sent last */
    struct fixture_event events[FIXTURE_EVENTS_MAX];
    size_t event_count;
};

/* cmocka set-up and tear-down: a fixture with an open database, salon `s1` and clients `c1`, `c2`,
 * salon `s2` in the directory. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Closes the database and opens the same file with these limits of the outbox. */
void fixture_reopen(struct fixture *fixture, int64_t outbox_retention_ms, int64_t outbox_max_rows);

/* Closes the database, puts a new file with what the SQL of `dump` makes in its place, and opens
 * that. */
void fixture_load(struct fixture *fixture, const char *dump);

struct caller salon(const char *user_id);
struct caller client(const char *user_id);
struct caller service(void);

/* Runs one and gives the kind of its error, which is ERROR_NONE exactly when it has succeeded. */
enum error_kind fixture_write(struct fixture *fixture, struct database_operation operation);
enum error_kind fixture_read(struct fixture *fixture, struct database_query query);

/* What the caller has not read in all. */
int64_t fixture_unread(struct fixture *fixture, struct caller caller);

/* Runs SQL on a connection of its own, as an administrator's shell would. */
void fixture_execute(struct fixture *fixture, const char *sql);

/* Keeps everybody else from writing, as an administrator's shell does within a transaction. */
void *fixture_lock(const struct fixture *fixture);
void fixture_unlock(void *lock);

/* The first column of the first row as a number. */
int64_t fixture_number(struct fixture *fixture, const char *sql);

/* Asserts that the file and all counters in it are right. */
void fixture_verify(struct fixture *fixture);

/* Makes a conversation of s1 and c1, or sends a message; the id is valid until the next one. */
const char *fixture_conversation(struct fixture *fixture);
const char *fixture_send(struct fixture *fixture, const char *conversation_id, struct caller caller,
                         const char *content);

/* The ids of the conversations on a page of the caller's list, one a line in `out`. */
void fixture_list(struct fixture *fixture, struct caller caller, int64_t page, int64_t limit,
                  struct buffer *out);

/* The built-in texts of appointments, in the time zone of Paris; the caller frees them. */
struct appointment_texts *fixture_texts(void);

/* The parsed answer of the last call that filled `json`; to be freed by json_object_put. */
struct json_object *fixture_parse(struct buffer *json);

/* Forgets the events so far. */
void fixture_forget_events(struct fixture *fixture);

/* The nth event (from 0) of that name since fixture_forget_events, or NULL. */
const struct fixture_event *fixture_event(const struct fixture *fixture, const char *name,
                                          size_t n);
size_t fixture_count_events(const struct fixture *fixture, const char *name);

#endif
