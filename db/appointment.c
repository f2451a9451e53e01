#include "db/appointment.h"

#include <stdio.h>
#include <string.h>

#include "common/grapheme.h"
#include "common/utf8.h"
#include "db/appointment_early.h"
#include "db/appointment_row.h"
#include "db/conversation_announcement.h"
#include "db/conversation_json.h"
#include "db/conversation_row.h"
#include "db/message_sending.h"
#include "db/person.h"
#include "db/person_row.h"

/* ---- what people read ---------------------------------------------------------------------- */

static bool render_text(struct transaction *transaction, const struct appointment_texts *texts,
                        enum appointment_text kind, const struct appointment *row,
                        struct buffer *out, struct error *error)
{
    struct buffer first_name = BUFFER_EMPTY;
    struct buffer salon = BUFFER_EMPTY;
    bool succeeded = person_append_first_name(transaction->connection, row->client_user_id,
                                              &first_name, error) &&
                     person_append_name(transaction->connection, row->salon_id, &salon, error);

    if (succeeded && salon.length == 0)
        buffer_append_text(&salon, "le salon");
    if (succeeded && (buffer_text(&first_name) == NULL || buffer_text(&salon) == NULL))
        succeeded = error_out_of_memory(error);
    if (succeeded) {
        const struct appointment_words words = {.first_name = buffer_text(&first_name),
                                                .salon = buffer_text(&salon),
                                                .prestation = row->prestation,
                                                .start_ms = row->start_ms};
        succeeded = appointment_texts_render(texts, kind, &words, out, error);
    }
    buffer_free(&first_name);
    buffer_free(&salon);
    return succeeded;
}

static bool send_text(struct transaction *transaction, const struct appointment_texts *texts,
                      enum appointment_text kind, const struct appointment *row,
                      struct conversation *conversation, struct error *error)
{
    struct buffer content = BUFFER_EMPTY;
    bool succeeded = render_text(transaction, texts, kind, row, &content, error) &&
                     message_send_system(transaction, conversation, buffer_text(&content), error);

    buffer_free(&content);
    return succeeded;
}

/* Puts an ellipsis in the place of the last characters, and of what was one grapheme with them. */
static void shorten(char *text, size_t size, size_t characters)
{
    size_t count = utf8_count(text);
    size_t keep = grapheme_prefix_bytes(text, count > characters ? count - characters : 0);

    snprintf(text + keep, size - keep, "…");
}

/* The subject with the appointment's date, at most as long as a subject may be: it is the name of
 * the service that gives way. */
static bool render_subject(struct transaction *transaction, const struct appointment_texts *texts,
                           const struct appointment *row, struct buffer *subject,
                           struct error *error)
{
    struct appointment shown = *row;

    if (!render_text(transaction, texts, APPOINTMENT_TEXT_SUBJECT, row, subject, error))
        return false;
    size_t count = utf8_count(buffer_text(subject));
    if (count <= SUBJECT_MAX_CHARACTERS)
        return true;
    shorten(shown.prestation, sizeof(shown.prestation), count - SUBJECT_MAX_CHARACTERS + 1);
    buffer_clear(subject);
    if (!render_text(transaction, texts, APPOINTMENT_TEXT_SUBJECT, &shown, subject, error))
        return false;
    subject->length = grapheme_prefix_bytes(buffer_text(subject), SUBJECT_MAX_CHARACTERS);
    return buffer_text(subject) != NULL || error_out_of_memory(error);
}

/* A subject that is still ours follows the appointment; what the salon has written itself stays.
 * Ours is what would be rendered from the appointment as it was before. */
static bool follow_subject(struct transaction *transaction, const struct appointment_texts *texts,
                           const struct appointment *before, const struct appointment *after,
                           struct conversation *conversation, struct error *error)
{
    struct buffer old_subject = BUFFER_EMPTY;
    struct buffer new_subject = BUFFER_EMPTY;
    bool succeeded = render_subject(transaction, texts, before, &old_subject, error) &&
                     render_subject(transaction, texts, after, &new_subject, error);

    if (succeeded && strcmp(buffer_text(&old_subject), conversation->subject) == 0 &&
        strcmp(buffer_text(&new_subject), conversation->subject) != 0) {
        snprintf(conversation->subject, sizeof(conversation->subject), "%s",
                 buffer_text(&new_subject));
        conversation->updated_at = transaction->now_ms;
        succeeded =
            conversation_row_store(transaction, conversation, conversation->status, NULL, error) &&
            announce_conversation(transaction, "conversation-updated", conversation, error);
    }
    buffer_free(&old_subject);
    buffer_free(&new_subject);
    return succeeded;
}

/* ---- the conversation ---------------------------------------------------------------------- */

static bool write_conversation(struct transaction *transaction,
                               const struct conversation *conversation, struct buffer *json,
                               struct error *error)
{
    const struct caller booking = {.user_id = "", .role = "service", .kind = CALLER_SERVICE};
    struct json_writer writer;

    if (json == NULL)
        return true;
    json_writer_init(&writer, json);
    return conversation_json_write(transaction->connection, &writer, conversation, &booking, NULL,
                                   error);
}

/* Tells the salon its count, which stays as it is: a page that was opened on a new conversation
 * needs no question. The client's comes with the message. */
static bool announce_salon_total(struct transaction *transaction, const char *salon_id,
                                 struct error *error)
{
    struct person_totals totals;

    return person_totals(transaction->connection, salon_id, &totals, error) &&
           announce_unread_total(transaction, salon_id, totals.unread, error);
}

/* Makes the appointment's conversation, with its first text. */
static bool open_conversation(struct transaction *transaction,
                              const struct appointment_texts *texts, enum appointment_text kind,
                              const struct appointment *row, struct conversation *conversation,
                              struct error *error)
{
    struct buffer subject = BUFFER_EMPTY;
    bool succeeded = render_subject(transaction, texts, row, &subject, error);

    if (succeeded) {
        const struct conversation_new fresh = {.salon_id = row->salon_id,
                                               .client_user_id = row->client_user_id,
                                               .appointment_id = row->id,
                                               .subject = buffer_text(&subject)};
        succeeded =
            conversation_row_insert(transaction, &fresh, conversation, error) &&
            send_text(transaction, texts, kind, row, conversation, error) &&
            announce_conversation(transaction, "conversation-created", conversation, error) &&
            announce_salon_total(transaction, row->salon_id, error);
    }
    buffer_free(&subject);
    return succeeded;
}

static enum appointment_text text_of_status(enum appointment_status status)
{
    switch (status) {
    case APPOINTMENT_PENDING:
        return APPOINTMENT_TEXT_PENDING;
    case APPOINTMENT_RESCHEDULED:
        return APPOINTMENT_TEXT_MOVED;
    case APPOINTMENT_CANCELLED:
        return APPOINTMENT_TEXT_CANCELLED;
    case APPOINTMENT_COMPLETED:
        return APPOINTMENT_TEXT_COMPLETED;
    case APPOINTMENT_CONFIRMED:
        break;
    }
    return APPOINTMENT_TEXT_CONFIRMED;
}

/* ---- a change ------------------------------------------------------------------------------ */

/* Lays the change over *row, `prestation` too unless it is NULL. False when it is old, known, or
 * says what is so already. */
static bool change_row(const struct appointment_change_input *change, const char *prestation,
                       struct appointment *row)
{
    if (change->has_version && change->version <= row->version)
        return false;
    const struct appointment before = *row;
    if (change->has_version)
        row->version = change->version;
    if (change->has_start)
        row->start_ms = change->start_ms;
    if (change->has_status)
        row->status = change->status;
    if (prestation != NULL)
        snprintf(row->prestation, sizeof(row->prestation), "%s", prestation);
    return row->version != before.version || row->start_ms != before.start_ms ||
           row->status != before.status || strcmp(row->prestation, before.prestation) != 0;
}

/* What the change from one to the other is told with; APPOINTMENT_TEXT_COUNT when there is nothing
 * to tell. A new status says more than a new date, which its text has too. An appointment that was
 * rescheduled to no date is not told as moved to the one that it had. */
static enum appointment_text text_of_change(const struct appointment *before,
                                            const struct appointment *after,
                                            const struct appointment_change_input *change)
{
    if (after->status == before->status)
        return after->start_ms != before->start_ms ? APPOINTMENT_TEXT_MOVED
                                                   : APPOINTMENT_TEXT_COUNT;
    if (after->status == APPOINTMENT_RESCHEDULED && !change->has_start)
        return APPOINTMENT_TEXT_POSTPONED;
    return text_of_status(after->status);
}

/* The conversation of a known appointment, made anew with a text of that kind if it was deleted. */
static bool find_or_open(struct transaction *transaction, const struct appointment_texts *texts,
                         enum appointment_text kind, const struct appointment *row,
                         struct conversation *conversation, bool *opened, struct error *error)
{
    *opened = row->conversation_id[0] == '\0';
    if (*opened)
        return open_conversation(transaction, texts, kind, row, conversation, error);
    return conversation_row_find(transaction->connection, row->conversation_id, conversation,
                                 error);
}

/* Stores the change and tells both sides. */
static bool store_change(struct transaction *transaction, const struct appointment_texts *texts,
                         const struct appointment *before, const struct appointment *after,
                         const struct appointment_change_input *change,
                         struct conversation *conversation, struct error *error)
{
    enum appointment_text kind = text_of_change(before, after, change);

    return appointment_row_update(transaction, after, error) &&
           follow_subject(transaction, texts, before, after, conversation, error) &&
           (kind == APPOINTMENT_TEXT_COUNT ||
            send_text(transaction, texts, kind, after, conversation, error));
}

/* What is said of an appointment that is there already. */
struct appointment_update {
    const struct appointment_change_input *change;
    const char *prestation; /* or NULL: stays as it is */
    bool is_appointment;    /* which has a conversation in any case, also when it was deleted */
    const struct appointment_texts *texts;
    struct buffer *json; /* result: the Conversation; empty when it was deleted and stays so */
    bool opened;         /* result: it was made just now */
};

static bool change_known(struct transaction *transaction, struct appointment *row,
                         struct appointment_update *update, struct error *error)
{
    struct conversation conversation;
    const struct appointment before = *row;
    bool is_new = change_row(update->change, update->prestation, row);
    enum appointment_text kind = text_of_change(&before, row, update->change);

    /* The salon deleted it: what was told before brings it back no more. */
    if (row->conversation_id[0] == '\0' && !is_new && !update->is_appointment)
        return true;
    if (!find_or_open(transaction, update->texts,
                      kind != APPOINTMENT_TEXT_COUNT ? kind : text_of_status(row->status), row,
                      &conversation, &update->opened, error))
        return false;
    /* A conversation that was made just now tells the new state already. */
    if (is_new && !(update->opened ? appointment_row_update(transaction, row, error)
                                   : store_change(transaction, update->texts, &before, row,
                                                  update->change, &conversation, error)))
        return false;
    return write_conversation(transaction, &conversation, update->json, error);
}

/* Takes over what was kept, and forgets it. */
static bool catch_up(struct transaction *transaction, struct appointment *row,
                     const struct appointment_texts *texts, struct conversation *conversation,
                     struct error *error)
{
    struct statement *statement = appointment_early_begin(transaction->connection, row->id);
    enum step step;

    while ((step = statement_step(statement, error)) == STEP_ROW) {
        const struct appointment_change_input input = appointment_early_read(statement);
        const struct appointment before = *row;
        if (change_row(&input, NULL, row) &&
            !store_change(transaction, texts, &before, row, &input, conversation, error))
            break;
    }
    statement_end(statement);
    return step == STEP_DONE && appointment_early_forget(transaction, row->id, error);
}

/* ---- operations ---------------------------------------------------------------------------- */

/* A client in the salon's place could archive and delete the conversation. (Somebody of a salon may
 * well be another salon's client.) */
static bool require_salon_side(struct transaction *transaction,
                               const struct appointment_create *request, struct error *error)
{
    char role[TOKEN_ROLE_BYTES];

    if (!person_role(transaction->connection, request->input->salon_id, "Salon introuvable", role,
                     error))
        return false;
    return token_role_kind(request->config, role) != CALLER_CLIENT ||
           error_add(error, "salonId", "cette personne est un client");
}

static bool set_person(struct transaction *transaction, const char *user_id,
                       const struct person_input *fields, const char *default_role,
                       struct error *error)
{
    struct person_set set = {.user_id = user_id, .fields = *fields, .default_role = default_role};

    return person_set_run(transaction, &set, error);
}

static bool set_people(struct transaction *transaction, const struct appointment_create *request,
                       struct error *error)
{
    const struct appointment_input *input = request->input;
    const char *salon_role = config_first_role(&request->config->auth_salon_roles, "salon");
    const char *client_role = config_first_role(&request->config->auth_client_roles, "client");

    return set_person(transaction, input->salon_id, &input->salon, salon_role, error) &&
           require_salon_side(transaction, request, error) &&
           set_person(transaction, input->client_user_id, &input->client, client_role, error);
}

static bool create_appointment(struct transaction *transaction, struct appointment_create *request,
                               struct error *error)
{
    const struct appointment_input *input = request->input;
    struct appointment row = {.id = input->appointment_id,
                              .start_ms = input->state.start_ms,
                              .status = input->state.status,
                              .version = input->state.has_version ? input->state.version : -1};
    struct conversation conversation;

    snprintf(row.salon_id, sizeof(row.salon_id), "%s", input->salon_id);
    snprintf(row.client_user_id, sizeof(row.client_user_id), "%s", input->client_user_id);
    snprintf(row.prestation, sizeof(row.prestation), "%s", input->prestation);
    return set_people(transaction, request, error) &&
           appointment_row_insert(transaction, &row, error) &&
           open_conversation(transaction, request->texts, text_of_status(row.status), &row,
                             &conversation, error) &&
           catch_up(transaction, &row, request->texts, &conversation, error) &&
           write_conversation(transaction, &conversation, request->json, error);
}

/* A repeated appointment changes nothing, unless its version says that it is new. */
static bool repeat_appointment(struct transaction *transaction, struct appointment_create *request,
                               struct appointment *row, struct error *error)
{
    const struct appointment_input *input = request->input;
    const struct appointment_change_input nothing = {0};
    bool is_new = input->state.has_version && input->state.version > row->version;
    struct appointment_update update = {.change = is_new ? &input->state : &nothing,
                                        .prestation = is_new ? input->prestation : NULL,
                                        .is_appointment = true,
                                        .texts = request->texts,
                                        .json = request->json};

    if (strcmp(row->salon_id, input->salon_id) != 0 ||
        strcmp(row->client_user_id, input->client_user_id) != 0)
        return error_add(error, "appointmentId",
                         "ce rendez-vous existe déjà avec d'autres personnes");
    bool succeeded = (!is_new || set_people(transaction, request, error)) &&
                     change_known(transaction, row, &update, error);
    request->existed = succeeded && !update.opened;
    return succeeded;
}

bool appointment_create_run(struct transaction *transaction, struct appointment_create *request,
                            struct error *error)
{
    struct appointment row;
    bool found;

    request->existed = false;
    if (!appointment_row_find(transaction->connection, request->input->appointment_id, &row, &found,
                              error))
        return false;
    return found ? repeat_appointment(transaction, request, &row, error)
                 : create_appointment(transaction, request, error);
}

bool appointment_change_run(struct transaction *transaction, struct appointment_change *request,
                            struct error *error)
{
    struct appointment_update update = {
        .change = request->input, .texts = request->texts, .json = request->json};
    struct appointment row;
    bool found;

    if (!appointment_row_find(transaction->connection, request->appointment_id, &row, &found,
                              error))
        return false;
    request->is_early = !found;
    if (!found)
        return appointment_early_keep(transaction, request->appointment_id, request->input, error);
    return change_known(transaction, &row, &update, error);
}
