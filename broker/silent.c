#include "broker/silent.h"

#include <stdlib.h>

#include "broker/protocol/engineio_session.h"
#include "common/container.h"
#include "common/json_writer.h"

/* A long wait for the end of a token is cut into pieces, because the wall clock may be set. */
#define EXPIRY_CHECK_MS 60000

/* A silent socket's user. */
struct silent {
    struct silent_sockets *sockets;
    struct socketio_socket *socket;
    struct timer timer;    /* its end */
    int64_t expires_at_ms; /* wall time, of one in "/" whose token has an end; else 0 */
    const struct silent_reason *reason; /* of one too many, else NULL */
    /* Of one in "/": */
    struct silent *next, *previous;
    struct token_fingerprint key;
};

void silent_write_reason(const struct silent_reason *reason, struct buffer *out)
{
    struct json_writer writer;

    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_text(&writer, "message", reason->message);
    json_member_text(&writer, "code", reason->code);
    json_end_object(&writer);
}

/* ---- its life ------------------------------------------------------------------------------ */

static void list_root(struct silent *silent)
{
    struct silent_sockets *sockets = silent->sockets;

    silent->next = sockets->first;
    if (silent->next != NULL)
        silent->next->previous = silent;
    sockets->first = silent;
}

/* Accepts one that is not listed. */
static void unlist_root(struct silent *silent)
{
    if (silent->next != NULL)
        silent->next->previous = silent->previous;
    if (silent->previous != NULL)
        silent->previous->next = silent->next;
    else if (silent->sockets->first == silent)
        silent->sockets->first = silent->next;
}

static void free_silent(struct silent *silent)
{
    unlist_root(silent);
    loop_timer_remove(silent->sockets->loop, &silent->timer);
    free(silent);
}

static int64_t left_ms(const struct silent *silent)
{
    struct loop *loop = silent->sockets->loop;

    return silent->expires_at_ms - clock_wall_ms(loop_services(loop)->clock);
}

static void await_expiry(struct silent *silent)
{
    int64_t wait_ms = left_ms(silent);

    if (wait_ms > EXPIRY_CHECK_MS)
        wait_ms = EXPIRY_CHECK_MS;
    loop_timer_start(silent->sockets->loop, &silent->timer, wait_ms > 0 ? wait_ms : 0);
}

static void on_silent_timeout(struct timer *timer)
{
    struct silent *silent = CONTAINER_OF(timer, struct silent, timer);

    if (silent->expires_at_ms != 0 && left_ms(silent) > 0)
        await_expiry(silent);
    else
        socketio_close(silent->socket, FAREWELL_NORMAL);
}

/* An event is answered if it asks for it: a page may wait for that before it shows anything. */
static void on_silent_event(void *application, struct socketio_socket *socket,
                            const struct socketio_event *event)
{
    const struct silent *silent = socketio_user(socket);
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    (void)application;
    if (silent->reason == NULL || event->ack_id == SOCKETIO_NO_ID)
        return;
    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "status", "error");
    json_member_text(&writer, "message", silent->reason->message);
    json_end_object(&writer);
    if (!payload.failed)
        socketio_ack(socket, event->ack_id, payload.data, payload.length);
    buffer_free(&payload);
}

static void on_silent_refused_event(void *application, struct socketio_socket *socket,
                                    int64_t ack_id, const struct error *error)
{
    (void)application;
    (void)socket;
    (void)ack_id;
    (void)error;
}

static void on_silent_disconnect(void *application, struct socketio_socket *socket,
                                 enum socketio_reason reason)
{
    (void)application;
    (void)reason;
    free_silent(socketio_user(socket));
}

static void on_silent_drain(void *application, struct socketio_socket *socket)
{
    (void)application;
    (void)socket; /* nobody asks for it */
}

/* ---- its beginning ------------------------------------------------------------------------- */

void silent_init(struct silent_sockets *silent, struct loop *loop, const char *client_namespace)
{
    const struct socketio_namespace callbacks = {.is_quiet = true,
                                                 .on_event = on_silent_event,
                                                 .on_refused_event = on_silent_refused_event,
                                                 .on_disconnect = on_silent_disconnect,
                                                 .on_drain = on_silent_drain};

    silent->loop = loop;
    silent->root = callbacks;
    silent->root.name = SILENT_ROOT;
    silent->surplus = callbacks;
    silent->surplus.name = client_namespace;
}

/* Lets it in; NULL without memory, when it is not answered, or when it is gone (*is_gone). */
static struct silent *accept_silent(struct silent_sockets *sockets, struct socketio_socket *socket,
                                    const struct socketio_namespace *name_space, bool *is_gone)
{
    struct silent *silent = calloc(1, sizeof(*silent));
    char sid[ENGINEIO_ID_BYTES];

    *is_gone = false;
    if (silent == NULL || !loop_timer_add(sockets->loop, &silent->timer, on_silent_timeout)) {
        free(silent);
        return NULL;
    }
    silent->sockets = sockets;
    silent->socket = socket;
    engineio_make_id(loop_services(sockets->loop)->random, sid);
    socketio_hand_over(socket, name_space);
    socketio_set_user(socket, silent);
    if (socketio_accept(socket, sid, NULL))
        return silent;
    *is_gone = true;
    free_silent(silent);
    return NULL;
}

bool silent_accept_root(struct silent_sockets *sockets, struct socketio_socket *socket,
                        const struct token_claims *claims)
{
    bool is_gone;
    struct silent *silent = accept_silent(sockets, socket, &sockets->root, &is_gone);

    if (silent == NULL)
        return is_gone;
    silent->expires_at_ms = claims->expires_at_ms;
    silent->key = claims->key;
    list_root(silent);
    if (silent->expires_at_ms != 0)
        await_expiry(silent);
    return true;
}

bool silent_accept_surplus(struct silent_sockets *sockets, struct socketio_socket *socket,
                           const struct silent_reason *reason)
{
    bool is_gone;
    struct silent *silent = accept_silent(sockets, socket, &sockets->surplus, &is_gone);
    struct buffer payload = BUFFER_EMPTY;

    if (silent == NULL)
        return is_gone;
    silent->reason = reason;
    loop_timer_start(sockets->loop, &silent->timer, SILENT_SURPLUS_MS);
    silent_write_reason(reason, &payload);
    if (!payload.failed)
        socketio_emit(socket, "error", payload.data, payload.length);
    buffer_free(&payload);
    return true;
}

/* ---- its end ------------------------------------------------------------------------------- */

/* By the timer of its token's end, which may be nearer. */
static void end_in(struct silent *silent, int64_t ms)
{
    int64_t at_ms = clock_wall_ms(loop_services(silent->sockets->loop)->clock) + ms;

    if (silent->expires_at_ms != 0 && silent->expires_at_ms <= at_ms)
        return;
    silent->expires_at_ms = at_ms;
    await_expiry(silent);
}

int64_t silent_withdraw(struct silent_sockets *sockets, const struct token_verifier *verifier,
                        int64_t spread_ms)
{
    int64_t count = 0;
    int64_t ended = 0;

    for (const struct silent *silent = sockets->first; silent != NULL; silent = silent->next)
        count += !token_verifier_has_key(verifier, &silent->key);
    if (count == 0)
        return 0;
    for (struct silent *silent = sockets->first; silent != NULL; silent = silent->next)
        if (!token_verifier_has_key(verifier, &silent->key))
            end_in(silent, ended++ * spread_ms / count);
    return count;
}
