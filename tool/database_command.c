#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/json_writer.h"
#include "db/database.h"
#include "db/deletion.h"
#include "db/maintenance.h"
#include "tool/command.h"

int command_migrate(struct command_context *context)
{
    struct error error;

    error_clear(&error);
    struct database *database = command_open_database(context, &error);
    if (database == NULL)
        return command_report_failure(&error);
    bool succeeded = database_prepare(database, &error);
    database_free(database);
    if (!succeeded)
        return command_report_failure(&error);
    return printf("%s: schema version %lld\n", context->config->database_path,
                  (long long)database_newest_version()) < 0
               ? COMMAND_FAILED
               : COMMAND_DONE;
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
        return fflush(stdout) != 0 ? COMMAND_FAILED : COMMAND_DONE;
    }
    json_writer_init(&writer, &json);
    json_begin_object(&writer);
    for (size_t i = 0; i < count; i++)
        json_member_integer(&writer, figures[i].json_key, figures[i].value);
    json_end_object(&writer);
    int status = command_print_text(&json);
    buffer_free(&json);
    return status;
}

int command_stats(struct command_context *context)
{
    struct database_totals totals;
    struct error error;

    error_clear(&error);
    if (!command_read_database(context, database_totals(&totals), &error))
        return command_report_failure(&error);
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

/* Slice by slice, so that the programs write in between. */
static bool do_all_chores(const struct command_context *context, int64_t *slices,
                          struct error *error)
{
    struct deletion_slice slice = {.has_more = true};
    struct database *database = command_open_database(context, error);
    bool succeeded = database != NULL;

    *slices = 0;
    while (succeeded && slice.has_more) {
        succeeded = database_write(database, deletion_slice(&slice), error);
        *slices += succeeded && slice.has_more ? 1 : 0;
    }
    database_free(database);
    return succeeded;
}

int command_maintain(struct command_context *context)
{
    struct error error;
    int64_t slices;

    error_clear(&error);
    if (!do_all_chores(context, &slices, &error))
        return command_report_failure(&error);
    return printf("%s: nothing left to do, after %lld slices\n", context->config->database_path,
                  (long long)slices) < 0
               ? COMMAND_FAILED
               : COMMAND_DONE;
}

/* What was deleted before is not in it. */
int command_backup(struct command_context *context)
{
    const char *path = context->config->database_path;
    struct error error;
    bool has_chores;
    int64_t slices;

    error_clear(&error);
    if (!database_has_chores(path, &has_chores, &error) ||
        (has_chores && !do_all_chores(context, &slices, &error)) ||
        !database_backup(path, context->options.arguments[0], &error))
        return command_report_failure(&error);
    return printf("%s: backup of %s\n", context->options.arguments[0],
                  context->config->database_path) < 0
               ? COMMAND_FAILED
               : COMMAND_DONE;
}

int command_restore(struct command_context *context)
{
    const char *path = context->config->database_path;
    struct error error;

    error_clear(&error);
    if (!database_restore(path, context->options.arguments[0], &error))
        return command_report_failure(&error);
    return printf("%s: restored from %s; what was there is %s.before-restore\n", path,
                  context->options.arguments[0], path) < 0
               ? COMMAND_FAILED
               : COMMAND_DONE;
}

static int print_findings(const struct command_context *context, struct buffer *findings)
{
    struct buffer json = BUFFER_EMPTY;
    struct json_writer writer;
    const char *text = buffer_text(findings);

    if (!context->options.json) {
        fputs(findings->length > 0 ? text : "ok\n", stdout);
        return fflush(stdout) != 0 ? COMMAND_FAILED : COMMAND_DONE;
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
    int status = command_print_text(&json);
    buffer_free(&json);
    return status;
}

int command_verify(struct command_context *context)
{
    struct buffer findings = BUFFER_EMPTY;
    struct error error;

    error_clear(&error);
    int status = COMMAND_FAILED;
    if (!database_verify(context->options.arguments[0], &findings, &error))
        command_report_failure(&error);
    else
        status = print_findings(context, &findings) == COMMAND_DONE && findings.length == 0
                     ? COMMAND_DONE
                     : COMMAND_FAILED;
    buffer_free(&findings);
    return status;
}
