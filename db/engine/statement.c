#include "db/engine/statement.h"

#include "common/assert.h"

/* What ends a transaction or goes back to a savepoint is all that may follow a failure; and what
 * begins one, on a connection whose last transaction has ended by itself. */
static bool takes_back(enum sql_id id)
{
    return id == SQL_ROLLBACK || id == SQL_SAVEPOINT_ROLLBACK || id == SQL_BEGIN_READ ||
           id == SQL_BEGIN_WRITE;
}

struct statement *statement_begin(struct connection *connection, enum sql_id id)
{
    struct statement *statement = connection->driver->prepare(connection, id);

    /* The same statement twice at once would share its parameters and rows. */
    ASSERT(!statement->is_begun);
    statement->is_begun = true;
    connection->begun_statements++;
    return statement;
}

/* Some databases refuse everything after a failure, SQLite does not: whoever goes on all the same
 * is found with either. */
static void prepare_for_failure(struct statement *statement)
{
    struct connection *connection = statement->connection;

    ASSERT(statement->is_begun);
    if (!connection->has_failed)
        return;
    ASSERT(takes_back(statement->id));
    connection->has_failed = false;
}

enum step statement_step(struct statement *statement, struct error *error)
{
    prepare_for_failure(statement);
    enum step step = statement->driver->step(statement, error);
    if (step == STEP_FAILED)
        statement->connection->has_failed = true;
    return step;
}

void statement_end(struct statement *statement)
{
    ASSERT(statement->is_begun);
    statement->driver->reset(statement);
    statement->is_begun = false;
    statement->connection->begun_statements--;
}

bool statement_run_counting(struct statement *statement, int64_t *changes, struct error *error)
{
    prepare_for_failure(statement);
    bool succeeded = statement->driver->run(statement, changes, error);
    if (!succeeded)
        statement->connection->has_failed = true;
    statement_end(statement);
    return succeeded;
}

bool statement_run(struct statement *statement, struct error *error)
{
    return statement_run_counting(statement, NULL, error);
}

bool statement_has_row(struct statement *statement, bool *has_row, struct error *error)
{
    enum step step = statement_step(statement, error);

    *has_row = step == STEP_ROW;
    statement_end(statement);
    return step != STEP_FAILED;
}

bool statement_read_number(struct statement *statement, int64_t absent, int64_t *number,
                           struct error *error)
{
    enum step step = statement_step(statement, error);

    *number = step == STEP_ROW ? column_integer(statement, 0) : absent;
    statement_end(statement);
    return step != STEP_FAILED;
}

bool statement_append_texts(struct statement *statement, const char *prefix, struct buffer *texts,
                            struct error *error)
{
    enum step step;

    while ((step = statement_step(statement, error)) == STEP_ROW) {
        buffer_append_text(texts, prefix);
        buffer_append(texts, column_text(statement, 0), column_bytes(statement, 0) + 1);
    }
    statement_end(statement);
    return step == STEP_DONE && (!texts->failed || error_out_of_memory(error));
}

bool connection_run(struct connection *connection, enum sql_id id, struct error *error)
{
    return statement_run(statement_begin(connection, id), error);
}

/* One that cannot be ended by us has ended, or ends with the connection. */
void connection_roll_back(struct connection *connection)
{
    struct error ignored;

    error_clear(&ignored);
    if (connection->driver->is_in_transaction(connection))
        connection_run(connection, SQL_ROLLBACK, &ignored);
    connection->has_failed = false;
}

void connection_require_sync(struct connection *connection)
{
    connection->requires_sync = true;
}

bool connection_takes_sync(struct connection *connection)
{
    bool is_required = connection->requires_sync;

    connection->requires_sync = false;
    return is_required;
}

void column_copy(struct statement *statement, int column, char *out, size_t size)
{
    const char *text = column_text(statement, column);
    size_t length = text != NULL ? column_bytes(statement, column) : 0;

    if (length > size - 1)
        length = size - 1;
    if (length > 0)
        memcpy(out, text, length);
    out[length] = '\0';
}
