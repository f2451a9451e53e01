/*
 * One event of a client, from its arrival to its answer: the client's socket is paused meanwhile,
 * so that a client has one action at a time, and its events are answered in their order. What is to
 * be done is client_events.c's; here are the steps that it is made of.
 *
 * An action ends with action_succeed or action_fail, which free it. Everything belongs to the
 * loop's thread.
 */
#ifndef MESSAGERIE_BROKER_ACTION_H
#define MESSAGERIE_BROKER_ACTION_H

#include <stdbool.h>

#include "broker/client.h"
#include "broker/feed.h"
#include "broker/worker.h"
#include "common/buffer.h"
#include "common/configuration.h"
#include "common/json_reader.h"
#include "db/contact.h"
#include "db/conversation.h"
#include "db/input.h"
#include "db/message.h"
#include "db/person.h"
#include "db/recovery.h"

struct action {
    struct client *client;
    int64_t ack_id;
    struct json_object *payload; /* what texts of the request are borrowed from */
    struct worker_request request;
    struct feed_waiter waiter;
    void (*on_reached)(struct action *action); /* when the feed has come to waiter.seq */
    bool is_unmarked;                          /* of join-conversation: shown as it is */
    bool is_new_membership;                    /* of join-conversation: pending */
    char pid[CLIENT_PID_BYTES];                /* see action_pid */
    const char *conversation_id;
    const char *message_id;
    struct buffer json; /* what an operation has found, or what is to be sent */
    struct message_input input;
    union {
        struct conversation_join join;
        struct conversation_leave leave;
        struct message_create create;
        struct message_reference message;
        struct conversation_reference conversation;
        struct conversation_unread in;
        struct typing_name typing;
    } call;
    struct unread_state unread;
    struct configuration *configuration; /* that the worker looks at, referenced; or NULL */
};

/* Pauses the client's socket. `payload` is the first argument of the event, which is referenced.
 * NULL without memory, and then the client has been told. */
struct action *action_begin(struct client *client, int64_t ack_id, struct json_object *payload);

/* ---- steps --------------------------------------------------------------------------------- */

/* The action of a request that action_write or action_read has made. */
struct action *action_of(struct worker_request *request);

void action_write(struct action *action, struct database_operation operation,
                  void (*on_done)(struct worker_request *request));
/* The same, which is withdrawn when others write for long (broker/worker.h). */
void action_write_soon(struct action *action, struct database_operation operation,
                       void (*on_done)(struct worker_request *request));
void action_read(struct action *action, struct database_query query,
                 void (*on_done)(struct worker_request *request));

/* Goes on when all events up to `seq` have been handed on. */
void action_wait(struct action *action, int64_t seq, void (*on_reached)(struct action *action));

/* Has these positions of the conversation, which the client is shown although nothing can be marked
 * now, marked read when it can (db/read_marks.h). */
void action_mark_later(const struct action *action, const char *conversation_id, int64_t first,
                       int64_t last);

/* The pid of the recovery that remembers the client's rooms, or NULL. A copy: it is read by another
 * thread, while the client may have to give its recovery up. */
const char *action_pid(struct action *action);

/* ---- ends ---------------------------------------------------------------------------------- */

/* Acknowledges; `json` (may be NULL) is the value of a member `name`. */
void action_succeed(struct action *action, const char *name, const struct buffer *json);

void action_fail(struct action *action, const struct error *error);

/* For an event that there is no action for: tells the client by the event `error` and, if it wants
 * one, by the acknowledgement; of ERROR_TOO_MANY also when to try again. */
void action_refuse(struct client *client, int64_t ack_id, const struct error *error);

/* The same without the event. */
void action_refuse_silently(struct client *client, int64_t ack_id, const struct error *error);

#endif
