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

bool typing_name_run(struct connection *connection, struct typing_name *request,
                     struct error *error)
{
    struct conversation conversation;

    if (!conversation_row_find_for(connection, request->conversation_id, &request->caller,
                                   &conversation, error) ||
        !person_append_name(connection, request->caller.user_id, request->name, error))
        return false;
    if (request->name->length == 0)
        buffer_append_text(request->name, NAMELESS_PERSON);
    return request->name->failed ? error_out_of_memory(error) : true;
}
