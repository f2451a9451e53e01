#include "db/appointment_early.h"

/* Binds what SQL_EARLY_CHANGE_KNOWN and SQL_EARLY_CHANGE_INSERT have in common. */
static struct statement *begin_early(struct transaction *transaction, enum sql_id id,
                                     const char *appointment_id,
                                     const struct appointment_change_input *input)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_text(statement, 1, appointment_id);
    bind_integer(statement, 2, input->has_version ? input->version : -1);
    if (input->has_start)
        bind_integer(statement, 3, input->start_ms);
    bind_text(statement, 4, input->has_status ? appointment_status_name(input->status) : NULL);
    return statement;
}

bool appointment_early_keep(struct transaction *transaction, const char *appointment_id,
                            const struct appointment_change_input *input, struct error *error)
{
    int64_t kept;
    bool is_known;

    if (!statement_has_row(begin_early(transaction, SQL_EARLY_CHANGE_KNOWN, appointment_id, input),
                           &is_known, error))
        return false;
    if (is_known)
        return true;
    struct statement *statement = statement_begin(transaction->connection, SQL_EARLY_CHANGE_COUNT);
    bind_text(statement, 1, appointment_id);
    if (!statement_read_number(statement, 0, &kept, error))
        return false;
    /* Or else whoever has a token of the booking side could fill the disk with changes of what
     * never comes. */
    if (kept >= EARLY_CHANGES_MAX)
        return error_add(error, "appointmentId",
                         "trop de changements (%d) pour un rendez-vous inconnu", EARLY_CHANGES_MAX);
    statement = begin_early(transaction, SQL_EARLY_CHANGE_INSERT, appointment_id, input);
    bind_integer(statement, 5, kept);
    bind_integer(statement, 6, transaction->now_ms);
    return statement_run(statement, error);
}

struct statement *appointment_early_begin(struct connection *connection, const char *appointment_id)
{
    struct statement *statement = statement_begin(connection, SQL_EARLY_CHANGES);

    bind_text(statement, 1, appointment_id);
    return statement;
}

struct appointment_change_input appointment_early_read(struct statement *row)
{
    struct appointment_change_input input = {
        .has_version = column_integer(row, 0) >= 0,
        .version = column_integer(row, 0),
        .has_start = !column_is_null(row, 1),
        .start_ms = column_integer(row, 1),
    };

    input.has_status =
        !column_is_null(row, 2) && appointment_status_parse(column_text(row, 2), &input.status);
    return input;
}

bool appointment_early_forget(struct transaction *transaction, const char *appointment_id,
                              struct error *error)
{
    struct statement *statement =
        statement_begin(transaction->connection, SQL_EARLY_CHANGES_DELETE);

    bind_text(statement, 1, appointment_id);
    return statement_run(statement, error);
}
