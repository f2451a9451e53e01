#include "common/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/address.h"
#include "common/config_private.h"
#include "common/listen_address.h"

#define DEFAULT_PATH  SYSCONFDIR "/messagerie/messagerie.conf"
#define PATH_VARIABLE CONFIG_VARIABLE_PREFIX "CONFIG"

/* ---- the environment ------------------------------------------------------------------------- */

/* An empty variable counts as not set: whoever composes an environment (a container's, say) passes
 * one on like that. */
static const char *variable_value(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool load_environment(struct config *config, struct config_origins *origins,
                             struct error *error)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        char variable[CONFIG_VARIABLE_BYTES];
        config_key_variable(&keys[i], variable);
        const char *origin = variable;
        const char *value = variable_value(variable);
        if (value == NULL && keys[i].variable != NULL) {
            origin = keys[i].variable;
            value = variable_value(origin);
        }
        if (value != NULL && !config_set_value(config, &keys[i], value, origin, origins, error))
            return false;
    }
    return true;
}

/* A misspelt variable would be overlooked in silence, which a misspelt key of the file is not.
 * Names of no section of ours are others' business. */
static bool check_variable_names(struct error *error)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        char name[CONFIG_VARIABLE_BYTES];
        char known[CONFIG_VARIABLE_BYTES];
        if (strncmp(*entry, CONFIG_VARIABLE_PREFIX, strlen(CONFIG_VARIABLE_PREFIX)) != 0)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(*entry, "="), *entry);
        const struct config_key *nearest = config_nearest_variable(name);
        if (nearest == NULL)
            continue;
        config_key_variable(nearest, known);
        return error_set(error, ERROR_INVALID, "%s: unknown variable; did you mean %s?", name,
                         known);
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool load_defaults(struct config *config, struct config_origins *origins,
                          struct error *error)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        if (!config_set_value(config, &keys[i], keys[i].fallback, "default", origins, error))
            return false;
    }
    return true;
}

/* Peers that can come to that address, when all of them must be proxies of this machine: those on
 * the unix socket, or on loopback. NULL: anybody can come. */
static const char *only_peers(const struct listen_address *address, int *family, const void **bytes)
{
    const struct sockaddr_in *ipv4 = (const void *)&address->internet;
    const struct sockaddr_in6 *ipv6 = (const void *)&address->internet;

    if (address->path != NULL) {
        *family = AF_UNIX;
        return ADDRESS_UNIX;
    }
    *family = address->internet.ss_family;
    if (*family == AF_INET && ntohl(ipv4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET) {
        *bytes = &ipv4->sin_addr;
        return "127.0.0.0/8";
    }
    *bytes = &ipv6->sin6_addr;
    return *family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr) ? "::1" : NULL;
}

static bool is_trusted(const struct config *config, int family, const void *bytes)
{
    struct address_network network;

    for (size_t i = 0; i < config->broker_trusted_proxies.count; i++)
        if (address_network_parse(config->broker_trusted_proxies.items[i], &network) &&
            address_network_contains(&network, family, bytes))
            return true;
    return false;
}

/* Whether the broker's clients have addresses of their own. Behind a proxy of this machine that is
 * not believed all would be one, and one stranger could take everybody's place. */
static bool check_addresses(const struct config *config, const char *path, struct error *error)
{
    static const char consequence[] = "only web servers of this machine can come there, and all "
                                      "clients would count as one address";
    struct listen_address address;
    const void *bytes = NULL;
    struct error ignored;
    int family;

    error_clear(&ignored); /* what is no address is told by who listens there */
    if (!listen_address_parse(config->broker_listen, &address, &ignored))
        return true;
    const char *peers = only_peers(&address, &family, &bytes);
    if (peers == NULL)
        return true;
    if (!config->broker_trust_forwarded_for)
        return error_set(error, ERROR_INVALID,
                         "%s: [broker] listen = %s needs trust_forwarded_for = true: %s", path,
                         config->broker_listen, consequence);
    return is_trusted(config, family, bytes) ||
           error_set(error, ERROR_INVALID,
                     "%s: [broker] listen = %s needs %s among trusted_proxies: %s", path,
                     config->broker_listen, peers, consequence);
}

/* What no key can tell alone. */
static bool check_whole(const struct config *config, const char *path, struct error *error)
{
    bool has_file = config->auth_jwt_public_key_file[0] != '\0';
    bool has_algorithm = config->auth_jwt_public_key_algorithm[0] != '\0';

    if (has_file && !has_algorithm)
        return error_set(error, ERROR_INVALID,
                         "%s: jwt_public_key_file in [auth] needs jwt_public_key_algorithm = RS256 "
                         "or ES256",
                         path);
    if (has_algorithm && !has_file)
        return error_set(error, ERROR_INVALID,
                         "%s: jwt_public_key_algorithm in [auth] needs jwt_public_key_file", path);
    if (!has_file && config->auth_jwt_secret[0] == '\0' &&
        config->auth_jwt_secret_previous[0] == '\0' && config->auth_jwt_keys_file[0] == '\0')
        return error_set(
            error, ERROR_INVALID,
            "%s: no way to verify tokens: set JWT_SECRET in the environment or "
            "jwt_secret in [auth] to the secret of the booking back-end (`openssl rand "
            "-hex 32` makes a good one), or jwt_public_key_file or jwt_keys_file in [auth]",
            path);
    return check_addresses(config, path, error);
}

static bool is_short_secret(const char *secret)
{
    return secret[0] != '\0' && strlen(secret) < CONFIG_SECRET_ADVISED_BYTES;
}

const char *config_advice(const struct config *config)
{
    if (is_short_secret(config->auth_jwt_secret) ||
        is_short_secret(config->auth_jwt_secret_previous))
        return "the secret (JWT_SECRET) has fewer than the 32 bytes that RFC 7518 asks for: "
               "whoever "
               "guesses it is everybody; `openssl rand -hex 32` makes a good one";
    return NULL;
}

static const char *path_variable(void)
{
    return variable_value(PATH_VARIABLE);
}

const char *config_path(const char *path)
{
    if (path == NULL)
        path = path_variable();
    return path != NULL ? path : DEFAULT_PATH;
}

/* All but what check_whole looks at. */
static struct config *load_values(const char *path, struct config_origins *origins,
                                  struct error *error)
{
    bool may_be_missing = path == NULL && path_variable() == NULL;
    struct config *config = calloc(1, sizeof(*config));

    error_clear(error);
    path = config_path(path);
    if (config == NULL) {
        error_set(error, ERROR_UNAVAILABLE, "%s: out of memory", path);
        return NULL;
    }
    if (load_defaults(config, origins, error) &&
        config_load_file(config, path, may_be_missing, origins, error) &&
        check_variable_names(error) && load_environment(config, origins, error))
        return config;
    config_free(config);
    return NULL;
}

struct config *config_load(const char *path, struct error *error)
{
    struct config *config = load_values(path, NULL, error);

    if (config != NULL && !check_whole(config, config_path(path), error)) {
        config_free(config);
        config = NULL;
    }
    return config;
}

struct config *config_load_to_show(const char *path, struct config_origins *origins,
                                   struct error *error)
{
    return load_values(path, origins, error);
}

void config_free(struct config *config)
{
    if (config != NULL)
        explicit_bzero(config, sizeof(*config));
    free(config);
}

/* ---- in a process that runs ------------------------------------------------------------------ */

/* Whoever reads a fixed key later, when another thread or connection is made, say, then finds the
 * value that the others were made with. */
void config_keep_fixed(struct config *fresh, const struct config *running,
                       struct config_changes *kept)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    kept->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].is_live || config_values_are_equal(&keys[i], fresh, running))
            continue;
        config_copy_value(&keys[i], fresh, running);
        kept->keys[kept->count++] = &keys[i];
    }
}
