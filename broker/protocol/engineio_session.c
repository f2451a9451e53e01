#include "broker/protocol/engineio_session.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/buffer.h"
#include "common/container.h"
#include "common/json_writer.h"

#define ID_RANDOM_BYTES 15
/* What client and server send each other over a WebSocket that is being tried. */
#define PROBE "probe"

/* Heartbeats are a bit early, by up to one part in so many, so that those of thousands of sessions
 * fall together and an idle server wakes up a few times a second and not thousands. */
#define HEARTBEAT_GRAIN 100

/* A WebSocket that a polling session is trying out. */
struct upgrade {
    struct engineio_session *session;
    struct websocket *websocket;
    struct timer timer; /* patience; between two noops, once the client has probed */
    int64_t expires_ms;
};

/*
 * How a session goes:
 *
 *   long-polling --- probe, upgrade ---> WebSocket         OPEN, over one of them
 *        |                                   |
 *        +---------- end_session ------------+
 *        |                                   |
 *     CLOSING, until the client has come     |             over for the user
 *        |                                   |
 *        +------------> ENDED <--------------+             freed at the end of the turn
 *
 * While it is open it has one transport, and perhaps a WebSocket beside it that is being tried.
 * All ends are made by end_session, which tells the user once. A transport that ends by itself has
 * said so before, and is then no more; one that we end says nothing to us.
 */
enum state {
    STATE_OPEN,
    STATE_CLOSING, /* over for the user; long-polling waits to tell the client */
    STATE_ENDED,   /* buried */
};

/* Tens of thousands of them: what it has beside its transport fits in 120 bytes. */
struct engineio_session {
    struct loop_remains remains;
    struct table_entry entry; /* by id */
    struct engineio_sessions *sessions;
    void *user;
    struct websocket *websocket; /* while it is the transport, else NULL */
    struct polling *polling;     /* while that is the transport, else NULL */
    struct upgrade *upgrade;     /* while a WebSocket is being tried, else NULL */
    struct timer timer;          /* heartbeat; patience while closing */
    char id[ENGINEIO_ID_BYTES];
    uint32_t max_bytes; /* of what the client sends at once */
    uint8_t state;
    uint8_t transport; /* the last one, also when it is gone */
    bool awaits_pong : 1;
    bool has_grace : 1; /* something else came instead of the pong, once */
    bool is_paused : 1;
};

/* What the client is told at the end. */
enum goodbye {
    GOODBYE_NOTHING, /* as if the connection had broken */
    GOODBYE_BRIEF,   /* that it is over */
    GOODBYE_ORDERLY, /* what was queued, then that it is over */
};

void engineio_make_id(const struct random_source *random, char out[ENGINEIO_ID_BYTES])
{
    uint8_t bytes[ID_RANDOM_BYTES];

    random_fill(random, bytes, sizeof(bytes));
    base64_encode_raw(out, sizeof(bytes), bytes);
    out[ENGINEIO_ID_BYTES - 1] = '\0';
    for (char *digit = out; *digit != '\0'; digit++) {
        if (*digit == '+')
            *digit = '-';
        else if (*digit == '/')
            *digit = '_';
    }
}

const char *engineio_end_name(enum engineio_end end)
{
    static const char *const names[] = {
        [ENGINEIO_END_TRANSPORT_CLOSE] = "transport close",
        [ENGINEIO_END_TRANSPORT_ERROR] = "transport error",
        [ENGINEIO_END_PARSE_ERROR] = "parse error",
        [ENGINEIO_END_PING_TIMEOUT] = "ping timeout",
        [ENGINEIO_END_SLOW] = "slow consumer",
        [ENGINEIO_END_FORCED] = "forced close",
    };

    return names[end];
}

static struct loop *loop_of(const struct engineio_session *session)
{
    return session->sessions->options->loop;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Code up the stack may still look at it. */
static void bury_session(struct engineio_session *session)
{
    ASSERT(session->state != STATE_ENDED);
    session->state = STATE_ENDED;
    loop_timer_remove(loop_of(session), &session->timer);
    table_remove(&session->sessions->by_id, &session->entry);
    loop_bury(loop_of(session), &session->remains);
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
    if (session->upgrade != NULL)
        websocket_close(upgrade_free(session), FAREWELL_UNSAID);
}

/* Long-polling has words of its own for it. */
static enum polling_goodbye polling_goodbye(enum engineio_end end, enum goodbye goodbye)
{
    if (goodbye == GOODBYE_ORDERLY)
        return POLLING_GOODBYE_ORDERLY;
    if (end == ENGINEIO_END_TRANSPORT_CLOSE)
        return POLLING_GOODBYE_AGREED;
    return end == ENGINEIO_END_FORCED ? POLLING_GOODBYE_BRIEF : POLLING_GOODBYE_BLAMING;
}

/* Ends the transport, if there still is one. False when the client has to come for the rest. */
static bool end_transport(struct engineio_session *session, enum engineio_end end,
                          enum goodbye goodbye, enum farewell_reason reason)
{
    struct websocket *websocket = session->websocket;

    session->websocket = NULL;
    if (websocket != NULL && goodbye == GOODBYE_NOTHING)
        websocket_abort(websocket);
    else if (websocket != NULL)
        websocket_close(websocket, reason);
    if (session->polling == NULL)
        return true;
    if (!polling_close(session->polling, polling_goodbye(end, goodbye)))
        return false;
    session->polling = NULL;
    return true;
}

static void end_session(struct engineio_session *session, enum engineio_end end,
                        enum goodbye goodbye, enum farewell_reason reason)
{
    const struct engineio_session_options *options = session->sessions->options;
    void *user = session->user;

    ASSERT(session->state == STATE_OPEN);
    /* First all that is ours, then on_close: the callback may end the server, and with it
     * everything that this function could still look at. */
    session->sessions->counts[session->transport]--;
    session->state = STATE_CLOSING;
    upgrade_abandon(session);
    if (end_transport(session, end, goodbye, reason))
        bury_session(session);
    else
        loop_timer_start(options->loop, &session->timer, options->ping_timeout_ms);
    options->on_close(user, end, true);
}

/* Ends it because of the client. */
static void fail_session(struct engineio_session *session, enum engineio_end end)
{
    end_session(session, end, GOODBYE_BRIEF, FAREWELL_UNSAID);
}

/* A client that never came for the last words. */
static void end_waiting(struct engineio_session *session)
{
    polling_close(session->polling, POLLING_GOODBYE_BRIEF);
    session->polling = NULL;
    bury_session(session);
}

/* ---- heartbeat ----------------------------------------------------------------------------- */

static void start_heartbeat(struct engineio_session *session, int64_t delay_ms)
{
    int64_t grain = delay_ms / HEARTBEAT_GRAIN > 0 ? delay_ms / HEARTBEAT_GRAIN : 1;
    int64_t deadline_ms = loop_now_ms(loop_of(session)) + delay_ms;

    loop_timer_start(loop_of(session), &session->timer, delay_ms - deadline_ms % grain);
}

/* The server pings, since protocol 4: browsers slow the timers of tabs that nobody looks at, and a
 * client's pings came too late. */
static void send_ping(struct engineio_session *session)
{
    session->awaits_pong = true;
    session->has_grace = false;
    start_heartbeat(session, session->sessions->options->ping_timeout_ms);
    engineio_send(session, session->sessions->ping);
}

static void on_session_timer(struct timer *timer)
{
    struct engineio_session *session = CONTAINER_OF(timer, struct engineio_session, timer);

    /* One timer: a session that is over has no heartbeat. */
    if (session->state == STATE_CLOSING)
        end_waiting(session);
    else if (!session->awaits_pong)
        send_ping(session);
    else if (session->is_paused) /* the pong may be in what we do not read */
        start_heartbeat(session, session->sessions->options->ping_timeout_ms);
    else
        fail_session(session, ENGINEIO_END_PING_TIMEOUT);
}

/* ---- packets ------------------------------------------------------------------------------- */

static void handle_packet(struct engineio_session *session, const struct engineio_packet *packet)
{
    const struct engineio_session_options *options = session->sessions->options;

    /* A long message may be in front of the pong: any sign of life counts for it, once. */
    if (session->awaits_pong && !session->has_grace && packet->type != ENGINEIO_PONG) {
        session->has_grace = true;
        start_heartbeat(session, options->ping_timeout_ms);
    }
    switch (packet->type) {
    case ENGINEIO_MESSAGE:
        options->on_message(session->user, !packet->is_binary, packet->data, packet->length);
        break;
    case ENGINEIO_PONG:
        session->awaits_pong = false;
        start_heartbeat(session, options->ping_interval_ms);
        break;
    case ENGINEIO_CLOSE:
        fail_session(session, ENGINEIO_END_TRANSPORT_CLOSE);
        break;
    case ENGINEIO_PING: /* it is the server that pings */
        fail_session(session, ENGINEIO_END_TRANSPORT_ERROR);
        break;
    case ENGINEIO_OPEN:
    case ENGINEIO_UPGRADE:
    case ENGINEIO_NOOP:
        break; /* mean nothing here */
    }
}

/* ---- long-polling -------------------------------------------------------------------------- */

static void on_polling_packet(void *owner, const struct engineio_packet *packet)
{
    handle_packet(owner, packet);
}

static void on_polling_drain(void *owner)
{
    const struct engineio_session *session = owner;

    session->sessions->options->on_drain(session->user);
}

static enum engineio_end end_of_polling(enum polling_end end)
{
    static const enum engineio_end ends[] = {
        [POLLING_CLOSED] = ENGINEIO_END_FORCED,
        [POLLING_LOST] = ENGINEIO_END_TRANSPORT_ERROR,
        [POLLING_FAILED] = ENGINEIO_END_TRANSPORT_ERROR,
        [POLLING_MALFORMED] = ENGINEIO_END_PARSE_ERROR,
        [POLLING_SLOW] = ENGINEIO_END_SLOW,
    };

    return ends[end];
}

static void on_polling_close(void *owner, enum polling_end end)
{
    struct engineio_session *session = owner;

    session->polling = NULL;
    if (end == POLLING_CLOSED)
        bury_session(session);
    else
        fail_session(session, end_of_polling(end));
}

bool engineio_session_is_polling(const struct engineio_session *session)
{
    return session->polling != NULL;
}

void engineio_session_get(struct engineio_session *session, struct http_request *request)
{
    polling_get(session->polling, request);
}

void engineio_session_post(struct engineio_session *session, struct http_request *request)
{
    polling_post(session->polling, request);
}

/* ---- upgrade from one to the other --------------------------------------------------------- */

/* The client switches over when its GET is answered, so that does not wait for a message. */
static void send_noop(struct engineio_session *session)
{
    polling_nudge(session->polling);
    loop_timer_start(loop_of(session), &session->upgrade->timer, ENGINEIO_NOOP_INTERVAL_MS);
}

static void on_upgrade_timer(struct timer *timer)
{
    struct upgrade *upgrade = CONTAINER_OF(timer, struct upgrade, timer);
    struct engineio_session *session = upgrade->session;

    /* One timer for both, as the second ends with the first: patience is looked at whenever it is
     * time for a noop. */
    if (loop_now_ms(loop_of(session)) >= upgrade->expires_ms)
        upgrade_abandon(session);
    else
        send_noop(session);
}

void engineio_session_probe(struct engineio_session *session, int descriptor, const char *early,
                            size_t early_length)
{
    const struct engineio_session_options *options = session->sessions->options;
    struct upgrade *upgrade = NULL;

    /* A second WebSocket, or one for a session that has one, is closed; the session goes on. */
    if (session->state == STATE_OPEN && session->polling != NULL && session->upgrade == NULL)
        upgrade = calloc(1, sizeof(*upgrade));
    if (upgrade == NULL || !loop_timer_add(options->loop, &upgrade->timer, on_upgrade_timer)) {
        free(upgrade);
        websocket_refuse(options->endings, descriptor);
        return;
    }
    upgrade->websocket =
        websocket_create(&session->sessions->websockets, descriptor, early, early_length, session);
    if (upgrade->websocket == NULL) {
        loop_timer_remove(options->loop, &upgrade->timer);
        free(upgrade);
        return;
    }
    websocket_limit_messages(upgrade->websocket, session->max_bytes);
    upgrade->session = session;
    upgrade->expires_ms = loop_now_ms(options->loop) + options->upgrade_timeout_ms;
    loop_timer_start(options->loop, &upgrade->timer, options->upgrade_timeout_ms);
    session->upgrade = upgrade;
}

void engineio_session_catch_up(struct engineio_session *session)
{
    if (session->upgrade != NULL)
        websocket_read(session->upgrade->websocket);
}

/* From here on the WebSocket is the transport, beginning with what long-polling has not sent. */
static void complete_upgrade(struct engineio_session *session)
{
    struct polling *polling = session->polling;
    enum polling_end end;

    if (!polling_can_move(polling, &end)) {
        fail_session(session, end_of_polling(end));
        return;
    }
    session->sessions->counts[ENGINEIO_POLLING]--;
    session->sessions->counts[ENGINEIO_WEBSOCKET]++;
    session->transport = ENGINEIO_WEBSOCKET;
    session->websocket = upgrade_free(session);
    session->polling = NULL;
    polling_move(polling, session->websocket);
    if (session->is_paused)
        websocket_pause(session->websocket);
}

static void handle_upgrade_packet(struct engineio_session *session, bool is_text, const char *bytes,
                                  size_t length)
{
    struct engineio_packet packet = {ENGINEIO_NOOP, false, NULL, 0};
    bool is_packet = is_text && engineio_packet_parse(bytes, length, &packet);

    if (is_packet && packet.type == ENGINEIO_UPGRADE) {
        complete_upgrade(session);
    } else if (is_packet && packet.type == ENGINEIO_PING && packet.length == strlen(PROBE) &&
               memcmp(packet.data, PROBE, packet.length) == 0) {
        websocket_send(session->upgrade->websocket, session->sessions->pong_probe);
        send_noop(session);
    } else {
        upgrade_abandon(session);
    }
}

/* ---- WebSocket: the transport, or one that is being tried ---------------------------------- */

static void on_websocket_message(void *owner, bool is_text, const char *bytes, size_t length)
{
    struct engineio_session *session = owner;
    struct engineio_packet packet = {ENGINEIO_MESSAGE, true, bytes, length};

    if (session->upgrade != NULL)
        handle_upgrade_packet(session, is_text, bytes, length);
    else if (!is_text || engineio_packet_parse(bytes, length, &packet))
        handle_packet(session, &packet);
    else
        fail_session(session, ENGINEIO_END_PARSE_ERROR);
}

static void on_websocket_drain(void *owner)
{
    const struct engineio_session *session = owner;

    session->sessions->options->on_drain(session->user);
}

static void on_websocket_close(void *owner, enum websocket_end end)
{
    static const enum engineio_end ends[] = {
        [WEBSOCKET_CLOSED] = ENGINEIO_END_TRANSPORT_CLOSE,
        [WEBSOCKET_FAILED] = ENGINEIO_END_TRANSPORT_ERROR,
        [WEBSOCKET_LOST] = ENGINEIO_END_TRANSPORT_CLOSE,
        [WEBSOCKET_SLOW] = ENGINEIO_END_SLOW,
    };
    struct engineio_session *session = owner;

    if (session->upgrade != NULL) {
        upgrade_free(session); /* the session goes on with polling */
        return;
    }
    session->websocket = NULL;
    end_session(session, ends[end], GOODBYE_NOTHING, FAREWELL_UNSAID);
}

/* ---- the beginning ------------------------------------------------------------------------- */

/* One with an id, and no transport yet. NULL without memory. */
static struct engineio_session *create_session(struct engineio_sessions *sessions, void *user)
{
    struct loop *loop = sessions->options->loop;
    struct engineio_session *session = calloc(1, sizeof(*session));

    if (session == NULL || !loop_timer_add(loop, &session->timer, on_session_timer)) {
        free(session);
        return NULL;
    }
    engineio_make_id(loop_services(loop)->random, session->id);
    session->entry.key = session->id;
    if (!table_add(&sessions->by_id, &session->entry)) {
        loop_timer_remove(loop, &session->timer);
        free(session);
        return NULL;
    }
    session->sessions = sessions;
    session->user = user;
    session->max_bytes = (uint32_t)sessions->options->max_payload_bytes;
    return session;
}

/* The `open` packet; NULL without memory. */
static struct block *encode_open(const struct engineio_session *session)
{
    const struct engineio_session_options *options = session->sessions->options;
    struct buffer text = BUFFER_EMPTY;
    struct json_writer writer;
    struct block *packet = NULL;

    json_writer_init(&writer, &text);
    json_begin_object(&writer);
    json_member_text(&writer, "sid", session->id);
    json_write_key(&writer, "upgrades");
    json_begin_array(&writer);
    /* There is only one way up. */
    if (session->transport == ENGINEIO_POLLING)
        json_write_text(&writer, "websocket");
    json_end_array(&writer);
    json_member_integer(&writer, "pingInterval", options->ping_interval_ms);
    json_member_integer(&writer, "pingTimeout", options->ping_timeout_ms);
    json_member_integer(&writer, "maxPayload", (int64_t)options->max_payload_bytes);
    json_end_object(&writer);
    if (!text.failed)
        packet = engineio_packet_encode(ENGINEIO_OPEN, text.data, text.length);
    buffer_free(&text);
    return packet;
}

static void begin_session(struct engineio_session *session)
{
    const struct engineio_session_options *options = session->sessions->options;
    struct block *packet = encode_open(session);

    session->sessions->counts[session->transport]++;
    start_heartbeat(session, options->ping_interval_ms);
    engineio_send(session, packet);
    block_release(packet);
    options->on_open(session->user, session);
}

bool engineio_session_open_polling(struct engineio_sessions *sessions, void *user,
                                   struct http_request *get)
{
    struct engineio_session *session = create_session(sessions, user);

    if (session == NULL)
        return false;
    session->transport = ENGINEIO_POLLING;
    session->polling = polling_create(&sessions->pollings, session);
    if (session->polling == NULL) {
        bury_session(session);
        return false;
    }
    polling_get(session->polling, get); /* answered at the end of the turn */
    begin_session(session);
    return true;
}

bool engineio_session_open_websocket(struct engineio_sessions *sessions, void *user, int descriptor,
                                     const char *early, size_t early_length)
{
    struct engineio_session *session = create_session(sessions, user);

    if (session == NULL) {
        websocket_refuse(sessions->options->endings, descriptor);
        return false;
    }
    session->transport = ENGINEIO_WEBSOCKET;
    session->websocket =
        websocket_create(&sessions->websockets, descriptor, early, early_length, session);
    if (session->websocket == NULL) {
        bury_session(session);
        return false;
    }
    begin_session(session);
    return true;
}

/* ---- what their users call ----------------------------------------------------------------- */

void engineio_send(struct engineio_session *session, struct block *message)
{
    ASSERT(session->state == STATE_OPEN);
    if (session->websocket != NULL)
        websocket_send(session->websocket, message);
    else
        polling_send(session->polling, message);
}

void engineio_limit_messages(struct engineio_session *session, size_t max_bytes)
{
    session->max_bytes = (uint32_t)max_bytes;
    if (session->websocket != NULL)
        websocket_limit_messages(session->websocket, max_bytes);
    if (session->upgrade != NULL)
        websocket_limit_messages(session->upgrade->websocket, max_bytes);
}

size_t engineio_session_max_bytes(const struct engineio_session *session)
{
    return session->max_bytes;
}

size_t engineio_queued(const struct engineio_session *session)
{
    if (session->websocket != NULL)
        return websocket_queued(session->websocket);
    return polling_queued(session->polling);
}

void engineio_want_drain(struct engineio_session *session)
{
    ASSERT(session->state == STATE_OPEN);
    if (session->websocket != NULL)
        websocket_want_drain(session->websocket);
    else
        polling_want_drain(session->polling);
}

void engineio_pause(struct engineio_session *session)
{
    ASSERT(session->state == STATE_OPEN);
    session->is_paused = true;
    if (session->websocket != NULL)
        websocket_pause(session->websocket);
    else
        polling_pause(session->polling);
}

void engineio_resume(struct engineio_session *session)
{
    ASSERT(session->state == STATE_OPEN);
    session->is_paused = false;
    if (session->websocket != NULL)
        websocket_resume(session->websocket);
    else
        polling_resume(session->polling);
}

enum engineio_transport engineio_transport(const struct engineio_session *session)
{
    return (enum engineio_transport)session->transport;
}

void engineio_close(struct engineio_session *session, enum farewell_reason reason)
{
    end_session(session, ENGINEIO_END_FORCED, GOODBYE_ORDERLY, reason);
}

void engineio_abort(struct engineio_session *session)
{
    end_session(session, ENGINEIO_END_FORCED, GOODBYE_NOTHING, FAREWELL_UNSAID);
}

/* ---- all of them --------------------------------------------------------------------------- */

struct engineio_session *engineio_session_find(const struct engineio_sessions *sessions,
                                               const char *id)
{
    struct table_entry *entry = table_find(&sessions->by_id, id);

    return entry != NULL ? CONTAINER_OF(entry, struct engineio_session, entry) : NULL;
}

const char *engineio_session_id(const struct engineio_session *session)
{
    return session->id;
}

/* The first session of a bucket that is open, or NULL. */
static struct engineio_session *first_open(struct table_entry *entry)
{
    for (; entry != NULL; entry = entry->next) {
        struct engineio_session *session = CONTAINER_OF(entry, struct engineio_session, entry);
        if (session->state == STATE_OPEN)
            return session;
    }
    return NULL;
}

size_t engineio_sessions_close_some(struct engineio_sessions *sessions, size_t limit,
                                    enum farewell_reason reason)
{
    const struct table *table = &sessions->by_id;
    size_t open = sessions->counts[ENGINEIO_POLLING] + sessions->counts[ENGINEIO_WEBSOCKET];

    /* In no order: it only has to be spread over time who comes back to the next server. */
    for (size_t i = 0; i < table->bucket_count && limit > 0; i++) {
        struct engineio_session *session;

        /* From the bucket's start each time: callbacks may end any session. */
        while (limit > 0 && (session = first_open(table->buckets[i])) != NULL) {
            engineio_close(session, reason);
            limit--;
        }
    }
    return open;
}

static bool make_packets(struct engineio_sessions *sessions)
{
    sessions->ping = engineio_packet_encode(ENGINEIO_PING, NULL, 0);
    sessions->pong_probe = engineio_packet_encode(ENGINEIO_PONG, PROBE, strlen(PROBE));
    sessions->noop = engineio_packet_encode(ENGINEIO_NOOP, NULL, 0);
    sessions->close = engineio_packet_encode(ENGINEIO_CLOSE, NULL, 0);
    return sessions->ping != NULL && sessions->pong_probe != NULL && sessions->noop != NULL &&
           sessions->close != NULL;
}

bool engineio_sessions_init(struct engineio_sessions *sessions,
                            const struct engineio_session_options *options,
                            const struct engineio_origins *origins)
{
    *sessions = (struct engineio_sessions){.options = options};
    if (!make_packets(sessions))
        return false;
    sessions->websockets = (struct websocket_options){
        .loop = options->loop,
        .endings = options->endings,
        .max_message_bytes = options->max_payload_bytes,
        .max_output_bytes = options->max_output_bytes,
        .on_message = on_websocket_message,
        .on_drain = on_websocket_drain,
        .on_close = on_websocket_close,
    };
    sessions->pollings = (struct polling_options){
        .loop = options->loop,
        .max_output_bytes = options->max_output_bytes,
        .origins = origins,
        .noop = sessions->noop,
        .close = sessions->close,
        .on_packet = on_polling_packet,
        .on_drain = on_polling_drain,
        .on_close = on_polling_close,
    };
    return true;
}

void engineio_sessions_limit_output(struct engineio_sessions *sessions, size_t max_output_bytes)
{
    sessions->websockets.max_output_bytes = max_output_bytes;
    sessions->pollings.max_output_bytes = max_output_bytes;
}

/* Callbacks may end any session: a bucket is looked at until it is empty. */
void engineio_sessions_free(struct engineio_sessions *sessions)
{
    struct table *table = &sessions->by_id;

    for (size_t i = 0; i < table->bucket_count; i++) {
        while (table->buckets[i] != NULL) {
            struct engineio_session *session =
                CONTAINER_OF(table->buckets[i], struct engineio_session, entry);
            if (session->state == STATE_OPEN)
                engineio_abort(session);
            else
                end_waiting(session);
        }
    }
    table_free(table);
    block_release(sessions->ping);
    block_release(sessions->pong_probe);
    block_release(sessions->noop);
    block_release(sessions->close);
}
