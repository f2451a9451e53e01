#include "broker/origin.h"

#include <string.h>
#include <strings.h>

bool settings_load(struct settings *settings, const char *path, struct error *error)
{
    *settings = (struct settings){.config = config_load(path, error)};
    if (settings->config != NULL)
        settings->verifier = token_verifier_create(settings->config, error);
    if (settings->verifier != NULL)
        return true;
    settings_free(settings);
    return false;
}

void settings_free(struct settings *settings)
{
    token_verifier_free(settings->verifier);
    config_free(settings->config);
    *settings = (struct settings){0};
}

/* Whether the origin ("https://example.org") is of that host ("example.org"). */
static bool is_same_host(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");

    return host != NULL && authority != NULL && strcasecmp(authority + 3, host) == 0;
}

bool settings_allow_origin(const struct settings *settings, const char *origin, const char *host)
{
    return config_list_contains(&settings->config->http_frontend_url, origin) ||
           is_same_host(origin, host);
}
