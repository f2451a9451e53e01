#include "db/search_document.h"

#include "db/engine/statement.h"
#include "db/person_row.h"

#define BETWEEN_NAMES_AND_SUBJECT " · "

/* Behind a blank, unless it is the first. */
static void append_word(struct buffer *text, size_t begin, struct statement *row, int column)
{
    size_t length = column_bytes(row, column);

    if (length == 0)
        return;
    if (text->length > begin)
        buffer_append(text, " ", 1);
    buffer_append(text, column_text(row, column), length);
}

bool search_card_append(struct connection *connection, const char *other_id, const char *subject,
                        struct buffer *text, struct error *error)
{
    struct statement *statement = person_row_begin(connection, other_id);
    enum step step = statement_step(statement, error);
    size_t begin = text->length;

    if (step == STEP_ROW) {
        append_word(text, begin, statement, PERSON_SALON_NAME);
        append_word(text, begin, statement, PERSON_FIRST_NAME);
        append_word(text, begin, statement, PERSON_LAST_NAME);
    }
    statement_end(statement);
    if (subject != NULL && subject[0] != '\0') {
        if (text->length > begin)
            buffer_append_text(text, BETWEEN_NAMES_AND_SUBJECT);
        buffer_append_text(text, subject);
    }
    return step != STEP_FAILED;
}

struct statement *search_message_begin(struct connection *connection, const char *conversation_id,
                                       int64_t position)
{
    struct statement *statement = statement_begin(connection, SQL_SEARCH_MESSAGE);

    bind_text(statement, 1, conversation_id);
    bind_integer(statement, 2, position);
    return statement;
}
