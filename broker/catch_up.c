#include "broker/catch_up.h"

#include "broker/follow_up.h"
#include "common/configuration.h"

/* Events that are read and sent at once, and how often it is looked whether the client has taken
 * them, in milliseconds. */
#define PAGE_EVENTS 100
#define PACE_MS     20

static void on_page(struct worker_request *request);

static void read_page(struct catch_up *catch_up)
{
    catch_up->request.query = outbox_read_missed(&catch_up->missed);
    catch_up->request.on_done = on_page;
    worker_read(catch_up->client->parts->worker, &catch_up->request);
}

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

static void send_missed_event(struct client *client, const struct event *event)
{
    if (event->payload_length == 0)
        return; /* blanked since */
    struct block *packet = client_encode(event);
    client_send(client, packet);
    block_release(packet);
    if (client_is_reachable(client))
        follow_up_missed(client, event);
}

static void send_page(struct catch_up *catch_up)
{
    const struct event_batch *batch = &catch_up->missed.batch;
    struct client *client = catch_up->client;
    struct event event;

    for (size_t i = 0; i < event_batch_count(batch) && client_is_reachable(client); i++) {
        event_batch_at(batch, i, &event);
        catch_up->missed.after = event.seq;
        send_missed_event(client, &event);
    }
}

static void on_page(struct worker_request *request)
{
    struct catch_up *catch_up = CONTAINER_OF(request, struct catch_up, request);
    struct client *client = catch_up->client;
    bool is_last = event_batch_count(&catch_up->missed.batch) < PAGE_EVENTS;

    /* A batch that failed may lack events between others. */
    if (request->succeeded)
        send_page(catch_up);
    else
        client_fail(client); /* it comes back and asks again */
    event_batch_clear(&catch_up->missed.batch);
    if (!is_last && client_is_reachable(client)) {
        loop_timer_start(client->parts->loop, &catch_up->pace, 0);
        return;
    }
    /* What was held up to here has been among what was read. */
    client_forget_until(client, catch_up->missed.until);
    client->position = catch_up->missed.until;
    catch_up->on_done(catch_up);
}

static void on_pace(struct timer *timer)
{
    struct catch_up *catch_up = CONTAINER_OF(timer, struct catch_up, pace);
    const struct client *client = catch_up->client;
    size_t limit = (size_t)client->parts->configuration->config->broker_max_output_bytes;

    if (socketio_queued(client->socket) > limit / 4)
        loop_timer_start(client->parts->loop, timer, PACE_MS);
    else
        read_page(catch_up);
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
