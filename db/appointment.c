#include "db/appointment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/local_time.h"
#include "common/template.h"
#include "common/utf8.h"
#include "db/conversation_announcement.h"
#include "db/conversation_json.h"
#include "db/conversation_row.h"
#include "db/message_sending.h"
#include "db/person_private.h"
#include "templates/defaults.h"

/* ---- texts --------------------------------------------------------------------------------- */

enum text_kind {
    TEXT_PENDING,
    TEXT_CONFIRMED,
    TEXT_MOVED,
    TEXT_POSTPONED,
    TEXT_CANCELLED,
    TEXT_COMPLETED,
    TEXT_SUBJECT,
    TEXT_COUNT,
};

enum { FIRST_NAME, SALON, PRESTATION, LONG_DATE, SHORT_DATE, HOUR, VARIABLE_COUNT };

static const char *const variables[VARIABLE_COUNT] = {
    [FIRST_NAME] = "prenom",      [SALON] = "salon",
    [PRESTATION] = "prestation",  [LONG_DATE] = "date",
    [SHORT_DATE] = "date_courte", [HOUR] = "heure",
};

static const char *const files[TEXT_COUNT] = {
    [TEXT_PENDING] = "pending.txt",     [TEXT_CONFIRMED] = "confirmed.txt",
    [TEXT_MOVED] = "moved.txt",         [TEXT_POSTPONED] = "postponed.txt",
    [TEXT_CANCELLED] = "cancelled.txt", [TEXT_COMPLETED] = "completed.txt",
    [TEXT_SUBJECT] = "subject.txt",
};

struct appointment_texts {
    struct template *templates[TEXT_COUNT];
};

static struct template *parse_default(const char *file, struct error *error)
{
    const struct template_default *found = template_defaults;

    while (found->file != NULL && strcmp(found->file, file) != 0)
        found++;
    ASSERT(found->file != NULL);
    return template_parse(file, found->text, strlen(found->text), variables, VARIABLE_COUNT, error);
}

static struct template *load_text(const char *directory, const char *file, struct error *error)
{
    char path[CONFIG_TEXT_BYTES + 32];

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    /* A folder that may not be read is a mistake to tell of, not a text that is missing. */
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return template_load(path, variables, VARIABLE_COUNT, error);
    return parse_default(file, error);
}

struct appointment_texts *appointment_texts_load(const char *directory, struct error *error)
{
    struct appointment_texts *texts = calloc(1, sizeof(*texts));

    if (texts == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    for (int kind = 0; kind < TEXT_COUNT; kind++) {
        texts->templates[kind] = load_text(directory, files[kind], error);
        if (texts->templates[kind] == NULL) {
            appointment_texts_free(texts);
            return NULL;
        }
    }
    return texts;
}

void appointment_texts_free(struct appointment_texts *texts)
{
    if (texts == NULL)
        return;
    for (int kind = 0; kind < TEXT_COUNT; kind++)
        template_free(texts->templates[kind]);
    free(texts);
}

/* ---- rows ---------------------------------------------------------------------------------- */

struct appointment {
    const char *id;
    char salon_id[FOREIGN_ID_MAX_BYTES + 1];
    char client_user_id[FOREIGN_ID_MAX_BYTES + 1];
    char prestation[4 * PRESTATION_MAX_CHARACTERS + 1];
    int64_t start_ms;
    enum appointment_status status;
    int64_t version;                /* -1: none given so far */
    char conversation_id[ID_BYTES]; /* "" when it has been deleted */
};

static void read_row(struct statement *statement, struct appointment *row)
{
    column_copy(statement, 0, row->salon_id, sizeof(row->salon_id));
    column_copy(statement, 1, row->client_user_id, sizeof(row->client_user_id));
    column_copy(statement, 2, row->conversation_id, sizeof(row->conversation_id));
    column_copy(statement, 3, row->prestation, sizeof(row->prestation));
    row->start_ms = column_integer(statement, 4);
    row->status = APPOINTMENT_CONFIRMED;
    if (!column_is_null(statement, 5))
        appointment_status_parse(column_text(statement, 5), &row->status);
    row->version = column_is_null(statement, 6) ? -1 : column_integer(statement, 6);
}

/* *found tells whether there is one. */
static bool find(struct transaction *transaction, const char *id, struct appointment *row,
                 bool *found, struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_APPOINTMENT_FIND);

    *row = (struct appointment){.id = id};
    bind_text(statement, 1, id);
    enum step step = statement_step(statement, error);
    *found = step == STEP_ROW;
    if (*found)
        read_row(statement, row);
    statement_end(statement);
    return step != STEP_FAILED;
}

/* SQL_APPOINTMENT_INSERT and SQL_APPOINTMENT_UPDATE share their first parameters. */
static struct statement *begin_store(struct transaction *transaction, enum sql_id id,
                                     const struct appointment *row)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_integer(statement, 1, row->start_ms);
    bind_text(statement, 2, appointment_status_name(row->status));
    if (row->version >= 0)
        bind_integer(statement, 3, row->version);
    else
        bind_null(statement, 3);
    bind_integer(statement, 4, transaction->now_ms);
    bind_text(statement, 5, row->prestation);
    bind_text(statement, 6, row->id);
    return statement;
}

static bool insert(struct transaction *transaction, const struct appointment *row,
                   struct error *error)
{
    struct statement *statement = begin_store(transaction, SQL_APPOINTMENT_INSERT, row);

    bind_text(statement, 7, row->salon_id);
    bind_text(statement, 8, row->client_user_id);
    bind_integer(statement, 9, transaction->next_seq);
    return statement_run(statement, error);
}

static bool update(struct transaction *transaction, const struct appointment *row,
                   struct error *error)
{
    return statement_run(begin_store(transaction, SQL_APPOINTMENT_UPDATE, row), error);
}

/* ---- what people read ---------------------------------------------------------------------- */

static bool render(struct transaction *transaction, const struct appointment_texts *texts,
                   enum text_kind kind, const struct appointment *row, struct buffer *out,
                   struct error *error)
{
    struct buffer first_name = BUFFER_EMPTY;
    struct buffer salon = BUFFER_EMPTY;
    char long_date[LOCAL_TIME_TEXT_BYTES];
    char short_date[LOCAL_TIME_TEXT_BYTES];
    char hour[LOCAL_TIME_TEXT_BYTES];

    local_time_long_date(row->start_ms, long_date);
    local_time_short_date(row->start_ms, short_date);
    local_time_hour(row->start_ms, hour);
    bool succeeded = person_append_first_name(transaction->connection, row->client_user_id,
                                              &first_name, error) &&
                     person_append_name(transaction->connection, row->salon_id, &salon, error);
    if (succeeded && salon.length == 0)
        buffer_append_text(&salon, "le salon");
    if (succeeded && !first_name.failed && !salon.failed) {
        const struct template_variable values[VARIABLE_COUNT] = {
            [FIRST_NAME] = {variables[FIRST_NAME], buffer_text(&first_name)},
            [SALON] = {variables[SALON], buffer_text(&salon)},
            [PRESTATION] = {variables[PRESTATION], row->prestation},
            [LONG_DATE] = {variables[LONG_DATE], long_date},
            [SHORT_DATE] = {variables[SHORT_DATE], short_date},
            [HOUR] = {variables[HOUR], hour},
        };
        template_render(texts->templates[kind], values, out);
    }
    if (succeeded && (first_name.failed || salon.failed || buffer_text(out) == NULL))
        succeeded = error_out_of_memory(error);
    buffer_free(&first_name);
    buffer_free(&salon);
    return succeeded;
}

static bool send_text(struct transaction *transaction, const struct appointment_texts *texts,
                      enum text_kind kind, const struct appointment *row,
                      struct conversation *conversation, struct error *error)
{
    struct buffer content = BUFFER_EMPTY;
    bool succeeded = render(transaction, texts, kind, row, &content, error) &&
                     message_send_system(transaction, conversation, buffer_text(&content), error);

    buffer_free(&content);
    return succeeded;
}

/* Bytes of the first `characters` characters of a valid text, or of all of it. */
static size_t prefix_bytes(const char *text, size_t characters)
{
    size_t bytes = 0;

    while (characters-- > 0 && text[bytes] != '\0')
        bytes += utf8_sequence_length(text + bytes, strlen(text + bytes));
    return bytes;
}

/* Puts an ellipsis in the place of the last characters. */
static void shorten(char *text, size_t size, size_t characters)
{
    size_t count = utf8_count(text);
    size_t keep = prefix_bytes(text, count > characters ? count - characters : 0);

    snprintf(text + keep, size - keep, "…");
}

/* The subject with the appointment's date, at most as long as a subject may be: it is the name of
 * the service that gives way. */
static bool render_subject(struct transaction *transaction, const struct appointment_texts *texts,
                           const struct appointment *row, struct buffer *subject,
                           struct error *error)
{
    struct appointment shown = *row;

    if (!render(transaction, texts, TEXT_SUBJECT, row, subject, error))
        return false;
    size_t count = utf8_count(buffer_text(subject));
    if (count <= SUBJECT_MAX_CHARACTERS)
        return true;
    shorten(shown.prestation, sizeof(shown.prestation), count - SUBJECT_MAX_CHARACTERS + 1);
    buffer_clear(subject);
    if (!render(transaction, texts, TEXT_SUBJECT, &shown, subject, error))
        return false;
    subject->length = prefix_bytes(buffer_text(subject), SUBJECT_MAX_CHARACTERS);
    return buffer_text(subject) != NULL || error_out_of_memory(error);
}

/* A subject that is still ours follows the appointment. */
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
                              const struct appointment_texts *texts, enum text_kind kind,
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

static enum text_kind text_of_status(enum appointment_status status)
{
    switch (status) {
    case APPOINTMENT_PENDING:
        return TEXT_PENDING;
    case APPOINTMENT_RESCHEDULED:
        return TEXT_MOVED;
    case APPOINTMENT_CANCELLED:
        return TEXT_CANCELLED;
    case APPOINTMENT_COMPLETED:
        return TEXT_COMPLETED;
    case APPOINTMENT_CONFIRMED:
        break;
    }
    return TEXT_CONFIRMED;
}

/* ---- a change ------------------------------------------------------------------------------ */

/* Lays the change over *row, `prestation` too unless it is NULL. False when it is old, known, or
 * says what is so already. */
static bool apply(const struct appointment_change_input *change, const char *prestation,
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

/* What the change from one to the other is told with; TEXT_COUNT when there is nothing to tell. A
 * new status says more than a new date, which its text has too. An appointment that was rescheduled
 * to no date is not told as moved to the one that it had. */
static enum text_kind text_of_change(const struct appointment *before,
                                     const struct appointment *after,
                                     const struct appointment_change_input *change)
{
    if (after->status == before->status)
        return after->start_ms != before->start_ms ? TEXT_MOVED : TEXT_COUNT;
    if (after->status == APPOINTMENT_RESCHEDULED && !change->has_start)
        return TEXT_POSTPONED;
    return text_of_status(after->status);
}

/* The conversation of a known appointment, made anew with a text of that kind if it was deleted. */
static bool load_or_open(struct transaction *transaction, const struct appointment_texts *texts,
                         enum text_kind kind, const struct appointment *row,
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
    enum text_kind kind = text_of_change(before, after, change);

    return update(transaction, after, error) &&
           follow_subject(transaction, texts, before, after, conversation, error) &&
           (kind == TEXT_COUNT || send_text(transaction, texts, kind, after, conversation, error));
}

/* What is said of an appointment that is there already. */
struct news {
    const struct appointment_change_input *change;
    const char *prestation; /* or NULL: stays as it is */
    bool is_appointment;    /* which has a conversation in any case, also when it was deleted */
    const struct appointment_texts *texts;
    struct buffer *json; /* result: the Conversation; empty when it was deleted and stays so */
    bool opened;         /* result: it was made just now */
};

static bool change_known(struct transaction *transaction, struct appointment *row,
                         struct news *news, struct error *error)
{
    struct conversation conversation;
    const struct appointment before = *row;
    bool is_new = apply(news->change, news->prestation, row);
    enum text_kind kind = text_of_change(&before, row, news->change);

    /* The salon deleted it: what was told before brings it back no more. */
    if (row->conversation_id[0] == '\0' && !is_new && !news->is_appointment)
        return true;
    if (!load_or_open(transaction, news->texts,
                      kind != TEXT_COUNT ? kind : text_of_status(row->status), row, &conversation,
                      &news->opened, error))
        return false;
    /* A conversation that was made just now tells the new state already. */
    if (is_new && !(news->opened ? update(transaction, row, error)
                                 : store_change(transaction, news->texts, &before, row,
                                                news->change, &conversation, error)))
        return false;
    return write_conversation(transaction, &conversation, news->json, error);
}

/* ---- changes that came before their appointment -------------------------------------------- */

/* Binds what SQL_EARLY_CHANGE_KNOWN and SQL_EARLY_CHANGE_INSERT have in common. */
static struct statement *begin_early(struct transaction *transaction, enum sql_id id,
                                     const char *appointment_id,
                                     const struct appointment_change_input *input)
{
    struct statement *statement = statement_begin(transaction->connection, id);

    bind_text(statement, 1, appointment_id);
    bind_integer(statement, 2, input->has_version ? input->version : -1);
    if (input->has_start)
        bind_integer(statement, 3, input->start_ms);
    bind_text(statement, 4, input->has_status ? appointment_status_name(input->status) : NULL);
    return statement;
}

/* Whether a statement has a row, whose first column becomes *number. */
static bool read_number(struct statement *statement, bool *found, int64_t *number,
                        struct error *error)
{
    enum step step = statement_step(statement, error);

    *found = step == STEP_ROW;
    if (*found)
        *number = column_integer(statement, 0);
    statement_end(statement);
    return step != STEP_FAILED;
}

/* A change that is kept already (its version is, or it repeats the last one without) is not kept
 * again. */
static bool keep_early(struct transaction *transaction, const char *appointment_id,
                       const struct appointment_change_input *input, struct error *error)
{
    int64_t kept = 0;
    bool found;

    if (!read_number(begin_early(transaction, SQL_EARLY_CHANGE_KNOWN, appointment_id, input),
                     &found, &kept, error))
        return false;
    if (found)
        return true;
    struct statement *statement = statement_begin(transaction->connection, SQL_EARLY_CHANGE_COUNT);
    bind_text(statement, 1, appointment_id);
    if (!read_number(statement, &found, &kept, error))
        return false;
    if (kept >= EARLY_CHANGES_MAX)
        return error_add(error, "appointmentId",
                         "trop de changements (%d) pour un rendez-vous inconnu", EARLY_CHANGES_MAX);
    statement = begin_early(transaction, SQL_EARLY_CHANGE_INSERT, appointment_id, input);
    bind_integer(statement, 5, kept);
    bind_integer(statement, 6, transaction->now_ms);
    return statement_run(statement, error);
}

static struct appointment_change_input read_early(struct statement *statement)
{
    struct appointment_change_input input = {
        .has_version = column_integer(statement, 0) >= 0,
        .version = column_integer(statement, 0),
        .has_start = !column_is_null(statement, 1),
        .start_ms = column_integer(statement, 1),
    };

    input.has_status = !column_is_null(statement, 2) &&
                       appointment_status_parse(column_text(statement, 2), &input.status);
    return input;
}

/* Applies what was kept, oldest version first, and forgets it. */
static bool apply_early(struct transaction *transaction, struct appointment *row,
                        const struct appointment_texts *texts, struct conversation *conversation,
                        struct error *error)
{
    struct statement *statement = statement_begin(transaction->connection, SQL_EARLY_CHANGES);
    enum step step;

    bind_text(statement, 1, row->id);
    while ((step = statement_step(statement, error)) == STEP_ROW) {
        const struct appointment_change_input input = read_early(statement);
        const struct appointment before = *row;
        if (apply(&input, NULL, row) &&
            !store_change(transaction, texts, &before, row, &input, conversation, error))
            break;
    }
    statement_end(statement);
    if (step != STEP_DONE)
        return false;
    statement = statement_begin(transaction->connection, SQL_EARLY_CHANGES_DELETE);
    bind_text(statement, 1, row->id);
    return statement_run(statement, error);
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

static bool set_people(struct transaction *transaction, const struct appointment_create *request,
                       struct error *error)
{
    const struct appointment_input *input = request->input;
    const char *salon_role = config_first_role(&request->config->auth_salon_roles, "salon");
    const char *client_role = config_first_role(&request->config->auth_client_roles, "client");

    return person_take(transaction, input->salon_id, &input->salon, salon_role, error) &&
           require_salon_side(transaction, request, error) &&
           person_take(transaction, input->client_user_id, &input->client, client_role, error);
}

static bool create_new(struct transaction *transaction, struct appointment_create *request,
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
    return set_people(transaction, request, error) && insert(transaction, &row, error) &&
           open_conversation(transaction, request->texts, text_of_status(row.status), &row,
                             &conversation, error) &&
           apply_early(transaction, &row, request->texts, &conversation, error) &&
           write_conversation(transaction, &conversation, request->json, error);
}

/* A repeated appointment changes nothing, unless its version says that it is news. */
static bool create_again(struct transaction *transaction, struct appointment_create *request,
                         struct appointment *row, struct error *error)
{
    const struct appointment_input *input = request->input;
    const struct appointment_change_input nothing = {0};
    bool is_new = input->state.has_version && input->state.version > row->version;
    struct news news = {.change = is_new ? &input->state : &nothing,
                        .prestation = is_new ? input->prestation : NULL,
                        .is_appointment = true,
                        .texts = request->texts,
                        .json = request->json};

    if (strcmp(row->salon_id, input->salon_id) != 0 ||
        strcmp(row->client_user_id, input->client_user_id) != 0)
        return error_add(error, "appointmentId",
                         "ce rendez-vous existe déjà avec d'autres personnes");
    bool succeeded = (!is_new || set_people(transaction, request, error)) &&
                     change_known(transaction, row, &news, error);
    request->existed = succeeded && !news.opened;
    return succeeded;
}

bool appointment_create_run(struct transaction *transaction, struct appointment_create *request,
                            struct error *error)
{
    struct appointment row;
    bool found;

    request->existed = false;
    if (!find(transaction, request->input->appointment_id, &row, &found, error))
        return false;
    return found ? create_again(transaction, request, &row, error)
                 : create_new(transaction, request, error);
}

bool appointment_change_run(struct transaction *transaction, struct appointment_change *request,
                            struct error *error)
{
    struct news news = {.change = request->input, .texts = request->texts, .json = request->json};
    struct appointment row;
    bool found;

    if (!find(transaction, request->appointment_id, &row, &found, error))
        return false;
    request->is_early = !found;
    if (!found)
        return keep_early(transaction, request->appointment_id, request->input, error);
    return change_known(transaction, &row, &news, error);
}
