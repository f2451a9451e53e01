#include "fcgi/rest_program.h"

#include <malloc.h>
#include <stdio.h>

#include "common/bus.h"
#include "common/process.h"
#include "db/database.h"
#include "fcgi/cgi.h"
#include "fcgi/dispatch.h"
#include "fcgi/fastcgi.h"
#include "fcgi/listener.h"
#include "fcgi/rest_configuration.h"

/* Freed memory that the allocator keeps for the next request instead of giving it back to the
 * kernel, and the size from which on a block is mapped alone, in bytes. With the defaults a tenth
 * of the time of a write went into giving back and faulting in the same pages. */
#define ALLOCATOR_KEEP_BYTES (4 * 1024 * 1024)
#define ALLOCATOR_MAP_BYTES  (2 * 1024 * 1024)

/* "conversations.fcgi", and the sentence of --help. */
#define FILE_BYTES    64
#define PURPOSE_BYTES 128

/* Everything that lives as long as the process. */
struct rest {
    const struct rest_program *program;
    char file[FILE_BYTES];
    char purpose[PURPOSE_BYTES];
    struct bus_sender *bus;
    struct database *database;
    struct read_marks *marks;
    struct dispatcher dispatcher;
    struct counters *counters; /* NULL: they are not kept */
    struct listeners listeners;
};

/* ---- the database ---------------------------------------------------------------------------- */

/* A quarter of the threads is left for those who read. */
static size_t places_for(int64_t threads)
{
    return (size_t)(threads - (threads + 3) / 4);
}

/* Without `bus`, events reach the brokers through the outbox alone. */
static bool open_database(struct rest *rest, struct process *process, struct bus_sender *bus,
                          struct error *error)
{
    struct configuration *configuration = configuration_acquire(process->configuration);
    struct database_options options = database_options_from(configuration->config);

    if (bus != NULL) {
        options.committed = bus_send_committed;
        options.committed_context = bus;
    }
    rest->database = database_create(&options, &process->services, error);
    rest->marks = rest->database != NULL ? read_marks_create(rest->database) : NULL;
    rest->dispatcher = (struct dispatcher){
        .services = &process->services,
        .database = rest->database,
        .marks = rest->marks,
        .configuration = process->configuration,
        .router = *rest->program->router,
        .places = {.limit = places_for(configuration->config->fastcgi_threads)},
    };
    configuration_release(configuration);
    if (rest->database != NULL && rest->marks == NULL)
        error_out_of_memory(error);
    return rest->marks != NULL;
}

static void close_database(struct rest *rest)
{
    database_free(rest->database);
    read_marks_free(rest->marks);
}

/* ---- plain CGI ------------------------------------------------------------------------------- */

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
static int answer_as_cgi(const struct program *program, struct rest *rest)
{
    struct process process;
    struct error error;

    process_open(&process, program, rest);
    error_clear(&error);
    bool is_ready = process_load(&process, NULL, &error);
    /* Each request is a process: what is told once at each start would fill the server's log. */
    if (process.log.level == LOG_LEVEL_INFO)
        log_set_level(&process.log, LOG_LEVEL_WARNING);
    is_ready = is_ready && open_database(rest, &process, NULL, &error);
    if (!is_ready)
        log_error(&process.log, "can't start", LOG_TEXT("reason", error_for_log(&error)));
    bool is_written =
        is_ready ? cgi_run(dispatch_answer, &rest->dispatcher) : cgi_run(answer_unconfigured, NULL);
    close_database(rest);
    process_close(&process);
    return is_ready && is_written ? 0 : 1;
}

/* ---- counters -------------------------------------------------------------------------------- */

/* Nobody goes without an answer because nobody counts it. */
static void open_counters(struct rest *rest, struct process *process, const struct config *config)
{
    struct counters_layout layout;
    struct error error;

    if (config->metrics_folder[0] == '\0')
        return;
    error_clear(&error);
    dispatch_lay_out(rest->program->router, rest->program->name, &layout);
    rest->counters = counters_open(config->metrics_folder, &layout, &error);
    if (rest->counters == NULL)
        log_info(&process->log, "counters are not kept", LOG_TEXT("reason", error_for_log(&error)));
    rest->dispatcher.counters = rest->counters;
}

/* ---- FastCGI --------------------------------------------------------------------------------- */

/* The socket comes first: it needs the process-wide umask, so no other thread may run yet. */
static bool open_all(struct rest *rest, struct process *process, const struct config *config,
                     struct error *error)
{
    const char *path = process_option(process, "socket");
    struct error database_error;

    if (path == NULL)
        path = (const char *)config + rest->program->socket_offset;
    if (!listeners_open(path, &rest->listeners, error))
        return false;
    rest->bus = bus_sender_create(&config->bus_brokers, error);
    if (rest->bus == NULL || !open_database(rest, process, rest->bus, error))
        return false;
    rest->dispatcher.reads = user_budgets_create();
    rest->dispatcher.writes = user_budgets_create();
    if (rest->dispatcher.reads == NULL || rest->dispatcher.writes == NULL)
        return error_out_of_memory(error);
    open_counters(rest, process, config);
    /* A database that can't be used now may be later: until then requests get a 503. */
    error_clear(&database_error);
    if (!database_prepare(rest->database, &database_error))
        log_warning(&process->log, "starting without the database",
                    LOG_TEXT("reason", error_for_log(&database_error)));
    return true;
}

static void close_all(struct rest *rest)
{
    listeners_close(&rest->listeners);
    user_budgets_free(rest->dispatcher.reads);
    user_budgets_free(rest->dispatcher.writes);
    close_database(rest);
    counters_close(rest->counters);
    bus_sender_free(rest->bus);
}

static bool serve_until_end(struct rest *rest, struct process *process, const struct config *config,
                            struct error *error)
{
    const struct fastcgi_options options = {
        .services = &process->services,
        .listeners = rest->listeners.descriptors,
        .listener_count = rest->listeners.count,
        .threads = config->fastcgi_threads,
        .max_connections = config->fastcgi_max_connections,
        .io_timeout_ms = config->fastcgi_io_timeout_ms,
        .answer = dispatch_answer,
        .refuse = dispatch_refuse,
        .context = &rest->dispatcher,
    };
    const char *path = rest->listeners.own.path;
    struct fastcgi_server *server = fastcgi_server_start(&options, error);

    if (server == NULL)
        return false;
    process_tell_ready(process, LOG_TEXT("socket", path[0] != '\0' ? path : "inherited"),
                       LOG_NUMBER("threads", options.threads));
    process_wait(process);
    log_info(&process->log, "stopping");
    listeners_unlink(&rest->listeners);
    fastcgi_server_stop(server);
    return true;
}

static void on_reload(void *owner, const struct configuration *configuration)
{
    const struct rest *rest = owner;

    database_use_config(rest->database, configuration->config);
}

static bool run_rest(struct process *process, void *owner, struct error *error)
{
    struct configuration *configuration = configuration_acquire(process->configuration);
    struct rest *rest = owner;
    bool succeeded = open_all(rest, process, configuration->config, error) &&
                     serve_until_end(rest, process, configuration->config, error);

    close_all(rest);
    configuration_release(configuration);
    return succeeded;
}

/* ---- the whole ------------------------------------------------------------------------------- */

int rest_program_main(const struct rest_program *program, int argc, char **argv)
{
    static const struct process_option options[] = {
        {"socket", "PATH",
         "listen on this unix socket instead of the configured one; an\n"
         "inherited socket (systemd, spawn-fcgi, mod_fcgid) comes first"},
        {0}};
    struct rest rest = {.program = program};
    const struct program table = {
        .name = program->name,
        .file = rest.file,
        .purpose = rest.purpose,
        .options = options,
        .configuration = program->tells_of_appointments ? &rest_configuration_kind_with_texts
                                                        : &rest_configuration_kind,
        .uses_local_time = program->tells_of_appointments,
        .connections_key = "fastcgi.max_connections",
        .run = run_rest,
        .on_reload = on_reload,
    };

    snprintf(rest.file, sizeof(rest.file), "%s.fcgi", program->name);
    snprintf(rest.purpose, sizeof(rest.purpose),
             "Answers the %s endpoints of messagerie as a FastCGI or CGI program.", program->name);
    if (!listeners_are_inherited() && cgi_is_requested())
        return answer_as_cgi(&table, &rest);
    mallopt(M_TRIM_THRESHOLD, ALLOCATOR_KEEP_BYTES);
    mallopt(M_MMAP_THRESHOLD, ALLOCATOR_MAP_BYTES);
    return process_main(&table, &rest, argc, argv);
}
