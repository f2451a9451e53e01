#include "broker/transport/websocket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/buffer.h"
#include "common/container.h"

/*
 * A connection is read in on_websocket_ready and written in run_websocket_task, at the end of the
 * turn. Every callback may end it: then it lets go of everything at once, descriptor and queue
 * included, and only the struct stays until the end of the turn, for whoever still looks at it up
 * the stack. Who calls back looks at the state afterwards.
 */
enum state {
    STATE_OPEN,
    STATE_OVERFLOWED, /* will be told as WEBSOCKET_SLOW at the end of the turn */
    STATE_ENDED,      /* buried */
};

/* What is incomplete. It exists only while there is any: ten thousand connections are idle, and a
 * few are in the middle of a frame. */
struct input {
    struct buffer message;   /* pieces of the message in progress */
    struct buffer remainder; /* bytes not parsed yet */
};

struct websocket {
    struct loop_remains remains;
    const struct websocket_options *options;
    void *owner;
    struct loop_watch watch;
    struct loop_task task; /* sends, and everything else for the end of the turn */
    struct output output;
    struct frame_parser parser;
    struct input *input; /* or NULL */
    struct loop_share share;
    uint32_t max_message_bytes;
    uint8_t state;
    bool is_paused;
    bool wants_drain;
};

/* ---- its end ------------------------------------------------------------------------------- */

static void input_free(struct websocket *websocket)
{
    if (websocket->input == NULL)
        return;
    buffer_free(&websocket->input->message);
    buffer_free(&websocket->input->remainder);
    free(websocket->input);
    websocket->input = NULL;
}

/* Lets go of everything but the struct, which callers up the stack may still look at. Returns the
 * descriptor. */
static int let_go_websocket(struct websocket *websocket)
{
    int descriptor = websocket->watch.descriptor;

    loop_unwatch(websocket->options->loop, &websocket->watch);
    ASSERT(websocket->state != STATE_ENDED);
    loop_cancel(&websocket->task);
    input_free(websocket);
    websocket->state = STATE_ENDED;
    loop_bury(websocket->options->loop, &websocket->remains);
    return descriptor;
}

/* A close frame behind what is queued. Without memory for it the peer just sees the end. */
static void push_close(struct output *output, enum frame_close_code code)
{
    struct block *frame = frame_encode_close((uint16_t)code);

    if (frame != NULL)
        output_push(output, frame, SIZE_MAX);
    block_release(frame);
}

static void close_with(struct websocket *websocket, enum frame_close_code code)
{
    push_close(&websocket->output, code);
    farewell_start(websocket->options->endings, let_go_websocket(websocket), &websocket->output);
}

void websocket_close(struct websocket *websocket, enum farewell_reason reason)
{
    static const enum frame_close_code codes[] = {
        [FAREWELL_UNSAID] = FRAME_CLOSE_NO_STATUS,
        [FAREWELL_NORMAL] = FRAME_CLOSE_NORMAL,
        [FAREWELL_GOING_AWAY] = FRAME_CLOSE_GOING_AWAY,
        [FAREWELL_INTERNAL_ERROR] = FRAME_CLOSE_INTERNAL_ERROR,
    };

    close_with(websocket, codes[reason]);
}

void websocket_refuse(struct farewell_set *endings, int descriptor)
{
    struct output output = {0};

    push_close(&output, FRAME_CLOSE_NO_STATUS);
    farewell_start(endings, descriptor, &output);
}

void websocket_abort(struct websocket *websocket)
{
    output_clear(&websocket->output);
    close(let_go_websocket(websocket));
}

/* Ends it because of the peer: one that sends frames is told by a close frame. */
static void end_by_frame(struct websocket *websocket, enum websocket_end reason,
                         enum frame_close_code code)
{
    close_with(websocket, code);
    websocket->options->on_close(websocket->owner, reason);
}

/* Ends it because of the connection: nothing would reach the peer any more. */
static void end_at_once(struct websocket *websocket, enum websocket_end reason)
{
    websocket_abort(websocket);
    websocket->options->on_close(websocket->owner, reason);
}

/* ---- output -------------------------------------------------------------------------------- */

static void rewatch(struct websocket *websocket, bool wants_output)
{
    uint32_t events = EPOLLERR;

    if (!websocket->is_paused)
        events |= EPOLLIN;
    if (wants_output)
        events |= EPOLLOUT;
    loop_rewatch(websocket->options->loop, &websocket->watch, events);
}

/* The socket took no more: epoll tells when it does again, and to try sooner is for nothing. */
static bool is_blocked(const struct websocket *websocket)
{
    return (websocket->watch.events & EPOLLOUT) != 0;
}

/* Once at the end of a turn and not with each frame: the system call costs ten times what all the
 * rest of sending does, and events come in groups. */
static void flush(struct websocket *websocket)
{
    switch (output_flush(&websocket->output, websocket->watch.descriptor)) {
    case OUTPUT_SENT:
        rewatch(websocket, false);
        if (websocket->wants_drain) {
            websocket->wants_drain = false;
            websocket->options->on_drain(websocket->owner);
        }
        break;
    case OUTPUT_BLOCKED:
        rewatch(websocket, true);
        break;
    case OUTPUT_FAILED:
        end_at_once(websocket, WEBSOCKET_LOST);
        break;
    }
}

void websocket_limit_messages(struct websocket *websocket, size_t max_message_bytes)
{
    websocket->max_message_bytes = (uint32_t)max_message_bytes;
}

void websocket_send(struct websocket *websocket, struct block *frame)
{
    ASSERT(websocket->state != STATE_ENDED);
    if (websocket->state != STATE_OPEN)
        return;
    if (frame == NULL ||
        !output_push(&websocket->output, frame, websocket->options->max_output_bytes))
        websocket->state = STATE_OVERFLOWED;
    if (!is_blocked(websocket) || websocket->state == STATE_OVERFLOWED)
        loop_defer(websocket->options->loop, &websocket->task);
}

size_t websocket_queued(const struct websocket *websocket)
{
    return output_bytes(&websocket->output);
}

void websocket_want_drain(struct websocket *websocket)
{
    ASSERT(websocket->state != STATE_ENDED);
    websocket->wants_drain = true;
    if (output_is_empty(&websocket->output))
        loop_defer(websocket->options->loop, &websocket->task);
}

/* ---- input --------------------------------------------------------------------------------- */

static struct input *take_input(struct websocket *websocket)
{
    if (websocket->input == NULL)
        websocket->input = calloc(1, sizeof(*websocket->input));
    return websocket->input;
}

/* Keeps bytes for later; false without memory. */
static bool keep_bytes(struct websocket *websocket, const char *bytes, size_t length)
{
    struct input *input = take_input(websocket);

    if (input == NULL)
        return false;
    buffer_append(&input->remainder, bytes, length);
    return !input->remainder.failed;
}

static bool has_message(const struct websocket *websocket)
{
    return websocket->input != NULL && websocket->input->message.length > 0;
}

/* A piece of a message. The usual message comes in one piece and is never copied. */
static void handle_payload(struct websocket *websocket, const struct frame_event *event)
{
    const struct websocket_options *options = websocket->options;
    bool is_text = event->opcode == FRAME_TEXT;

    if (event->is_last && !has_message(websocket)) {
        options->on_message(websocket->owner, is_text, event->bytes, event->length);
        return;
    }
    struct input *input = take_input(websocket);
    if (input != NULL)
        buffer_append(&input->message, event->bytes, event->length);
    if (input == NULL || input->message.failed) {
        end_by_frame(websocket, WEBSOCKET_FAILED, FRAME_CLOSE_INTERNAL_ERROR);
        return;
    }
    if (event->is_last) {
        /* Off the connection first: the callback may end it. */
        struct buffer message = input->message;

        input->message = BUFFER_EMPTY;
        options->on_message(websocket->owner, is_text, message.data, message.length);
        buffer_free(&message);
    }
}

static void handle_control(struct websocket *websocket, const struct frame_event *event)
{
    if (event->opcode == FRAME_CLOSE) {
        end_by_frame(websocket, WEBSOCKET_CLOSED, event->close_code);
    } else if (event->opcode == FRAME_PING) {
        struct block *pong = frame_encode(FRAME_PONG, event->bytes, event->length);

        websocket_send(websocket, pong);
        block_release(pong);
    }
}

/* Parses bytes[0..length) as far as it goes, and keeps the rest: what is no whole frame yet, and
 * what is more than its share of the turn, as 64 KB may hold nine thousand frames. */
static void handle_bytes(struct websocket *websocket, char *bytes, size_t length)
{
    struct frame_event event = {.type = FRAME_EVENT_PAYLOAD};
    size_t position = 0;

    /* Any callback may pause or end the connection: both are looked at before each frame. */
    while (position < length && !websocket->is_paused && event.type != FRAME_EVENT_MORE) {
        if (!loop_share_take(websocket->options->loop, &websocket->share)) {
            loop_put_off(websocket->options->loop, &websocket->task);
            break;
        }
        position += frame_parse(&websocket->parser, bytes + position, length - position,
                                websocket->max_message_bytes, &event);
        if (event.type == FRAME_EVENT_PAYLOAD)
            handle_payload(websocket, &event);
        else if (event.type == FRAME_EVENT_CONTROL)
            handle_control(websocket, &event);
        else if (event.type == FRAME_EVENT_ERROR)
            end_by_frame(websocket, WEBSOCKET_FAILED, event.close_code);
        if (websocket->state != STATE_OPEN)
            return;
    }
    if (position < length && !keep_bytes(websocket, bytes + position, length - position))
        end_by_frame(websocket, WEBSOCKET_FAILED, FRAME_CLOSE_INTERNAL_ERROR);
}

/* Moves what was kept to the front of the loop's buffer, where the rest is read behind it. */
static size_t take_remainder(struct websocket *websocket, char *out)
{
    struct input *input = websocket->input;
    size_t length = 0;

    if (input == NULL)
        return 0;
    if (input->remainder.length > 0) {
        length = input->remainder.length;
        memcpy(out, input->remainder.data, length);
        buffer_free(&input->remainder);
    }
    if (input->message.length == 0)
        input_free(websocket);
    return length;
}

/* Everybody reads into the loop's one buffer: a buffer for each connection would be the largest
 * part of its memory, and most are empty most of the time. So what is left over is copied away,
 * which is at most a header and a control frame, unless the connection is paused. */
static void receive(struct websocket *websocket)
{
    char *buffer = loop_buffer(websocket->options->loop);

    for (int reads = 0; reads < WEBSOCKET_READS_PER_TURN; reads++) {
        if (!loop_share_is_left(websocket->options->loop, &websocket->share))
            return;
        size_t kept = take_remainder(websocket, buffer);
        size_t room = LOOP_BUFFER_BYTES - kept;
        ssize_t count;

        if (kept >= FRAME_REMAINDER_MAX_BYTES) {
            /* Kept while paused, and perhaps a full buffer: that first. */
            handle_bytes(websocket, buffer, kept);
            return;
        }
        do {
            count = recv(websocket->watch.descriptor, buffer + kept, room, MSG_DONTWAIT);
        } while (count < 0 && errno == EINTR);
        if (count == 0 || (count < 0 && errno != EAGAIN)) {
            end_at_once(websocket, WEBSOCKET_LOST);
            return;
        }
        handle_bytes(websocket, buffer, kept + (count > 0 ? (size_t)count : 0));
        /* A full buffer says that there is more, but others have their turn, too. */
        if (count < 0 || (size_t)count < room || websocket->is_paused ||
            websocket->state != STATE_OPEN)
            return;
    }
}

void websocket_read(struct websocket *websocket)
{
    if (websocket->state == STATE_OPEN && !websocket->is_paused)
        receive(websocket);
}

static void on_websocket_ready(struct loop_watch *watch, uint32_t events)
{
    struct websocket *websocket = CONTAINER_OF(watch, struct websocket, watch);

    /* Nobody reads, and so nobody would find the end; epoll would tell of it in each turn. */
    if (websocket->is_paused && events & (EPOLLERR | EPOLLHUP)) {
        end_at_once(websocket, WEBSOCKET_LOST);
        return;
    }
    if (events & EPOLLOUT)
        flush(websocket);
    /* Also EPOLLERR and EPOLLHUP: recv tells what they mean. Flushing may have ended it. */
    if (events & ~(uint32_t)EPOLLOUT)
        websocket_read(websocket);
}

void websocket_pause(struct websocket *websocket)
{
    if (websocket->state != STATE_OPEN)
        return;
    websocket->is_paused = true;
    rewatch(websocket, is_blocked(websocket));
}

void websocket_resume(struct websocket *websocket)
{
    if (websocket->state != STATE_OPEN || !websocket->is_paused)
        return;
    websocket->is_paused = false;
    rewatch(websocket, is_blocked(websocket));
    /* What was kept is handled by the task: the caller may be within one of our callbacks. */
    loop_defer(websocket->options->loop, &websocket->task);
}

/* ---- the end of the turn ------------------------------------------------------------------- */

static void handle_kept(struct websocket *websocket)
{
    if (websocket->is_paused || websocket->input == NULL || websocket->input->remainder.length == 0)
        return;
    if (!loop_share_is_left(websocket->options->loop, &websocket->share)) {
        loop_put_off(websocket->options->loop, &websocket->task);
        return;
    }
    char *buffer = loop_buffer(websocket->options->loop);
    size_t length = take_remainder(websocket, buffer);
    handle_bytes(websocket, buffer, length);
}

static void run_websocket_task(struct loop_task *task)
{
    struct websocket *websocket = CONTAINER_OF(task, struct websocket, task);

    if (websocket->state == STATE_OPEN)
        handle_kept(websocket);
    if (websocket->state == STATE_OVERFLOWED)
        end_at_once(websocket, WEBSOCKET_SLOW);
    else if (websocket->state == STATE_OPEN && !is_blocked(websocket))
        flush(websocket);
}

/* ---- its beginning ------------------------------------------------------------------------- */

struct websocket *websocket_create(const struct websocket_options *options, int descriptor,
                                   const char *early, size_t early_length, void *owner)
{
    struct websocket *websocket = calloc(1, sizeof(*websocket));

    if (websocket == NULL) {
        close(descriptor);
        return NULL;
    }
    websocket->options = options;
    websocket->max_message_bytes = (uint32_t)options->max_message_bytes;
    websocket->owner = owner;
    websocket->task.run = run_websocket_task;
    /* Kept, and handled at the end of the turn: the caller does not have the connection yet, and
     * could not tell whose message it is. */
    if (early_length > LOOP_BUFFER_BYTES ||
        (early_length > 0 && !keep_bytes(websocket, early, early_length)) ||
        !loop_watch(options->loop, &websocket->watch, descriptor, EPOLLIN | EPOLLERR,
                    on_websocket_ready)) {
        input_free(websocket);
        free(websocket);
        close(descriptor);
        return NULL;
    }
    if (early_length > 0)
        loop_defer(options->loop, &websocket->task);
    return websocket;
}
