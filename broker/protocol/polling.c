#include "broker/protocol/polling.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/buffer.h"
#include "common/container.h"
#include "common/utf8.h"

/*
 * A client has up to two requests here: a GET that waits for packets, and a POST that brings some.
 * The GET is answered by the task at the end of the turn, so that packets of one turn leave in one
 * answer. A POST is handled as it comes, and by the task again when it was paused, which is outside
 * of anybody's callback.
 */
enum state {
    STATE_OPEN,
    STATE_CLOSING, /* the client has to come for what is still to be told */
    STATE_ENDED,   /* buried */
};

struct polling {
    struct loop_remains remains;
    const struct polling_options *options;
    void *owner;
    struct loop_task task; /* at the end of the turn: answers the GET, goes on with the POST */
    struct output output;
    struct http_request *get, *post; /* that wait for their answer, or NULL */
    size_t post_offset;              /* of the next packet in the POST's body */
    struct loop_share share;
    uint8_t state;
    bool is_get_watched;
    bool is_paused;
    bool is_overflowed;
    bool wants_drain;
};

/* ---- answers ------------------------------------------------------------------------------- */

/* All that waits is one answer, which is why a GET is not answered before the end of the turn.
 * False without memory: what the answer should have held is lost. */
static bool answer_get(struct polling *polling)
{
    const struct engineio_origins *origins = polling->options->origins;
    struct http_request *get = polling->get;
    struct buffer payload = BUFFER_EMPTY;
    struct block *packet;

    polling->get = NULL;
    while ((packet = output_pop(&polling->output)) != NULL) {
        engineio_payload_append(&payload, packet);
        block_release(packet);
    }
    bool is_whole = !payload.failed;
    if (is_whole)
        engineio_respond(origins, get, 200, "text/plain; charset=UTF-8", payload.data,
                         payload.length);
    else
        engineio_respond(origins, get, 503, NULL, NULL, 0);
    buffer_free(&payload);
    return is_whole;
}

static void respond_ok(const struct polling *polling, struct http_request *post)
{
    engineio_respond(polling->options->origins, post, 200, "text/html", "ok", 2);
}

static void respond_bad(const struct polling *polling, struct http_request *request)
{
    engineio_respond_error(polling->options->origins, request, ENGINEIO_ERROR_BAD_REQUEST);
}

static void answer_post(struct polling *polling, bool is_good)
{
    struct http_request *post = polling->post;

    polling->post = NULL;
    if (post != NULL && is_good)
        respond_ok(polling, post);
    else if (post != NULL)
        respond_bad(polling, post);
}

/* ---- its end ------------------------------------------------------------------------------- */

/* Lets go of everything but the struct, which callers up the stack may still look at. */
static void let_go_polling(struct polling *polling)
{
    polling->state = STATE_ENDED;
    output_clear(&polling->output);
    loop_cancel(&polling->task);
    loop_bury(polling->options->loop, &polling->remains);
}

static void tell_end(struct polling *polling, struct block *packet)
{
    output_push(&polling->output, packet, SIZE_MAX);
    if (polling->get != NULL)
        answer_get(polling);
    let_go_polling(polling);
}

/* What waits goes first, in an answer of its own: clients hand on what they are told in their next
 * turn, and then not at all when the same answer has told them that it is over. */
static bool say_last_words(struct polling *polling)
{
    if (polling->get != NULL && output_is_empty(&polling->output)) {
        tell_end(polling, polling->options->close);
        return true;
    }
    if (polling->get != NULL)
        answer_get(polling);
    polling->state = STATE_CLOSING;
    return false;
}

/* Without a GET there is nobody to tell: a WebSocket can be written to whenever we like, here the
 * client has to come. Only who has something to lose is waited for. */
bool polling_close(struct polling *polling, enum polling_goodbye goodbye)
{
    const struct polling_options *options = polling->options;

    ASSERT(polling->state != STATE_ENDED);
    answer_post(polling, goodbye != POLLING_GOODBYE_BLAMING);
    if (goodbye == POLLING_GOODBYE_ORDERLY)
        return say_last_words(polling);
    output_clear(&polling->output);
    tell_end(polling, goodbye == POLLING_GOODBYE_AGREED ? options->noop : options->close);
    return true;
}

/* Ends it because of the client. The other request that waits is answered, too: one client has
 * both, and nothing else would end it. */
static void fail_polling(struct polling *polling, enum polling_end end)
{
    polling_close(polling, POLLING_GOODBYE_BLAMING);
    polling->options->on_close(polling->owner, end);
}

/* ---- output -------------------------------------------------------------------------------- */

/* Without memory nothing is pushed, and the end of the turn finds that. */
static void push_packet(struct polling *polling, struct block *packet, size_t limit)
{
    if (packet == NULL || !output_push(&polling->output, packet, limit))
        polling->is_overflowed = true;
    loop_defer(polling->options->loop, &polling->task);
}

void polling_send(struct polling *polling, struct block *packet)
{
    ASSERT(polling->state == STATE_OPEN);
    if (!polling->is_overflowed) /* what fits again must not follow what did not */
        push_packet(polling, packet, polling->options->max_output_bytes);
}

void polling_nudge(struct polling *polling)
{
    ASSERT(polling->state == STATE_OPEN);
    if (polling->get != NULL && output_is_empty(&polling->output))
        push_packet(polling, polling->options->noop, SIZE_MAX);
}

size_t polling_queued(const struct polling *polling)
{
    return output_bytes(&polling->output);
}

void polling_want_drain(struct polling *polling)
{
    ASSERT(polling->state == STATE_OPEN);
    polling->wants_drain = true;
    loop_defer(polling->options->loop, &polling->task);
}

/* Only the GET that waits is watched, and the POST: a client between two requests is found to be
 * gone by the heartbeat. */
static void on_get_gone(void *context)
{
    struct polling *polling = context;

    polling->get = NULL;
    fail_polling(polling, POLLING_LOST);
}

/* Answers the GET if there is something to answer; else the client waits, and may leave. */
static void serve_get(struct polling *polling)
{
    if (!output_is_empty(&polling->output)) {
        if (!answer_get(polling))
            fail_polling(polling, POLLING_LOST);
    } else if (!polling->is_get_watched) {
        polling->is_get_watched = true;
        http_request_watch(polling->get, on_get_gone, polling);
    }
}

static void tell_drained(struct polling *polling)
{
    if (!polling->wants_drain || !output_is_empty(&polling->output))
        return;
    polling->wants_drain = false;
    polling->options->on_drain(polling->owner);
}

void polling_get(struct polling *polling, struct http_request *request)
{
    ASSERT(polling->state != STATE_ENDED);
    if (polling->get != NULL) { /* two at once would mix up the order of messages */
        respond_bad(polling, request);
        fail_polling(polling, POLLING_FAILED);
        return;
    }
    polling->get = request;
    polling->is_get_watched = false;
    if (polling->state == STATE_CLOSING && !output_is_empty(&polling->output)) {
        answer_get(polling);
    } else if (polling->state == STATE_CLOSING) {
        tell_end(polling, polling->options->close);
        polling->options->on_close(polling->owner, POLLING_CLOSED);
    } else {
        loop_defer(polling->options->loop, &polling->task);
    }
}

/* ---- input --------------------------------------------------------------------------------- */

/* Handles the packets of the POST that waits, as long as nobody pauses or ends the transport; no
 * more than a share of the turn: one POST may bring a hundred thousand. */
static void consume_post(struct polling *polling)
{
    struct buffer scratch = BUFFER_EMPTY;
    size_t length;
    const char *body = http_request_body(polling->post, &length);

    while (polling->state == STATE_OPEN && !polling->is_paused && polling->post != NULL) {
        struct engineio_packet packet;

        if (!loop_share_take(polling->options->loop, &polling->share)) {
            loop_put_off(polling->options->loop, &polling->task);
            break;
        }
        switch (engineio_payload_next(body, length, &polling->post_offset, &scratch, &packet)) {
        case ENGINEIO_PAYLOAD_PACKET:
            polling->options->on_packet(polling->owner, &packet);
            break;
        case ENGINEIO_PAYLOAD_END:
            answer_post(polling, true);
            break;
        case ENGINEIO_PAYLOAD_MALFORMED:
            fail_polling(polling, POLLING_MALFORMED);
            break;
        }
    }
    buffer_free(&scratch);
}

static void on_post_gone(void *context)
{
    struct polling *polling = context;

    polling->post = NULL;
    fail_polling(polling, POLLING_LOST);
}

/* Whether a POST's body is what protocol 4 allows: text. */
static bool is_text(const struct http_request *request)
{
    const char *type = http_request_header(request, "Content-Type");
    size_t length;
    const char *body = http_request_body(request, &length);

    return !(type != NULL && strcmp(type, "application/octet-stream") == 0) &&
           utf8_is_valid(body, length);
}

void polling_post(struct polling *polling, struct http_request *request)
{
    ASSERT(polling->state != STATE_ENDED);
    if (polling->state == STATE_CLOSING) {
        respond_ok(polling, request); /* it does not know yet that nobody listens */
        return;
    }
    if (polling->post != NULL || !is_text(request)) {
        respond_bad(polling, request);
        fail_polling(polling, POLLING_FAILED);
        return;
    }
    /* Handled within the request, and not at the end of the turn: its answer tells that it was. */
    polling->post = request;
    polling->post_offset = 0;
    consume_post(polling);
    if (polling->state == STATE_OPEN && polling->post != NULL)
        http_request_watch(polling->post, on_post_gone, polling);
}

void polling_pause(struct polling *polling)
{
    polling->is_paused = true;
}

/* The rest of the POST is handled by the task: the caller may be within one of our callbacks. */
void polling_resume(struct polling *polling)
{
    ASSERT(polling->state == STATE_OPEN);
    polling->is_paused = false;
    loop_defer(polling->options->loop, &polling->task);
}

/* ---- the end of the turn ------------------------------------------------------------------- */

/* Each step may end it. */
static void run_polling_task(struct loop_task *task)
{
    struct polling *polling = CONTAINER_OF(task, struct polling, task);

    if (polling->state == STATE_OPEN && polling->is_overflowed)
        fail_polling(polling, POLLING_SLOW);
    if (polling->state == STATE_OPEN && polling->post != NULL)
        consume_post(polling);
    if (polling->state == STATE_OPEN && polling->get != NULL)
        serve_get(polling);
    if (polling->state == STATE_OPEN)
        tell_drained(polling);
}

/* ---- going over to a WebSocket ------------------------------------------------------------- */

bool polling_can_move(const struct polling *polling, enum polling_end *end)
{
    *end = polling->is_overflowed ? POLLING_SLOW : POLLING_FAILED;
    return !polling->is_overflowed && polling->post == NULL;
}

void polling_move(struct polling *polling, struct websocket *websocket)
{
    struct block *packet;

    ASSERT(polling->state == STATE_OPEN);
    while ((packet = output_pop(&polling->output)) != NULL) {
        websocket_send(websocket, packet);
        block_release(packet);
    }
    if (polling->wants_drain)
        websocket_want_drain(websocket);
    polling_close(polling, POLLING_GOODBYE_AGREED); /* a GET that waits comes to nothing */
}

/* ---- its beginning ------------------------------------------------------------------------- */

struct polling *polling_create(const struct polling_options *options, void *owner)
{
    struct polling *polling = calloc(1, sizeof(*polling));

    if (polling == NULL)
        return NULL;
    polling->options = options;
    polling->owner = owner;
    polling->task.run = run_polling_task;
    return polling;
}
