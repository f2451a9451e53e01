#include "tool/config_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/listen_address.h"
#include "common/unix_listener.h"

#define IPC_PREFIX "ipc://"
#define TCP_PREFIX "tcp://"
/* What a private key in a PEM file says of itself (RFC 7468), and where it is looked for. */
#define PRIVATE_KEY_LABEL "PRIVATE KEY-----"
#define PEM_MAX_BYTES     (64 * 1024)
/* Places at which somebody listens: the keys that name one. */
#define PLACES_MAX 6

struct check {
    const char *path;
    const struct config *config;
    const struct config_origins *origins;
    config_warn *warn;
    void *context;
};

static void warn(const struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void warn(const struct check *check, const char *format, ...)
{
    char text[CONFIG_WARNING_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    check->warn(check->context, text);
}

static const char *origin_of(const struct check *check, const char *name)
{
    const struct config_key *key = config_find_key(name);
    size_t count;

    return check->origins->texts[key - config_keys(&count)];
}

static bool comes_from_file(const struct check *check, const char *name)
{
    size_t length = strlen(check->path);
    const char *origin = origin_of(check, name);

    return strncmp(origin, check->path, length) == 0 && origin[length] == ':';
}

/* Makes a path that of its folder. */
static void go_up(char path[PATH_MAX])
{
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        strcpy(path, ".");
    else if (slash == path)
        strcpy(path, "/");
    else
        *slash = '\0';
}

static void folder_of(const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s", path);
    go_up(out);
}

/* ---- files, and who else can read or change them ------------------------------------------- */

/* Whether users who are neither the owner nor in the group can come as far as the folder of a path
 * without links. */
static bool others_can_reach(const char *resolved)
{
    char folder[PATH_MAX];
    struct stat status;

    snprintf(folder, sizeof(folder), "%s", resolved);
    do {
        go_up(folder);
        if (stat(folder, &status) != 0 || (status.st_mode & S_IXOTH) == 0)
            return false;
    } while (strcmp(folder, "/") != 0);
    return true;
}

/* Of S_IROTH and S_IWOTH what others have of a file, 0 for one that is missing or no file. */
static mode_t rights_of_others(const char *path)
{
    char resolved[PATH_MAX], folder[PATH_MAX];
    struct stat file, around;

    if (realpath(path, resolved) == NULL || stat(resolved, &file) != 0 || !S_ISREG(file.st_mode) ||
        !others_can_reach(resolved))
        return 0;
    mode_t rights = file.st_mode & (S_IROTH | S_IWOTH);
    /* Who may write to the folder can put another file in its place. */
    folder_of(resolved, folder);
    if (stat(folder, &around) == 0 && (around.st_mode & S_IWOTH) != 0 &&
        (around.st_mode & S_ISVTX) == 0)
        rights |= S_IWOTH;
    return rights;
}

/* `what` it is or holds, e.g. "the secret". */
static void check_file(const struct check *check, const char *path, bool is_secret,
                       const char *what)
{
    mode_t rights = rights_of_others(path);

    if (is_secret && (rights & S_IROTH) != 0)
        warn(check, "%s: %s can be read by every user of this machine; chmod o= %s", path, what,
             path);
    if ((rights & S_IWOTH) != 0)
        warn(check, "%s: %s can be changed by every user of this machine", path, what);
}

/* A public key file is no secret, unless the wrong half of the pair is in it. */
static bool holds_private_key(const char *path)
{
    char text[PEM_MAX_BYTES];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return false;
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    return strstr(text, PRIVATE_KEY_LABEL) != NULL;
}

static void check_files(const struct check *check)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    const struct config *config = check->config;
    bool has_secret = comes_from_file(check, "auth.jwt_secret") ||
                      comes_from_file(check, "auth.jwt_secret_previous");
    char path[PATH_MAX];

    check_file(check, check->path, has_secret, has_secret ? "the secret" : "the configuration");
    if (config->auth_jwt_keys_file[0] != '\0')
        check_file(check, config->auth_jwt_keys_file, true, "the keys");
    if (config->auth_jwt_public_key_file[0] != '\0') {
        bool is_private = holds_private_key(config->auth_jwt_public_key_file);
        if (is_private)
            warn(check, "%s: holds a private key; only the public one belongs here",
                 config->auth_jwt_public_key_file);
        check_file(check, config->auth_jwt_public_key_file, is_private, "the key");
    }
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", config->database_path, suffixes[i]);
        check_file(check, path, true, "the database");
    }
}

/* ---- folders -------------------------------------------------------------------------------- */

static bool is_writable(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* The folder in which the file that a key names is made. */
static void check_folder(const struct check *check, const char *name, const char *path)
{
    char folder[PATH_MAX];
    struct stat status;

    folder_of(path, folder);
    if (stat(folder, &status) != 0)
        warn(check, "%s: the folder %s: %s", name, folder, strerror(errno));
    else if (!S_ISDIR(status.st_mode))
        warn(check, "%s: %s is no folder", name, folder);
    else if (!is_writable(folder, W_OK | X_OK))
        warn(check, "%s: the folder %s can't be written: %s", name, folder, strerror(errno));
}

static void check_folders(const struct check *check)
{
    const struct config *config = check->config;
    struct stat status;

    check_folder(check, "database.path", config->database_path);
    if (stat(config->database_path, &status) == 0 && !is_writable(config->database_path, W_OK))
        warn(check, "database.path: %s can't be written: %s", config->database_path,
             strerror(errno));
    /* The folder of the default need not be there: each text has a default of its own. */
    if (strcmp(origin_of(check, "appointments.templates"), "default") != 0 &&
        stat(config->appointments_templates, &status) != 0)
        warn(check, "appointments.templates: the folder %s: %s", config->appointments_templates,
             strerror(errno));
}

/* ---- places to listen at -------------------------------------------------------------------- */

static void check_socket(const struct check *check, const char *name, const char *path)
{
    if (path[0] == '\0' || strlen(path) >= SOCKET_PATH_BYTES)
        warn(check, "%s: the path of a socket has 1 to %d bytes, not %zu: %s", name,
             SOCKET_PATH_BYTES - 1, strlen(path), path);
    else
        check_folder(check, name, path);
}

/* Whether this machine has the address; its port is left alone, since the broker may run. */
static bool is_local(const struct listen_address *address)
{
    struct listen_address any_port = *address;
    int descriptor = socket(address->internet.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return false;
    listen_address_set_port(&any_port, 0);
    bool is_bound =
        bind(descriptor, (const struct sockaddr *)&any_port.internet, any_port.length) == 0;
    int bind_errno = errno;
    close(descriptor);
    errno = bind_errno;
    return is_bound;
}

/* `offers`: what would be open to the world, NULL when it may be. */
static void check_internet(const struct check *check, const char *name, const char *text,
                           const struct listen_address *address, const char *offers)
{
    if (listen_address_port(address) == 0)
        warn(check, "%s: %s takes any port that is free, which nobody can know beforehand", name,
             text);
    if (!is_local(address))
        warn(check, "%s: can't listen on %s: %s", name, text, strerror(errno));
    else if (offers != NULL && listen_address_reach(address) == LISTEN_WORLD)
        warn(check, "%s: %s offers %s to everybody who can reach this machine", name, text, offers);
}

static void check_listen(const struct check *check, const char *name, const char *text,
                         const char *offers)
{
    struct listen_address address;
    struct error error;

    error_clear(&error);
    if (!listen_address_parse(text, &address, &error))
        warn(check, "%s: %s: %s", name, text, error.text);
    else if (address.path != NULL)
        check_socket(check, name, address.path);
    else
        check_internet(check, name, text, &address, offers);
}

/* nanomsg knows more kinds of address; those in use are looked at. */
static void check_bus(const struct check *check, const char *name, const char *text, bool is_bound)
{
    struct listen_address address;
    struct error error;
    char everywhere[CONFIG_TEXT_BYTES + sizeof("0.0.0.0")];

    if (strncmp(text, IPC_PREFIX, strlen(IPC_PREFIX)) == 0) {
        check_socket(check, name, text + strlen(IPC_PREFIX));
        return;
    }
    if (strncmp(text, TCP_PREFIX, strlen(TCP_PREFIX)) != 0)
        return;
    const char *host = text + strlen(TCP_PREFIX), *port = strrchr(host, ':');
    snprintf(everywhere, sizeof(everywhere), "0.0.0.0%s", port != NULL ? port : "");
    error_clear(&error);
    if (!listen_address_parse(everywhere, &address, &error)) {
        warn(check, "%s: %s: %s", name, text, error.text);
        return;
    }
    /* An interface is named, or somebody else's host: nothing to be told. */
    if (host[0] != '*' && !listen_address_parse(host, &address, &error))
        return;
    if (is_bound)
        check_internet(check, name, text, &address, "what is told of events");
}

struct place {
    const char *name; /* of the key */
    const char *text;
};

static void check_twins(const struct check *check, const struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            if (places[i].text[0] != '\0' && strcmp(places[i].text, places[k].text) == 0)
                warn(check, "%s and %s are both %s, where only one can listen", places[i].name,
                     places[k].name, places[i].text);
}

static void check_places(const struct check *check)
{
    const struct config *config = check->config;
    const struct place places[PLACES_MAX] = {
        {"fastcgi.conversations_socket", config->fastcgi_conversations_socket},
        {"fastcgi.messages_socket", config->fastcgi_messages_socket},
        {"fastcgi.appointments_socket", config->fastcgi_appointments_socket},
        {"broker.listen", config->broker_listen},
        {"broker.internal_listen", config->broker_internal_listen},
        {"broker.bus_address", config->broker_bus_address},
    };

    for (size_t i = 0; i < 3; i++)
        if (places[i].text[0] != '\0') /* else it is to inherit one */
            check_socket(check, places[i].name, places[i].text);
    check_listen(check, places[3].name, places[3].text, NULL);
    if (config->broker_internal_listen[0] != '\0')
        check_listen(check, places[4].name, places[4].text, "metrics");
    check_bus(check, places[5].name, places[5].text, true);
    check_twins(check, places, PLACES_MAX);
    for (size_t i = 0; i < config->bus_brokers.count; i++)
        if (strcmp(config->bus_brokers.items[i], config->broker_bus_address) != 0)
            check_bus(check, "bus.brokers", config->bus_brokers.items[i], false);
    if (config->bus_brokers.count > 0 &&
        !config_list_contains(&config->bus_brokers, config->broker_bus_address))
        warn(check,
             "broker.bus_address: %s is none of bus.brokers: events come late, when the broker "
             "looks",
             config->broker_bus_address);
}

void config_check(const char *path, const struct config *config,
                  const struct config_origins *origins, config_warn *warn_one, void *context)
{
    const struct check check = {
        .path = path, .config = config, .origins = origins, .warn = warn_one, .context = context};

    check_files(&check);
    check_folders(&check);
    check_places(&check);
}
