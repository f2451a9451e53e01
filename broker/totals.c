#include "broker/totals.h"

#include <stdlib.h>
#include <string.h>

#include "broker/feed.h"
#include "broker/worker.h"
#include "common/container.h"
#include "db/person.h"

/*
 * One list of clients, in the order in which they are due, and one timer for the first of them: a
 * burst in a room of a thousand moves each of them to the end of the list, and starts no timer. One
 * query reads the totals of many users; the answer waits until the feed has come as far as it.
 */

struct totals {
    struct broker_parts *parts;
    struct total_wait *first, *last;
    struct timer due;
    struct worker_request request;
    struct unread_totals read;
    struct buffer user_ids; /* of those that are being read */
    struct feed_waiter waiter;
    bool is_reading;
};

bool totals_are_moved_by(const char *event_name)
{
    return strcmp(event_name, "message-read") == 0 || strcmp(event_name, "new-message") == 0 ||
           strcmp(event_name, "conversation-unread-updated") == 0;
}

/* ---- the list ------------------------------------------------------------------------------ */

static void start_timer(struct totals *totals)
{
    struct loop *loop = totals->parts->loop;

    if (totals->first == NULL || totals->is_reading || timer_is_running(&totals->due))
        return;
    int64_t left_ms = totals->first->due_ms - loop_now_ms(loop);
    loop_timer_start(loop, &totals->due, left_ms > 0 ? left_ms : 0);
}

static void unlink_wait(struct totals *totals, struct total_wait *wait)
{
    *(wait->previous != NULL ? &wait->previous->next : &totals->first) = wait->next;
    *(wait->next != NULL ? &wait->next->previous : &totals->last) = wait->previous;
}

static void append_wait(struct totals *totals, struct total_wait *wait, int64_t due_ms)
{
    wait->due_ms = due_ms;
    wait->next = NULL;
    wait->previous = totals->last;
    *(totals->last != NULL ? &totals->last->next : &totals->first) = wait;
    totals->last = wait;
}

static struct total_wait *make_wait(struct client *client, int64_t now_ms)
{
    struct total_wait *wait = malloc(sizeof(*wait));

    if (wait != NULL)
        *wait = (struct total_wait){.client = client, .since_ms = now_ms};
    client->total = wait;
    return wait;
}

void totals_tell_again(struct client *client)
{
    struct totals *totals = client->parts->totals;
    struct total_wait *wait = client->total;
    int64_t now_ms = loop_now_ms(client->parts->loop);

    if (wait != NULL && now_ms + TOTALS_DELAY_MS > wait->since_ms + TOTALS_LATEST_MS)
        return;
    if (wait != NULL)
        unlink_wait(totals, wait);
    else if ((wait = make_wait(client, now_ms)) == NULL)
        return; /* the total that came with the event has to do */
    append_wait(totals, wait, now_ms + TOTALS_DELAY_MS);
    start_timer(totals);
}

void totals_forget(struct client *client)
{
    if (client->total == NULL)
        return;
    unlink_wait(client->parts->totals, client->total);
    free(client->total);
    client->total = NULL;
}

/* ---- telling ------------------------------------------------------------------------------- */

/* Whether what it is sent now comes behind all that it is to get, and that has been with it for a
 * while. */
static bool is_settled(const struct total_wait *wait, int64_t now_ms)
{
    return wait->client->hold == NULL && !wait->client->is_lagging &&
           now_ms - wait->released_ms >= TOTALS_DELAY_MS;
}

/* A newer event may have brought another total since this one was read. */
static void tell_client(struct totals *totals, struct client *client, int64_t total)
{
    if (!client_is_reachable(client))
        return;
    if (client->hold != NULL || client->is_lagging || client->position > totals->read.newest)
        totals_tell_again(client);
    else
        client_emit_total(client, total);
}

static void tell_all(struct totals *totals, bool are_known)
{
    const struct buffer *ids = &totals->user_ids;
    size_t index = 0;

    for (const char *id = ids->data; id < ids->data + ids->length; id += strlen(id) + 1, index++) {
        const struct user *user = rooms_find_user(&totals->parts->rooms, id);
        struct occupant *one = user != NULL ? user->first : NULL;
        for (; one != NULL; one = one->next_of_user) {
            struct client *client = client_of(one);
            if (!client->is_total_read)
                continue;
            client->is_total_read = false;
            if (are_known)
                tell_client(totals, client, totals->read.totals[index]);
        }
    }
}

static void finish(struct totals *totals, bool are_known)
{
    tell_all(totals, are_known);
    totals->is_reading = false;
    feed_leave(totals->parts->feed);
    start_timer(totals);
}

static void on_reached(struct feed_waiter *waiter, bool reached)
{
    finish(CONTAINER_OF(waiter, struct totals, waiter), reached);
}

static void on_read(struct worker_request *request)
{
    struct totals *totals = CONTAINER_OF(request, struct totals, request);

    if (!request->succeeded) { /* the total that came with the events has to do */
        finish(totals, false);
        return;
    }
    totals->waiter = (struct feed_waiter){.seq = totals->read.newest, .on_reached = on_reached};
    feed_wait(totals->parts->feed, &totals->waiter);
}

/* Whether another socket of the user has had the user listed. */
static bool is_user_listed(const struct user *user)
{
    struct occupant *one = user->first;

    while (one != NULL && !client_of(one)->is_total_read)
        one = one->next_of_user;
    return one != NULL;
}

/* Takes those that are due off the list. False when there is none to be read. */
static bool collect_due(struct totals *totals)
{
    int64_t now_ms = loop_now_ms(totals->parts->loop);
    size_t count = 0;

    buffer_clear(&totals->user_ids);
    while (totals->first != NULL && totals->first->due_ms <= now_ms && count < UNREAD_TOTALS_MAX) {
        struct client *client = totals->first->client;
        const struct user *user = client->occupant.user;
        bool is_time = is_settled(totals->first, now_ms);
        totals_forget(client);
        if (!client_is_reachable(client))
            continue;
        if (!is_time) {
            totals_tell_again(client);
            continue;
        }
        if (!is_user_listed(user)) {
            buffer_append(&totals->user_ids, user->id, strlen(user->id) + 1);
            count++;
        }
        client->is_total_read = true;
    }
    return count > 0 && !totals->user_ids.failed;
}

static void on_due(struct timer *timer)
{
    struct totals *totals = CONTAINER_OF(timer, struct totals, due);

    if (totals->is_reading) /* the end of that starts it anew */
        return;
    if (!collect_due(totals)) {
        tell_all(totals, false);
        start_timer(totals);
        return;
    }
    totals->is_reading = true;
    feed_enter(totals->parts->feed); /* until it is told */
    totals->read.user_ids = &totals->user_ids;
    totals->request.query = unread_totals(&totals->read);
    totals->request.on_done = on_read;
    worker_read(totals->parts->worker, &totals->request);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct totals *totals_create(struct broker_parts *parts)
{
    struct totals *totals = calloc(1, sizeof(*totals));

    if (totals == NULL || !loop_timer_add(parts->loop, &totals->due, on_due)) {
        free(totals);
        return NULL;
    }
    totals->parts = parts;
    return totals;
}

void totals_free(struct totals *totals)
{
    if (totals == NULL)
        return;
    loop_timer_remove(totals->parts->loop, &totals->due);
    buffer_free(&totals->user_ids);
    free(totals);
}
