#include "db/engine/outbox_reader.h"

#include <stdlib.h>
#include <string.h>

#include "db/engine/schema.h"
#include "db/engine/statement.h"

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

/* Adds rows up to `max_bytes` of texts in the batch; *is_cut when some may be left. */
static bool add_rows(struct event_batch *batch, struct statement *rows, size_t max_bytes,
                     bool *is_cut, struct error *error)
{
    enum step step = STEP_DONE;

    *is_cut = false;
    while (!*is_cut && (step = statement_step(rows, error)) == STEP_ROW) {
        if (!add_row(batch, rows, error))
            break;
        *is_cut = batch->texts.length >= max_bytes;
    }
    statement_end(rows);
    return *is_cut || step == STEP_DONE;
}

/* ---- everything after a seq ---------------------------------------------------------------- */

bool outbox_read_timeline(struct connection *connection, char timeline[TIMELINE_BYTES],
                          struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_TIMELINE);
    enum step step = statement_step(statement, error);

    timeline[0] = '\0';
    if (step == STEP_ROW)
        column_copy(statement, 0, timeline, TIMELINE_BYTES);
    statement_end(statement);
    return step != STEP_FAILED;
}

bool outbox_newest(struct connection *connection, int64_t *newest, struct error *error)
{
    return statement_read_number(statement_begin(connection, SQL_OUTBOX_LAST), 0, newest, error);
}

bool outbox_read_after_run(struct connection *connection, struct outbox_read_after *request,
                           struct error *error)
{
    size_t before = event_batch_count(&request->batch);
    bool is_cut;

    request->is_last = true;
    if (!outbox_read_timeline(connection, request->timeline, error) ||
        !outbox_newest(connection, &request->newest, error))
        return false;
    if (request->newest == request->after)
        return true;
    /* Clients come back with the seq of what they were told: after a power failure it must not be
     * given to another event (db/engine/durability.h). */
    connection_require_sync(connection);
    struct statement *statement = statement_begin(connection, SQL_OUTBOX_AFTER);
    bind_integer(statement, 1, request->after);
    bind_integer(statement, 2, request->limit);
    bool is_read = add_rows(&request->batch, statement,
                            request->batch.texts.length + OUTBOX_READ_MAX_BYTES, &is_cut, error);
    size_t added = event_batch_count(&request->batch) - before;
    request->is_last = !is_cut && added < (size_t)request->limit;
    return is_read;
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
    return statement_has_row(statement, is_complete, error);
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
    int64_t found;

    if (!statement_read_number(statement, 0, &found, error))
        return false;
    *count += found;
    return true;
}

/* Known before the first look: a client that was away for a day may not keep a reader busy. */
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

static int64_t seq_at(const struct event_batch *batch, size_t index)
{
    struct event event;

    event_batch_at(batch, index, &event);
    return event.seq;
}

/* The oldest events for one audience, behind what the batch has: up to the limits of a read, and up
 * to *horizon. When some are left, *horizon goes back to the last one: of what comes later the
 * batch would lack these. */
static bool add_missed(struct connection *connection, struct outbox_read_missed *request,
                       const char *audience, int64_t *horizon, struct error *error)
{
    size_t others = event_batch_count(&request->batch);
    size_t max_bytes = request->batch.texts.length + OUTBOX_READ_MAX_BYTES;
    int64_t left = request->limit;
    bool is_cut = false;

    for (int64_t epoch = epoch_of(request->after + 1);
         epoch <= epoch_of(*horizon) && left > 0 && !is_cut; epoch++) {
        if (!add_rows(&request->batch,
                      begin_missed(connection, SQL_OUTBOX_MISSED, epoch, audience, request, left),
                      max_bytes, &is_cut, error))
            return false;
        left = request->limit - (int64_t)(event_batch_count(&request->batch) - others);
    }
    if (is_cut || left == 0)
        *horizon = seq_at(&request->batch, event_batch_count(&request->batch) - 1);
    return true;
}

/* How many of the sorted events are within the horizon and the limits of one read. */
static size_t count_missed_in_reach(const struct outbox_read_missed *request, int64_t horizon)
{
    size_t count = event_batch_count(&request->batch);
    size_t bytes = 0;
    size_t reach = 0;
    struct event event;

    for (; reach < count && reach < (size_t)request->limit && bytes < OUTBOX_READ_MAX_BYTES;
         reach++) {
        event_batch_at(&request->batch, reach, &event);
        if (event.seq > horizon)
            break;
        bytes += event_texts_bytes(&event);
    }
    return reach;
}

static bool check_complete(struct connection *connection, struct outbox_read_missed *request,
                           struct error *error)
{
    int64_t newest;

    return outbox_newest(connection, &newest, error) &&
           outbox_is_complete_after(connection, request->after, newest, &request->is_complete,
                                    error);
}

bool outbox_read_missed_run(struct connection *connection, struct outbox_read_missed *request,
                            struct error *error)
{
    int64_t horizon = request->until;

    if (!check_complete(connection, request, error))
        return false;
    request->is_last = true;
    if (!request->is_complete)
        return true;
    for (const char *audience = next_audience(request->audiences, NULL); audience != NULL;
         audience = next_audience(request->audiences, audience))
        if (!add_missed(connection, request, audience, &horizon, error))
            return false;
    size_t found = event_batch_count(&request->batch);
    event_batch_sort(&request->batch, found);
    size_t reach = count_missed_in_reach(request, horizon);
    event_batch_sort(&request->batch, reach);
    request->is_last = horizon == request->until && reach == found;
    return true;
}
