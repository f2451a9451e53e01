#include "broker/feed.h"
#include "common/assert.h"
#include "common/container.h"

#include <stdlib.h>
#include <string.h>

#include "db/database.h"

/* Delay after which a timer is due in a later turn of the loop, not in this one again. */
#define NEXT_TURN_MS 1

/*
 * All events up to `position` have been handed on. The next one is handed on as soon as it comes;
 * what comes before its turn is kept in the window, and each that is handed on may let some of
 * those follow. If the next one does not come, it is read from the outbox: by the gap timer when
 * later ones are kept, by the look timer in any case. What is read goes the same way as what comes
 * over the bus, so that it does not matter which is first, and nothing is handed on twice.
 */

/* The window is a ring by seq, because gaps are rare and short: FEED_GAP_MS after the first event
 * out of turn the outbox is read, whatever is in it by then. */
/* An event that is kept until its turn comes. */
struct kept_event {
    struct event event;
    int64_t arrived_ms;
    char texts[];
};

struct feed {
    struct feed_options options;
    struct feed_statistics statistics;
    size_t users; /* that have entered */
    bool has_begun;
    int64_t position;                       /* valid once it has begun */
    struct kept_event *window[FEED_WINDOW]; /* by seq, modulo its size */
    size_t kept;
    size_t kept_bytes;
    int64_t slice_ms; /* the turn in which the slice under way began, by its time */
    int slice_events; /* handed on in it */
    size_t slice_bytes;
    struct feed_waiter *first_waiter;
    struct timer look, gap, slice;

    struct worker_request request;
    struct outbox_read_after read; /* its argument */
    char timeline[TIMELINE_BYTES];
    bool is_reading;
    struct log_limit pruned; /* lines of the log */
};

static bool is_active(const struct feed *feed)
{
    return feed->users > 0 && feed->has_begun;
}

/* ---- the window ---------------------------------------------------------------------------- */

static struct kept_event **slot(struct feed *feed, int64_t seq)
{
    return &feed->window[seq & (FEED_WINDOW - 1)];
}

static void drop_kept(struct feed *feed, int64_t seq)
{
    struct kept_event **kept = slot(feed, seq);

    if (*kept == NULL)
        return;
    feed->kept_bytes -= event_texts_bytes(&(*kept)->event);
    free(*kept);
    *kept = NULL;
    feed->kept--;
}

static void clear_window(struct feed *feed)
{
    for (int64_t i = 0; i < FEED_WINDOW; i++)
        drop_kept(feed, i);
}

/* What does not fit, or has no memory, is lost here, and read from the outbox when its turn has
 * come: the table is the truth, and the window only saves reading it. */
static void keep_event(struct feed *feed, const struct event *event)
{
    struct kept_event **kept = slot(feed, event->seq);

    size_t bytes = event_texts_bytes(event);
    bool is_next = event->seq == feed->position + 1; /* is kept however large it is */

    if (event->seq > feed->position + FEED_WINDOW || *kept != NULL ||
        (feed->kept_bytes + bytes > FEED_WINDOW_BYTES && !is_next))
        return;
    *kept = malloc(sizeof(**kept) + bytes);
    if (*kept == NULL)
        return;
    event_copy(event, &(*kept)->event, (*kept)->texts);
    (*kept)->arrived_ms = loop_now_ms(feed->options.loop);
    feed->kept++;
    feed->kept_bytes += bytes;
}

/* ---- handing on ---------------------------------------------------------------------------- */

/* From the front again after each call: the callback may have made the feed go on, and other
 * waiters with it. */
static void tell_waiters(struct feed *feed)
{
    struct feed_waiter **link = &feed->first_waiter;

    while (feed->has_begun && *link != NULL) {
        struct feed_waiter *waiter = *link;
        if (waiter->seq > feed->position) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        waiter->on_reached(waiter, true);
        link = &feed->first_waiter; /* the callback may have changed the list */
    }
}

static void hand_on(struct feed *feed, const struct event *event, int64_t arrived_ms)
{
    feed->position = event->seq;
    feed->statistics.delivered++;
    feed->slice_events++;
    feed->slice_bytes += event->payload_length;
    /* Blanked: its seq counts, so that nobody looks for it, and nobody gets it. */
    if (event->payload_length > 0)
        feed->options.on_event(feed->options.owner, event,
                               loop_now_ms(feed->options.loop) - arrived_ms);
}

/* Whether this turn has had its slice: the rest then comes in another one. */
static bool is_slice_full(struct feed *feed)
{
    int64_t now_ms = loop_now_ms(feed->options.loop);

    if (feed->slice_ms != now_ms) {
        feed->slice_ms = now_ms;
        feed->slice_events = 0;
        feed->slice_bytes = 0;
    }
    if (feed->slice_events < FEED_SLICE && feed->slice_bytes < FEED_SLICE_BYTES)
        return false;
    if (!timer_is_running(&feed->slice))
        loop_timer_start(feed->options.loop, &feed->slice, NEXT_TURN_MS);
    return true;
}

/* Hands on what is kept and next. */
static void hand_on_kept(struct feed *feed)
{
    struct kept_event *kept;

    while (is_active(feed) && (kept = *slot(feed, feed->position + 1)) != NULL &&
           !is_slice_full(feed)) {
        *slot(feed, feed->position + 1) = NULL;
        feed->kept--;
        feed->kept_bytes -= event_texts_bytes(&kept->event);
        hand_on(feed, &kept->event, kept->arrived_ms);
        free(kept);
        tell_waiters(feed);
    }
    /* Something is missing in front of what is kept. Not read at once: processes commit one after
     * the other, but their messages overtake each other, and most gaps are closed within a
     * millisecond. */
    if (feed->kept > 0 && !timer_is_running(&feed->gap) && !timer_is_running(&feed->slice))
        loop_timer_start(feed->options.loop, &feed->gap, FEED_GAP_MS);
}

static void on_slice(struct timer *timer)
{
    struct feed *feed = CONTAINER_OF(timer, struct feed, slice);

    feed->slice_ms = 0; /* a turn of its own, whatever the clock says */
    hand_on_kept(feed);
}

void feed_accept(struct feed *feed, const struct event *event)
{
    if (!is_active(feed) || event->seq <= feed->position)
        return;
    if (event->seq == feed->position + 1 && !timer_is_running(&feed->slice) &&
        !is_slice_full(feed)) {
        drop_kept(feed, event->seq);
        hand_on(feed, event, loop_now_ms(feed->options.loop));
        tell_waiters(feed);
    } else {
        keep_event(feed, event);
    }
    /* While a slice is due, what comes is only kept: handing it on now would be a second slice in
     * one turn, before clients had theirs. */
    if (!timer_is_running(&feed->slice))
        hand_on_kept(feed);
}

/* ---- reading the outbox -------------------------------------------------------------------- */

/* Without a beginning everything is asked for that comes after the end of all seqs: which is
 * nothing, and the newest seq, where to begin. */
static void look_into_outbox(struct feed *feed)
{
    if (feed->is_reading)
        return;
    feed->is_reading = true;
    feed->read.after = feed->has_begun ? feed->position : INT64_MAX;
    feed->read.limit = FEED_READ_EVENTS;
    worker_read(feed->options.worker, &feed->request);
}

static void begin_at(struct feed *feed, int64_t seq)
{
    clear_window(feed);
    feed->position = seq;
    feed->has_begun = true;
    tell_waiters(feed);
}

/* The seqs between where we are and the oldest event there is were pruned. An operator may have the
 * outbox kept shorter than the broker was away, or stopped. Waiting for what is gone would be for
 * ever: it is counted, told, and passed over. */
static void skip_pruned(struct feed *feed, int64_t oldest)
{
    log_limited(loop_services(feed->options.loop)->log, &feed->pruned, LOG_LEVEL_WARNING,
                "events were pruned before they were delivered",
                LOG_NUMBER("first", feed->position + 1), LOG_NUMBER("last", oldest - 1));
    feed->statistics.skipped += (uint64_t)(oldest - 1 - feed->position);
    while (feed->position < oldest - 1)
        drop_kept(feed, ++feed->position);
}

static void take_events(struct feed *feed)
{
    const struct event_batch *batch = &feed->read.batch;
    struct event event;

    for (size_t i = 0; i < event_batch_count(batch) && is_active(feed); i++) {
        event_batch_at(batch, i, &event);
        if (event.seq <= feed->position)
            continue;
        if (i == 0 && event.seq > feed->position + 1)
            skip_pruned(feed, event.seq);
        if (*slot(feed, event.seq) == NULL)
            feed->statistics.healed++;
        keep_event(feed, &event);
    }
    if (!timer_is_running(&feed->slice))
        hand_on_kept(feed);
}

/* One that was restored while we run may have newer numbers, too. */
static bool is_of_another(const struct feed *feed)
{
    return feed->read.newest < feed->read.after || strcmp(feed->read.timeline, feed->timeline) != 0;
}

static void take_read_events(struct feed *feed)
{
    bool is_replaced = feed->has_begun && is_of_another(feed);

    memcpy(feed->timeline, feed->read.timeline, sizeof(feed->timeline));
    if (!feed->has_begun) {
        begin_at(feed, feed->read.newest);
    } else if (is_replaced) {
        log_warning(
            loop_services(feed->options.loop)->log,
            "the outbox is another than what was delivered: has the database been replaced?",
            LOG_NUMBER("delivered", feed->position), LOG_NUMBER("newest", feed->read.newest));
        feed->options.on_replaced(feed->options.owner);
        begin_at(feed, feed->read.newest);
        feed_cancel(feed); /* what they wait for is a number of the other one */
    } else {
        take_events(feed);
    }
}

static void on_read(struct worker_request *request)
{
    struct feed *feed = CONTAINER_OF(request, struct feed, request);

    feed->is_reading = false;
    bool may_be_more = request->succeeded && !feed->read.is_last;
    if (request->succeeded && feed->users > 0)
        take_read_events(feed);
    /* Those who wait for the beginning are told: they are clients on their way in, who had better
     * try again. Who waits for a seq is in already, and the next look may bring it. */
    else if (!feed->has_begun)
        feed_cancel(feed);
    event_batch_clear(&feed->read.batch);
    if (feed->users == 0)
        return;
    /* Also after a failure: a database that is away for a while is not a reason to end, and clients
     * stay, with everything that they miss meanwhile still in the outbox. */
    loop_timer_start(feed->options.loop, &feed->look, may_be_more ? NEXT_TURN_MS : FEED_LOOK_MS);
}

static void on_look(struct timer *timer)
{
    struct feed *feed = CONTAINER_OF(timer, struct feed, look);

    /* What waits for its slice need not be read again. */
    if (timer_is_running(&feed->slice))
        loop_timer_start(feed->options.loop, &feed->look, NEXT_TURN_MS);
    else
        look_into_outbox(feed);
}

static void on_gap(struct timer *timer)
{
    struct feed *feed = CONTAINER_OF(timer, struct feed, gap);

    if (feed->kept > 0 && feed->users > 0)
        look_into_outbox(feed);
}

/* ---- who needs it -------------------------------------------------------------------------- */

void feed_enter(struct feed *feed)
{
    if (feed->users++ == 0)
        look_into_outbox(feed);
}

void feed_leave(struct feed *feed)
{
    ASSERT(feed->users > 0);
    if (--feed->users > 0)
        return;
    /* Nobody is there for whom events could be kept in order: the next who enters begins with what
     * is newest then, and an idle broker does not read. */
    feed->has_begun = false;
    clear_window(feed);
    loop_timer_stop(feed->options.loop, &feed->look);
    loop_timer_stop(feed->options.loop, &feed->gap);
    loop_timer_stop(feed->options.loop, &feed->slice);
}

int64_t feed_position(const struct feed *feed)
{
    return feed->position;
}

void feed_wait(struct feed *feed, struct feed_waiter *waiter)
{
    ASSERT(feed->users > 0);
    if (feed->has_begun && waiter->seq <= feed->position) {
        waiter->on_reached(waiter, true);
        return;
    }
    struct feed_waiter **link = &feed->first_waiter;
    while (*link != NULL)
        link = &(*link)->next;
    waiter->next = NULL;
    *link = waiter;
}

void feed_cancel(struct feed *feed)
{
    struct feed_waiter *waiter = feed->first_waiter;

    feed->first_waiter = NULL;
    while (waiter != NULL) {
        struct feed_waiter *next = waiter->next;
        waiter->on_reached(waiter, false);
        waiter = next;
    }
}

const char *feed_timeline(const struct feed *feed)
{
    return feed->timeline;
}

const struct feed_statistics *feed_statistics(const struct feed *feed)
{
    return &feed->statistics;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct feed *feed_create(const struct feed_options *options)
{
    struct feed *feed = calloc(1, sizeof(*feed));

    if (feed == NULL)
        return NULL;
    feed->options = *options;
    feed->request.query = outbox_read_after(&feed->read);
    feed->request.on_done = on_read;
    if (!loop_timer_add(options->loop, &feed->look, on_look)) {
        free(feed);
        return NULL;
    }
    if (!loop_timer_add(options->loop, &feed->gap, on_gap)) {
        loop_timer_remove(options->loop, &feed->look);
        free(feed);
        return NULL;
    }
    if (!loop_timer_add(options->loop, &feed->slice, on_slice)) {
        loop_timer_remove(options->loop, &feed->look);
        loop_timer_remove(options->loop, &feed->gap);
        free(feed);
        return NULL;
    }
    return feed;
}

void feed_free(struct feed *feed)
{
    if (feed == NULL)
        return;
    clear_window(feed);
    event_batch_free(&feed->read.batch);
    loop_timer_remove(feed->options.loop, &feed->look);
    loop_timer_remove(feed->options.loop, &feed->gap);
    loop_timer_remove(feed->options.loop, &feed->slice);
    free(feed);
}
