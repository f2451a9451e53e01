#include "db/message_reading.h"

#include "db/conversation_announcement.h"
#include "db/message_announcement.h"
#include "db/person_row.h"

/* Binds what SQL_MESSAGES_UNREAD and SQL_MESSAGES_MARK_READ share, from `parameter` on. */
static void bind_unread_range(struct statement *statement, int parameter,
                              const struct conversation *conversation, const char *reader,
                              int64_t first, int64_t last)
{
    bind_text(statement, parameter, conversation->id);
    bind_text(statement, parameter + 1, conversation_other(conversation, reader));
    bind_integer(statement, parameter + 2, first);
    bind_integer(statement, parameter + 3, last);
}

static bool announce_all_read(struct transaction *transaction,
                              const struct conversation *conversation, const char *reader,
                              int64_t first, int64_t last, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_MESSAGES_UNREAD);
    enum step step;

    bind_unread_range(statement, 1, conversation, reader, first, last);
    bind_integer(statement, 5, READ_EVENTS_MAX);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        if (!announce_message_read(transaction, conversation->id, column_text(statement, 0), error))
            break;
    statement_end(statement);
    return step == STEP_DONE;
}

static bool mark_rows(struct transaction *transaction, const struct conversation *conversation,
                      const char *reader, int64_t first, int64_t last, int64_t *marked,
                      struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_MESSAGES_MARK_READ);

    bind_integer(statement, 1, transaction->now_ms);
    bind_unread_range(statement, 2, conversation, reader, first, last);
    return statement_run_counting(statement, marked, error);
}

/* After a burst of message-read each side is told its own true total: the pages lower their badge
 * by one at every message-read, whoever reads (docs/protocol.md, "Messages and marking
 * read"). */
static bool announce_totals(struct transaction *transaction,
                            const struct conversation *conversation, const char *reader,
                            int64_t reader_total, struct error *error)
{
    const char *other = conversation_other(conversation, reader);
    struct person_totals totals;

    return announce_unread_total(transaction, reader, reader_total, error) &&
           person_totals(transaction->connection, other, &totals, error) &&
           announce_unread_total(transaction, other, totals.unread, error);
}

bool messages_mark_read(struct transaction *transaction, const struct conversation *conversation,
                        const char *reader, int64_t first, int64_t last, bool *marked,
                        struct error *error)
{
    int64_t unread;
    int64_t from;
    int64_t count = 0;
    int64_t total;

    if (!conversation_row_unread(transaction->connection, conversation, reader, &unread, &from,
                                 error))
        return false;
    /* Nothing before `from` is unread: without it, marking a conversation read would look at all
     * its messages. */
    if (first < from)
        first = from;
    /* Announced first, as it reads what is unread; afterwards nothing is. */
    if (unread > 0 && (!announce_all_read(transaction, conversation, reader, first, last, error) ||
                       !mark_rows(transaction, conversation, reader, first, last, &count, error)))
        return false;
    if (marked != NULL)
        *marked = count > 0;
    if (count == 0)
        return true;
    if (!conversation_row_add_unread(transaction, conversation, reader, -count, &total, error))
        return false;
    if (count == unread &&
        !announce_conversation_unread(transaction, conversation, reader, 0, error))
        return false;
    return announce_totals(transaction, conversation, reader, total, error);
}
