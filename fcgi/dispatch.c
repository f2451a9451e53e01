#include "fcgi/dispatch.h"

#include <string.h>

#include "common/utf8.h"
#include "db/conversation.h"
#include "db/input.h"
#include "db/person.h"

/* Most of an unknown path that its 404 repeats, in bytes. */
#define ECHOED_PATH_MAX_BYTES 200
/* A number in a query has no more characters, with the NUL; longer ones are wrong anyway. */
#define QUERY_NUMBER_BYTES 32

/* ---- the caller ----------------------------------------------------------------------------- */

static bool write_and_wait(struct database *database, struct request *request,
                           struct database_operation operation, struct error *error)
{
    request_wait(request, true);
    bool succeeded = database_write(database, operation, error);
    request_wait(request, false);
    return succeeded;
}

/* The role of a person whose token names none. */
static const char *default_role(const struct config *config)
{
    return config->auth_client_roles.count > 0 ? config->auth_client_roles.items[0] : "client";
}

/* Makes or refreshes the caller's directory row. False when that could not be done now; it is then
 * tried again with the next request. */
static bool apply_claims(const struct dispatcher *dispatcher, struct request *request,
                         const struct config *config, const struct token_claims *claims)
{
    struct person_claims person = {.claims = claims,
                                   .default_role = default_role(config),
                                   .now_ms = clock_wall_ms(dispatcher->services->clock)};
    struct error error;

    if (claims->kind == CALLER_SERVICE)
        return true;
    error_clear(&error);
    if (!database_read(dispatcher->database, person_claims_need_write(&person), &error))
        return false;
    return !person.must_write ||
           write_and_wait(dispatcher->database, request, person_apply_claims(&person), &error);
}

static bool authenticate(const struct dispatcher *dispatcher,
                         const struct rest_configuration *configuration, struct request *request,
                         struct token_claims *claims, struct error *error)
{
    struct text_span token = request_bearer_token(request);
    int64_t now_ms = clock_wall_ms(dispatcher->services->clock);
    bool is_applied = false;

    if (token.length == 0)
        return token_refuse(TOKEN_MISSING, error);
    bool is_known = token_cache_find(configuration->tokens, token, now_ms, claims, &is_applied);
    if (!is_known && !token_verify(configuration->base.verifier, token.data, token.length, now_ms,
                                   claims, error))
        return false;
    if (!is_applied) {
        is_applied = apply_claims(dispatcher, request, configuration->base.config, claims);
        if (!is_known || is_applied)
            token_cache_store(configuration->tokens, token, claims, is_applied);
    }
    return true;
}

/* ---- the route ------------------------------------------------------------------------------ */

/* Whether it can stand in a JSON text and in a sentence. */
static bool is_printable(struct text_span text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.data[i] < ' ')
            return false;
    return utf8_is_valid(text.data, text.length);
}

static void report_unknown_route(const struct request *request, struct error *error)
{
    struct text_span path = request->target.path;
    struct text_span method = {request->method_name, strlen(request->method_name)};

    if (path.length > ECHOED_PATH_MAX_BYTES || !is_printable(path) ||
        method.length > ECHOED_PATH_MAX_BYTES || !is_printable(method))
        error_set(error, ERROR_NOT_FOUND, "Route inconnue");
    else
        error_set(error, ERROR_NOT_FOUND, "Route inconnue : %s %.*s", method.data, (int)path.length,
                  path.data);
}

static bool find_route(const struct dispatcher *dispatcher, const struct request *request,
                       struct response *response, struct route_match *match, struct error *error)
{
    enum route_result result = ROUTE_MALFORMED;

    if (request->has_target)
        result = router_find(&dispatcher->router, request->method, request->target.path, match);
    switch (result) {
    case ROUTE_FOUND:
        return true;
    case ROUTE_METHOD:
        response->allowed = match->allowed;
        error_set(error, ERROR_METHOD, "Méthode non autorisée pour cette route");
        break;
    case ROUTE_MALFORMED:
        error_set(error, ERROR_INVALID, "Adresse de requête mal formée");
        break;
    case ROUTE_UNKNOWN:
        report_unknown_route(request, error);
        break;
    }
    return false;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static bool run_handler(const struct dispatcher *dispatcher,
                        const struct rest_configuration *configuration, struct request *request,
                        struct response *response, struct error *error)
{
    struct token_claims claims;
    struct route_match match;

    if (!authenticate(dispatcher, configuration, request, &claims, error) ||
        !find_route(dispatcher, request, response, &match, error))
        return false;
    struct exchange exchange = {
        .services = dispatcher->services,
        .config = configuration->base.config,
        .texts = configuration->texts,
        .database = dispatcher->database,
        .request = request,
        .response = response,
        .caller = {.user_id = claims.user_id, .role = claims.role, .kind = claims.kind},
        .parameters = match.parameters,
    };
    if (!match.route->handler(&exchange, error))
        return false;
    return !response->body.failed || error_out_of_memory(error);
}

static void log_failure(const struct dispatcher *dispatcher, struct request *request,
                        const struct error *error)
{
    const struct log *log = dispatcher->services->log;
    const char *id = request_id(request, dispatcher->services);
    const char *reason = error_reason(error);

    if (error->kind == ERROR_INTERNAL)
        log_error(log, "request failed", LOG_TEXT("request", id), LOG_TEXT("reason", reason));
    else
        log_warning(log, "request refused", LOG_TEXT("request", id), LOG_TEXT("reason", reason));
}

static void log_answer(const struct dispatcher *dispatcher, struct request *request,
                       const struct response *response)
{
    const struct log *log = dispatcher->services->log;

    if (!log_is_written(log, LOG_LEVEL_DEBUG))
        return;
    log_debug(log, "answered", LOG_TEXT("request", request_id(request, dispatcher->services)),
              LOG_TEXT("method", request->method_name), LOG_NUMBER("status", response->status));
}

void dispatch_answer(void *context, struct request *request, struct response *response)
{
    struct dispatcher *dispatcher = context;
    struct rest_configuration *configuration =
        rest_configuration_acquire(dispatcher->configuration);
    struct error error;

    response_begin(response);
    error_clear(&error);
    if (request->method == METHOD_OPTIONS) {
        response_preflight(response);
    } else if (!run_handler(dispatcher, configuration, request, response, &error)) {
        response_error(response, &error);
        if (response->status >= 500 && request->body_state != BODY_BROKEN)
            log_failure(dispatcher, request, &error);
        if (error.kind == ERROR_UNAUTHORIZED)
            token_log_refusal(&dispatcher->refusals, dispatcher->services->log, &error,
                              request_id(request, dispatcher->services));
    }
    response_finish(response, request, configuration->base.config);
    log_answer(dispatcher, request, response);
    rest_configuration_release(configuration);
}

void dispatch_refuse(void *context, struct request *request, struct response *response)
{
    const struct dispatcher *dispatcher = context;
    struct rest_configuration *configuration =
        rest_configuration_acquire(dispatcher->configuration);
    struct error error;

    response_begin(response);
    error_unavailable(&error, "too many connections");
    response_error(response, &error);
    response_finish(response, request, configuration->base.config);
    rest_configuration_release(configuration);
}

/* ---- for handlers --------------------------------------------------------------------------- */

struct json_object *exchange_read_json(struct exchange *exchange, struct error *error)
{
    struct request *request = exchange->request;

    switch (request_read_body(request)) {
    case BODY_READ:
        return json_read(request->body.data != NULL ? request->body.data : "", request->body.length,
                         error);
    case BODY_TOO_LARGE:
        error_set(error, ERROR_TOO_LARGE, "Le corps de la requête dépasse %d octets",
                  REQUEST_BODY_MAX_BYTES);
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

bool exchange_write(struct exchange *exchange, struct database_operation operation,
                    struct error *error)
{
    return write_and_wait(exchange->database, exchange->request, operation, error);
}

bool exchange_query_text(const struct exchange *exchange, const char *name, char *out,
                         size_t capacity, bool *present, struct error *error)
{
    enum uri_query_result result =
        uri_query_find(exchange->request->target.query, name, out, capacity);

    *present = result != URI_QUERY_ABSENT;
    switch (result) {
    case URI_QUERY_FOUND:
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
    struct conversation_access access = {.conversation_id = exchange->parameters[0],
                                         .caller = exchange->caller};
    struct error access_error;

    error_clear(&access_error);
    if (!database_read(exchange->database, conversation_access(&access), &access_error))
        *error = access_error;
    return false;
}
