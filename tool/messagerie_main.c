/*
 * messagerie: the administrator's tool. Runs beside the programs, on the same configuration and
 * database; exit status as in tool/command.h.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/config.h"
#include "common/local_time.h"
#include "common/token.h"
#include "db/appointment.h"
#include "db/database.h"
#include "tool/command.h"
#include "tool/demo.h"
#include "tool/spool_command.h"

/* How long a token of `messagerie token` lives unless --ttl says otherwise, and at most. */
#define TOKEN_TTL_DEFAULT_S 3600
#define TOKEN_TTL_MAX_S     (366 * 86400)

struct command {
    const char *name;
    const char *usage; /* arguments and options */
    const char *summary;
    int minimum_arguments, maximum_arguments;
    bool needs_config;
    int (*run)(struct command_context *context);
};

/* ---- commands ------------------------------------------------------------------------------ */

/* The --ttl in seconds; false when it is no number from 1 to TOKEN_TTL_MAX_S. */
static bool read_ttl(const char *text, int64_t *ttl_s)
{
    char *end;

    *ttl_s = TOKEN_TTL_DEFAULT_S;
    if (text == NULL)
        return true;
    *ttl_s = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *ttl_s >= 1 && *ttl_s <= TOKEN_TTL_MAX_S;
}

static int run_token(struct command_context *context)
{
    const char *user_id = context->options.arguments[0];
    const char *role = context->options.role != NULL ? context->options.role : "client";
    struct error error;
    int64_t ttl_s;

    error_clear(&error);
    if (!foreign_id_is_valid(user_id) || !read_ttl(context->options.ttl, &ttl_s)) {
        fprintf(stderr, "messagerie: token: the user id has 1 to %d bytes, --ttl 1 to %d seconds\n",
                FOREIGN_ID_MAX_BYTES, TOKEN_TTL_MAX_S);
        return COMMAND_WRONG_USAGE;
    }
    char *token = token_sign(context->config, user_id, role, clock_wall_ms(context->services.clock),
                             ttl_s, &error);
    if (token == NULL)
        return command_report_failure(&error);
    int status = command_print_line(token);
    free(token);
    return status;
}

/* A process of its own kind, it loads its configuration itself, now and later. */
static int run_spool(struct command_context *context)
{
    const struct command_options *options = &context->options;
    struct error error;

    error_clear(&error);
    return spool_command_run(options->config_path, options->arguments[0], options->once, &error)
               ? COMMAND_DONE
               : command_report_failure(&error);
}

/* The demo's people with their tokens, once the story has been played. */
static int print_demo(struct command_context *context, struct json_object *story)
{
    struct buffer json = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    int status = demo_write_people(story, context->config, clock_wall_ms(context->services.clock),
                                   &json, &error)
                     ? command_print_text(&json)
                     : command_report_failure(&error);
    buffer_free(&json);
    return status;
}

static int run_demo(struct command_context *context)
{
    const struct config *config = context->config;
    struct demo_fill request = {.config = config};
    struct appointment_texts *texts = NULL;
    struct error error;

    error_clear(&error);
    request.story =
        demo_story_load(context->options.arguments[0], context->options.arguments[1], &error);
    if (request.story != NULL && local_time_use_zone(config->appointments_time_zone, &error))
        texts = appointment_texts_load(config->appointments_templates, &error);
    request.texts = texts;
    int status = texts != NULL && command_write_database(context, demo_fill(&request), &error)
                     ? print_demo(context, request.story)
                     : command_report_failure(&error);
    appointment_texts_free(texts);
    json_object_put(request.story);
    return status;
}

/* ---- command line -------------------------------------------------------------------------- */

static const struct command commands[] = {
    {"migrate", "", "bring the database's schema up to date", 0, 0, true, command_migrate},
    {"check-config", "[--sample]",
     "check the configuration file; --sample prints one with every key and its default", 0, 0,
     false, command_check_config},
    {"config", "get KEY | origin KEY",
     "the value of a KEY such as broker.listen as the programs read it, secrets too; where it comes"
     " from: FILE:LINE, a variable, or \"default\"",
     2, 2, false, command_config},
    {"user",
     "set ID [--role R] [--first-name T] [--last-name T] [--salon-name T] [--image URL]"
     " [--email A] | get ID | list | erase ID | export ID",
     "the directory of people", 1, 2, true, command_user},
    {"token", "USER [--role R] [--ttl SECONDS]", "sign a token, for trying things out", 1, 1, true,
     run_token},
    {"stats", "", "how much there is", 0, 0, true, command_stats},
    {"maintain", "", "do now what the programs do behind: the rest of large deletions", 0, 0, true,
     command_maintain},
    {"backup", "FILE", "copy the database into FILE while it is in use", 1, 1, true,
     command_backup},
    {"restore", "FILE",
     "put the backup FILE in the place of the database, while all programs are stopped", 1, 1, true,
     command_restore},
    {"mail", "test ADDRESS", "send a mail there now, and say what the server said", 2, 2, true,
     command_mail},
    {"spool", "DIR [--once]",
     "apply the appointments that the booking back-end leaves as files in DIR", 1, 1, false,
     run_spool},
    {"demo", "STORY ORIGIN",
     "play the file STORY into an empty database, as served at ORIGIN; prints its people with"
     " their tokens",
     2, 2, true, run_demo},
    {"verify", "FILE", "check a database file: integrity, references, counters", 1, 1, false,
     command_verify},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    printf("Usage: messagerie [--config FILE] [--json] COMMAND …\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %s %s\n      %s\n", commands[i].name, commands[i].usage, commands[i].summary);
    printf("\nOptions:\n"
           "  --config FILE  the configuration; else $MESSAGERIE_CONFIG, else %s\n"
           "  --json         print data as JSON\n"
           "  --help, --version\n",
           config_path(NULL));
}

enum {
    OPTION_CONFIG = 256,
    OPTION_JSON,
    OPTION_SAMPLE,
    OPTION_ONCE,
    OPTION_ROLE,
    OPTION_TTL,
    OPTION_FIRST_NAME,
    OPTION_LAST_NAME,
    OPTION_SALON_NAME,
    OPTION_IMAGE,
    OPTION_EMAIL,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"json", no_argument, NULL, OPTION_JSON},
    {"sample", no_argument, NULL, OPTION_SAMPLE},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"first-name", required_argument, NULL, OPTION_FIRST_NAME},
    {"last-name", required_argument, NULL, OPTION_LAST_NAME},
    {"salon-name", required_argument, NULL, OPTION_SALON_NAME},
    {"image", required_argument, NULL, OPTION_IMAGE},
    {"email", required_argument, NULL, OPTION_EMAIL},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

/* False: the program ends with *status. */
static bool take_option(int option, struct command_options *options, int *status)
{
    *status = COMMAND_DONE;
    switch (option) {
    case OPTION_CONFIG:
        options->config_path = optarg;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_SAMPLE:
        options->sample = true;
        return true;
    case OPTION_ONCE:
        options->once = true;
        return true;
    case OPTION_ROLE:
        options->role = optarg;
        return true;
    case OPTION_TTL:
        options->ttl = optarg;
        return true;
    case OPTION_FIRST_NAME:
        options->fields.first_name = optarg;
        return true;
    case OPTION_LAST_NAME:
        options->fields.last_name = optarg;
        return true;
    case OPTION_SALON_NAME:
        options->fields.salon_name = optarg;
        return true;
    case OPTION_IMAGE:
        options->fields.image = optarg;
        return true;
    case OPTION_EMAIL:
        options->fields.email = optarg;
        return true;
    case OPTION_HELP:
        print_help();
        return false;
    case OPTION_VERSION:
        command_print_line("messagerie " PACKAGE_VERSION);
        return false;
    default:
        *status = COMMAND_WRONG_USAGE;
        return false;
    }
}

static bool read_options(int count, char **words, struct command_options *options, int *status)
{
    int option;

    while ((option = getopt_long(count, words, "", long_options, NULL)) != -1)
        if (!take_option(option, options, status))
            return false;
    options->arguments = words + optind;
    options->argument_count = count - optind;
    return true;
}

static const struct command *find_command(const struct command_options *options)
{
    const char *name = options->argument_count > 0 ? options->arguments[0] : "";

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    fprintf(stderr, "messagerie: unknown command `%s`; see --help\n", name);
    return NULL;
}

static int run_command(const struct command *command, struct command_context *context)
{
    struct error error;

    if (context->options.argument_count < command->minimum_arguments ||
        context->options.argument_count > command->maximum_arguments) {
        fprintf(stderr, "Usage: messagerie %s %s\n", command->name, command->usage);
        return COMMAND_WRONG_USAGE;
    }
    error_clear(&error);
    if (command->needs_config) {
        context->config = config_load(context->options.config_path, &error);
        if (context->config == NULL)
            return command_report_failure(&error);
    }
    int status = command->run(context);
    config_free(context->config);
    return status;
}

int main(int count, char **words)
{
    struct log_sink sink;
    const struct log log = {
        .program = "messagerie", .level = LOG_LEVEL_WARNING, .clock = &clock_system, .sink = &sink};
    struct id_source ids;
    struct command_context context = {
        .services = {.log = &log, .clock = &clock_system, .random = &random_system, .ids = &ids}};
    int status;

    /* Who has asked for work to be done may have gone; what is said then goes nowhere. */
    signal(SIGPIPE, SIG_IGN);
    log_sink_open(&sink, STDERR_FILENO);
    id_source_init(&ids, &clock_system, &random_system);
    if (!read_options(count, words, &context.options, &status))
        return status;
    const struct command *command = find_command(&context.options);
    if (command == NULL)
        return COMMAND_WRONG_USAGE;
    context.options.arguments++;
    context.options.argument_count--;
    return run_command(command, &context);
}
