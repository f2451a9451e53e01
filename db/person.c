#include "db/person.h"

#include <string.h>

#include "db/engine/outbox_reader_private.h"
#include "db/person_private.h"

/* The fields of a row in the order of SQL_PERSON_FIND's first columns and of the bits of enum
 * person_field. */
enum { ROLE, FIRST_NAME, LAST_NAME, SALON_NAME, IMAGE, EMAIL, FIELD_COUNT };
/* Columns behind the fields. */
enum { COLUMN_BOOKED_FIELDS = FIELD_COUNT, COLUMN_CLAIMS_ISSUED_AT, COLUMN_ERASED_AT };

static int64_t field_bit(int field)
{
    return (int64_t)1 << field;
}

static void write_row(struct statement *statement, struct json_writer *writer, const char *user_id,
                      enum person_view view)
{
    json_begin_object(writer);
    json_member_text(writer, "id", user_id);
    json_member_text(writer, "firstName", column_text(statement, FIRST_NAME));
    json_member_text(writer, "lastName", column_text(statement, LAST_NAME));
    json_member_text(writer, "salonName", column_text(statement, SALON_NAME));
    json_member_text(writer, "image", column_text(statement, IMAGE));
    if (view == PERSON_WITH_EMAIL)
        json_member_text(writer, "email", column_text(statement, EMAIL));
    json_member_text(writer, "role", column_text(statement, ROLE));
    json_end_object(writer);
}

static struct statement *find(struct connection *connection, const char *user_id)
{
    struct statement *statement = statement_begin(connection, SQL_PERSON_FIND);

    bind_text(statement, 1, user_id);
    return statement;
}

bool person_write(struct connection *connection, struct json_writer *writer, const char *user_id,
                  enum person_view view, struct error *error)
{
    struct statement *statement = find(connection, user_id);
    enum step step = statement_step(statement, error);

    if (step == STEP_ROW) {
        write_row(statement, writer, user_id, view);
    } else if (step == STEP_DONE) {
        json_begin_object(writer);
        json_member_text(writer, "id", user_id);
        json_member_text(writer, "role", "");
        json_end_object(writer);
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

bool person_append_name(struct connection *connection, const char *user_id, struct buffer *name,
                        struct error *error)
{
    struct statement *statement = find(connection, user_id);
    enum step step = statement_step(statement, error);

    if (step == STEP_ROW && column_bytes(statement, SALON_NAME) > 0) {
        buffer_append_text(name, column_text(statement, SALON_NAME));
    } else if (step == STEP_ROW) {
        bool has_both =
            column_bytes(statement, FIRST_NAME) > 0 && column_bytes(statement, LAST_NAME) > 0;
        buffer_append(name, column_text(statement, FIRST_NAME),
                      column_bytes(statement, FIRST_NAME));
        buffer_append_text(name, has_both ? " " : "");
        buffer_append(name, column_text(statement, LAST_NAME), column_bytes(statement, LAST_NAME));
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

bool person_append_first_name(struct connection *connection, const char *user_id,
                              struct buffer *name, struct error *error)
{
    struct statement *statement = find(connection, user_id);
    enum step step = statement_step(statement, error);

    if (step == STEP_ROW)
        buffer_append(name, column_text(statement, FIRST_NAME),
                      column_bytes(statement, FIRST_NAME));
    statement_end(statement);
    return step != STEP_FAILED;
}

bool people_share_appointment(struct connection *connection, const char *one, const char *other,
                              bool *share, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PEOPLE_SHARE_APPOINTMENT);

    bind_text(statement, 1, one);
    bind_text(statement, 2, other);
    enum step step = statement_step(statement, error);
    *share = step == STEP_ROW;
    statement_end(statement);
    return step != STEP_FAILED;
}

bool person_role(struct connection *connection, const char *user_id, const char *missing,
                 char role[TOKEN_ROLE_BYTES], struct error *error)
{
    struct statement *statement = find(connection, user_id);
    enum step step = statement_step(statement, error);
    bool found = step == STEP_ROW && column_is_null(statement, COLUMN_ERASED_AT);

    if (found)
        column_copy(statement, ROLE, role, TOKEN_ROLE_BYTES);
    statement_end(statement);
    if (!found && step != STEP_FAILED)
        error_set(error, ERROR_NOT_FOUND, "%s", missing);
    return found;
}

bool person_kind_run(struct connection *connection, struct person_kind *request,
                     struct error *error)
{
    const struct caller *caller = &request->caller;
    char role[TOKEN_ROLE_BYTES];
    struct error missing;

    request->kind = caller->kind;
    if (caller->kind == CALLER_SERVICE)
        return true;
    error_clear(&missing);
    if (person_role(connection, caller->user_id, "", role, &missing))
        request->kind = token_role_kind(request->config, role);
    else if (missing.kind != ERROR_NOT_FOUND) {
        *error = missing;
        return false;
    }
    return true;
}

/* A row as it is to be written: what is NULL is stored as NULL. */
struct row {
    const char *user_id;
    const char *fields[FIELD_COUNT];
    int64_t booked_fields;
    int64_t claims_issued_at;
};

bool person_keep_names(struct transaction *transaction, const char *user_id, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_PERSON_NAMES_KEEP);

    bind_text(statement, 1, user_id);
    return statement_run(statement, error);
}

/* SQL_PERSON_INSERT and SQL_PERSON_UPDATE take the same parameters. */
static bool write_person(struct transaction *transaction, enum sql_id id, const struct row *row,
                         struct error *error)
{
    if (id == SQL_PERSON_UPDATE && !person_keep_names(transaction, row->user_id, error))
        return false;
    struct statement *statement = statement_begin(transaction->connection, id);
    for (int field = 0; field < FIELD_COUNT; field++)
        bind_text(statement, field + 1, row->fields[field]);
    bind_integer(statement, FIELD_COUNT + 1, row->booked_fields);
    bind_integer(statement, FIELD_COUNT + 2, row->claims_issued_at);
    bind_integer(statement, FIELD_COUNT + 3, transaction->now_ms);
    bind_text(statement, FIELD_COUNT + 4, row->user_id);
    return statement_run(statement, error);
}

bool person_ensure(struct transaction *transaction, const char *user_id, const char *role,
                   struct error *error)
{
    struct statement *statement = find(transaction->connection, user_id);
    enum step step = statement_step(statement, error);

    statement_end(statement);
    if (step != STEP_DONE)
        return step == STEP_ROW;
    const struct row row = {.user_id = user_id, .fields = {[ROLE] = role}};
    return write_person(transaction, SQL_PERSON_INSERT, &row, error);
}

static void take_fields(const struct person_input *from, const char *to[FIELD_COUNT])
{
    to[ROLE] = from->role;
    to[FIRST_NAME] = from->first_name;
    to[LAST_NAME] = from->last_name;
    to[SALON_NAME] = from->salon_name;
    to[IMAGE] = from->image;
    to[EMAIL] = from->email;
}

static bool same_text(const char *one, const char *other)
{
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* Lays the given fields over *row. True when that changes something. */
static bool set_fields(const char *const given[FIELD_COUNT], struct row *row)
{
    bool changes = false;

    for (int field = 0; field < FIELD_COUNT; field++) {
        if (given[field] == NULL)
            continue;
        const char *text = given[field][0] != '\0' ? given[field] : NULL;
        changes = changes || !same_text(row->fields[field], text) ||
                  (row->booked_fields & field_bit(field)) == 0;
        row->fields[field] = text;
        row->booked_fields |= field_bit(field);
    }
    return changes;
}

static bool insert_given(struct transaction *transaction, const char *const given[FIELD_COUNT],
                         const char *default_role, struct row *row, struct error *error)
{
    set_fields(given, row);
    if (row->fields[ROLE] == NULL)
        row->fields[ROLE] = default_role;
    if (row->fields[ROLE] == NULL)
        return error_add(error, "role", "le rôle est obligatoire pour une nouvelle personne");
    return write_person(transaction, SQL_PERSON_INSERT, row, error);
}

/* `statement` stands on the row, whose texts are borrowed meanwhile. */
static bool update_given(struct transaction *transaction, struct statement *statement,
                         const char *const given[FIELD_COUNT], struct row *row, struct error *error)
{
    bool was_erased = !column_is_null(statement, COLUMN_ERASED_AT);

    row->booked_fields = column_integer(statement, COLUMN_BOOKED_FIELDS);
    row->claims_issued_at = column_integer(statement, COLUMN_CLAIMS_ISSUED_AT);
    for (int field = 0; field < FIELD_COUNT; field++)
        row->fields[field] = column_text(statement, field);
    if (!set_fields(given, row) && !was_erased)
        return true;
    return write_person(transaction, SQL_PERSON_UPDATE, row, error);
}

bool person_take(struct transaction *transaction, const char *user_id,
                 const struct person_input *fields, const char *default_role, struct error *error)
{
    const char *given[FIELD_COUNT];
    struct row row = {.user_id = user_id};
    struct statement *statement = find(transaction->connection, user_id);
    enum step step = statement_step(statement, error);
    bool succeeded = false;

    take_fields(fields, given);
    if (step == STEP_DONE)
        succeeded = insert_given(transaction, given, default_role, &row, error);
    else if (step == STEP_ROW)
        succeeded = update_given(transaction, statement, given, &row, error);
    statement_end(statement);
    return succeeded;
}

bool person_set_run(struct transaction *transaction, struct person_set *set, struct error *error)
{
    if (set->fields.role != NULL && set->fields.role[0] == '\0')
        return error_add(error, "role", "le rôle ne peut pas être vide");
    return person_take(transaction, set->user_id, &set->fields, NULL, error);
}

/* What is to be done with a token's claims. */
enum claims_action { CLAIMS_FAILED, CLAIMS_KEEP, CLAIMS_INSERT, CLAIMS_UPDATE };

static const char *claim(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void take_claims(const struct person_claims *request, const char *to[FIELD_COUNT])
{
    const struct token_claims *claims = request->claims;

    to[ROLE] = claim(claims->role);
    to[FIRST_NAME] = claim(claims->first_name);
    to[LAST_NAME] = claim(claims->last_name);
    to[SALON_NAME] = claim(claims->salon_name);
    /* Tokens are signed, but what stands in them may have been typed by their owner. */
    to[IMAGE] = http_url_is_valid(claims->image) ? claims->image : NULL;
    to[EMAIL] = claim(claims->email);
}

/* Lays the claims over the row, where the booking back-end has not set the field. True when that
 * changes something. */
static bool merge_claims(struct statement *statement, const char *const claims[FIELD_COUNT],
                         struct row *row)
{
    bool changes = false;

    row->booked_fields = column_integer(statement, COLUMN_BOOKED_FIELDS);
    for (int field = 0; field < FIELD_COUNT; field++) {
        const char *present = column_text(statement, field);
        row->fields[field] = present;
        if (claims[field] == NULL || (row->booked_fields & field_bit(field)) != 0)
            continue;
        if (same_text(present, claims[field]))
            continue;
        row->fields[field] = claims[field];
        changes = true;
    }
    return changes;
}

/* Leaves `statement` on the row, whose texts *row borrows. */
static enum claims_action plan_claims(struct statement *statement,
                                      const struct person_claims *request, int64_t now_ms,
                                      struct row *row, struct error *error)
{
    const char *claims[FIELD_COUNT];
    int64_t issued_at = request->claims->issued_at_ms;

    if (request->claims->kind == CALLER_SERVICE)
        return CLAIMS_KEEP;
    take_claims(request, claims);
    /* A date in the future (a wrong unit, say) would keep out every later token. */
    *row = (struct row){.user_id = request->claims->user_id,
                        .claims_issued_at = issued_at < now_ms ? issued_at : now_ms};
    switch (statement_step(statement, error)) {
    case STEP_DONE:
        memcpy(row->fields, claims, sizeof(claims));
        if (row->fields[ROLE] == NULL)
            row->fields[ROLE] = request->default_role;
        return CLAIMS_INSERT;
    case STEP_ROW:
        break;
    default:
        return CLAIMS_FAILED;
    }
    if (!column_is_null(statement, COLUMN_ERASED_AT) ||
        row->claims_issued_at <= column_integer(statement, COLUMN_CLAIMS_ISSUED_AT))
        return CLAIMS_KEEP;
    return merge_claims(statement, claims, row) ? CLAIMS_UPDATE : CLAIMS_KEEP;
}

bool person_claims_need_write_run(struct connection *connection, struct person_claims *request,
                                  struct error *error)
{
    struct row row;
    struct statement *statement = find(connection, request->claims->user_id);
    enum claims_action action = plan_claims(statement, request, request->now_ms, &row, error);

    statement_end(statement);
    request->must_write = action == CLAIMS_INSERT || action == CLAIMS_UPDATE;
    return action != CLAIMS_FAILED;
}

bool person_apply_claims_run(struct transaction *transaction, struct person_claims *request,
                             struct error *error)
{
    struct row row;
    struct statement *statement = find(transaction->connection, request->claims->user_id);
    bool succeeded = true;

    switch (plan_claims(statement, request, request->now_ms, &row, error)) {
    case CLAIMS_FAILED:
        succeeded = false;
        break;
    case CLAIMS_KEEP:
        break;
    case CLAIMS_INSERT:
        succeeded = write_person(transaction, SQL_PERSON_INSERT, &row, error);
        break;
    case CLAIMS_UPDATE:
        succeeded = write_person(transaction, SQL_PERSON_UPDATE, &row, error);
        break;
    }
    statement_end(statement);
    return succeeded;
}

bool person_find_run(struct connection *connection, struct person_find *request,
                     struct error *error)
{
    struct json_writer writer;
    struct statement *statement = find(connection, request->user_id);
    enum step step = statement_step(statement, error);
    bool found = step == STEP_ROW && column_is_null(statement, COLUMN_ERASED_AT);

    if (found) {
        json_writer_init(&writer, request->json);
        write_row(statement, &writer, request->user_id, PERSON_WITH_EMAIL);
    }
    statement_end(statement);
    if (!found && step != STEP_FAILED)
        return error_set(error, ERROR_NOT_FOUND, "Personne introuvable");
    return found;
}

bool person_list_run(struct connection *connection, struct person_list *request,
                     struct error *error)
{
    struct json_writer writer;
    struct statement *statement = statement_begin(connection, SQL_PERSON_LIST);
    enum step step;

    json_writer_init(&writer, request->json);
    json_begin_array(&writer);
    while ((step = statement_step(statement, error)) == STEP_ROW)
        write_row(statement, &writer, column_text(statement, FIELD_COUNT), PERSON_WITH_EMAIL);
    json_end_array(&writer);
    statement_end(statement);
    return step == STEP_DONE;
}

bool person_add_unread(struct transaction *transaction, const char *user_id, int64_t difference,
                       int64_t *total, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_PERSON_ADD_UNREAD);

    bind_integer(statement, 1, difference);
    bind_text(statement, 2, user_id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW && total != NULL)
        *total = column_integer(statement, 0);
    statement_end(statement);
    return step == STEP_ROW;
}

bool person_add_conversations(struct transaction *transaction, const char *user_id, int64_t active,
                              int64_t archived, struct error *error)
{
    struct statement *statement =
        statement_begin(transaction->connection, SQL_PERSON_ADD_CONVERSATIONS);

    bind_integer(statement, 1, active);
    bind_integer(statement, 2, archived);
    bind_text(statement, 3, user_id);
    return statement_run(statement, error);
}

bool person_totals(struct connection *connection, const char *user_id, struct person_totals *totals,
                   struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_PERSON_TOTALS);

    *totals = (struct person_totals){0};
    bind_text(statement, 1, user_id);
    enum step step = statement_step(statement, error);
    if (step == STEP_ROW)
        *totals = (struct person_totals){.unread = column_integer(statement, 0),
                                         .active = column_integer(statement, 1),
                                         .archived = column_integer(statement, 2)};
    statement_end(statement);
    return step != STEP_FAILED;
}

bool unread_state_run(struct connection *connection, struct unread_state *request,
                      struct error *error)
{
    struct person_totals totals;

    if (!person_totals(connection, request->user_id, &totals, error))
        return false;
    request->total = totals.unread;
    return outbox_newest(connection, &request->newest, error);
}
