#include "fcgi/dispatch.h"

#include <string.h>

#include "common/assert.h"
#include "common/origin.h"
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
    return !person.must_write || exchange_write_soon(exchange, person_take_claims(&person), &error);
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

/* The token comes before the route, so that who has none learns nothing of what there is; *route is
 * that of a handler that was asked. */
static bool run_handler(struct dispatcher *dispatcher,
                        const struct rest_configuration *configuration, struct request *request,
                        struct response *response, const struct route **route, struct error *error)
{
    struct exchange exchange = {
        .services = dispatcher->services,
        .config = configuration->base.config,
        .texts = configuration->texts,
        .database = dispatcher->database,
        .marks = dispatcher->marks,
        .places = &dispatcher->places,
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
    *route = match.route;
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

/* ---- counting -------------------------------------------------------------------------------- */

/* The first one is that of requests without a route: no token, no such path. */
void dispatch_lay_out(const struct router *router, const char *program,
                      struct counters_layout *layout)
{
    *layout = (struct counters_layout){0};
    counters_begin_layout(layout, program);
    ASSERT(router->count < COUNTERS_ROUTES_MAX);
    for (size_t i = 0; i < router->count; i++) {
        struct counters_route *route = &layout->routes[i + 1];
        ASSERT(strlen(router->routes[i].pattern) < sizeof(route->pattern));
        strcpy(route->method, method_name(router->routes[i].method));
        strcpy(route->pattern, router->routes[i].pattern);
    }
    ASSERT(response_status_at(COUNTERS_STATUSES_MAX) == 0);
    for (size_t i = 0; i < COUNTERS_STATUSES_MAX; i++)
        layout->statuses[i] = response_status_at(i);
}

/* Adds what has come since the last time. Of several threads that bring different states the newest
 * one counts. */
// NOLINTNEXTLINE(readability-non-const-parameter): exchanged atomically
static void count_up(uint64_t *counted, uint64_t present, uint64_t *counter)
{
    uint64_t before = __atomic_load_n(counted, __ATOMIC_RELAXED);

    while (before < present)
        if (__atomic_compare_exchange_n(counted, &before, present, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            counters_add(counter, present - before);
            return;
        }
}

static void count_answer(struct dispatcher *dispatcher, const struct route *route, int status,
                         int64_t started_ms)
{
    struct counters *counters = dispatcher->counters;
    struct database_statistics database;

    if (counters == NULL)
        return;
    counters_count_request(counters,
                           route != NULL ? (size_t)(route - dispatcher->router.routes) + 1 : 0,
                           status, clock_monotonic_ms(dispatcher->services->clock) - started_ms);
    database_statistics(dispatcher->database, &database);
    count_up(&dispatcher->counted.commits, database.commits, &counters->commits);
    count_up(&dispatcher->counted.operations, database.operations, &counters->operations);
    count_up(&dispatcher->counted.failures, database.failures, &counters->failures);
}

/* ---- the page that asks ---------------------------------------------------------------------- */

/* Whether it may not read the answer; it is told. (A page can't say X-Forwarded-Host: see
 * engineio_origin_is_allowed.) */
static bool is_foreign(struct dispatcher *dispatcher, const struct request *request,
                       const struct config *config)
{
    if (request->origin == NULL || origin_is_configured(config, request->origin) ||
        origin_is_of_host(request->origin, request->host) ||
        origin_is_of_host(request->origin, request->forwarded_host))
        return false;
    if (dispatcher->counters != NULL)
        counters_add(&dispatcher->counters->origins_refused, 1);
    log_limited(dispatcher->services->log, &dispatcher->origins, LOG_LEVEL_WARNING,
                "origin refused", LOG_TEXT("origin", request->origin),
                LOG_TEXT("host", request->host), LOG_TEXT("advice", ORIGIN_ADVICE));
    return true;
}

/* What is not asked for by a browser before it asks is answered to everybody: who is no browser may
 * say any Origin, and a browser keeps the answer to itself. */
static void refuse_preflight(struct response *response)
{
    struct error error;

    error_set(&error, ERROR_FORBIDDEN, ORIGIN_REFUSAL);
    response_error(response, &error);
}

void dispatch_answer(void *context, struct request *request, struct response *response)
{
    struct dispatcher *dispatcher = context;
    struct rest_configuration *configuration =
        rest_configuration_acquire(dispatcher->configuration);
    int64_t started_ms = clock_monotonic_ms(dispatcher->services->clock);
    const struct route *route = NULL;
    struct error error;

    response_begin(response);
    error_clear(&error);
    bool is_allowed = !is_foreign(dispatcher, request, configuration->base.config);
    if (request->method == METHOD_OPTIONS && !is_allowed) {
        refuse_preflight(response);
    } else if (request->method == METHOD_OPTIONS) {
        response_preflight(response);
    } else if (!run_handler(dispatcher, configuration, request, response, &route, &error)) {
        response_error(response, &error);
        if (response->status >= 500 && request->body_state != BODY_BROKEN)
            log_failure(dispatcher, request, &error);
        if (error.kind == ERROR_UNAUTHORIZED)
            token_log_refusal(&dispatcher->refusals, dispatcher->services->log, &error,
                              request_id(request, dispatcher->services));
    }
    response_finish(response, request, configuration->base.config);
    log_answer(dispatcher, request, response);
    count_answer(dispatcher, route, response->status, started_ms);
    rest_configuration_release(configuration);
}

void dispatch_refuse(void *context, struct request *request, struct response *response)
{
    struct dispatcher *dispatcher = context;
    struct rest_configuration *configuration =
        rest_configuration_acquire(dispatcher->configuration);
    int64_t started_ms = clock_monotonic_ms(dispatcher->services->clock);
    struct error error;

    response_begin(response);
    error_unavailable(&error, "too many connections");
    response_error(response, &error);
    response_finish(response, request, configuration->base.config);
    count_answer(dispatcher, NULL, response->status, started_ms);
    rest_configuration_release(configuration);
}
