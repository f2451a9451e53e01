#include "db/probe.h"

#include "db/engine/statement.h"
#include "db/engine/transaction.h"

/* No pid of a client: theirs are random and longer. */
#define PROBE_PID "probe"

/* A transaction that changes nothing is not written to the disk at all. Nobody sees the row, not
 * even the broker that asks: it is gone at the commit. */
bool probe_write_run(struct transaction *transaction, struct probe *probe, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_RECOVERY_STORE);

    (void)probe;
    bind_text(statement, 1, PROBE_PID);
    bind_text(statement, 2, PROBE_PID);
    bind_text(statement, 3, "");
    bind_integer(statement, 4, transaction->now_ms);
    if (!statement_run(statement, error))
        return false;
    statement = statement_begin(transaction->connection, SQL_RECOVERY_DELETE);
    bind_text(statement, 1, PROBE_PID);
    return statement_run(statement, error);
}

bool probe_read_run(struct connection *connection, struct probe *probe, struct error *error)
{
    return statement_has_row(statement_begin(connection, SQL_OUTBOX_LAST), &probe->has_rows, error);
}
