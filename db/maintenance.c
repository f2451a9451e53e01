#include "db/maintenance.h"

#include "db/database_driver.h"
#include "db/engine/migration.h"
#include "db/engine/schema.h"
#include "db/engine/statement.h"

/* How long a lock is waited for by the admin tool. */
#define MAINTENANCE_BUSY_TIMEOUT_MS 10000

bool database_totals_run(struct connection *connection, struct database_totals *totals,
                         struct error *error)
{
    if (!migration_read_version(connection, &totals->schema_version, error))
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

int64_t database_newest_version(void)
{
    return schema_version_newest;
}

static bool read_chores(struct connection *connection, bool *has_chores, struct error *error)
{
    int64_t version;

    *has_chores = false;
    if (!connection_run(connection, SQL_BEGIN_READ, error) ||
        !migration_read_version(connection, &version, error))
        return false;
    if (version != schema_version_newest)
        return true;
    /* What is pending for the index alone is nothing that a copy must not have. */
    static const enum sql_id chores[] = {SQL_DELETION_NEXT, SQL_ERASURE_NEXT,
                                         SQL_SEARCH_RENAMED_NEXT, SQL_SEARCH_STALE_FIRST};
    for (size_t i = 0; !*has_chores && i < sizeof(chores) / sizeof(chores[0]); i++)
        if (!statement_has_row(statement_begin(connection, chores[i]), has_chores, error))
            return false;
    return true;
}

bool database_has_chores(const char *path, bool *has_chores, struct error *error)
{
    const struct store_options options = {.path = path,
                                          .busy_timeout_ms = MAINTENANCE_BUSY_TIMEOUT_MS};
    struct connection *connection = database_driver()->open_alone(&options, error);

    if (connection == NULL)
        return false;
    bool succeeded = read_chores(connection, has_chores, error);
    connection->driver->close(connection);
    return succeeded;
}

bool database_backup(const char *path, const char *target, struct error *error)
{
    const struct store_options options = {.path = path,
                                          .busy_timeout_ms = MAINTENANCE_BUSY_TIMEOUT_MS};

    return database_driver()->backup(&options, target, error);
}

bool database_restore(const char *path, const char *source, struct error *error)
{
    const struct store_options options = {.path = path,
                                          .busy_timeout_ms = MAINTENANCE_BUSY_TIMEOUT_MS};

    return database_driver()->restore(&options, source, error);
}

/* ---- verify -------------------------------------------------------------------------------- */

struct check {
    enum sql_id id;
    const char *finding; /* what a row means; its first column follows */
};

static const struct check checks[] = {
    {SQL_VERIFY_UNREAD_TOTAL, "unread total is wrong for user"},
    {SQL_VERIFY_CONVERSATION_COUNTS, "number of conversations is wrong for user"},
    {SQL_VERIFY_UNREAD_COUNT, "unread count is wrong in conversation"},
    {SQL_VERIFY_UNREAD_FROM, "an unread message is before the first unread in conversation"},
    {SQL_VERIFY_PARTICIPANTS, "participants do not match conversation"},
    {SQL_VERIFY_ORDER, "order in the list is not that of its last message for conversation"},
    {SQL_VERIFY_MESSAGE_COUNT, "number of messages is wrong in conversation"},
    {SQL_VERIFY_HOLES, "deleted positions are wrong in conversation"},
    {SQL_VERIFY_ATTACHMENT_COUNT, "number of attachments is wrong in message"},
    {SQL_VERIFY_OUTBOX, "outbox has a gap after seq"},
    {SQL_VERIFY_SEARCH_SEGMENT, "number of documents is wrong in search segment"},
    {SQL_VERIFY_SEARCH_TOTAL, "messages less documents of the search index are"},
};

/* Recounts, and no repairs: a counter that is wrong is a fault of ours, which repairing would hide.
 */
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

    if (!connection_run(connection, SQL_BEGIN_READ, error) ||
        !migration_read_version(connection, &version, error))
        return false;
    if (version != schema_version_newest) {
        buffer_append_format(findings, "schema version is %lld, not %lld\n", (long long)version,
                             (long long)schema_version_newest);
        return true;
    }
    if (!connection->driver->check(connection, findings, error))
        return false;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (!run_check(connection, &checks[i], findings, error))
            return false;
    return true;
}

bool database_verify(const char *path, struct buffer *findings, struct error *error)
{
    const struct store_options options = {.path = path,
                                          .busy_timeout_ms = MAINTENANCE_BUSY_TIMEOUT_MS};
    struct connection *connection = database_driver()->open_alone(&options, error);

    if (connection == NULL)
        return false;
    bool succeeded = verify_connection(connection, findings, error);
    connection->driver->close(connection);
    if (succeeded && findings->failed)
        return error_out_of_memory(error);
    return succeeded;
}
