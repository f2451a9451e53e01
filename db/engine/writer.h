/*
 * The one thread of a process that writes, with group commit: it runs what was handed in since its
 * last commit in one transaction, a savepoint each, and has it made durable
 * (db/engine/durability.h) while it runs the next ones. While there is nothing to run it does the
 * chore, what was left to be done behind, a slice at a time. Any thread may call.
 */
#ifndef MESSAGERIE_DB_ENGINE_WRITER_H
#define MESSAGERIE_DB_ENGINE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/services.h"
#include "db/engine/driver.h"
#include "db/engine/durability.h"
#include "db/engine/job.h"
#include "db/engine/readers.h"

/* How long patient jobs (db/engine/job.h) rest after a failure, and how many of each commit are
 * theirs in any case. */
#define WRITER_AGAIN_MS      1000
#define WRITER_PATIENT_SHARE 8
/* Between two slices others write, and the processor has time for them. One is done beside others
 * when it has waited for so long. */
#define WRITER_CHORE_PAUSE_MS   10
#define WRITER_CHORE_OVERDUE_MS 1000
/* How often it is asked whether there is something to do. */
#define WRITER_CHORE_LOOK_MS 30000

struct writer;

/* All is borrowed. */
struct writer_options {
    const struct services *services;
    const char *path; /* for the log */
    struct store *store;
    struct readers *readers; /* told when the database is opened */
    struct durability *durability;
    /* See struct database_options. */
    bool (*chore)(struct transaction *transaction, bool *has_more, struct error *error);
    int64_t outbox_retention_ms;
    int64_t outbox_max_rows;
};

/* NULL with *error without memory or threads. */
struct writer *writer_create(const struct writer_options *options, struct error *error);

/* Runs what was submitted and closes the database. Accepts NULL. */
void writer_free(struct writer *writer);

/* Behind what was submitted before; completed by what durability completes. */
void writer_submit(struct writer *writer, struct database_job *const *jobs, size_t count);

/* Takes back a job that has not begun: it is not completed, and the caller's again. False when it
 * has begun. */
bool writer_withdraw(struct writer *writer, struct database_job *job);

/* Tries a patient job that has failed once more, later. False when nothing is tried again. */
bool writer_postpone(struct writer *writer, struct database_job *job);

/* Nothing is tried again from now on: what waits for that is completed, as failed. */
void writer_give_up(struct writer *writer);

/* For how long it has been waiting for others who write, or for the database to be opened; 0 when
 * it does not wait. */
int64_t writer_awaits_turn_ms(struct writer *writer);

/* Other limits than those of the options, for commits that begin later. */
void writer_limit_outbox(struct writer *writer, int64_t retention_ms, int64_t max_rows);

/* Whether this is the thread that runs operations. */
bool writer_is_this_thread(const struct writer *writer);

/* Since creation. */
void writer_count(struct writer *writer, uint64_t *commits, uint64_t *operations);

#endif
