/*
 * messagerie: the administrator's tool. Runs beside the programs, on the same configuration and
 * database; exit status 0 done, 1 failed, 2 wrong usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/config.h"
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "common/local_time.h"
#include "common/services.h"
#include "common/token.h"
#include "common/utf8.h"
#include "db/appointment.h"
#include "db/database.h"
#include "db/maintenance.h"
#include "db/person.h"
#include "db/privacy.h"
#include "tool/config_check.h"
#include "tool/demo.h"
#include "tool/spool_command.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* How long a token of `messagerie token` lives unless --ttl says otherwise, and at most. */
#define TOKEN_TTL_DEFAULT_S 3600
#define TOKEN_TTL_MAX_S     (366 * 86400)

/* What the command line says. */
struct options {
    const char *config_path;
    bool json;
    bool sample;
    bool once;
    const char *role;
    const char *ttl;
    struct person_input fields;
    char **arguments; /* behind the command */
    int argument_count;
};

/* What every command is given. */
struct context {
    struct options options;
    struct config *config; /* NULL for commands that do without */
    struct services services;
};

struct command {
    const char *name;
    const char *usage; /* arguments and options */
    const char *summary;
    int minimum_arguments, maximum_arguments;
    bool needs_config;
    int (*run)(struct context *context);
};

/* ---- saying it ----------------------------------------------------------------------------- */

static int report_failure(const struct error *error)
{
    fprintf(stderr, "messagerie: %s\n", error_for_log(error));
    return EXIT_FAILED;
}

static int print_line(const char *text)
{
    return printf("%s\n", text) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;
}

static int print_text(struct buffer *buffer)
{
    const char *text = buffer_text(buffer);
    struct error error;

    if (text == NULL) {
        error_out_of_memory(&error);
        return report_failure(&error);
    }
    return print_line(text);
}

/* ---- the database -------------------------------------------------------------------------- */

static struct database *open_database(const struct context *context, struct error *error)
{
    const struct database_options options = database_options_from(context->config);

    return database_create(&options, &context->services, error);
}

/* Runs one query and ends the database. */
static bool read_database(const struct context *context, struct database_query query,
                          struct error *error)
{
    struct database *database = open_database(context, error);
    bool succeeded = database != NULL && database_read(database, query, error);

    database_free(database);
    return succeeded;
}

static bool write_database(const struct context *context, struct database_operation operation,
                           struct error *error)
{
    struct database *database = open_database(context, error);
    bool succeeded = database != NULL && database_write(database, operation, error);

    database_free(database);
    return succeeded;
}

/* ---- commands ------------------------------------------------------------------------------ */

static int run_migrate(struct context *context)
{
    struct error error;

    error_clear(&error);
    struct database *database = open_database(context, &error);
    if (database == NULL)
        return report_failure(&error);
    bool succeeded = database_prepare(database, &error);
    database_free(database);
    if (!succeeded)
        return report_failure(&error);
    return printf("%s: schema version %lld\n", context->config->database_path,
                  (long long)database_newest_version()) < 0
               ? EXIT_FAILED
               : EXIT_DONE;
}

static void print_warning(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "messagerie: warning: %s\n", text);
}

/* Whether what the programs make of it can be made. */
static bool config_is_usable(const struct config *config, struct error *error)
{
    struct token_verifier *verifier = token_verifier_create(config, error);
    struct appointment_texts *texts =
        verifier != NULL ? appointment_texts_load(config->appointments_templates, error) : NULL;
    bool is_usable = texts != NULL && local_time_use_zone(config->appointments_time_zone, error);

    appointment_texts_free(texts);
    token_verifier_free(verifier);
    return is_usable;
}

static bool check_config(const char *path, struct error *error)
{
    struct config_origins *origins = calloc(1, sizeof(*origins));
    struct config *config = NULL, *shown = NULL;
    bool is_usable = false;

    if (origins == NULL) {
        error_out_of_memory(error);
        goto ended;
    }
    config = config_load(path, error);
    if (config == NULL || !config_is_usable(config, error))
        goto ended;
    shown = config_load_to_show(path, origins, error);
    if (shown == NULL)
        goto ended;
    const char *advice = config_advice(config);
    if (advice != NULL)
        print_warning(NULL, advice);
    config_check(config_path(path), config, origins, print_warning, NULL);
    is_usable = true;
ended:
    config_free(shown);
    config_free(config);
    free(origins);
    return is_usable;
}

static int run_check_config(struct context *context)
{
    const char *path = context->options.config_path;
    struct error error;

    if (context->options.sample) {
        config_write_sample(stdout);
        return fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;
    }
    error_clear(&error);
    if (!check_config(path, &error))
        return report_failure(&error);
    return printf("%s: ok\n", config_path(path)) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int print_config_value(struct context *context, const struct config_key *key, bool is_origin)
{
    struct config_origins *origins = calloc(1, sizeof(*origins));
    struct buffer value = BUFFER_EMPTY;
    struct error error;
    size_t count;

    error_clear(&error);
    if (origins == NULL)
        error_out_of_memory(&error);
    else
        context->config = config_load_to_show(context->options.config_path, origins, &error);
    int status = EXIT_FAILED;
    if (context->config == NULL) {
        report_failure(&error);
    } else if (is_origin) {
        status = print_line(origins->texts[key - config_keys(&count)]);
    } else {
        config_append_value(context->config, key, &value);
        status = print_text(&value);
    }
    buffer_free(&value);
    free(origins);
    return status;
}

/* Without the last check of config_load, so that it can be asked what is missing. */
static int run_config(struct context *context)
{
    const char *action = context->options.arguments[0];
    const char *name = context->options.arguments[1];
    const struct config_key *key = config_find_key(name);
    bool is_origin = strcmp(action, "origin") == 0;

    if (!is_origin && strcmp(action, "get") != 0) {
        fprintf(stderr, "messagerie: config: expected `get` or `origin`, and a KEY\n");
        return EXIT_USAGE;
    }
    if (key == NULL) {
        char nearest[CONFIG_KEY_NAME_BYTES];
        config_key_name(config_nearest_key(name), nearest);
        fprintf(stderr, "messagerie: unknown key \"%s\"; did you mean \"%s\"?\n", name, nearest);
        return EXIT_USAGE;
    }
    return print_config_value(context, key, is_origin);
}

/* One line of `user list` without --json. */
static void print_person(struct json_object *person)
{
    static const char *const keys[] = {"role", "salonName", "firstName", "lastName", "email"};

    printf("%s", json_text(json_get(person, "id")));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *text = json_text(json_get(person, keys[i]));
        printf("\t%s", text != NULL ? text : "");
    }
    printf("\n");
}

/* Shows a person, or an array of them, as it is or in lines. */
static int print_people(const struct context *context, struct buffer *json)
{
    struct error error;

    if (context->options.json)
        return print_text(json);
    error_clear(&error);
    struct json_object *tree = json_read_own(json->data, json->length, &error);
    if (tree == NULL)
        return report_failure(&error);
    if (json_object_is_type(tree, json_type_array))
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            print_person(json_object_array_get_idx(tree, i));
    else
        print_person(tree);
    json_object_put(tree);
    return fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;
}

static int show_person(struct context *context, const char *user_id)
{
    struct buffer json = BUFFER_EMPTY;
    struct person_find request = {.user_id = user_id, .json = &json};
    struct error error;

    error_clear(&error);
    int status = read_database(context, person_find(&request), &error)
                     ? print_people(context, &json)
                     : report_failure(&error);
    buffer_free(&json);
    return status;
}

/* The options as the body of PUT /messaging/users/:id, so that the same rules hold; NULL with
 * *error. To be freed with json_object_put. */
static struct json_object *person_body(const struct options *options, struct error *error)
{
    const struct person_input *fields = &options->fields;
    const char *const members[][2] = {
        {"role", options->role},         {"firstName", fields->first_name},
        {"lastName", fields->last_name}, {"salonName", fields->salon_name},
        {"image", fields->image},        {"email", fields->email},
    };
    struct json_object *body = json_object_new_object();

    error_unavailable(error, "an option is not valid UTF-8, or there is no memory");
    for (size_t i = 0; body != NULL && i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i][1] == NULL)
            continue;
        struct json_object *text = utf8_is_valid(members[i][1], strlen(members[i][1]))
                                       ? json_object_new_string(members[i][1])
                                       : NULL;
        if (text == NULL || json_object_object_add(body, members[i][0], text) != 0) {
            json_object_put(body);
            body = NULL;
        }
    }
    return body;
}

static int store_person(struct context *context, const struct person_input *fields,
                        const char *user_id)
{
    struct person_set request = {.user_id = user_id, .fields = *fields};
    struct error error;

    error_clear(&error);
    if (!foreign_id_is_valid(user_id)) {
        error_set(&error, ERROR_INVALID, "a user id has 1 to %d bytes and no control characters",
                  FOREIGN_ID_MAX_BYTES);
        return report_failure(&error);
    }
    if (!write_database(context, person_set(&request), &error))
        return report_failure(&error);
    return show_person(context, user_id);
}

static int set_person(struct context *context, const char *user_id)
{
    struct person_input fields;
    struct error error;
    struct json_object *body = person_body(&context->options, &error);

    int status = body != NULL && person_input_read(body, false, &fields, &error)
                     ? store_person(context, &fields, user_id)
                     : report_failure(&error);
    json_object_put(body);
    return status;
}

static int list_people(struct context *context)
{
    struct buffer json = BUFFER_EMPTY;
    struct person_list request = {.json = &json};
    struct error error;

    error_clear(&error);
    int status = read_database(context, person_list(&request), &error)
                     ? print_people(context, &json)
                     : report_failure(&error);
    buffer_free(&json);
    return status;
}

static int erase_person(struct context *context, const char *user_id)
{
    struct person_erase request = {.user_id = user_id};
    struct error error;

    error_clear(&error);
    if (!write_database(context, person_erase(&request), &error))
        return report_failure(&error);
    return printf("%s: erased, in %lld conversations\n", user_id,
                  (long long)request.conversations) < 0
               ? EXIT_FAILED
               : EXIT_DONE;
}

static int export_person(struct context *context, const char *user_id)
{
    struct buffer json = BUFFER_EMPTY;
    struct person_export request = {.user_id = user_id, .json = &json};
    struct error error;

    error_clear(&error);
    int status = read_database(context, person_export(&request), &error) ? print_text(&json)
                                                                         : report_failure(&error);
    buffer_free(&json);
    return status;
}

static int run_user(struct context *context)
{
    const char *action = context->options.arguments[0];
    bool has_id = context->options.argument_count == 2;

    if (strcmp(action, "list") == 0 && !has_id)
        return list_people(context);
    if (strcmp(action, "get") == 0 && has_id)
        return show_person(context, context->options.arguments[1]);
    if (strcmp(action, "set") == 0 && has_id)
        return set_person(context, context->options.arguments[1]);
    if (strcmp(action, "erase") == 0 && has_id)
        return erase_person(context, context->options.arguments[1]);
    if (strcmp(action, "export") == 0 && has_id)
        return export_person(context, context->options.arguments[1]);
    fprintf(stderr, "messagerie: user: expected `list`, or `set`, `get`, `erase` or `export` and an"
                    " ID\n");
    return EXIT_USAGE;
}

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

static int run_token(struct context *context)
{
    const char *user_id = context->options.arguments[0];
    const char *role = context->options.role != NULL ? context->options.role : "client";
    struct error error;
    int64_t ttl_s;

    error_clear(&error);
    if (!foreign_id_is_valid(user_id) || !read_ttl(context->options.ttl, &ttl_s)) {
        fprintf(stderr, "messagerie: token: the user id has 1 to %d bytes, --ttl 1 to %d seconds\n",
                FOREIGN_ID_MAX_BYTES, TOKEN_TTL_MAX_S);
        return EXIT_USAGE;
    }
    char *token = token_sign(context->config, user_id, role, clock_wall_ms(context->services.clock),
                             ttl_s, &error);
    if (token == NULL)
        return report_failure(&error);
    int status = print_line(token);
    free(token);
    return status;
}

struct figure {
    const char *json_key;
    const char *label;
    int64_t value;
};

static int print_figures(bool as_json, const struct figure *figures, size_t count)
{
    struct buffer json = BUFFER_EMPTY;
    struct json_writer writer;

    if (!as_json) {
        for (size_t i = 0; i < count; i++)
            printf("%-24s %lld\n", figures[i].label, (long long)figures[i].value);
        return fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;
    }
    json_writer_init(&writer, &json);
    json_begin_object(&writer);
    for (size_t i = 0; i < count; i++)
        json_member_integer(&writer, figures[i].json_key, figures[i].value);
    json_end_object(&writer);
    int status = print_text(&json);
    buffer_free(&json);
    return status;
}

static int run_stats(struct context *context)
{
    struct database_totals totals;
    struct error error;

    error_clear(&error);
    if (!read_database(context, database_totals(&totals), &error))
        return report_failure(&error);
    const struct figure figures[] = {
        {"schemaVersion", "schema version", totals.schema_version},
        {"users", "users", totals.users},
        {"conversations", "conversations", totals.conversations},
        {"messages", "messages", totals.messages},
        {"attachments", "attachments", totals.attachments},
        {"unread", "unread messages", totals.unread},
        {"outboxRows", "events in the outbox", totals.outbox_rows},
        {"outboxFirstSeq", "oldest event", totals.outbox_first_seq},
        {"outboxLastSeq", "newest event", totals.outbox_last_seq},
    };
    return print_figures(context->options.json, figures, sizeof(figures) / sizeof(figures[0]));
}

static int run_backup(struct context *context)
{
    struct error error;

    error_clear(&error);
    if (!database_backup(context->config->database_path, context->options.arguments[0], &error))
        return report_failure(&error);
    return printf("%s: backup of %s\n", context->options.arguments[0],
                  context->config->database_path) < 0
               ? EXIT_FAILED
               : EXIT_DONE;
}

static int print_findings(const struct context *context, struct buffer *findings)
{
    struct buffer json = BUFFER_EMPTY;
    struct json_writer writer;
    const char *text = buffer_text(findings);

    if (!context->options.json) {
        fputs(findings->length > 0 ? text : "ok\n", stdout);
        return fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;
    }
    json_writer_init(&writer, &json);
    json_begin_object(&writer);
    json_member_boolean(&writer, "ok", findings->length == 0);
    json_write_key(&writer, "findings");
    json_begin_array(&writer);
    char *position = NULL;
    char *line = findings->length > 0 ? strtok_r(findings->data, "\n", &position) : NULL;
    for (; line != NULL; line = strtok_r(NULL, "\n", &position))
        json_write_text(&writer, line);
    json_end_array(&writer);
    json_end_object(&writer);
    int status = print_text(&json);
    buffer_free(&json);
    return status;
}

static int run_verify(struct context *context)
{
    struct buffer findings = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    int status = EXIT_FAILED;
    if (!database_verify(context->options.arguments[0], &findings, &error))
        report_failure(&error);
    else
        status = print_findings(context, &findings) == EXIT_DONE && findings.length == 0
                     ? EXIT_DONE
                     : EXIT_FAILED;
    buffer_free(&findings);
    return status;
}

/* A process of its own kind, it loads its configuration itself, now and later. */
static int run_spool(struct context *context)
{
    const struct options *options = &context->options;
    struct error error;

    error_clear(&error);
    return spool_command_run(options->config_path, options->arguments[0], options->once, &error)
               ? EXIT_DONE
               : report_failure(&error);
}

/* The demo's people with their tokens, once the story has been played. */
static int print_demo(struct context *context, struct json_object *story)
{
    struct buffer json = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    int status = demo_write_people(story, context->config, clock_wall_ms(context->services.clock),
                                   &json, &error)
                     ? print_text(&json)
                     : report_failure(&error);
    buffer_free(&json);
    return status;
}

static int run_demo(struct context *context)
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
    int status = texts != NULL && write_database(context, demo_fill(&request), &error)
                     ? print_demo(context, request.story)
                     : report_failure(&error);
    appointment_texts_free(texts);
    json_object_put(request.story);
    return status;
}

/* ---- command line -------------------------------------------------------------------------- */

static const struct command commands[] = {
    {"migrate", "", "bring the database's schema up to date", 0, 0, true, run_migrate},
    {"check-config", "[--sample]",
     "check the configuration file; --sample prints one with every key and its default", 0, 0,
     false, run_check_config},
    {"config", "get KEY | origin KEY",
     "the value of a KEY such as broker.listen as the programs read it, secrets too; where it comes"
     " from: FILE:LINE, a variable, or \"default\"",
     2, 2, false, run_config},
    {"user",
     "set ID [--role R] [--first-name T] [--last-name T] [--salon-name T] [--image URL]"
     " [--email A] | get ID | list | erase ID | export ID",
     "the directory of people", 1, 2, true, run_user},
    {"token", "USER [--role R] [--ttl SECONDS]", "sign a token, for trying things out", 1, 1, true,
     run_token},
    {"stats", "", "how much there is", 0, 0, true, run_stats},
    {"backup", "FILE", "copy the database into FILE while it is in use", 1, 1, true, run_backup},
    {"spool", "DIR [--once]",
     "apply the appointments that the booking back-end leaves as files in DIR", 1, 1, false,
     run_spool},
    {"demo", "STORY ORIGIN",
     "play the file STORY into an empty database, as served at ORIGIN; prints its people with"
     " their tokens",
     2, 2, true, run_demo},
    {"verify", "FILE", "check a database file: integrity, references, counters", 1, 1, false,
     run_verify},
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
static bool take_option(int option, struct options *options, int *status)
{
    *status = EXIT_DONE;
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
        print_line("messagerie " PACKAGE_VERSION);
        return false;
    default:
        *status = EXIT_USAGE;
        return false;
    }
}

static bool read_options(int count, char **words, struct options *options, int *status)
{
    int option;

    while ((option = getopt_long(count, words, "", long_options, NULL)) != -1)
        if (!take_option(option, options, status))
            return false;
    options->arguments = words + optind;
    options->argument_count = count - optind;
    return true;
}

static const struct command *find_command(const struct options *options)
{
    const char *name = options->argument_count > 0 ? options->arguments[0] : "";

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    fprintf(stderr, "messagerie: unknown command `%s`; see --help\n", name);
    return NULL;
}

static int run_command(const struct command *command, struct context *context)
{
    struct error error;

    if (context->options.argument_count < command->minimum_arguments ||
        context->options.argument_count > command->maximum_arguments) {
        fprintf(stderr, "Usage: messagerie %s %s\n", command->name, command->usage);
        return EXIT_USAGE;
    }
    error_clear(&error);
    if (command->needs_config) {
        context->config = config_load(context->options.config_path, &error);
        if (context->config == NULL)
            return report_failure(&error);
    }
    int status = command->run(context);
    config_free(context->config);
    return status;
}

int main(int count, char **words)
{
    const struct log log = {.program = "messagerie",
                            .level = LOG_LEVEL_WARNING,
                            .descriptor = STDERR_FILENO,
                            .clock = &clock_system};
    struct id_source ids;
    struct context context = {
        .services = {.log = &log, .clock = &clock_system, .random = &random_system, .ids = &ids}};
    int status;

    id_source_init(&ids, &clock_system, &random_system);
    if (!read_options(count, words, &context.options, &status))
        return status;
    const struct command *command = find_command(&context.options);
    if (command == NULL)
        return EXIT_USAGE;
    context.options.arguments++;
    context.options.argument_count--;
    return run_command(command, &context);
}
