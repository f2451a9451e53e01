#include "broker/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/container.h"

/* Delay after which a timer is due in a later turn of the loop, not in this one again. */
#define NEXT_TURN_MS 1

/*
 * Who runs where: writes on the database's writer thread, reads on `readers`, everything else on
 * the loop's. `lock` is over the two queues between them, and is held for a few assignments only.
 * Requests are not copied: whoever asks keeps them, and what they point to, until they are done.
 */

/* What comes back to the loop: a request that is done, or an event. One queue for results and
 * events, because their order is a promise: what an operation has changed is told to everybody
 * before the one who asked for it is answered. */
struct arrival {
    struct arrival *next;
    struct worker_request *request; /* NULL: an event */
    struct event event;
    char texts[];
};

/* Requests in their order. */
struct request_queue {
    struct worker_request *first, *last;
};

struct worker {
    struct worker_options options;
    struct database *database;
    struct loop_wakeup wakeup;
    /* The loop's alone: */
    size_t pending;
    struct worker_request *first_impatient; /* of those that are under way */
    struct timer impatience;
    struct loop_task submission; /* at the end of the turn */
    struct database_job *writes[DATABASE_BATCH_OPERATIONS];
    size_t write_count;

    pthread_mutex_t lock; /* over all that follows */
    struct arrival *first_arrival, *last_arrival;
    pthread_cond_t reads_waiting;
    struct request_queue reads;
    bool is_stopping;

    pthread_t readers[WORKER_READERS_MAX];
    int64_t reader_count;
};

static int64_t now_ms(const struct worker *worker)
{
    return clock_monotonic_ms(loop_services(worker->options.loop)->clock);
}

/* ---- back to the loop ---------------------------------------------------------------------- */

static void post_arrival(struct worker *worker, struct arrival *arrival)
{
    arrival->next = NULL;
    pthread_mutex_lock(&worker->lock);
    bool is_first = worker->first_arrival == NULL;
    if (is_first)
        worker->first_arrival = arrival;
    else
        worker->last_arrival->next = arrival;
    worker->last_arrival = arrival;
    pthread_mutex_unlock(&worker->lock);
    /* Only the first: the loop takes all that are there, and a signal is a system call. */
    if (is_first)
        loop_wakeup_signal(&worker->wakeup);
}

/* Without memory the event is lost here; the feed will miss its seq and read it from the outbox. */
static void on_committed_event(void *context, const struct event *event)
{
    struct worker *worker = context;
    struct arrival *arrival = malloc(sizeof(*arrival) + event_texts_bytes(event));

    if (arrival == NULL)
        return;
    *arrival = (struct arrival){0};
    event_copy(event, &arrival->event, arrival->texts);
    post_arrival(worker, arrival);
}

/* The arrival of a request's result is made before the request starts, so that it cannot fail. */
static void return_request(struct worker_request *request)
{
    post_arrival(request->worker, request->job.context);
}

/* ---- writes that are not waited for for long ----------------------------------------------- */

static void add_impatient(struct worker *worker, struct worker_request *request)
{
    request->is_listed = true;
    request->previous_impatient = NULL;
    request->next_impatient = worker->first_impatient;
    if (worker->first_impatient != NULL)
        worker->first_impatient->previous_impatient = request;
    worker->first_impatient = request;
    if (!timer_is_running(&worker->impatience))
        loop_timer_start(worker->options.loop, &worker->impatience,
                         database_patience_ms(worker->database));
}

static void remove_impatient(struct worker *worker, struct worker_request *request)
{
    request->is_listed = false;
    if (request->next_impatient != NULL)
        request->next_impatient->previous_impatient = request->previous_impatient;
    if (request->previous_impatient != NULL)
        request->previous_impatient->next_impatient = request->next_impatient;
    else
        worker->first_impatient = request->next_impatient;
}

/* ---- results ------------------------------------------------------------------------------- */

static void take_result(struct worker *worker, struct worker_request *request)
{
    worker->pending--;
    if (request->is_listed)
        remove_impatient(worker, request);
    request->is_under_way = false;
    request->waited_ms = now_ms(worker) - request->started_ms;
    request->on_done(request);
}

static struct arrival *take_arrivals(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    struct arrival *arrivals = worker->first_arrival;
    worker->first_arrival = NULL;
    pthread_mutex_unlock(&worker->lock);
    return arrivals;
}

static void handle_arrivals(struct worker *worker)
{
    struct arrival *arrival = take_arrivals(worker);

    while (arrival != NULL) {
        struct arrival *next = arrival->next;
        if (arrival->request != NULL)
            take_result(worker, arrival->request);
        else
            worker->options.on_event(worker->options.owner, &arrival->event);
        free(arrival);
        arrival = next;
    }
}

static void on_wakeup(struct loop_wakeup *wakeup)
{
    handle_arrivals(CONTAINER_OF(wakeup, struct worker, wakeup));
}

/* Those that have begun, or have not been handed over yet, stay. */
static void withdraw_impatient(struct worker *worker)
{
    struct worker_request *next;

    for (struct worker_request *request = worker->first_impatient; request != NULL;
         request = next) {
        next = request->next_impatient;
        if (!database_withdraw(worker->database, &request->job))
            continue;
        free(request->job.context);
        request->is_withdrawn = true;
        error_unavailable(&request->job.error, "somebody else is writing");
        take_result(worker, request);
    }
}

static void on_impatience(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, impatience);
    int64_t patience_ms = database_patience_ms(worker->database);

    if (patience_ms == 0)
        withdraw_impatient(worker);
    if (worker->first_impatient != NULL && !timer_is_running(timer))
        loop_timer_start(worker->options.loop, timer, patience_ms > 0 ? patience_ms : NEXT_TURN_MS);
}

/* ---- requests ------------------------------------------------------------------------------ */

/* False when there is no memory: the request is then done already. */
static bool start_request(struct worker *worker, struct worker_request *request)
{
    struct arrival *arrival = calloc(1, sizeof(*arrival));

    ASSERT(loop_is_here(worker->options.loop));
    ASSERT(!request->is_under_way);
    error_clear(&request->job.error);
    request->succeeded = false;
    request->is_withdrawn = false;
    request->worker = worker;
    request->next = NULL;
    request->waited_ms = 0;
    if (arrival == NULL) {
        error_out_of_memory(&request->job.error);
        request->on_done(request);
        return false;
    }
    arrival->request = request;
    request->job.context = arrival;
    request->started_ms = now_ms(worker);
    request->is_under_way = true;
    worker->pending++;
    return true;
}

static void on_operation_done(struct database_job *job)
{
    struct worker_request *request = CONTAINER_OF(job, struct worker_request, job);

    request->succeeded = job->succeeded;
    return_request(request);
}

/* All writes of a turn at once: they wake the writer once, and share a commit. */
static void submit_writes(struct worker *worker)
{
    size_t count = worker->write_count;

    worker->write_count = 0;
    if (count > 0)
        database_submit_all(worker->database, worker->writes, count);
}

static void run_submission(struct loop_task *task)
{
    submit_writes(CONTAINER_OF(task, struct worker, submission));
}

void worker_write(struct worker *worker, struct worker_request *request)
{
    if (!start_request(worker, request))
        return;
    if (request->is_impatient)
        add_impatient(worker, request);
    request->job.operation = request->operation;
    request->job.completed = on_operation_done;
    request->job.is_patient = request->is_patient;
    /* Collected, and handed over at the end of the turn: a thousand clients that come back in one
     * turn share a few commits, and the writer is woken once. */
    worker->writes[worker->write_count++] = &request->job;
    if (worker->write_count == DATABASE_BATCH_OPERATIONS)
        submit_writes(worker);
    else
        loop_defer(worker->options.loop, &worker->submission);
}

/* Threads of our own, and not the database's writer: readers see the last commit while the next one
 * is being written, and a page that asks for its history does not wait for the disk. */
void worker_read(struct worker *worker, struct worker_request *request)
{
    if (!start_request(worker, request))
        return;
    pthread_mutex_lock(&worker->lock);
    if (worker->reads.first == NULL)
        worker->reads.first = request;
    else
        worker->reads.last->next = request;
    worker->reads.last = request;
    pthread_cond_signal(&worker->reads_waiting);
    pthread_mutex_unlock(&worker->lock);
}

/* The next request to read, waiting for it; NULL when the worker stops. */
static struct worker_request *take_waiting_read(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (worker->reads.first == NULL && !worker->is_stopping)
        pthread_cond_wait(&worker->reads_waiting, &worker->lock);
    struct worker_request *request = worker->reads.first;
    if (request != NULL)
        worker->reads.first = request->next;
    pthread_mutex_unlock(&worker->lock);
    return request;
}

static void *reader_main(void *argument)
{
    struct worker *worker = argument;
    struct worker_request *request;

    while ((request = take_waiting_read(worker)) != NULL) {
        request->succeeded = database_read(worker->database, request->query, &request->job.error);
        return_request(request);
    }
    return NULL;
}

size_t worker_pending(const struct worker *worker)
{
    return worker->pending;
}

struct database *worker_database(struct worker *worker)
{
    return worker->database;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void stop_readers(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->is_stopping = true;
    pthread_cond_broadcast(&worker->reads_waiting);
    pthread_mutex_unlock(&worker->lock);
    for (int64_t i = 0; i < worker->reader_count; i++)
        pthread_join(worker->readers[i], NULL);
    worker->reader_count = 0;
    worker->is_stopping = false;
}

static bool start_readers(struct worker *worker, struct error *error)
{
    while (worker->reader_count < worker->options.readers) {
        int failure =
            pthread_create(&worker->readers[worker->reader_count], NULL, reader_main, worker);
        if (failure != 0)
            return error_unavailable(error, "no thread for reading: %s", strerror(failure));
        worker->reader_count++;
    }
    return true;
}

static void free_memory(struct worker *worker)
{
    loop_timer_remove(worker->options.loop, &worker->impatience);
    pthread_cond_destroy(&worker->reads_waiting);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

/* Results may make new requests: until there are none. */
/* Nothing is cancelled: an operation that is under way uses the memory of whoever asked for it, and
 * its effects should be told to whoever is still there. */
static void await_requests(struct worker *worker)
{
    while (worker->pending > 0) {
        handle_arrivals(worker);
        if (worker->pending > 0)
            loop_turn(worker->options.loop, -1);
    }
}

struct worker *worker_create(const struct worker_options *options, struct error *error)
{
    struct worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    worker->options = *options;
    worker->options.database.committed = on_committed_event;
    worker->options.database.committed_context = worker;
    worker->submission.run = run_submission;
    if (!loop_timer_add(options->loop, &worker->impatience, on_impatience)) {
        free(worker);
        error_out_of_memory(error);
        return NULL;
    }
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->reads_waiting, NULL);
    if (!loop_wakeup_open(options->loop, &worker->wakeup, on_wakeup, error)) {
        free_memory(worker);
        return NULL;
    }
    worker->database =
        database_create(&worker->options.database, loop_services(options->loop), error);
    if (worker->database == NULL || !start_readers(worker, error)) {
        worker_free(worker);
        return NULL;
    }
    return worker;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->database != NULL)
        database_give_up(worker->database);
    await_requests(worker);
    loop_cancel(&worker->submission);
    stop_readers(worker);
    database_free(worker->database);
    handle_arrivals(worker); /* events that came last */
    loop_wakeup_close(&worker->wakeup);
    free_memory(worker);
}
