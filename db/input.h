/*
 * The rules for what clients send, for REST and socket alike (docs/protocol.md, "Request
 * bodies"). A reader takes a JSON value, of which it needs no other members than input_members, and
 * fills a struct of texts that are borrowed from it; broken rules come back as ERROR_INVALID with
 * one French sentence each ("field: …"), all of them, not only the first. Unknown members are
 * ignored, null counts as absent. A reader clears *error first; after false the struct is not to be
 * used.
 *
 * Any thread.
 */
#ifndef MESSAGERIE_DB_INPUT_H
#define MESSAGERIE_DB_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json_reader.h"
#include "common/token.h"

/* Characters are Unicode code points. */
#define MESSAGE_CONTENT_MAX_CHARACTERS 10000
#define SUBJECT_MIN_CHARACTERS         3
#define SUBJECT_MAX_CHARACTERS         200
#define ATTACHMENTS_MAX                5
#define ATTACHMENT_NAME_MAX_CHARACTERS 255
#define ATTACHMENT_URL_MAX_BYTES       2048
#define ATTACHMENT_KEY_MAX_BYTES       255
#define ATTACHMENT_SIZE_MAX_BYTES      10485760
#define CLIENT_MESSAGE_ID_MAX_BYTES    64
#define PERSON_NAME_MAX_CHARACTERS     200
#define PERSON_EMAIL_MAX_BYTES         254
#define PERSON_ROLE_MAX_BYTES          32
#define PRESTATION_MAX_CHARACTERS      200
#define PAGE_LIMIT_MAX                 100
#define PAGE_MAX                       1000000000
/* A request's body or an event's payload. The longest valid message, every character of it escaped,
 * with its attachments has some 170 KiB. */
#define INPUT_MAX_BYTES (256 * 1024)

/* The names of all members that the readers below ask for, for json_read_members; as a list of
 * texts, and that list with a NULL behind it. */
#define INPUT_MEMBERS                                                                              \
    "content", "type", "attachments", "fileName", "fileUrl", "fileType", "fileSize",               \
        "uploadThingKey", "clientMessageId", "conversationId", "messageId", "clientUserId",        \
        "salonId", "appointmentId", "subject", "firstMessage", "status", "prestation", "start",    \
        "version", "createdBy", "salon", "client", "firstName", "lastName", "salonName", "image",  \
        "email", "role", "emailNotificationsEnabled", "emailFrequency"
extern const char *const input_members[];

enum message_type { MESSAGE_TEXT, MESSAGE_IMAGE, MESSAGE_FILE, MESSAGE_SYSTEM };
enum conversation_status { CONVERSATION_ACTIVE, CONVERSATION_ARCHIVED };

/* "TEXT", "IMAGE", …; the words of the protocol. */
const char *message_type_name(enum message_type type);
const char *conversation_status_name(enum conversation_status status);
/* False, *status untouched, when text is no status. */
bool conversation_status_parse(const char *text, enum conversation_status *status);

/* Whether `id` may name something of the booking back-end's: 1 to FOREIGN_ID_MAX_BYTES bytes
 * without control characters. If not, the sentence for `field` is added. */
bool id_input_check(const char *field, const char *id, struct error *error);

/* Reads the member `key`, which must be such an id. Adds to *error without clearing it. */
bool id_input_read(struct json_object *body, const char *key, const char **id, struct error *error);

struct attachment_input {
    const char *file_name;
    const char *file_url;
    const char *file_type;
    const char *upload_key; /* uploadThingKey, or NULL */
    int64_t file_size;      /* bytes */
};

struct message_input {
    const char *content;    /* "" when left out, which is fine with an attachment */
    enum message_type type; /* never MESSAGE_SYSTEM */
    size_t attachment_count;
    struct attachment_input attachments[ATTACHMENTS_MAX];
    const char *client_message_id; /* or NULL */
};

bool message_input_read(struct json_object *body, struct message_input *input, struct error *error);

struct conversation_input {
    const char *client_user_id; /* NULL from a client, who is meant */
    const char *salon_id;       /* NULL from a salon, who is meant */
    const char *appointment_id; /* or NULL */
    const char *subject;        /* or NULL */
    const char *first_message;  /* or NULL */
};

/* `kind` of whoever opens it: what they are themselves is not read. A client writes no
 * firstMessage, which would be the salon's. */
bool conversation_input_read(struct json_object *body, enum caller_kind kind,
                             struct conversation_input *input, struct error *error);

struct conversation_change {
    const char *subject; /* or NULL: stays as it is; "": it is removed */
    bool has_status;
    enum conversation_status status;
};

bool conversation_change_read(struct json_object *body, struct conversation_change *change,
                              struct error *error);

/* How often a person is written to while they are away. */
enum email_frequency { EMAIL_IMMEDIATE, EMAIL_HOURLY, EMAIL_DAILY, EMAIL_NEVER };

/* "IMMEDIATE" and so on. */
const char *email_frequency_name(enum email_frequency frequency);
/* False, *frequency untouched, when text is none. */
bool email_frequency_parse(const char *text, enum email_frequency *frequency);

struct preferences_input {
    bool has_emails_enabled;
    bool emails_enabled;
    bool has_frequency;
    enum email_frequency frequency;
};

/* Here null is a broken rule, and not absence. */
bool preferences_input_read(struct json_object *body, struct preferences_input *input,
                            struct error *error);

/* The conversation that is to be muted. */
bool mute_input_read(struct json_object *body, const char **conversation_id, struct error *error);

/* ---- what the booking back-end sends (docs/protocol.md, "From the booking back-end") ------- */

/* A person's fields; NULL: stays as it is, "": is removed. */
struct person_input {
    const char *role; /* never "service", which has no directory row; never "" */
    const char *first_name;
    const char *last_name;
    const char *salon_name;
    const char *image; /* http(s) URL */
    const char *email;
};

/* `is_role_required`: as in PUT /messaging/users/:id. */
bool person_input_read(struct json_object *body, bool is_role_required, struct person_input *input,
                       struct error *error);

enum appointment_status {
    APPOINTMENT_PENDING,
    APPOINTMENT_CONFIRMED,
    APPOINTMENT_RESCHEDULED,
    APPOINTMENT_CANCELLED,
    APPOINTMENT_COMPLETED,
};

/* "PENDING" and so on. */
const char *appointment_status_name(enum appointment_status status);
/* False, *status untouched, when text is no status. */
bool appointment_status_parse(const char *text, enum appointment_status *status);

/* A change, and the changing part of a new appointment. */
struct appointment_change_input {
    bool has_start;
    int64_t start_ms; /* wall time */
    bool has_status;
    enum appointment_status status;
    bool has_version;
    int64_t version; /* 0 to JSON_INTEGER_MAX */
};

bool appointment_change_input_read(struct json_object *body, struct appointment_change_input *input,
                                   struct error *error);

struct appointment_input {
    const char *appointment_id;
    const char *salon_id;
    const char *client_user_id; /* another than the salon */
    const char *prestation;
    struct appointment_change_input state; /* has start, and status PENDING or CONFIRMED */
    struct person_input salon;             /* all NULL when not given */
    struct person_input client;
};

bool appointment_input_read(struct json_object *body, struct appointment_input *input,
                            struct error *error);

/* Whether it is an http(s) URL with a host that may be shown as a link or an image: no user name
 * before the host, no blanks or control characters, ATTACHMENT_URL_MAX_BYTES at most. */
bool http_url_is_valid(const char *url);

/* A query value such as page or limit: digits only, 1 to maximum. NULL text: the fallback. On a
 * broken rule false, with the sentence for `field` added. */
bool query_number_read(const char *field, const char *text, int64_t fallback, int64_t maximum,
                       int64_t *number, struct error *error);

#endif
