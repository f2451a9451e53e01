#include "db/sqlite/integrity.h"

#include "db/engine/statement.h"

static bool check_with(struct connection *connection, enum sql_id id, const char *what,
                       struct buffer *findings, struct error *error)
{
    struct statement *statement = statement_begin(connection, id);
    enum step step;

    while ((step = statement_step(statement, error)) == STEP_ROW)
        buffer_append_format(findings, "%s: %s\n", what, column_text(statement, 0));
    statement_end(statement);
    return step == STEP_DONE;
}

bool sqlite_check(struct connection *connection, struct buffer *findings, struct error *error)
{
    return check_with(connection, SQL_VERIFY_INTEGRITY, "integrity", findings, error) &&
           check_with(connection, SQL_VERIFY_REFERENCES, "reference", findings, error);
}
