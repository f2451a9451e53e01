#include "broker/admin.h"

#include <stdlib.h>
#include <string.h>

#include "broker/readiness.h"
#include "broker/rest_metrics.h"
#include "broker/transport/listener.h"
#include "common/container.h"

struct admin {
    struct admin_options options;
    struct http_options http_options;
    struct http_server *server;
};

static void respond(struct http_request *request, unsigned status, const char *type,
                    const char *body, size_t length)
{
    const struct http_response response = {
        .status = status, .content_type = type, .body = body, .length = length};

    http_respond(request, &response);
}

static void respond_text(struct http_request *request, unsigned status, const char *text)
{
    respond(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* ---- metrics ------------------------------------------------------------------------------- */

/* The page is made when it is asked for: counters cost nothing but an addition in between. */
static void respond_metrics(struct admin *admin, struct http_request *request)
{
    struct broker *broker = admin->options.broker;
    struct buffer page = BUFFER_EMPTY;
    struct metrics_gauges gauges;

    broker_gauges(broker, &gauges);
    metrics_write(broker_metrics(broker), &gauges, &page);
    rest_metrics_write(admin->options.metrics_folder, &page);
    if (page.failed)
        respond_text(request, 503, "out of memory\n");
    else
        respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", page.data, page.length);
    buffer_free(&page);
}

/* ---- readiness ----------------------------------------------------------------------------- */

/* A request for /readyz that waits for its answer. */
struct ready_request {
    struct readiness_waiter waiter;
    struct admin *admin;
    struct http_request *request;
};

static void respond_ready(const struct ready_request *ready, const struct buffer *found)
{
    const struct admin_options *options = &ready->admin->options;
    struct buffer page = BUFFER_EMPTY;

    buffer_append(&page, found->data, found->length);
    options->append_problems(options->owner, &page);
    const char *problems = found->failed ? NULL : buffer_text(&page);
    if (problems == NULL)
        respond_text(ready->request, 503, "out of memory\n");
    else if (problems[0] == '\0')
        respond_text(ready->request, 200, "ready\n");
    else
        respond_text(ready->request, 503, problems);
    buffer_free(&page);
}

static void on_known(struct readiness_waiter *waiter, const struct buffer *problems)
{
    struct ready_request *ready = CONTAINER_OF(waiter, struct ready_request, waiter);

    respond_ready(ready, problems);
    free(ready);
}

static void on_gone(void *context)
{
    struct ready_request *ready = context;

    readiness_forget(broker_readiness(ready->admin->options.broker), &ready->waiter);
    free(ready);
}

static void handle_ready(struct admin *admin, struct http_request *request)
{
    struct ready_request *ready = calloc(1, sizeof(*ready));

    if (ready == NULL) {
        respond_text(request, 503, "out of memory\n");
        return;
    }
    *ready =
        (struct ready_request){.waiter.on_known = on_known, .admin = admin, .request = request};
    http_request_watch(request, on_gone, ready);
    readiness_ask(broker_readiness(admin->options.broker), &ready->waiter);
}

/* ---- the server ---------------------------------------------------------------------------- */

static void on_admin_request(void *owner, struct http_request *request)
{
    struct admin *admin = owner;
    const char *path = http_request_path(request);
    enum http_method method = http_request_method(request);

    if (method != HTTP_GET && method != HTTP_HEAD)
        respond_text(request, 405, "only GET\n");
    else if (strcmp(path, "/healthz") == 0)
        respond_text(request, 200, "ok\n");
    else if (strcmp(path, "/readyz") == 0)
        handle_ready(admin, request);
    else if (strcmp(path, "/metrics") == 0)
        respond_metrics(admin, request);
    else
        respond_text(request, 404, "not found\n");
}

struct admin *admin_create(const struct admin_options *options, struct error *error)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    int listener;

    if (admin == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    admin->options = *options;
    admin->http_options = (struct http_options){.loop = options->loop,
                                                .max_connections = ADMIN_MAX_CONNECTIONS,
                                                .max_body_bytes = 0,
                                                .on_request = on_admin_request,
                                                .owner = admin};
    listener = listener_open(options->address, error);
    if (listener >= 0)
        admin->server = http_server_create(&admin->http_options, listener, error);
    if (admin->server != NULL)
        return admin;
    free(admin);
    return NULL;
}

void admin_free(struct admin *admin)
{
    if (admin == NULL)
        return;
    http_server_free(admin->server);
    free(admin);
}
