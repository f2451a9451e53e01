#include "db/maintenance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/schema.h"
#include "db/engine/statement.h"
#include "db/position.h"

/* SQL_VERIFY_HOLES multiplies by it. */
_Static_assert(POSITION_LEVELS == 3, "SQL_VERIFY_HOLES counts three levels");

/* How long a lock is waited for by the admin tool. */
#define MAINTENANCE_BUSY_TIMEOUT_MS 10000

bool database_totals_run(struct connection *connection, struct database_totals *totals,
                         struct error *error)
{
    if (!schema_version_read(connection, &totals->schema_version, error))
        return false;
    struct statement *statement = statement_begin(connection, SQL_TOTALS);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW) {
        totals->users = column_integer(statement, 0);
        totals->conversations = column_integer(statement, 1);
        totals->messages = column_integer(statement, 2);
        totals->attachments = column_integer(statement, 3);
        totals->unread = column_integer(statement, 4);
        totals->outbox_rows = column_integer(statement, 5);
        totals->outbox_first_seq = column_integer(statement, 6);
        totals->outbox_last_seq = column_integer(statement, 7);
    }
    statement_end(statement);
    return step == STEP_ROW;
}

static struct connection *open_file(const char *path, enum connection_mode mode,
                                    struct error *error)
{
    const struct connection_options options = {
        .path = path, .mode = mode, .busy_timeout_ms = MAINTENANCE_BUSY_TIMEOUT_MS};

    return connection_open(&options, error);
}

/* ---- backup -------------------------------------------------------------------------------- */

/* The file must exist, empty and private, before SQLite fills it. */
static bool make_target(const char *target, struct error *error)
{
    int descriptor = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (descriptor < 0)
        return error_unavailable(error, "%s: %s", target, strerror(errno));
    close(descriptor);
    return true;
}

static bool copy_into(struct connection *connection, const char *target, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_BACKUP);

    bind_text(statement, 1, target);
    return statement_run(statement, error);
}

static bool sync_file(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool succeeded = descriptor >= 0 && fsync(descriptor) == 0;

    if (!succeeded)
        error_unavailable(error, "%s: %s", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return succeeded;
}

bool database_backup(const char *path, const char *target, struct error *error)
{
    struct connection *connection = open_file(path, CONNECTION_WRITE, error);

    if (connection == NULL)
        return false;
    if (!make_target(target, error)) {
        connection_close(connection);
        return false;
    }
    bool succeeded = copy_into(connection, target, error) && sync_file(target, error);
    connection_close(connection);
    if (!succeeded)
        unlink(target);
    return succeeded;
}

/* ---- verify -------------------------------------------------------------------------------- */

struct check {
    enum sql_id id;
    const char *finding; /* what a row means; its first column follows */
};

static const struct check checks[] = {
    {SQL_VERIFY_INTEGRITY, "integrity"},
    {SQL_VERIFY_REFERENCES, "reference"},
    {SQL_VERIFY_UNREAD_TOTAL, "unread total is wrong for user"},
    {SQL_VERIFY_CONVERSATION_COUNTS, "number of conversations is wrong for user"},
    {SQL_VERIFY_UNREAD_COUNT, "unread count is wrong in conversation"},
    {SQL_VERIFY_UNREAD_FROM, "an unread message is before the first unread in conversation"},
    {SQL_VERIFY_PARTICIPANTS, "participants do not match conversation"},
    {SQL_VERIFY_MESSAGE_COUNT, "number of messages is wrong in conversation"},
    {SQL_VERIFY_HOLES, "deleted positions are wrong in conversation"},
    {SQL_VERIFY_ATTACHMENT_COUNT, "number of attachments is wrong in message"},
    {SQL_VERIFY_OUTBOX, "outbox has a gap after seq"},
};

static bool run_check(struct connection *connection, const struct check *check,
                      struct buffer *findings, struct error *error)
{
    struct statement *statement = statement_begin(connection, check->id);
    enum step step;

    while ((step = statement_step(statement, error)) == STEP_ROW)
        buffer_append_format(findings, "%s: %s\n", check->finding, column_text(statement, 0));
    statement_end(statement);
    return step == STEP_DONE;
}

static bool verify_connection(struct connection *connection, struct buffer *findings,
                              struct error *error)
{
    int64_t version;

    if (!connection_execute(connection, "BEGIN", error) ||
        !schema_version_read(connection, &version, error))
        return false;
    if (version != schema_version_newest) {
        buffer_append_format(findings, "schema version is %lld, not %lld\n", (long long)version,
                             (long long)schema_version_newest);
        return true;
    }
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (!run_check(connection, &checks[i], findings, error))
            return false;
    return true;
}

bool database_verify(const char *path, struct buffer *findings, struct error *error)
{
    struct connection *connection = open_file(path, CONNECTION_READ, error);

    if (connection == NULL)
        return false;
    bool succeeded = verify_connection(connection, findings, error);
    connection_close(connection);
    if (succeeded && findings->failed)
        return error_out_of_memory(error);
    return succeeded;
}
