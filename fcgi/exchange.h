/*
 * One request being answered, as its handler sees it: who asks, what the path names, the database,
 * the response; and what handlers share.
 *
 * It belongs to the thread that answers, and ends with the request. What it points to is borrowed.
 */
#ifndef MESSAGERIE_FCGI_EXCHANGE_H
#define MESSAGERIE_FCGI_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/json_reader.h"
#include "common/services.h"
#include "common/token.h"
#include "db/appointment.h"
#include "db/database.h"
#include "db/read_marks.h"
#include "fcgi/request.h"
#include "fcgi/response.h"

/* How many of the threads that answer may wait for others who write, to the end: one beyond them
 * gives up when that takes long (503), so that threads are left for those who read. */
struct write_places {
    size_t limit;
    size_t taken; /* atomic */
};

struct exchange {
    const struct services *services;
    const struct config *config;
    const struct appointment_texts *texts;
    struct database *database;
    struct read_marks *marks;
    struct write_places *places;
    struct request *request;
    struct response *response;
    struct caller caller;
    const char *const *parameters; /* of the route, in the pattern's order */
};

/* What the route's first parameter stands for in the path: the id of a conversation, say. Asserts
 * that it has one. */
const char *exchange_path_id(const struct exchange *exchange);

/* The request's body as JSON, with input_members alone, to be freed with json_object_put; NULL with
 * *error (400, 413, 415 for a form, or 503 without memory). */
struct json_object *exchange_read_json(struct exchange *exchange, struct error *error);

/* Whether there is no body at all. */
bool exchange_has_no_body(struct exchange *exchange);

/* database_write, which lets other requests have the processor while it waits for the commit. */
bool exchange_write(const struct exchange *exchange, struct database_operation operation,
                    struct error *error);

/* The same for what can be left undone, which is not waited for when others write for long
 * (database_write_soon). */
bool exchange_write_soon(const struct exchange *exchange, struct database_operation operation,
                         struct error *error);

/* Has these positions of the conversation, which are shown although they could not be marked read
 * for the caller now, marked when that can be done (db/read_marks.h). */
void exchange_mark_later(const struct exchange *exchange, const char *conversation_id,
                         int64_t first, int64_t last);

/* Reads query parameter `name`, a number from 1 to `maximum`, or takes `fallback` when it is
 * absent or empty. On a broken rule false, and its sentence is added to *error. */
bool exchange_query_number(const struct exchange *exchange, const char *name, int64_t fallback,
                           int64_t maximum, int64_t *number, struct error *error);

/* Reads query parameter `name` into out[0..capacity), "" and not *present when it is absent or
 * empty. On a
 * broken rule false, and its sentence is added to *error. */
bool exchange_query_text(const struct exchange *exchange, const char *name, char *out,
                         size_t capacity, bool *present, struct error *error);

/* For input that breaks a rule (*error) of a request on the conversation exchange_path_id: the 404
 * or 403 of someone who may not see the conversation takes the place of *error. Always false. */
bool exchange_refuse_input(const struct exchange *exchange, struct error *error);

#endif
