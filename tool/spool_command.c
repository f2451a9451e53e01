#include "tool/spool_command.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/bus.h"
#include "common/container.h"
#include "common/process.h"
#include "tool/spool.h"

/* Everything that lives as long as the command. */
struct command {
    struct process *process;
    const char *directory;
    bool once;
    struct bus_sender *bus;
    struct database *database;
    struct spool *spool;
    struct log_limit waiting, going_on; /* lines of the log */
};

/* ---- configuration --------------------------------------------------------------------------- */

struct spool_configuration {
    struct configuration base;
    struct appointment_texts *texts;
};

static struct spool_configuration *spool_configuration_of(const struct configuration *configuration)
{
    return CONTAINER_OF((struct configuration *)configuration, struct spool_configuration, base);
}

static bool make_texts(struct configuration *configuration, struct error *error)
{
    struct spool_configuration *spool = spool_configuration_of(configuration);

    spool->texts = appointment_texts_load(configuration->config->appointments_templates, error);
    return spool->texts != NULL;
}

static void unmake_texts(struct configuration *configuration)
{
    appointment_texts_free(spool_configuration_of(configuration)->texts);
}

static void on_reload(void *owner, const struct configuration *configuration)
{
    const struct command *command = owner;

    database_use_config(command->database, configuration->config);
    spool_use_configuration(command->spool, configuration->config,
                            spool_configuration_of(configuration)->texts);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool open_database(struct command *command, const struct config *config, struct error *error)
{
    struct database_options options = database_options_from(config);

    options.committed = bus_send_committed;
    options.committed_context = command->bus;
    command->database = database_create(&options, &command->process->services, error);
    return command->database != NULL;
}

static bool open_spool(struct command *command, const struct configuration *configuration,
                       struct error *error)
{
    const struct spool_options options = {.directory = command->directory,
                                          .database = command->database,
                                          .texts = spool_configuration_of(configuration)->texts,
                                          .config = configuration->config,
                                          .services = &command->process->services,
                                          .signals = command->process->signals};

    command->spool = spool_open(&options, error);
    return command->spool != NULL;
}

static bool open_all(struct command *command, const struct configuration *configuration,
                     struct error *error)
{
    command->bus = bus_sender_create(&configuration->config->bus_brokers, error);
    return command->bus != NULL && open_database(command, configuration->config, error) &&
           open_spool(command, configuration, error);
}

static void close_all(struct command *command)
{
    spool_close(command->spool);
    database_free(command->database);
    bus_sender_free(command->bus);
}

/* ---- work ------------------------------------------------------------------------------------ */

/* Waits for a signal, the time or, if they count, files. */
static void await(const struct command *command, int timeout_ms, bool files_count)
{
    struct pollfd descriptors[] = {
        {.fd = command->process->signals, .events = POLLIN},
        {.fd = files_count ? spool_descriptor(command->spool) : -1, .events = POLLIN},
    };

    poll(descriptors, 2, timeout_ms);
}

static void log_result(const struct command *command, const struct spool_result *result)
{
    if (result->applied + result->refused > 0)
        log_info(&command->process->log, "spooled files taken",
                 LOG_NUMBER("applied", result->applied), LOG_NUMBER("refused", result->refused));
    if (result->erased > 0)
        log_info(&command->process->log, "refused files of erased people removed",
                 LOG_NUMBER("files", result->erased));
}

/* Tells when waiting begins, when its reason changes, and when it is over. */
static void log_state(struct command *command, bool succeeded, const struct error *error,
                      char reason[ERROR_DETAIL_BYTES])
{
    const struct log *log = &command->process->log;

    if (succeeded && reason[0] != '\0')
        log_limited(log, &command->going_on, LOG_LEVEL_INFO, "spooled files are taken again");
    if (!succeeded && strcmp(reason, error->detail) != 0)
        log_limited(log, &command->waiting, LOG_LEVEL_ERROR, "spooled files must wait",
                    LOG_TEXT("reason", error->detail));
    snprintf(reason, ERROR_DETAIL_BYTES, "%s", succeeded ? "" : error->detail);
}

/* A signal interrupts applying; what is left of the files is taken once it has been heeded. */
static bool apply_until_end(struct command *command, struct error *error)
{
    char reason[ERROR_DETAIL_BYTES] = "";

    for (;;) {
        struct spool_result result;
        error_clear(error);
        bool succeeded = spool_apply(command->spool, &result, error);
        log_result(command, &result);
        enum process_signal taken = process_take_signal(command->process);
        if (taken == PROCESS_END)
            return true;
        if (taken == PROCESS_RELOADED)
            continue;
        if (command->once)
            return succeeded;
        log_state(command, succeeded, error, reason);
        await(command, succeeded ? SPOOL_LOOK_INTERVAL_MS : SPOOL_RETRY_INTERVAL_MS, succeeded);
    }
}

static bool run_process(struct process *process, void *owner, struct error *error)
{
    struct configuration *configuration = configuration_acquire(process->configuration);
    struct command *command = owner;

    command->process = process;
    bool succeeded = open_all(command, configuration, error);
    if (succeeded) {
        process_tell_ready(process, LOG_TEXT("spool", command->directory));
        succeeded = apply_until_end(command, error);
    }
    close_all(command);
    configuration_release(configuration);
    return succeeded;
}

bool spool_command_run(const char *config_path, const char *directory, bool once,
                       struct error *error)
{
    static const struct configuration_kind kind = {
        .bytes = sizeof(struct spool_configuration), .make = make_texts, .unmake = unmake_texts};
    static const struct program program = {
        .name = "messagerie",
        .configuration = &kind,
        .uses_local_time = true,
        .run = run_process,
        .on_reload = on_reload,
    };
    struct command command = {.directory = directory, .once = once};

    return process_run(&program, &command, config_path, error);
}
