#include "fcgi/preference_handlers.h"

#include "db/input.h"
#include "db/preferences.h"
#include "fcgi/exchange.h"

bool handle_find_preferences(struct exchange *exchange, struct error *error)
{
    struct preferences_find find = {.user_id = exchange->caller.user_id,
                                    .json = &exchange->response->body};

    return database_read(exchange->database, preferences_find(&find), error);
}

/* `body` NULL: there is none, and nothing is changed. */
static bool change_from(struct exchange *exchange, struct json_object *body, struct error *error)
{
    struct preferences_input input = {0};
    struct preferences_change change = {
        .user_id = exchange->caller.user_id, .input = &input, .json = &exchange->response->body};

    return (body == NULL || preferences_input_read(body, &input, error)) &&
           exchange_write(exchange, preferences_change(&change), error);
}

bool handle_change_preferences(struct exchange *exchange, struct error *error)
{
    if (exchange_has_no_body(exchange))
        return change_from(exchange, NULL, error);
    struct json_object *body = exchange_read_json(exchange, error);

    if (body == NULL)
        return false;
    bool succeeded = change_from(exchange, body, error);
    json_object_put(body);
    return succeeded;
}

static bool mute_from(struct exchange *exchange, struct json_object *body, struct error *error)
{
    struct conversation_mute mute = {.user_id = exchange->caller.user_id};

    exchange->response->status = 201;
    return mute_input_read(body, &mute.conversation_id, error) &&
           exchange_write(exchange, conversation_mute(&mute), error);
}

bool handle_mute(struct exchange *exchange, struct error *error)
{
    struct json_object *body = exchange_read_json(exchange, error);

    if (body == NULL)
        return false;
    bool succeeded = mute_from(exchange, body, error);
    json_object_put(body);
    return succeeded;
}

bool handle_unmute(struct exchange *exchange, struct error *error)
{
    struct conversation_mute mute = {.user_id = exchange->caller.user_id,
                                     .conversation_id = exchange_path_id(exchange)};

    return exchange_write(exchange, conversation_unmute(&mute), error);
}
