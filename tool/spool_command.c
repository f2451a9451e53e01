#include "tool/spool_command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/local_time.h"
#include "tool/spool.h"

/* Everything that lives as long as the command. */
struct command {
    const struct config *config;
    const struct services *services;
    struct bus_sender *bus;
    struct database *database;
    struct appointment_texts *texts;
    struct spool *spool;
    int signals;
};

static void publish(void *context, const struct event *event)
{
    bus_send(context, event);
}

static bool open_database(struct command *command, struct error *error)
{
    struct database_options options = database_options_from(command->config);

    options.committed = publish;
    options.committed_context = command->bus;
    command->database = database_create(&options, command->services, error);
    return command->database != NULL;
}

static bool open_spool(struct command *command, const char *directory, struct error *error)
{
    const struct spool_options options = {.directory = directory,
                                          .database = command->database,
                                          .texts = command->texts,
                                          .config = command->config,
                                          .services = command->services,
                                          .end_descriptor = command->signals};

    command->spool = spool_open(&options, error);
    return command->spool != NULL;
}

/* Signals are blocked before any thread begins, so that only the descriptor tells of them. */
static bool open_signals(struct command *command, struct error *error)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    command->signals = signalfd(-1, &ends, SFD_CLOEXEC);
    return command->signals >= 0 || error_unavailable(error, "signalfd: %s", strerror(errno));
}

static bool open_all(struct command *command, const char *directory, struct error *error)
{
    if (!local_time_use_zone(command->config->appointments_time_zone, error) ||
        !open_signals(command, error))
        return false;
    command->texts = appointment_texts_load(command->config->appointments_templates, error);
    if (command->texts == NULL)
        return false;
    command->bus = bus_sender_create(&command->config->bus_brokers, error);
    return command->bus != NULL && open_database(command, error) &&
           open_spool(command, directory, error);
}

static void close_all(struct command *command)
{
    spool_close(command->spool);
    database_free(command->database);
    bus_sender_free(command->bus);
    appointment_texts_free(command->texts);
    if (command->signals >= 0)
        close(command->signals);
}

/* Waits for files, the time or the end; true when it is the end. */
static bool wait_for_end(const struct command *command, int timeout_ms, bool files_count)
{
    struct pollfd descriptors[] = {
        {.fd = command->signals, .events = POLLIN},
        {.fd = files_count ? spool_descriptor(command->spool) : -1, .events = POLLIN},
    };

    return poll(descriptors, 2, timeout_ms) > 0 && descriptors[0].revents != 0;
}

static void log_result(const struct command *command, const struct spool_result *result)
{
    if (result->applied + result->refused > 0)
        log_info(command->services->log, "spooled files taken",
                 LOG_NUMBER("applied", result->applied), LOG_NUMBER("refused", result->refused));
}

/* Tells when waiting begins, when its reason changes, and when it is over. */
static void log_state(const struct command *command, bool succeeded, const struct error *error,
                      char reason[ERROR_DETAIL_BYTES])
{
    const struct log *log = command->services->log;

    if (succeeded && reason[0] != '\0')
        log_info(log, "spooled files are taken again");
    if (!succeeded && strcmp(reason, error->detail) != 0)
        log_error(log, "spooled files must wait", LOG_TEXT("reason", error->detail));
    snprintf(reason, ERROR_DETAIL_BYTES, "%s", succeeded ? "" : error->detail);
}

static bool run(const struct command *command, const char *directory, bool once,
                struct error *error)
{
    char reason[ERROR_DETAIL_BYTES] = "";

    log_info(command->services->log, "ready", LOG_TEXT("spool", directory));
    for (bool ends = false; !ends;) {
        struct spool_result result;
        error_clear(error);
        bool succeeded = spool_apply(command->spool, &result, error);
        log_result(command, &result);
        if (once)
            return succeeded;
        log_state(command, succeeded, error, reason);
        ends = wait_for_end(command, succeeded ? SPOOL_LOOK_INTERVAL_MS : SPOOL_RETRY_INTERVAL_MS,
                            succeeded);
    }
    return true;
}

bool spool_command_run(const struct config *config, const struct services *services,
                       const char *directory, bool once, struct error *error)
{
    struct command command = {.config = config, .services = services, .signals = -1};
    bool succeeded = open_all(&command, directory, error) && run(&command, directory, once, error);

    close_all(&command);
    return succeeded;
}
