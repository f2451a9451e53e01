#include "fcgi/rest_configuration.h"

#include "common/assert.h"
#include "common/container.h"

static struct rest_configuration *rest_of(struct configuration *configuration)
{
    return CONTAINER_OF(configuration, struct rest_configuration, base);
}

static bool make(struct configuration *configuration, struct error *error)
{
    struct rest_configuration *rest = rest_of(configuration);

    rest->tokens = token_cache_create();
    return rest->tokens != NULL || error_out_of_memory(error);
}

static bool make_with_texts(struct configuration *configuration, struct error *error)
{
    struct rest_configuration *rest = rest_of(configuration);

    rest->texts = appointment_texts_load(configuration->config->appointments_templates, error);
    return rest->texts != NULL && make(configuration, error);
}

static void unmake(struct configuration *configuration)
{
    struct rest_configuration *rest = rest_of(configuration);

    token_cache_free(rest->tokens);
    appointment_texts_free(rest->texts);
}

const struct configuration_kind rest_configuration_kind = {
    .bytes = sizeof(struct rest_configuration),
    .verifies_tokens = true,
    .make = make,
    .unmake = unmake,
};

const struct configuration_kind rest_configuration_kind_with_texts = {
    .bytes = sizeof(struct rest_configuration),
    .verifies_tokens = true,
    .make = make_with_texts,
    .unmake = unmake,
};

struct rest_configuration *rest_configuration_acquire(struct configuration_holder *holder)
{
    struct configuration *configuration = configuration_acquire(holder);

    ASSERT(configuration->kind->bytes == sizeof(struct rest_configuration));
    return rest_of(configuration);
}

void rest_configuration_release(struct rest_configuration *configuration)
{
    configuration_release(&configuration->base);
}
