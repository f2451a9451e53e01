#include "db/conversation_json.h"

#include "db/appointment_row.h"
#include "db/message_json.h"
#include "db/person_json.h"

/* An e-mail address is shown to its owner, the booking back-end and whoever shares an appointment
 * with its owner; in one conversation that is both or neither of the two. */
static bool may_see_email(struct connection *connection, const struct conversation *conversation,
                          const struct caller *caller, bool *may, struct error *error)
{
    *may = caller->kind == CALLER_SERVICE || conversation->appointment_id[0] != '\0';
    if (*may)
        return true;
    return appointment_is_shared(connection, conversation->salon_id, conversation->client_user_id,
                                 may, error);
}

static bool write_people(struct connection *connection, struct json_writer *writer,
                         const struct conversation *conversation, const struct caller *caller,
                         struct error *error)
{
    bool all;

    if (!may_see_email(connection, conversation, caller, &all, error))
        return false;
    bool is_salon = conversation_is_salon(conversation, caller->user_id);
    json_write_key(writer, "salon");
    if (!person_json_write(connection, writer, conversation->salon_id,
                           all || is_salon ? PERSON_WITH_EMAIL : PERSON_WITHOUT_EMAIL, error))
        return false;
    json_write_key(writer, "client");
    return person_json_write(connection, writer, conversation->client_user_id,
                             all || !is_salon ? PERSON_WITH_EMAIL : PERSON_WITHOUT_EMAIL, error);
}

bool conversation_json_write(struct connection *connection, struct json_writer *writer,
                             const struct conversation *conversation, const struct caller *caller,
                             char last_message_id[ID_BYTES], struct error *error)
{
    int64_t unread = 0;
    char ignored_id[ID_BYTES] = "";

    /* The booking back-end takes no part: its id is in another name space than the users'. */
    if (caller->kind != CALLER_SERVICE &&
        !conversation_row_unread(connection, conversation, caller->user_id, &unread, NULL, error))
        return false;
    json_begin_object(writer);
    json_member_text(writer, "id", conversation->id);
    json_member_text(writer, "salonId", conversation->salon_id);
    json_member_text(writer, "clientUserId", conversation->client_user_id);
    json_member_text(writer, "appointmentId", text_or_null(conversation->appointment_id));
    json_member_text(writer, "subject", text_or_null(conversation->subject));
    json_member_text(writer, "status", conversation_status_name(conversation->status));
    if (!write_people(connection, writer, conversation, caller, error) ||
        !message_json_write_last(connection, writer, conversation,
                                 last_message_id != NULL ? last_message_id : ignored_id, error))
        return false;
    json_member_integer(writer, "unreadCount", unread);
    json_member_time(writer, "createdAt", conversation->created_at);
    json_member_time(writer, "updatedAt", conversation->updated_at);
    json_member_time(writer, "lastMessageAt", conversation->last_message_at);
    json_end_object(writer);
    return true;
}

bool conversation_json_write_one(struct connection *connection, struct buffer *json,
                                 const struct conversation *conversation,
                                 const struct caller *caller, struct error *error)
{
    struct json_writer writer;

    json_writer_init(&writer, json);
    return conversation_json_write(connection, &writer, conversation, caller, NULL, error);
}

bool conversation_json_write_unread(struct connection *connection, struct json_writer *writer,
                                    struct statement *row, struct error *error)
{
    struct conversation conversation;
    char ignored_id[ID_BYTES] = "";

    if (!conversation_row_find(connection, column_text(row, 0), &conversation, error))
        return false;
    json_begin_object(writer);
    json_member_text(writer, "conversationId", conversation.id);
    json_write_key(writer, "subject");
    if (conversation.subject[0] != '\0')
        json_write_text(writer, conversation.subject);
    else
        json_write_null(writer);
    json_member_text(writer, "clientId", conversation.client_user_id);
    json_member_text(writer, "clientFirstName", column_text(row, 2));
    json_member_text(writer, "clientLastName", column_text(row, 3));
    json_member_text(writer, "clientImage", column_text(row, 4));
    if (!message_json_write_last(connection, writer, &conversation, ignored_id, error))
        return false;
    json_member_integer(writer, "unreadCount", column_integer(row, 1));
    json_member_time(writer, "lastMessageAt", conversation.last_message_at);
    json_end_object(writer);
    return true;
}
