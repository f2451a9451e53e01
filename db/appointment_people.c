#include "db/appointment_people.h"

#include "common/id.h"
#include "db/conversation.h"
#include "db/person.h"
#include "db/person_json.h"
#include "db/person_row.h"

/* Whose side the others are on. */
static enum caller_kind other_side(enum caller_kind kind)
{
    return kind == CALLER_SALON ? CALLER_CLIENT : CALLER_SALON;
}

static bool write_person(struct connection *connection, const struct appointment_people *request,
                         enum caller_kind kind, const char *user_id, struct json_writer *writer,
                         struct error *error)
{
    char role[TOKEN_ROLE_BYTES];
    struct error missing;

    error_clear(&missing);
    if (!person_role(connection, user_id, "", role, &missing)) {
        if (missing.kind == ERROR_NOT_FOUND) /* erased */
            return true;
        *error = missing;
        return false;
    }
    if (token_role_kind(request->config, role) != kind)
        return true;
    /* Who shares an appointment sees the address. */
    return person_json_write(connection, writer, user_id, PERSON_WITH_EMAIL, error);
}

/* What a page ends with. */
struct page_end {
    int64_t count; /* of rows, those that are left out, too */
    char last_id[FOREIGN_ID_MAX_BYTES + 1];
    bool has_more;
};

static bool write_people(struct connection *connection, const struct appointment_people *request,
                         enum caller_kind kind, struct json_writer *writer, struct page_end *end,
                         struct error *error)
{
    struct statement *statement = statement_begin(
        connection, kind == CALLER_SALON ? SQL_APPOINTMENT_CLIENTS : SQL_APPOINTMENT_SALONS);
    enum step step;

    bind_text(statement, 1, request->caller.user_id);
    bind_text(statement, 2, request->after);
    bind_integer(statement, 3, request->limit + 1);
    while ((step = statement_step(statement, error)) == STEP_ROW) {
        if (end->count++ == request->limit) {
            end->has_more = true;
            step = STEP_DONE;
            break;
        }
        column_copy(statement, 0, end->last_id, sizeof(end->last_id));
        if (!write_person(connection, request, other_side(kind), end->last_id, writer, error))
            break;
    }
    statement_end(statement);
    return step == STEP_DONE;
}

bool appointment_people_run(struct connection *connection, struct appointment_people *request,
                            struct error *error)
{
    struct person_kind known = {.caller = request->caller, .config = request->config};
    struct page_end end = {0};
    struct json_writer writer;

    if (!person_kind_run(connection, &known, error))
        return false;
    bool may_open =
        known.kind != CALLER_SERVICE && conversation_may_open(request->config, known.kind);
    json_writer_init(&writer, request->json);
    json_begin_object(&writer);
    json_write_key(&writer, "data");
    json_begin_array(&writer);
    if (may_open && !write_people(connection, request, known.kind, &writer, &end, error))
        return false;
    json_end_array(&writer);
    json_member_boolean(&writer, "hasMore", end.has_more);
    if (end.has_more)
        json_member_text(&writer, "nextCursor", end.last_id);
    json_end_object(&writer);
    return true;
}
