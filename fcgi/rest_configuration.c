#include "fcgi/rest_configuration.h"

#include <pthread.h>
#include <stdlib.h>

struct settings_holder {
    pthread_mutex_t lock;
    struct settings *current;
};

static bool load_texts(struct settings *settings, struct error *error)
{
    settings->texts = appointment_texts_load(settings->config->appointments_templates, error);
    return settings->texts != NULL;
}

static bool load(struct settings *settings, const char *path, bool with_texts, struct error *error)
{
    settings->config = config_load(path, error);
    if (settings->config == NULL)
        return false;
    settings->verifier = token_verifier_create(settings->config, error);
    if (settings->verifier == NULL || (with_texts && !load_texts(settings, error)))
        return false;
    settings->tokens = token_cache_create();
    return settings->tokens != NULL || error_out_of_memory(error);
}

struct settings *settings_load(const char *path, bool with_texts, struct error *error)
{
    struct settings *settings = calloc(1, sizeof(*settings));

    if (settings == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    settings->references = 1;
    if (load(settings, path, with_texts, error))
        return settings;
    settings_release(settings);
    return NULL;
}

void settings_release(struct settings *settings)
{
    if (settings == NULL || __atomic_sub_fetch(&settings->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    token_cache_free(settings->tokens);
    appointment_texts_free(settings->texts);
    token_verifier_free(settings->verifier);
    config_free(settings->config);
    free(settings);
}

struct settings_holder *settings_holder_create(struct settings *settings)
{
    struct settings_holder *holder = calloc(1, sizeof(*holder));

    if (holder != NULL && pthread_mutex_init(&holder->lock, NULL) != 0) {
        free(holder);
        holder = NULL;
    }
    if (holder == NULL)
        settings_release(settings);
    else
        holder->current = settings;
    return holder;
}

void settings_holder_free(struct settings_holder *holder)
{
    if (holder == NULL)
        return;
    settings_release(holder->current);
    pthread_mutex_destroy(&holder->lock);
    free(holder);
}

struct settings *settings_acquire(struct settings_holder *holder)
{
    pthread_mutex_lock(&holder->lock);
    struct settings *settings = holder->current;
    __atomic_add_fetch(&settings->references, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&holder->lock);
    return settings;
}

void settings_replace(struct settings_holder *holder, struct settings *settings)
{
    pthread_mutex_lock(&holder->lock);
    struct settings *replaced = holder->current;
    holder->current = settings;
    pthread_mutex_unlock(&holder->lock);
    settings_release(replaced);
}
