#include "db/engine/durability.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct durability {
    struct store *store;
    void (*complete)(void *context, struct commit_batch *batch);
    void *context;
    struct commit_batch batches[DURABILITY_BATCHES];

    pthread_mutex_t lock; /* over all that follows, but the thread */
    pthread_cond_t submitted;
    pthread_cond_t freed;
    struct commit_batch *free;
    struct commit_batch *first; /* in the order of their commits */
    struct commit_batch *last;
    int pending; /* submitted and not completed */
    bool is_stopping;
    pthread_t thread;
};

/* ---- batches ------------------------------------------------------------------------------- */

/* Under the lock. */
static void put_free(struct durability *durability, struct commit_batch *batch)
{
    batch->next = durability->free;
    durability->free = batch;
    pthread_cond_signal(&durability->freed);
}

struct commit_batch *durability_take(struct durability *durability)
{
    pthread_mutex_lock(&durability->lock);
    while (durability->free == NULL)
        pthread_cond_wait(&durability->freed, &durability->lock);
    struct commit_batch *batch = durability->free;
    durability->free = batch->next;
    pthread_mutex_unlock(&durability->lock);
    batch->jobs = NULL;
    batch->committed = false;
    batch->next = NULL;
    event_batch_clear(&batch->events);
    error_clear(&batch->error);
    return batch;
}

void durability_submit(struct durability *durability, struct commit_batch *batch)
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

void durability_give_back(struct durability *durability, struct commit_batch *batch)
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

bool durability_is_this_thread(const struct durability *durability)
{
    return pthread_equal(pthread_self(), durability->thread) != 0;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Takes all that were submitted, waiting for the first; NULL when it is to end. */
static struct commit_batch *take_submitted(struct durability *durability)
{
    pthread_mutex_lock(&durability->lock);
    while (durability->first == NULL && !durability->is_stopping)
        pthread_cond_wait(&durability->submitted, &durability->lock);
    /* All at once: one sync is enough for all that was committed before it. */
    struct commit_batch *batches = durability->first;
    durability->first = NULL;
    durability->last = NULL;
    pthread_mutex_unlock(&durability->lock);
    return batches;
}

static void sync_batches(struct durability *durability, struct commit_batch *batches)
{
    bool is_needed = false;
    struct error error;

    for (const struct commit_batch *batch = batches; batch != NULL; batch = batch->next)
        is_needed = is_needed || batch->committed;
    error_clear(&error);
    if (!is_needed || durability->store->driver->sync(durability->store, &error))
        return;
    for (struct commit_batch *batch = batches; batch != NULL; batch = batch->next)
        if (batch->committed) {
            batch->committed = false;
            batch->error = error;
        }
}

/* In the order of their commits, one after the other: that is the order of the events, and the only
 * one who tells of them. */
static void complete_batches(struct durability *durability, struct commit_batch *batch)
{
    while (batch != NULL) {
        struct commit_batch *next = batch->next;
        durability->complete(durability->context, batch);
        pthread_mutex_lock(&durability->lock);
        durability->pending--;
        put_free(durability, batch);
        pthread_mutex_unlock(&durability->lock);
        batch = next;
    }
}

static void *durability_main(void *argument)
{
    struct durability *durability = argument;
    struct commit_batch *batches;

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
    for (size_t i = 0; i < DURABILITY_BATCHES; i++)
        event_batch_free(&durability->batches[i].events);
    free(durability);
}

struct durability *durability_create(struct store *store,
                                     void (*complete)(void *context, struct commit_batch *batch),
                                     void *context, struct error *error)
{
    struct durability *durability = calloc(1, sizeof(*durability));

    if (durability == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    durability->store = store;
    durability->complete = complete;
    durability->context = context;
    pthread_mutex_init(&durability->lock, NULL);
    pthread_cond_init(&durability->submitted, NULL);
    pthread_cond_init(&durability->freed, NULL);
    for (size_t i = 0; i < DURABILITY_BATCHES; i++)
        put_free(durability, &durability->batches[i]);
    int failure = pthread_create(&durability->thread, NULL, durability_main, durability);
    if (failure != 0) {
        error_unavailable(error, "no thread for syncs: %s", strerror(failure));
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
