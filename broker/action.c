#include "broker/action.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/container.h"
#include "common/json_writer.h"
#include "db/read_marks.h"

/* ---- ends ---------------------------------------------------------------------------------- */

/* Resuming comes last: the next event may be handled, and the client be gone, before it returns. */
static void end_action(struct action *action)
{
    struct socketio_socket *socket = action->client->socket;

    action->client->has_action = false;
    json_object_put(action->payload);
    buffer_free(&action->json);
    configuration_release(action->configuration);
    free(action);
    socketio_resume(socket);
}

void action_succeed(struct action *action, const char *name, const struct buffer *json)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "status", "ok");
    if (json != NULL) {
        json_write_key(&writer, name);
        json_write_raw(&writer, json->data, json->length);
    }
    json_end_object(&writer);
    if (payload.failed)
        client_fail(action->client);
    else
        socketio_ack(action->client->socket, action->ack_id, payload.data, payload.length);
    buffer_free(&payload);
    end_action(action);
}

/* The sentences of an error as one text. */
static void copy_message(const struct error *error, char out[ERROR_TEXT_BYTES])
{
    strcpy(out, error->text);
    for (char *at = out; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
}

/* Writes {status?, message, retryAfter?}. */
static void write_failure(struct buffer *out, const char *status, const char *message,
                          int64_t retry_after_s)
{
    struct json_writer writer;

    buffer_clear(out);
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_text(&writer, "status", status);
    json_member_text(&writer, "message", message);
    if (retry_after_s > 0)
        json_member_integer(&writer, "retryAfter", retry_after_s);
    json_end_object(&writer);
}

void action_refuse_silently(struct client *client, int64_t ack_id, const struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    char message[ERROR_TEXT_BYTES];

    client->parts->metrics.events_refused++;
    copy_message(error, message);
    write_failure(&payload, "error", message, error->retry_after_s);
    if (!payload.failed)
        socketio_ack(client->socket, ack_id, payload.data, payload.length);
    buffer_free(&payload);
}

/* Twice, because pages listen for the event, and who has asked for an acknowledgement would wait
 * for it in vain. */
void action_refuse(struct client *client, int64_t ack_id, const struct error *error)
{
    struct buffer payload = BUFFER_EMPTY;
    char message[ERROR_TEXT_BYTES];

    copy_message(error, message);
    write_failure(&payload, NULL, message, error->retry_after_s);
    client_emit(client, "error", &payload);
    buffer_free(&payload);
    action_refuse_silently(client, ack_id, error);
}

void action_fail(struct action *action, const struct error *error)
{
    struct broker_parts *parts = action->client->parts;

    if (error->kind == ERROR_INTERNAL)
        log_limited(loop_services(parts->loop)->log, &parts->event_failures, LOG_LEVEL_ERROR,
                    "event failed", LOG_TEXT("reason", error->detail));
    action_refuse(action->client, action->ack_id, error);
    end_action(action);
}

/* ---- steps --------------------------------------------------------------------------------- */

struct action *action_of(struct worker_request *request)
{
    return CONTAINER_OF(request, struct action, request);
}

static void begin_write(struct action *action, struct database_operation operation,
                        bool is_impatient, void (*on_done)(struct worker_request *request))
{
    action->request.operation = operation;
    action->request.on_done = on_done;
    action->request.is_impatient = is_impatient;
    worker_write(action->client->parts->worker, &action->request);
}

void action_write(struct action *action, struct database_operation operation,
                  void (*on_done)(struct worker_request *request))
{
    begin_write(action, operation, false, on_done);
}

void action_write_soon(struct action *action, struct database_operation operation,
                       void (*on_done)(struct worker_request *request))
{
    begin_write(action, operation, true, on_done);
}

void action_read(struct action *action, struct database_query query,
                 void (*on_done)(struct worker_request *request))
{
    action->request.query = query;
    action->request.on_done = on_done;
    worker_read(action->client->parts->worker, &action->request);
}

/* On the way out of the process the answer goes to nobody; it does not matter then that the feed
 * has not come so far. */
static void on_waited(struct feed_waiter *waiter, bool reached)
{
    struct action *action = CONTAINER_OF(waiter, struct action, waiter);

    (void)reached;
    action->on_reached(action);
}

void action_wait(struct action *action, int64_t seq, void (*on_reached)(struct action *action))
{
    action->on_reached = on_reached;
    action->waiter = (struct feed_waiter){.seq = seq, .on_reached = on_waited};
    feed_wait(action->client->parts->feed, &action->waiter);
}

void action_mark_later(const struct action *action, const char *conversation_id, int64_t first,
                       int64_t last)
{
    const struct shown_messages shown = {.conversation_id = conversation_id,
                                         .reader_id = action->client->occupant.user->id,
                                         .first = first,
                                         .last = last};

    read_marks_add(action->client->parts->marks, &shown);
}

const char *action_pid(struct action *action)
{
    memcpy(action->pid, action->client->pid, sizeof(action->pid));
    return action->pid[0] != '\0' ? action->pid : NULL;
}

/* ---- beginning ----------------------------------------------------------------------------- */

struct action *action_begin(struct client *client, int64_t ack_id, struct json_object *payload)
{
    struct action *action = calloc(1, sizeof(*action));
    struct error error;

    if (action == NULL) {
        error_out_of_memory(&error);
        action_refuse(client, ack_id, &error);
        return NULL;
    }
    action->client = client;
    action->ack_id = ack_id;
    action->payload = json_object_get(payload);
    ASSERT(!client->has_action);
    client->has_action = true;
    socketio_pause(client->socket);
    return action;
}
