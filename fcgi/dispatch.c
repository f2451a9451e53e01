#include "fcgi/dispatch.h"

#include <string.h>

#include "common/utf8.h"
#include "db/person.h"
#include "fcgi/exchange.h"

/* Most of an unknown path that its 404 repeats, in bytes. */
#define ECHOED_PATH_MAX_BYTES 200

/* ---- the caller ----------------------------------------------------------------------------- */

/* Makes or refreshes the caller's directory row. False when that could not be done now; it is then
 * tried again with the next request. */
static bool store_claims(const struct exchange *exchange, const struct token_claims *claims)
{
    struct person_claims person = {
        .claims = claims,
        .default_role = config_first_role(&exchange->config->auth_client_roles, "client"),
        .now_ms = clock_wall_ms(exchange->services->clock)};
    struct error error;

    if (claims->kind == CALLER_SERVICE)
        return true;
    error_clear(&error);
    if (!database_read(exchange->database, person_claims_need_write(&person), &error))
        return false;
    return !person.must_write || exchange_write(exchange, person_take_claims(&person), &error);
}

/* Whose token it is. That the directory could not be written refuses nobody: the caller is who the
 * token says in any case. */
static bool authenticate(struct exchange *exchange, const struct rest_configuration *configuration,
                         struct token_claims *claims, struct error *error)
{
    struct text_span token = request_bearer_token(exchange->request);
    int64_t now_ms = clock_wall_ms(exchange->services->clock);
    bool is_stored = false;

    if (token.length == 0)
        return token_refuse(TOKEN_MISSING, error);
    bool is_known = token_cache_find(configuration->tokens, token, now_ms, claims, &is_stored);
    if (!is_known && !token_verify(configuration->base.verifier, token.data, token.length, now_ms,
                                   claims, error))
        return false;
    if (!is_stored) {
        is_stored = store_claims(exchange, claims);
        if (!is_known || is_stored)
            token_cache_store(configuration->tokens, token, claims, is_stored);
    }
    exchange->caller =
        (struct caller){.user_id = claims->user_id, .role = claims->role, .kind = claims->kind};
    return true;
}

/* Whether the user may ask for one more. The booking back-end asks for everybody. */
static bool take_from_budget(const struct dispatcher *dispatcher, const struct exchange *exchange,
                             struct error *error)
{
    enum method method = exchange->request->method;
    bool reads = method == METHOD_GET || method == METHOD_HEAD;
    const struct config *config = exchange->config;
    struct user_budgets *budgets = reads ? dispatcher->reads : dispatcher->writes;
    int64_t retry_after_s;

    if (budgets == NULL || exchange->caller.kind == CALLER_SERVICE ||
        user_budgets_take(
            budgets, exchange->caller.user_id, clock_monotonic_ms(exchange->services->clock),
            reads ? config->fastcgi_read_burst : config->fastcgi_write_burst,
            reads ? config->fastcgi_reads_per_second : config->fastcgi_writes_per_second,
            &retry_after_s))
        return true;
    return error_too_many(error, "Trop de requêtes, réessayez dans quelques secondes",
                          retry_after_s);
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

/* The token comes before the route, so that who has none learns nothing of what there is. */
static bool run_handler(struct dispatcher *dispatcher,
                        const struct rest_configuration *configuration, struct request *request,
                        struct response *response, struct error *error)
{
    struct exchange exchange = {
        .services = dispatcher->services,
        .config = configuration->base.config,
        .texts = configuration->texts,
        .database = dispatcher->database,
        .request = request,
        .response = response,
    };
    struct token_claims claims;
    struct route_match match;

    if (!authenticate(&exchange, configuration, &claims, error))
        return false;
    if (!take_from_budget(dispatcher, &exchange, error)) {
        log_limited(dispatcher->services->log, &dispatcher->limited, LOG_LEVEL_WARNING,
                    "a user asks for more than they may", LOG_TEXT("user", claims.user_id));
        return false;
    }
    if (!find_route(dispatcher, request, response, &match, error))
        return false;
    exchange.parameters = match.parameters;
    if (!match.route->handler(&exchange, error))
        return false;
    return !response->body.failed || error_out_of_memory(error);
}

static void log_failure(struct dispatcher *dispatcher, struct request *request,
                        const struct error *error)
{
    const struct log *log = dispatcher->services->log;
    const char *id = request_id(request, dispatcher->services);
    const char *reason = error_for_log(error);

    if (error->kind == ERROR_INTERNAL)
        log_limited(log, &dispatcher->failures, LOG_LEVEL_ERROR, "request failed",
                    LOG_TEXT("request", id), LOG_TEXT("reason", reason));
    else
        log_limited(log, &dispatcher->refused, LOG_LEVEL_WARNING, "request refused",
                    LOG_TEXT("request", id), LOG_TEXT("reason", reason));
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
