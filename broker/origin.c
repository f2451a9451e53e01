#include "broker/origin.h"

#include <string.h>
#include <strings.h>

/* Whether the origin ("https://example.org") is of that host ("example.org"). */
static bool is_same_host(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");

    return host != NULL && authority != NULL && strcasecmp(authority + 3, host) == 0;
}

bool origin_is_allowed(const struct config *config, const char *origin, const char *host)
{
    return config_list_contains(&config->http_frontend_url, origin) || is_same_host(origin, host);
}
