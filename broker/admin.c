#include "broker/admin.h"

#include <stdlib.h>
#include <string.h>

#include "broker/transport/listener.h"

struct admin {
    struct broker *broker;
    struct http_options options;
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

/* The page is made when it is asked for: counters cost nothing but an addition in between. */
static void respond_metrics(struct admin *admin, struct http_request *request)
{
    struct buffer page = BUFFER_EMPTY;
    struct metrics_gauges gauges;

    broker_gauges(admin->broker, &gauges);
    metrics_write(broker_metrics(admin->broker), &gauges, &page);
    if (page.failed)
        respond_text(request, 503, "out of memory\n");
    else
        respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", page.data, page.length);
    buffer_free(&page);
}

static void on_admin_request(void *owner, struct http_request *request)
{
    struct admin *admin = owner;
    const char *path = http_request_path(request);
    enum http_method method = http_request_method(request);

    if (method != HTTP_GET && method != HTTP_HEAD)
        respond_text(request, 405, "only GET\n");
    else if (strcmp(path, "/healthz") == 0)
        respond_text(request, 200, "ok\n");
    else if (strcmp(path, "/readyz") == 0 && broker_is_ready(admin->broker))
        respond_text(request, 200, "ready\n");
    else if (strcmp(path, "/readyz") == 0)
        respond_text(request, 503, "not ready\n");
    else if (strcmp(path, "/metrics") == 0)
        respond_metrics(admin, request);
    else
        respond_text(request, 404, "not found\n");
}

struct admin *admin_create(struct loop *loop, struct broker *broker, const char *address,
                           struct error *error)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    int listener;

    if (admin == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    admin->broker = broker;
    admin->options = (struct http_options){.loop = loop,
                                           .max_connections = ADMIN_MAX_CONNECTIONS,
                                           .max_body_bytes = 0,
                                           .on_request = on_admin_request,
                                           .owner = admin};
    listener = listener_open(address, error);
    if (listener >= 0)
        admin->server = http_server_create(&admin->options, listener, error);
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
