#include "db/recovery.h"

#include <string.h>

#include "common/event.h"
#include "db/announcement.h"
#include "db/engine/outbox_reader.h"
#include "db/person.h"

/* ---- life of a recovery -------------------------------------------------------------------- */

/* Looks first: the deletion alone costs as much as all the rest of a connect. */
static bool prune_recoveries(struct transaction *transaction, struct error *error)
{
    int64_t oldest_ms = transaction->now_ms - transaction->outbox_retention_ms;
    struct statement *statement = statement_begin(transaction->connection, SQL_RECOVERY_OLD);

    bool has_old;

    bind_integer(statement, 1, oldest_ms);
    if (!statement_has_row(statement, &has_old, error))
        return false;
    if (!has_old)
        return true;
    statement = statement_begin(transaction->connection, SQL_RECOVERY_PRUNE);
    bind_integer(statement, 1, oldest_ms);
    bind_integer(statement, 2, RECOVERY_PRUNE_ROWS);
    return statement_run(statement, error);
}

static bool prune_excess(struct transaction *transaction, const struct recovery_open *request,
                         struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_RECOVERY_EXCESS);
    bool has_excess;

    bind_text(statement, 1, request->claims->user_id);
    bind_integer(statement, 2, request->max_away);
    if (!statement_has_row(statement, &has_excess, error))
        return false;
    if (!has_excess)
        return true;
    statement = statement_begin(transaction->connection, SQL_RECOVERY_PRUNE_EXCESS);
    bind_text(statement, 1, request->claims->user_id);
    bind_integer(statement, 2, RECOVERY_EXCESS_ROWS);
    bind_integer(statement, 3, request->max_away);
    return statement_run(statement, error);
}

bool recovery_suspend_run(struct transaction *transaction, struct recovery_reference *request,
                          struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_RECOVERY_SUSPEND);

    bind_integer(statement, 1, transaction->now_ms);
    bind_text(statement, 2, request->pid);
    return statement_run(statement, error);
}

bool recovery_close_run(struct transaction *transaction, struct recovery_reference *request,
                        struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_RECOVERY_DELETE);

    bind_text(statement, 1, request->pid);
    return statement_run(statement, error);
}

/* Appends who is in `user_ids`, each with their name. */
static bool name_people(struct connection *connection, const struct buffer *user_ids,
                        struct buffer *people, struct error *error)
{
    struct buffer name = BUFFER_EMPTY;
    const char *id = user_ids->data;
    bool succeeded = true;

    while (succeeded && id != NULL && id < user_ids->data + user_ids->length) {
        buffer_clear(&name);
        succeeded = contact_append_name(connection, id, &name, error);
        if (succeeded) {
            buffer_append(people, id, strlen(id) + 1);
            buffer_append(people, buffer_text(&name), name.length + 1);
        }
        id += strlen(id) + 1;
    }
    buffer_free(&name);
    return succeeded && (!people->failed || error_out_of_memory(error));
}

bool recovery_abandon_run(struct transaction *transaction, struct recovery_abandon *request,
                          struct error *error)
{
    struct statement *statement =
        statement_begin(transaction->connection, SQL_RECOVERY_CONNECTED_USERS);

    bind_integer(statement, 1, request->before_ms);
    struct buffer user_ids = BUFFER_EMPTY;
    bool are_known = statement_append_texts(statement, "", &user_ids, error) &&
                     name_people(transaction->connection, &user_ids, request->people, error);
    buffer_free(&user_ids);
    if (!are_known)
        return false;
    statement = statement_begin(transaction->connection, SQL_RECOVERY_SUSPEND_ALL);
    bind_integer(statement, 1, transaction->now_ms);
    bind_integer(statement, 2, request->before_ms);
    return statement_run(statement, error);
}

/* ---- coming back --------------------------------------------------------------------------- */

/* Whether there is such a recovery of that user. */
static bool find_recovery(struct connection *connection, struct recovery_resume *request,
                          bool *found, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_RECOVERY_FIND);

    bind_text(statement, 1, request->pid);
    enum step step = statement_step(statement, error);
    *found = step == STEP_ROW && strcmp(column_text(statement, 1), request->user_id) == 0;
    if (*found) {
        strncpy(request->sid, column_text(statement, 0), RECOVERY_ID_MAX_BYTES);
        request->sid[RECOVERY_ID_MAX_BYTES] = '\0';
    }
    statement_end(statement);
    return step != STEP_FAILED;
}

/* Whether the user is still in all rooms, and was shown their history before they left: without
 * it, the events alone would leave a gap. */
static bool check_rooms(struct connection *connection, const struct recovery_resume *request,
                        bool *fine, struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_RECOVERY_LOST_ROOM);

    bind_text(statement, 1, request->user_id);
    bind_text(statement, 2, request->pid);
    bind_integer(statement, 3, request->offset);
    bool is_lost;
    bool succeeded = statement_has_row(statement, &is_lost, error);
    *fine = !is_lost;
    return succeeded;
}

static bool list_audiences(struct connection *connection, struct recovery_resume *request,
                           struct error *error)
{
    char audience[EVENT_AUDIENCE_BYTES];
    struct statement *statement = statement_begin(connection, SQL_RECOVERY_ROOMS);

    event_audience_user(request->user_id, audience);
    buffer_append(&request->audiences, audience, strlen(audience) + 1);
    bind_text(statement, 1, request->pid);
    event_audience_room("", audience);
    return statement_append_texts(statement, audience, &request->audiences, error);
}

static bool count_missed(struct connection *connection, struct recovery_resume *request, bool *fine,
                         struct error *error)
{
    const struct outbox_read_missed missed = {.audiences = &request->audiences,
                                              .after = request->offset,
                                              .until = request->newest,
                                              .limit = RECOVERY_EVENTS_MAX + 1};

    if (!outbox_count_missed(connection, &missed, &request->missed, error))
        return false;
    *fine = request->missed <= RECOVERY_EVENTS_MAX;
    return true;
}

bool recovery_resume_run(struct connection *connection, struct recovery_resume *request,
                         struct error *error)
{
    char timeline[TIMELINE_BYTES];
    bool fine;

    request->recovered = false;
    buffer_clear(&request->audiences);
    if (!outbox_read_timeline(connection, timeline, error) ||
        !outbox_newest(connection, &request->newest, error) ||
        !find_recovery(connection, request, &fine, error))
        return false;
    fine = fine && strcmp(request->timeline, timeline) == 0;
    if (fine &&
        !outbox_is_complete_after(connection, request->offset, request->newest, &fine, error))
        return false;
    if (fine && !check_rooms(connection, request, &fine, error))
        return false;
    if (!fine)
        return true;
    if (!list_audiences(connection, request, error) ||
        !count_missed(connection, request, &fine, error))
        return false;
    request->recovered = fine;
    return true;
}

/* ---- connecting ---------------------------------------------------------------------------- */

static bool store_recovery(struct transaction *transaction, const struct recovery_open *request,
                           struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_RECOVERY_STORE);
    bool goes_on = request->recover != NULL && request->recover->recovered;

    bind_text(statement, 1, goes_on ? request->recover->pid : request->pid);
    bind_text(statement, 2, goes_on ? request->recover->sid : request->sid);
    bind_text(statement, 3, request->claims->user_id);
    bind_integer(statement, 4, transaction->now_ms);
    return statement_run(statement, error);
}

bool recovery_visit_run(struct connection *connection, struct recovery_open *request,
                        struct error *error)
{
    buffer_clear(request->contacts.ids);
    buffer_clear(request->name);
    request->unread.user_id = request->claims->user_id;
    request->contacts.user_id = request->claims->user_id;
    return unread_state_run(connection, &request->unread, error) &&
           contact_list_run(connection, &request->contacts, error) &&
           contact_append_name(connection, request->claims->user_id, request->name, error);
}

/* The claims may have a name for who had none. */
static bool name_anew(struct connection *connection, const struct recovery_open *request,
                      struct error *error)
{
    buffer_clear(request->name);
    return contact_append_name(connection, request->claims->user_id, request->name, error);
}

bool recovery_open_run(struct transaction *transaction, struct recovery_open *request,
                       struct error *error)
{
    struct person_claims claims = {.claims = request->claims,
                                   .default_role = request->default_role,
                                   .now_ms = transaction->now_ms};

    /* Read before anything is written, in the one transaction: what a socket is told and what it
     * gets from then on leave no gap. */
    return (request->recover == NULL ||
            recovery_resume_run(transaction->connection, request->recover, error)) &&
           recovery_visit_run(transaction->connection, request, error) &&
           person_take_claims_run(transaction, &claims, error) &&
           name_anew(transaction->connection, request, error) &&
           store_recovery(transaction, request, error) &&
           prune_excess(transaction, request, error) && prune_recoveries(transaction, error);
}

/* ---- rooms --------------------------------------------------------------------------------- */

bool recovery_remember_room(struct transaction *transaction, const struct recovery_room *room,
                            int64_t seq, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_RECOVERY_ROOM_STORE);

    bind_text(statement, 1, room->conversation_id);
    bind_integer(statement, 2, seq);
    bind_text(statement, 3, room->pid);
    return statement_run(statement, error);
}

bool recovery_forget_room_run(struct transaction *transaction, struct recovery_room *request,
                              struct error *error)
{
    struct statement *statement =
        statement_begin(transaction->connection, SQL_RECOVERY_ROOM_DELETE);

    bind_text(statement, 1, request->pid);
    bind_text(statement, 2, request->conversation_id);
    return statement_run(statement, error);
}
