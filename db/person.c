#include "db/person.h"
#include "common/assert.h"

#include <string.h>

#include "db/engine/outbox_reader.h"
#include "db/erasure_text.h"
#include "db/person_json.h"
#include "db/person_row.h"

/* ---- what the booking back-end says -------------------------------------------------------- */

static void take_fields(const struct person_input *from, const char *to[PERSON_FIELD_COUNT])
{
    to[PERSON_ROLE] = from->role;
    to[PERSON_FIRST_NAME] = from->first_name;
    to[PERSON_LAST_NAME] = from->last_name;
    to[PERSON_SALON_NAME] = from->salon_name;
    to[PERSON_IMAGE] = from->image;
    to[PERSON_EMAIL] = from->email;
}

static bool same_text(const char *one, const char *other)
{
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* Lays the given fields over *row. True when that changes something. */
static bool set_fields(const char *const given[PERSON_FIELD_COUNT], struct person_row *row)
{
    bool changes = false;

    for (int field = 0; field < PERSON_FIELD_COUNT; field++) {
        if (given[field] == NULL)
            continue;
        const char *text = given[field][0] != '\0' ? given[field] : NULL;
        changes = changes || !same_text(row->fields[field], text) ||
                  (row->booked_fields & person_field_bit(field)) == 0;
        row->fields[field] = text;
        row->booked_fields |= person_field_bit(field);
    }
    return changes;
}

static bool insert_given(struct transaction *transaction,
                         const char *const given[PERSON_FIELD_COUNT], const char *default_role,
                         struct person_row *row, struct error *error)
{
    set_fields(given, row);
    if (row->fields[PERSON_ROLE] == NULL)
        row->fields[PERSON_ROLE] = default_role;
    if (row->fields[PERSON_ROLE] == NULL)
        return error_add(error, "role", "le rôle est obligatoire pour une nouvelle personne");
    return person_row_insert(transaction, row, error);
}

/* `statement` stands on the row, whose texts are borrowed meanwhile. */
static bool update_given(struct transaction *transaction, struct statement *statement,
                         const char *const given[PERSON_FIELD_COUNT], struct person_row *row,
                         struct error *error)
{
    bool was_erased = !column_is_null(statement, PERSON_ERASED_AT);

    row->booked_fields = column_integer(statement, PERSON_BOOKED_FIELDS);
    row->claims_issued_at = column_integer(statement, PERSON_CLAIMS_ISSUED_AT);
    for (int field = 0; field < PERSON_FIELD_COUNT; field++)
        row->fields[field] = column_text(statement, field);
    /* Nothing is written when nothing changes: the booking back-end tells of the same people with
     * every appointment. */
    if (!set_fields(given, row) && !was_erased)
        return true;
    return person_row_update(transaction, row, error);
}

/* Who is put again is somebody new, whose names are not to go with those that are being erased.
 * That takes some seconds at most. */
static bool is_free(struct connection *connection, const char *user_id, struct error *error)
{
    bool is_under_way = false;

    return erasure_is_under_way(connection, user_id, &is_under_way, error) &&
           (!is_under_way || error_unavailable(error, "%s is still being erased", user_id));
}

bool person_set_run(struct transaction *transaction, struct person_set *set, struct error *error)
{
    const char *given[PERSON_FIELD_COUNT];
    struct person_row row = {.user_id = set->user_id};
    bool succeeded = false;

    if (set->fields.role != NULL && set->fields.role[0] == '\0')
        return error_add(error, "role", "le rôle ne peut pas être vide");
    struct statement *statement = person_row_begin(transaction->connection, set->user_id);
    enum step step = statement_step(statement, error);
    take_fields(&set->fields, given);
    if (step == STEP_DONE)
        succeeded = insert_given(transaction, given, set->default_role, &row, error);
    else if (step == STEP_ROW)
        succeeded = is_free(transaction->connection, set->user_id, error) &&
                    update_given(transaction, statement, given, &row, error);
    statement_end(statement);
    return succeeded;
}

/* ---- what tokens say ----------------------------------------------------------------------- */

/* What is to be done with a token's claims. */
enum claims_action { CLAIMS_FAILED, CLAIMS_KEEP, CLAIMS_INSERT, CLAIMS_UPDATE };

static const char *claim(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void take_claims(const struct person_claims *request, const char *to[PERSON_FIELD_COUNT])
{
    const struct token_claims *claims = request->claims;

    to[PERSON_ROLE] = claim(claims->role);
    to[PERSON_FIRST_NAME] = claim(claims->first_name);
    to[PERSON_LAST_NAME] = claim(claims->last_name);
    to[PERSON_SALON_NAME] = claim(claims->salon_name);
    /* Tokens are signed, but what stands in them may have been typed by their owner. */
    to[PERSON_IMAGE] = http_url_is_valid(claims->image) ? claims->image : NULL;
    to[PERSON_EMAIL] = claim(claims->email);
}

/* Lays the claims over the row, where the booking back-end has not set the field. True when that
 * changes something. */
static bool merge_claims(struct statement *statement, const char *const claims[PERSON_FIELD_COUNT],
                         struct person_row *row)
{
    bool changes = false;

    row->booked_fields = column_integer(statement, PERSON_BOOKED_FIELDS);
    for (int field = 0; field < PERSON_FIELD_COUNT; field++) {
        const char *present = column_text(statement, field);
        row->fields[field] = present;
        if (claims[field] == NULL || (row->booked_fields & person_field_bit(field)) != 0)
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
                                      struct person_row *row, struct error *error)
{
    const char *claims[PERSON_FIELD_COUNT];
    int64_t issued_at = request->claims->issued_at_ms;

    if (request->claims->kind == CALLER_SERVICE)
        return CLAIMS_KEEP;
    take_claims(request, claims);
    /* A date in the future (a wrong unit, say) would keep out every later token. */
    *row = (struct person_row){.user_id = request->claims->user_id,
                               .claims_issued_at = issued_at < now_ms ? issued_at : now_ms};
    switch (statement_step(statement, error)) {
    case STEP_DONE:
        memcpy(row->fields, claims, sizeof(claims));
        if (row->fields[PERSON_ROLE] == NULL)
            row->fields[PERSON_ROLE] = request->default_role;
        return CLAIMS_INSERT;
    case STEP_ROW:
        break;
    default:
        return CLAIMS_FAILED;
    }
    if (!column_is_null(statement, PERSON_ERASED_AT) ||
        row->claims_issued_at <= column_integer(statement, PERSON_CLAIMS_ISSUED_AT))
        return CLAIMS_KEEP;
    return merge_claims(statement, claims, row) ? CLAIMS_UPDATE : CLAIMS_KEEP;
}

bool person_claims_need_write_run(struct connection *connection, struct person_claims *request,
                                  struct error *error)
{
    struct person_row row;
    struct statement *statement = person_row_begin(connection, request->claims->user_id);
    enum claims_action action = plan_claims(statement, request, request->now_ms, &row, error);

    statement_end(statement);
    request->must_write = action == CLAIMS_INSERT || action == CLAIMS_UPDATE;
    return action != CLAIMS_FAILED;
}

bool person_take_claims_run(struct transaction *transaction, struct person_claims *request,
                            struct error *error)
{
    struct person_row row;
    struct statement *statement =
        person_row_begin(transaction->connection, request->claims->user_id);
    bool succeeded = true;

    switch (plan_claims(statement, request, request->now_ms, &row, error)) {
    case CLAIMS_FAILED:
        succeeded = false;
        break;
    case CLAIMS_KEEP:
        break;
    case CLAIMS_INSERT:
        succeeded = person_row_insert(transaction, &row, error);
        break;
    case CLAIMS_UPDATE:
        succeeded = person_row_update(transaction, &row, error);
        break;
    }
    statement_end(statement);
    return succeeded;
}

/* ---- queries ------------------------------------------------------------------------------- */

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

bool person_find_run(struct connection *connection, struct person_find *request,
                     struct error *error)
{
    struct json_writer writer;
    struct statement *statement = person_row_begin(connection, request->user_id);
    enum step step = statement_step(statement, error);
    bool found = step == STEP_ROW && column_is_null(statement, PERSON_ERASED_AT);

    if (found) {
        json_writer_init(&writer, request->json);
        person_json_write_row(statement, &writer, request->user_id, PERSON_WITH_EMAIL);
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
        person_json_write_row(statement, &writer, column_text(statement, PERSON_FIELD_COUNT),
                              PERSON_WITH_EMAIL);
    json_end_array(&writer);
    statement_end(statement);
    return step == STEP_DONE;
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

bool unread_totals_run(struct connection *connection, struct unread_totals *request,
                       struct error *error)
{
    const struct buffer *ids = request->user_ids;
    struct person_totals totals;
    size_t count = 0;

    for (const char *id = ids->data; id < ids->data + ids->length; id += strlen(id) + 1) {
        ASSERT(count < UNREAD_TOTALS_MAX);
        if (!person_totals(connection, id, &totals, error))
            return false;
        request->totals[count++] = totals.unread;
    }
    return outbox_newest(connection, &request->newest, error);
}
