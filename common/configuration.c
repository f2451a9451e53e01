#include "common/configuration.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/assert.h"

struct configuration_holder {
    pthread_mutex_t lock;
    struct configuration *present;
};

/* ---- making it ------------------------------------------------------------------------------- */

static struct configuration *allocate(const struct configuration_kind *kind, struct error *error)
{
    struct configuration *configuration = calloc(1, kind->bytes);

    if (configuration == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    configuration->kind = kind;
    configuration->references = 1;
    return configuration;
}

/* Everything that is made of config, which is there. */
static bool make_rest(struct configuration *configuration, struct error *error)
{
    const struct configuration_kind *kind = configuration->kind;

    if (kind->verifies_tokens) {
        configuration->verifier = token_verifier_create(configuration->config, error);
        if (configuration->verifier == NULL)
            return false;
    }
    return kind->make == NULL || kind->make(configuration, error);
}

struct configuration *configuration_load(const struct configuration_kind *kind, const char *path,
                                         struct error *error)
{
    struct configuration *configuration = allocate(kind, error);

    if (configuration == NULL)
        return NULL;
    configuration->config = config_load(path, error);
    if (configuration->config != NULL && make_rest(configuration, error))
        return configuration;
    configuration_release(configuration);
    return NULL;
}

struct configuration *configuration_load_again(const struct configuration *running,
                                               const char *path, struct config_changes *kept,
                                               struct error *error)
{
    struct configuration *configuration = allocate(running->kind, error);

    if (configuration == NULL)
        return NULL;
    configuration->config = config_load(path, error);
    if (configuration->config != NULL) {
        config_keep_fixed(configuration->config, running->config, kept);
        if (make_rest(configuration, error))
            return configuration;
    }
    configuration_release(configuration);
    return NULL;
}

struct configuration *configuration_share(const struct configuration *configuration)
{
    /* No configuration is a constant: all are made above. Only the count ever changes. */
    struct configuration *shared = (struct configuration *)configuration;

    __atomic_add_fetch(&shared->references, 1, __ATOMIC_RELAXED);
    return shared;
}

void configuration_release(struct configuration *configuration)
{
    if (configuration == NULL)
        return;
    unsigned before = __atomic_fetch_sub(&configuration->references, 1, __ATOMIC_ACQ_REL);
    ASSERT(before > 0);
    if (before > 1)
        return;
    if (configuration->kind->unmake != NULL)
        configuration->kind->unmake(configuration);
    token_verifier_free(configuration->verifier);
    config_free(configuration->config);
    free(configuration);
}

/* ---- holding it ------------------------------------------------------------------------------ */

struct configuration_holder *configuration_holder_create(struct configuration *configuration)
{
    struct configuration_holder *holder = calloc(1, sizeof(*holder));

    if (holder != NULL && pthread_mutex_init(&holder->lock, NULL) != 0) {
        free(holder);
        holder = NULL;
    }
    if (holder == NULL)
        configuration_release(configuration);
    else
        holder->present = configuration;
    return holder;
}

void configuration_holder_free(struct configuration_holder *holder)
{
    if (holder == NULL)
        return;
    configuration_release(holder->present);
    pthread_mutex_destroy(&holder->lock);
    free(holder);
}

/* The count alone would not do: between the look at `present` and its increment the last reference
 * could be given back. */
struct configuration *configuration_acquire(struct configuration_holder *holder)
{
    pthread_mutex_lock(&holder->lock);
    struct configuration *configuration = holder->present;
    __atomic_add_fetch(&configuration->references, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&holder->lock);
    return configuration;
}

struct configuration *configuration_replace(struct configuration_holder *holder,
                                            struct configuration *configuration)
{
    pthread_mutex_lock(&holder->lock);
    struct configuration *replaced = holder->present;
    holder->present = configuration;
    pthread_mutex_unlock(&holder->lock);
    return replaced;
}
