#include "db/person_json.h"

#include "db/person_row.h"

void person_json_write_row(struct statement *row, struct json_writer *writer, const char *user_id,
                           enum person_view view)
{
    json_begin_object(writer);
    json_member_text(writer, "id", user_id);
    json_member_text(writer, "firstName", column_text(row, PERSON_FIRST_NAME));
    json_member_text(writer, "lastName", column_text(row, PERSON_LAST_NAME));
    json_member_text(writer, "salonName", column_text(row, PERSON_SALON_NAME));
    json_member_text(writer, "image", column_text(row, PERSON_IMAGE));
    if (view == PERSON_WITH_EMAIL)
        json_member_text(writer, "email", column_text(row, PERSON_EMAIL));
    json_member_text(writer, "role", column_text(row, PERSON_ROLE));
    json_end_object(writer);
}

bool person_json_write(struct connection *connection, struct json_writer *writer,
                       const char *user_id, enum person_view view, struct error *error)
{
    struct statement *statement = person_row_begin(connection, user_id);
    enum step step = statement_step(statement, error);

    if (step == STEP_ROW) {
        person_json_write_row(statement, writer, user_id, view);
    } else if (step == STEP_DONE) {
        json_begin_object(writer);
        json_member_text(writer, "id", user_id);
        json_member_text(writer, "role", "");
        json_end_object(writer);
    }
    statement_end(statement);
    return step != STEP_FAILED;
}
