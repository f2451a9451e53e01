/*
 * From a request to its response: preflight, token, the user's budget, route, method, handler, in
 * the order of
 * docs/protocol.md, "Errors".
 */
#ifndef MESSAGERIE_FCGI_DISPATCH_H
#define MESSAGERIE_FCGI_DISPATCH_H

#include "common/counters.h"
#include "common/services.h"
#include "common/token.h"
#include "common/user_budgets.h"
#include "db/database.h"
#include "db/read_marks.h"
#include "fcgi/exchange.h"
#include "fcgi/request.h"
#include "fcgi/response.h"
#include "fcgi/rest_configuration.h"
#include "fcgi/router.h"

/* What answers requests. What it points to is borrowed and outlives it; any thread may use it. */
struct dispatcher {
    const struct services *services;
    struct database *database;
    struct read_marks *marks;
    struct configuration_holder *configuration; /* of a struct rest_configuration */
    struct router router;
    struct write_places places;
    struct user_budgets *reads, *writes; /* NULL: nobody is limited, as this process ends with its
                                            request (plain CGI) */
    struct counters *counters;           /* of dispatch_lay_out; NULL: nothing is counted */
    struct token_refusal_log refusals;   /* all zero at first, as what follows */
    struct log_limit failures, refused, limited, origins;
    struct database_statistics counted; /* of the database, in `counters`; atomic */
};

/* What a dispatcher with that router counts, for counters_open. */
void dispatch_lay_out(const struct router *router, const char *program,
                      struct counters_layout *layout);

/* Answers `request` into `response` (over response_finish). `context` is a struct dispatcher. When
 * request->body_state is BODY_BROKEN afterwards, nobody is there to read the answer. */
void dispatch_answer(void *context, struct request *request, struct response *response);

/* Answers 503 without looking at the request: there are too many connections. */
void dispatch_refuse(void *context, struct request *request, struct response *response);

#endif
