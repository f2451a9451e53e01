#include "tool/command.h"

#include <stdio.h>

#include "common/config.h"
#include "db/database.h"

int command_report_failure(const struct error *error)
{
    fprintf(stderr, "messagerie: %s\n", error_for_log(error));
    return COMMAND_FAILED;
}

int command_print_line(const char *text)
{
    return printf("%s\n", text) < 0 || fflush(stdout) != 0 ? COMMAND_FAILED : COMMAND_DONE;
}

int command_print_text(struct buffer *buffer)
{
    const char *text = buffer_text(buffer);
    struct error error;

    if (text == NULL) {
        error_out_of_memory(&error);
        return command_report_failure(&error);
    }
    return command_print_line(text);
}

/* ---- the database -------------------------------------------------------------------------- */

struct database *command_open_database(const struct command_context *context, struct error *error)
{
    const struct database_options options = database_options_from(context->config);

    return database_create(&options, &context->services, error);
}

/* Runs one query and ends the database. */
bool command_read_database(const struct command_context *context, struct database_query query,
                           struct error *error)
{
    struct database *database = command_open_database(context, error);
    bool succeeded = database != NULL && database_read(database, query, error);

    database_free(database);
    return succeeded;
}

bool command_write_database(const struct command_context *context,
                            struct database_operation operation, struct error *error)
{
    struct database *database = command_open_database(context, error);
    bool succeeded = database != NULL && database_write(database, operation, error);

    database_free(database);
    return succeeded;
}
