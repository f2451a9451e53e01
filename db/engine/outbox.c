#include "db/engine/outbox.h"

#include <string.h>

#include "common/assert.h"
#include "db/engine/schema.h"

/* The seq is counted here and not by the database, whose sequences leave holes where a transaction
 * is rolled back: the broker takes a hole for an event that it has missed. Nobody else writes
 * meanwhile. */
bool outbox_begin(struct transaction *transaction, struct error *error)
{
    int64_t newest;

    if (!statement_read_number(statement_begin(transaction->connection, SQL_OUTBOX_LAST), 0,
                               &newest, error))
        return false;
    transaction->next_seq = newest + 1;
    return true;
}

/* The newest row always stays: the next seq is counted from it. */
static bool prune_outbox(struct transaction *transaction, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_OUTBOX_PRUNE);

    bind_integer(statement, 1, transaction->next_seq - 1);
    bind_integer(statement, 2, OUTBOX_PRUNE_ROWS);
    bind_integer(statement, 3, transaction->next_seq - 1 - transaction->outbox_max_rows);
    bind_integer(statement, 4, transaction->now_ms - transaction->outbox_retention_ms);
    return statement_run(statement, error);
}

static bool remember_event(struct transaction *transaction, const struct outbox_event *event,
                           struct error *error)
{
    const struct event pending = {.seq = transaction->next_seq,
                                  .audience = event->audience,
                                  .name = event->name,
                                  .payload = event->payload->data,
                                  .payload_length = event->payload->length};

    return event_batch_add(&transaction->events, &pending) || error_out_of_memory(error);
}

bool outbox_append(struct transaction *transaction, const struct outbox_event *event,
                   struct error *error)
{
    ASSERT(transaction->is_open);
    if (event->payload->failed)
        return error_out_of_memory(error);
    struct statement *statement = statement_begin(transaction->connection, SQL_OUTBOX_INSERT);
    bind_integer(statement, 1, transaction->next_seq);
    bind_text(statement, 2, event->audience);
    bind_text(statement, 3, event->name);
    bind_text(statement, 4, event->subject);
    bind_text(statement, 5, event->quoted);
    bind_bytes(statement, 6, event->payload->length > 0 ? event->payload->data : "",
               event->payload->length);
    bind_integer(statement, 7, transaction->now_ms);
    if (!statement_run(statement, error) || !remember_event(transaction, event, error))
        return false;
    /* By whoever appends, and by no thread that wakes up: what does not grow needs no pruning. */
    if (transaction->next_seq++ % OUTBOX_PRUNE_INTERVAL_EVENTS == 0)
        return prune_outbox(transaction, error);
    return true;
}

bool outbox_blank_quotes(struct transaction *transaction, const char *quoted, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_OUTBOX_BLANK_QUOTES);

    transaction_erases(transaction);
    bind_text(statement, 1, quoted);
    return statement_run(statement, error);
}

static bool blank_in_epoch(struct transaction *transaction, int64_t epoch, const char *audience,
                           const char *subject, int64_t end, struct error *error)
{
    struct statement *statement =
        statement_begin(transaction->connection, SQL_OUTBOX_BLANK_SUBJECT);

    bind_integer(statement, 1, epoch);
    bind_text(statement, 2, audience);
    bind_text(statement, 3, subject);
    bind_integer(statement, 4, end);
    return statement_run(statement, error);
}

/* The oldest seq there is; that of the next event when there is none. */
static bool find_first_seq(struct transaction *transaction, int64_t *seq, struct error *error)
{
    return statement_read_number(statement_begin(transaction->connection, SQL_OUTBOX_FIRST),
                                 transaction->next_seq, seq, error);
}

bool outbox_blank_subject(struct transaction *transaction, const char *audience,
                          const char *subject, struct error *error)
{
    int64_t first;

    transaction_erases(transaction);
    if (!find_first_seq(transaction, &first, error))
        return false;
    /* Epoch by epoch, as the index begins with the epoch: without it the whole outbox would be
     * read. */
    int64_t last_epoch = (transaction->next_seq - 1) / OUTBOX_EPOCH_EVENTS;
    for (int64_t epoch = first / OUTBOX_EPOCH_EVENTS; epoch <= last_epoch; epoch++)
        if (!blank_in_epoch(transaction, epoch, audience, subject, transaction->next_seq, error))
            return false;
    return true;
}

bool outbox_blank_next(struct transaction *transaction, const char *const *audiences,
                       const char *subject, int64_t end, int64_t *from, bool *is_done,
                       struct error *error)
{
    int64_t first;

    transaction_erases(transaction);
    if (!find_first_seq(transaction, &first, error))
        return false;
    int64_t epoch = (*from > first ? *from : first) / OUTBOX_EPOCH_EVENTS;
    for (; *audiences != NULL; audiences++)
        if (!blank_in_epoch(transaction, epoch, *audiences, subject, end, error))
            return false;
    *from = (epoch + 1) * OUTBOX_EPOCH_EVENTS;
    *is_done = *from >= end;
    if (*is_done)
        *from = end;
    return true;
}
