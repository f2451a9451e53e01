#include "common/process.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/local_time.h"

/* ---- options --------------------------------------------------------------------------------- */

/* The index of an option of the table is behind these. */
enum { OPTION_CONFIG = 256, OPTION_CHECK, OPTION_HELP, OPTION_VERSION, OPTION_OF_TABLE };

#define COMMON_OPTIONS 4

/* What the command line asks for; the last two are done with. */
enum errand { ERRAND_RUN, ERRAND_CHECK, ERRAND_TOLD, ERRAND_REFUSED };

static size_t count_options(const struct program *program)
{
    size_t count = 0;

    while (program->options != NULL && program->options[count].name != NULL)
        count++;
    ASSERT(count <= PROCESS_OPTIONS_MAX);
    return count;
}

/* One option with its lines of help, the second and following ones under the first. */
static void print_option(const char *name, const char *argument, const char *help)
{
    char option[32];

    snprintf(option, sizeof(option), "--%s %s", name, argument != NULL ? argument : "");
    while (help != NULL) {
        size_t length = strcspn(help, "\n");
        printf("  %-15s %.*s\n", option, (int)length, help);
        help = help[length] != '\0' ? help + length + 1 : NULL;
        option[0] = '\0';
    }
}

static void print_help(const struct program *program)
{
    char config_help[1200];

    snprintf(config_help, sizeof(config_help),
             "read this configuration (default: $MESSAGERIE_CONFIG, else %s)", config_path(NULL));
    printf("Usage: %s [OPTION]...\n%s\n\n", program->file, program->purpose);
    print_option("config", "FILE", config_help);
    for (size_t i = 0; i < count_options(program); i++)
        print_option(program->options[i].name, program->options[i].argument,
                     program->options[i].help);
    print_option("check", NULL, "check the configuration and exit");
    print_option("help", NULL, "show this and exit");
    print_option("version", NULL, "show the version and exit");
}

static void list_options(const struct program *program, struct option *known)
{
    size_t count = count_options(program);

    *known++ = (struct option){"config", required_argument, NULL, OPTION_CONFIG};
    *known++ = (struct option){"check", no_argument, NULL, OPTION_CHECK};
    *known++ = (struct option){"help", no_argument, NULL, OPTION_HELP};
    *known++ = (struct option){"version", no_argument, NULL, OPTION_VERSION};
    for (size_t i = 0; i < count; i++)
        *known++ =
            (struct option){program->options[i].name,
                            program->options[i].argument != NULL ? required_argument : no_argument,
                            NULL, OPTION_OF_TABLE + (int)i};
    *known = (struct option){0};
}

static enum errand read_options(struct process *process, int argc, char **argv)
{
    struct option known[COMMON_OPTIONS + PROCESS_OPTIONS_MAX + 1];
    enum errand errand = ERRAND_RUN;
    int option;

    list_options(process->program, known);
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG:
            process->config_path = optarg;
            break;
        case OPTION_CHECK:
            errand = ERRAND_CHECK;
            break;
        case OPTION_HELP:
            print_help(process->program);
            return ERRAND_TOLD;
        case OPTION_VERSION:
            printf("%s (messagerie) %s\n", process->program->file, PACKAGE_VERSION);
            return ERRAND_TOLD;
        case '?': /* getopt has told */
            return ERRAND_REFUSED;
        default:
            process->option_values[option - OPTION_OF_TABLE] = optarg != NULL ? optarg : "";
        }
    }
    if (optind == argc)
        return errand;
    fprintf(stderr, "%s: unexpected argument %s\n", process->program->file, argv[optind]);
    return ERRAND_REFUSED;
}

const char *process_option(const struct process *process, const char *name)
{
    size_t count = count_options(process->program);
    size_t i = 0;

    while (i < count && strcmp(process->program->options[i].name, name) != 0)
        i++;
    ASSERT(i < count);
    return process->option_values[i];
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static void fill_standard_descriptors(void)
{
    int descriptor;

    do
        descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor >= 0)
        close(descriptor);
}

void process_open(struct process *process, const struct program *program, void *owner)
{
    *process = (struct process){
        .log = {.program = program->name,
                .level = LOG_LEVEL_INFO,
                .descriptor = STDERR_FILENO,
                .clock = &clock_system},
        .services = {&process->log, &clock_system, &random_system, &process->ids},
        .signals = -1,
        .program = program,
        .owner = owner,
    };
    id_source_init(&process->ids, &clock_system, &random_system);
    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    log_sink_open(&process->sink, STDERR_FILENO);
    process->log.sink = &process->sink;
}

void process_close(struct process *process)
{
    configuration_holder_free(process->configuration);
    if (process->signals >= 0)
        close(process->signals);
    process->log.sink = NULL;
    log_sink_close(&process->sink);
}

/* What a configuration changes in the process itself, at its start and when it is read again. */
static void use_configuration(struct process *process, const struct configuration *configuration)
{
    enum log_level level = LOG_LEVEL_INFO;
    const char *advice =
        configuration->kind->verifies_tokens ? config_advice(configuration->config) : NULL;

    log_level_parse(configuration->config->log_level, &level);
    log_set_level(&process->log, level);
    if (advice != NULL)
        log_warning(&process->log, advice);
}

bool process_load(struct process *process, const char *config_path, struct error *error)
{
    process->config_path = config_path;
    struct configuration *configuration =
        configuration_load(process->program->configuration, config_path, error);
    if (configuration == NULL)
        return false;
    use_configuration(process, configuration);
    bool has_zone = !process->program->uses_local_time ||
                    local_time_use_zone(configuration->config->appointments_time_zone, error);
    process->configuration = configuration_holder_create(configuration);
    if (process->configuration == NULL)
        return error_out_of_memory(error);
    return has_zone;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void warn_of_descriptors(const struct process *process, rlim_t count)
{
    char message[CONFIG_KEY_NAME_BYTES + 32];

    snprintf(message, sizeof(message), "fewer descriptors than %s needs",
             process->program->connections_key);
    log_warning(&process->log, message, LOG_NUMBER("descriptors", (int64_t)count));
}

static void raise_descriptor_limit(const struct process *process)
{
    const struct program *program = process->program;
    struct rlimit limit;

    if (program->connections_key == NULL)
        return;
    const struct config_key *key = config_find_key(program->connections_key);
    ASSERT(key != NULL && !key->is_live);
    struct configuration *configuration = configuration_acquire(process->configuration);
    rlim_t wanted = (rlim_t)(config_integer(configuration->config, key) +
                             program->further_descriptors + PROCESS_RESERVED_DESCRIPTORS);
    configuration_release(configuration);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        warn_of_descriptors(process, limit.rlim_cur);
}

/* ---- reading the configuration again --------------------------------------------------------- */

static void log_kept(const struct process *process, const struct config_changes *kept)
{
    char name[CONFIG_KEY_NAME_BYTES];

    for (size_t i = 0; i < kept->count; i++) {
        config_key_name(kept->keys[i], name);
        log_warning(&process->log, "this change of the configuration needs a restart",
                    LOG_TEXT("key", name));
    }
}

/* The program is told before the old configuration is given back: until then it may still point
 * into that. */
static void reload(struct process *process)
{
    struct configuration *running = configuration_acquire(process->configuration);
    struct config_changes kept;
    struct error error;

    error_clear(&error);
    struct configuration *fresh =
        configuration_load_again(running, process->config_path, &kept, &error);
    configuration_release(running);
    if (fresh == NULL) {
        log_error(&process->log, "the configuration is bad, keeping the old one",
                  LOG_TEXT("reason", error_for_log(&error)));
        return;
    }
    log_kept(process, &kept);
    use_configuration(process, fresh);
    struct configuration *replaced = configuration_replace(process->configuration, fresh);
    if (process->program->on_reload != NULL)
        process->program->on_reload(process->owner, fresh);
    configuration_release(replaced);
    log_info(&process->log, "configuration read again");
}

/* ---- signals --------------------------------------------------------------------------------- */

/* Before any thread is made: they inherit the mask, and a signal that one thread does not block
 * would end the process there. A descriptor rather than handlers: a loop can wait for it beside its
 * sockets, and what is done then may call anything. */
static bool open_signals(struct process *process, struct error *error)
{
    sigset_t handled;

    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &handled, NULL);
    process->signals = signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC);
    return process->signals >= 0 ||
           error_unavailable(error, "cannot watch signals: %s", strerror(errno));
}

enum process_signal process_take_signal(struct process *process)
{
    struct signalfd_siginfo information;

    if (read(process->signals, &information, sizeof(information)) != sizeof(information))
        return PROCESS_NO_SIGNAL;
    if (information.ssi_signo != SIGHUP)
        return PROCESS_END;
    reload(process);
    return PROCESS_RELOADED;
}

void process_wait(struct process *process)
{
    struct pollfd signals = {.fd = process->signals, .events = POLLIN};

    while (process_take_signal(process) != PROCESS_END)
        poll(&signals, 1, -1);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Loads and, unless it is only to be checked, runs. */
static bool load_and_run(struct process *process, const char *config_path, bool is_check,
                         struct error *error)
{
    error_clear(error);
    if (!process_load(process, config_path, error))
        return false;
    if (is_check)
        return true;
    raise_descriptor_limit(process);
    return process->program->run(process, process->owner, error);
}

bool process_run(const struct program *program, void *owner, const char *config_path,
                 struct error *error)
{
    struct process process;

    process_open(&process, program, owner);
    bool succeeded =
        open_signals(&process, error) && load_and_run(&process, config_path, false, error);
    process_close(&process);
    return succeeded;
}

int process_main(const struct program *program, void *owner, int argc, char **argv)
{
    struct process process;
    struct error error;

    process_open(&process, program, owner);
    enum errand errand = read_options(&process, argc, argv);
    if (errand == ERRAND_TOLD || errand == ERRAND_REFUSED)
        return errand == ERRAND_REFUSED;
    bool is_check = errand == ERRAND_CHECK;
    bool succeeded = open_signals(&process, &error) &&
                     load_and_run(&process, process.config_path, is_check, &error);
    if (!succeeded)
        log_error(&process.log, process.is_ready ? "failed" : "can't start",
                  LOG_TEXT("reason", error_for_log(&error)));
    else if (is_check)
        printf("%s: the configuration is fine\n", config_path(process.config_path));
    else
        log_info(&process.log, "stopped");
    process_close(&process);
    return succeeded ? 0 : 1;
}
