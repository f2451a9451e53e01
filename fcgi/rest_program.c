#include "fcgi/rest_program.h"

#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/config.h"
#include "common/local_time.h"
#include "common/services.h"
#include "db/database.h"
#include "fcgi/cgi.h"
#include "fcgi/dispatch.h"
#include "fcgi/fastcgi.h"
#include "fcgi/listener.h"
#include "fcgi/rest_configuration.h"

/* Descriptors that are not connections: database, log, bus, epoll, listeners. */
#define RESERVED_DESCRIPTORS 256

/* Freed memory that the allocator keeps for the next request instead of giving it back to the
 * kernel, and the size from which on a block is mapped alone, in bytes. With the defaults a tenth
 * of the time of a write went into giving back and faulting in the same pages. */
#define ALLOCATOR_KEEP_BYTES (4 * 1024 * 1024)
#define ALLOCATOR_MAP_BYTES  (2 * 1024 * 1024)

struct options {
    const char *config_path; /* NULL: config_load's default */
    const char *socket_path; /* NULL: as configured */
    bool is_check;
};

/* Everything that lives as long as the process. */
struct process {
    const struct program *program;
    struct options options;
    struct log log;
    struct id_source ids;
    struct services services;
    struct settings_holder *settings;
    struct settings *initial; /* which all that needs a restart was made with */
    struct bus_sender *bus;
    struct database *database;
    struct dispatcher dispatcher;
    struct listeners listeners;
};

/* ---- options -------------------------------------------------------------------------------- */

static void print_help(const struct program *program)
{
    printf("Usage: %s.fcgi [OPTION]...\n"
           "Answers the %s endpoints of messagerie as a FastCGI or CGI program.\n"
           "\n"
           "  --config FILE   read this configuration (default: $MESSAGERIE_CONFIG, else %s)\n"
           "  --socket PATH   listen on this unix socket instead of the configured one; an\n"
           "                  inherited socket (systemd, spawn-fcgi, mod_fcgid) comes first\n"
           "  --check         check the configuration and exit\n"
           "  --help          show this and exit\n"
           "  --version       show the version and exit\n",
           program->name, program->name, config_path(NULL));
}

/* Reads the options. False when the process shall end, with *exit_code. */
static bool parse_options(const struct program *program, int argc, char **argv,
                          struct options *options, int *exit_code)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"socket", required_argument, NULL, 's'},
        {"check", no_argument, NULL, 'k'},        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0}};
    int option;

    *exit_code = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config_path = optarg;
            break;
        case 's':
            options->socket_path = optarg;
            break;
        case 'k':
            options->is_check = true;
            break;
        case 'h':
            print_help(program);
            return false;
        case 'v':
            printf("%s.fcgi (messagerie) %s\n", program->name, PACKAGE_VERSION);
            return false;
        default:
            *exit_code = 1;
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s.fcgi: unexpected argument %s\n", program->name, argv[optind]);
        *exit_code = 1;
    }
    return optind == argc;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void publish(void *bus, const struct event *event)
{
    bus_send(bus, event);
}

static bool load_settings(struct process *process, struct error *error)
{
    struct settings *settings =
        settings_load(process->options.config_path, process->program->tells_of_appointments, error);

    if (settings == NULL)
        return false;
    log_level_parse(settings->config->log_level, &process->log.level);
    const char *advice = config_advice(settings->config);
    if (advice != NULL)
        log_warning(&process->log, advice);
    if (process->program->tells_of_appointments &&
        !local_time_use_zone(settings->config->appointments_time_zone, error)) {
        settings_release(settings);
        return false;
    }
    process->settings = settings_holder_create(settings);
    if (process->settings == NULL)
        return error_out_of_memory(error);
    process->initial = settings_acquire(process->settings);
    return true;
}

/* Without `bus`, events reach the brokers through the outbox alone. */
static bool open_database(struct process *process, struct bus_sender *bus, struct error *error)
{
    struct database_options options = database_options_from(process->initial->config);

    if (bus != NULL) {
        options.committed = publish;
        options.committed_context = bus;
    }
    process->database = database_create(&options, &process->services, error);
    process->dispatcher = (struct dispatcher){
        .services = &process->services,
        .database = process->database,
        .settings = process->settings,
        .router = *process->program->router,
    };
    return process->database != NULL;
}

static void close_process(struct process *process)
{
    listeners_close(&process->listeners);
    database_free(process->database);
    bus_sender_free(process->bus);
    settings_release(process->initial);
    settings_holder_free(process->settings);
}

static void init_process(struct process *process, const struct program *program)
{
    *process = (struct process){
        .program = program,
        .log = {.program = program->name,
                .level = LOG_LEVEL_INFO,
                .descriptor = STDERR_FILENO,
                .clock = &clock_system},
    };
    id_source_init(&process->ids, &clock_system, &random_system);
    process->services =
        (struct services){&process->log, &clock_system, &random_system, &process->ids};
}

static const char *reason_of(const struct error *error)
{
    return error->detail[0] != '\0' ? error->detail : error->text;
}

/* ---- plain CGI ------------------------------------------------------------------------------ */

/* There is no configuration to answer with; the reason is in the log. */
static void answer_unconfigured(void *context, struct request *request, struct response *response)
{
    struct error error;

    (void)context;
    error_set(&error, ERROR_INTERNAL, "Erreur interne");
    response_begin(response);
    response_error(response, &error);
    response_finish(response, request, NULL);
}

/* No bus: this process ends before it has connected; the broker finds the event in the outbox.
 * No options either: a web server may pass a query as arguments (RFC 3875 section 4.4). */
static int run_cgi(const struct program *program)
{
    struct process process;
    struct error error;

    init_process(&process, program);
    error_clear(&error);
    bool is_ready = load_settings(&process, &error);
    /* Each request is a process: what is news once would fill the web server's log. */
    if (process.log.level == LOG_LEVEL_INFO)
        process.log.level = LOG_LEVEL_WARNING;
    is_ready = is_ready && open_database(&process, NULL, &error);
    if (!is_ready)
        log_error(&process.log, "can't start", LOG_TEXT("reason", reason_of(&error)));
    bool is_written = is_ready ? cgi_run(dispatch_answer, &process.dispatcher)
                               : cgi_run(answer_unconfigured, NULL);
    close_process(&process);
    return is_ready && is_written ? 0 : 1;
}

/* ---- reading the configuration again --------------------------------------------------------- */

/* Not for secrets, which config_append_value doesn't tell. */
static bool values_are_equal(const struct config_key *key, const struct config *one,
                             const struct config *other)
{
    struct buffer first = BUFFER_EMPTY, second = BUFFER_EMPTY;

    config_append_value(one, key, &first);
    config_append_value(other, key, &second);
    const char *before = buffer_text(&first), *after = buffer_text(&second);
    bool are_equal = before == NULL || after == NULL || strcmp(before, after) == 0;
    buffer_free(&first);
    buffer_free(&second);
    return are_equal;
}

/* Only what is looked up for each request can change while running. */
static bool needs_restart(const struct config_key *key)
{
    return strcmp(key->section, "auth") != 0 && strcmp(key->section, "http") != 0 &&
           strcmp(key->name, "templates") != 0;
}

static void log_unapplied_changes(const struct log *log, const struct config *before,
                                  const struct config *after)
{
    char name[64];
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        if (!needs_restart(&keys[i]) || values_are_equal(&keys[i], before, after))
            continue;
        snprintf(name, sizeof(name), "%s.%s", keys[i].section, keys[i].name);
        log_warning(log, "this change of the configuration needs a restart", LOG_TEXT("key", name));
    }
}

static void reload(struct process *process)
{
    struct error error;

    error_clear(&error);
    struct settings *fresh = settings_load(process->options.config_path,
                                           process->program->tells_of_appointments, &error);
    if (fresh == NULL) {
        log_error(&process->log, "the configuration is bad, keeping the old one",
                  LOG_TEXT("reason", reason_of(&error)));
        return;
    }
    log_unapplied_changes(&process->log, process->initial->config, fresh->config);
    settings_replace(process->settings, fresh);
    log_info(&process->log, "configuration read again");
}

/* ---- FastCGI -------------------------------------------------------------------------------- */

static void block_signals(sigset_t *handled)
{
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(handled);
    sigaddset(handled, SIGTERM);
    sigaddset(handled, SIGINT);
    sigaddset(handled, SIGHUP);
    pthread_sigmask(SIG_BLOCK, handled, NULL);
}

/* Makes room for max_connections where the system allows it; where it doesn't, accepting pauses. */
static void raise_descriptor_limit(const struct process *process, int64_t max_connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)max_connections + RESERVED_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warning(&process->log, "fewer descriptors than fastcgi.max_connections needs",
                    LOG_NUMBER("descriptors", (int64_t)limit.rlim_cur));
}

static void wait_for_end(struct process *process, const sigset_t *handled)
{
    for (;;) {
        int number = sigwaitinfo(handled, NULL);
        if (number == SIGHUP)
            reload(process);
        else if (number > 0)
            return;
    }
}

/* The socket comes first: it needs the process-wide umask, so no other thread may run yet. */
static bool open_all(struct process *process, struct error *error)
{
    const struct config *config = process->initial->config;
    const char *path = process->options.socket_path != NULL
                           ? process->options.socket_path
                           : (const char *)config + process->program->socket_offset;
    struct error database_error;

    raise_descriptor_limit(process, config->fastcgi_max_connections);
    if (!listeners_open(path, &process->listeners, error))
        return false;
    process->bus = bus_sender_create(&config->bus_brokers, error);
    if (process->bus == NULL || !open_database(process, process->bus, error))
        return false;
    /* A database that can't be used now may be later: until then requests get a 503. */
    error_clear(&database_error);
    if (!database_prepare(process->database, &database_error))
        log_warning(&process->log, "starting without the database",
                    LOG_TEXT("reason", reason_of(&database_error)));
    return true;
}

static bool serve(struct process *process, const sigset_t *handled, struct error *error)
{
    const struct config *config = process->initial->config;
    const struct fastcgi_options options = {
        .services = &process->services,
        .listeners = process->listeners.descriptors,
        .listener_count = process->listeners.count,
        .threads = config->fastcgi_threads,
        .max_connections = config->fastcgi_max_connections,
        .io_timeout_ms = config->fastcgi_io_timeout_ms,
        .answer = dispatch_answer,
        .refuse = dispatch_refuse,
        .context = &process->dispatcher,
    };
    struct fastcgi_server *server = fastcgi_server_start(&options, error);

    if (server == NULL)
        return false;
    log_info(&process->log, "ready",
             LOG_TEXT("socket", process->listeners.own.path[0] != '\0' ? process->listeners.own.path
                                                                       : "inherited"),
             LOG_NUMBER("threads", options.threads));
    wait_for_end(process, handled);
    log_info(&process->log, "stopping");
    listeners_unlink(&process->listeners);
    fastcgi_server_stop(server);
    return true;
}

/* Where a standard descriptor is closed, the next file that is opened would take its place. */
static void fill_standard_descriptors(void)
{
    int descriptor;

    do
        descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor >= 0)
        close(descriptor);
}

int program_main(const struct program *program, int argc, char **argv)
{
    struct process process;
    struct error error;
    sigset_t handled;
    int exit_code;

    fill_standard_descriptors();
    if (!listeners_are_inherited() && cgi_is_requested()) {
        signal(SIGPIPE, SIG_IGN);
        return run_cgi(program);
    }
    mallopt(M_TRIM_THRESHOLD, ALLOCATOR_KEEP_BYTES);
    mallopt(M_MMAP_THRESHOLD, ALLOCATOR_MAP_BYTES);
    init_process(&process, program);
    if (!parse_options(program, argc, argv, &process.options, &exit_code))
        return exit_code;
    block_signals(&handled);
    error_clear(&error);
    bool succeeded = load_settings(&process, &error);
    if (succeeded && process.options.is_check)
        printf("%s: the configuration is fine\n", config_path(process.options.config_path));
    else
        succeeded = succeeded && open_all(&process, &error) && serve(&process, &handled, &error);
    if (!succeeded)
        log_error(&process.log, "can't start", LOG_TEXT("reason", reason_of(&error)));
    close_process(&process);
    if (succeeded && !process.options.is_check)
        log_info(&process.log, "stopped");
    return succeeded ? 0 : 1;
}
