/*
 * From a request to its response: preflight, token, route, method, handler, in the order of
 * docs/protocol.md, "Errors"; and what handlers share.
 */
#ifndef MESSAGERIE_FCGI_DISPATCH_H
#define MESSAGERIE_FCGI_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/json_reader.h"
#include "common/services.h"
#include "common/token.h"
#include "db/database.h"
#include "fcgi/request.h"
#include "fcgi/response.h"
#include "fcgi/rest_configuration.h"
#include "fcgi/router.h"

/* What answers requests. What it points to is borrowed and outlives it; any thread may use it. */
struct dispatcher {
    const struct services *services;
    struct database *database;
    struct configuration_holder *configuration; /* of a struct rest_configuration */
    struct router router;
    struct token_refusal_log refusals; /* all zero at first */
};

/* Answers `request` into `response` (over response_finish). `context` is a struct dispatcher. When
 * request->body_state is BODY_BROKEN afterwards, nobody is there to read the answer. */
void dispatch_answer(void *context, struct request *request, struct response *response);

/* Answers 503 without looking at the request: there are too many connections. */
void dispatch_refuse(void *context, struct request *request, struct response *response);

/* ---- for handlers --------------------------------------------------------------------------- */

/* One request being answered. */
struct exchange {
    const struct services *services;
    const struct config *config;
    const struct appointment_texts *texts;
    struct database *database;
    struct request *request;
    struct response *response;
    struct caller caller;
    const char *const *parameters; /* of the route, in the pattern's order */
};

/* The request's body as JSON, to be freed with json_object_put; NULL with *error (400, 413, or 503
 * without memory). */
struct json_object *exchange_read_json(struct exchange *exchange, struct error *error);

/* database_write, which lets other requests have the processor while it waits for the commit. */
bool exchange_write(struct exchange *exchange, struct database_operation operation,
                    struct error *error);

/* Reads query parameter `name`, a number from 1 to `maximum`, or takes `fallback` when it is
 * absent. On a broken rule false, and its sentence is added to *error. */
bool exchange_query_number(const struct exchange *exchange, const char *name, int64_t fallback,
                           int64_t maximum, int64_t *number, struct error *error);

/* Reads query parameter `name` into out[0..capacity), "" and not *present when it is absent. On a
 * broken rule false, and its sentence is added to *error. */
bool exchange_query_text(const struct exchange *exchange, const char *name, char *out,
                         size_t capacity, bool *present, struct error *error);

/* For input that breaks a rule (*error) of a request on conversation parameters[0]: the 404 or 403
 * of someone who may not see the conversation takes the place of *error. Always false. */
bool exchange_refuse_input(const struct exchange *exchange, struct error *error);

#endif
