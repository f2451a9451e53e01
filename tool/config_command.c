#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/local_time.h"
#include "common/token.h"
#include "db/appointment.h"
#include "jobs/mail_settings.h"
#include "jobs/mail_texts.h"
#include "tool/command.h"
#include "tool/config_check.h"

static void print_warning(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "messagerie: warning: %s\n", text);
}

/* Whether mails can be built as it says; nothing is sent. */
static bool mail_is_usable(const struct config *config, struct error *error)
{
    struct mail_settings settings;
    bool is_usable = mail_settings_load(&settings, config, error);
    struct mail_texts *texts = is_usable ? mail_texts_load(config->mail_templates, error) : NULL;

    mail_texts_free(texts);
    mail_settings_clear(&settings);
    return texts != NULL;
}

/* Whether what the programs make of it can be made. */
static bool config_is_usable(const struct config *config, struct error *error)
{
    struct token_verifier *verifier = token_verifier_create(config, error);
    struct appointment_texts *texts =
        verifier != NULL ? appointment_texts_load(config->appointments_templates, error) : NULL;
    bool is_usable = texts != NULL && local_time_use_zone(config->appointments_time_zone, error) &&
                     mail_is_usable(config, error);

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

int command_check_config(struct command_context *context)
{
    const char *path = context->options.config_path;
    struct error error;

    if (context->options.sample) {
        config_write_sample(stdout);
        return fflush(stdout) != 0 ? COMMAND_FAILED : COMMAND_DONE;
    }
    error_clear(&error);
    if (!check_config(path, &error))
        return command_report_failure(&error);
    return printf("%s: ok\n", config_path(path)) < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

static int print_config_value(struct command_context *context, const struct config_key *key,
                              bool is_origin)
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
    int status = COMMAND_FAILED;
    if (context->config == NULL) {
        command_report_failure(&error);
    } else if (is_origin) {
        status = command_print_line(origins->texts[key - config_keys(&count)]);
    } else {
        config_append_value(context->config, key, &value);
        status = command_print_text(&value);
    }
    buffer_free(&value);
    free(origins);
    return status;
}

/* Without the last check of config_load, so that it can be asked what is missing. */
int command_config(struct command_context *context)
{
    const char *action = context->options.arguments[0];
    const char *name = context->options.arguments[1];
    const struct config_key *key = config_find_key(name);
    bool is_origin = strcmp(action, "origin") == 0;

    if (!is_origin && strcmp(action, "get") != 0) {
        fprintf(stderr, "messagerie: config: expected `get` or `origin`, and a KEY\n");
        return COMMAND_WRONG_USAGE;
    }
    if (key == NULL) {
        char nearest[CONFIG_KEY_NAME_BYTES];
        config_key_name(config_nearest_key(name), nearest);
        fprintf(stderr, "messagerie: unknown key \"%s\"; did you mean \"%s\"?\n", name, nearest);
        return COMMAND_WRONG_USAGE;
    }
    return print_config_value(context, key, is_origin);
}
