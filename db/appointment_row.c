#include "db/appointment_row.h"

static void read_row(struct statement *statement, struct appointment *row)
{
    column_copy(statement, 0, row->salon_id, sizeof(row->salon_id));
    column_copy(statement, 1, row->client_user_id, sizeof(row->client_user_id));
    column_copy(statement, 2, row->conversation_id, sizeof(row->conversation_id));
    column_copy(statement, 3, row->prestation, sizeof(row->prestation));
    row->start_ms = column_integer(statement, 4);
    row->status = APPOINTMENT_CONFIRMED;
    if (!column_is_null(statement, 5))
        appointment_status_parse(column_text(statement, 5), &row->status);
    row->version = column_is_null(statement, 6) ? -1 : column_integer(statement, 6);
}

bool appointment_row_find(struct connection *connection, const char *id, struct appointment *row,
                          bool *found, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_APPOINTMENT_FIND);

    *row = (struct appointment){.id = id};
    bind_text(statement, 1, id);
    enum step step = statement_step(statement, error);
    *found = step == STEP_ROW;
    if (*found)
        read_row(statement, row);
    statement_end(statement);
    return step != STEP_FAILED;
}

/* SQL_APPOINTMENT_INSERT and SQL_APPOINTMENT_UPDATE share their first parameters. */
static struct statement *begin_store(struct transaction *transaction, enum sql_id id,
                                     const struct appointment *row)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_integer(statement, 1, row->start_ms);
    bind_text(statement, 2, appointment_status_name(row->status));
    if (row->version >= 0)
        bind_integer(statement, 3, row->version);
    else
        bind_null(statement, 3);
    bind_integer(statement, 4, transaction->now_ms);
    bind_text(statement, 5, row->prestation);
    bind_text(statement, 6, row->id);
    return statement;
}

bool appointment_row_insert(struct transaction *transaction, const struct appointment *row,
                            struct error *error)
{
    struct statement *statement = begin_store(transaction, SQL_APPOINTMENT_INSERT, row);

    bind_text(statement, 7, row->salon_id);
    bind_text(statement, 8, row->client_user_id);
    bind_integer(statement, 9, transaction->next_seq);
    return statement_run(statement, error);
}

bool appointment_row_update(struct transaction *transaction, const struct appointment *row,
                            struct error *error)
{
    return statement_run(begin_store(transaction, SQL_APPOINTMENT_UPDATE, row), error);
}

bool appointment_is_shared(struct connection *connection, const char *one, const char *other,
                           bool *share, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PEOPLE_SHARE_APPOINTMENT);

    bind_text(statement, 1, one);
    bind_text(statement, 2, other);
    return statement_has_row(statement, share, error);
}

bool appointment_is_of(struct connection *connection, const char *salon_id,
                       const char *client_user_id, bool *is_of, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_APPOINTMENT_OF_PEOPLE);

    bind_text(statement, 1, salon_id);
    bind_text(statement, 2, client_user_id);
    return statement_has_row(statement, is_of, error);
}
