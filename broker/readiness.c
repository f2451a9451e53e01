#include "broker/readiness.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "broker/worker.h"
#include "common/configuration.h"
#include "common/container.h"
#include "db/probe.h"

struct readiness {
    struct broker_parts *parts;
    struct worker_request write, read;
    bool is_writing, is_reading; /* those are under way */
    bool was_found;              /* at least once */
    int64_t found_at_ms;
    struct timer timeout;
    struct readiness_waiter *waiting;
    struct buffer problems; /* that were found */
    /* The worker's, while they are under way. */
    struct probe probe; /* of both */
    /* Of the disk, found by the reader's thread, which no slow file system holds up. */
    char database_path[CONFIG_TEXT_BYTES];
    bool has_disk;
    uint64_t free_bytes;
};

/* ---- what is found ------------------------------------------------------------------------- */

static void add_problem(struct buffer *problems, const char *what, const char *reason)
{
    buffer_append_format(problems, "%s: %s\n", what, reason);
}

static void add_database_problem(struct buffer *problems, const struct worker_request *request,
                                 bool is_under_way, const char *what)
{
    if (is_under_way)
        add_problem(problems, what, "there is no answer yet");
    else if (!request->succeeded)
        add_problem(problems, what, error_for_log(&request->job.error));
}

/* While the reader's thread is at it, what it finds is its own. */
static void add_disk_problem(struct buffer *problems, const struct readiness *readiness)
{
    if (!readiness->is_reading && readiness->has_disk &&
        readiness->free_bytes < READINESS_FREE_BYTES)
        buffer_append_format(problems,
                             "the disk is full: the database has %" PRIu64 " bytes left\n",
                             readiness->free_bytes);
}

static void collect_problems(struct readiness *readiness)
{
    const struct broker_parts *parts = readiness->parts;
    struct buffer *problems = &readiness->problems;

    buffer_clear(problems);
    if (parts->is_stopping) {
        buffer_append_text(problems, "the broker is stopping\n");
        return;
    }
    add_database_problem(problems, &readiness->write, readiness->is_writing,
                         "the database can't be written");
    add_database_problem(problems, &readiness->read, readiness->is_reading,
                         "the database can't be read");
    add_disk_problem(problems, readiness);
}

static void tell_waiting(struct readiness *readiness)
{
    struct readiness_waiter *waiter = readiness->waiting;

    collect_problems(readiness);
    readiness->waiting = NULL;
    while (waiter != NULL) {
        struct readiness_waiter *next = waiter->next;
        waiter->on_known(waiter, &readiness->problems);
        waiter = next;
    }
}

/* When both are done. */
static void settle(struct readiness *readiness)
{
    if (readiness->is_writing || readiness->is_reading)
        return;
    loop_timer_stop(readiness->parts->loop, &readiness->timeout);
    readiness->was_found = true;
    readiness->found_at_ms = loop_now_ms(readiness->parts->loop);
    tell_waiting(readiness);
}

/* ---- finding out --------------------------------------------------------------------------- */

DATABASE_QUERY(look, struct readiness);

bool look_run(struct connection *connection, struct readiness *readiness, struct error *error)
{
    struct statvfs disk;

    readiness->has_disk = statvfs(readiness->database_path, &disk) == 0;
    if (readiness->has_disk)
        readiness->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return probe_read_run(connection, &readiness->probe, error);
}

static void on_written(struct worker_request *request)
{
    struct readiness *readiness = CONTAINER_OF(request, struct readiness, write);

    readiness->is_writing = false;
    settle(readiness);
}

static void on_read(struct worker_request *request)
{
    struct readiness *readiness = CONTAINER_OF(request, struct readiness, read);

    readiness->is_reading = false;
    settle(readiness);
}

/* The requests go on: what they find counts when they are done. */
static void on_timeout(struct timer *timer)
{
    tell_waiting(CONTAINER_OF(timer, struct readiness, timeout));
}

static void find_out(struct readiness *readiness)
{
    readiness->is_writing = readiness->is_reading = true;
    readiness->write.operation = probe_write(&readiness->probe);
    readiness->write.on_done = on_written;
    readiness->read.query = look(readiness);
    readiness->read.on_done = on_read;
    worker_write(readiness->parts->worker, &readiness->write);
    worker_read(readiness->parts->worker, &readiness->read);
}

void readiness_ask(struct readiness *readiness, struct readiness_waiter *waiter)
{
    struct loop *loop = readiness->parts->loop;
    bool is_under_way = readiness->is_writing || readiness->is_reading;
    bool is_fresh = !is_under_way && readiness->was_found &&
                    loop_now_ms(loop) - readiness->found_at_ms < READINESS_FRESH_MS;

    waiter->next = readiness->waiting;
    readiness->waiting = waiter;
    if (is_fresh || readiness->parts->is_stopping) {
        tell_waiting(readiness);
        return;
    }
    loop_timer_start(loop, &readiness->timeout, READINESS_TIMEOUT_MS);
    if (!is_under_way)
        find_out(readiness);
}

void readiness_forget(struct readiness *readiness, struct readiness_waiter *waiter)
{
    struct readiness_waiter **link = &readiness->waiting;

    while (*link != NULL && *link != waiter)
        link = &(*link)->next;
    if (*link != NULL)
        *link = waiter->next;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct readiness *readiness_create(struct broker_parts *parts)
{
    struct readiness *readiness = calloc(1, sizeof(*readiness));

    if (readiness == NULL || !loop_timer_add(parts->loop, &readiness->timeout, on_timeout)) {
        free(readiness);
        return NULL;
    }
    readiness->parts = parts;
    /* Fixed, as the database is opened once. */
    strcpy(readiness->database_path, parts->configuration->config->database_path);
    return readiness;
}

void readiness_free(struct readiness *readiness)
{
    if (readiness == NULL)
        return;
    loop_timer_remove(readiness->parts->loop, &readiness->timeout);
    buffer_free(&readiness->problems);
    free(readiness);
}
