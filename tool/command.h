/*
 * What the commands of the administration tool share: what the command line says, how something is
 * said, and the database for one query or operation. A command is a function of a context that
 * gives the program's exit status; those with more than a few lines stand in a file of their own.
 * One thread.
 */
#ifndef MESSAGERIE_TOOL_COMMAND_H
#define MESSAGERIE_TOOL_COMMAND_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/services.h"
#include "db/database.h"
#include "db/input.h"

/* Exit statuses of the program. */
enum { COMMAND_DONE = 0, COMMAND_FAILED = 1, COMMAND_WRONG_USAGE = 2 };

/* What the command line says. */
struct command_options {
    const char *config_path; /* NULL: as config_path() finds it */
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
struct command_context {
    struct command_options options;
    struct config *config; /* NULL for commands that do without */
    struct services services;
};

/* ---- saying it; each returns the exit status ------------------------------------------------ */

/* On standard error, with error.detail if there is one. */
int command_report_failure(const struct error *error);

int command_print_line(const char *text);

/* Also COMMAND_FAILED when the buffer had no memory. */
int command_print_text(struct buffer *buffer);

/* ---- the database that the configuration names ----------------------------------------------- */

/* To be ended with database_free; NULL with *error. */
struct database *command_open_database(const struct command_context *context, struct error *error);

/* Runs one query, or operation, and ends the database; false with *error. */
bool command_read_database(const struct command_context *context, struct database_query query,
                           struct error *error);
bool command_write_database(const struct command_context *context,
                            struct database_operation operation, struct error *error);

/* ---- the commands with files of their own -----------------------------------------------------
 */

/* config_command.c: `check-config`, and `config get KEY`, `config origin KEY`. */
int command_check_config(struct command_context *context);
int command_config(struct command_context *context);

/* person_command.c: `user …`. */
int command_user(struct command_context *context);

/* mail_command.c: `mail …`. */
int command_mail(struct command_context *context);

/* database_command.c. */
int command_migrate(struct command_context *context);
int command_stats(struct command_context *context);
int command_maintain(struct command_context *context);
int command_restore(struct command_context *context);
int command_backup(struct command_context *context);
int command_verify(struct command_context *context);

#endif
