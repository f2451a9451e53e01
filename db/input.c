#include "db/input.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/utf8.h"

/* The name of a field as clients know it, e.g. "attachments.4.uploadThingKey", with its NUL. */
#define FIELD_BYTES 64

#define PORT_MAX 65535

const char *const input_members[] = {INPUT_MEMBERS, NULL};

static const char *const message_type_names[] = {
    [MESSAGE_TEXT] = "TEXT",
    [MESSAGE_IMAGE] = "IMAGE",
    [MESSAGE_FILE] = "FILE",
    [MESSAGE_SYSTEM] = "SYSTEM",
};

static const char *const conversation_status_names[] = {
    [CONVERSATION_ACTIVE] = "ACTIVE",
    [CONVERSATION_ARCHIVED] = "ARCHIVED",
};

const char *message_type_name(enum message_type type)
{
    return message_type_names[type];
}

const char *conversation_status_name(enum conversation_status status)
{
    return conversation_status_names[status];
}

/* The index of text among names, or count. */
static size_t find_name(const char *text, const char *const *names, size_t count)
{
    size_t i = 0;

    while (i < count && strcmp(text, names[i]) != 0)
        i++;
    return i;
}

bool conversation_status_parse(const char *text, enum conversation_status *status)
{
    const size_t count = sizeof(conversation_status_names) / sizeof(conversation_status_names[0]);
    size_t found = find_name(text, conversation_status_names, count);

    if (found == count)
        return false;
    *status = (enum conversation_status)found;
    return true;
}

static bool body_is_object(struct json_object *body, struct error *error)
{
    if (json_object_is_type(body, json_type_object))
        return true;
    return error_add(error, "body", "doit être un objet JSON");
}

/* What a text must be. */
struct text_rule {
    const char *key;
    bool is_required;
    size_t minimum_characters;
    size_t maximum_characters;
    bool may_be_blank;
};

/* Checks a text that is there. */
static bool check_text(const char *field, const char *text, const struct text_rule *rule,
                       struct error *error)
{
    size_t count = utf8_count(text);
    bool is_valid = true;

    if (count < rule->minimum_characters || count > rule->maximum_characters)
        is_valid = error_add(error, field, "le texte doit avoir de %zu à %zu caractères",
                             rule->minimum_characters, rule->maximum_characters);
    if (count > 0 && !rule->may_be_blank && utf8_is_blank(text))
        is_valid = error_add(error, field, "le texte ne doit pas être fait que de blancs");
    return is_valid;
}

/* The text of the member `key`, named `field` in sentences; NULL when it is absent or breaks a
 * rule, which has then been added to *error. */
static const char *read_any_text(struct json_object *object, const char *key, const char *field,
                                 bool is_required, struct error *error)
{
    struct json_object *value = json_get(object, key);
    const char *text = json_text(value);

    if (value == NULL && is_required)
        error_add(error, field, "ce champ est obligatoire");
    if (value != NULL && text == NULL)
        error_add(error, field, "doit être un texte");
    return text;
}

static const char *read_text(struct json_object *object, const char *field,
                             const struct text_rule *rule, struct error *error)
{
    const char *text = read_any_text(object, rule->key, field, rule->is_required, error);

    return text != NULL && check_text(field, text, rule, error) ? text : NULL;
}

bool id_input_check(const char *field, const char *id, struct error *error)
{
    return foreign_id_is_valid(id) ||
           error_add(error, field,
                     "l'identifiant doit avoir de 1 à %d octets, sans caractère de contrôle",
                     FOREIGN_ID_MAX_BYTES);
}

static const char *read_foreign_id(struct json_object *object, const char *key, bool is_required,
                                   struct error *error)
{
    const char *text = read_any_text(object, key, key, is_required, error);

    return text != NULL && id_input_check(key, text, error) ? text : NULL;
}

bool id_input_read(struct json_object *body, const char *key, const char **id, struct error *error)
{
    *id = read_foreign_id(body, key, true, error);
    return *id != NULL;
}

/* Behind the '[' of an IPv6 address: moves *end behind the ']'. */
static bool skip_ip_literal(const char **end)
{
    size_t length = strspn(*end, "0123456789abcdefABCDEF:.");

    *end += length;
    if (length == 0 || **end != ']')
        return false;
    (*end)++;
    return true;
}

/* Moves *end behind a host name; other letters than ASCII are left to the browser (IDN). */
static bool skip_host_name(const char **end)
{
    const char *start = *end;

    while (isalnum((unsigned char)**end) || (unsigned char)**end >= 0x80 ||
           (**end != '\0' && strchr("-._~", **end) != NULL))
        (*end)++;
    return *end > start;
}

/* Moves *end behind ":port", if there is one. */
static bool skip_port(const char **end)
{
    int64_t port = 0;

    if (**end != ':')
        return true;
    for ((*end)++; isdigit((unsigned char)**end); (*end)++) {
        port = port * 10 + (**end - '0');
        if (port > PORT_MAX)
            return false;
    }
    return true;
}

/* An http or https URL (RFC 3986) with a host. Refused on purpose: a user name before the host,
 * which serves to disguise it, and a backslash, which browsers read as a slash. */
bool http_url_is_valid(const char *url)
{
    const char *end;

    if (strncasecmp(url, "https://", 8) == 0)
        end = url + 8;
    else if (strncasecmp(url, "http://", 7) == 0)
        end = url + 7;
    else
        return false;
    if (strlen(url) > ATTACHMENT_URL_MAX_BYTES || utf8_has_white_space(url) ||
        utf8_has_control(url) || strpbrk(url, "\\\"<>`") != NULL)
        return false;
    if (*end == '[') {
        end++;
        if (!skip_ip_literal(&end))
            return false;
    } else if (!skip_host_name(&end)) {
        return false;
    }
    return skip_port(&end) && (*end == '\0' || strchr("/?#", *end) != NULL);
}

static bool file_type_is_valid(const char *text)
{
    static const char *const accepted[] = {"image/jpeg", "image/jpg", "image/png", "image/gif",
                                           "image/webp"};
    const size_t count = sizeof(accepted) / sizeof(accepted[0]);

    return find_name(text, accepted, count) < count;
}

static void attachment_field(size_t index, const char *key, char out[FIELD_BYTES])
{
    snprintf(out, FIELD_BYTES, "attachments.%zu%s%s", index, key[0] != '\0' ? "." : "", key);
}

static void read_attachment_upload_key(struct json_object *object, size_t index,
                                       struct attachment_input *input, struct error *error)
{
    char field[FIELD_BYTES];

    attachment_field(index, "uploadThingKey", field);
    input->upload_key = read_any_text(object, "uploadThingKey", field, false, error);
    if (input->upload_key == NULL)
        return;
    if (strlen(input->upload_key) > ATTACHMENT_KEY_MAX_BYTES)
        error_add(error, field, "la clé doit avoir %d octets au plus", ATTACHMENT_KEY_MAX_BYTES);
    if (input->upload_key[0] == '\0')
        input->upload_key = NULL;
}

static void read_file_size(struct json_object *object, size_t index, struct attachment_input *input,
                           struct error *error)
{
    char field[FIELD_BYTES];

    attachment_field(index, "fileSize", field);
    if (!json_integer(json_get(object, "fileSize"), &input->file_size) || input->file_size < 1 ||
        input->file_size > ATTACHMENT_SIZE_MAX_BYTES)
        error_add(error, field, "la taille doit être un nombre entier de 1 à %d octets",
                  ATTACHMENT_SIZE_MAX_BYTES);
}

static void read_attachment(struct json_object *object, size_t index,
                            struct attachment_input *input, struct error *error)
{
    static const struct text_rule name_rule = {"fileName", true, 1, ATTACHMENT_NAME_MAX_CHARACTERS,
                                               true};
    char field[FIELD_BYTES];

    if (!json_object_is_type(object, json_type_object)) {
        attachment_field(index, "", field);
        error_add(error, field, "doit être un objet");
        return;
    }
    attachment_field(index, name_rule.key, field);
    input->file_name = read_text(object, field, &name_rule, error);

    attachment_field(index, "fileUrl", field);
    input->file_url = read_any_text(object, "fileUrl", field, true, error);
    if (input->file_url != NULL && !http_url_is_valid(input->file_url))
        error_add(error, field,
                  "l'adresse doit être une URL http(s) avec un hôte, de %d octets au plus",
                  ATTACHMENT_URL_MAX_BYTES);

    attachment_field(index, "fileType", field);
    input->file_type = read_any_text(object, "fileType", field, true, error);
    if (input->file_type != NULL && !file_type_is_valid(input->file_type))
        error_add(error, field,
                  "le type doit être image/jpeg, image/jpg, image/png, image/gif ou image/webp");

    read_file_size(object, index, input, error);
    read_attachment_upload_key(object, index, input, error);
}

static void read_attachments(struct json_object *body, struct message_input *input,
                             struct error *error)
{
    struct json_object *array = json_get(body, "attachments");

    if (array == NULL)
        return;
    if (!json_object_is_type(array, json_type_array)) {
        error_add(error, "attachments", "doit être un tableau");
        return;
    }
    input->attachment_count = json_object_array_length(array);
    if (input->attachment_count > ATTACHMENTS_MAX) {
        error_add(error, "attachments", "%d pièces jointes au plus", ATTACHMENTS_MAX);
        input->attachment_count = ATTACHMENTS_MAX;
    }
    for (size_t i = 0; i < input->attachment_count; i++)
        read_attachment(json_object_array_get_idx(array, i), i, &input->attachments[i], error);
}

/* May be empty or absent when there is an attachment. */
static void read_content(struct json_object *body, struct message_input *input, struct error *error)
{
    bool is_required = input->attachment_count == 0;
    const struct text_rule rule = {"content", is_required, is_required ? 1 : 0,
                                   MESSAGE_CONTENT_MAX_CHARACTERS, false};
    const char *content = read_text(body, rule.key, &rule, error);

    input->content = content != NULL ? content : "";
}

static void read_type(struct json_object *body, struct message_input *input, struct error *error)
{
    const char *name = read_any_text(body, "type", "type", false, error);

    input->type = MESSAGE_TEXT;
    if (name == NULL)
        return;
    size_t found = find_name(name, message_type_names, MESSAGE_SYSTEM);
    if (found == MESSAGE_SYSTEM)
        error_add(error, "type", "le type doit être TEXT, IMAGE ou FILE");
    else
        input->type = (enum message_type)found;
}

static void read_client_message_id(struct json_object *body, struct message_input *input,
                                   struct error *error)
{
    static const char key[] = "clientMessageId";

    input->client_message_id = read_any_text(body, key, key, false, error);
    if (input->client_message_id == NULL)
        return;
    size_t length = strlen(input->client_message_id);
    if (length < 1 || length > CLIENT_MESSAGE_ID_MAX_BYTES)
        error_add(error, key, "l'identifiant doit avoir de 1 à %d octets",
                  CLIENT_MESSAGE_ID_MAX_BYTES);
}

bool message_input_read(struct json_object *body, struct message_input *input, struct error *error)
{
    error_clear(error);
    *input = (struct message_input){.content = ""};
    if (!body_is_object(body, error))
        return false;
    read_attachments(body, input, error);
    read_content(body, input, error);
    read_type(body, input, error);
    read_client_message_id(body, input, error);
    return error->kind == ERROR_NONE;
}

static const struct text_rule subject_rule = {"subject", false, SUBJECT_MIN_CHARACTERS,
                                              SUBJECT_MAX_CHARACTERS, false};

bool conversation_input_read(struct json_object *body, enum caller_kind kind,
                             struct conversation_input *input, struct error *error)
{
    static const struct text_rule first_message_rule = {"firstMessage", false, 1,
                                                        MESSAGE_CONTENT_MAX_CHARACTERS, false};

    error_clear(error);
    *input = (struct conversation_input){0};
    if (!body_is_object(body, error))
        return false;
    if (kind != CALLER_CLIENT)
        input->client_user_id = read_foreign_id(body, "clientUserId", true, error);
    if (kind != CALLER_SALON)
        input->salon_id = read_foreign_id(body, "salonId", true, error);
    input->appointment_id = read_foreign_id(body, "appointmentId", false, error);
    input->subject = read_text(body, subject_rule.key, &subject_rule, error);
    input->first_message = read_text(body, first_message_rule.key, &first_message_rule, error);
    if (input->first_message != NULL && kind == CALLER_CLIENT)
        return error_add(error, first_message_rule.key, "le premier texte est celui du salon");
    return error->kind == ERROR_NONE;
}

bool conversation_change_read(struct json_object *body, struct conversation_change *change,
                              struct error *error)
{
    error_clear(error);
    *change = (struct conversation_change){0};
    if (!body_is_object(body, error))
        return false;
    change->subject = read_text(body, subject_rule.key, &subject_rule, error);
    if (json_is_null(body, subject_rule.key))
        change->subject = "";
    const char *status = read_any_text(body, "status", "status", false, error);
    if (status != NULL) {
        change->has_status = conversation_status_parse(status, &change->status);
        if (!change->has_status)
            error_add(error, "status", "le statut doit être ACTIVE ou ARCHIVED");
    }
    return error->kind == ERROR_NONE;
}

static const char *const email_frequency_names[] = {
    [EMAIL_IMMEDIATE] = "IMMEDIATE",
    [EMAIL_HOURLY] = "HOURLY",
    [EMAIL_DAILY] = "DAILY",
    [EMAIL_NEVER] = "NEVER",
};

const char *email_frequency_name(enum email_frequency frequency)
{
    return email_frequency_names[frequency];
}

bool email_frequency_parse(const char *text, enum email_frequency *frequency)
{
    const size_t count = sizeof(email_frequency_names) / sizeof(email_frequency_names[0]);
    size_t found = find_name(text, email_frequency_names, count);

    if (found == count)
        return false;
    *frequency = (enum email_frequency)found;
    return true;
}

/* The value of a member that may be absent, but not null. */
static bool has_member(struct json_object *body, const char *key, struct json_object **value)
{
    *value = json_get(body, key);
    return *value != NULL || json_is_null(body, key);
}

bool preferences_input_read(struct json_object *body, struct preferences_input *input,
                            struct error *error)
{
    struct json_object *value;

    error_clear(error);
    *input = (struct preferences_input){0};
    if (!body_is_object(body, error))
        return false;
    input->has_emails_enabled = has_member(body, "emailNotificationsEnabled", &value);
    if (input->has_emails_enabled && !json_object_is_type(value, json_type_boolean))
        error_add(error, "emailNotificationsEnabled", "doit être true ou false");
    input->emails_enabled = json_object_get_boolean(value);
    input->has_frequency = has_member(body, "emailFrequency", &value);
    const char *frequency = json_text(value);
    if (input->has_frequency &&
        (frequency == NULL || !email_frequency_parse(frequency, &input->frequency)))
        error_add(error, "emailFrequency", "doit être IMMEDIATE, HOURLY, DAILY ou NEVER");
    return error->kind == ERROR_NONE;
}

bool mute_input_read(struct json_object *body, const char **conversation_id, struct error *error)
{
    error_clear(error);
    return body_is_object(body, error) &&
           id_input_read(body, "conversationId", conversation_id, error);
}

/* ---- what the booking back-end sends ------------------------------------------------------- */

static const char *const appointment_status_names[] = {
    [APPOINTMENT_PENDING] = "PENDING",         [APPOINTMENT_CONFIRMED] = "CONFIRMED",
    [APPOINTMENT_RESCHEDULED] = "RESCHEDULED", [APPOINTMENT_CANCELLED] = "CANCELLED",
    [APPOINTMENT_COMPLETED] = "COMPLETED",
};

const char *appointment_status_name(enum appointment_status status)
{
    return appointment_status_names[status];
}

bool appointment_status_parse(const char *text, enum appointment_status *status)
{
    const size_t count = sizeof(appointment_status_names) / sizeof(appointment_status_names[0]);
    size_t found = find_name(text, appointment_status_names, count);

    if (found == count)
        return false;
    *status = (enum appointment_status)found;
    return true;
}

/* The name of a member as clients know it: "client.email" in the object `prefix`. */
static void member_field(const char *prefix, const char *key, char out[FIELD_BYTES])
{
    snprintf(out, FIELD_BYTES, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
}

static const char *read_name(struct json_object *object, const char *prefix, const char *key,
                             struct error *error)
{
    const struct text_rule rule = {key, false, 0, PERSON_NAME_MAX_CHARACTERS, true};
    char field[FIELD_BYTES];

    member_field(prefix, key, field);
    const char *text = read_text(object, field, &rule, error);
    if (text != NULL && utf8_has_control(text))
        error_add(error, field, "ne doit pas contenir de caractère de contrôle");
    return text;
}

static const char *read_image(struct json_object *object, const char *prefix, struct error *error)
{
    char field[FIELD_BYTES];

    member_field(prefix, "image", field);
    const char *url = read_any_text(object, "image", field, false, error);
    if (url != NULL && url[0] != '\0' && !http_url_is_valid(url))
        error_add(error, field,
                  "l'adresse doit être une URL http(s) avec un hôte, de %d octets au plus",
                  ATTACHMENT_URL_MAX_BYTES);
    return url;
}

/* Only what no address can be is refused; whether it works, sending tells. */
static const char *read_email(struct json_object *object, const char *prefix, struct error *error)
{
    char field[FIELD_BYTES];

    member_field(prefix, "email", field);
    const char *email = read_any_text(object, "email", field, false, error);
    if (email == NULL || email[0] == '\0')
        return email;
    const char *at = strrchr(email, '@');
    if (at == NULL || at == email || at[1] == '\0' || strlen(email) > PERSON_EMAIL_MAX_BYTES ||
        utf8_has_white_space(email) || utf8_has_control(email))
        error_add(error, field, "doit être une adresse e-mail de %d octets au plus",
                  PERSON_EMAIL_MAX_BYTES);
    return email;
}

static const char *read_role(struct json_object *object, const char *prefix, bool is_required,
                             struct error *error)
{
    char field[FIELD_BYTES];

    member_field(prefix, "role", field);
    const char *role = read_any_text(object, "role", field, is_required, error);
    if (role != NULL && (role[0] == '\0' || strlen(role) > PERSON_ROLE_MAX_BYTES ||
                         utf8_has_control(role) || strcmp(role, "service") == 0))
        error_add(error, field, "le rôle doit avoir de 1 à %d octets et ne pas être « service »",
                  PERSON_ROLE_MAX_BYTES);
    return role;
}

static void read_person(struct json_object *object, const char *prefix, bool is_role_required,
                        struct person_input *input, struct error *error)
{
    input->role = read_role(object, prefix, is_role_required, error);
    input->first_name = read_name(object, prefix, "firstName", error);
    input->last_name = read_name(object, prefix, "lastName", error);
    input->salon_name = read_name(object, prefix, "salonName", error);
    input->image = read_image(object, prefix, error);
    input->email = read_email(object, prefix, error);
}

bool person_input_read(struct json_object *body, bool is_role_required, struct person_input *input,
                       struct error *error)
{
    error_clear(error);
    *input = (struct person_input){0};
    if (!body_is_object(body, error))
        return false;
    read_person(body, "", is_role_required, input, error);
    return error->kind == ERROR_NONE;
}

static void read_start(struct json_object *body, bool is_required,
                       struct appointment_change_input *input, struct error *error)
{
    const char *text = read_any_text(body, "start", "start", is_required, error);

    if (text == NULL)
        return;
    input->has_start = timestamp_parse(text, &input->start_ms);
    if (!input->has_start)
        error_add(error, "start",
                  "doit être une date ISO 8601 avec fuseau, comme 2026-03-12T14:30:00+01:00, "
                  "2026-03-12T14:30+0100 ou 2026-03-12T13:30:00.000Z");
}

static void read_version(struct json_object *body, struct appointment_change_input *input,
                         struct error *error)
{
    struct json_object *value = json_get(body, "version");

    if (value == NULL)
        return;
    input->has_version = json_integer(value, &input->version) && input->version >= 0;
    if (!input->has_version)
        error_add(error, "version", "doit être un nombre entier de 0 à %lld",
                  (long long)JSON_INTEGER_MAX);
}

/* The statuses from `first` to `last` may stand here. */
static void read_status(struct json_object *body, bool is_required, enum appointment_status first,
                        enum appointment_status last, struct appointment_change_input *input,
                        struct error *error)
{
    const char *text = read_any_text(body, "status", "status", is_required, error);
    enum appointment_status status;

    if (text == NULL)
        return;
    input->has_status =
        appointment_status_parse(text, &status) && status >= first && status <= last;
    if (input->has_status)
        input->status = status;
    else
        error_add(error, "status", "statut inconnu, ou qui ne convient pas ici");
}

bool appointment_change_input_read(struct json_object *body, struct appointment_change_input *input,
                                   struct error *error)
{
    error_clear(error);
    *input = (struct appointment_change_input){0};
    if (!body_is_object(body, error))
        return false;
    read_start(body, false, input, error);
    read_status(body, false, APPOINTMENT_CONFIRMED, APPOINTMENT_COMPLETED, input, error);
    read_version(body, input, error);
    return error->kind == ERROR_NONE;
}

static void read_party(struct json_object *body, const char *key, struct person_input *input,
                       struct error *error)
{
    struct json_object *object = json_get(body, key);

    if (object == NULL)
        return;
    if (!json_object_is_type(object, json_type_object))
        error_add(error, key, "doit être un objet");
    else
        read_person(object, key, false, input, error);
}

static void read_created_by(struct json_object *body, struct error *error)
{
    const char *text = read_any_text(body, "createdBy", "createdBy", false, error);

    if (text != NULL && strcmp(text, "salon") != 0 && strcmp(text, "client") != 0)
        error_add(error, "createdBy", "doit être « salon » ou « client »");
}

bool appointment_input_read(struct json_object *body, struct appointment_input *input,
                            struct error *error)
{
    static const struct text_rule prestation_rule = {"prestation", true, 1,
                                                     PRESTATION_MAX_CHARACTERS, false};

    error_clear(error);
    *input = (struct appointment_input){0};
    if (!body_is_object(body, error))
        return false;
    input->appointment_id = read_foreign_id(body, "appointmentId", true, error);
    input->salon_id = read_foreign_id(body, "salonId", true, error);
    input->client_user_id = read_foreign_id(body, "clientUserId", true, error);
    if (input->salon_id != NULL && input->client_user_id != NULL &&
        strcmp(input->salon_id, input->client_user_id) == 0)
        error_add(error, "clientUserId", "le client ne peut pas être le salon");
    input->prestation = read_text(body, prestation_rule.key, &prestation_rule, error);
    read_start(body, true, &input->state, error);
    read_status(body, true, APPOINTMENT_PENDING, APPOINTMENT_CONFIRMED, &input->state, error);
    read_version(body, &input->state, error);
    read_created_by(body, error);
    read_party(body, "salon", &input->salon, error);
    read_party(body, "client", &input->client, error);
    return error->kind == ERROR_NONE;
}

static bool read_digits(const char *text, int64_t maximum, int64_t *number)
{
    int64_t value = 0;

    for (; isdigit((unsigned char)*text); text++) {
        int digit = *text - '0';
        if (value > (maximum - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return *text == '\0' && value >= 1;
}

bool query_number_read(const char *field, const char *text, int64_t fallback, int64_t maximum,
                       int64_t *number, struct error *error)
{
    if (text == NULL) {
        *number = fallback;
        return true;
    }
    if (read_digits(text, maximum, number))
        return true;
    return error_add(error, field, "doit être un nombre entier de 1 à %" PRId64, maximum);
}
