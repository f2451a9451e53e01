#include "fcgi/exchange.h"

#include <string.h>
#include <strings.h>

#include "common/assert.h"
#include "db/conversation.h"
#include "db/input.h"

/* A number in a query has no more characters, with the NUL; longer ones are wrong anyway. */
#define QUERY_NUMBER_BYTES 32

const char *exchange_path_id(const struct exchange *exchange)
{
    ASSERT(exchange->parameters[0] != NULL);
    return exchange->parameters[0];
}

/* The type alone says little: curl says that it is a form whatever one sends. */
static bool is_form(const struct request *request)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data"};

    for (size_t i = 0; request->content_type != NULL && i < sizeof(types) / sizeof(types[0]); i++)
        if (strncasecmp(request->content_type, types[i], strlen(types[i])) == 0)
            return true;
    return false;
}

static struct json_object *parse_body(const struct request *request, struct error *error)
{
    const struct buffer *body = &request->body;
    struct json_object *json =
        json_read_members(body->data != NULL ? body->data : "", body->length, input_members, error);

    if (json == NULL && error->kind == ERROR_INVALID && body->length > 0 && is_form(request))
        error_set(error, ERROR_MEDIA_TYPE, "Le corps de la requête doit être en JSON");
    return json;
}

bool exchange_has_no_body(struct exchange *exchange)
{
    return request_read_body(exchange->request) == BODY_READ && exchange->request->body.length == 0;
}

struct json_object *exchange_read_json(struct exchange *exchange, struct error *error)
{
    struct request *request = exchange->request;

    switch (request_read_body(request)) {
    case BODY_READ:
        return parse_body(request, error);
    case BODY_TOO_LARGE:
        error_set(error, ERROR_TOO_LARGE, "Le corps de la requête dépasse %d octets",
                  INPUT_MAX_BYTES);
        break;
    case BODY_NO_MEMORY:
        error_out_of_memory(error);
        break;
    case BODY_MALFORMED:
        error_set(error, ERROR_INVALID, "La longueur du corps de la requête est fausse");
        break;
    case BODY_UNREAD:
    case BODY_BROKEN:
        error_set(error, ERROR_INVALID, "Le corps de la requête est incomplet");
        break;
    }
    return NULL;
}

bool exchange_write_soon(const struct exchange *exchange, struct database_operation operation,
                         struct error *error)
{
    request_wait(exchange->request, true);
    bool succeeded = database_write_soon(exchange->database, operation, error);
    request_wait(exchange->request, false);
    return succeeded;
}

/* Whoever finds no place is as quick as the others, unless others write for long. */
bool exchange_write(const struct exchange *exchange, struct database_operation operation,
                    struct error *error)
{
    struct write_places *places = exchange->places;
    bool has_place = __atomic_fetch_add(&places->taken, 1, __ATOMIC_RELAXED) < places->limit;
    bool succeeded;

    if (has_place) {
        request_wait(exchange->request, true);
        succeeded = database_write(exchange->database, operation, error);
        request_wait(exchange->request, false);
    } else {
        succeeded = exchange_write_soon(exchange, operation, error);
    }
    __atomic_sub_fetch(&places->taken, 1, __ATOMIC_RELAXED);
    return succeeded;
}

void exchange_mark_later(const struct exchange *exchange, const char *conversation_id,
                         int64_t first, int64_t last)
{
    const struct shown_messages shown = {.conversation_id = conversation_id,
                                         .reader_id = exchange->caller.user_id,
                                         .first = first,
                                         .last = last};

    read_marks_add(exchange->marks, &shown);
}

bool exchange_query_text(const struct exchange *exchange, const char *name, char *out,
                         size_t capacity, bool *present, struct error *error)
{
    enum uri_query_result result =
        uri_query_find(exchange->request->target.query, name, out, capacity);

    *present = result != URI_QUERY_ABSENT;
    switch (result) {
    case URI_QUERY_FOUND:
        *present = out[0] != '\0';
        return true;
    case URI_QUERY_ABSENT:
        out[0] = '\0';
        return true;
    case URI_QUERY_REPEATED:
        return error_add(error, name, "ne peut être donné qu'une fois");
    case URI_QUERY_MALFORMED:
        break;
    }
    return error_add(error, name, "valeur mal formée ou trop longue");
}

bool exchange_query_number(const struct exchange *exchange, const char *name, int64_t fallback,
                           int64_t maximum, int64_t *number, struct error *error)
{
    char text[QUERY_NUMBER_BYTES];
    bool present;

    return exchange_query_text(exchange, name, text, sizeof(text), &present, error) &&
           query_number_read(name, present ? text : NULL, fallback, maximum, number, error);
}

bool exchange_refuse_input(const struct exchange *exchange, struct error *error)
{
    struct conversation_access access = {.conversation_id = exchange_path_id(exchange),
                                         .caller = exchange->caller};
    struct error access_error;

    error_clear(&access_error);
    if (!database_read(exchange->database, conversation_access(&access), &access_error))
        *error = access_error;
    return false;
}
