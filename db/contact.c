#include "db/contact.h"

#include "db/conversation_row.h"
#include "db/person_row.h"

bool contact_list_run(struct connection *connection, struct contact_list *request,
                      struct error *error)
{
    struct statement *statement = statement_begin(connection, SQL_CONTACTS);

    bind_text(statement, 1, request->user_id);
    return statement_append_texts(statement, "", request->ids, error);
}

bool contact_append_name(struct connection *connection, const char *user_id, struct buffer *name,
                         struct error *error)
{
    size_t before = name->length;

    if (!person_append_name(connection, user_id, name, error))
        return false;
    if (name->length == before)
        buffer_append_text(name, NAMELESS_PERSON);
    return name->failed ? error_out_of_memory(error) : true;
}

bool typing_name_run(struct connection *connection, struct typing_name *request,
                     struct error *error)
{
    struct conversation conversation;

    return conversation_row_find_for(connection, request->conversation_id, &request->caller,
                                     &conversation, error) &&
           contact_append_name(connection, request->caller.user_id, request->name, error);
}
