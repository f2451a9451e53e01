#include "db/position.h"

/* Positions count from 1, blocks of them from 0. */
static int64_t block_size(int level)
{
    int64_t size = 1;

    while (level-- > 0)
        size *= POSITION_BLOCK;
    return size;
}

/* A stretch of positions, counted from 0, both ends in it. */
struct stretch {
    int64_t first;
    int64_t last;
};

/*
 * Narrows *stretch to the one block of `level` in which the message after *skip others, counted
 * from the stretch's end, stands; *skip becomes the number to skip within that block. Blocks
 * without a row have no deletions.
 */
static bool descend(struct connection *connection, const char *conversation_id, int level,
                    struct stretch *stretch, int64_t *skip, struct error *error)
{
    const int64_t size = block_size(level);
    struct statement *statement = statement_begin(connection, SQL_HOLES_IN);

    bind_text(statement, 1, conversation_id);
    bind_integer(statement, 2, level);
    bind_integer(statement, 3, stretch->first / size);
    bind_integer(statement, 4, stretch->last / size);
    enum step step = statement_step(statement, error);
    int64_t last = stretch->last;
    for (int64_t block = last / size; step != STEP_FAILED && block >= stretch->first / size;
         block--) {
        int64_t live = last - block * size + 1;
        if (step == STEP_ROW && column_integer(statement, 0) == block) {
            live -= column_integer(statement, 1);
            step = statement_step(statement, error);
        }
        if (*skip < live) {
            *stretch = (struct stretch){.first = block * size, .last = last};
            break;
        }
        *skip -= live;
        last = block * size - 1;
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

/* Within the smallest block the rows themselves are counted. */
static bool find_row(struct connection *connection, const char *conversation_id,
                     int64_t last_position, int64_t skip, int64_t *position, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_MESSAGE_POSITION_AFTER);

    bind_text(statement, 1, conversation_id);
    bind_integer(statement, 2, last_position);
    bind_integer(statement, 3, skip);
    return statement_read_number(statement, 0, position, error);
}

bool position_find(struct connection *connection, const struct position_range *range, int64_t skip,
                   int64_t *position, struct error *error)
{
    struct stretch stretch = {.first = 0, .last = range->last_position - 1};

    *position = 0;
    if (skip >= range->message_count)
        return true;
    if (range->message_count == range->last_position) {
        *position = range->last_position - skip;
        return true;
    }
    for (int level = POSITION_LEVELS; level > 0; level--)
        if (!descend(connection, range->conversation_id, level, &stretch, &skip, error))
            return false;
    return find_row(connection, range->conversation_id, stretch.last + 1, skip, position, error);
}

bool position_forget(struct connection *connection, const char *conversation_id, int64_t position,
                     struct error *error)
{
    for (int level = 1; level <= POSITION_LEVELS; level++) {
        struct statement *statement = statement_begin(connection, SQL_HOLE_ADD);
        bind_text(statement, 1, conversation_id);
        bind_integer(statement, 2, level);
        bind_integer(statement, 3, (position - 1) / block_size(level));
        if (!statement_run(statement, error))
            return false;
    }
    return true;
}
