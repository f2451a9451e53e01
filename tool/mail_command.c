/* `messagerie mail test ADDRESS`: sends one mail now, and says what the server said. */
#include <stdio.h>
#include <string.h>

#include "jobs/mail_message.h"
#include "jobs/mail_transport.h"
#include "tool/command.h"

static int print_result(const struct mail_result *result)
{
    FILE *out = result->outcome == MAIL_SENT ? stdout : stderr;

    if (out == stderr)
        fprintf(out, "messagerie: ");
    fprintf(out, "%s", mail_outcome_name(result->outcome));
    if (result->code != 0)
        fprintf(out, " %d", result->code);
    fprintf(out, "%s%s\n", result->reply[0] != '\0' ? ": " : "", result->reply);
    return result->outcome == MAIL_SENT && fflush(out) == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

/* Once the mail is there. */
static int send_mail(struct command_context *context, const struct mail_settings *settings,
                     const struct mail *mail)
{
    struct mail_result result;
    struct error error;

    error_clear(&error);
    struct mail_transport *transport =
        mail_transport_create(settings, context->services.clock, &error);
    if (transport == NULL)
        return command_report_failure(&error);
    mail_transport_send(transport, mail, &result);
    mail_transport_free(transport);
    return print_result(&result);
}

static int send_test(struct command_context *context, const struct mail_settings *settings,
                     const char *address)
{
    char id[ID_BYTES];
    struct mail mail = {0};
    struct error error;

    error_clear(&error);
    if (settings->transport == MAIL_TRANSPORT_NONE)
        error_set(&error, ERROR_INVALID, "url in [mail] is missing: no mail is sent");
    id_make(context->services.ids, id);
    int status =
        settings->transport != MAIL_TRANSPORT_NONE &&
                mail_message_build_test(settings, id, clock_wall_ms(context->services.clock),
                                        address, &mail, &error)
            ? send_mail(context, settings, &mail)
            : command_report_failure(&error);
    mail_free(&mail);
    return status;
}

int command_mail(struct command_context *context)
{
    struct mail_settings settings;
    struct error error;

    if (strcmp(context->options.arguments[0], "test") != 0) {
        fprintf(stderr, "messagerie: mail: expected `test`, and an ADDRESS\n");
        return COMMAND_WRONG_USAGE;
    }
    error_clear(&error);
    if (!mail_start()) {
        error_out_of_memory(&error);
        return command_report_failure(&error);
    }
    int status = mail_settings_load(&settings, context->config, &error)
                     ? send_test(context, &settings, context->options.arguments[1])
                     : command_report_failure(&error);
    mail_settings_clear(&settings);
    mail_stop();
    return status;
}
