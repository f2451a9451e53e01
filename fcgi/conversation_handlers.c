#include "fcgi/conversation_handlers.h"

#include "common/utf8.h"
#include "db/appointment_people.h"
#include "db/conversation.h"
#include "db/input.h"
#include "db/person.h"
#include "db/search.h"
#include "fcgi/exchange.h"
#include "fcgi/preference_handlers.h"

/* Conversations, people, or hits, on a page when the client doesn't say. */
#define CONVERSATION_LIMIT_DEFAULT 20
/* Room for a status in a query, with its NUL. */
#define STATUS_BYTES 16

static bool create_from(struct exchange *exchange, enum caller_kind kind, struct json_object *body,
                        struct error *error)
{
    struct conversation_input input;
    struct conversation_create create = {.caller = exchange->caller,
                                         .input = &input,
                                         .config = exchange->config,
                                         .json = &exchange->response->body};

    if (!conversation_input_read(body, kind, &input, error) ||
        !exchange_write(exchange, conversation_create(&create), error))
        return false;
    exchange->response->status = create.existed ? 200 : 201;
    return true;
}

static bool handle_create(struct exchange *exchange, struct error *error)
{
    struct person_kind known = {.caller = exchange->caller, .config = exchange->config};

    if (!database_read(exchange->database, person_kind(&known), error))
        return false;
    if (!conversation_may_open(exchange->config, known.kind))
        return error_set(error, ERROR_FORBIDDEN, CONVERSATION_OPENING_REFUSED);
    struct json_object *body = exchange_read_json(exchange, error);
    if (body == NULL)
        return false;
    bool succeeded = create_from(exchange, known.kind, body, error);
    json_object_put(body);
    return succeeded;
}

static bool read_status(const struct exchange *exchange, struct conversation_list *list,
                        struct error *error)
{
    char text[STATUS_BYTES];

    if (!exchange_query_text(exchange, "status", text, sizeof(text), &list->has_status, error))
        return false;
    return !list->has_status || conversation_status_parse(text, &list->status) ||
           error_add(error, "status", "doit être ACTIVE ou ARCHIVED");
}

static bool handle_list(struct exchange *exchange, struct error *error)
{
    struct conversation_list list = {.caller = exchange->caller, .json = &exchange->response->body};

    exchange_query_number(exchange, "page", 1, PAGE_MAX, &list.page, error);
    exchange_query_number(exchange, "limit", CONVERSATION_LIMIT_DEFAULT, PAGE_LIMIT_MAX,
                          &list.limit, error);
    read_status(exchange, &list, error);
    if (error->kind != ERROR_NONE)
        return false;
    return database_read(exchange->database, conversation_list(&list), error);
}

static bool handle_people(struct exchange *exchange, struct error *error)
{
    char after[FOREIGN_ID_MAX_BYTES + 1];
    struct appointment_people people = {.caller = exchange->caller,
                                        .config = exchange->config,
                                        .after = after,
                                        .json = &exchange->response->body};
    bool present;

    exchange_query_number(exchange, "limit", CONVERSATION_LIMIT_DEFAULT, PAGE_LIMIT_MAX,
                          &people.limit, error);
    if (exchange_query_text(exchange, "after", after, sizeof(after), &present, error) && present)
        id_input_check("after", after, error);
    if (error->kind != ERROR_NONE)
        return false;
    return database_read(exchange->database, appointment_people(&people), error);
}

/* Nothing is to be looked for without a word: an empty list would say that there is none. */
static bool read_search(const struct exchange *exchange, struct search_query *query,
                        struct error *error)
{
    char text[UTF8_SEQUENCE_MAX_BYTES * SEARCH_QUERY_MAX_CHARACTERS + 1];
    bool present;

    if (!exchange_query_text(exchange, "q", text, sizeof(text), &present, error))
        return false;
    if (utf8_count(text) > SEARCH_QUERY_MAX_CHARACTERS)
        return error_add(error, "q", "au plus %d caractères", SEARCH_QUERY_MAX_CHARACTERS);
    if (search_query_parse(text, query))
        return true;
    return query->count == 0 ? error_add(error, "q", "au moins une lettre ou un chiffre est requis")
                             : error_add(error, "q", "au plus %d mots", SEARCH_WORDS_MAX);
}

static bool handle_search(struct exchange *exchange, struct error *error)
{
    struct search_query query;
    struct search request = {
        .caller = exchange->caller, .query = &query, .json = &exchange->response->body};

    exchange_query_number(exchange, "page", 1, PAGE_MAX, &request.page, error);
    exchange_query_number(exchange, "limit", CONVERSATION_LIMIT_DEFAULT, PAGE_LIMIT_MAX,
                          &request.limit, error);
    read_search(exchange, &query, error);
    if (error->kind != ERROR_NONE)
        return false;
    return database_read(exchange->database, search(&request), error);
}

static struct conversation_reference reference_of(const struct exchange *exchange)
{
    return (struct conversation_reference){.conversation_id = exchange_path_id(exchange),
                                           .caller = exchange->caller};
}

static bool handle_find(struct exchange *exchange, struct error *error)
{
    struct conversation_find find = {.conversation_id = exchange_path_id(exchange),
                                     .caller = exchange->caller,
                                     .json = &exchange->response->body};
    struct conversation_reference reference = reference_of(exchange);
    struct error mark_error;

    if (!database_read(exchange->database, conversation_find(&find), error))
        return false;
    if (!find.has_unread || exchange->request->method == METHOD_HEAD)
        return true;
    error_clear(&mark_error);
    if (!exchange_write_soon(exchange, conversation_mark_read(&reference), &mark_error)) {
        exchange_mark_later(exchange, find.conversation_id, 1, find.last_position);
        return true; /* shown unmarked */
    }
    buffer_clear(&exchange->response->body);
    return database_read(exchange->database, conversation_find(&find), error);
}

/* `body` NULL: there is none, and nothing is changed. */
static bool update_from(struct exchange *exchange, struct json_object *body, struct error *error)
{
    struct conversation_change change = {0};
    struct conversation_update update = {.conversation_id = exchange_path_id(exchange),
                                         .caller = exchange->caller,
                                         .change = &change,
                                         .json = &exchange->response->body};

    if (body != NULL && !conversation_change_read(body, &change, error))
        return exchange_refuse_input(exchange, error);
    return exchange_write(exchange, conversation_update(&update), error);
}

static bool handle_update(struct exchange *exchange, struct error *error)
{
    if (exchange_has_no_body(exchange))
        return update_from(exchange, NULL, error);
    struct json_object *body = exchange_read_json(exchange, error);

    if (body == NULL)
        return exchange_refuse_input(exchange, error);
    bool succeeded = update_from(exchange, body, error);
    json_object_put(body);
    return succeeded;
}

static bool write_without_content(struct exchange *exchange, struct database_operation operation,
                                  struct error *error)
{
    exchange->response->status = 204;
    return exchange_write(exchange, operation, error);
}

static bool handle_archive(struct exchange *exchange, struct error *error)
{
    struct conversation_reference reference = reference_of(exchange);

    return write_without_content(exchange, conversation_toggle_archived(&reference), error);
}

static bool handle_mark_read(struct exchange *exchange, struct error *error)
{
    struct conversation_reference reference = reference_of(exchange);

    return write_without_content(exchange, conversation_mark_read(&reference), error);
}

static bool handle_delete(struct exchange *exchange, struct error *error)
{
    struct conversation_reference reference = reference_of(exchange);

    return write_without_content(exchange, conversation_delete(&reference), error);
}

static struct unread_summary summary_for(const struct exchange *exchange)
{
    return (struct unread_summary){.caller = exchange->caller, .json = &exchange->response->body};
}

static bool handle_unread_total(struct exchange *exchange, struct error *error)
{
    struct unread_summary summary = summary_for(exchange);

    return database_read(exchange->database, unread_total(&summary), error);
}

static bool handle_unread(struct exchange *exchange, struct error *error)
{
    struct unread_summary summary = summary_for(exchange);

    return database_read(exchange->database, unread_conversations(&summary), error);
}

static const struct route conversation_routes[] = {
    {METHOD_POST, "/messaging/conversations", handle_create},
    {METHOD_GET, "/messaging/conversations", handle_list},
    {METHOD_GET, "/messaging/conversations/unread/total", handle_unread_total},
    {METHOD_GET, "/messaging/conversations/unread", handle_unread},
    {METHOD_GET, "/messaging/conversations/people", handle_people},
    {METHOD_GET, "/messaging/conversations/:id", handle_find},
    {METHOD_PATCH, "/messaging/conversations/:id", handle_update},
    {METHOD_DELETE, "/messaging/conversations/:id", handle_delete},
    {METHOD_PATCH, "/messaging/conversations/:id/archive", handle_archive},
    {METHOD_PATCH, "/messaging/conversations/:id/mark-read", handle_mark_read},
    {METHOD_PATCH, "/messaging/conversations/:id/mark-as-read", handle_mark_read},
    {METHOD_GET, "/messaging/search", handle_search},
    {METHOD_GET, "/notification-preferences", handle_find_preferences},
    {METHOD_PATCH, "/notification-preferences", handle_change_preferences},
    {METHOD_POST, "/notification-preferences/mute", handle_mute},
    {METHOD_DELETE, "/notification-preferences/mute/:conversationId", handle_unmute},
};

const struct router conversation_router = {conversation_routes, sizeof(conversation_routes) /
                                                                    sizeof(conversation_routes[0])};
