#include "db/engine/readers.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/assert.h"

struct readers {
    struct store *store;
    int64_t limit;

    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t returned;
    struct reader *idle;
    int64_t open;        /* idle, taken, or about to be opened */
    uint64_t generation; /* of the database: grows when it is opened anew; 0: not opened yet */
};

static void close_reader(struct reader *reader)
{
    reader->connection->driver->close(reader->connection);
    free(reader);
}

/* Takes an idle one, or NULL for the leave to open one. */
static struct reader *wait_for_place(struct readers *readers, uint64_t *generation)
{
    pthread_mutex_lock(&readers->lock);
    while (readers->idle == NULL && readers->open >= readers->limit)
        pthread_cond_wait(&readers->returned, &readers->lock);
    /* The one that was given back last: its pages are still in its cache. */
    struct reader *reader = readers->idle;
    if (reader != NULL)
        readers->idle = reader->next;
    else
        readers->open++;
    *generation = readers->generation;
    pthread_mutex_unlock(&readers->lock);
    return reader;
}

static void give_up_place(struct readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    readers->open--;
    pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->lock);
}

static struct reader *open_reader(struct store *store, uint64_t generation, struct error *error)
{
    struct reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    reader->generation = generation;
    reader->connection = store->driver->open(store, CONNECTION_READ, false, error);
    if (reader->connection == NULL) {
        free(reader);
        return NULL;
    }
    return reader;
}

struct reader *readers_take(struct readers *readers, struct error *error)
{
    uint64_t generation;
    struct reader *reader = wait_for_place(readers, &generation);

    /* They are not closed when the database is opened anew: whoever has one reads to the end.
     * Opening and closing take milliseconds, and happen outside the lock. */
    if (reader != NULL && reader->generation != generation) {
        close_reader(reader);
        reader = NULL;
    }
    if (reader == NULL)
        reader = open_reader(readers->store, generation, error);
    if (reader == NULL)
        give_up_place(readers);
    return reader;
}

void readers_give_back(struct readers *readers, struct reader *reader)
{
    if (reader->connection->is_broken) {
        close_reader(reader);
        give_up_place(readers);
        return;
    }
    pthread_mutex_lock(&readers->lock);
    reader->next = readers->idle;
    readers->idle = reader;
    pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->lock);
}

void readers_renew(struct readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    readers->generation++;
    pthread_mutex_unlock(&readers->lock);
}

bool readers_may_begin(struct readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    bool may = readers->generation > 0;
    pthread_mutex_unlock(&readers->lock);
    return may;
}

struct readers *readers_create(struct store *store, int64_t limit)
{
    struct readers *readers = calloc(1, sizeof(*readers));

    if (readers == NULL)
        return NULL;
    readers->store = store;
    readers->limit = limit;
    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->returned, NULL);
    return readers;
}

void readers_free(struct readers *readers)
{
    if (readers == NULL)
        return;
    while (readers->idle != NULL) {
        struct reader *reader = readers->idle;
        readers->idle = reader->next;
        close_reader(reader);
        readers->open--;
    }
    ASSERT(readers->open == 0);
    pthread_cond_destroy(&readers->returned);
    pthread_mutex_destroy(&readers->lock);
    free(readers);
}
