#include "db/engine/outbox_reader.h"

#include <stdlib.h>
#include <string.h>

#include "db/engine/outbox_reader_private.h"
#include "db/engine/schema.h"

/* Columns of SQL_OUTBOX_AFTER and SQL_OUTBOX_MISSED. */
enum { COLUMN_SEQ, COLUMN_AUDIENCE, COLUMN_NAME, COLUMN_PAYLOAD };

/* An empty payload was blanked: such an event counts as seen, but is not to be delivered. */
static bool add_row(struct event_batch *batch, struct statement *row, struct error *error)
{
    const struct event event = {.seq = column_integer(row, COLUMN_SEQ),
                                .audience = column_text(row, COLUMN_AUDIENCE),
                                .name = column_text(row, COLUMN_NAME),
                                .payload = column_text(row, COLUMN_PAYLOAD),
                                .payload_length = column_bytes(row, COLUMN_PAYLOAD)};

    return event_batch_add(batch, &event) || error_out_of_memory(error);
}

static bool add_rows(struct event_batch *batch, struct statement *rows, struct error *error)
{
    enum step step;

    while ((step = statement_step(rows, error)) == STEP_ROW)
        if (!add_row(batch, rows, error))
            break;
    statement_end(rows);
    return step == STEP_DONE;
}

/* ---- everything after a seq ---------------------------------------------------------------- */

bool outbox_newest(struct connection *connection, int64_t *newest, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_OUTBOX_LAST);
    enum step step = statement_step(statement, error);

    *newest = step == STEP_ROW ? column_integer(statement, 0) : 0;
    statement_end(statement);
    return step != STEP_FAILED;
}

bool outbox_read_after_run(struct connection *connection, struct outbox_read_after *request,
                           struct error *error)
{
    if (!outbox_newest(connection, &request->newest, error))
        return false;
    if (request->newest == request->after)
        return true;
    /* Clients come back with the seq of what they were told: after a power failure it must not be
     * given to another event (db/engine/durability.h). */
    connection_require_sync(connection);
    struct statement *statement = statement_begin(connection, SQL_OUTBOX_AFTER);
    bind_integer(statement, 1, request->after);
    bind_integer(statement, 2, request->limit);
    return add_rows(&request->batch, statement, error);
}

/* ---- what somebody has missed -------------------------------------------------------------- */

bool outbox_is_complete_after(struct connection *connection, int64_t seq, int64_t newest,
                              bool *is_complete, struct error *error)
{
    *is_complete = seq == newest;
    if (seq >= newest)
        return true;
    struct statement *statement = statement_begin(connection, SQL_OUTBOX_HAS);
    bind_integer(statement, 1, seq + 1);
    enum step step = statement_step(statement, error);
    *is_complete = step == STEP_ROW;
    statement_end(statement);
    return step != STEP_FAILED;
}

static int64_t epoch_of(int64_t seq)
{
    return seq / OUTBOX_EPOCH_EVENTS;
}

static struct statement *begin_missed(struct connection *connection, enum sql_id id, int64_t epoch,
                                      const char *audience,
                                      const struct outbox_read_missed *request, int64_t limit)
{
    struct statement *statement = statement_begin(connection, id);

    bind_integer(statement, 1, epoch);
    bind_text(statement, 2, audience);
    bind_integer(statement, 3, request->after);
    bind_integer(statement, 4, request->until);
    bind_integer(statement, 5, limit);
    return statement;
}

/* The audience behind `audience` (NULL: the first one), or NULL at their end. */
static const char *next_audience(const struct buffer *audiences, const char *audience)
{
    const char *next = audience != NULL ? audience + strlen(audience) + 1 : audiences->data;

    return next < audiences->data + audiences->length ? next : NULL;
}

static bool count_in_epoch(struct connection *connection, const struct outbox_read_missed *request,
                           int64_t epoch, const char *audience, int64_t *count, struct error *error)
{
    struct statement *statement = begin_missed(connection, SQL_OUTBOX_COUNT_MISSED, epoch, audience,
                                               request, request->limit - *count);
    enum step step = statement_step(statement, error);

    if (step == STEP_ROW)
        *count += column_integer(statement, 0);
    statement_end(statement);
    return step == STEP_ROW;
}

static int64_t count_looks(const struct outbox_read_missed *request)
{
    int64_t audiences = 0;

    for (const char *audience = next_audience(request->audiences, NULL); audience != NULL;
         audience = next_audience(request->audiences, audience))
        audiences++;
    return audiences * (epoch_of(request->until) - epoch_of(request->after + 1) + 1);
}

bool outbox_count_missed(struct connection *connection, const struct outbox_read_missed *request,
                         int64_t *count, struct error *error)
{
    *count = count_looks(request) > OUTBOX_LOOKS_MAX ? request->limit : 0;
    for (const char *audience = next_audience(request->audiences, NULL); audience != NULL;
         audience = next_audience(request->audiences, audience))
        for (int64_t epoch = epoch_of(request->after + 1);
             epoch <= epoch_of(request->until) && *count < request->limit; epoch++)
            if (!count_in_epoch(connection, request, epoch, audience, count, error))
                return false;
    return true;
}

/* The oldest `limit` events for one audience, behind what the batch has. */
static bool add_missed(struct connection *connection, struct outbox_read_missed *request,
                       const char *audience, struct error *error)
{
    int64_t others = (int64_t)event_batch_count(&request->batch);
    int64_t left = request->limit;

    for (int64_t epoch = epoch_of(request->after + 1);
         epoch <= epoch_of(request->until) && left > 0; epoch++) {
        if (!add_rows(&request->batch,
                      begin_missed(connection, SQL_OUTBOX_MISSED, epoch, audience, request, left),
                      error))
            return false;
        left = request->limit - ((int64_t)event_batch_count(&request->batch) - others);
    }
    return true;
}

bool outbox_read_missed_run(struct connection *connection, struct outbox_read_missed *request,
                            struct error *error)
{
    for (const char *audience = next_audience(request->audiences, NULL); audience != NULL;
         audience = next_audience(request->audiences, audience))
        if (!add_missed(connection, request, audience, error))
            return false;
    event_batch_sort(&request->batch, (size_t)request->limit);
    return true;
}
