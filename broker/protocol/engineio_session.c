#include <stdlib.h>
#include <string.h>

#include "broker/protocol/engineio_private.h"
#include "common/container.h"
#include "common/json_writer.h"
#include "common/utf8.h"

/* Heartbeats are a bit early, by up to one part in so many, so that those of thousands of sessions
 * fall together and an idle server wakes up a few times a second and not thousands. */
#define HEARTBEAT_GRAIN 100

/* The HTTP long-polling transport of a session. */
struct polling {
    struct engineio_session *session;
    struct loop_task task; /* at the end of the turn: answers the GET, goes on with the POST */
    struct output output;
    struct http_request *get, *post; /* that wait for their answer, or NULL */
    size_t post_offset;              /* of the next packet in the POST's body */
    bool is_get_watched;
    bool is_overflowed;
    bool wants_drain;
};

/* A WebSocket that a polling session is trying out. */
struct upgrade {
    struct engineio_session *session;
    struct websocket *websocket;
    struct timer timer; /* patience; between two noops, once the client has probed */
    int64_t expires_ms;
};

/* What the client is told at the end. */
enum goodbye {
    GOODBYE_NOTHING, /* as if the connection had broken */
    GOODBYE_BRIEF,   /* that it is over */
    GOODBYE_ORDERLY, /* what was queued, then that it is over */
};

static struct loop *loop_of(const struct engineio_session *session)
{
    return session->server->settings->loop;
}

/* ---- Life and death ---- */

static void polling_free(struct engineio_session *session)
{
    struct polling *polling = session->polling;

    session->polling = NULL;
    if (!polling)
        return;
    loop_cancel(&polling->task);
    output_clear(&polling->output);
    free(polling);
}

static void session_free(struct engineio_session *session)
{
    polling_free(session);
    loop_timer_remove(loop_of(session), &session->timer);
    free(session);
}

void engineio_free_dead(struct engineio_server *server)
{
    while (server->dead) {
        struct engineio_session *session = server->dead;

        server->dead = session->next;
        session_free(session);
    }
}

/* Takes it out of the table; it is freed at the end of the turn. */
static void bury(struct engineio_session *session)
{
    struct engineio_server *server = session->server;

    session->state = ENGINEIO_STATE_ENDED;
    loop_timer_stop(loop_of(session), &session->timer);
    engineio_remove(session);
    session->next = server->dead;
    server->dead = session;
    loop_defer(loop_of(session), &server->burial);
}

/* Returns the WebSocket. */
static struct websocket *upgrade_free(struct engineio_session *session)
{
    struct upgrade *upgrade = session->upgrade;
    struct websocket *websocket = upgrade->websocket;

    session->upgrade = NULL;
    loop_timer_remove(loop_of(session), &upgrade->timer);
    free(upgrade);
    return websocket;
}

static void upgrade_abandon(struct engineio_session *session)
{
    if (session->upgrade)
        websocket_close(upgrade_free(session), FRAME_CLOSE_NO_STATUS);
}

static void answer_get(struct engineio_session *session);

static void push(struct engineio_session *session, struct block *packet, size_t limit)
{
    struct polling *polling = session->polling;

    if (!packet || !output_push(&polling->output, packet, limit))
        polling->is_overflowed = true;
    loop_defer(loop_of(session), &polling->task);
}

static void answer_post(struct engineio_session *session, bool is_good)
{
    struct http_request *post = session->polling->post;

    session->polling->post = NULL;
    if (post && is_good)
        engineio_respond(session->server, post, 200, "text/html", "ok", 2);
    else if (post)
        engineio_respond_error(session->server, post, ENGINEIO_ERROR_BAD_REQUEST);
}

/* Tells the client over long-polling. False when that has to wait for its next GET. */
static bool polling_goodbye(struct engineio_session *session, enum engineio_end end,
                            enum goodbye goodbye)
{
    struct polling *polling = session->polling;
    bool is_by_client = end == ENGINEIO_END_TRANSPORT_CLOSE;

    answer_post(session, is_by_client || end == ENGINEIO_END_FORCED);
    if (goodbye != GOODBYE_ORDERLY)
        output_clear(&polling->output);
    push(session, is_by_client ? session->server->noop : session->server->close, SIZE_MAX);
    if (polling->get)
        answer_get(session);
    return output_is_empty(&polling->output) || goodbye != GOODBYE_ORDERLY;
}

static void end_session(struct engineio_session *session, enum engineio_end end,
                        enum goodbye goodbye, uint16_t code)
{
    const struct engineio_settings *settings = session->server->settings;
    void *user = session->user;
    bool is_over = true;

    if (session->state != ENGINEIO_STATE_OPEN)
        return;
    session->server->counts[engineio_transport(session)]--;
    session->state = ENGINEIO_STATE_CLOSING;
    upgrade_abandon(session);
    if (session->websocket && goodbye == GOODBYE_NOTHING)
        websocket_abort(session->websocket);
    else if (session->websocket)
        websocket_close(session->websocket, code);
    else if (session->polling)
        is_over = polling_goodbye(session, end, goodbye);
    session->websocket = NULL;
    if (is_over)
        bury(session);
    else
        loop_timer_start(settings->loop, &session->timer, settings->ping_timeout_ms);
    settings->on_close(user, end, true);
}

/* ---- Heartbeat ---- */

static void start_heartbeat(struct engineio_session *session, int64_t delay_ms)
{
    int64_t grain = delay_ms / HEARTBEAT_GRAIN > 0 ? delay_ms / HEARTBEAT_GRAIN : 1;
    int64_t deadline_ms = loop_now_ms(loop_of(session)) + delay_ms;

    loop_timer_start(loop_of(session), &session->timer, delay_ms - deadline_ms % grain);
}

static void send_ping(struct engineio_session *session)
{
    session->awaits_pong = true;
    session->has_grace = false;
    start_heartbeat(session, session->server->settings->ping_timeout_ms);
    engineio_send(session, session->server->ping);
}

static void on_timer(struct timer *timer)
{
    struct engineio_session *session = CONTAINER_OF(timer, struct engineio_session, timer);

    if (session->state != ENGINEIO_STATE_OPEN)
        bury(session);
    else if (!session->awaits_pong)
        send_ping(session);
    else if (session->is_paused) /* the pong may be in what we do not read */
        start_heartbeat(session, session->server->settings->ping_timeout_ms);
    else
        end_session(session, ENGINEIO_END_PING_TIMEOUT, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
}

/* ---- Packets ---- */

static void handle_packet(struct engineio_session *session, const struct engineio_packet *packet)
{
    const struct engineio_settings *settings = session->server->settings;

    /* A long message may be in front of the pong: any sign of life counts for it, once. */
    if (session->awaits_pong && !session->has_grace && packet->type != ENGINEIO_PONG) {
        session->has_grace = true;
        start_heartbeat(session, settings->ping_timeout_ms);
    }
    switch (packet->type) {
    case ENGINEIO_MESSAGE:
        settings->on_message(session->user, !packet->is_binary, packet->data, packet->length);
        break;
    case ENGINEIO_PONG:
        session->awaits_pong = false;
        start_heartbeat(session, settings->ping_interval_ms);
        break;
    case ENGINEIO_CLOSE:
        end_session(session, ENGINEIO_END_TRANSPORT_CLOSE, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
        break;
    case ENGINEIO_PING: /* it is the server that pings */
        end_session(session, ENGINEIO_END_TRANSPORT_ERROR, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
        break;
    case ENGINEIO_OPEN:
    case ENGINEIO_UPGRADE:
    case ENGINEIO_NOOP:
        break; /* mean nothing here */
    }
}

static void handle_malformed(struct engineio_session *session)
{
    end_session(session, ENGINEIO_END_PARSE_ERROR, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
}

/* ---- Long-polling ---- */

static void answer_get(struct engineio_session *session)
{
    struct polling *polling = session->polling;
    struct http_request *get = polling->get;
    struct buffer payload = BUFFER_EMPTY;
    struct block *packet;

    polling->get = NULL;
    while ((packet = output_pop(&polling->output))) {
        engineio_payload_append(&payload, packet);
        block_release(packet);
    }
    if (payload.failed)
        engineio_respond(session->server, get, 503, NULL, NULL, 0);
    else
        engineio_respond(session->server, get, 200, "text/plain; charset=UTF-8", payload.data,
                         payload.length);
    bool has_failed = payload.failed;
    buffer_free(&payload);
    if (has_failed) /* messages are lost */
        end_session(session, ENGINEIO_END_TRANSPORT_ERROR, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
}

static void on_get_gone(void *context)
{
    struct engineio_session *session = context;

    session->polling->get = NULL;
    end_session(session, ENGINEIO_END_TRANSPORT_ERROR, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
}

static void on_post_gone(void *context)
{
    struct engineio_session *session = context;

    session->polling->post = NULL;
    end_session(session, ENGINEIO_END_TRANSPORT_ERROR, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
}

/* Handles the packets of the POST that waits, as long as nobody pauses or ends the session. */
static void consume_post(struct engineio_session *session)
{
    struct polling *polling = session->polling;
    struct buffer scratch = BUFFER_EMPTY;
    size_t length;
    const char *body = http_request_body(polling->post, &length);

    while (session->state == ENGINEIO_STATE_OPEN && !session->is_paused && polling->post) {
        struct engineio_packet packet;

        switch (engineio_payload_next(body, length, &polling->post_offset, &scratch, &packet)) {
        case ENGINEIO_PAYLOAD_PACKET:
            handle_packet(session, &packet);
            break;
        case ENGINEIO_PAYLOAD_END:
            answer_post(session, true);
            break;
        case ENGINEIO_PAYLOAD_MALFORMED:
            handle_malformed(session);
            break;
        }
    }
    buffer_free(&scratch);
}

/* Answers the GET if there is something to answer; else the client waits, and may leave. */
static void serve_get(struct engineio_session *session)
{
    struct polling *polling = session->polling;

    if (!output_is_empty(&polling->output)) {
        answer_get(session);
    } else if (!polling->is_get_watched) {
        polling->is_get_watched = true;
        http_request_watch(polling->get, on_get_gone, session);
    }
}

static void tell_drained(struct engineio_session *session)
{
    struct polling *polling = session->polling;

    if (!polling->wants_drain || !output_is_empty(&polling->output))
        return;
    polling->wants_drain = false;
    session->server->settings->on_drain(session->user);
}

static void run_polling_task(struct loop_task *task)
{
    struct polling *polling = CONTAINER_OF(task, struct polling, task);
    struct engineio_session *session = polling->session;

    if (session->state == ENGINEIO_STATE_OPEN && polling->is_overflowed)
        end_session(session, ENGINEIO_END_SLOW, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
    if (session->state == ENGINEIO_STATE_OPEN && polling->post)
        consume_post(session);
    if (session->state == ENGINEIO_STATE_OPEN && polling->get)
        serve_get(session);
    if (session->state == ENGINEIO_STATE_OPEN)
        tell_drained(session);
}

bool engineio_session_use_polling(struct engineio_session *session)
{
    session->polling = calloc(1, sizeof(*session->polling));
    if (!session->polling)
        return false;
    session->polling->session = session;
    session->polling->task.run = run_polling_task;
    return true;
}

void engineio_session_poll(struct engineio_session *session, struct http_request *request)
{
    struct polling *polling = session->polling;

    if (polling->get) { /* two at once would mix up the order of messages */
        engineio_respond_error(session->server, request, ENGINEIO_ERROR_BAD_REQUEST);
        end_session(session, ENGINEIO_END_TRANSPORT_ERROR, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
        return;
    }
    polling->get = request;
    polling->is_get_watched = false;
    if (session->state == ENGINEIO_STATE_CLOSING) {
        answer_get(session);
        bury(session);
    } else {
        loop_defer(loop_of(session), &polling->task);
    }
}

/* Whether a POST's body is what protocol 4 allows: text. */
static bool is_text(const struct http_request *request)
{
    const char *type = http_request_header(request, "Content-Type");
    size_t length;
    const char *body = http_request_body(request, &length);

    return !(type && strcmp(type, "application/octet-stream") == 0) && utf8_is_valid(body, length);
}

void engineio_session_post(struct engineio_session *session, struct http_request *request)
{
    struct polling *polling = session->polling;

    if (session->state == ENGINEIO_STATE_CLOSING) {
        engineio_respond(session->server, request, 200, "text/html", "ok", 2);
        return;
    }
    if (polling->post || !is_text(request)) {
        engineio_respond_error(session->server, request, ENGINEIO_ERROR_BAD_REQUEST);
        end_session(session, ENGINEIO_END_TRANSPORT_ERROR, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
        return;
    }
    polling->post = request;
    polling->post_offset = 0;
    consume_post(session);
    if (session->state == ENGINEIO_STATE_OPEN && polling->post)
        http_request_watch(polling->post, on_post_gone, session);
}

/* ---- WebSocket ---- */

void engineio_refuse_socket(struct engineio_server *server, int descriptor)
{
    struct output output = {0};
    struct block *frame = frame_encode_close(FRAME_CLOSE_NO_STATUS);

    if (frame)
        output_push(&output, frame, SIZE_MAX);
    block_release(frame);
    farewell_start(server->settings->endings, descriptor, &output);
}

bool engineio_session_use_websocket(struct engineio_session *session, int descriptor,
                                    const char *early, size_t early_length)
{
    session->websocket =
        websocket_create(&session->server->websockets, descriptor, early, early_length, session);
    return session->websocket != NULL;
}

void engineio_on_websocket_drain(void *owner)
{
    struct engineio_session *session = owner;

    session->server->settings->on_drain(session->user);
}

void engineio_on_websocket_close(void *owner, enum websocket_end end, uint16_t code)
{
    static const enum engineio_end ends[] = {
        [WEBSOCKET_CLOSED] = ENGINEIO_END_TRANSPORT_CLOSE,
        [WEBSOCKET_FAILED] = ENGINEIO_END_TRANSPORT_ERROR,
        [WEBSOCKET_LOST] = ENGINEIO_END_TRANSPORT_CLOSE,
        [WEBSOCKET_SLOW] = ENGINEIO_END_SLOW,
    };
    struct engineio_session *session = owner;

    (void)code;
    if (session->upgrade) {
        upgrade_free(session); /* the session goes on with polling */
        return;
    }
    session->websocket = NULL;
    end_session(session, ends[end], GOODBYE_NOTHING, FRAME_CLOSE_NO_STATUS);
}

/* ---- Upgrade from one to the other ---- */

/* The client switches over when its GET is answered, so we do not let that wait for news. */
static void send_noop(struct engineio_session *session)
{
    if (session->polling->get && output_is_empty(&session->polling->output))
        push(session, session->server->noop, SIZE_MAX);
    loop_timer_start(loop_of(session), &session->upgrade->timer, ENGINEIO_NOOP_INTERVAL_MS);
}

static void on_upgrade_timer(struct timer *timer)
{
    struct upgrade *upgrade = CONTAINER_OF(timer, struct upgrade, timer);
    struct engineio_session *session = upgrade->session;

    if (loop_now_ms(loop_of(session)) >= upgrade->expires_ms)
        upgrade_abandon(session);
    else
        send_noop(session);
}

void engineio_session_probe(struct engineio_session *session, int descriptor, const char *early,
                            size_t early_length)
{
    const struct engineio_settings *settings = session->server->settings;
    struct upgrade *upgrade = NULL;

    if (session->state == ENGINEIO_STATE_OPEN && session->polling && !session->upgrade)
        upgrade = calloc(1, sizeof(*upgrade));
    if (!upgrade || !loop_timer_add(settings->loop, &upgrade->timer, on_upgrade_timer)) {
        free(upgrade);
        engineio_refuse_socket(session->server, descriptor);
        return;
    }
    upgrade->websocket =
        websocket_create(&session->server->websockets, descriptor, early, early_length, session);
    if (!upgrade->websocket) {
        loop_timer_remove(settings->loop, &upgrade->timer);
        free(upgrade);
        return;
    }
    upgrade->session = session;
    upgrade->expires_ms = loop_now_ms(settings->loop) + settings->upgrade_timeout_ms;
    loop_timer_start(settings->loop, &upgrade->timer, settings->upgrade_timeout_ms);
    session->upgrade = upgrade;
}

void engineio_session_catch_up(struct engineio_session *session)
{
    if (session->upgrade)
        websocket_read(session->upgrade->websocket);
}

/* From here on the WebSocket is the transport, beginning with what long-polling has not sent. */
static void complete_upgrade(struct engineio_session *session)
{
    struct polling *polling = session->polling;
    struct block *packet;

    if (polling->is_overflowed) { /* its task, which ends it, has not run yet */
        end_session(session, ENGINEIO_END_SLOW, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
        return;
    }
    if (polling->post) { /* its packets and the WebSocket's would overtake each other */
        end_session(session, ENGINEIO_END_TRANSPORT_ERROR, GOODBYE_BRIEF, FRAME_CLOSE_NO_STATUS);
        return;
    }
    session->server->counts[ENGINEIO_POLLING]--;
    session->server->counts[ENGINEIO_WEBSOCKET]++;
    session->websocket = upgrade_free(session);
    while ((packet = output_pop(&polling->output))) {
        websocket_send(session->websocket, packet);
        block_release(packet);
    }
    if (polling->wants_drain)
        websocket_want_drain(session->websocket);
    if (session->is_paused)
        websocket_pause(session->websocket);
    if (polling->get) {
        push(session, session->server->noop, SIZE_MAX);
        answer_get(session);
    }
    polling_free(session);
}

static void handle_upgrade_packet(struct engineio_session *session, bool is_text, const char *bytes,
                                  size_t length)
{
    static const char probe[] = "probe";
    struct engineio_packet packet = {ENGINEIO_NOOP, false, NULL, 0};
    bool is_packet = is_text && engineio_packet_parse(bytes, length, &packet);

    if (is_packet && packet.type == ENGINEIO_UPGRADE) {
        complete_upgrade(session);
    } else if (is_packet && packet.type == ENGINEIO_PING && packet.length == strlen(probe) &&
               memcmp(packet.data, probe, packet.length) == 0) {
        websocket_send(session->upgrade->websocket, session->server->pong_probe);
        send_noop(session);
    } else {
        upgrade_abandon(session);
    }
}

void engineio_on_websocket_message(void *owner, bool is_text, const char *bytes, size_t length)
{
    struct engineio_session *session = owner;
    struct engineio_packet packet = {ENGINEIO_MESSAGE, true, bytes, length};

    if (session->upgrade)
        handle_upgrade_packet(session, is_text, bytes, length);
    else if (!is_text || engineio_packet_parse(bytes, length, &packet))
        handle_packet(session, &packet);
    else
        handle_malformed(session);
}

/* ---- What the server and the application do ---- */

struct engineio_session *engineio_session_create(struct engineio_server *server, void *user)
{
    struct engineio_session *session = calloc(1, sizeof(*session));

    if (!session || !loop_timer_add(server->settings->loop, &session->timer, on_timer)) {
        free(session);
        return NULL;
    }
    session->server = server;
    session->user = user;
    engineio_make_id(loop_services(server->settings->loop)->random, session->id);
    return session;
}

void engineio_session_discard(struct engineio_session *session)
{
    session_free(session);
}

/* The open packet; NULL without memory. */
static struct block *encode_open(const struct engineio_session *session)
{
    const struct engineio_settings *settings = session->server->settings;
    struct buffer text = BUFFER_EMPTY;
    struct json_writer writer;
    struct block *packet = NULL;

    json_writer_init(&writer, &text);
    json_begin_object(&writer);
    json_member_text(&writer, "sid", session->id);
    json_write_key(&writer, "upgrades");
    json_begin_array(&writer);
    if (session->polling)
        json_write_text(&writer, "websocket");
    json_end_array(&writer);
    json_member_integer(&writer, "pingInterval", settings->ping_interval_ms);
    json_member_integer(&writer, "pingTimeout", settings->ping_timeout_ms);
    json_member_integer(&writer, "maxPayload", (int64_t)settings->max_payload_bytes);
    json_end_object(&writer);
    if (!text.failed)
        packet = engineio_packet_encode(ENGINEIO_OPEN, text.data, text.length);
    buffer_free(&text);
    return packet;
}

void engineio_session_open(struct engineio_session *session)
{
    const struct engineio_settings *settings = session->server->settings;
    struct block *packet = encode_open(session);

    session->server->counts[engineio_transport(session)]++;
    start_heartbeat(session, settings->ping_interval_ms);
    engineio_send(session, packet);
    block_release(packet);
    settings->on_open(session->user, session);
}

void engineio_send(struct engineio_session *session, struct block *message)
{
    if (session->state != ENGINEIO_STATE_OPEN)
        return;
    if (session->websocket)
        websocket_send(session->websocket, message);
    else if (!session->polling->is_overflowed) /* what fits again must not follow what did not */
        push(session, message, session->server->websockets.max_output_bytes);
}

size_t engineio_queued(const struct engineio_session *session)
{
    if (session->websocket)
        return websocket_queued(session->websocket);
    return session->polling ? output_bytes(&session->polling->output) : 0;
}

void engineio_want_drain(struct engineio_session *session)
{
    if (session->state != ENGINEIO_STATE_OPEN)
        return;
    if (session->websocket) {
        websocket_want_drain(session->websocket);
    } else {
        session->polling->wants_drain = true;
        loop_defer(loop_of(session), &session->polling->task);
    }
}

void engineio_pause(struct engineio_session *session)
{
    session->is_paused = true;
    if (session->websocket)
        websocket_pause(session->websocket);
}

void engineio_resume(struct engineio_session *session)
{
    session->is_paused = false;
    if (session->websocket)
        websocket_resume(session->websocket);
    else if (session->polling)
        loop_defer(loop_of(session), &session->polling->task);
}

enum engineio_transport engineio_transport(const struct engineio_session *session)
{
    return session->polling ? ENGINEIO_POLLING : ENGINEIO_WEBSOCKET;
}

void engineio_close(struct engineio_session *session, uint16_t code)
{
    end_session(session, ENGINEIO_END_FORCED, GOODBYE_ORDERLY, code);
}

void engineio_abort(struct engineio_session *session)
{
    end_session(session, ENGINEIO_END_FORCED, GOODBYE_NOTHING, FRAME_CLOSE_NO_STATUS);
}

void engineio_session_destroy(struct engineio_session *session)
{
    if (session->state == ENGINEIO_STATE_OPEN)
        engineio_abort(session);
    else
        bury(session);
}
