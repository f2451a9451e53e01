#include "broker/catch_up.h"

#include "broker/follow_up.h"
#include "broker/totals.h"
#include "common/configuration.h"
#include "common/log.h"

/* Events that are read and sent at once, and how often it is looked whether the client has taken
 * them, in milliseconds. */
#define PAGE_EVENTS 100
#define PACE_MS     20

static size_t max_output(const struct client *client)
{
    return (size_t)client->parts->configuration->config->broker_max_output_bytes;
}

static void on_page(struct worker_request *request);

static void read_page(struct catch_up *catch_up)
{
    catch_up->request.query = outbox_read_missed(&catch_up->missed);
    catch_up->request.on_done = on_page;
    worker_read(catch_up->client->parts->worker, &catch_up->request);
}

/* ---- no faster than the client takes it ---------------------------------------------------- */

static void cut_off_stuck(struct client *client)
{
    struct broker_parts *parts = client->parts;

    parts->metrics.slow_consumers++;
    log_limited(loop_services(parts->loop)->log, &parts->slow, LOG_LEVEL_WARNING,
                "a client that does not read is cut off",
                LOG_TEXT("user", client->occupant.user->id),
                LOG_NUMBER("bytes", (int64_t)socketio_queued(client->socket)));
    client_fail(client);
}

/* Acknowledgements come on top while the client takes nothing: only a smaller queue is progress. */
static bool is_stuck(struct catch_up *catch_up, size_t queued)
{
    int64_t now_ms = loop_now_ms(catch_up->client->parts->loop);

    if (queued < catch_up->queued)
        catch_up->stalled_at_ms = now_ms;
    catch_up->queued = queued;
    return now_ms - catch_up->stalled_at_ms >= CATCH_UP_STUCK_MS;
}

static void on_pace(struct timer *timer)
{
    struct catch_up *catch_up = CONTAINER_OF(timer, struct catch_up, pace);
    struct client *client = catch_up->client;
    size_t queued = socketio_queued(client->socket);
    bool must_wait = client_is_reachable(client) && queued > max_output(client) / 4;

    if (must_wait && !is_stuck(catch_up, queued)) {
        loop_timer_start(client->parts->loop, timer, PACE_MS);
        return;
    }
    if (must_wait)
        cut_off_stuck(client);
    catch_up->on_ready(catch_up);
}

void catch_up_await(struct catch_up *catch_up, void (*on_ready)(struct catch_up *catch_up))
{
    struct client *client = catch_up->client;

    catch_up->on_ready = on_ready;
    catch_up->queued = SIZE_MAX;
    catch_up->stalled_at_ms = loop_now_ms(client->parts->loop);
    loop_timer_start(client->parts->loop, &catch_up->pace, 0);
}

/* ---- pages --------------------------------------------------------------------------------- */

void catch_up_start(struct catch_up *catch_up, const struct buffer *audiences, int64_t after,
                    int64_t until, void (*on_done)(struct catch_up *catch_up))
{
    catch_up->missed.audiences = audiences;
    catch_up->missed.after = after;
    catch_up->missed.until = until;
    catch_up->missed.limit = PAGE_EVENTS;
    catch_up->on_done = on_done;
    read_page(catch_up);
}

/* What a membership has been shown as history is not sent again. */
static bool was_shown(const struct client *client, const struct event *event)
{
    bool is_room;
    const char *id = event_audience_id(event->audience, &is_room);
    const struct membership *membership =
        is_room ? rooms_find_membership(&client->occupant, id) : NULL;

    return membership != NULL && event->seq <= membership->shown_seq;
}

static void send_missed_event(struct client *client, const struct event *event)
{
    if (event->payload_length == 0 /* blanked since */ || was_shown(client, event))
        return;
    struct block *packet = client_encode(client->parts, event);
    client_send(client, packet);
    block_release(packet);
    if (totals_are_moved_by(event->name))
        totals_tell_again(client);
    if (client_is_reachable(client))
        follow_up_missed(client, event);
}

/* As much of it as half of an output takes: the rest is read again. False when some is left. */
static bool send_page(struct catch_up *catch_up)
{
    const struct event_batch *batch = &catch_up->missed.batch;
    struct client *client = catch_up->client;
    struct event event;

    for (size_t i = 0; i < event_batch_count(batch) && client_is_reachable(client); i++) {
        if (i > 0 && socketio_queued(client->socket) > max_output(client) / 2)
            return false;
        event_batch_at(batch, i, &event);
        catch_up->missed.after = event.seq;
        send_missed_event(client, &event);
    }
    return true;
}

/* What was held up to here has been among what was read. */
static void end(struct catch_up *catch_up)
{
    struct client *client = catch_up->client;

    client_forget_until(client, catch_up->missed.until);
    client->position = catch_up->missed.until;
    catch_up->on_done(catch_up);
}

static void go_on(struct catch_up *catch_up)
{
    if (client_is_reachable(catch_up->client))
        read_page(catch_up);
    else
        end(catch_up);
}

static void on_page(struct worker_request *request)
{
    struct catch_up *catch_up = CONTAINER_OF(request, struct catch_up, request);
    struct outbox_read_missed *missed = &catch_up->missed;
    struct client *client = catch_up->client;
    bool is_last = missed->is_last;

    /* A batch that failed may lack events between others. */
    if (request->succeeded && missed->is_complete)
        is_last = send_page(catch_up) && is_last;
    else
        client_fail(client); /* it comes back and asks again */
    event_batch_clear(&missed->batch);
    if (!is_last && client_is_reachable(client))
        catch_up_await(catch_up, go_on);
    else
        end(catch_up);
}

bool catch_up_init(struct catch_up *catch_up, struct client *client)
{
    if (!loop_timer_add(client->parts->loop, &catch_up->pace, on_pace))
        return false;
    catch_up->client = client;
    return true;
}

void catch_up_free(struct catch_up *catch_up)
{
    loop_timer_remove(catch_up->client->parts->loop, &catch_up->pace);
    event_batch_free(&catch_up->missed.batch);
}
