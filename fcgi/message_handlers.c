#include "fcgi/message_handlers.h"

#include "db/input.h"
#include "db/message.h"
#include "fcgi/exchange.h"

/* Messages on a page when the client doesn't say. */
#define MESSAGE_LIMIT_DEFAULT 50

static bool create_from(struct exchange *exchange, struct json_object *body, struct error *error)
{
    struct message_input input;
    struct message_create create = {.conversation_id = exchange_path_id(exchange),
                                    .caller = exchange->caller,
                                    .input = &input,
                                    .config = exchange->config,
                                    .json = &exchange->response->body};

    if (!message_input_read(body, &input, error))
        return exchange_refuse_input(exchange, error);
    if (!exchange_write(exchange, message_create(&create), error))
        return false;
    exchange->response->status = create.existed ? 200 : 201;
    return true;
}

static bool handle_create(struct exchange *exchange, struct error *error)
{
    struct json_object *body = exchange_read_json(exchange, error);

    if (body == NULL)
        return exchange_refuse_input(exchange, error);
    bool succeeded = create_from(exchange, body, error);
    json_object_put(body);
    return succeeded;
}

static bool read_page(const struct exchange *exchange, struct message_page *page,
                      struct error *error)
{
    exchange_query_number(exchange, "page", 1, PAGE_MAX, &page->page, error);
    exchange_query_number(exchange, "limit", MESSAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, &page->limit,
                          error);
    exchange_query_number(exchange, "before", 0, INT64_MAX, &page->before, error);
    return error->kind == ERROR_NONE;
}

static bool handle_list(struct exchange *exchange, struct error *error)
{
    struct message_page page = {.conversation_id = exchange_path_id(exchange),
                                .caller = exchange->caller,
                                .may_mark = exchange->request->method != METHOD_HEAD,
                                .json = &exchange->response->body};
    struct error mark_error;

    if (!read_page(exchange, &page, error))
        return exchange_refuse_input(exchange, error);
    if (!database_read(exchange->database, message_page(&page), error))
        return false;
    if (!page.needs_marking)
        return true;
    error_clear(&mark_error);
    bool is_marked = exchange_write_soon(exchange, message_mark_page(&page), &mark_error);
    page.may_mark = false;
    buffer_clear(&exchange->response->body);
    if (!database_read(exchange->database, message_page(&page), error))
        return false;
    if (!is_marked) /* what is shown now, which may be others than were to be marked */
        exchange_mark_later(exchange, page.conversation_id, page.oldest_position,
                            page.newest_position);
    return true;
}

static bool handle_mark_read(struct exchange *exchange, struct error *error)
{
    struct message_reference reference = {.message_id = exchange_path_id(exchange),
                                          .caller = exchange->caller,
                                          .json = &exchange->response->body};

    return exchange_write(exchange, message_mark_read(&reference), error);
}

static bool handle_delete(struct exchange *exchange, struct error *error)
{
    struct message_reference reference = {.message_id = exchange_path_id(exchange),
                                          .caller = exchange->caller};

    exchange->response->status = 204;
    return exchange_write(exchange, message_delete(&reference), error);
}

static const struct route message_routes[] = {
    {METHOD_POST, "/messaging/conversations/:id/messages", handle_create},
    {METHOD_GET, "/messaging/conversations/:id/messages", handle_list},
    {METHOD_PATCH, "/messaging/messages/:id/read", handle_mark_read},
    {METHOD_DELETE, "/messaging/messages/:id", handle_delete},
};

const struct router message_router = {message_routes,
                                      sizeof(message_routes) / sizeof(message_routes[0])};
