#include "db/sqlite/statement.h"

#include "common/assert.h"
#include "db/sqlite/connection.h"

static struct sqlite_statement *statement_of(struct statement *statement)
{
    return CONTAINER_OF(statement, struct sqlite_statement, base);
}

static sqlite3_stmt *handle_of(struct statement *statement)
{
    return statement_of(statement)->handle;
}

struct statement *sqlite_statement_prepare(struct connection *connection, enum sql_id id)
{
    struct sqlite_connection *owner = sqlite_connection_of(connection);
    struct sqlite_statement *statement = &owner->statements[id];

    /* When it is first used, not when the connection is opened: a program uses a part of all
     * statements, and before the first migration there are no tables. */
    if (statement->handle == NULL)
        sqlite3_prepare_v3(owner->handle, sql_text(id, SQL_DIALECT_SQLITE), -1,
                           SQLITE_PREPARE_PERSISTENT, &statement->handle, NULL);
    return &statement->base;
}

/* Binding to a NULL handle, of what could not be prepared, is SQLite's SQLITE_MISUSE and harmless:
 * the step reports it. */
void sqlite_statement_bind_text(struct statement *statement, int parameter, const char *text,
                                size_t length)
{
    /* Static: SQLite copies nothing, as reset comes before the text goes. */
    sqlite3_bind_text64(handle_of(statement), parameter, text, length, SQLITE_STATIC, SQLITE_UTF8);
}

void sqlite_statement_bind_integer(struct statement *statement, int parameter, int64_t number)
{
    sqlite3_bind_int64(handle_of(statement), parameter, number);
}

static enum step fail_step(struct statement *statement, struct error *error)
{
    struct sqlite_connection *connection = sqlite_connection_of(statement->connection);

    if ((sqlite3_extended_errcode(connection->handle) & 0xff) == SQLITE_CONSTRAINT)
        error_internal(error, "constraint violated in %s", sql_name(statement->id));
    else
        sqlite_connection_fail(connection, sql_name(statement->id), error);
    return STEP_FAILED;
}

enum step sqlite_statement_step(struct statement *statement, struct error *error)
{
    sqlite3_stmt *handle = handle_of(statement);

    if (handle == NULL)
        return fail_step(statement, error);
    switch (sqlite3_step(handle)) {
    case SQLITE_ROW:
        return STEP_ROW;
    case SQLITE_DONE:
        return STEP_DONE;
    default:
        return fail_step(statement, error);
    }
}

bool sqlite_statement_run(struct statement *statement, int64_t *changes, struct error *error)
{
    enum step step = sqlite_statement_step(statement, error);

    ASSERT(step != STEP_ROW);
    if (changes != NULL)
        *changes = sqlite3_changes64(sqlite_connection_of(statement->connection)->handle);
    return step == STEP_DONE;
}

void sqlite_statement_reset(struct statement *statement)
{
    sqlite3_stmt *handle = handle_of(statement);

    if (handle == NULL)
        return;
    sqlite3_reset(handle);
    /* The texts go now; a parameter that is not bound next time must not be one of them. */
    sqlite3_clear_bindings(handle);
}

const char *sqlite_statement_text(struct statement *statement, int column)
{
    return (const char *)sqlite3_column_text(handle_of(statement), column);
}

size_t sqlite_statement_bytes(struct statement *statement, int column)
{
    return (size_t)sqlite3_column_bytes(handle_of(statement), column);
}

int64_t sqlite_statement_integer(struct statement *statement, int column)
{
    return sqlite3_column_int64(handle_of(statement), column);
}

bool sqlite_statement_is_null(struct statement *statement, int column)
{
    return sqlite3_column_type(handle_of(statement), column) == SQLITE_NULL;
}
