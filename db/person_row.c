#include "db/person_row.h"

struct statement *person_row_begin(struct connection *connection, const char *user_id)
{
    struct statement *statement = statement_begin(connection, SQL_PERSON_FIND);

    bind_text(statement, 1, user_id);
    return statement;
}

bool person_keep_names(struct transaction *transaction, const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_PERSON_NAMES_KEEP);

    bind_text(statement, 1, user_id);
    return statement_run(statement, error);
}

/* SQL_PERSON_INSERT and SQL_PERSON_UPDATE take the same parameters. */
static bool store_row(struct transaction *transaction, enum sql_id id, const struct person_row *row,
                      struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, id);
    for (int field = 0; field < PERSON_FIELD_COUNT; field++)
        bind_text(statement, field + 1, row->fields[field]);
    bind_integer(statement, PERSON_FIELD_COUNT + 1, row->booked_fields);
    bind_integer(statement, PERSON_FIELD_COUNT + 2, row->claims_issued_at);
    bind_integer(statement, PERSON_FIELD_COUNT + 3, transaction->now_ms);
    bind_text(statement, PERSON_FIELD_COUNT + 4, row->user_id);
    return statement_run(statement, error);
}

bool person_row_insert(struct transaction *transaction, const struct person_row *row,
                       struct error *error)
{
    return store_row(transaction, SQL_PERSON_INSERT, row, error);
}

/* The names that it has are remembered before others take their place. */
bool person_row_update(struct transaction *transaction, const struct person_row *row,
                       struct error *error)
{
    transaction_erases(transaction);
    transaction_leaves_chore(transaction); /* its names leave the search index */
    return person_keep_names(transaction, row->user_id, error) &&
           store_row(transaction, SQL_PERSON_UPDATE, row, error);
}

/* ---- what others ask of a row -------------------------------------------------------------- */

bool person_role(struct connection *connection, const char *user_id, const char *missing,
                 char role[TOKEN_ROLE_BYTES], struct error *error)
{
    struct statement *statement = person_row_begin(connection, user_id);
    enum step step = statement_step(statement, error);
    bool found = step == STEP_ROW && column_is_null(statement, PERSON_ERASED_AT);

    if (found)
        column_copy(statement, PERSON_ROLE, role, TOKEN_ROLE_BYTES);
    statement_end(statement);
    if (!found && step != STEP_FAILED)
        error_set(error, ERROR_NOT_FOUND, "%s", missing);
    return found;
}

bool person_ensure(struct transaction *transaction, const char *user_id, const char *role,
                   struct error *error)
{
    const struct person_row row = {.user_id = user_id, .fields = {[PERSON_ROLE] = role}};
    bool exists;

    return statement_has_row(person_row_begin(transaction->connection, user_id), &exists, error) &&
           (exists || person_row_insert(transaction, &row, error));
}

bool person_append_name(struct connection *connection, const char *user_id, struct buffer *name,
                        struct error *error)
{
    struct statement *statement = person_row_begin(connection, user_id);
    enum step step = statement_step(statement, error);

    if (step == STEP_ROW && column_bytes(statement, PERSON_SALON_NAME) > 0) {
        buffer_append_text(name, column_text(statement, PERSON_SALON_NAME));
    } else if (step == STEP_ROW) {
        bool has_both = column_bytes(statement, PERSON_FIRST_NAME) > 0 &&
                        column_bytes(statement, PERSON_LAST_NAME) > 0;
        buffer_append(name, column_text(statement, PERSON_FIRST_NAME),
                      column_bytes(statement, PERSON_FIRST_NAME));
        buffer_append_text(name, has_both ? " " : "");
        buffer_append(name, column_text(statement, PERSON_LAST_NAME),
                      column_bytes(statement, PERSON_LAST_NAME));
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

bool person_append_first_name(struct connection *connection, const char *user_id,
                              struct buffer *name, struct error *error)
{
    struct statement *statement = person_row_begin(connection, user_id);
    enum step step = statement_step(statement, error);

    if (step == STEP_ROW)
        buffer_append(name, column_text(statement, PERSON_FIRST_NAME),
                      column_bytes(statement, PERSON_FIRST_NAME));
    statement_end(statement);
    return step != STEP_FAILED;
}

/* ---- counters ------------------------------------------------------------------------------ */

bool person_add_unread(struct transaction *transaction, const char *user_id, int64_t difference,
                       int64_t *total, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_PERSON_ADD_UNREAD);

    bind_integer(statement, 1, difference);
    bind_text(statement, 2, user_id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW && total != NULL)
        *total = column_integer(statement, 0);
    statement_end(statement);
    return step == STEP_ROW;
}

bool person_add_conversations(struct transaction *transaction, const char *user_id, int64_t active,
                              int64_t archived, struct error *error)
{
    struct statement *statement =
        statement_begin(transaction->connection, SQL_PERSON_ADD_CONVERSATIONS);

    bind_integer(statement, 1, active);
    bind_integer(statement, 2, archived);
    bind_text(statement, 3, user_id);
    return statement_run(statement, error);
}

bool person_totals(struct connection *connection, const char *user_id, struct person_totals *totals,
                   struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PERSON_TOTALS);

    *totals = (struct person_totals){0};
    bind_text(statement, 1, user_id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW)
        *totals = (struct person_totals){.unread = column_integer(statement, 0),
                                         .active = column_integer(statement, 1),
                                         .archived = column_integer(statement, 2)};
    statement_end(statement);
    return step != STEP_FAILED;
}
