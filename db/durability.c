#include "db/durability.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "db/statement.h"

struct durability {
    void (*complete)(void *context, struct batch *batch);
    void *context;
    struct batch batches[DURABILITY_BATCHES];

    pthread_mutex_t lock; /* over all that follows, but the thread */
    pthread_cond_t submitted;
    pthread_cond_t freed;
    struct batch *free;
    struct batch *first; /* in the order of their commits */
    struct batch *last;
    int pending; /* submitted and not completed */
    bool has_failed;
    bool is_stopping;
    pthread_t thread;
};

/* ---- batches ------------------------------------------------------------------------------- */

/* Under the lock. */
static void put_free(struct durability *durability, struct batch *batch)
{
    batch->next = durability->free;
    durability->free = batch;
    pthread_cond_signal(&durability->freed);
}

struct batch *durability_take(struct durability *durability)
{
    pthread_mutex_lock(&durability->lock);
    while (durability->free == NULL)
        pthread_cond_wait(&durability->freed, &durability->lock);
    struct batch *batch = durability->free;
    durability->free = batch->next;
    pthread_mutex_unlock(&durability->lock);
    batch->jobs = NULL;
    batch->committed = false;
    batch->log_descriptor = -1;
    batch->next = NULL;
    buffer_clear(&batch->events);
    buffer_clear(&batch->texts);
    error_clear(&batch->error);
    return batch;
}

void durability_submit(struct durability *durability, struct batch *batch)
{
    pthread_mutex_lock(&durability->lock);
    if (durability->first == NULL)
        durability->first = batch;
    else
        durability->last->next = batch;
    durability->last = batch;
    durability->pending++;
    pthread_cond_signal(&durability->submitted);
    pthread_mutex_unlock(&durability->lock);
}

void durability_give_back(struct durability *durability, struct batch *batch)
{
    pthread_mutex_lock(&durability->lock);
    put_free(durability, batch);
    pthread_mutex_unlock(&durability->lock);
}

void durability_drain(struct durability *durability)
{
    pthread_mutex_lock(&durability->lock);
    while (durability->pending > 0)
        pthread_cond_wait(&durability->freed, &durability->lock);
    pthread_mutex_unlock(&durability->lock);
}

bool durability_has_failed(struct durability *durability)
{
    pthread_mutex_lock(&durability->lock);
    bool has_failed = durability->has_failed;
    durability->has_failed = false;
    pthread_mutex_unlock(&durability->lock);
    return has_failed;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Takes all that were submitted, waiting for the first; NULL when it is to end. */
static struct batch *take_submitted(struct durability *durability)
{
    pthread_mutex_lock(&durability->lock);
    while (durability->first == NULL && !durability->is_stopping)
        pthread_cond_wait(&durability->submitted, &durability->lock);
    struct batch *batches = durability->first;
    durability->first = NULL;
    durability->last = NULL;
    pthread_mutex_unlock(&durability->lock);
    return batches;
}

static bool needs_sync(const struct batch *batch)
{
    return batch->committed && batch->log_descriptor >= 0;
}

/* One sync for all: a descriptor is closed only when nothing is under way, so that they share it.
 */
static void sync_batches(struct durability *durability, struct batch *batches)
{
    int descriptor = -1;
    struct error error;

    for (const struct batch *batch = batches; batch != NULL; batch = batch->next)
        if (needs_sync(batch))
            descriptor = batch->log_descriptor;
    error_clear(&error);
    if (descriptor < 0 || log_sync(descriptor, &error))
        return;
    for (struct batch *batch = batches; batch != NULL; batch = batch->next)
        if (needs_sync(batch)) {
            batch->committed = false;
            batch->error = error;
        }
    pthread_mutex_lock(&durability->lock);
    durability->has_failed = true;
    pthread_mutex_unlock(&durability->lock);
}

static void complete_batches(struct durability *durability, struct batch *batch)
{
    while (batch != NULL) {
        struct batch *next = batch->next;
        durability->complete(durability->context, batch);
        pthread_mutex_lock(&durability->lock);
        durability->pending--;
        put_free(durability, batch);
        pthread_mutex_unlock(&durability->lock);
        batch = next;
    }
}

static void *run(void *argument)
{
    struct durability *durability = argument;
    struct batch *batches;

    while ((batches = take_submitted(durability)) != NULL) {
        sync_batches(durability, batches);
        complete_batches(durability, batches);
    }
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void free_memory(struct durability *durability)
{
    pthread_cond_destroy(&durability->freed);
    pthread_cond_destroy(&durability->submitted);
    pthread_mutex_destroy(&durability->lock);
    for (size_t i = 0; i < DURABILITY_BATCHES; i++) {
        buffer_free(&durability->batches[i].events);
        buffer_free(&durability->batches[i].texts);
    }
    free(durability);
}

struct durability *durability_create(void (*complete)(void *context, struct batch *batch),
                                     void *context, struct error *error)
{
    struct durability *durability = calloc(1, sizeof(*durability));

    if (durability == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    durability->complete = complete;
    durability->context = context;
    pthread_mutex_init(&durability->lock, NULL);
    pthread_cond_init(&durability->submitted, NULL);
    pthread_cond_init(&durability->freed, NULL);
    for (size_t i = 0; i < DURABILITY_BATCHES; i++)
        put_free(durability, &durability->batches[i]);
    int failure = pthread_create(&durability->thread, NULL, run, durability);
    if (failure != 0) {
        error_unavailable(error, "no thread for the log's sync: %s", strerror(failure));
        free_memory(durability);
        return NULL;
    }
    return durability;
}

void durability_free(struct durability *durability)
{
    if (durability == NULL)
        return;
    pthread_mutex_lock(&durability->lock);
    durability->is_stopping = true;
    pthread_cond_signal(&durability->submitted);
    pthread_mutex_unlock(&durability->lock);
    pthread_join(durability->thread, NULL);
    free_memory(durability);
}
