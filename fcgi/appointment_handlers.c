#include "fcgi/appointment_handlers.h"

#include "db/appointment.h"
#include "db/input.h"
#include "db/person.h"
#include "db/privacy.h"
#include "fcgi/exchange.h"

/* A salon or client could otherwise forge an appointment, or look for people. */
static bool require_service(const struct exchange *exchange, struct error *error)
{
    return exchange->caller.kind == CALLER_SERVICE ||
           error_set(error, ERROR_FORBIDDEN, "Réservé au service de réservation");
}

static bool require_valid_id(const struct exchange *exchange, struct error *error)
{
    return id_input_check("id", exchange_path_id(exchange), error);
}

/* What a handler does with the body once it has been read. */
typedef bool body_handler(struct exchange *exchange, struct json_object *body, struct error *error);

static bool with_body(struct exchange *exchange, body_handler *handler, struct error *error)
{
    if (!require_service(exchange, error))
        return false;
    struct json_object *body = exchange_read_json(exchange, error);
    if (body == NULL)
        return false;
    bool succeeded = handler(exchange, body, error);
    json_object_put(body);
    return succeeded;
}

static bool create_from(struct exchange *exchange, struct json_object *body, struct error *error)
{
    struct appointment_input input;
    struct appointment_create create = {.input = &input,
                                        .texts = exchange->texts,
                                        .config = exchange->config,
                                        .json = &exchange->response->body};

    if (!appointment_input_read(body, &input, error) ||
        !exchange_write(exchange, appointment_create(&create), error))
        return false;
    exchange->response->status = create.existed ? 200 : 201;
    return true;
}

static bool handle_create(struct exchange *exchange, struct error *error)
{
    return with_body(exchange, create_from, error);
}

/* The answer to a change that no conversation tells of: not yet, or not any more. */
static void write_not_applied(struct exchange *exchange)
{
    struct json_writer writer;

    json_writer_init(&writer, &exchange->response->body);
    json_begin_object(&writer);
    json_member_text(&writer, "appointmentId", exchange_path_id(exchange));
    json_member_boolean(&writer, "applied", false);
    json_end_object(&writer);
}

static bool change_from(struct exchange *exchange, struct json_object *body, struct error *error)
{
    struct appointment_change_input input;
    struct appointment_change change = {.appointment_id = exchange_path_id(exchange),
                                        .input = &input,
                                        .texts = exchange->texts,
                                        .json = &exchange->response->body};

    if (!require_valid_id(exchange, error) || !appointment_change_input_read(body, &input, error) ||
        !exchange_write(exchange, appointment_change(&change), error))
        return false;
    if (change.json->length == 0)
        write_not_applied(exchange);
    if (change.is_early)
        exchange->response->status = 202;
    return true;
}

static bool handle_change(struct exchange *exchange, struct error *error)
{
    return with_body(exchange, change_from, error);
}

static bool find_person(struct exchange *exchange, struct error *error)
{
    struct person_find find = {.user_id = exchange_path_id(exchange),
                               .json = &exchange->response->body};

    return database_read(exchange->database, person_find(&find), error);
}

static bool set_from(struct exchange *exchange, struct json_object *body, struct error *error)
{
    struct person_set set = {.user_id = exchange_path_id(exchange)};

    return require_valid_id(exchange, error) && person_input_read(body, true, &set.fields, error) &&
           exchange_write(exchange, person_set(&set), error) && find_person(exchange, error);
}

static bool handle_set_person(struct exchange *exchange, struct error *error)
{
    return with_body(exchange, set_from, error);
}

static bool handle_find_person(struct exchange *exchange, struct error *error)
{
    return require_service(exchange, error) && find_person(exchange, error);
}

static bool handle_erase_person(struct exchange *exchange, struct error *error)
{
    struct person_erase erase = {.user_id = exchange_path_id(exchange)};

    if (!require_service(exchange, error) || !exchange_write(exchange, person_erase(&erase), error))
        return false;
    exchange->response->status = 204;
    return true;
}

static const struct route appointment_routes[] = {
    {METHOD_POST, "/messaging/appointments", handle_create},
    {METHOD_PATCH, "/messaging/appointments/:id", handle_change},
    {METHOD_PUT, "/messaging/users/:id", handle_set_person},
    {METHOD_GET, "/messaging/users/:id", handle_find_person},
    {METHOD_DELETE, "/messaging/users/:id", handle_erase_person},
};

const struct router appointment_router = {appointment_routes, sizeof(appointment_routes) /
                                                                  sizeof(appointment_routes[0])};
